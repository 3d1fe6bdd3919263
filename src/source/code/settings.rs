//! JSON files of the profile: which of their keys can run programs.

use serde_json::{Map, Value};

/// Settings that neither run a program, nor load one, nor let the agent run more without asking.
///
/// A list of the dangerous ones would be out of date with each release of Claude Code.
const HARMLESS_SETTINGS: &[&str] = &[
    "$schema",
    "advisorModel",
    "alwaysThinkingEnabled",
    "attribution",
    "autoCompactEnabled",
    "autoMemoryEnabled",
    "autoScrollEnabled",
    "autoUpdatesChannel",
    "availableModels",
    "awaySummaryEnabled",
    "claudeMdExcludes",
    "cleanupPeriodDays",
    "companyAnnouncements",
    "defaultView",
    "disableAllHooks",
    "disableDeepLinkRegistration",
    "disabledMcpjsonServers",
    "editorMode",
    "effortLevel",
    "fastMode",
    "fastModePerSessionOptIn",
    "feedbackSurveyRate",
    "forceLoginMethod",
    "includeCoAuthoredBy",
    "includeGitInstructions",
    "language",
    "minimumVersion",
    "model",
    "outputStyle",
    "preferredNotifChannel",
    "prefersReducedMotion",
    "promptSuggestionEnabled",
    "respectGitignore",
    "showClearContextOnPlanAccept",
    "showThinkingSummaries",
    "showTurnDuration",
    "spinnerTipsEnabled",
    "spinnerTipsOverride",
    "spinnerVerbs",
    "syntaxHighlightingDisabled",
    "terminalProgressBarEnabled",
    "terminalTitleFromRename",
    "theme",
    "tui",
    "verbose",
    "viewMode",
    "voiceEnabled",
];

/// Keys below `permissions` that only forbid.
const HARMLESS_PERMISSIONS: &[&str] =
    &["ask", "deny", "disableAutoMode", "disableBypassPermissionsMode"];

/// Keys that configure programs in any JSON file.
const PROGRAM_KEYS: &[&str] =
    &["command", "commands", "hooks", "lspServers", "mcpServers", "scripts", "statusLine"];

/// Why a settings file can execute code.
pub(super) fn settings_reason(bytes: &[u8]) -> Option<String> {
    let Some(settings) = object(bytes) else { return unreadable() };
    let unknown = |(key, value): &(&String, &Value)| match key.as_str() {
        "permissions" => !only_forbids(value),
        key => !HARMLESS_SETTINGS.contains(&key),
    };
    let (key, _) = settings.iter().find(unknown)?;
    Some(format!("sets `{}`, which can run programs", shown(key)))
}

/// Why a file of key bindings can execute code: a key may run a command of the user.
pub(super) fn key_bindings_reason(bytes: &[u8]) -> Option<String> {
    let Ok(bindings) = serde_json::from_slice::<Value>(bytes) else { return unreadable() };
    runs_command(&bindings).then(|| "binds a key to a command".to_owned())
}

/// Why any other JSON file can execute code.
pub(super) fn json_reason(bytes: &[u8]) -> Option<String> {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return unreadable() };
    let keys = document.as_object()?.keys();
    let key = keys.into_iter().find(|key| PROGRAM_KEYS.contains(&key.as_str()))?;
    Some(format!("sets `{key}`, which can run programs"))
}

fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(bytes).ok()
}

#[expect(clippy::unnecessary_wraps, reason = "it is the answer of the functions above")]
fn unreadable() -> Option<String> {
    Some("is no JSON that can be checked".to_owned())
}

fn only_forbids(permissions: &Value) -> bool {
    permissions.as_object().is_some_and(|permissions| {
        permissions.keys().all(|key| HARMLESS_PERMISSIONS.contains(&key.as_str()))
    })
}

fn runs_command(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim_start().starts_with("command:"),
        Value::Array(items) => items.iter().any(runs_command),
        Value::Object(fields) => fields.values().any(runs_command),
        _ => false,
    }
}

/// A key of another machine's file, short enough for a line.
fn shown(key: &str) -> String {
    const LONGEST: usize = 60;
    key.chars().take(LONGEST).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_run_or_allow_programs_are_code() {
        for key in [
            "hooks",
            "statusLine",
            "subagentStatusLine",
            "apiKeyHelper",
            "env",
            "awsAuthRefresh",
            "awsCredentialExport",
            "gcpAuthRefresh",
            "otelHeadersHelper",
            "fileSuggestion",
            "enableAllProjectMcpServers",
            "enabledMcpjsonServers",
            "mcpServers",
            "enabledPlugins",
            "extraKnownMarketplaces",
            "sandbox",
            "autoMemoryDirectory",
            "skipDangerousModePermissionPrompt",
            "a-setting-of-next-year",
        ] {
            let text = format!("{{\"model\":\"x\",\"{key}\":{{}}}}");
            let reason = settings_reason(text.as_bytes()).unwrap_or_default();
            assert!(reason.contains(key), "{key}: {reason}");
        }
        assert!(settings_reason(br#"{"h\u006foks":{}}"#).is_some());
        assert!(settings_reason(br#"{"permissions":{"allow":["Bash"]}}"#).is_some());
        assert!(
            settings_reason(br#"{"permissions":{"defaultMode":"bypassPermissions"}}"#).is_some()
        );
        assert_eq!(settings_reason(br#"{"permissions":{"deny":["Read(.env)"]}}"#), None);
        assert_eq!(settings_reason(br#"{"model":"opus","cleanupPeriodDays":30}"#), None);
        assert_eq!(settings_reason(b"{}"), None);
    }

    #[test]
    fn settings_that_cannot_be_read_are_code() {
        for text in ["", "// note\n{}", "{\"model\":", "[]", "\u{feff}{}", "{,}"] {
            assert!(settings_reason(text.as_bytes()).is_some(), "{text}");
        }
        assert!(settings_reason(b"\xff\xfe{\0}\0").is_some());
    }

    #[test]
    fn keys_and_other_files_that_run_commands_are_code() {
        let bound = br#"{"bindings":[{"context":"Chat","bindings":{"ctrl+d":"command:deploy"}}]}"#;
        assert!(key_bindings_reason(bound).is_some());
        assert_eq!(key_bindings_reason(br#"{"bindings":[{"ctrl+d":"chat:submit"}]}"#), None);
        assert!(json_reason(br#"{"mcpServers":{}}"#).is_some());
        assert_eq!(json_reason(br#"{"words":["hooks"]}"#), None);
        assert_eq!(json_reason(b"[1]"), None);
    }
}

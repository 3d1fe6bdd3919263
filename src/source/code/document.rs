//! Markdown that Claude Code interprets: skills, commands, agents, output styles.
//!
//! Front matter is read line by line and strictly: a key that is not known to be harmless, and a
//! line that is no plain `key: value`, count as code. A reader that understood more of YAML than
//! this one could otherwise find keys in it that this one does not see.

/// Keys that neither run anything nor let the agent run more without asking.
const HARMLESS_KEYS: &[&str] = &[
    "agent",
    "alwaysApply",
    "argument-hint",
    "arguments",
    "author",
    "background",
    "category",
    "color",
    "compatibility",
    "context",
    "created",
    "date",
    "description",
    "disable-model-invocation",
    "disallowed-tools",
    "disallowedTools",
    "effort",
    "examples",
    "globs",
    "isolation",
    "keep-coding-instructions",
    "license",
    "maxTurns",
    "memory",
    "metadata",
    "model",
    "name",
    "paths",
    "skills",
    "tags",
    "title",
    "tools",
    "updated",
    "user-invocable",
    "version",
    "when_to_use",
];

/// Keys that let the agent use tools without asking.
const ALLOWING_KEYS: &[&str] = &["allowed-tools", "allowedTools", "allowed_tools"];

/// Tools that only look.
const READING_TOOLS: &[&str] = &["Glob", "Grep", "LS", "NotebookRead", "Read", "TodoWrite"];

/// Why instructions can execute code.
pub(super) fn instructions_reason(bytes: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Some("is no UTF-8 text that can be checked".to_owned());
    };
    if text.contains("!`") || text.contains("```!") || text.contains("~~~!") {
        return Some("has a command (`!`) that runs when it is used".to_owned());
    }
    front_matter_reason(text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']))
}

fn front_matter_reason(text: &str) -> Option<String> {
    let mut lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
    if !lines.next().is_some_and(|first| first.starts_with("---")) {
        return None;
    }
    let mut key = String::new();
    for line in lines {
        if line.starts_with("---") {
            return if line.trim_end() == "---" { None } else { unclear(line) };
        }
        let value = match line.starts_with([' ', '\t', '-']) || line.starts_with('#') {
            true => line,
            false if line.is_empty() => continue,
            false => {
                let Some((name, value)) = line.split_once(':') else { return unclear(line) };
                key = name.to_owned();
                value
            }
        };
        let is_harmless = HARMLESS_KEYS.contains(&key.as_str())
            || (ALLOWING_KEYS.contains(&key.as_str()) && only_reads(value))
            || line.trim_start().starts_with('#');
        if !is_harmless {
            return unclear(if key.is_empty() { line } else { &key });
        }
    }
    Some("has front matter without an end".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "it is the answer of the function above")]
fn unclear(what: &str) -> Option<String> {
    const LONGEST: usize = 60;
    let what: String = what.chars().take(LONGEST).flat_map(char::escape_default).collect();
    Some(format!("sets `{what}` in its front matter, which can run programs"))
}

fn only_reads(value: &str) -> bool {
    let words = value.split(|c: char| !c.is_alphanumeric() && !matches!(c, '(' | ')' | '_'));
    let is_fine = |word: &str| word.is_empty() || READING_TOOLS.contains(&word);
    words.into_iter().all(is_fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_code(text: &str) -> bool {
        instructions_reason(text.as_bytes()).is_some()
    }

    #[test]
    fn plain_instructions_are_no_code() {
        for text in [
            "",
            "Run the tests, then tell me.\n",
            "---\nname: x\ndescription: Does it all: well\n---\nGo!\n",
            "---\r\nname: x\r\ntools: Read, Bash\r\n---\r\nGo\r\n",
            "---\ndescription: >\n  long\n  text\nallowed-tools: Read, Grep\n---\n",
            "---\nallowed-tools:\n  - Read\n- Glob\n---\n",
            "# Title\n\n---\n\nhooks: none\n",
        ] {
            assert!(!is_code(text), "{text}");
        }
    }

    #[test]
    fn front_matter_that_runs_or_allows_programs_is_code() {
        for text in [
            "---\nhooks:\n  PreToolUse: []\n---\n",
            "---\nname: x\nallowed-tools: Bash\n---\n",
            "---\nallowed-tools: Read, Bash(git:*)\n---\n",
            "---\nallowed-tools:\n  - Read\n  - Bash\n---\n",
            "---\nallowed-tools: [\"Read\", \"mcp__x__run\"]\n---\n",
            "---\nmcpServers: {}\n---\n",
            "---\npermissionMode: bypassPermissions\n---\n",
            "---\n\"hooks\": {}\n---\n",
            "---\n\"h\\u006foks\": {}\n---\n",
            "---\n? hooks\n: x\n---\n",
            "---\n{hooks: {}}\n---\n",
            "---\n  hooks: {}\n---\n",
            "\u{feff}---\nhooks: {}\n---\n",
            "\n---\nhooks: {}\n---\n",
            "---\rhooks: {}\r---\r",
            "---\nname: x\n---x\nhooks: {}\n---\n",
            "---\nname: x\nhooks: {}\n",
            "--- \nshell: powershell\n---\n",
        ] {
            assert!(is_code(text), "{text}");
        }
    }

    #[test]
    fn embedded_commands_are_code() {
        assert!(is_code("Branch: !`git branch`\n"));
        assert!(is_code("```!\nmake\n```\n"));
        assert!(is_code("\u{0}!`x`"));
        assert!(instructions_reason(b"\xff\xfe!\0`\0").is_some());
    }
}

//! Whether a file can make a program run: Claude Code itself, or a tool in the folder it lies in.
//!
//! The question is asked of files that another machine or an archive wrote. It errs on the side of
//! "yes": a setting, a front matter key or a file type that is not known to be harmless counts as
//! code, and so does everything that cannot be read or is too large to judge.

mod document;
mod settings;

use std::io::{self, Read};
use std::path::{Component, Path};

use anyhow::Result;

use super::Kind;
use crate::profile::{self, PLACES};

/// Bytes: larger files are not judged, they count as code. Settings and skills have some kilobytes.
pub const MAX_JUDGED: u64 = 4 << 20;

/// Names that make a tool run programs wherever they lie.
const TOOL_NAMES: &[&str] = &[
    ".claude",
    ".claude-plugin",
    ".devcontainer",
    ".envrc",
    ".githooks",
    ".husky",
    ".idea",
    ".lsp.json",
    ".mcp.json",
    ".vscode",
    "hooks.json",
    "marketplace.json",
    "mcp.json",
    "plugin.json",
];

/// Folders of the profile that hold programs, and nothing else.
const PROGRAM_FOLDERS: &[(&str, &str)] = &[
    ("hooks", "is a hook"),
    ("workflows", "is a workflow script"),
    ("plugins", "makes Claude Code load plugins, or belongs to one"),
];

/// Folders of the profile whose files may have the executable bit, beside status-line scripts.
const EXECUTABLE_FOLDERS: &[&str] =
    &["hooks", "workflows", "plugins/data", "skills", "commands", "agents"];

/// Folders of instructions that Claude Code interprets: front matter, embedded commands.
const INSTRUCTION_PLACES: &[&str] = &["skills", "commands", "agents", "output-styles", "loop.md"];

/// Types of files in those folders that nothing runs.
const DOCUMENT_TYPES: &[&str] = &[
    "css", "csv", "gif", "html", "jpeg", "jpg", "json", "jsonl", "markdown", "md", "otf", "pdf",
    "png", "rst", "svg", "tsv", "ttf", "txt", "webp", "woff", "woff2", "xml", "xsd", "yaml", "yml",
];

/// Names without a type that nothing runs.
const DOCUMENT_NAMES: &[&str] =
    &["authors", "changelog", "license", "notice", "readme", ".gitignore", ".gitattributes"];

/// Types of programs, wherever they lie.
const PROGRAM_TYPES: &[&str] = &[
    "app", "bash", "bat", "cjs", "cmd", "com", "command", "cts", "desktop", "dll", "dylib", "exe",
    "fish", "jar", "js", "ksh", "lua", "mjs", "mts", "php", "pl", "ps1", "psm1", "py", "pyc", "rb",
    "scpt", "sh", "so", "ts", "vbs", "wasm", "workflow", "zsh",
];

/// A file as a backup describes it: its place, what it is, and its permission bits.
#[derive(Clone, Copy, Debug)]
pub struct StoredFile<'a> {
    /// The name below the Claude home.
    pub relative: &'a Path,
    /// What it is to its agent.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
}

/// What still has to be known of a file to judge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// Whether it begins as a script.
    FirstLine,
    /// A settings file: each of its keys.
    Settings,
    /// Key bindings: whether one runs a command.
    KeyBindings,
    /// A JSON document: whether it configures programs.
    Json,
    /// Instructions: front matter and embedded commands.
    Instructions,
}

/// A judgment by place alone.
enum Verdict {
    Code(&'static str),
    Data,
    Open(Check),
}

impl StoredFile<'_> {
    /// Why this file can execute code; `None` if it cannot. `open` is only called where the place
    /// alone does not decide.
    ///
    /// # Errors
    /// As `open` says. What is read and cannot be understood is code, not an error.
    pub fn code_reason<R: Read>(&self, open: impl FnOnce() -> Result<R>) -> Result<Option<String>> {
        match self.judge_place() {
            Verdict::Code(reason) => Ok(Some(reason.to_owned())),
            Verdict::Data => Ok(None),
            Verdict::Open(check) => Ok(judge_content(check, open()?)?),
        }
    }

    /// Whether a restored file of this place may have the executable bit.
    #[must_use]
    pub fn may_be_executable(&self) -> bool {
        let is_in = |folder: &&str| self.relative.starts_with(folder);
        self.kind == Kind::Config && (EXECUTABLE_FOLDERS.iter().any(is_in) || self.is_status_line())
    }

    /// A script at the top of the home, or one that only the settings name.
    fn is_status_line(&self) -> bool {
        self.kind == Kind::Config
            && (profile::is_status_line_name(self.relative) || !is_in_profile(self.relative))
    }

    fn judge_place(&self) -> Verdict {
        if self.relative.components().any(is_tool_name) {
            return Verdict::Code("makes a tool in its folder run programs");
        }
        match self.kind {
            Kind::Transcript
            | Kind::Subagent
            | Kind::ToolResult
            | Kind::History
            | Kind::Paste
            | Kind::FileHistory => Verdict::Data,
            Kind::Config => self.judge_config(),
            _ => self.judge_text(),
        }
    }

    fn judge_config(&self) -> Verdict {
        let folder = |(folder, _): &&(&str, &str)| self.relative.starts_with(folder);
        if let Some((_, reason)) = PROGRAM_FOLDERS.iter().find(folder) {
            return Verdict::Code(reason);
        }
        if self.is_status_line() {
            return Verdict::Code("is a status-line script");
        }
        if self.may_be_executable() && self.mode & 0o111 != 0 {
            return Verdict::Code("is executable");
        }
        match self.relative.to_str() {
            Some("settings.json" | "settings.local.json") => Verdict::Open(Check::Settings),
            Some("keybindings.json") => Verdict::Open(Check::KeyBindings),
            _ if self.is_instruction() => self.judge_instructions(),
            _ => self.judge_text(),
        }
    }

    fn is_instruction(&self) -> bool {
        INSTRUCTION_PLACES.iter().any(|place| self.relative.starts_with(place))
    }

    fn judge_instructions(&self) -> Verdict {
        match self.file_type().as_deref() {
            Some("md" | "markdown") => Verdict::Open(Check::Instructions),
            Some("json") => Verdict::Open(Check::Json),
            Some(kind) if DOCUMENT_TYPES.contains(&kind) => Verdict::Open(Check::FirstLine),
            None if self.has_document_name() => Verdict::Open(Check::FirstLine),
            _ => Verdict::Code("is a script, or a file of a type that is not known to be harmless"),
        }
    }

    fn judge_text(&self) -> Verdict {
        match self.file_type() {
            Some(kind) if PROGRAM_TYPES.contains(&kind.as_str()) => Verdict::Code("is a script"),
            _ => Verdict::Open(Check::FirstLine),
        }
    }

    fn has_document_name(&self) -> bool {
        let name = self.relative.file_name().map(|name| name.to_string_lossy().to_lowercase());
        name.is_some_and(|name| DOCUMENT_NAMES.contains(&name.as_str()))
    }

    fn file_type(&self) -> Option<String> {
        self.relative.extension().map(|end| end.to_string_lossy().to_lowercase())
    }
}

fn is_in_profile(relative: &Path) -> bool {
    let folder = relative.parent().unwrap_or(Path::new(""));
    PLACES.iter().any(|place| {
        place.holds_files_in(folder)
            || place.file_in(folder).is_some_and(|name| Some(name.as_ref()) == relative.file_name())
    })
}

/// File systems differ in what they take for `.git`: case, trailing dots and spaces, characters
/// that are not shown, short names.
fn is_tool_name(component: Component<'_>) -> bool {
    let name = component.as_os_str().to_string_lossy().to_lowercase();
    let plain: String = name.chars().filter(char::is_ascii_graphic).collect();
    let plain = plain.trim_end_matches('.');
    plain == ".git" || plain.starts_with("git~") || TOOL_NAMES.contains(&plain)
}

fn judge_content(check: Check, content: impl Read) -> io::Result<Option<String>> {
    if check == Check::FirstLine {
        let mut start = Vec::new();
        content.take(2).read_to_end(&mut start)?;
        return Ok(script_reason(&start));
    }
    let mut bytes = Vec::new();
    content.take(MAX_JUDGED + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_JUDGED {
        return Ok(Some("is too large to be checked".to_owned()));
    }
    Ok(script_reason(&bytes).or_else(|| match check {
        Check::Settings => settings::settings_reason(&bytes),
        Check::KeyBindings => settings::key_bindings_reason(&bytes),
        Check::Json => settings::json_reason(&bytes),
        Check::Instructions => document::instructions_reason(&bytes),
        Check::FirstLine => None,
    }))
}

fn script_reason(bytes: &[u8]) -> Option<String> {
    bytes.starts_with(b"#!").then(|| "begins with `#!`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(relative: &str, kind: Kind, mode: u32, content: &str) -> Option<String> {
        let file = StoredFile { relative: Path::new(relative), kind, mode };
        file.code_reason(|| Ok(content.as_bytes())).unwrap()
    }

    fn is_code(relative: &str, content: &str) -> bool {
        reason(relative, super::super::kind_of(Path::new(relative)).unwrap(), 0o600, content)
            .is_some()
    }

    #[test]
    fn places_of_programs_are_code_whatever_they_hold() {
        for path in [
            "hooks/on-start.sh",
            "hooks/notes.md",
            "workflows/deploy.js",
            "plugins/installed_plugins.json",
            "plugins/known_marketplaces.json",
            "plugins/data/x/notes.txt",
            "statusline.sh",
            "skills/x/run.py",
            "skills/x/tool",
            "skills/x/.mcp.json",
            "skills/x/.git/config",
            "skills/x/.GIT /config",
            "skills/x/GIT~1/config",
            "skills/x/.envrc",
            "commands/run.sh",
            "projects/-p/memory/.vscode/tasks.json",
            "projects/-p/S/tool-results/.git/config",
            "projects/-p/S/workflows/scripts/wf.js",
            "projects/-p/memory/run.sh",
        ] {
            assert!(is_code(path, ""), "{path}");
        }
        assert!(reason("bin/line.sh", Kind::Config, 0o600, "").is_some());
    }

    #[test]
    fn sessions_and_instructions_are_no_code() {
        for (path, content) in [
            ("CLAUDE.md", "Run `make` first.\n"),
            ("rules/style.md", "Be brief.\n"),
            ("projects/-p/memory/MEMORY.md", "- likes tea\n"),
            ("projects/-p/S.jsonl", "#!/bin/sh\n"),
            ("projects/-p/S/tool-results/a.txt", "#!/bin/sh\n"),
            ("projects/-p/S/subagents/a.meta.json", "{}"),
            ("history.jsonl", "{}"),
            ("plans/a.md", "# Plan\n"),
            ("agent-memory/reviewer/MEMORY.md", "- strict\n"),
            ("skills/x/SKILL.md", "---\nname: x\n---\nExplain it.\n"),
            ("skills/x/data.json", "{\"a\":1}"),
            ("skills/x/LICENSE", "MIT\n"),
            ("keybindings.json", "{\"bindings\":[]}"),
            ("themes/dark.json", "{}"),
            ("settings.json", "{\"model\":\"opus\"}"),
        ] {
            assert!(!is_code(path, content), "{path}");
        }
    }

    #[test]
    fn a_script_is_known_by_its_first_line_and_by_its_executable_bit() {
        assert!(is_code("projects/-p/memory/notes", "#!/bin/sh\n"));
        assert!(is_code("rules/a.md", "#!/usr/bin/env node\n"));
        let executable = |path: &str| reason(path, Kind::Config, 0o700, "text").is_some();
        assert!(executable("skills/x/SKILL.md"));
        assert!(!executable("CLAUDE.md"), "it never gets the bit");
    }

    #[test]
    fn what_is_too_large_to_judge_is_code() {
        let long = " ".repeat(usize::try_from(MAX_JUDGED).unwrap()) + "{}";
        let said = reason("settings.json", Kind::Config, 0o600, &long).unwrap();
        assert_eq!(said, "is too large to be checked");
    }

    #[test]
    fn only_programs_may_be_executable() {
        let may = |path: &str, kind| {
            StoredFile { relative: Path::new(path), kind, mode: 0o755 }.may_be_executable()
        };
        for path in ["hooks/a", "skills/x/run", "plugins/data/x/bin", "statusline.sh", "bin/a.sh"] {
            assert!(may(path, Kind::Config), "{path}");
        }
        for path in ["CLAUDE.md", "settings.json", "rules/a.md", "plugins/installed_plugins.json"] {
            assert!(!may(path, Kind::Config), "{path}");
        }
        assert!(!may("projects/-p/memory/a.sh", Kind::Memory));
        assert!(!may("projects/-p/S.jsonl", Kind::Transcript));
    }
}

//! The sections of a page that clap knows nothing of.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::roff::{Roff, bold, italic, roman};

use crate::cli::NAME;

/// Exit codes that every command may end with.
const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Success."),
    ("1", "It failed; standard error says why and names the command that fixes it."),
    ("2", "The arguments are invalid."),
    ("3", "Backed up, but incompletely: a file could not be read, or the push failed."),
    ("10", "There is no backup yet."),
    ("11", "The backup is in use by another run."),
    ("130", "Interrupted."),
];

const FILES: &[(&str, &str)] = &[
    ("~/.claude", "What is backed up."),
    ("~/.claude-backup", "The backup: a git repository."),
    (
        "~/.claude-backup/machines",
        "A folder per machine, with its sessions, settings and versions.",
    ),
    ("~/.claude-backup/backup.log", "A line for each run."),
    ("~/.claude-backup/.git/config", "The settings of the backup, below claude-backup."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("CLAUDE_BACKUP_DIR", "The folder of the backup, instead of ~/.claude-backup."),
    (
        "CLAUDE_CONFIG_DIR",
        "What is backed up, instead of ~/.claude; several folders with commas between them.",
    ),
    ("NO_COLOR, CLICOLOR, CLICOLOR_FORCE", "The standard color variables; --color overrides them."),
];

/// Calls by command, each with what it does.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "claude-backup",
        &[
            ("claude-backup init", "Start backing up this machine."),
            ("claude-backup restore", "Search for a session and restore it."),
            ("claude-backup status", "See whether all is safe."),
        ],
    ),
    (
        "init",
        &[
            (
                "claude-backup init --backend local --schedule daily",
                "Back up to this machine, every day.",
            ),
            (
                "claude-backup init --backend git --remote git@example.org:me/backup.git --restore all",
                "Join the backup of another machine and restore everything.",
            ),
        ],
    ),
    (
        "sync",
        &[
            ("claude-backup sync", "Back up what is new or changed, and push it."),
            ("claude-backup sync --dry-run", "See what would be backed up."),
        ],
    ),
    ("status", &[("claude-backup status --json", "Read the health of the backup in a script.")]),
    (
        "restore",
        &[
            (
                "claude-backup restore --list --project alpha --since 2026-11-01",
                "List the sessions of a project.",
            ),
            ("claude-backup restore 1b9342d9", "Restore a session to its place."),
            ("claude-backup restore 1b9342d9 --to-project .", "Continue a session in this folder."),
            ("claude-backup restore --all --dry-run", "See what is missing on this machine."),
        ],
    ),
    (
        "versions",
        &[
            ("claude-backup versions 1b9342d9", "List the versions of a session."),
            (
                "claude-backup versions 1b9342d9 --acknowledge",
                "Accept the lost messages of a session.",
            ),
        ],
    ),
    (
        "peek",
        &[(
            "claude-backup peek 1b9342d9 --messages 5",
            "Show five messages of each end of a session.",
        )],
    ),
    (
        "verify",
        &[
            ("claude-backup verify --read", "Read and check every stored byte."),
            (
                "claude-backup verify --proof --from-remote",
                "Restore everything from a fresh clone of the remote, as a test.",
            ),
            ("claude-backup verify --repair", "Repair what is damaged."),
        ],
    ),
    (
        "machines",
        &[
            ("claude-backup machines list", "See the machines of the backup and their keys."),
            ("claude-backup machines trust laptop", "Trust the key that a machine signs with now."),
            ("claude-backup machines reject laptop", "Go on without what a machine committed."),
        ],
    ),
    (
        "secrets",
        &[
            ("claude-backup secrets list", "See which likely secrets stop a push."),
            ("claude-backup secrets purge", "Remove them from commits that were never pushed."),
        ],
    ),
    (
        "backend",
        &[
            ("claude-backup backend show", "See where the backup is pushed to."),
            (
                "claude-backup backend set git --remote git@example.org:me/backup.git",
                "Push to a git remote from now on.",
            ),
        ],
    ),
    (
        "set",
        &[(
            "claude-backup backend set git --remote git@example.org:me/backup.git",
            "Push to a git remote from now on.",
        )],
    ),
    (
        "show",
        &[("claude-backup backend show --json", "See where the backup is pushed to, in a script.")],
    ),
    (
        "schedule",
        &[
            ("claude-backup schedule daily", "Back up every day at 03:00."),
            ("claude-backup schedule off", "Turn automatic backups off."),
        ],
    ),
    (
        "export-config",
        &[("claude-backup export-config", "Export to a new file in the home folder.")],
    ),
    (
        "import-config",
        &[("claude-backup import-config FILE --dry-run", "See what would be imported.")],
    ),
    ("uninstall", &[("claude-backup uninstall", "Remove the schedule; the backup stays.")]),
    ("completions", &[("claude-backup completions zsh", "Print the completion script for zsh.")]),
    (
        "man",
        &[
            ("claude-backup man restore | man -l -", "Read a page."),
            ("claude-backup man --out ~/.local/share/man/man1", "Install all pages."),
        ],
    ),
];

/// Writes EXIT STATUS, FILES, ENVIRONMENT, EXAMPLES and SEE ALSO.
pub(super) fn render(command: &Command, out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::default();
    terms(&mut roff, "EXIT STATUS", EXIT_STATUS);
    terms(&mut roff, "FILES", FILES);
    terms(&mut roff, "ENVIRONMENT", ENVIRONMENT);
    let examples = EXAMPLES.iter().find(|(name, _)| *name == command.get_name());
    let general = "claude-backup COMMAND --help";
    match examples {
        Some((_, examples)) => terms(&mut roff, "EXAMPLES", examples),
        None => terms(&mut roff, "EXAMPLES", &[(general, "Read the help of a command.")]),
    }
    roff.control("SH", ["SEE ALSO"]);
    match command.get_name() {
        NAME => roff.text([bold("git"), roman("(1), "), bold("gzip"), roman("(1)")]),
        _ => roff.text([bold(NAME), roman("(1)")]),
    };
    roff.to_writer(out)
}

fn terms(roff: &mut Roff, title: &str, terms: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (term, text) in terms {
        roff.control("TP", []);
        roff.text([italic(*term)]);
        roff.text([roman(*text)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_examples_that_parse() {
        let program = crate::cli::command();
        for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
            let name = command.get_name();
            assert!(EXAMPLES.iter().any(|(of, _)| *of == name), "{name} has no examples");
        }
        for (call, _) in EXAMPLES.iter().flat_map(|(_, examples)| *examples) {
            let call = call.split(" | ").next().unwrap_or_default();
            let words: Vec<String> = call.split(' ').skip(1).map(str::to_owned).collect();
            assert_eq!(crate::cli::check(&words), Ok(()), "{call}");
        }
    }
}

//! Words that people of restic, borg, git and gh type, and the command here that does it.

/// The hint for a word that is not a command; `None` where the word is unknown here too.
pub(super) fn hint(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let known = HINTS.iter().find(|(words, _)| words.contains(&word.as_str()));
    known.map(|(_, hint)| *hint)
}

/// Words, and what to type instead.
const HINTS: &[(&[&str], &str)] = &[
    (
        &["backup", "back-up", "save", "run", "now", "add", "commit", "create", "snapshot"],
        "to back up now: `claude-backup sync`",
    ),
    (&["push", "upload", "send"], "`claude-backup sync` backs up and pushes"),
    (&["pull", "fetch"], "`claude-backup sync` also fetches what other machines backed up"),
    (
        &["list", "ls", "log", "sessions", "session", "snapshots", "archives", "history"],
        "to list the sessions: `claude-backup restore --list`",
    ),
    (
        &["search", "find", "grep"],
        "to search the sessions: `claude-backup restore` at a terminal, or `claude-backup restore --list --project NAME`",
    ),
    (
        &["show", "view", "inspect", "open", "preview"],
        "to look at a session: `claude-backup peek SESSION`",
    ),
    (
        &["cat", "print", "dump", "extract"],
        "to print a session: `claude-backup restore SESSION --stdout`",
    ),
    (
        &["recover", "undelete", "undo", "get", "retrieve", "checkout"],
        "to restore sessions: `claude-backup restore`",
    ),
    (
        &["diff", "plan", "dry-run", "preflight"],
        "to see what would be backed up: `claude-backup sync --dry-run`",
    ),
    (
        &["check", "fsck", "test", "prove", "validate"],
        "to check the backup: `claude-backup verify`",
    ),
    (
        &["repair", "fix", "heal", "rebuild"],
        "to repair the backup: `claude-backup verify --repair`",
    ),
    (
        &["info", "stat", "stats", "st", "health", "doctor", "size"],
        "to see the health of the backup: `claude-backup status`",
    ),
    (
        &["version-history", "revisions", "changes", "blame"],
        "to list the versions of a session: `claude-backup versions SESSION`",
    ),
    (
        &["forget", "prune", "gc", "expire", "compact", "clean", "cleanup"],
        "there is nothing to prune: every version is kept, and `claude-backup sync` packs them; to delete the backup: `claude-backup uninstall --delete-data`",
    ),
    (
        &["remove", "rm", "delete", "del", "destroy", "purge", "disable", "unschedule"],
        "to turn automatic backups off: `claude-backup schedule off`; to remove everything: `claude-backup uninstall`",
    ),
    (
        &["config", "configure", "settings", "preferences"],
        "to carry Claude Code's settings to another machine: `claude-backup export-config`; to set a remote: `claude-backup backend set`",
    ),
    (&["export"], "to export Claude Code's settings: `claude-backup export-config`"),
    (&["import"], "to import Claude Code's settings: `claude-backup import-config FILE`"),
    (
        &["remote", "remotes", "origin", "destination", "storage", "repo"],
        "to see the remote: `claude-backup backend show`; to set one: `claude-backup backend set`",
    ),
    (&["clone", "join"], "to join a backup: `claude-backup init --backend git --remote URL`"),
    (&["setup", "install", "start", "enable", "new"], "to start: `claude-backup init`"),
    (
        &["auto", "automatic", "cron", "timer", "daemon", "service", "watch", "daily", "hourly"],
        "to back up automatically: `claude-backup schedule daily`",
    ),
    (
        &["login", "auth", "logout"],
        "claude-backup uses the logins of git and gh: `gh auth login`, or your git credentials",
    ),
    (
        &["self-update", "selfupdate", "update", "upgrade"],
        "to back up now: `claude-backup sync`; to update the program, use the way you installed it",
    ),
    (
        &["completion", "complete"],
        "to print a completion script: `claude-backup completions SHELL`",
    ),
    (&["manual", "manpage", "docs"], "to read the manual: `claude-backup man`"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between backticks and begins with our name.
    fn commands(hint: &str) -> impl Iterator<Item = Vec<String>> {
        let quoted = hint.split('`').skip(1).step_by(2);
        let ours = quoted.filter_map(|text| text.strip_prefix("claude-backup "));
        ours.map(|text| text.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn every_hint_names_a_command_that_exists() {
        for (words, hint) in HINTS {
            for mut call in commands(hint) {
                let stand_ins = [("SHELL", "bash"), ("URL", "x@y:z")];
                for word in &mut call {
                    let found = stand_ins.iter().find(|(name, _)| name == word);
                    if let Some((_, value)) = found {
                        *word = (*value).to_owned();
                    }
                }
                if call == ["backend", "set"] {
                    call.push("local".to_owned());
                }
                assert_eq!(crate::cli::check(&call), Ok(()), "{words:?}");
            }
        }
    }

    #[test]
    fn no_word_is_listed_twice_or_is_a_command() {
        let words: Vec<&str> = HINTS.iter().flat_map(|(words, _)| words.iter().copied()).collect();
        let command = crate::cli::command();
        for word in &words {
            assert_eq!(words.iter().filter(|other| other == &word).count(), 1, "{word}");
            assert!(command.find_subcommand(word).is_none(), "{word} is a command");
        }
    }
}

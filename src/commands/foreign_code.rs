//! Files that can execute code and come from elsewhere: asked about once, and listed.

use std::io;

use clap::Args;

use super::Context;
use crate::restore::{ForeignCode, HeldBack};
use crate::ui::words::count;
use crate::ui::{Answer, Mark, Page};

/// Whether files that can execute code are wanted
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct CodeArgs {
    /// Also install files that can run programs and come from another machine: hooks, MCP servers, plugins, scripts
    #[arg(long)]
    with_code: bool,
}

impl CodeArgs {
    /// What to do with these files: as the flag says, else as somebody answers, else not to write
    /// them.
    pub(super) fn decide(self, files: &[HeldBack], context: &mut Context<'_>) -> ForeignCode {
        if self.with_code {
            return ForeignCode::Install;
        }
        if files.is_empty() || !context.ui.can_ask() {
            return ForeignCode::HoldBack;
        }
        let found = count(files.len() as u64, "file");
        context.ui.show(format!("{found} from elsewhere can run programs:"));
        for file in files {
            context.ui.show(format!("  {}", line(file)));
        }
        match context.ui.ask("Install these too?", Answer::No) {
            Some(Answer::Yes) => ForeignCode::Install,
            Some(Answer::No) | None => ForeignCode::HoldBack,
        }
    }

    /// What to do where nothing is written: nobody is asked.
    pub(super) fn foresee(self) -> ForeignCode {
        if self.with_code { ForeignCode::Install } else { ForeignCode::HoldBack }
    }
}

/// The files that were held back, and the command that installs them.
pub(super) fn list_held_back(
    page: &mut Page<'_>,
    files: &[HeldBack],
    command: &str,
) -> io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let held = count(files.len() as u64, "file");
    page.mark(Mark::Warn, format!("Held back {held} from elsewhere that can run programs:"))?;
    for file in files {
        page.line(format!("  {}", line(file)))?;
    }
    page.line(format!("  to install them: {command}"))
}

/// A file with its origin, and why it is not written.
pub(super) fn line(file: &HeldBack) -> String {
    match &file.machine {
        Some(machine) => format!("{} (from {machine}) {}", file.path, file.reason),
        None => format!("{} {}", file.path, file.reason),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use crate::env::Env;
    use crate::testing::{Ran, ran_answering, remote_of_mac, sandbox};

    /// A remote that a machine called `mac` pushed a session and a hook to.
    fn remote() -> TempDir {
        remote_of_mac(&[("projects/-p/11111111-0.jsonl", "{}\n"), ("hooks/start.sh", "x\n")])
    }

    /// The reinstalled machine `mac` joins, wants everything, and gives this answer about code.
    fn joined(env: &Env, remote: &Path, answer: &str) -> Ran {
        let url = remote.display().to_string();
        let replies = format!("y\n{answer}");
        let words = ["init", "--backend", "git", "--remote", &url, "--restore", "all"];
        ran_answering(env, &replies, &words)
    }

    #[test]
    fn code_from_elsewhere_is_listed_and_installed_only_after_a_yes() {
        let remote = remote();
        for (answer, code) in [("\n", 3), ("n\n", 3), ("", 3), ("what\n", 3), ("y\n", 0)] {
            let (home, env) = sandbox();
            let ran = joined(&env, remote.path(), answer);
            assert_eq!(ran.code, code, "{answer:?}: {ran:?}");
            assert!(ran.err.contains("1 file from elsewhere can run programs:"), "{}", ran.err);
            assert!(ran.err.contains("  hooks/start.sh (from mac) is a hook"), "{}", ran.err);
            assert!(ran.err.contains("Install these too? [y/N]"), "{}", ran.err);
            let claude = home.path().join(".claude");
            assert!(claude.join("projects/-p/11111111-0.jsonl").exists());
            assert_eq!(claude.join("hooks/start.sh").exists(), code == 0, "{answer:?}");
        }
    }

    #[test]
    fn nobody_is_asked_again_with_the_flag() {
        let (remote, (home, env)) = (remote(), sandbox());
        assert_eq!(joined(&env, remote.path(), "n\n").code, 3);
        let words = ["restore", "--all", "--with-code"];
        let ran = ran_answering(&env, "n\n", &words);
        assert!(ran.code == 0 && !ran.err.contains("Install"), "{ran:?}");
        assert!(ran.out.contains("1 from elsewhere can run programs"), "{}", ran.out);
        assert!(home.path().join(".claude/hooks/start.sh").exists());
    }
}

//! What `init` asks and undoes where a remote comes into play.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Context;
use crate::backend::Look;
use crate::repository::Repository;
use crate::repository::manifest::parse_stamp;
use crate::repository::trust::{Acceptance, Offer};
use crate::session::MachineSlug;
use crate::ui::Answer;
use crate::ui::words::{count, size, when};

/// What is given back at once.
pub(super) enum Wanted {
    /// Nothing.
    Nothing,
    /// Everything that is missing, of all machines.
    Everything,
    /// Everything that is missing of one machine.
    Machine(MachineSlug),
}

/// Asks whether this is the machine of its name that the remote has, reinstalled; then it takes
/// that machine's folder back.
pub(super) fn recognise(
    repository: &mut Repository,
    look: &Look,
    context: &mut Context<'_>,
) -> Result<()> {
    let Some(tip) = look.tip.filter(|_| context.ui.can_ask()) else { return Ok(()) };
    if repository.vault.setting("machine")?.is_some() || repository.is_ours(tip)? {
        return Ok(());
    }
    let name = repository.machine.clone();
    let Some(offered) = repository.offered(&name, Some(tip))? else { return Ok(()) };
    context.ui.note(describe(&name, &offered));
    let question =
        format!("The backup has a machine called {name}. Is this that machine, reinstalled?");
    match context.ui.ask(&question, Answer::No) {
        Some(Answer::Yes) => {
            repository.accept_own(&name, offered.commit, &offered.acceptance)?;
            repository.take_name(name, Some(tip))
        }
        Some(Answer::No) | None => Ok(()),
    }
}

/// What a person compares with what the machine itself shows.
pub(super) fn describe(machine: &MachineSlug, offered: &Offer) -> String {
    match &offered.acceptance {
        Acceptance::Key(key) => format!("{machine} signs with the key {key}"),
        Acceptance::Unsigned => {
            format!("what the backup has of {machine} is not signed: anybody may have changed it")
        }
    }
}

/// Shows what the backup has, and asks what of it shall come back here.
///
/// Where nobody can answer, nothing does.
pub(super) fn ask(repository: &Repository, yes: bool, context: &mut Context<'_>) -> Result<Wanted> {
    let machines = repository.machine_lines()?;
    let sessions = repository.index()?.sessions.len() as u64;
    if sessions == 0 {
        return Ok(Wanted::Nothing);
    }
    context.ui.note(format!("The backup has {}:", count(sessions, "session")));
    let keys = repository.fingerprints()?;
    for line in &machines {
        let last = parse_stamp(&line.last_sync);
        let last = last.map(|time| when(time, context.env.now(), context.env));
        let last = last.map(|when| format!(", last saved {when}")).unwrap_or_default();
        let (sessions, bytes) =
            (count(line.session_count, "session"), size(line.backup_size_bytes));
        let key = keys.get(&line.slug).map_or("not signed", String::as_str);
        context.ui.note(format!("  {}: {sessions}, {bytes}{last}; {key}", line.slug));
    }
    if yes || !context.ui.can_ask() {
        let hint = "  get it back with `claude-backup restore --all`, or look with `claude-backup restore --list`";
        context.ui.note(hint);
        return Ok(Wanted::Nothing);
    }
    choose(&machines.iter().map(|line| line.slug.clone()).collect::<Vec<_>>(), context)
}

fn choose(machines: &[String], context: &mut Context<'_>) -> Result<Wanted> {
    let choices = ["everything that is missing here", "one machine's", "nothing, start fresh"];
    let wish = context.ui.choose("What shall be restored?", &choices, 0);
    match wish {
        Some(0) => Ok(Wanted::Everything),
        Some(1) => {
            let names: Vec<&str> = machines.iter().map(String::as_str).collect();
            match context.ui.choose("Which machine's?", &names, 0) {
                Some(at) => MachineSlug::new(names[at]).map(Wanted::Machine),
                None => Ok(Wanted::Nothing),
            }
        }
        _ => Ok(Wanted::Nothing),
    }
}

/// What stood at the backup's place before: a first `init` that fails leaves it as it was.
pub(super) struct FreshFolder {
    root: PathBuf,
    had_folder: bool,
    had_git: bool,
}

impl FreshFolder {
    pub(super) fn note(root: &Path) -> Self {
        let had_git = root.join(".git").exists();
        Self { root: root.to_path_buf(), had_folder: root.exists(), had_git }
    }

    /// Takes away what was made since; what was there stays.
    pub(super) fn clear(self) {
        if self.had_git {
            return;
        }
        // What cannot be removed does no harm: the next `init` goes on from there.
        let _ = fs_err::remove_dir_all(self.root.join(".git"));
        if !self.had_folder {
            let _ = fs_err::remove_dir(&self.root);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use crate::env::Env;
    use crate::testing::{Ran, ran_answering, remote_of_mac, sandbox};

    /// A remote that a machine called `mac` pushed a session to.
    fn remote() -> TempDir {
        remote_of_mac(&[("projects/-p/11111111-0.jsonl", "{\"type\":\"user\"}\n")])
    }

    fn joined(env: &Env, remote: &Path, replies: &str) -> Ran {
        let url = remote.display().to_string();
        ran_answering(env, replies, &["init", "--backend", "git", "--remote", &url])
    }

    fn is_back(home: &TempDir) -> bool {
        home.path().join(".claude/projects/-p/11111111-0.jsonl").exists()
    }

    #[test]
    fn a_reinstalled_machine_is_recognised_and_everything_comes_back() {
        let (remote, (home, env)) = (remote(), sandbox());
        let ran = joined(&env, remote.path(), "y\n\n");
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains("Is this that machine, reinstalled? [y/N]"), "{}", ran.err);
        assert!(ran.err.contains("mac: 1 session, "), "{}", ran.err);
        assert!(ran.out.contains("this machine is mac\n"), "{}", ran.out);
        assert!(is_back(&home));
    }

    #[test]
    fn another_machine_of_that_name_chooses_whose_sessions_it_wants() {
        let (remote, (home, env)) = (remote(), sandbox());
        let ran = joined(&env, remote.path(), "n\n2\n1\n");
        assert!(ran.out.contains("this machine is mac-2\n"), "{ran:?}");
        assert!(is_back(&home));
    }

    #[test]
    fn a_fresh_start_gives_nothing_back() {
        let (remote, (home, env)) = (remote(), sandbox());
        assert_eq!(joined(&env, remote.path(), "n\n3\n").code, 0);
        assert!(!is_back(&home));
    }

    #[test]
    fn who_does_not_answer_is_another_machine_and_gets_nothing_back() {
        for replies in ["", "q\nq\n", "what\nwhat\n"] {
            let (remote, (home, env)) = (remote(), sandbox());
            let ran = joined(&env, remote.path(), replies);
            assert!(ran.out.contains("this machine is mac-2\n"), "{ran:?}");
            assert!(!is_back(&home));
        }
    }
}

//! Both transports tell the same stories to a bare repository that real git made.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::error::kind;
use crate::progress::Silent;
#[cfg(unix)]
use crate::progress::Stopped;
use crate::vault::testing::{Sandbox, git, noise};

#[cfg(unix)]
mod folders;

const MAIN: &str = "refs/heads/main";
const CHOICES: [Choice; 2] = [Choice::Libgit2, Choice::Git];

/// A backup, and a remote beside it.
struct World {
    backup: Sandbox,
    env: Env,
}

impl World {
    fn new() -> Self {
        let backup = Sandbox::new();
        let home = backup.home.path().to_path_buf();
        git(&home, &home, &["init", "--bare", "--quiet", "-b", "main", "remote.git"]).unwrap();
        let path = Env::from_process().unwrap().variable("PATH").unwrap().to_owned();
        let env = Env::sandbox(home, "mac", Arc::default())
            .with_variable("PATH", path)
            .with_variable("GIT_CONFIG_NOSYSTEM", "1");
        Self { backup, env }
    }

    fn folder(&self) -> PathBuf {
        self.env.home.join("remote.git")
    }

    fn remote(&self) -> Address {
        Address::new(self.folder().to_str().unwrap()).unwrap()
    }

    fn transport(&self, choice: Choice) -> Box<dyn Transport + '_> {
        self.backup.vault.transport(choice, &self.env).unwrap()
    }

    fn commit(&self, text: &str, time: &str) -> ObjectId {
        self.backup.commit(&[("a", text.as_bytes())], time).unwrap()
    }

    fn push(&self, choice: Choice, commit: ObjectId) -> Sent {
        self.transport(choice).push(&self.remote(), Some(commit), MAIN, &Silent).unwrap()
    }

    fn run_remote_hooks(&self) {
        self.backup.vault.set_setting("runRemoteHooks", "true").unwrap();
    }

    fn at_remote(&self, words: &[&str]) -> String {
        git(&self.env.home, &self.folder(), words).unwrap().trim().to_owned()
    }

    /// Commits something at the remote that the backup does not have.
    fn somebody_else_pushes(&self) {
        let home = &self.env.home;
        let folder = home.join("other");
        git(home, home, &["clone", "--quiet", "remote.git", "other"]).unwrap();
        let who = ["-c", "user.name=o", "-c", "user.email=o@example.org"];
        let commit = ["commit", "--quiet", "--allow-empty", "-m", "other"];
        git(home, &folder, &[&who[..], &commit].concat()).unwrap();
        git(home, &folder, &["push", "--quiet", "origin", "HEAD:main"]).unwrap();
    }
}

#[cfg(unix)]
fn write_program(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, text).unwrap();
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_empty_remote_has_nothing() {
    let world = World::new();
    for choice in CHOICES {
        let found = world.transport(choice).references(&world.remote()).unwrap();
        assert_eq!(found.list, [], "{choice:?}");
    }
}

#[test]
fn what_is_pushed_is_there_and_can_be_fetched() {
    for choice in CHOICES {
        let world = World::new();
        let first = world.commit("one\n", "2026-11-20T10:00:00Z");
        assert_eq!(world.push(choice, first), Sent::Done);
        let second = world.commit("one\ntwo\n", "2026-11-20T11:00:00Z");
        assert_eq!(world.push(choice, second), Sent::Done);
        assert_eq!(world.push(choice, second), Sent::Done, "again");

        let found = world.transport(choice).references(&world.remote()).unwrap();
        assert_eq!(found.list, [(MAIN.to_owned(), second)]);
        assert_eq!(found.head.as_deref(), Some(MAIN));
        world.at_remote(&["fsck", "--full", "--strict"]);

        let other = Sandbox::new();
        let transport = other.vault.transport(choice, &world.env).unwrap();
        let into = "refs/remotes/origin/main";
        transport.fetch(&world.remote(), MAIN, into, &Silent).unwrap();
        assert_eq!(other.git(&["rev-parse", into]).unwrap().trim(), second.to_string());
        assert_eq!(other.git(&["show", &format!("{into}:a")]).unwrap(), "one\ntwo\n");
        assert_eq!(other.packs(".pack").len(), 1);
        let loose = other.git(&["count-objects"]).unwrap();
        assert!(loose.starts_with("0 objects"), "{loose}");
        assert!(!other.root().join(".git/FETCH_HEAD").exists(), "{choice:?}");
        other.vault.git(|repository| repository.find_commit(second.oid()).map(drop)).unwrap();
    }
}

#[test]
fn a_fetch_moves_its_reference_whatever_it_was() {
    for choice in CHOICES {
        let world = World::new();
        world.push(choice, world.commit("one\n", "2026-11-20T10:00:00Z"));
        let other = Sandbox::new();
        let own = other.commit(&[("b", b"own")], "2026-11-20T10:00:00Z").unwrap();
        let into = "refs/claude-backup/seen";
        other.git(&["update-ref", into, &own.to_string()]).unwrap();
        let transport = other.vault.transport(choice, &world.env).unwrap();
        transport.fetch(&world.remote(), MAIN, into, &Silent).unwrap();
        assert_eq!(
            other.git(&["rev-parse", into]).unwrap().trim(),
            world.at_remote(&["rev-parse", MAIN])
        );
        let error = transport.fetch(&world.remote(), "refs/heads/no", into, &Silent).unwrap_err();
        assert_eq!(kind(&error), ErrorKind::NotFound, "{error:#}");
    }
}

#[test]
fn a_push_never_goes_back() {
    for choice in CHOICES {
        let world = World::new();
        let first = world.commit("one\n", "2026-11-20T10:00:00Z");
        let second = world.commit("two\n", "2026-11-20T11:00:00Z");
        assert_eq!(world.push(choice, second), Sent::Done);
        assert_eq!(world.push(choice, first), Sent::Behind, "{choice:?}: older");
        world.somebody_else_pushes();
        let tip = world.at_remote(&["rev-parse", MAIN]);
        let third = world.commit("three\n", "2026-11-20T12:00:00Z");
        assert_eq!(world.push(choice, third), Sent::Behind, "{choice:?}: elsewhere");
        assert_eq!(world.at_remote(&["rev-parse", MAIN]), tip);
    }
}

#[test]
fn a_history_of_its_own_is_behind_too() {
    for choice in CHOICES {
        let world = World::new();
        world.push(choice, world.commit("one\n", "2026-11-20T10:00:00Z"));
        let other = Sandbox::new();
        let own = other.commit(&[("b", b"own")], "2026-11-20T10:00:00Z").unwrap();
        let transport = other.vault.transport(choice, &world.env).unwrap();
        let sent = transport.push(&world.remote(), Some(own), MAIN, &Silent).unwrap();
        assert_eq!(sent, Sent::Behind, "{choice:?}");
    }
}

/// Moves the branch at the remote once a push has looked at it.
struct Faster<'w> {
    world: &'w World,
    to: ObjectId,
    called: AtomicBool,
}

impl Progress for Faster<'_> {
    fn start(&self, _stage: &str, _files: u64, _bytes: u64) {
        if !self.called.swap(true, Ordering::SeqCst) {
            self.world.at_remote(&["update-ref", MAIN, &self.to.to_string()]);
        }
    }
    fn advance(&self, _files: u64, _bytes: u64) {}
    fn finish(&self) {}
    fn interrupted(&self) -> bool {
        false
    }
}

#[cfg(unix)]
#[test]
fn a_push_loses_to_one_that_is_faster() {
    for choice in CHOICES {
        let world = World::new();
        world.push(choice, world.commit("one\n", "2026-11-20T10:00:00Z"));
        let other = world.commit("two\n", "2026-11-20T11:00:00Z");
        let transport = world.transport(choice);
        transport.push(&world.remote(), Some(other), "refs/heads/x", &Silent).unwrap();
        let third = world.commit("three\n", "2026-11-20T12:00:00Z");
        // Git is too fast for this, so there it is a hook of the remote.
        let faster = Faster { world: &world, to: other, called: (choice == Choice::Git).into() };
        if choice == Choice::Git {
            let hook = format!("#!/bin/sh\ngit update-ref {MAIN} {other}\n");
            write_program(&world.folder().join("hooks/update"), &hook);
            world.run_remote_hooks();
        }
        let sent = transport.push(&world.remote(), Some(third), MAIN, &faster).unwrap();
        assert_eq!(sent, Sent::Behind, "{choice:?}");
        assert_eq!(world.at_remote(&["rev-parse", MAIN]), other.to_string());
        assert!(faster.called.into_inner());
    }
}

#[test]
fn a_reference_can_be_removed_more_than_once() {
    for choice in CHOICES {
        let world = World::new();
        let commit = world.commit("one\n", "2026-11-20T10:00:00Z");
        let transport = world.transport(choice);
        let name = "refs/heads/other";
        world.push(choice, commit);
        transport.push(&world.remote(), Some(commit), name, &Silent).unwrap();
        for _ in 0..2 {
            let sent = transport.push(&world.remote(), None, name, &Silent).unwrap();
            assert_eq!(sent, Sent::Done, "{choice:?}");
        }
        assert_eq!(world.at_remote(&["for-each-ref", "--format=%(refname)"]), MAIN);
    }
}

#[test]
fn a_preflight_leaves_nothing_behind() {
    for choice in CHOICES {
        let world = World::new();
        let before = preflight(&world.backup.vault, &*world.transport(choice), &world.remote());
        assert_eq!(before.unwrap().list, [], "{choice:?}");
        assert_eq!(world.at_remote(&["for-each-ref"]), "");
        let commit = world.commit("one\n", "2026-11-20T10:00:00Z");
        world.push(choice, commit);
        let here = world.backup.git(&["count-objects", "-v"]);
        let before = preflight(&world.backup.vault, &*world.transport(choice), &world.remote());
        assert_eq!(before.unwrap().get(MAIN), Some(commit));
        assert_eq!(world.at_remote(&["for-each-ref", "--format=%(refname)"]), MAIN);
        assert_eq!(world.backup.git(&["count-objects", "-v"]), here);
        assert_eq!(
            world.backup.git(&["for-each-ref", "--format=%(refname)"]).unwrap().trim(),
            MAIN
        );
    }
}

#[test]
fn a_preflight_clears_what_an_earlier_one_left() {
    for choice in CHOICES {
        let world = World::new();
        let transport = world.transport(choice);
        world.at_remote(&["config", "receive.denyDeletes", "true"]);
        // What a killed run leaves: the commit of nothing, under a name like its own.
        let commit = world.commit("one\n", "2026-11-20T10:00:00Z");
        world.push(choice, commit);
        let _ = preflight(&world.backup.vault, &*transport, &world.remote());
        world.at_remote(&["config", "receive.denyDeletes", "false"]);
        let before = preflight(&world.backup.vault, &*transport, &world.remote()).unwrap();
        assert_eq!(before.list, [(MAIN.to_owned(), commit)], "{choice:?}");
        assert_eq!(world.at_remote(&["for-each-ref", "--format=%(refname)"]), MAIN);
    }
}

#[test]
fn a_remote_that_is_not_there_says_how_to_make_it() {
    let world = World::new();
    let empty = world.env.home.join("empty");
    fs_err::create_dir_all(&empty).unwrap();
    for choice in CHOICES {
        for place in ["missing.git", "empty"] {
            let path = world.env.home.join(place);
            for text in [path.to_str().unwrap().to_owned(), format!("file://{}", path.display())] {
                let remote = Address::new(&text).unwrap();
                let error = world.transport(choice).references(&remote).unwrap_err();
                let failure = crate::error::failure(&error).unwrap();
                assert_eq!(failure.kind, ErrorKind::Unreachable);
                let hint = failure.hint.as_deref().unwrap();
                assert!(hint.contains(&format!("-b main '{}'", path.display())), "{hint}");
            }
        }
    }
}

#[test]
fn paths_mean_the_same_to_both() {
    for choice in CHOICES {
        let world = World::new();
        let commit = world.commit("one\n", "2026-11-20T10:00:00Z");
        let transport = world.transport(choice);
        for (number, text) in ["../remote.git", "file://<home>/remote.git"].iter().enumerate() {
            let text = text.replace("<home>", world.env.home.to_str().unwrap());
            let remote = Address::new(&text).unwrap();
            let name = format!("refs/heads/b{number}");
            transport.push(&remote, Some(commit), &name, &Silent).unwrap();
            assert_eq!(transport.references(&remote).unwrap().get(&name), Some(commit));
        }
    }
}

#[cfg(unix)]
#[test]
fn a_hook_at_the_remote_can_refuse() {
    let world = World::new();
    let hook = "#!/bin/sh\necho 'GH001: File a.gz is 101 MB, this exceeds the limit' >&2\nexit 1\n";
    write_program(&world.folder().join("hooks/pre-receive"), hook);
    world.run_remote_hooks();
    let commit = world.commit("one\n", "2026-11-20T10:00:00Z");
    let Sent::Refused(words) = world.push(Choice::Git, commit) else { panic!("it was taken") };
    assert!(words.contains("File a.gz is 101 MB"), "{words}");
    let transport = world.transport(Choice::Git);
    let error = preflight(&world.backup.vault, &*transport, &world.remote()).unwrap_err();
    let failure = crate::error::failure(&error).unwrap();
    assert_eq!(failure.kind, ErrorKind::Refused);
    assert!(failure.lines.iter().any(|line| line.contains("101 MB")), "{:?}", failure.lines);
    assert_eq!(world.at_remote(&["for-each-ref"]), "");
}

#[cfg(unix)]
#[test]
fn a_reference_that_cannot_be_removed_is_named() {
    let world = World::new();
    world.push(Choice::Git, world.commit("one\n", "2026-11-20T10:00:00Z"));
    world.at_remote(&["config", "receive.denyDeletes", "true"]);
    let transport = world.transport(Choice::Git);
    let error = preflight(&world.backup.vault, &*transport, &world.remote()).unwrap_err();
    let left = world.at_remote(&["for-each-ref", "--format=%(refname)", "refs/heads/claude*"]);
    assert!(left.starts_with("refs/heads/claude-backup-preflight-"), "{left}");
    assert!(error.to_string().contains(&left), "{error}");
    let loose = world.backup.git(&["count-objects"]).unwrap();
    assert!(loose.starts_with("0 objects"), "{loose}");
}

#[cfg(unix)]
#[test]
fn hooks_and_settings_of_the_user_do_nothing() {
    let world = World::new();
    let home = &world.env.home;
    let hook = format!("#!/bin/sh\ntouch '{}/ran'\nexit 1\n", home.display());
    for name in ["pre-push", "reference-transaction", "post-checkout", "pre-auto-gc"] {
        write_program(&world.backup.root().join(".git/hooks").join(name), &hook);
    }
    // A remote that is reached by its path is served by the user, with the user's own settings.
    write_program(&home.join("hooks/pre-push"), &hook);
    let settings = format!(
        "[core]\nhooksPath = {0}/hooks\naskPass = {0}/hooks/pre-push\n\
         [push]\nfollowTags = true\ngpgSign = true\npushOption = x\n[fetch]\nprune = true\n\
         [user]\nuseConfigOnly = true\n",
        home.display()
    );
    fs_err::write(home.join(".gitconfig"), settings).unwrap();
    for (choice, name) in [(Choice::Git, "refs/heads/git"), (Choice::Libgit2, "refs/heads/libgit2")]
    {
        let commit = world.commit(name, "2026-11-20T10:00:00Z");
        let transport = world.transport(choice);
        let sent = transport.push(&world.remote(), Some(commit), name, &Silent);
        let sent = sent.map_err(|error| format!("{:?}", crate::error::failure(&error)));
        assert_eq!(sent, Ok(Sent::Done), "{choice:?}");
        let fetched = transport.fetch(&world.remote(), name, "refs/remotes/origin/x", &Silent);
        assert!(fetched.is_ok(), "{choice:?}: {:?}", crate::error::failure(&fetched.unwrap_err()));
    }
    assert!(!home.join("ran").exists());
}

#[test]
fn who_speaks_can_be_chosen() {
    let world = World::new();
    assert!(world.transport(Choice::Auto).name().starts_with("git 2."));
    assert!(world.transport(Choice::Libgit2).name().starts_with("libgit2 1."));
    let bare = Env::sandbox(world.env.home.clone(), "mac", Arc::default());
    let vault = &world.backup.vault;
    assert!(vault.transport(Choice::Auto, &bare).unwrap().name().starts_with("libgit2"));
    let error = vault.transport(Choice::Git, &bare).err().unwrap();
    let hint = crate::error::failure(&error).unwrap().hint.clone().unwrap();
    assert!(hint.contains("install git 2.31"), "{hint}");
    for choice in [Choice::Auto, Choice::Git, Choice::Libgit2] {
        assert_eq!(Choice::parse(choice.as_str()).unwrap(), choice);
    }
    assert_eq!(kind(&Choice::parse("ssh").unwrap_err()), ErrorKind::Usage);
}

#[cfg(unix)]
#[test]
fn an_old_git_is_not_used() {
    let world = World::new();
    let bin = world.env.home.join("bin");
    write_program(&bin.join("git"), "#!/bin/sh\necho git version 2.25.1\n");
    let env = world.env.clone().with_variable("PATH", bin.as_os_str());
    let vault = &world.backup.vault;
    assert!(vault.transport(Choice::Auto, &env).unwrap().name().starts_with("libgit2"));
    let error = vault.transport(Choice::Git, &env).err().unwrap();
    assert_eq!(error.to_string(), "git 2.25.1 is too old, 2.31.0 is needed");
}

/// A stand-in for git writes down what it is called with; the list of processes shows no more.
#[cfg(unix)]
#[test]
fn a_password_is_on_no_command_line() {
    let world = World::new();
    let bin = world.env.home.join("bin");
    let log = world.env.home.join("log");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = config ] && exit\n[ \"$1\" = --version ] && echo git version 2.47.3 && exit\n\
         echo \"$@\" >>'{0}'\nenv >'{0}.env'\n\
         echo \"fatal: unable to access 'https://me:s3cr%65t@h.invalid/': bad s3cret\" >&2\nexit 128\n",
        log.display()
    );
    write_program(&bin.join("git"), &script);
    let usual = world.env.variable("PATH").unwrap().to_string_lossy();
    let path = format!("{}:{usual}", bin.display());
    let env = world.env.clone().with_variable("PATH", path).with_variable("GIT_DIR", "/elsewhere");
    let transport = world.backup.vault.transport(Choice::Git, &env).unwrap();
    let remote = Address::new("https://me:s3cr%65t@h.invalid/a.git").unwrap();
    let error = transport.references(&remote).unwrap_err();
    let called = fs_err::read_to_string(&log).unwrap();
    assert!(called.contains("ls-remote --symref -- https://h.invalid/a.git"), "{called}");
    let told = format!("{error:?} {:?}", crate::error::failure(&error).unwrap());
    for secret in ["s3cret", "s3cr%65t"] {
        assert!(!called.contains(secret), "{called}");
        assert!(!told.contains(secret), "{told}");
    }
    let surroundings = fs_err::read_to_string(format!("{}.env", log.display())).unwrap();
    assert!(surroundings.contains("CLAUDE_BACKUP_LOGIN_PASSWORD=s3cret\n"));
    assert!(!surroundings.contains("GIT_DIR=/elsewhere"));
    assert!(surroundings.contains("=credential.https://h.invalid.helper\n"));
    assert!(surroundings.contains("=http.followRedirects\n"));
    assert!(surroundings.contains("GIT_SSH_COMMAND=ssh -oBatchMode=yes"));
}

#[cfg(unix)]
#[test]
fn a_git_that_hangs_is_ended_when_the_user_stops() {
    let world = World::new();
    let hook = "#!/bin/sh\nexec sleep 600\n";
    let commit = world.backup.commit(&[("a", &noise(1, 100_000))], "2026-11-20T10:00:00Z");
    for choice in CHOICES {
        if choice == Choice::Git {
            write_program(&world.folder().join("hooks/pre-receive"), hook);
            world.run_remote_hooks();
        }
        let pushed = world.transport(choice).push(&world.remote(), commit, MAIN, &Stopped);
        assert_eq!(kind(&pushed.unwrap_err()), ErrorKind::Interrupted, "{choice:?}");
    }
    assert_eq!(world.at_remote(&["for-each-ref"]), "");
}

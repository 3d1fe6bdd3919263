//! Commits are signed, and the real git accepts the signatures.

use std::path::Path;

use crate::sandbox::{Sandbox, mode};

const ID: &str = "11111111-1111-4111-8111-111111111111";

fn backed_up() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2).init();
    sandbox
}

/// The key that a machine publishes, as an allowed-signers line.
fn allow(sandbox: &Sandbox, machine: &str) -> String {
    let key = std::fs::read_to_string(sandbox.stored("signing-key.pub")).unwrap();
    let path = sandbox.home("allowed-signers");
    std::fs::write(&path, format!("{machine} namespaces=\"git\" {key}")).unwrap();
    format!("gpg.ssh.allowedSignersFile={}", path.display())
}

fn has_ssh_keygen() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("ssh-keygen").is_file())
}

#[test]
fn git_verifies_every_commit_of_a_backup() {
    if !has_ssh_keygen() {
        eprintln!("skipped: there is no ssh-keygen");
        return;
    }
    let sandbox = backed_up();
    sandbox.append_session("-p", ID, 2..4).sync();
    sandbox.append_session("-p", ID, 4..6).sync();
    let allowed = allow(&sandbox, "test-host");
    let commits = sandbox.git(&["rev-list", "HEAD"]);
    assert_eq!(commits.lines().count(), 3);
    for commit in commits.lines() {
        sandbox.git(&["-c", &allowed, "verify-commit", commit]);
    }
    let signers = sandbox.git(&["-c", &allowed, "log", "--format=%G? %GS"]);
    assert_eq!(signers, "G test-host\n".repeat(3));
    sandbox.assert_git_clean();
}

#[test]
fn the_private_key_is_private_and_never_committed() {
    let sandbox = backed_up();
    let key = sandbox.backup(".git/claude-backup-keys/own");
    assert_eq!((mode(&key), mode(key.parent().unwrap())), (0o600, 0o700));
    let text = std::fs::read_to_string(&key).unwrap();
    let secret = text.lines().nth(2).unwrap();
    sandbox.sync();
    let objects = sandbox.git(&["rev-list", "--objects", "--all"]);
    assert!(!objects.contains("claude-backup-keys"), "{objects}");
    for object in objects.lines().filter_map(|line| line.split_whitespace().next()) {
        assert!(!sandbox.git(&["cat-file", "-p", object]).contains(secret));
    }
}

#[test]
fn a_lost_key_is_replaced_and_the_new_one_is_published() {
    let sandbox = backed_up();
    let published = std::fs::read(sandbox.stored("signing-key.pub")).unwrap();
    sandbox.remove(Path::new(".claude-backup/.git/claude-backup-keys"));
    sandbox.append_session("-p", ID, 2..4).sync();
    assert_ne!(std::fs::read(sandbox.stored("signing-key.pub")).unwrap(), published);
    sandbox.assert_git_clean();
}

#[test]
fn deleting_the_programs_own_folder_keeps_the_key() {
    let sandbox = backed_up();
    let published = std::fs::read(sandbox.stored("signing-key.pub")).unwrap();
    sandbox.remove(Path::new(".claude-backup/.git/claude-backup"));
    sandbox.append_session("-p", ID, 2..4).sync();
    assert_eq!(std::fs::read(sandbox.stored("signing-key.pub")).unwrap(), published);
}

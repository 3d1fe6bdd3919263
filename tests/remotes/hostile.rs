//! What others may put into a remote: it harms nobody who takes it over.

use std::path::Path;
use std::process::Stdio;

use crate::bare::Bare;
use crate::home::{Machine, Transport, files_below};
use crate::life::{live_on, push_state};
use crate::plain_git::{self, git};

with_both_transports!(
    a_commit_with_names_that_lead_elsewhere_is_rejected,
    what_another_machine_damaged_harms_nobody,
);

/// A tree of these entries, as `git mktree` takes them: nobody checks them.
fn tree(bare: &Bare, entries: &[(&str, &str, &str)]) -> String {
    let kind = |mode: &str| match mode {
        "040000" => "tree",
        "160000" => "commit",
        _ => "blob",
    };
    let line =
        |(mode, id, name): &(&str, &str, &str)| format!("{mode} {} {id}\t{name}\n", kind(mode));
    let lines: String = entries.iter().map(line).collect();
    written(bare, &["mktree", "--missing"], &lines)
}

fn blob(bare: &Bare, text: &str) -> String {
    written(bare, &["hash-object", "-w", "--stdin"], text)
}

fn written(bare: &Bare, words: &[&str], text: &str) -> String {
    let mut command = plain_git::command(&bare.path(""));
    let command = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Puts a machine's folder that nobody could have made with git beside the others.
fn with_evil_machine(bare: &Bare) {
    let evil = blob(bare, "evil");
    let link = blob(bare, "/tmp");
    let dots = tree(bare, &[("100644", &evil, "escaped")]);
    let commit = bare.tip();
    let folder = tree(
        bare,
        &[
            ("100644", &evil, "-rf"),
            ("040000", &dots, ".."),
            ("040000", &dots, ".GIT"),
            ("040000", &dots, ".git"),
            ("120000", &link, "link"),
            ("160000", &commit, "module"),
            ("100644", &evil, "new\u{1b}line"),
        ],
    );
    let list = bare.git(&["ls-tree", "main:machines"]);
    let mut machines: Vec<_> = list.lines().map(|line| line.replace('\t', " ")).collect();
    machines.push(format!("040000 tree {folder} evil"));
    let machines = subtree(bare, &machines);
    let list = bare.git(&["ls-tree", "main"]);
    let others = list.lines().filter(|line| !line.ends_with("\tmachines"));
    let mut root: Vec<_> = others.map(|line| line.replace('\t', " ")).collect();
    root.push(format!("040000 tree {machines} machines"));
    root.push(format!("120000 blob {link} link"));
    let root = subtree(bare, &root);
    let commit = bare.git(&["commit-tree", &root, "-p", "main", "-m", "evil"]);
    bare.git(&["update-ref", "refs/heads/main", commit.trim()]);
}

fn subtree(bare: &Bare, entries: &[String]) -> String {
    let entries: Vec<_> = entries.iter().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
    let entries: Vec<_> = entries.iter().map(|words| (words[0], words[2], words[3])).collect();
    tree(bare, &entries)
}

fn a_commit_with_names_that_lead_elsewhere_is_rejected(transport: Transport) {
    let bare = Bare::new();
    let (anna, bert) = (Machine::new(transport), Machine::new(transport));
    live_on(&anna, "anna");
    live_on(&bert, "bert");
    anna.init(bare.url(), "anna");
    with_evil_machine(&bare);
    anna.append_session("-home-dev-anna", "anna-session-one", 12..13);
    let sync = anna.sync_unsent();
    assert_eq!(sync["push"]["code"], "commit-rejected", "{sync:#}");
    assert_eq!(anna.run(&["sync", "--full"]).code, 3);
    let status = anna.status();
    assert_eq!(status["rejected"]["commit"], bare.tip(), "{status:#}");
    assert_eq!(status["rejected"]["machine"], "evil");
    let joined = bert.run(&["init", "--backend", "git", "--remote", bare.url(), "--json"]);
    assert_eq!(joined.document(3)["sync"]["push"]["code"], "commit-rejected");

    let rejected = anna.json(&["machines", "reject", "evil"]);
    assert_eq!(rejected["push"]["state"], "pushed", "{rejected:#}");
    assert_eq!(push_state(&bert.sync()), "pushed");
    anna.sync();
    for machine in [&anna, &bert] {
        assert!(!machine.git(&["ls-tree", "HEAD:machines"]).contains("evil"));
        assert_eq!(machine.json(&["restore", "--all"])["ok"], true);
        let files = files_below(&machine.home(""));
        let odd = files.keys().filter(|path| path.to_string_lossy().contains("escaped"));
        assert_eq!(odd.collect::<Vec<_>>(), Vec::<&std::path::PathBuf>::new());
        assert!(!machine.backup("link").is_symlink());
        assert!(machine.listed().len() == 4 && machine.status()["health"] == "ok");
    }
    let settings = std::fs::read_to_string(anna.backup(".git/config")).unwrap();
    assert!(settings.contains("claude-backup"), "as it was");
}

fn what_another_machine_damaged_harms_nobody(transport: Transport) {
    let bare = Bare::new();
    let (anna, bert) = (Machine::new(transport), Machine::new(transport));
    live_on(&anna, "anna");
    live_on(&bert, "bert");
    anna.init(bare.url(), "anna");
    bert.init(bare.url(), "bert");
    let work = bare.cloned();
    let folder = work.path().join("machines/bert");
    damage(&folder.join("manifest.json"), b"{\"machineId\": 7, ");
    damage(
        &folder.join("ledger/-home-dev-bert.jsonl"),
        b"{\"path\": \"../../x\"}\nnonsense\n\xff\n",
    );
    damage(&folder.join("projects/-home-dev-bert/bert-session-two.jsonl.gz"), b"\x1f\x8b no gzip");
    git(work.path(), &["commit", "--quiet", "-am", "damage"]);
    git(work.path(), &["push", "--quiet", "origin", "HEAD:refs/heads/main"]);
    anna.append_session("-home-dev-anna", "anna-session-one", 12..13);
    assert_eq!(push_state(&anna.sync()), "pushed");
    assert!(anna.listed().contains(&("anna".into(), "anna-session-one".into())));
    let own = std::fs::read(anna.session("-home-dev-anna", "anna-session-one")).unwrap();
    assert_eq!(anna.stored("anna", "anna-session-one", &[]), own);
    // Whose folder it is has all of it here, and puts it right.
    bert.append_session("-home-dev-bert", "bert-session-one", 12..13);
    assert_eq!(bert.json(&["sync", "--full"])["ok"], true);
    for id in ["bert-session-one", "bert-session-two"] {
        let own = std::fs::read(bert.session("-home-dev-bert", id)).unwrap();
        assert_eq!(bert.stored("bert", id, &[]), own, "{id}");
        anna.sync();
        assert_eq!(anna.stored("bert", id, &[]), own, "{id}");
    }
}

fn damage(path: &Path, bytes: &[u8]) {
    assert!(path.exists(), "{}", path.display());
    std::fs::write(path, bytes).unwrap();
}

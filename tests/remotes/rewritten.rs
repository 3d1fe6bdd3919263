//! Remotes whose owner did something to them: nothing is lost, and the next run goes on.

use std::collections::BTreeMap;

use crate::bare::Bare;
use crate::home::{Machine, Transport};
use crate::life::{live_on, push_state};
use crate::plain_git::git;

with_both_transports!(
    moved_back_to_an_older_commit,
    begun_anew_from_an_older_state,
    emptied,
    emptied_while_all_were_offline,
    its_branch_was_renamed,
    its_branch_was_renamed_and_an_older_one_is_there_too,
    its_objects_were_packed_anew,
    somebody_put_a_file_there_by_hand,
);

/// Two machines that share a remote and have seen each other; `old` is from before the second.
struct Shared {
    bare: Bare,
    anna: Machine,
    bert: Machine,
    old: String,
    files: BTreeMap<String, String>,
}

fn shared(transport: Transport) -> Shared {
    let bare = Bare::new();
    let (anna, bert) = (Machine::new(transport), Machine::new(transport));
    live_on(&anna, "anna");
    live_on(&bert, "bert");
    anna.init(bare.url(), "anna");
    let old = bare.tip();
    bert.init(bare.url(), "bert");
    anna.append_session("-home-dev-anna", "anna-session-one", 12..15);
    anna.sync();
    bert.sync();
    let files = bare.files();
    Shared { bare, anna, bert, old, files }
}

impl Shared {
    /// All that was there is there again, and more comes on top.
    fn goes_on(&self) {
        assert_eq!(self.anna.json(&["sync"])["ok"], true);
        assert_eq!(self.bert.json(&["sync"])["ok"], true);
        self.has_everything();
        self.bert.append_session("-home-dev-bert", "bert-session-one", 12..15);
        assert_eq!(push_state(&self.bert.sync()), "pushed");
        self.anna.sync();
        assert_eq!((self.anna.listed(), self.bert.listed().len()), (self.bert.listed(), 4));
        for machine in [&self.anna, &self.bert] {
            machine.git(&["fsck", "--full", "--strict"]);
            assert_eq!(machine.git(&["status", "--porcelain"]), "");
            assert_eq!(machine.status()["health"], "ok");
        }
        self.bare.assert_whole();
    }

    fn has_everything(&self) {
        let now = self.bare.files();
        let is_there = |(path, blob): &(&String, &String)| {
            // These say what came later, too.
            let is_list = path.ends_with("manifest.json") || path.contains("/ledger/");
            now.get(*path).is_some_and(|now| is_list || now == *blob)
        };
        let lost: Vec<_> = self.files.iter().filter(|file| !is_there(file)).collect();
        assert_eq!(lost, Vec::<(&String, &String)>::new());
    }

    fn both_write(&self) {
        self.anna.write_session("-home-dev-anna", "written-offline-by-anna", 2);
        self.bert.write_session("-home-dev-bert", "written-offline-by-bert", 2);
    }
}

fn moved_back_to_an_older_commit(transport: Transport) {
    let shared = shared(transport);
    shared.bare.git(&["update-ref", "refs/heads/main", &shared.old]);
    shared.bare.git(&["reflog", "expire", "--expire=now", "--all"]);
    shared.bare.git(&["gc", "--quiet", "--prune=now"]);
    shared.goes_on();
}

fn begun_anew_from_an_older_state(transport: Transport) {
    let shared = shared(transport);
    let tree = format!("{}^{{tree}}", shared.old);
    let work = shared.bare.cloned();
    let orphan = git(work.path(), &["commit-tree", &tree, "-m", "smaller now"]);
    let refspec = format!("+{}:refs/heads/main", orphan.trim());
    git(work.path(), &["push", "--quiet", "origin", &refspec]);
    shared.goes_on();
}

fn emptied(transport: Transport) {
    let shared = shared(transport);
    shared.bare.make_again();
    shared.goes_on();
}

fn emptied_while_all_were_offline(transport: Transport) {
    let shared = shared(transport);
    shared.both_write();
    for machine in [&shared.anna, &shared.bert] {
        assert_eq!(push_state(&machine.json(&["sync", "--no-push"])), "later");
    }
    shared.bare.make_again();
    for machine in [&shared.bert, &shared.anna, &shared.bert] {
        assert_eq!(machine.json(&["sync"])["ok"], true);
    }
    shared.has_everything();
    assert_eq!((shared.anna.listed(), shared.bert.listed().len()), (shared.bert.listed(), 6));
    shared.bare.assert_whole();
}

fn rename_branch(bare: &Bare) {
    bare.git(&["branch", "-m", "main", "trunk"]);
    bare.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
}

fn its_branch_was_renamed(transport: Transport) {
    let shared = shared(transport);
    rename_branch(&shared.bare);
    shared.both_write();
    for machine in [&shared.anna, &shared.bert] {
        assert_eq!(push_state(&machine.sync()), "pushed");
    }
    assert_eq!(shared.bare.reference_names(), ["refs/heads/trunk"]);
    let new = Machine::new(transport);
    assert_eq!(new.init(shared.bare.url(), "carl")["joined"], true);
    assert_eq!(new.listed().len(), 6);
    shared.bare.assert_whole();
}

fn its_branch_was_renamed_and_an_older_one_is_there_too(transport: Transport) {
    let shared = shared(transport);
    rename_branch(&shared.bare);
    shared.bare.git(&["branch", "main", &shared.old]);
    shared.goes_on();
}

fn its_objects_were_packed_anew(transport: Transport) {
    let shared = shared(transport);
    shared.bare.git(&["-c", "pack.threads=1", "repack", "-a", "-d", "-f", "--quiet", "--depth=50"]);
    shared.goes_on();
    let new = Machine::new(transport);
    new.init(shared.bare.url(), "carl");
    assert_eq!(new.listed().len(), 4);
}

fn somebody_put_a_file_there_by_hand(transport: Transport) {
    let mut shared = shared(transport);
    let work = shared.bare.cloned();
    for name in ["README.md", "machines/anna/notes.txt", "machines/NOTES"] {
        std::fs::write(work.path().join(name), "What this is.\n").unwrap();
    }
    git(work.path(), &["add", "--all"]);
    git(work.path(), &["commit", "--quiet", "-m", "Say what this is"]);
    git(work.path(), &["push", "--quiet", "origin", "HEAD:refs/heads/main"]);
    shared.files = shared.bare.files();
    // This machine's folder is its own: what others put there it may take out again.
    shared.files.remove("machines/anna/notes.txt");
    shared.goes_on();
}

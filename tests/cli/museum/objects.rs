//! Single objects that git lost.

use super::{ALL, Exhibit, GONE, KEPT, LEDGER, RECORDS, git_file, lose, take};

impl Exhibit {
    /// A sync refuses; a repair makes it as good as new.
    fn needs_nothing_but_a_repair(self) {
        self.verify(&["history-damaged"])
            .sync_fails(RECORDS)
            .repair(&[])
            .sync(0, "")
            .now_whole_with(4);
    }
}

#[test]
fn a_blob_that_the_work_tree_has() {
    for piece in ALL {
        Exhibit::broken(|home| lose(home, &format!("HEAD:{}", piece.archive())))
            .gives_all()
            .read(&["git-damaged"])
            .sync(0, "")
            .gives_all()
            .repair(&[])
            .gives_all();
    }
}

#[test]
fn the_ledgers_blob() {
    let lost = || Exhibit::broken(|home| lose(home, &format!("HEAD:{LEDGER}")));
    lost().gives_all().verify(&["history-damaged"]).repair(&[]).sync(0, "").now_whole_with(4);
    // Once a newer one took its place, nobody has it.
    lost().sync(0, "").gives_all().verify(&[]).repair(&["history-damaged"]).gives_all();
}

#[test]
fn the_tree_of_the_sessions() {
    Exhibit::broken(|home| lose(home, "HEAD:machines/test-host/projects/-p"))
        .gives_all()
        .sync_fails(RECORDS)
        .gives_all()
        .needs_nothing_but_a_repair();
}

#[test]
fn the_tree_of_the_machine() {
    Exhibit::broken(|home| lose(home, "HEAD:machines/test-host")).needs_nothing_but_a_repair();
}

#[test]
fn the_tree_of_the_newest_backup() {
    Exhibit::broken(|home| lose(home, "HEAD^{tree}")).needs_nothing_but_a_repair();
}

#[test]
fn the_newest_commit() {
    Exhibit::broken(|home| lose(home, "HEAD")).status(1, RECORDS).needs_nothing_but_a_repair();
}

#[test]
fn the_newest_commit_and_the_branch() {
    let lost = || {
        Exhibit::broken(|home| {
            lose(home, "HEAD");
            take(&git_file(home, "refs/heads/main"));
        })
    };
    // An earlier commit is there, and would forget what only the newest has.
    lost().verify(&["history-damaged"]).repair(&[]).now_whole_with(3);
    lost().sync(0, "git knows of no backup any more").gives_all().read(&[]);
}

#[test]
fn an_older_commit() {
    // Only a copy elsewhere has it; what is saved now does not need it.
    Exhibit::broken(|home| lose(home, "HEAD~1"))
        .gives_all()
        .read(&["history-damaged"])
        .sync(0, "")
        .gives_all()
        .repair(&["history-damaged"])
        .gives_all();
}

#[test]
fn an_older_blob() {
    for (piece, kind) in [(KEPT, "history-damaged"), (GONE, "git-damaged")] {
        Exhibit::broken(|home| lose(home, &format!("HEAD~1:{}", piece.archive())))
            .gives_all()
            .read(&[kind])
            .sync(0, "")
            .gives_all()
            .repair(&[])
            .now_whole_with(4);
    }
}

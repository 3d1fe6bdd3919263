//! Packs and their indexes.

use super::{Exhibit, RECORDS, cut_in_half, git_file, pack, put, take};

impl Exhibit {
    /// A repair mends what it can and names the rest; a sync then goes on, and everything comes back.
    fn goes_on_without_its_history(self) {
        self.status(1, RECORDS)
            .verify(&["history-damaged"])
            .sync_fails("`claude-backup verify` tells what is left")
            .repair(&["history-damaged"])
            .says(&["verify", "--repair"], 1, "`claude-backup sync` goes on")
            .sync(0, "")
            .gives_all();
    }
}

#[test]
fn a_pack_without_an_index() {
    Exhibit::broken(|home| take(&pack(home, "idx")))
        .status(0, ".idx` was missing or damaged and was made again")
        .gives_all()
        .sync(0, "")
        .now_whole_with(4);
}

#[test]
fn an_index_that_is_empty_torn_or_garbage() {
    let whole = |home: &crate::sandbox::Sandbox| std::fs::read(pack(home, "idx")).unwrap();
    let torn: [fn(Vec<u8>) -> Vec<u8>; 3] =
        [|_| Vec::new(), |bytes| bytes[..bytes.len() / 2].to_vec(), |_| vec![7; 3000]];
    for tear in torn {
        Exhibit::broken(|home| put(&pack(home, "idx"), tear(whole(home))))
            .gives_all()
            .sync(0, "")
            .now_whole_with(4);
    }
}

#[test]
fn an_old_pack_without_an_index() {
    // The newest backup can be read without it, so only the next run looks.
    Exhibit::broken(|home| {
        home.pass_minutes(24 * 60);
        home.append_session("-p", super::CHANGED.id, 64..70).sync();
        home.write(
            home.session("-p", super::CHANGED.id),
            crate::sandbox::conversation(super::CHANGED.id, 50..64),
        );
        home.sync();
        let indexes = home.packs("idx").into_iter();
        let old = indexes.filter(|index| !index.with_extension("keep").exists());
        old.for_each(|index| take(&index));
    })
    .says(&["sync"], 0, "");
}

// Of these the newest backup is made again, from what the folder, git's index and the log tell.

#[test]
fn a_pack_cut_in_half() {
    Exhibit::broken(|home| cut_in_half(&pack(home, "pack"))).goes_on_without_its_history();
}

#[test]
fn an_empty_pack() {
    Exhibit::broken(|home| put(&pack(home, "pack"), "")).goes_on_without_its_history();
}

#[test]
fn no_pack() {
    Exhibit::broken(|home| ["pack", "idx", "keep"].iter().for_each(|end| take(&pack(home, end))))
        .goes_on_without_its_history();
}

#[test]
fn objects_elsewhere_that_are_not_there() {
    Exhibit::broken(|home| put(&git_file(home, "objects/info/alternates"), "/nowhere/objects\n"))
        .verify(&[])
        .sync(0, "")
        .gives_all()
        .read(&[]);
}

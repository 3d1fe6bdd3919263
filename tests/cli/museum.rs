//! A museum of broken repositories, each made from a good one by what breaks it.
//!
//! Beside every exhibit stands what the commands must say of it and do. In all rooms the same holds:
//! nobody panics, what is given back is given back byte for byte, and what cannot be given back is
//! refused with a code that is not 0.

mod archives;
mod bombs;
mod branch;
mod layouts;
mod ledgers;
mod locks;
mod manifests;
mod objects;
mod packs;
mod places;
mod screens;
mod settings;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::sandbox::{Ran, Sandbox, conversation};

const PROJECT: &str = "-p";
/// What is said where git lost something that the newest backup needs.
const RECORDS: &str = "git's records of what is stored are damaged";
const LEDGER: &str = "machines/test-host/ledger/-p.jsonl";

/// Something that was saved and must come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    id: &'static str,
    version: &'static str,
}

/// Saved three times as it grew; still at the source.
const KEPT: Piece = Piece { id: "aaaaaaaa-1111-4111-8111-111111111111", version: "0" };
/// Gone from the source: the backup has the only copy.
const GONE: Piece = Piece { id: "bbbbbbbb-2222-4222-8222-222222222222", version: "0" };
/// Rewritten at the source.
const CHANGED: Piece = Piece { id: "cccccccc-3333-4333-8333-333333333333", version: "0" };
/// What it was before: the only copy as well.
const EARLIER: Piece = Piece { version: "1", ..CHANGED };
const ALL: [Piece; 4] = [KEPT, GONE, CHANGED, EARLIER];

/// A repository behind glass.
struct Exhibit {
    home: Sandbox,
    /// So many messages of the session that grows are saved.
    saved: usize,
}

impl Piece {
    /// The archive below the root.
    fn archive(self) -> String {
        let Self { id, version } = self;
        match version {
            "0" => format!("machines/test-host/projects/{PROJECT}/{id}.jsonl.gz"),
            _ => format!("machines/test-host/versions/{PROJECT}/{id}/{version}.gz"),
        }
    }
}

impl Exhibit {
    /// Three sessions and a config file after three backups of one day.
    fn good() -> Self {
        let home = Sandbox::new();
        home.write_session(PROJECT, KEPT.id, 20).write_session(PROJECT, GONE.id, 12);
        home.write_session(PROJECT, CHANGED.id, 10).write(".claude/CLAUDE.md", "be kind\n").init();
        home.append_session(PROJECT, KEPT.id, 20..30);
        home.write(home.session(PROJECT, CHANGED.id), conversation(CHANGED.id, 50..64)).sync();
        home.append_session(PROJECT, KEPT.id, 30..40);
        home.remove(home.session(PROJECT, GONE.id)).sync();
        Self { home, saved: 40 }
    }

    fn broken(breaking: impl FnOnce(&Sandbox)) -> Self {
        let good = Self::good();
        breaking(&good.home);
        good
    }

    /// What `status` says in this exhibit, and how it ends.
    fn status(self, code: u8, words: &str) -> Self {
        self.says(&["status"], code, words)
    }

    fn says(self, arguments: &[&str], code: u8, words: &str) -> Self {
        let ran = self.home.run(arguments).fails(code);
        assert!(ran.both().contains(words), "{words:?} in {arguments:?}: {}", ran.both());
        self
    }

    /// The kinds of problems that `verify` finds by names and sizes.
    fn verify(self, kinds: &[&str]) -> Self {
        assert_eq!(self.problems(&[]), kinds, "verify");
        self
    }

    /// The same where every byte is read.
    fn read(self, kinds: &[&str]) -> Self {
        assert_eq!(self.problems(&["--read"]), kinds, "verify --read");
        self
    }

    /// What `verify --read --repair` leaves.
    fn repair(self, kinds: &[&str]) -> Self {
        assert_eq!(self.problems(&["--read", "--repair"]), kinds, "verify --repair");
        self
    }

    fn problems(&self, arguments: &[&str]) -> Vec<String> {
        let ran = self.home.run(&[&["verify", "--json"], arguments].concat());
        let found: Value = serde_json::from_slice(ran.bytes())
            .unwrap_or_else(|error| panic!("{error}: {}", ran.both()));
        let problems = found["problems"].as_array().unwrap().iter();
        let mut kinds: Vec<_> =
            problems.map(|problem| problem["kind"].as_str().unwrap().to_owned()).collect();
        let _ = ran.fails(u8::from(!kinds.is_empty()));
        kinds.sort();
        kinds.dedup();
        kinds
    }

    /// A session grows and is saved; what `sync` says, and how it ends.
    fn sync(mut self, code: u8, words: &str) -> Self {
        let grown = conversation(KEPT.id, 0..self.saved + 5);
        self.home.write(self.home.session(PROJECT, KEPT.id), grown).pass_minutes(2);
        self = self.says(&["sync"], code, words);
        self.saved += 5;
        self
    }

    /// A sync that cannot save what grew.
    fn sync_fails(self, words: &str) -> Self {
        let grown = conversation(KEPT.id, 0..self.saved + 5);
        self.home.write(self.home.session(PROJECT, KEPT.id), grown).pass_minutes(2);
        self.says(&["sync"], 1, words)
    }

    /// Everything that was ever saved comes back.
    fn gives_all(self) -> Self {
        self.gives_all_but(&[])
    }

    /// Everything comes back but these, which are refused.
    fn gives_all_but(self, lacking: &[Piece]) -> Self {
        for piece in ALL {
            let ran = self.give_back(piece);
            if lacking.contains(&piece) {
                assert_ne!(ran.code(), 0, "{piece:?}: {}", ran.both());
            } else {
                let is_same = ran.bytes() == self.text(piece).as_bytes();
                assert!(is_same && ran.code() == 0, "{piece:?}: {}", ran.both());
            }
        }
        self
    }

    fn give_back(&self, piece: Piece) -> Ran {
        self.home.run(&["restore", piece.id, "--version", piece.version, "--stdout"])
    }

    fn text(&self, piece: Piece) -> String {
        let messages = match piece {
            KEPT => 0..self.saved,
            GONE => 0..12,
            CHANGED => 50..64,
            _ => 0..10,
        };
        conversation(piece.id, messages)
    }

    /// Nothing is wrong any more, by our own reading and by git's.
    fn now_whole(self) -> Self {
        let whole = self.verify(&[]).read(&[]).gives_all();
        whole.home.assert_git_clean();
        whole
    }

    /// The same, with this many backups in its history.
    fn now_whole_with(self, commits: usize) -> Self {
        let whole = self.now_whole();
        assert_eq!(whole.home.commits(), commits);
        whole
    }
}

/// A file of `.git`.
fn git_file(home: &Sandbox, name: &str) -> PathBuf {
    home.backup(".git").join(name)
}

/// Replaces a file, whatever its mode, or what else stands there.
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    take(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Removes a file or a folder, if it is there.
fn take(path: &Path) {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path).unwrap(),
        Ok(_) => std::fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

fn cut_in_half(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    put(path, &bytes[..bytes.len() / 2]);
}

/// The one pack of a good exhibit, or its index.
fn pack(home: &Sandbox, extension: &str) -> PathBuf {
    home.packs(extension).remove(0)
}

/// Takes an object out of git: the pack is cut into loose ones first, as git would.
fn lose(home: &Sandbox, name: &str) {
    let id = home.git(&["rev-parse", name]);
    loosen(home);
    take(&loose(home, id.trim()));
}

fn loose(home: &Sandbox, id: &str) -> PathBuf {
    git_file(home, &format!("objects/{}/{}", &id[..2], &id[2..]))
}

fn loosen(home: &Sandbox) {
    let pack = pack(home, "pack");
    let aside = home.home("aside.pack");
    std::fs::rename(&pack, &aside).unwrap();
    ["idx", "keep"].iter().for_each(|end| take(&pack.with_extension(end)));
    let mut git = std::process::Command::new("git");
    git.arg("-C").arg(home.backup("")).args(["unpack-objects", "-q"]);
    let packed = std::fs::File::open(&aside).unwrap();
    assert!(git.stdin(packed).status().unwrap().success());
    take(&aside);
}

/// Commits the folder as it lies there, by hand.
fn commit_by_hand(home: &Sandbox) {
    home.git(&["add", "-A"]);
    commit_index(home);
}

fn commit_index(home: &Sandbox) {
    let words = ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty"];
    home.git(&[&words[..], &["-m", "by hand"]].concat());
}

/// Changes the lines of the project's ledger in the work tree.
fn edit_lines(home: &Sandbox, mut edit: impl FnMut(&mut Value)) {
    let text = std::fs::read_to_string(home.backup(LEDGER)).unwrap();
    let edited = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        edit(&mut line);
        format!("{line}\n")
    });
    put(&home.backup(LEDGER), edited.collect::<String>());
}

#[test]
fn a_good_one_for_comparison() {
    Exhibit::good().status(0, "lost 10 messages").now_whole_with(3).sync(0, "").now_whole_with(4);
}

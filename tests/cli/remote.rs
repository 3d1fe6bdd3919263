//! Several machines and one remote: joining, taking turns, meeting.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::sandbox::Sandbox;

/// A bare repository by path.
struct Remote(tempfile::TempDir);

impl Remote {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(folder.path().join("backup.git")).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("backup.git")
    }

    fn url(&self) -> String {
        self.path().display().to_string()
    }

    /// Asks the real git about it.
    fn git(&self, arguments: &[&str]) -> String {
        Sandbox::new().git_in(&self.path(), arguments)
    }

    /// The paths at its branch.
    fn files(&self) -> Vec<String> {
        let names = self.git(&["ls-tree", "-r", "-z", "--name-only", "main"]);
        names.split_terminator('\0').map(str::to_owned).collect()
    }

    fn assert_whole(&self) {
        self.git(&["fsck", "--full", "--strict"]);
    }
}

/// A machine that sends its copies to this remote; it joins what is there.
fn machine(host: &str, remote: &Remote) -> Sandbox {
    let machine = Sandbox::new().named(host);
    machine.write_session("-home-dev-work-alpha", &id_of(host), 4);
    join(&machine, remote, &[]);
    machine
}

fn id_of(host: &str) -> String {
    format!("{host:0<8.8}-0000-4000-8000-000000000000")
}

fn join(machine: &Sandbox, remote: &Remote, more: &[&str]) -> Value {
    let url = remote.url();
    machine.accept(&[&["init", "--backend", "git", "--remote", &url][..], more].concat())
}

fn listed(machine: &Sandbox) -> Vec<String> {
    let list = machine.json(&["restore", "--list"]);
    let sessions = list["sessions"].as_array().unwrap();
    let mut names: Vec<String> = sessions
        .iter()
        .map(|s| format!("{}/{}", s["machine"].as_str().unwrap(), s["uuid"].as_str().unwrap()))
        .collect();
    names.sort();
    names
}

#[test]
fn the_first_machine_sends_everything() {
    let remote = Remote::new();
    let laptop = Sandbox::new().named("laptop");
    laptop.write_session("-p", "11111111-0000-4000-8000-000000000000", 3);
    let init = join(&laptop, &remote, &[]);
    assert_eq!((&init["joined"], &init["mode"]), (&Value::Bool(false), &"git".into()));
    assert_eq!(init["sync"]["push"]["state"], "pushed");
    assert!(remote.files().iter().any(|name| name.starts_with("machines/laptop/projects/-p/1")));
    remote.assert_whole();
    let again = laptop.sync();
    assert_eq!(
        (&again["pushed"], &again["push"]["state"]),
        (&Value::Bool(false), &"up-to-date".into())
    );
    laptop.assert_git_clean();
    assert_eq!(laptop.git(&["status", "-sb"]), "## main...origin/main\n");
}

#[test]
fn a_new_machine_joins_and_gets_everything_back() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    let session = laptop.session("-home-dev-work-alpha", &id_of("laptop"));
    let desktop = Sandbox::new().named("desktop");
    let init = join(&desktop, &remote, &["--restore", "all"]);
    assert_eq!((&init["joined"], &init["machineSlug"]), (&Value::Bool(true), &"desktop".into()));
    assert_eq!(init["restored"]["restored"], 1);
    let back = desktop.session("-home-dev-work-alpha", &id_of("laptop"));
    assert_eq!(std::fs::read(back).unwrap(), std::fs::read(session).unwrap());
    desktop.assert_git_clean();
    remote.assert_whole();
}

#[test]
fn machines_that_take_turns_see_each_other() {
    let remote = Remote::new();
    let (one, two) = (machine("one", &remote), machine("two", &remote).with_git());
    for round in 0..5 {
        for machine in [&one, &two] {
            let host = machine.env().host;
            let from = 4 + 2 * round;
            machine.append_session("-home-dev-work-alpha", &id_of(&host), from..from + 2);
            let sync = machine.sync();
            assert_eq!(sync["push"]["state"], "pushed", "{host} in round {round}");
            machine.assert_git_clean();
        }
    }
    one.sync();
    let sent_with = |machine: &Sandbox| machine.json(&["status"])["push"]["transport"].to_string();
    assert!(sent_with(&one).contains("libgit2") && sent_with(&two).contains("git 2."));
    let all = [format!("one/{}", id_of("one")), format!("two/{}", id_of("two"))];
    assert_eq!(listed(&one), all);
    assert_eq!(listed(&two), all);
    remote.assert_whole();
}

#[test]
fn what_could_not_be_sent_is_sent_later_even_when_nothing_changed() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    let away = remote.0.path().join("away.git");
    std::fs::rename(remote.path(), &away).unwrap();
    laptop.append_session("-home-dev-work-alpha", &id_of("laptop"), 4..6);
    laptop.pass_minutes(1);
    let failed = laptop.run(&["sync", "--json"]).fails(3).json();
    assert_eq!(
        (&failed["pushed"], &failed["push"]["state"]),
        (&Value::Bool(false), &"failed".into())
    );
    assert_eq!(failed["push"]["code"], "unreachable");
    let status = laptop.json(&["status"]);
    assert_eq!((&status["health"], &status["push"]["owed"]), (&"not-pushed".into(), &1.into()));
    assert!(status["push"]["error"].is_string());
    std::fs::rename(&away, remote.path()).unwrap();
    assert_eq!(laptop.sync()["push"]["state"], "pushed");
    let status = laptop.json(&["status"]);
    assert_eq!((&status["health"], &status["push"]["owed"]), (&"ok".into(), &0.into()));
}

#[test]
fn two_machines_of_one_name_get_two_folders() {
    let remote = Remote::new();
    let first = machine("laptop", &remote);
    let second = Sandbox::new().named("laptop");
    second.write_session("-p", "22222222-0000-4000-8000-000000000000", 2);
    let init = join(&second, &remote, &[]);
    assert_eq!(init["machineSlug"], "laptop-2");
    let told = init["warnings"][0].as_str().unwrap();
    assert!(told.contains("`laptop`") && told.contains("`laptop-2`"), "{told}");
    let sync = second.sync();
    assert_eq!(sync.get("warnings"), None, "told once");
    first.sync();
    let all = [
        format!("laptop-2/{}", "22222222-0000-4000-8000-000000000000"),
        format!("laptop/{}", id_of("laptop")),
    ];
    assert_eq!(listed(&first), all);
    assert_eq!(listed(&second), all);
}

#[test]
fn twins_that_met_too_late_part_with_all_they_have() {
    let remote = Remote::new();
    let (first, second) = (Sandbox::new().named("laptop"), Sandbox::new().named("laptop"));
    for (machine, id) in [(&first, "11111111-0"), (&second, "22222222-0")] {
        machine.write_session("-p", id, 2).init();
        machine.append_session("-p", id, 2..4).sync();
        let url = remote.url();
        let set = machine.json(&["backend", "set", "git", "--remote", &url]);
        assert_eq!(set["push"]["state"], "pushed");
    }
    second.assert_git_clean();
    assert!(!second.stored("../laptop/projects/-p/22222222-0.jsonl.gz").exists());
    first.sync();
    let all = ["laptop-2/22222222-0", "laptop/11111111-0"];
    assert_eq!(listed(&first), all);
    assert_eq!(listed(&second), all);
    assert_eq!(second.json(&["status"])["machineSlug"], "laptop-2");
    first.assert_git_clean();
    remote.assert_whole();
}

#[test]
fn a_reinstalled_machine_takes_its_folder_back() {
    let remote = Remote::new();
    let before = machine("laptop", &remote);
    let bytes = std::fs::read(before.session("-home-dev-work-alpha", &id_of("laptop"))).unwrap();
    let after = Sandbox::new().named("laptop");
    let init = join(&after, &remote, &["--machine", "laptop", "--restore", "all"]);
    assert_eq!(init["machineSlug"], "laptop");
    let back = after.session("-home-dev-work-alpha", &id_of("laptop"));
    assert_eq!(std::fs::read(back).unwrap(), bytes);
    assert_eq!(after.json(&["status"])["gone"], 0);
    assert_eq!(listed(&after), [format!("laptop/{}", id_of("laptop"))]);
}

#[test]
fn a_disk_image_on_which_nothing_happened_since_follows_the_remote() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    let id = id_of("laptop");
    let image = Image::of(&laptop);
    laptop.append_session("-home-dev-work-alpha", &id, 4..8);
    laptop.write_session("-p", "33333333-0", 2).sync();
    let newest = remote.git(&["rev-parse", "main"]);
    image.put_back(&laptop);
    let sync = laptop.sync();
    assert_eq!(laptop.git(&["rev-parse", "HEAD"]), newest);
    assert_eq!(sync.get("warnings"), None);
    assert_eq!(listed(&laptop), ["laptop/33333333-0", &format!("laptop/{id}")]);
    laptop.assert_git_clean();
}

#[test]
fn a_disk_image_that_was_put_back_loses_nothing() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    let id = id_of("laptop");
    let image = Image::of(&laptop);
    laptop.append_session("-home-dev-work-alpha", &id, 4..8);
    laptop.write_session("-p", "33333333-0", 2).sync();
    let grown = std::fs::read(laptop.session("-home-dev-work-alpha", &id)).unwrap();
    image.put_back(&laptop);
    // On the old image the session goes on differently, and another one begins.
    laptop.append_session("-home-dev-work-alpha", &id, 20..22);
    laptop.write_session("-p", "44444444-0", 2);
    let other = std::fs::read(laptop.session("-home-dev-work-alpha", &id)).unwrap();
    let sync = laptop.sync();
    assert_eq!(sync["push"]["state"], "pushed", "{sync}");
    laptop.assert_git_clean();
    remote.assert_whole();
    assert_eq!(laptop.output_of(&["restore", &id, "--version", "0", "--stdout"]), other);
    assert_eq!(laptop.output_of(&["restore", &id, "--version", "1", "--stdout"]), grown);
    let ids = ["33333333-0", "44444444-0", &id].map(|id| format!("laptop/{id}"));
    assert_eq!(listed(&laptop), ids);
    let again = laptop.sync();
    assert_eq!(laptop.json(&["status"])["gone"], 1, "{again}");
}

/// A copy of a machine's disk.
struct Image(tempfile::TempDir);

impl Image {
    fn of(machine: &Sandbox) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&machine.home(""), folder.path());
        Self(folder)
    }

    fn put_back(&self, machine: &Sandbox) {
        machine.remove(".claude").remove(".claude-backup");
        copy(self.0.path(), &machine.home(""));
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let to = to.join(entry.path().strip_prefix(from).unwrap());
        match entry.file_type().is_dir() {
            true => std::fs::create_dir_all(&to).unwrap(),
            false => drop(std::fs::copy(entry.path(), &to).unwrap()),
        }
    }
}

#[test]
fn a_remote_that_was_emptied_gets_everything_again() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    machine("desktop", &remote);
    laptop.sync();
    std::fs::remove_dir_all(remote.path()).unwrap();
    git2::Repository::init_bare(remote.path()).unwrap();
    assert_eq!(laptop.sync()["push"]["state"], "pushed");
    assert!(remote.files().iter().any(|name| name.starts_with("machines/desktop/projects/")));
    remote.assert_whole();
}

#[test]
fn a_remote_whose_history_was_rewritten_loses_nothing_here() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    let begun = laptop.git(&["rev-parse", "HEAD"]);
    let desktop = machine("desktop", &remote);
    laptop.append_session("-home-dev-work-alpha", &id_of("laptop"), 4..6).sync();
    // Somebody begins anew at the remote: another root, with the first state of the laptop alone.
    let tree = remote.git(&["rev-parse", &format!("{}^{{tree}}", begun.trim())]);
    let new = remote.git(&[
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@y",
        "commit-tree",
        "-m",
        "anew",
        tree.trim(),
    ]);
    remote.git(&["update-ref", "refs/heads/main", new.trim()]);
    let sync = laptop.sync();
    assert_eq!(sync["push"]["state"], "pushed", "{sync}");
    assert!(sync["warnings"].to_string().contains("rewritten"), "{sync}");
    assert_eq!(listed(&laptop).len(), 2);
    desktop.append_session("-home-dev-work-alpha", &id_of("desktop"), 4..6).sync();
    laptop.sync();
    assert_eq!(listed(&laptop).len(), 2);
    assert_eq!(listed(&desktop).len(), 2);
    laptop.assert_git_clean();
    desktop.assert_git_clean();
    remote.assert_whole();
}

/// Removes paths at the remote, as a person with a clone would.
fn remove_at(remote: &Remote, path: &str) {
    let clone = tempfile::tempdir().unwrap();
    let person = Sandbox::new();
    person.git_in(clone.path(), &["clone", "-q", "-b", "main", &remote.url(), "."]);
    person.git_in(clone.path(), &["rm", "-qr", path]);
    let commit = ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "remove"];
    person.git_in(clone.path(), &commit);
    person.git_in(clone.path(), &["push", "-q", "origin", "main"]);
}

#[test]
fn what_somebody_removed_at_the_remote_stays_in_this_machines_backup() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    let other = "33333333-0000-4000-8000-000000000000";
    laptop.write_session("-q", other, 2).sync();
    laptop.remove(laptop.session("-q", other)).sync();
    for path in ["machines/laptop/projects/-q", "machines/laptop"] {
        remove_at(&remote, path);
        assert_eq!(laptop.sync()["push"]["state"], "pushed");
        assert_eq!(laptop.run(&["restore", other, "--stdout"]).success().bytes().len(), {
            crate::sandbox::conversation(other, 0..2).len()
        });
        laptop.assert_git_clean();
        assert!(remote.files().contains(&format!("machines/laptop/projects/-q/{other}.jsonl.gz")));
    }
}

#[test]
fn a_branch_that_was_renamed_is_followed() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    remote.git(&["branch", "-m", "main", "trunk"]);
    remote.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    laptop.append_session("-home-dev-work-alpha", &id_of("laptop"), 4..6);
    assert_eq!(laptop.sync()["push"]["state"], "pushed");
    assert_eq!(remote.git(&["for-each-ref", "--format=%(refname)"]), "refs/heads/trunk\n");
}

#[test]
fn something_else_than_a_backup_is_not_written_to() {
    let remote = Remote::new();
    let work = tempfile::tempdir().unwrap();
    let person = Sandbox::new();
    person.git_in(work.path(), &["init", "-q", "-b", "main"]);
    std::fs::write(work.path().join("code.rs"), "fn main() {}").unwrap();
    person.git_in(work.path(), &["add", "."]);
    person
        .git_in(work.path(), &["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x"]);
    person.git_in(work.path(), &["push", "-q", &remote.url(), "main"]);
    let machine = Sandbox::new();
    let url = remote.url();
    let error = machine.run(&["init", "--backend", "git", "--remote", &url, "--json"]).fails(1);
    assert_eq!(error.json_error()["code"], "refused");
    assert!(!machine.backup("").exists(), "everything is as before");
    assert_eq!(remote.files(), ["code.rs"]);
}

/// Somebody who works on the remote with plain git.
struct Person {
    clone: TempDir,
    git: Sandbox,
}

impl Person {
    fn at(remote: &Remote) -> Self {
        let (clone, git) = (tempfile::tempdir().unwrap(), Sandbox::new());
        git.git_in(clone.path(), &["init", "-q", "-b", "main"]);
        git.git_in(clone.path(), &["remote", "add", "origin", &remote.url()]);
        let person = Self { clone, git };
        if !remote.git(&["for-each-ref"]).is_empty() {
            person.git(&["pull", "-q", "origin", "main"]);
        }
        person
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.git.git_in(self.clone.path(), arguments)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.clone.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    fn publish(&self) {
        self.git(&["add", "-A"]);
        self.git(&["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "by hand"]);
        self.git(&["push", "-q", "origin", "main"]);
    }
}

#[test]
fn another_remote_that_is_in_use_gets_what_it_lacks() {
    let (old, new) = (Remote::new(), Remote::new());
    let one = machine("one", &old);
    machine("two", &old);
    one.sync();
    machine("three", &new);
    one.json(&["backend", "set", "git", "--remote", &new.url()]);
    let names = ["one", "three", "two"].map(|name| format!("{name}/{}", id_of(name)));
    assert_eq!(listed(&one), names);
    assert!(new.files().iter().any(|name| name.starts_with("machines/two/projects/")));
    one.assert_git_clean();
    new.assert_whole();
}

#[test]
fn a_machine_that_gets_another_name_takes_its_history_along() {
    let remote = Remote::new();
    machine("laptop", &remote);
    let second = Sandbox::new().named("laptop");
    second.write(".claude/CLAUDE.md", "state 0").init();
    for state in 1..4 {
        second.write(".claude/CLAUDE.md", format!("state {state}")).sync();
    }
    second.json(&["backend", "set", "git", "--remote", &remote.url()]);
    let path = "machines/laptop-2/config/CLAUDE.md";
    let commits = remote.git(&["log", "--format=%H", "main", "--", path]);
    let states: Vec<String> =
        commits.lines().map(|id| remote.git(&["show", &format!("{id}:{path}")])).collect();
    assert_eq!(states, ["state 3", "state 2", "state 1", "state 0"]);
}

#[test]
fn a_project_folder_of_somebody_elses_is_no_backup() {
    let remote = Remote::new();
    Person::at(&remote).write("projects/app/main.rs", "fn main() {}").publish();
    let machine = Sandbox::new();
    let arguments = ["init", "--remote", &remote.url(), "--json"];
    assert_eq!(machine.run(&arguments).fails(1).json_error()["code"], "refused");
    assert_eq!(remote.files(), ["projects/app/main.rs"]);
}

#[test]
fn a_flat_backup_at_a_remote_is_taken_over_by_the_machine_that_says_so_alone() {
    let remote = Remote::new();
    let old = Sandbox::new();
    let id = "55555555-0000-4000-8000-000000000000";
    old.write_session("-p", id, 3).init();
    let archive = std::fs::read(old.stored(format!("projects/-p/{id}.jsonl.gz"))).unwrap();
    let path = format!("projects/-p/{id}.jsonl.gz");
    Person::at(&remote).write(&path, &archive).publish();
    let newcomer = Sandbox::new().named("newcomer");
    let init = join(&newcomer, &remote, &[]);
    assert!(init["warnings"][0].as_str().unwrap().contains("--machine"), "{init}");
    assert!(remote.files().contains(&path));
    assert_eq!(listed(&newcomer), [""; 0]);
    let owner = Sandbox::new().named("owner");
    join(&owner, &remote, &["--machine", "owner", "--restore", "all"]);
    assert_eq!(listed(&owner), [format!("owner/{id}")]);
}

#[test]
fn a_machine_of_the_shell_tool_can_be_taken_back_by_name() {
    let remote = Remote::new();
    let old = Sandbox::new();
    let id = "66666666-0000-4000-8000-000000000000";
    old.write_session("-p", id, 3).init();
    let archive = std::fs::read(old.stored(format!("projects/-p/{id}.jsonl.gz"))).unwrap();
    let person = Person::at(&remote);
    person.write(&format!("machines/studio/projects/-p/{id}.jsonl.gz"), &archive);
    person.write("machines/studio/manifest.json", "{\"machineSlug\":\"studio\"}").publish();
    let studio = Sandbox::new().named("studio");
    let init = join(&studio, &remote, &["--machine", "studio", "--restore", "all"]);
    assert_eq!(
        (&init["machineSlug"], &init["restored"]["restored"]),
        (&"studio".into(), &1.into())
    );
    let back = std::fs::read_to_string(studio.session("-p", id)).unwrap();
    assert_eq!(back, crate::sandbox::conversation(id, 0..3));
    assert_eq!(listed(&studio), [format!("studio/{id}")]);
}

#[test]
fn what_another_machine_sent_cannot_stop_this_one() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    Person::at(&remote)
        .write("machines/zzz/manifest.json/x", "a folder where a file belongs")
        .write("machines/yyy/manifest.json", "<<<<<<< HEAD\n{}\n")
        .publish();
    for round in 0..2 {
        let from = 4 + 2 * round;
        laptop.append_session("-home-dev-work-alpha", &id_of("laptop"), from..from + 2);
        assert_eq!(laptop.sync()["push"]["state"], "pushed");
    }
    laptop.assert_git_clean();
}

#[test]
fn nothing_behind_a_link_is_touched() {
    let remote = Remote::new();
    let laptop = machine("laptop", &remote);
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("taxes.txt"), "mine").unwrap();
    std::fs::write(elsewhere.path().join("same.txt"), "same").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), laptop.backup("docs")).unwrap();
    let person = Person::at(&remote);
    person.write("docs/taxes.txt", "theirs").write("docs/same.txt", "same").publish();
    laptop.sync();
    person.git(&["pull", "-q", "--rebase", "origin", "main"]);
    person.git(&["rm", "-qr", "docs"]);
    person.publish();
    laptop.sync();
    let files = |name: &str| std::fs::read_to_string(elsewhere.path().join(name)).unwrap();
    assert_eq!((files("taxes.txt").as_str(), files("same.txt").as_str()), ("mine", "same"));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 2);
}

#[test]
fn two_copies_of_one_machine_grow_no_version_for_each_sync() {
    let remote = Remote::new();
    let one = machine("one", &remote);
    one.write(".claude/history.jsonl", "{\"display\":\"start\"}\n").sync();
    let two = Sandbox::new().named("one");
    copy(&one.home(""), &two.home(""));
    for round in 0..5 {
        for (name, copy) in [("one", &one), ("two", &two)] {
            let path = copy.claude("history.jsonl");
            let text = std::fs::read_to_string(&path).unwrap();
            copy.write(path, format!("{text}{{\"display\":\"{name} {round}\"}}\n"));
            assert_eq!(copy.sync()["push"]["state"], "pushed");
        }
    }
    let versions = remote.files().iter().filter(|name| name.contains("/versions/")).count();
    assert!(versions <= 2, "{versions}");
    let all = remote.git(&["log", "--format=", "--name-only", "main"]);
    assert!(all.contains("history.jsonl.gz"));
    remote.assert_whole();
}

#[test]
fn another_machines_file_that_had_no_room_comes_later() {
    let remote = Remote::new();
    let (one, two) = (machine("one", &remote), machine("two", &remote));
    two.write_session("-q", "99999999-0", 2).sync();
    let place = one.backup("machines/two/projects/-q/99999999-0.jsonl.gz");
    std::fs::create_dir_all(place.join("in-the-way")).unwrap();
    std::fs::write(place.join("in-the-way/file"), "mine").unwrap();
    assert!(one.sync()["warnings"][0].as_str().unwrap().contains("not in the work tree yet"));
    std::fs::remove_dir_all(&place).unwrap();
    one.sync();
    assert!(place.is_file());
    one.assert_git_clean();
}

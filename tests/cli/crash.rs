//! What an interruption leaves, and that the next run heals it without being asked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::killing::{Seeded, append, contents, finish, kill_after, lines, number, process, timed};
use crate::mounted::SmallDisk;
use crate::sandbox::{Sandbox, conversation, set_mode};
use crate::skipped::say_skipped;

const A: &str = "aaaaaaaa-1111-4111-8111-111111111111";
const B: &str = "bbbbbbbb-2222-4222-8222-222222222222";
const ARCHIVE: &str = "projects/-p/aaaaaaaa-1111-4111-8111-111111111111.jsonl.gz";

/// A backup of two sessions and a skill.
fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", A, 40).write_session("-q", B, 20);
    sandbox.write(".claude/skills/x/SKILL.md", "text\n").init();
    sandbox
}

/// Everything comes back as it is at the source, and git has nothing to complain about.
fn assert_whole(sandbox: &Sandbox) {
    sandbox.assert_git_clean();
    let expected = contents(&sandbox.claude(""));
    std::fs::rename(sandbox.claude(""), sandbox.home("before")).unwrap();
    let ran = sandbox.run(&["restore", "--all"]).success();
    assert_eq!(ran.talk(), "");
    assert_eq!(contents(&sandbox.claude("")), expected);
    sandbox.remove(".claude");
    std::fs::rename(sandbox.home("before"), sandbox.claude("")).unwrap();
}

fn private(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.backup(".git/claude-backup").join(name)
}

/// The journal of a run that moved the branch and died before the files had their names.
fn write_journal(sandbox: &Sandbox, names: &[&str]) {
    let files = names.iter().map(|name| {
        let name = format!("machines/test-host/{name}");
        let line = sandbox.git(&["ls-tree", "HEAD", &name]);
        (name, line.split_whitespace().nth(2).map(str::to_owned))
    });
    let files: std::collections::BTreeMap<String, Option<String>> = files.collect();
    std::fs::write(private(sandbox, "journal"), serde_json::to_string(&files).unwrap()).unwrap();
}

#[test]
fn half_written_files_of_a_dead_run_are_cleared() {
    let sandbox = saved();
    let stage = private(&sandbox, "stage");
    std::fs::create_dir_all(&stage).unwrap();
    std::fs::write(stage.join("7.1"), "half").unwrap();
    std::fs::write(sandbox.backup(".git/objects/pack/tmp_pack_abc"), "half").unwrap();
    std::fs::write(sandbox.backup(".git/objects/pack/tmp_idx_abc"), "half").unwrap();
    sandbox.append_session("-p", A, 40..44).sync();
    assert!(!stage.join("7.1").exists());
    assert_whole(&sandbox);
}

#[test]
fn files_that_a_dead_run_had_committed_get_their_places() {
    type Damage = fn(&Path, &[u8]);
    let damages: [Damage; 3] = [
        |path, _| std::fs::remove_file(path).unwrap(),
        |path, _| std::fs::write(path, "").unwrap(),
        |path, old| std::fs::write(path, old).unwrap(),
    ];
    for damage in damages {
        let sandbox = saved();
        let old = std::fs::read(sandbox.stored(ARCHIVE)).unwrap();
        sandbox.append_session("-p", A, 40..44).sync();
        let names = [ARCHIVE, "ledger/-p.jsonl"];
        let ledger = std::fs::read(sandbox.stored(names[1])).unwrap();
        damage(&sandbox.stored(names[0]), &old);
        damage(&sandbox.stored(names[1]), &ledger[..ledger.len() / 2]);
        write_journal(&sandbox, &names);
        let outcome = sandbox.sync();
        assert_eq!(outcome["commit"], serde_json::Value::Null, "nothing was lost");
        assert!(!private(&sandbox, "journal").exists());
        assert_whole(&sandbox);
    }
}

#[test]
fn what_a_dead_run_had_committed_gets_its_place_even_where_its_journal_is_lost() {
    let torn: fn(&Sandbox) = |sandbox| std::fs::write(private(sandbox, "journal"), "{").unwrap();
    let lost: fn(&Sandbox) = |sandbox| std::fs::remove_dir_all(private(sandbox, "")).unwrap();
    for lose in [torn, lost] {
        let sandbox = saved();
        let before = contents(&sandbox.stored(""));
        sandbox.append_session("-p", A, 40..44);
        sandbox.rename(sandbox.claude("projects/-q"), sandbox.claude("projects/-r"));
        sandbox.remove(".claude/skills/x/SKILL.md").write(".claude/skills/x/SKILL.md/a", "folder");
        sandbox.sync();
        std::fs::remove_dir_all(sandbox.stored("")).unwrap();
        for (name, bytes) in before {
            sandbox.write(sandbox.stored("").join(name), bytes);
        }
        lose(&sandbox);
        assert_eq!(sandbox.sync()["commit"], serde_json::Value::Null);
        assert_whole(&sandbox);
    }
}

#[test]
fn a_journal_whose_commit_was_never_made_changes_nothing() {
    let sandbox = saved();
    std::fs::write(sandbox.stored("projects/-p/mine.txt"), "not ours").unwrap();
    let meant = "5".repeat(40);
    let files = serde_json::json!({
        "machines/test-host/projects/-p/mine.txt": null,
        "machines/test-host/manifest.json": meant,
    });
    std::fs::write(private(&sandbox, "journal"), files.to_string()).unwrap();
    sandbox.sync();
    assert_eq!(std::fs::read(sandbox.stored("projects/-p/mine.txt")).unwrap(), b"not ours");
    std::fs::remove_file(sandbox.stored("projects/-p/mine.txt")).unwrap();
    assert_whole(&sandbox);
}

#[test]
fn a_torn_journal_wedges_nothing() {
    for text in ["", "{\"before\":", "[]", "null"] {
        let sandbox = saved();
        std::fs::write(private(&sandbox, "journal"), text).unwrap();
        sandbox.append_session("-p", A, 40..44).sync();
        assert_whole(&sandbox);
    }
}

#[test]
fn a_file_that_became_a_folder_and_back_wedges_no_later_run() {
    let sandbox = saved();
    sandbox.write(".claude/skills/x/tool", "file").sync();
    sandbox.remove(".claude/skills/x/tool").write(".claude/skills/x/tool/main.sh", "folder");
    sandbox.sync();
    sandbox.append_session("-p", A, 40..41).sync();
    sandbox.remove(".claude/skills/x/tool").write(".claude/skills/x/tool", "file again").sync();
    sandbox.append_session("-p", A, 41..42).sync();
    sandbox.sync();
    sandbox.assert_git_clean();
    let kept = std::fs::read(sandbox.stored("config/skills/x/tool")).unwrap();
    assert_eq!(kept, b"file again");
}

#[test]
fn a_folder_in_the_place_of_a_committed_file_is_healed_from_the_inside() {
    let sandbox = saved();
    sandbox.write(".claude/skills/x/tool", "file").sync();
    let place = sandbox.stored("config/skills/x/tool");
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("main.sh"), "folder").unwrap();
    let names = ["config/skills/x/tool", "config/skills/x/tool/main.sh"];
    write_journal(&sandbox, &names);
    sandbox.sync();
    assert_whole(&sandbox);
}

#[test]
fn an_index_lock_of_a_dead_process_does_not_stop_every_later_sync() {
    let sandbox = saved();
    std::fs::write(sandbox.backup(".git/index.lock"), "").unwrap();
    sandbox.append_session("-p", A, 40..44);
    sandbox.pass_minutes(1);
    sandbox.run(&["sync"]).success();
    assert!(!sandbox.backup(".git/index.lock").exists());
    assert_whole(&sandbox);
}

#[test]
fn a_damaged_git_index_is_made_anew_even_where_nothing_is_new() {
    for text in ["", "DIRC damaged", "\0\0\0\0"] {
        let sandbox = saved();
        std::fs::write(sandbox.backup(".git/index"), text).unwrap();
        sandbox.sync();
        assert_whole(&sandbox);
    }
    let sandbox = saved();
    std::fs::remove_file(sandbox.backup(".git/index")).unwrap();
    sandbox.sync();
    assert_whole(&sandbox);
}

#[test]
fn a_run_that_died_before_the_index_leaves_git_status_clean_after_the_next() {
    let sandbox = saved();
    let index = std::fs::read(sandbox.backup(".git/index")).unwrap();
    let note = std::fs::read(private(&sandbox, "index-commit")).unwrap();
    sandbox.append_session("-p", A, 40..44).sync();
    std::fs::write(sandbox.backup(".git/index"), index).unwrap();
    std::fs::write(private(&sandbox, "index-commit"), note).unwrap();
    sandbox.sync();
    assert_whole(&sandbox);
}

#[test]
fn a_lost_or_foreign_cache_costs_time_and_nothing_else() {
    let sandbox = saved();
    let old = std::fs::read(private(&sandbox, "cache")).unwrap();
    sandbox.append_session("-p", A, 40..44).sync();
    let whole = std::fs::read(private(&sandbox, "cache")).unwrap();
    for bytes in [old, Vec::new(), b"damaged".to_vec(), whole[..whole.len() / 2].to_vec()] {
        std::fs::write(private(&sandbox, "cache"), bytes).unwrap();
        let outcome = sandbox.sync();
        assert_eq!(outcome["commit"], serde_json::Value::Null);
        assert_eq!(outcome["files"]["unchanged"], 3);
    }
    std::fs::remove_file(private(&sandbox, "cache")).unwrap();
    sandbox.append_session("-p", A, 44..46);
    assert_eq!(sandbox.sync()["grown"], 1);
    assert_whole(&sandbox);
}

#[test]
fn everything_of_ours_in_the_git_folder_may_be_deleted() {
    let sandbox = saved();
    std::fs::remove_dir_all(sandbox.backup(".git/claude-backup")).unwrap();
    sandbox.append_session("-p", A, 40..44).sync();
    assert_whole(&sandbox);
}

#[test]
fn a_damaged_archive_grows_from_the_copy_in_git() {
    let sandbox = saved();
    std::fs::write(sandbox.stored(ARCHIVE), "damaged").unwrap();
    sandbox.append_session("-p", A, 40..44);
    sandbox.pass_minutes(1);
    sandbox.run(&["sync"]).success();
    assert_whole(&sandbox);
}

/// As a power cut leaves it that took the cache as well.
#[test]
fn an_older_archive_in_the_place_of_the_newest_keeps_nothing_from_being_saved() {
    let sandbox = saved();
    let old = std::fs::read(sandbox.stored(ARCHIVE)).unwrap();
    sandbox.append_session("-p", A, 40..44).sync();
    std::fs::write(sandbox.stored(ARCHIVE), old).unwrap();
    std::fs::remove_file(private(&sandbox, "journal")).unwrap();
    std::fs::remove_file(private(&sandbox, "cache")).unwrap();
    sandbox.append_session("-p", A, 44..46);
    sandbox.pass_minutes(1);
    sandbox.run(&["sync"]).success();
    assert_whole(&sandbox);
}

// The real process, killed for real.

/// Sessions of very different sizes, about 20 MB, in lines that compress like text.
fn write_home(sandbox: &Sandbox, random: &mut Seeded) -> Vec<PathBuf> {
    let mut sessions = Vec::new();
    for at in 0..40_u64 {
        let id = format!("{at:08x}-1111-4111-8111-111111111111");
        let path = sandbox.session(&format!("-p-{}", at % 5), &id);
        let kilobytes = if at % 20 == 0 { 6000 } else { 10 + random.below(400) };
        sandbox.write(&path, lines(random, kilobytes));
        sandbox.write(path.with_extension("").join("tool-results/toolu_1.txt"), lines(random, 3));
        sessions.push(path);
    }
    sessions
}

/// `KILLS` raises the number, `SEED` chooses other moments.
#[test]
fn killed_at_any_moment_the_next_sync_has_every_byte() {
    let (kills, seed) = (number("KILLS", 40), number("SEED", 0x5eed));
    let mut random = Seeded(seed);
    let sandbox = Sandbox::new();
    let home = sandbox.home("");
    let sessions = write_home(&sandbox, &mut random);
    let mut whole = timed(&home, &["init", "--backend", "local"]);
    sandbox.remove(".claude-backup");
    let mut killed = 0;
    for round in 0..kills {
        let arguments: &[&str] = match round < kills / 4 {
            true => &["init", "--backend", "local"],
            false => &["sync"],
        };
        if round >= kills / 4 {
            if round == kills / 4 {
                finish(&home, &["init", "--backend", "local"]);
                append(&sessions[0], &lines(&mut random, 200));
                whole = timed(&home, &["sync"]);
            }
            for _ in 0..6 {
                let at = usize::try_from(random.below(sessions.len() as u64)).unwrap();
                append(&sessions[at], &lines(&mut random, 1 + round % 100));
            }
        }
        let moment = random.below(u64::try_from(whole.as_micros()).unwrap());
        let child = process(&home, arguments).spawn().unwrap();
        killed += u64::from(kill_after(child, Duration::from_micros(moment)));
        if round % 5 == 4 {
            finish(&home, &["init", "--backend", "local"]);
            sandbox.assert_git_clean();
        }
    }
    finish(&home, &["init", "--backend", "local"]);
    println!("{killed} of {kills} runs were killed, seed {seed:#x}");
    assert_restores(&sandbox, &home);
}

fn assert_restores(sandbox: &Sandbox, home: &Path) {
    sandbox.assert_git_clean();
    let expected = contents(&sandbox.claude(""));
    std::fs::rename(sandbox.claude(""), sandbox.home("before")).unwrap();
    finish(home, &["restore", "--all"]);
    assert!(contents(&sandbox.claude("")) == expected, "every byte is back");
}

/// The shell tool's flat layout, of which git knows nothing, taken over and killed.
#[test]
fn an_adoption_killed_at_any_moment_loses_no_only_copy() {
    let (kills, seed) = (number("KILLS", 40) / 4, number("SEED", 0x5eed));
    let mut random = Seeded(seed);
    let sandbox = Sandbox::new();
    let home = sandbox.home("");
    write_home(&sandbox, &mut random);
    for large in ["00000000", "00000014"] {
        let id = format!("{large}-1111-4111-8111-111111111111");
        sandbox.remove(sandbox.session("-p-0", &id));
    }
    let expected = contents(&sandbox.claude(""));
    let old = sandbox.home("old");
    let script = "mkdir \"$1\" && git init -q -b main \"$1\" && cp -R \"$0/projects\" \"$1\" && find \"$1/projects\" -name '*.jsonl' -exec gzip -n {} +";
    let status = Command::new("sh").args(["-c", script]).arg(sandbox.claude("")).arg(&old).status();
    assert!(status.unwrap().success());
    sandbox.remove(".claude");
    let prepare = || {
        let _ = std::fs::remove_dir_all(sandbox.backup(""));
        let status = Command::new("cp").arg("-R").arg(&old).arg(sandbox.backup("")).status();
        assert!(status.unwrap().success());
    };
    prepare();
    let whole = timed(&home, &["sync"]);
    for _ in 0..kills {
        prepare();
        let moment = random.below(u64::try_from(whole.as_micros()).unwrap());
        let child = process(&home, &["sync"]).spawn().unwrap();
        kill_after(child, Duration::from_micros(moment));
        finish(&home, &["sync"]);
        sandbox.assert_git_clean();
        finish(&home, &["restore", "--all"]);
        assert!(contents(&sandbox.claude("")) == expected, "every byte is back, seed {seed:#x}");
        sandbox.remove(".claude");
    }
}

#[test]
fn a_restore_killed_midway_leaves_no_torso() {
    let mut random = Seeded(7);
    let sandbox = Sandbox::new();
    let home = sandbox.home("");
    write_home(&sandbox, &mut random);
    finish(&home, &["init", "--backend", "local"]);
    let expected = contents(&sandbox.claude(""));
    sandbox.remove(".claude");
    let whole = timed(&home, &["restore", "--all"]);
    for _ in 0..8 {
        sandbox.remove(".claude");
        let moment = random.below(u64::try_from(whole.as_micros()).unwrap());
        let child = process(&home, &["restore", "--all"]).spawn().unwrap();
        kill_after(child, Duration::from_micros(moment));
        std::fs::create_dir_all(sandbox.claude("")).unwrap();
        for file in contents(&sandbox.claude("")) {
            let is_temporary = file.0.to_string_lossy().contains("/.claude-backup-");
            assert!(is_temporary || expected.contains(&file), "{}", file.0.display());
        }
    }
    finish(&home, &["restore", "--all"]);
    finish(&home, &["sync"]);
    let tracked = sandbox.git(&["ls-tree", "-r", "--name-only", "HEAD"]);
    assert!(!tracked.contains(".claude-backup-"), "a torso is no session's file");
}

#[test]
fn an_interrupt_ends_with_130_and_leaves_nothing_half() {
    let sandbox = Sandbox::new();
    let home = sandbox.home("");
    let mut random = Seeded(3);
    write_home(&sandbox, &mut random);
    let path = sandbox.session("-p-0", "big");
    sandbox.write(&path, lines(&mut random, 20_000));
    let mut child = process(&home, &["init", "--backend", "local"]).spawn().unwrap();
    let stage = private(&sandbox, "stage");
    while std::fs::read_dir(&stage).map_or(0, Iterator::count) < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it works long enough to be interrupted");
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!sandbox.stored("projects").exists(), "nothing was put in place");
    finish(&home, &["init", "--backend", "local"]);
    assert_restores(&sandbox, &home);
}

#[test]
fn a_folder_that_cannot_be_written_is_named_and_heals_by_itself() {
    if is_root() {
        return say_skipped("root may write anywhere");
    }
    let sandbox = saved();
    sandbox.append_session("-p", A, 40..44);
    let objects = sandbox.backup(".git/objects/pack");
    set_mode(&objects, 0o500);
    let ran = sandbox.run(&["sync"]).fails(1);
    assert!(ran.talk().contains("objects/pack"), "{ran:?}");
    set_mode(&objects, 0o700);
    sandbox.sync();
    assert_whole(&sandbox);
}

#[test]
fn a_disk_that_turned_read_only_is_named_and_heals_by_itself() {
    let sandbox = Sandbox::new();
    let Some(disk) = SmallDisk::mount(&sandbox.backup(""), "20m") else { return };
    sandbox.write_session("-p", A, 40).init();
    sandbox.append_session("-p", A, 40..44);
    disk.remount("ro");
    let ran = sandbox.run(&["sync"]).fails(1);
    assert!(ran.talk().contains("Read-only") && ran.talk().contains("claude-backup"), "{ran:?}");
    sandbox.run(&["status"]).success();
    sandbox.run(&["restore", "--list"]).success();
    disk.remount("rw");
    assert_eq!(sandbox.sync()["grown"], 1);
    assert_whole(&sandbox);
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

#[test]
fn a_full_disk_is_an_error_and_not_a_loss() {
    let sandbox = Sandbox::new();
    let Some(disk) = SmallDisk::mount(&sandbox.backup(""), "700k") else { return };
    sandbox.write_session("-p", A, 40).init();
    let before = sandbox.commits();
    let mut random = Seeded(11);
    sandbox.write(sandbox.session("-p", B), lines(&mut random, 4000));
    sandbox.pass_minutes(1);
    let ran = sandbox.run(&["sync"]);
    let text = format!("{ran:?}");
    assert!(text.contains("No space left") || text.contains("os error 28"), "{text}");
    assert!(!text.contains("code: 0,"), "{text}");
    sandbox.git(&["fsck", "--full"]);
    assert!(sandbox.commits() - before <= 1);
    disk.remount("size=60m");
    sandbox.sync();
    assert_whole(&sandbox);
    let text = std::fs::read_to_string(sandbox.session("-p", A)).unwrap();
    assert_eq!(text, conversation(A, 0..40));
}

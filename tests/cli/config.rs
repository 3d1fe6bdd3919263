//! `export-config` and `import-config`: carried whole, judged whole, and nothing lost on arrival.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tar::{Builder, EntryType, Header};

use crate::fixture;
use crate::sandbox::{Sandbox, mode, set_mode};

const FILE: &str = "carried.tar.gz";

/// A home with a config of every kind, and with what must not be carried.
fn configured() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .write(sandbox.claude("CLAUDE.md"), "be kind\n")
        .write(sandbox.claude("settings.json"), "{\"model\": \"opus\"}\n")
        .write(sandbox.claude("hooks/stop.sh"), "#!/bin/sh\n")
        .write(sandbox.claude("skills/x/SKILL.md"), "a skill\n")
        .write(sandbox.claude("skills/x/.env"), "never\n")
        .write(sandbox.claude(".credentials.json"), "never\n")
        .write(sandbox.claude("projects/-p/1.jsonl"), "{}\n");
    set_mode(&sandbox.claude("hooks/stop.sh"), 0o755);
    // Times are in the archive, so they count for its size.
    for name in ["CLAUDE.md", "settings.json", "hooks/stop.sh", "skills/x/SKILL.md"] {
        sandbox.age(sandbox.claude(name), 1);
    }
    sandbox
}

fn carried(sandbox: &Sandbox) -> PathBuf {
    sandbox.json(&["export-config", FILE]);
    sandbox.home(FILE)
}

/// An archive of these entries, as anybody might make one.
fn archive(path: &Path, entries: &[(&str, EntryType, &str)]) {
    let file = std::fs::File::create(path).unwrap();
    let mut tar = Builder::new(GzEncoder::new(file, Compression::default()));
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        // Names that lead out are refused by the builder, so they are put into the header by hand.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if is_link {
            header.set_link_name(content).unwrap();
        }
        let bytes = if is_link { "" } else { content };
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append(&header, bytes.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

#[test]
fn a_config_arrives_as_it_left() {
    let old = configured();
    let exported = old.json(&["export-config", FILE]);
    assert_eq!(exported["exported"]["files"], 4);
    assert_eq!(exported["denied"], json!(["skills/x/.env"]));
    assert_eq!(mode(&old.home(FILE)), 0o600);

    let new = Sandbox::new();
    std::fs::copy(old.home(FILE), new.home(FILE)).unwrap();
    let imported = new.json(&["import-config", FILE, "--with-code"]);
    assert_eq!(imported["imported"]["files"], 4);
    for name in ["CLAUDE.md", "settings.json", "hooks/stop.sh", "skills/x/SKILL.md"] {
        let bytes = |sandbox: &Sandbox| std::fs::read(sandbox.claude(name)).unwrap();
        assert_eq!(bytes(&new), bytes(&old), "{name}");
    }
    assert_eq!(mode(&new.claude("hooks/stop.sh")) & 0o111, 0o111);
    let again = new.json(&["import-config", FILE]);
    assert_eq!((&again["imported"]["files"], &again["unchanged"]), (&json!(0), &json!(4)));
}

#[test]
fn the_same_config_gives_the_same_file() {
    let sandbox = configured();
    let first = std::fs::read(carried(&sandbox)).unwrap();
    sandbox.remove(FILE);
    assert_eq!(std::fs::read(carried(&sandbox)).unwrap(), first);
}

#[test]
fn an_export_overwrites_no_earlier_file() {
    let sandbox = configured();
    let path = |file: &serde_json::Value| file["exported"]["path"].as_str().unwrap().to_owned();
    for name in ["", "-2", "-3"] {
        let exported = path(&sandbox.json(&["export-config"]));
        assert!(
            exported.ends_with(&format!("claude-config-2026-11-20{name}.tar.gz")),
            "{exported}"
        );
    }
    sandbox.write(FILE, "mine");
    let error = sandbox.run(&["export-config", FILE, "--json"]).fails(1).json_error();
    assert_eq!(error["code"], "exists");
    assert_eq!(std::fs::read(sandbox.home(FILE)).unwrap(), b"mine");
    std::fs::create_dir(sandbox.home("disk")).unwrap();
    let exported = path(&sandbox.json(&["export-config", "disk"]));
    assert!(exported.ends_with("disk/claude-config-2026-11-20.tar.gz"), "{exported}");
}

#[test]
fn its_words_are_those_of_a_person() {
    let sandbox = configured();
    let secret = format!("{{\"env\": {{\"A\": \"{}{}\"}}}}\n", "ghp_", "aB3dE5gH7j".repeat(4));
    let settings = sandbox.claude("settings.json");
    sandbox.write(&settings, format!("\n{secret}")).age(&settings, 1);
    let exported = sandbox.run(&["export-config"]).success().both();
    assert!(!exported.contains("aB3dE5"), "the value is never shown");
    insta::assert_snapshot!("config_exported", exported);
    let file = "claude-config-2026-11-20.tar.gz";
    sandbox.write(sandbox.claude("CLAUDE.md"), "changed\n").remove(".claude/skills");
    let dry = sandbox.run(&["import-config", file, "--dry-run"]).success().both();
    insta::assert_snapshot!("config_dry_run", dry);
    insta::assert_snapshot!("config_kept", sandbox.run(&["import-config", file]).success().both());
    let forced = sandbox.run(&["import-config", file, "--force"]).success().both();
    insta::assert_snapshot!("config_forced", forced);
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = configured();
    carried(&sandbox);
    sandbox.remove(".claude");
    let dry = sandbox.json(&["import-config", FILE, "--dry-run", "--with-code"]);
    assert_eq!((&dry["dryRun"], dry["added"].as_array().unwrap().len()), (&json!(true), 4));
    assert!(!sandbox.claude("").exists());
}

#[test]
fn what_stands_there_stays_and_what_is_replaced_is_kept() {
    let sandbox = configured();
    carried(&sandbox);
    sandbox.write(sandbox.claude("CLAUDE.md"), "newer\n");
    let kept = sandbox.json(&["import-config", FILE]);
    assert_eq!(kept["kept"], json!(["CLAUDE.md"]));
    let read = || std::fs::read_to_string(sandbox.claude("CLAUDE.md")).unwrap();
    assert_eq!(read(), "newer\n");
    let forced = sandbox.json(&["import-config", FILE, "--force"]);
    assert_eq!(read(), "be kind\n");
    let displaced = forced["imported"]["displacedTo"].as_str().unwrap();
    sandbox.json(&["import-config", displaced, "--force"]);
    assert_eq!(read(), "newer\n", "what was displaced comes back by the same way");
}

#[test]
fn a_script_that_lost_its_bit_gets_it_back() {
    let sandbox = configured();
    carried(&sandbox);
    set_mode(&sandbox.claude("hooks/stop.sh"), 0o600);
    sandbox.json(&["import-config", FILE, "--force", "--with-code"]);
    assert_eq!(mode(&sandbox.claude("hooks/stop.sh")) & 0o100, 0o100);
}

#[test]
fn a_hostile_archive_is_refused_by_name_and_nothing_is_written() {
    for (name, kind, content, why) in [
        ("../evil", EntryType::Regular, "x", "leads out"),
        ("/etc/evil", EntryType::Regular, "x", "leads out"),
        ("rules/../../evil", EntryType::Regular, "x", "leads out"),
        ("rules/a\u{1b}[2J", EntryType::Regular, "x", "leads out"),
        ("CLAUDE.md", EntryType::Symlink, "/etc/passwd", "is a link"),
        ("rules/a", EntryType::Link, "/etc/passwd", "is a link"),
        ("rules/pipe", EntryType::Fifo, "", "is no file"),
        ("rules/disk", EntryType::Block, "", "is no file"),
        ("skills/x/y/.credentials.json", EntryType::Regular, "x", "may hold secrets"),
        ("skills/x/.ENV", EntryType::Regular, "x", "may hold secrets"),
        ("settings.json", EntryType::Regular, "x", "is there twice"),
    ] {
        let sandbox = Sandbox::new();
        let first = ("settings.json", EntryType::Regular, "{}");
        archive(&sandbox.home(FILE), &[first, (name, kind, content)]);
        let error =
            sandbox.run(&["import-config", FILE, "--force", "--json"]).fails(1).json_error();
        assert!(error["error"].as_str().unwrap().contains(why), "{name}: {error}");
        assert_eq!(error["code"], "refused");
        assert!(!sandbox.claude("").exists(), "{name}");
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    let sandbox = configured();
    let whole = std::fs::read(carried(&sandbox)).unwrap();
    for (bytes, what) in [
        (&b""[..], "nothing"),
        (b"not a gzip", "text"),
        (&whole[..whole.len() / 2], "half of one"),
        (&whole[..whole.len() - 4], "one without its end"),
    ] {
        let other = Sandbox::new();
        other.write(FILE, bytes);
        other.run(&["import-config", FILE, "--json"]).fails(1).json_error();
        assert!(!other.claude("").exists(), "{what}");
    }
    sandbox.run(&["import-config", "nowhere.tar.gz"]).fails(1);
    sandbox.run(&["import-config", "."]).fails(1);
    sandbox.run(&["import-config"]).fails(2);
}

#[test]
fn a_bomb_ends_where_it_claims_too_much() {
    let sandbox = Sandbox::new();
    let file = std::fs::File::create(sandbox.home(FILE)).unwrap();
    let mut gzip = GzEncoder::new(file, Compression::fast());
    let mut header = Header::new_gnu();
    header.set_path("skills/x/big").unwrap();
    header.set_size(10 << 30);
    header.set_cksum();
    gzip.write_all(header.as_bytes()).unwrap();
    gzip.write_all(&vec![0; 1 << 20]).unwrap();
    gzip.finish().unwrap();
    let error = sandbox.run(&["import-config", FILE, "--json"]).fails(1).json_error();
    assert!(error["error"].as_str().unwrap().contains("beyond what any config has"), "{error}");
}

#[test]
fn a_link_in_the_way_is_not_followed() {
    let sandbox = configured();
    carried(&sandbox);
    sandbox.remove(".claude").write("elsewhere/SKILL.md", "mine\n");
    std::fs::create_dir_all(sandbox.claude("skills")).unwrap();
    std::os::unix::fs::symlink(sandbox.home("elsewhere"), sandbox.claude("skills/x")).unwrap();
    let words = ["import-config", FILE, "--force", "--with-code", "--json"];
    let ran = sandbox.run(&words).fails(1);
    let done = ran.json();
    assert_eq!(done["imported"]["failures"][0]["path"], "skills/x/SKILL.md");
    assert_eq!(done["imported"]["files"], 3);
    assert_eq!(std::fs::read_to_string(sandbox.home("elsewhere/SKILL.md")).unwrap(), "mine\n");
}

#[test]
fn what_is_no_part_of_a_config_is_left_alone() {
    let sandbox = Sandbox::new();
    let file = EntryType::Regular;
    archive(&sandbox.home(FILE), &[("projects/-p/1.jsonl", file, "{}"), ("CLAUDE.md", file, "x")]);
    let done = sandbox.json(&["import-config", FILE]);
    assert_eq!(done["ignored"], json!(["projects/-p/1.jsonl"]));
    assert!(!sandbox.claude("projects").exists());
}

#[test]
fn there_may_be_nothing_to_export() {
    let sandbox = Sandbox::new();
    let error = sandbox.run(&["export-config", "--json"]).fails(1).json_error();
    assert_eq!(error["code"], "not-found");
    assert_eq!(std::fs::read_dir(sandbox.home("")).unwrap().count(), 0);
}

#[test]
fn neither_needs_a_backup() {
    let sandbox = fixture::home();
    sandbox.json(&["export-config", FILE]);
    sandbox.json(&["import-config", FILE]);
    assert!(!sandbox.backup("").exists());
}

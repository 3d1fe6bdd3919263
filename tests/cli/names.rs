//! Names that file systems allow and programs trip over.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::sandbox::Sandbox;

/// Saves files of these names, wipes the home, restores, and expects each with its own bytes.
fn assert_survive(names: impl IntoIterator<Item = Vec<u8>>) -> Sandbox {
    let sandbox = Sandbox::new();
    let files: Vec<PathBuf> =
        names.into_iter().map(|name| sandbox.claude(std::ffi::OsStr::from_bytes(&name))).collect();
    let content = |file: &PathBuf| format!("{}\n", file.display().to_string().escape_debug());
    for file in &files {
        sandbox.write(file, content(file));
    }
    sandbox.init().assert_git_clean();
    assert_eq!(sandbox.sync()["commit"], serde_json::Value::Null);
    let outcome = sandbox.wipe_and_restore();
    assert_eq!(outcome["files"]["restored"], files.len());
    for file in &files {
        assert_eq!(sandbox.read(file), content(file).as_bytes(), "{}", file.display());
    }
    sandbox.json(&["restore", "--list"]);
    sandbox.append(&files[0], "more\n").sync();
    sandbox.assert_git_clean();
    sandbox
}

fn everywhere(name: &[u8]) -> [Vec<u8>; 3] {
    let join = |parts: &[&[u8]]| parts.concat();
    [
        join(&[b"projects/", name, b"/", name, b".jsonl"]),
        join(&[b"projects/-p/", name, b"/tool-results/", name]),
        join(&[b"skills/", name, b"/", name]),
    ]
}

#[test]
fn spaces_quotes_and_shell_characters() {
    let names = ["a b", " lead", "trail ", "it's", "say \"x\"", "a\\b", "$HOME `x` *?|&;<>", "-rf"];
    assert_survive(names.iter().flat_map(|name| everywhere(name.as_bytes())));
}

#[test]
fn newlines_and_other_control_characters() {
    let names = ["a\nb", "tab\there", "\u{1b}[2J", "\r", "\u{7f}", "\u{85}", "\n"];
    assert_survive(names.iter().flat_map(|name| everywhere(name.as_bytes())));
}

#[test]
fn both_unicode_forms_of_one_word_stay_apart() {
    let names = ["caf\u{e9}", "cafe\u{301}", "日本語", "\u{202e}txt", "🙂"];
    assert_survive(names.iter().flat_map(|name| everywhere(name.as_bytes())));
}

#[test]
fn names_that_are_no_unicode() {
    let names: [&[u8]; 4] = [b"\xff\xfe", b"caf\xe9", b"\xed\xa0\x80", b"a\xc3"];
    assert_survive(names.iter().flat_map(|name| everywhere(name)));
}

#[test]
fn names_that_differ_in_case_alone() {
    assert_survive(["readme", "README", "ReadMe"].iter().flat_map(|n| everywhere(n.as_bytes())));
}

#[test]
fn names_that_look_like_our_own_escapes() {
    let names = ["100%", "%41", "%~0123456789abcdef", "x.002", "x.gz", "x%", "versions", "ledger"];
    assert_survive(names.iter().flat_map(|name| everywhere(name.as_bytes())));
}

#[test]
fn names_as_long_as_a_file_system_takes() {
    let long = "x".repeat(255);
    let (one, two) = (format!("{}1", &long[..254]), format!("{}2", &long[..254]));
    let session = &long[..249];
    let wide = "é".repeat(127);
    let names = [
        format!("projects/{one}/{session}.jsonl"),
        format!("projects/{two}/{session}.jsonl"),
        format!("projects/-p/{one}/tool-results/{two}"),
        format!("projects/-p/memory/{one}"),
        format!("skills/{one}/{one}"),
        format!("skills/{one}/{two}"),
        format!("skills/{wide}/{wide}"),
        format!("projects/{wide}/x.jsonl"),
    ];
    assert_survive(names.into_iter().map(String::into_bytes));
}

#[test]
fn names_with_meaning_for_git() {
    let names = [".git", ".GIT", ".gitignore", ".gitattributes", ".gitmodules", "git~1", "HEAD"];
    assert_survive(names.iter().flat_map(|name| everywhere(name.as_bytes())));
}

#[test]
fn a_session_with_a_space_in_its_name_can_be_asked_for() {
    let sandbox = Sandbox::new();
    for name in ["my notes", "日本", "it's"] {
        sandbox.write_session("-my project", name, 2);
    }
    sandbox.init();
    for name in ["my notes", "日本", "it's"] {
        let text = crate::sandbox::conversation(name, 0..2);
        assert_eq!(sandbox.version(name, 0), text.as_bytes());
        assert_eq!(sandbox.versions(name).len(), 1);
    }
}

#[test]
fn a_quote_in_one_name_leaves_the_list_whole() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-a|b \"c\"", "x\"y", 2).write_session("-p", "plain", 2).init();
    let list = sandbox.json(&["restore", "--list"]);
    let mut ids: Vec<&str> =
        list["sessions"].as_array().unwrap().iter().map(|s| s["uuid"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["plain", "x\"y"]);
    let screen = sandbox.run(&["restore", "--list"]).success().screen();
    assert!(!screen.contains('\u{1b}'));
}

//! House rules that can fail: who imports whom, how long files are, what the papers promise.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]

use std::path::{Path, PathBuf};

/// A file without its tests may not be longer.
const LONGEST_FILE: usize = 500;

/// What each module may import; everything may import the foundation.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("env", &[]),
    ("error", &[]),
    ("fs", &[]),
    ("path_rules", &[]),
    ("process", &[]),
    ("progress", &[]),
    ("session", &[]),
    ("archive", &[]),
    ("profile", &[]),
    ("transcript", &[]),
    ("secrets", &[]),
    ("source", &["session", "transcript", "profile"]),
    ("vault", &[]),
    ("repository", &["session", "archive", "vault", "source", "transcript", "secrets"]),
    ("sync", &["source", "repository", "archive", "transcript", "vault", "session"]),
    ("restore", &["repository", "archive", "session", "source", "sync", "transcript"]),
    ("config_archive", &["profile", "repository", "restore", "secrets", "source"]),
    ("push_scan", &["repository", "secrets", "vault"]),
    ("scan", &["repository", "secrets", "source"]),
    ("schedule", &["repository"]),
    (
        "status",
        &[
            "backend",
            "repository",
            "push_scan",
            "scan",
            "schedule",
            "secrets",
            "session",
            "source",
            "sync",
            "verify",
        ],
    ),
    ("backend", &["repository", "push_scan", "vault", "sync"]),
    ("backup", &["backend", "scan", "sync", "repository", "source", "verify"]),
    ("verify", &["repository", "archive", "session", "source", "restore", "sync", "vault"]),
    ("ui", &[]),
    (
        "commands",
        &[
            "backend",
            "backup",
            "cli",
            "config_archive",
            "push_scan",
            "repository",
            "restore",
            "scan",
            "schedule",
            "secrets",
            "session",
            "source",
            "status",
            "sync",
            "transcript",
            "ui",
            "verify",
        ],
    ),
    ("cli", &["commands", "repository", "ui"]),
    ("signals", &[]),
    ("fuzzing", &["archive", "repository", "source", "transcript", "vault"]),
    ("testing", &["cli", "ui"]),
    ("lib", &["cli", "signals", "ui"]),
    ("main", &[]),
];
const FOUNDATION: &[&str] = &["env", "error", "fs", "path_rules", "process", "progress"];

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{} has no line in the table", path.display()));
            continue;
        };
        for import in imports(&text) {
            let is_fine = import == module
                || FOUNDATION.contains(&import.as_str())
                || allowed.contains(&import.as_str());
            if !is_fine {
                wrong.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_stay_small() {
    let long = |(path, text): (PathBuf, String)| {
        let lines = without_tests(&text).lines().count();
        (lines > LONGEST_FILE).then(|| format!("{}: {lines} lines", path.display()))
    };
    assert_eq!(sources().into_iter().filter_map(long).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn the_changelog_knows_this_version() {
    let changelog = read("CHANGELOG.md");
    assert!(changelog.contains(&format!("## {}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_plugins_are_of_this_version() {
    for plugin in
        [".claude-plugin/plugin.json", ".claude-plugin/session-end/.claude-plugin/plugin.json"]
    {
        let plugin: serde_json::Value = serde_json::from_str(&read(plugin)).unwrap();
        assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn every_command_in_the_papers_parses() {
    let mut wrong = Vec::new();
    for paper in papers() {
        for line in commands_of(&read(&paper)) {
            let words: Vec<String> =
                line.split_whitespace().skip(1).map(|word| word.trim_matches('"').into()).collect();
            if let Err(error) = claude_backup::cli::check(&words) {
                wrong.push(format!("{paper}: `{line}`: {error}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The harness of this suite runs what its list has, and nothing else.
#[test]
fn every_scenario_with_remotes_is_in_their_list() {
    let list = read("tests/remotes/main.rs");
    let mut missing = Vec::new();
    for file in walkdir::WalkDir::new(root().join("tests/remotes")) {
        let file = file.unwrap();
        let Some(module) = file.path().file_stem().and_then(|name| name.to_str()) else { continue };
        let is_rust = file.path().extension().is_some_and(|end| end == "rs");
        if !is_rust || module == "main" {
            continue;
        }
        let text = std::fs::read_to_string(file.path()).unwrap();
        if text.contains("#[test]") {
            missing.push(format!("{module} has a #[test], which is not run"));
        }
        for word in ["with_both_transports", "scenarios"] {
            let lists = text.lines().any(|line| line == format!("{word}!("));
            if lists && !list.contains(&format!("{module}::{word}()")) {
                missing.push(format!("{module}::{word}() is not called in main.rs"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_test_in_the_page_on_faults_exists() {
    let page = read("docs/faults.md");
    let rows =
        page.lines().filter(|line| line.starts_with("| ")).map(|line| line.trim_end_matches(" |"));
    let cells: Vec<&str> = rows.filter_map(|row| row.rsplit(" | ").next()).collect();
    assert_tests_exist(&cells, 40);
}

#[test]
fn every_test_in_the_page_on_security_exists() {
    let page = read("SECURITY.md");
    assert_tests_exist(&page.lines().collect::<Vec<_>>(), 40);
}

/// Names in backticks that look like those of tests are names of tests, and there are enough of them
/// to know that the page was read as it is written.
fn assert_tests_exist(texts: &[&str], at_least: usize) {
    let mut tests = String::new();
    for file in
        walkdir::WalkDir::new(root()).into_iter().filter_entry(|e| e.file_name() != "target")
    {
        let path = file.unwrap().into_path();
        if path.extension().is_some_and(|end| end == "rs") {
            tests.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    let names = texts.iter().flat_map(|text| text.split('`').skip(1).step_by(2));
    let is_name = |name: &&str| {
        name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    let named: Vec<&str> = names.filter(is_name).collect();
    assert!(named.len() >= at_least, "the page is read as it is written: {named:?}");
    let missing = named.iter().filter(|name| !tests.contains(&format!("fn {name}(")));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn workflows_pin_each_action_by_its_commit() {
    let mut used = 0;
    for entry in std::fs::read_dir(root().join(".github/workflows")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let actions = text.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, it)| it);
        for action in actions.filter(|action| !action.starts_with("./")) {
            let (_, version) = action.split_once('@').unwrap();
            let (commit, tag) = version.split_once(" # v").unwrap_or((version, ""));
            let is_commit = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(is_commit && !tag.is_empty(), "{action}");
            used += 1;
        }
    }
    assert!(used > 5, "the workflows are read as they are written");
}

fn papers() -> Vec<String> {
    let mut papers = vec!["README.md".to_owned(), "skills/backup/SKILL.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        papers.push(format!("docs/{}", entry.unwrap().file_name().to_string_lossy()));
    }
    papers.sort();
    papers
}

/// Lines of code blocks and inline code that begin with the program's name.
fn commands_of(text: &str) -> Vec<String> {
    let inline = text.split('`').skip(1).step_by(2);
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches("$ "));
    let starts = |line: &str| line.starts_with("claude-backup ") && !line.contains('\n');
    let mut found: Vec<String> =
        inline.chain(lines).filter(|line| starts(line)).map(command_part).collect();
    found.dedup();
    found
}

/// The call itself, without comment, pipe or redirection.
fn command_part(line: &str) -> String {
    let ends = [" #", " |", " >", " &&", " …"];
    let end = ends.iter().filter_map(|mark| line.find(mark)).min().unwrap_or(line.len());
    line[..end].trim().to_owned()
}

fn sources() -> Vec<(PathBuf, String)> {
    let files = walkdir::WalkDir::new(root().join("src")).sort_by_file_name();
    let files = files.into_iter().flatten().map(walkdir::DirEntry::into_path);
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    files.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn module_of(path: &Path) -> String {
    let below = path.strip_prefix(root().join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn imports(text: &str) -> Vec<String> {
    let names = without_tests(text)
        .match_indices("crate::")
        .map(|(at, found)| {
            let rest = &text[at + found.len()..];
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
            rest.chars().take_while(|c| is_name(*c)).collect::<String>()
        })
        .filter(|name| !name.is_empty());
    names.collect()
}

fn without_tests(text: &str) -> &str {
    let starts = ["#[cfg(test)]\nmod ", "#[cfg(all(test"];
    let end = starts.iter().filter_map(|start| text.find(start)).min();
    &text[..end.unwrap_or(text.len())]
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

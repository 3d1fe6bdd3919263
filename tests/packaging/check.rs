//! What must agree before a tag makes a release.

use std::path::Path;
use std::process::{Command, Output};

use crate::machine::talk;
use crate::release::{TARGETS, succeeds};

/// Says of a project with this version and this heading whether the tag fits.
fn check(tag: &str, version: &str, heading: &str) -> Output {
    let project = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(project.path().join(name), text).unwrap();
    let dependency = "[dependencies.other]\nversion = \"9.9.9\"\n";
    write("Cargo.toml", &format!("[package]\nversion = \"{version}\"\n\n{dependency}"));
    write("CHANGELOG.md", &format!("# Changelog\n\n{heading}\n\n## 3.9.0 (2026-01-01)\n"));
    std::fs::create_dir(project.path().join("packaging")).unwrap();
    let script = project.path().join("packaging/check");
    std::fs::copy(root().join("packaging/check"), &script).unwrap();
    Command::new("sh").arg(script).arg(tag).output().unwrap()
}

#[test]
fn tag_version_and_changelog_agree_or_nothing_is_released() {
    let refused = |output: Output, words: &str| {
        assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
        assert!(talk(&output).contains(words), "{}", talk(&output));
    };
    let output = check("v4.0.0", "4.0.0", "## 4.0.0 (2026-12-01)");
    assert_eq!((talk(&output).as_str(), output.status.code()), ("", Some(0)));
    refused(check("v4.0.1", "4.0.0", "## 4.0.0 (2026-12-01)"), "Cargo.toml says 4.0.0");
    refused(check("4.0.0", "4.0.0", "## 4.0.0 (2026-12-01)"), "the tag is 4.0.0");
    refused(check("v4.0.0", "4.0.0", "## 4.0.0 (unreleased)"), "## 4.0.0 (unreleased)");
    refused(check("v4.0.0", "4.0.0", "## 4.1.0 (2026-12-01)"), "## 4.1.0");
}

#[test]
fn every_archive_of_a_release_is_built() {
    let workflow = std::fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    for target in TARGETS {
        assert!(workflow.contains(&format!("target: {target},")), "{target}");
    }
    assert_eq!(workflow.matches("target: ").count(), TARGETS.len());
}

/// The whole of a change is in the notes, and nothing of earlier ones.
#[test]
fn the_notes_are_the_newest_section() {
    let workflow = std::fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    let line = workflow.lines().find(|line| line.contains("> notes.md")).unwrap();
    let program = line.split('\'').nth(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let changelog = folder.path().join("CHANGELOG.md");
    std::fs::write(&changelog, "# Changelog\n\n## 2\n\n### Added\n- New.\n\n## 1\n- Old.\n")
        .unwrap();
    let notes = succeeds(Command::new("awk").arg(program).arg(changelog));
    assert_eq!(notes, "\n### Added\n- New.\n\n");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

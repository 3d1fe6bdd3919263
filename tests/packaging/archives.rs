//! What a release carries.

use std::process::Command;

use crate::machine::talk;
use crate::needs::{self, Need};
use crate::release::{REPOSITORY, Release, TARGETS, VERSION, script, succeeds};

const TARGET: &str = TARGETS[3];

#[test]
fn an_archive_has_all_that_a_package_wants_below_one_folder() {
    let Some(release) = Release::of_archives(&[TARGET]) else { return };
    let mut tar = Command::new("tar");
    let list = succeeds(tar.arg("-tvzf").arg(release.archive_for(TARGET)));
    let folder = format!("claude-backup-{VERSION}-{TARGET}/");
    let names: Vec<&str> =
        list.lines().map(|line| line.split_once(&folder).expect("below the folder").1).collect();
    let is_page = |name: &&str| name.starts_with("man/claude-backup") && name.ends_with(".1");
    let (pages, names): (Vec<&str>, Vec<&str>) = names.into_iter().partition(is_page);
    assert!(pages.contains(&"man/claude-backup.1"), "{pages:?}");
    assert!(pages.contains(&"man/claude-backup-restore.1"), "{pages:?}");
    let expected = [
        "CHANGELOG.md",
        "LICENCES-OF-OTHERS.txt",
        "LICENSE",
        "README.md",
        "claude-backup",
        "completions/_claude-backup",
        "completions/claude-backup.bash",
        "completions/claude-backup.fish",
    ];
    assert_eq!(names, expected);
    assert_eq!(list.matches("-rwxr-xr-x").count(), 1, "the program alone can be started: {list}");
}

#[test]
fn the_licences_of_all_that_it_is_built_of_are_there() {
    if !needs::met(&[Need::Python]) {
        return;
    }
    let text = succeeds(script("licences").arg(TARGET));
    for brought in ["libgit2/COPYING", "ring ", "src/zlib/LICENSE", "serde_json "] {
        assert!(text.contains(brought), "{brought}");
    }
    assert!(!text.contains("proptest"), "it is for the tests alone");
}

#[test]
fn the_same_program_makes_the_same_bytes() {
    let Some(release) = Release::of_archives(&[TARGET]) else { return };
    let first = std::fs::read(release.archive_for(TARGET)).unwrap();
    std::fs::remove_file(release.archive_for(TARGET)).unwrap();
    release.archive(&[TARGET]);
    assert_eq!(std::fs::read(release.archive_for(TARGET)).unwrap(), first);
}

#[test]
fn a_release_without_one_of_its_archives_is_none() {
    let Some(release) = Release::of_archives(&TARGETS[1..]) else { return };
    let output = release.finishing().output().unwrap();
    assert!(!output.status.success());
    assert!(talk(&output).contains("0 archives for aarch64-apple-darwin"), "{}", talk(&output));
    assert!(!release.path("install.sh").exists());
}

#[test]
fn every_file_is_in_the_list_of_checksums() {
    let Some(release) = Release::new() else { return };
    let sums = release.text("SHA256SUMS");
    for file in std::fs::read_dir(release.path("")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let is_listed = sums.lines().any(|line| line.ends_with(&format!("  {name}")));
        assert_eq!(is_listed, !["SHA256SUMS", "npm"].contains(&name.as_str()), "{name}");
    }
    if let Some(sha256sum) = needs::program("sha256sum") {
        let mut check = Command::new(sha256sum);
        succeeds(check.args(["--check", "--strict", "SHA256SUMS"]).current_dir(release.path("")));
    }
}

#[test]
fn the_formula_names_each_archive_with_its_checksum() {
    let Some(release) = Release::new() else { return };
    let formula = release.text("claude-backup.rb");
    let sums = release.text("SHA256SUMS");
    for target in TARGETS {
        let name = format!("claude-backup-{VERSION}-{target}.tar.gz");
        let line = sums.lines().find(|line| line.ends_with(&name)).unwrap();
        let sum = line.split(' ').next().unwrap();
        let pair = format!(
            "url \"{REPOSITORY}/releases/download/v{VERSION}/{name}\"\n      sha256 \"{sum}\""
        );
        assert!(formula.contains(&pair), "{formula}");
    }
    assert!(!formula.contains('@'), "nothing is left to fill in: {formula}");
    match needs::program("ruby") {
        Some(ruby) => {
            succeeds(Command::new(ruby).arg("-c").arg(release.path("claude-backup.rb")));
        }
        None => needs::say_skipped("ruby is not on this machine to read the formula"),
    }
}

#[test]
fn packages_for_npm_say_the_version_once_and_their_machine() {
    let Some(release) = Release::new() else { return };
    let package = |name: &str| -> serde_json::Value {
        serde_json::from_str(&release.text(&format!("npm/{name}/package.json"))).unwrap()
    };
    let main = package("claude-backup");
    let platforms = main["optionalDependencies"].as_object().unwrap();
    assert_eq!(platforms.len(), TARGETS.len());
    for (name, version) in platforms {
        let platform = package(name);
        assert_eq!((version, &platform["version"]), (&main["version"], &main["version"]));
        let (system, processor) = (&platform["os"][0], &platform["cpu"][0]);
        let machine = format!("{}-{}", system.as_str().unwrap(), processor.as_str().unwrap());
        assert_eq!(*name, format!("claude-backup-{machine}"));
        for file in ["LICENCES-OF-OTHERS.txt", "LICENSE", "bin/claude-backup"] {
            assert!(release.path(&format!("npm/{name}/{file}")).exists(), "{name}/{file}");
        }
    }
    assert_eq!(main["version"], VERSION);
    assert!(main.get("scripts").is_none(), "npm runs nothing of ours while it installs");
}

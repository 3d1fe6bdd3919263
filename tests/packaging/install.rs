//! `install.sh` on machines of several kinds, with each shell that is here.

use std::path::PathBuf;
use std::process::Output;

use crate::machine::{Machine, talk, write_program};
use crate::needs;
use crate::release::{Release, Server, TARGETS, VERSION};

/// All that the script may ask for, beside what downloads and what adds up checksums.
const PLAIN: [&str; 7] = ["gzip", "mkdir", "mktemp", "mv", "rm", "sed", "tar"];
const INSTALLED: &str = ".local/bin/claude-backup";

/// A release that is handed out, and who wants it.
struct Story {
    release: Release,
    server: Server,
}

impl Story {
    fn new() -> Option<Self> {
        let release = Release::new()?;
        let server = release.serve();
        Some(Self { release, server })
    }

    fn install(&self, shell: &[PathBuf], machine: &Machine) -> Output {
        self.install_by(shell, machine, &[])
    }

    fn install_by(&self, shell: &[PathBuf], machine: &Machine, more: &[(&str, &str)]) -> Output {
        let mut command = machine.command(&shell[0]);
        command.args(&shell[1..]).arg(self.release.path("install.sh"));
        command.env("CLAUDE_BACKUP_URL", &self.server.url).env("CLAUDE_BACKUP_ALLOW_HTTP", "1");
        command.envs(more.iter().copied());
        command.output().unwrap()
    }
}

/// What reads the script: whatever `sh` is, and others where they are.
fn shells() -> Vec<Vec<PathBuf>> {
    let named = |name: &str| needs::program(name).map(|path| vec![path]);
    let busybox = needs::program("busybox").map(|path| vec![path, "sh".into()]);
    [named("sh"), named("dash"), named("bash"), busybox].into_iter().flatten().collect()
}

fn sh() -> Vec<PathBuf> {
    shells().remove(0)
}

/// A machine with what the script asks for, and these programs.
fn machine(programs: &[&str]) -> Machine {
    Machine::with(&[&PLAIN[..], programs].concat()).adding("uname", &uname("Linux", "x86_64"))
}

fn usual() -> Machine {
    machine(&["curl", "sha256sum", "shasum"])
}

fn uname(system: &str, processor: &str) -> String {
    format!("case $1 in -s) echo {system} ;; -m) echo {processor} ;; esac")
}

/// It failed with these words, and left nothing.
fn assert_refused(output: &Output, machine: &Machine, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", talk(output));
    assert!(talk(output).contains(words), "{}", talk(output));
    assert_eq!(machine.names(".local/bin"), Vec::<String>::new());
}

#[test]
fn it_installs_and_says_what_next() {
    let Some(story) = Story::new() else { return };
    for shell in shells() {
        let machine = usual();
        let output = story.install(&shell, &machine);
        assert!(output.status.success(), "{shell:?}: {}", talk(&output));
        assert_eq!(machine.names(".local/bin"), ["claude-backup"], "and nothing beside it");
        let said = machine.command(machine.home(INSTALLED)).arg("--version").output().unwrap();
        assert_eq!(talk(&said), format!("claude-backup {VERSION}\n"));
        let next = format!("Next: {} init", machine.home(INSTALLED).display());
        assert!(talk(&output).contains(&next), "{}", talk(&output));
        assert!(talk(&output).contains("is not in your PATH"), "{}", talk(&output));
    }
}

#[test]
fn a_folder_that_is_in_the_path_needs_no_more_words() {
    let Some(story) = Story::new() else { return };
    let machine = usual();
    let folder = machine.tool("").to_str().unwrap().to_owned();
    let with_slash = format!("{folder}/");
    let wishes = [("CLAUDE_BACKUP_BIN", with_slash.as_str()), ("PATH", folder.as_str())];
    let output = story.install_by(&sh(), &machine, &wishes);
    let expected =
        format!("Installed claude-backup {VERSION} in {folder}\nNext: claude-backup init\n");
    assert_eq!(talk(&output), expected);
}

#[test]
fn another_one_that_comes_first_is_named() {
    let Some(story) = Story::new() else { return };
    let machine = usual().adding("claude-backup", "echo the shell tool");
    let path = format!("{}:{}", machine.tool("").display(), machine.home(".local/bin").display());
    let output = story.install_by(&sh(), &machine, &[("PATH", &path)]);
    assert!(output.status.success(), "{}", talk(&output));
    assert!(talk(&output).contains("has another one before it"), "{}", talk(&output));
}

#[test]
fn every_machine_gets_its_own_archive() {
    let Some(story) = Story::new() else { return };
    for (system, processor, target) in [
        ("Darwin", "arm64", TARGETS[0]),
        ("Linux", "aarch64", TARGETS[1]),
        ("Darwin", "x86_64", TARGETS[2]),
        ("Linux", "amd64", TARGETS[3]),
    ] {
        // The archive that is asked for is the only one that is as the release says.
        story.release.archive(&TARGETS);
        for other in TARGETS.iter().filter(|other| **other != target) {
            std::fs::write(story.release.archive_for(other), "another").unwrap();
        }
        let machine = usual().adding("uname", &uname(system, processor));
        let output = story.install(&sh(), &machine);
        assert!(output.status.success(), "{system} {processor}: {}", talk(&output));
    }
}

#[test]
fn a_machine_without_an_archive_is_told_what_works() {
    let Some(story) = Story::new() else { return };
    for (system, processor) in [("FreeBSD", "x86_64"), ("Linux", "riscv64")] {
        let machine = usual().adding("uname", &uname(system, processor));
        let output = story.install(&sh(), &machine);
        assert_refused(&output, &machine, &format!("no archive for {system} on {processor}"));
        assert!(talk(&output).contains("cargo install claude-backup"), "{}", talk(&output));
    }
}

#[test]
fn an_archive_that_was_changed_is_not_unpacked() {
    let Some(story) = Story::new() else { return };
    let path = story.release.archive_for(TARGETS[3]);
    let whole = std::fs::read(&path).unwrap();
    let longer = [&whole[..], b"\0"].concat();
    for shell in shells() {
        for bytes in [&whole[..whole.len() - 1], &longer] {
            std::fs::write(&path, bytes).unwrap();
            let machine = usual();
            let output = story.install(&shell, &machine);
            assert_refused(&output, &machine, "is not what the release says it is");
        }
    }
}

#[test]
fn an_archive_that_the_release_does_not_name_is_not_unpacked() {
    let Some(story) = Story::new() else { return };
    let sums = story.release.text("SHA256SUMS");
    let others: Vec<&str> = sums.lines().filter(|line| !line.contains(TARGETS[3])).collect();
    std::fs::write(story.release.path("SHA256SUMS"), others.join("\n")).unwrap();
    let machine = usual();
    let output = story.install(&sh(), &machine);
    assert_refused(&output, &machine, "is not what the release says it is");
}

#[test]
fn what_is_not_there_is_named_by_its_address() {
    let Some(story) = Story::new() else { return };
    for downloader in ["curl", "wget"] {
        let machine = machine(&[downloader, "sha256sum", "shasum"]);
        if machine.tool(downloader).exists() {
            let wish = [("CLAUDE_BACKUP_VERSION", "0.0.0")];
            let output = story.install_by(&sh(), &machine, &wish);
            let address = format!("could not download {}/v0.0.0/SHA256SUMS", story.server.url);
            assert_refused(&output, &machine, &address);
        }
    }
}

#[test]
fn one_program_of_each_kind_is_enough() {
    let Some(story) = Story::new() else { return };
    for downloader in ["curl", "wget"] {
        for sums in ["sha256sum", "shasum"] {
            let machine = machine(&[downloader, sums]);
            if machine.tool(downloader).exists() && machine.tool(sums).exists() {
                let output = story.install(&sh(), &machine);
                assert!(output.status.success(), "{downloader}, {sums}: {}", talk(&output));
            }
        }
    }
}

#[test]
fn a_program_that_is_missing_is_named() {
    let Some(story) = Story::new() else { return };
    let machine = machine(&["sha256sum", "shasum"]);
    assert_refused(&story.install(&sh(), &machine), &machine, "this needs curl or wget");
    let machine = self::machine(&["curl", "wget"]);
    assert_refused(&story.install(&sh(), &machine), &machine, "this needs sha256sum or shasum");
}

#[test]
fn a_second_time_takes_the_place_of_the_first() {
    let Some(story) = Story::new() else { return };
    let machine = usual();
    std::fs::create_dir_all(machine.home(".local/bin")).unwrap();
    write_program(&machine.home("elsewhere"), "echo an older one");
    std::os::unix::fs::symlink("../../elsewhere", machine.home(INSTALLED)).unwrap();
    for _ in 0..2 {
        let output = story.install(&sh(), &machine);
        assert!(output.status.success(), "{}", talk(&output));
        let said = machine.command(machine.home(INSTALLED)).arg("--version").output().unwrap();
        assert_eq!(talk(&said), format!("claude-backup {VERSION}\n"));
    }
    let other = std::fs::read_to_string(machine.home("elsewhere")).unwrap();
    assert!(other.contains("an older one"), "what a link led to stays: {other}");
}

#[test]
fn a_program_that_does_not_run_here_takes_no_place() {
    let Some(story) = Story::new() else { return };
    let machine = usual();
    assert!(story.install(&sh(), &machine).status.success());
    let before = std::fs::read(machine.home(INSTALLED)).unwrap();
    // It answers whoever makes the archive, and nobody who installs it.
    let broken = format!(
        "case $1 in --version) test -z \"$CLAUDE_BACKUP_URL\" && echo '{{\"version\":\"{VERSION}\"}}' ;; esac"
    );
    write_program(&story.release.program(), &broken);
    story.release.archive(&TARGETS);
    story.release.finish();
    let output = story.install(&sh(), &machine);
    assert!(talk(&output).contains("does not run on this machine"), "{}", talk(&output));
    assert_eq!(std::fs::read(machine.home(INSTALLED)).unwrap(), before);
    assert_eq!(machine.names(".local/bin"), ["claude-backup"]);
}

#[test]
fn a_script_that_was_cut_short_does_nothing() {
    let Some(story) = Story::new() else { return };
    let whole = story.release.text("install.sh");
    let machine = usual();
    for (end, _) in whole.trim_end().match_indices('\n') {
        std::fs::write(story.release.path("install.sh"), &whole[..end]).unwrap();
        story.install(&sh(), &machine);
        assert_eq!(machine.names(""), Vec::<String>::new(), "cut after {end} bytes");
    }
}

#[test]
fn the_template_says_that_it_is_one() {
    let machine = usual();
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/install.sh");
    let output = machine.command(&sh()[0]).arg(template).output().unwrap();
    assert_refused(&output, &machine, "take the one on a release page");
}

#[test]
fn plain_http_is_refused_unless_it_is_asked_for() {
    let Some(story) = Story::new() else { return };
    for shell in shells() {
        for wish in ["", "0", "yes"] {
            let machine = usual();
            let wish = [("CLAUDE_BACKUP_ALLOW_HTTP", wish)];
            assert_refused(&story.install_by(&shell, &machine, &wish), &machine, "is not https");
        }
    }
}

#[test]
fn plain_http_is_never_taken_from_another_machine() {
    let Some(story) = Story::new() else { return };
    for shell in shells() {
        for place in [
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "127.0.0.1@example.org",
            "127.0.0.1:80@example.org",
            "127.0.0.1\\@example.org",
            "127.0.0.2",
            "[::1].example.org",
            "[::1]@example.org",
            "example.org?127.0.0.1",
            "",
        ] {
            let machine = usual();
            let address = format!("http://{place}/releases");
            let wish = [("CLAUDE_BACKUP_URL", address.as_str())];
            assert_refused(&story.install_by(&shell, &machine, &wish), &machine, "is not https");
        }
    }
}

#[test]
fn a_redirect_to_plain_http_is_not_followed() {
    let Some(story) = Story::new() else { return };
    let redirecting = Server::redirecting_to(&story.server.url);
    for downloader in ["curl", "wget"] {
        let machine = machine(&[downloader, "sha256sum", "shasum"]);
        if machine.tool(downloader).exists() {
            let wish = [("CLAUDE_BACKUP_URL", redirecting.url.as_str())];
            let output = story.install_by(&sh(), &machine, &wish);
            let words =
                if downloader == "curl" { "could not download" } else { "which is not https" };
            assert_refused(&output, &machine, words);
        }
    }
}

#[test]
fn a_wget_that_checks_no_certificates_is_not_used() {
    let Some(story) = Story::new() else { return };
    let wget = "echo 'wget: unrecognized option: version' >&2; exit 1";
    let machine = machine(&["sha256sum", "shasum"]).adding("wget", wget);
    assert_refused(&story.install(&sh(), &machine), &machine, "this needs curl or GNU wget");
}

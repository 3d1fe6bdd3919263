//! What is printed on narrow terminals: nothing is lost, and nothing is cut inside a word or a command.

use crate::fixture::{self, A, B};
use crate::sandbox::Sandbox;

/// A home whose screens have something to say: a deleted session, a rewritten one, a secret.
fn troubled() -> Sandbox {
    let sandbox = fixture::home();
    sandbox.init();
    sandbox.remove(sandbox.session(fixture::ALPHA, B));
    sandbox.write_session(fixture::ALPHA, A, 2);
    sandbox
}

/// All letters of a screen; what wrapping may leave out is left out.
fn letters(screen: &str) -> String {
    screen.chars().filter(|c| !c.is_whitespace() && !"`,;.".contains(*c)).collect()
}

fn is_whole(line: &str, width: usize) -> bool {
    let text = line.trim_start().trim_start_matches(['!', '✗', '✓', ' ']);
    let is_command = ["claude-backup ", "cd ", "git "].iter().any(|name| text.starts_with(name));
    line.chars().count() <= width || is_command || !text.contains(' ')
}

#[test]
fn words_and_commands_stay_whole_at_44_and_80_columns() {
    let sandbox = troubled();
    sandbox.run(&["sync"]).success();
    for words in [
        &["status"][..],
        &["verify"],
        &["peek", A],
        &["versions", A],
        &["sync", "--scan"],
        &["export-config"],
        &["restore", A, "--dry-run", "--to-project", "."],
        &["restore", "--all", "--dry-run"],
    ] {
        for width in [44, 80] {
            let wide = sandbox.run_on_terminal(500, words).screen();
            let narrow = sandbox.run_on_terminal(width, words).screen();
            // A table becomes records, and an export has another name each time.
            if !["versions", "export-config"].contains(&words[0]) {
                assert_eq!(letters(&narrow), letters(&wide), "{words:?} at {width}");
            }
            for line in narrow.lines() {
                assert!(is_whole(line, usize::from(width)), "{words:?} at {width}: {line:?}");
            }
        }
    }
}

#[test]
fn a_command_can_be_copied_from_a_narrow_screen() {
    let sandbox = troubled();
    let screen = sandbox.run_on_terminal(44, &["sync"]).success().screen();
    let lines: Vec<&str> = screen.lines().map(str::trim).collect();
    assert!(lines.contains(&"claude-backup restore --gone"), "{screen}");
    assert!(lines.contains(&format!("claude-backup versions {A}").as_str()), "{screen}");
}

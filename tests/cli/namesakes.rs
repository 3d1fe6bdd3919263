//! Two sessions that had the same name, one after the other.

use crate::sandbox::{Sandbox, conversation};

const A: &str = "aaaaaaaa-1111-4111-8111-111111111111";
const B: &str = "bbbbbbbb-2222-4222-8222-222222222222";

#[test]
fn versions_of_a_session_that_moved_away_are_not_overwritten_by_its_namesake() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", A, 40).init();
    sandbox.write(sandbox.session("-p", A), conversation(B, 0..30)).sync();
    std::fs::create_dir_all(sandbox.claude("projects/-q")).unwrap();
    std::fs::rename(sandbox.session("-p", A), sandbox.session("-q", A)).unwrap();
    assert_eq!(sandbox.sync()["files"]["moved"], 1);
    sandbox.write(sandbox.session("-p", A), conversation("c", 0..9)).sync();
    sandbox.write(sandbox.session("-p", A), conversation("d", 0..5)).sync();
    let out = sandbox.home("out.jsonl");
    let place = out.to_str().unwrap();
    let ran = sandbox.run(&["restore", A, "--project=-q", "--version", "1", "--to", place]);
    assert_eq!(ran.success().talk(), "", "it is not taken from git's history");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), conversation(A, 0..40));
    sandbox.assert_git_clean();
}

//! `uninstall`: the schedule goes, the backup stays unless it is really meant to go.

use claude_backup::env::Os;
use serde_json::json;

use crate::sandbox::Sandbox;
use crate::system::{LINUX, machine};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const TIMER: &str = ".config/systemd/user/claude-backup.timer";

fn scheduled() -> Sandbox {
    let sandbox = machine(Os::Linux, LINUX);
    sandbox.write_session("-p", ID, 4).init();
    sandbox.run(&["schedule", "daily"]).success();
    sandbox
}

#[test]
fn the_schedule_goes_and_the_backup_stays() {
    let sandbox = scheduled();
    let done = sandbox.json(&["uninstall"]);
    assert_eq!((&done["schedule"], &done["dataDeleted"]), (&json!("off"), &json!(false)));
    assert!(!sandbox.home(TIMER).exists());
    assert_eq!(sandbox.json(&["status"])["sessions"]["files"], 1);
    insta::assert_snapshot!("uninstall", sandbox.run(&["uninstall"]).success().both());
}

#[test]
fn the_backup_goes_only_by_two_words() {
    let sandbox = scheduled();
    sandbox.run(&["uninstall", "--delete-data"]).fails(2);
    assert!(sandbox.backup("manifest.json").exists());
    let done = sandbox.json(&["uninstall", "--delete-data", "--yes"]);
    assert_eq!(done["dataDeleted"], true);
    assert!(!sandbox.backup("").exists());
    assert!(sandbox.session("-p", ID).exists(), "the source is none of its business");
}

#[test]
fn without_a_backup_a_timer_that_was_left_goes_too() {
    let sandbox = scheduled();
    sandbox.remove(".claude-backup");
    sandbox.json(&["uninstall"]);
    assert!(!sandbox.home(TIMER).exists());
}

#[test]
fn a_folder_that_is_no_backup_is_never_deleted() {
    let sandbox = machine(Os::Linux, LINUX);
    sandbox.write("photos/one.jpg", "x");
    let photos = sandbox.home("photos").to_string_lossy().into_owned();
    let words = ["uninstall", "--delete-data", "--yes", "--backup-dir", &photos];
    assert_eq!(sandbox.json(&words)["dataDeleted"], false);
    assert!(sandbox.home("photos/one.jpg").exists());
}

//! The first sync of a day gives a share of the backup back on trial.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, flip_a_bit};

const DAY: i64 = 24 * 60;

fn id(number: usize) -> String {
    format!("{number:08}-1111-4111-8111-111111111111")
}

fn saved(sessions: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    for number in 0..sessions {
        sandbox.write_session("-p", &id(number), 2);
    }
    sandbox.init();
    sandbox
}

fn flip(sandbox: &Sandbox, number: usize) {
    flip_a_bit(&sandbox.stored(format!("projects/-p/{}.jsonl.gz", id(number))));
}

fn proof(sandbox: &Sandbox) -> Value {
    sandbox.sync()["proof"].clone()
}

#[test]
fn once_a_day_one_in_a_hundred_is_tried_and_all_have_their_turn() {
    let sandbox = saved(150);
    assert_eq!(proof(&sandbox), json!({"proven": 2, "tried": 2, "problems": []}));
    assert_eq!(proof(&sandbox), Value::Null, "not twice a day");
    for _ in 1..75 {
        sandbox.pass_minutes(DAY);
        assert_eq!(proof(&sandbox)["proven"], 2);
    }
    let status = sandbox.json(&["status"]);
    assert_eq!(
        (&status["proof"]["proven"], &status["proof"]["sessions"]),
        (&json!(150), &json!(150))
    );
    let screen = sandbox.run(&["status"]).success().screen();
    assert!(screen.contains("150 of 150 sessions proven restorable"), "{screen}");
}

#[test]
fn a_damaged_copy_is_told_with_its_remedy_and_the_session_came_back_from_git() {
    let sandbox = saved(1);
    sandbox.sync();
    sandbox.pass_minutes(DAY);
    flip(&sandbox, 0);
    let ran = sandbox.run(&["sync", "--quiet"]).fails(3);
    assert!(ran.screen().contains("claude-backup verify --repair"), "{}", ran.screen());
    let status = sandbox.json(&["status"]);
    assert_eq!(status["proof"]["proven"], 1);
    assert_eq!((&status["health"], &status["damaged"]), (&json!("damaged"), &json!(1)));
    let log = std::fs::read_to_string(sandbox.backup("backup.log")).unwrap();
    assert!(log.lines().last().unwrap().contains("damaged: test-host/projects/-p/"), "{log}");
    sandbox.run(&["sync", "--quiet"]).success();
    assert_eq!(sandbox.json(&["status"])["damaged"], 1, "it is told until it is mended");
    sandbox.run(&["verify", "--repair"]).success();
    assert_eq!(sandbox.json(&["status"])["health"], "ok");
    sandbox.pass_minutes(DAY);
    assert_eq!(proof(&sandbox), json!({"proven": 1, "tried": 1, "problems": []}));
}

#[test]
fn what_is_lost_is_named_and_the_others_still_have_their_turn() {
    let sandbox = saved(3);
    sandbox.remove(sandbox.session("-p", &id(1))).run(&["sync", "--quiet"]).success();
    sandbox.pass_minutes(DAY);
    let promised = sandbox.stored("ledger/-p.jsonl");
    let text = std::fs::read_to_string(&promised).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let wrong = lines[1].replacen("\"sha256\":\"", "\"sha256\":\"00", 1);
    let at = wrong.find("\"sha256\":\"00").unwrap() + 12 + 62;
    let wrong = format!("{}{}", &wrong[..at], &wrong[at + 2..]);
    std::fs::write(&promised, format!("{}\n{wrong}\n{}\n", lines[0], lines[2])).unwrap();
    sandbox.git(&["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qam", "by hand"]);
    let mut tried = Vec::new();
    for _ in 0..4 {
        let ran = sandbox.run(&["sync", "--json"]);
        let proof = ran.json()["proof"].clone();
        tried.push((proof["proven"].as_u64(), proof["problems"].as_array().map(Vec::len)));
        sandbox.pass_minutes(DAY);
    }
    let good = (Some(1), Some(0));
    assert_eq!(tried, [(Some(0), Some(1)), good, good, (Some(0), Some(1))]);
    assert_eq!(sandbox.json(&["status"])["proof"]["proven"], 2, "one is still to be mended");
    sandbox.write_session("-p", &id(1), 2).run(&["verify", "--repair"]).success();
    sandbox.run(&["verify", "--proof"]).success();
    assert_eq!(sandbox.json(&["status"])["proof"]["proven"], 3);
}

#[test]
fn it_can_be_turned_off() {
    let sandbox = saved(3);
    sandbox.git(&["config", "claude-backup.dailyProof", "false"]);
    assert_eq!(proof(&sandbox), Value::Null);
    assert_eq!(sandbox.json(&["status"])["proof"], Value::Null);
}

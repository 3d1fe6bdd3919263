//! `schedule`: the system starts the backup, and says so when it does not.

use std::process::Command;

use claude_backup::env::Os;
use serde_json::json;

use crate::sandbox::{Sandbox, set_mode};
use crate::system::{LINUX, MAC, OLD_LINUX, machine};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const PLIST: &str = "Library/LaunchAgents/com.claude-backup.plist";
const TIMER: &str = ".config/systemd/user/claude-backup.timer";
const WANTS: &str = ".config/systemd/user/timers.target.wants";
const SERVICE: &str = ".config/systemd/user/claude-backup.service";

fn mac() -> Sandbox {
    saved(machine(Os::MacOs, MAC))
}

fn linux() -> Sandbox {
    saved(machine(Os::Linux, LINUX))
}

fn saved(sandbox: Sandbox) -> Sandbox {
    sandbox.write_session("-p", ID, 4).init();
    sandbox.diary();
    sandbox
}

fn text(sandbox: &Sandbox, path: &str) -> String {
    let home = sandbox.home("").to_string_lossy().trim_end_matches('/').to_owned();
    std::fs::read_to_string(sandbox.home(path)).unwrap().replace(&home, "[HOME]")
}

#[test]
fn on_a_mac_launchd_is_told_step_by_step() {
    let sandbox = mac();
    let done = sandbox.json(&["schedule", "daily"]);
    assert_eq!(
        (&done["schedule"], &done["scheduler"], &done["active"], &done["nextRun"]),
        (&json!("daily"), &json!("launchd"), &json!(true), &json!("2026-11-21T03:00:00Z"))
    );
    assert_eq!(
        sandbox.diary(),
        [
            "launchctl bootout gui/501/com.claude-backup",
            &format!("plutil -lint [HOME]/{PLIST}"),
            &format!("launchctl bootstrap gui/501 [HOME]/{PLIST}"),
            "launchctl print gui/501/com.claude-backup",
            "launchctl print gui/501/com.claude-backup",
        ]
    );
    insta::assert_snapshot!("plist_daily", text(&sandbox, PLIST));
}

#[test]
fn every_frequency_has_its_interval() {
    let sandbox = mac();
    for (word, seconds) in [("6h", 21_600), ("hourly", 3600)] {
        sandbox.run(&["schedule", word]).success();
        let interval = format!("<key>StartInterval</key>\n    <integer>{seconds}</integer>");
        assert!(text(&sandbox, PLIST).contains(&interval), "{word}");
        assert!(!text(&sandbox, PLIST).contains("StartCalendarInterval"));
    }
    let sandbox = linux();
    for (word, when) in [("daily", "03:00:00"), ("6h", "00/6:00:00"), ("hourly", "*:00:00")] {
        sandbox.run(&["schedule", word]).success();
        assert!(text(&sandbox, TIMER).contains(&format!("OnCalendar=*-*-* {when}")), "{word}");
    }
    let sandbox = saved(machine(Os::Linux, OLD_LINUX));
    for (word, when) in [("daily", "0 3 * * *"), ("6h", "0 */6 * * *"), ("hourly", "0 * * * *")] {
        sandbox.run(&["schedule", word]).success();
        assert!(text(&sandbox, "system/table").contains(&format!("\n{when} ")), "{word}");
    }
}

#[test]
fn with_systemd_a_timer_catches_up_what_was_missed() {
    let sandbox = linux();
    let ran = sandbox.run(&["schedule", "6h"]).success();
    insta::assert_snapshot!("systemd_6h", ran.both());
    assert_eq!(
        sandbox.diary(),
        [
            "systemctl --user show --property=Version",
            "systemctl --user daemon-reload",
            "systemctl --user stop claude-backup.timer",
            "systemctl --user disable claude-backup.timer",
            "systemctl --user clean --what=state claude-backup.timer",
            "systemctl --user enable --now claude-backup.timer",
            "systemctl --user is-active --quiet claude-backup.timer",
            "loginctl show-user 501 --property=Linger",
            "systemctl --user is-active --quiet claude-backup.timer",
        ]
    );
    insta::assert_snapshot!("units", text(&sandbox, SERVICE) + "----\n" + &text(&sandbox, TIMER));
}

#[test]
fn lingering_is_explained_to_those_who_do_not() {
    let sandbox = linux();
    assert!(sandbox.run(&["schedule", "daily"]).success().talk().contains("enable-linger"));
    sandbox.write(sandbox.tool("lingers"), "");
    assert_eq!(sandbox.run(&["schedule", "daily"]).success().talk(), "");
}

#[test]
fn a_new_timer_does_not_start_a_run_that_would_meet_the_lock() {
    let sandbox = linux();
    for word in ["daily", "hourly", "off", "daily"] {
        sandbox.run(&["schedule", word]).success();
    }
    assert!(!sandbox.diary().contains(&"catches up".to_owned()));
}

#[test]
fn a_timer_whose_files_somebody_removed_is_stopped_too() {
    let sandbox = linux();
    sandbox.run(&["schedule", "daily"]).success();
    let link = sandbox.home(WANTS).join("claude-backup.timer");
    std::fs::create_dir_all(sandbox.home(WANTS)).unwrap();
    std::os::unix::fs::symlink(sandbox.home(TIMER), &link).unwrap();
    sandbox.remove(SERVICE).remove(TIMER);
    sandbox.diary();
    sandbox.run(&["schedule", "off"]).success();
    assert!(!sandbox.tool("active").exists() && !link.is_symlink());
    let diary = sandbox.diary();
    let at = |word: &str| diary.iter().position(|line| line.contains(word));
    assert!(at("stop").is_some() && at("stop") < at("disable"), "{diary:?}");
}

#[test]
fn without_systemd_cron_gets_lines_between_those_of_others() {
    let sandbox = saved(machine(Os::Linux, OLD_LINUX));
    sandbox.write("system/table", "MAILTO=me\n0 1 * * * mine 100\\%\n");
    sandbox.run(&["schedule", "hourly"]).success();
    sandbox.run(&["schedule", "daily"]).success();
    insta::assert_snapshot!("crontab", text(&sandbox, "system/table"));
    sandbox.run(&["schedule", "off"]).success();
    assert_eq!(text(&sandbox, "system/table"), "MAILTO=me\n0 1 * * * mine 100\\%\n");
}

#[test]
fn a_table_that_cannot_be_read_is_not_written() {
    let sandbox = saved(machine(Os::Linux, OLD_LINUX));
    sandbox.write("system/table", "0 1 * * * mine\n").system_fails("list");
    let error = sandbox.run(&["schedule", "daily", "--json"]).fails(1).json_error();
    assert!(error["error"].as_str().unwrap().contains("permission denied"), "{error}");
    assert_eq!(text(&sandbox, "system/table"), "0 1 * * * mine\n");
}

#[test]
fn a_line_of_cron_that_starts_nothing_is_told() {
    for place in ["bin/claude-backup", "it's 100% mine/claude-backup"] {
        let sandbox = machine(Os::Linux, OLD_LINUX);
        let program = sandbox.home(place);
        let sandbox = saved(sandbox.running(Os::Linux, program.clone()));
        sandbox.write(&program, "").run(&["schedule", "daily"]).success();
        assert_eq!(sandbox.json(&["status"])["scheduler"], "active");
        sandbox.remove(&program);
        let warnings = sandbox.json(&["status"])["warnings"].to_string();
        assert!(warnings.contains(&format!("{place}, which is not there")), "{warnings}");
        let table = text(&sandbox, "system/table").replace(" nice ", " mean ");
        sandbox.write("system/table", table);
        let warnings = sandbox.json(&["status"])["warnings"].to_string();
        assert!(warnings.contains("its line in the crontab is damaged"), "{warnings}");
    }
}

#[test]
fn a_systemd_that_does_not_answer_leaves_it_to_cron() {
    let sandbox = linux();
    sandbox.system_fails("bus");
    assert_eq!(sandbox.json(&["schedule", "daily"])["scheduler"], "cron");
}

#[test]
fn off_takes_it_away_and_is_no_failure_twice() {
    for (sandbox, path) in [(mac(), PLIST), (linux(), TIMER)] {
        sandbox.run(&["schedule", "daily"]).success();
        assert!(sandbox.home(path).exists());
        for _ in 0..2 {
            let done = sandbox.json(&["schedule", "off"]);
            assert_eq!((&done["schedule"], &done["active"]), (&json!("off"), &json!(false)));
            assert!(!sandbox.home(path).exists());
        }
        let status = sandbox.json(&["status"]);
        assert_eq!((&status["health"], &status["schedule"]), (&json!("ok"), &json!("off")));
    }
}

#[test]
fn what_the_system_refuses_changes_nothing() {
    for (fault, sandbox, path, scheduler) in [
        ("lint", mac(), PLIST, "launchd"),
        ("bootstrap", mac(), PLIST, "launchd"),
        ("enable", linux(), TIMER, "systemd"),
    ] {
        sandbox.system_fails(fault).run(&["schedule", "daily", "--json"]).fails(1);
        assert!(!sandbox.home(path).exists(), "{fault}: nothing was there before");
        assert_eq!(sandbox.json(&["status"])["schedule"], "");
        sandbox.remove(sandbox.tool(&format!("fails-{fault}")));
        sandbox.run(&["schedule", "hourly"]).success();
        let before = text(&sandbox, path);
        sandbox.system_fails(fault).run(&["schedule", "daily", "--json"]).fails(1);
        assert_eq!(text(&sandbox, path), before, "{fault}: what was there is there again");
        sandbox.remove(sandbox.tool(&format!("fails-{fault}")));
        let shown = sandbox.json(&["schedule", "hourly"]);
        assert_eq!(
            (&shown["schedule"], &shown["scheduler"]),
            (&json!("hourly"), &json!(scheduler))
        );
    }
}

#[test]
fn status_says_when_it_is_installed_and_does_not_run() {
    let sandbox = linux();
    sandbox.run(&["schedule", "daily"]).success();
    let status = sandbox.json(&["status"]);
    assert_eq!((&status["scheduler"], &status["health"]), (&json!("active"), &json!("ok")));
    assert_eq!(status["nextRun"], "2026-11-21T03:00:00Z");
    sandbox.remove(sandbox.tool("active"));
    let status = sandbox.json(&["status"]);
    assert_eq!(
        (&status["scheduler"], &status["health"]),
        (&json!("inactive"), &json!("not-scheduled"))
    );
    assert_eq!(status["nextRun"], json!(null));
    insta::assert_snapshot!("schedule_stopped", sandbox.run(&["schedule"]).fails(1).both());
    sandbox.run(&["schedule", "daily"]).success();
    sandbox.remove("bin/claude-backup");
    let warnings = sandbox.json(&["status"])["warnings"].to_string();
    assert!(warnings.contains("which is not there"), "{warnings}");
}

#[test]
fn an_hourly_backup_is_overdue_sooner_than_a_daily_one() {
    let sandbox = linux();
    sandbox.run(&["schedule", "hourly"]).success();
    sandbox.append_session("-p", ID, 4..6).pass_minutes(119);
    assert_eq!(sandbox.json(&["status"])["health"], "ok");
    sandbox.pass_minutes(2);
    assert_eq!(sandbox.json(&["status"])["health"], "overdue");
}

#[test]
fn the_shell_tools_agent_is_seen_and_replaced() {
    let sandbox = mac();
    let old = "<plist><dict><key>ProgramArguments</key><array><string>/bin/bash</string>\
               <string>/x/cli.sh</string><string>sync</string></array></dict></plist>";
    sandbox.write(PLIST, old);
    sandbox.git(&["config", "claude-backup.schedule", "daily"]);
    let warnings = sandbox.json(&["status"])["warnings"].to_string();
    assert!(
        warnings.contains("it starts the shell tool; run `claude-backup schedule daily`"),
        "{warnings}"
    );
    sandbox.run(&["schedule", "daily"]).success();
    assert!(text(&sandbox, PLIST).contains("<string>[HOME]/bin/claude-backup</string>"));
    assert_eq!(sandbox.json(&["status"])["health"], "ok");
}

#[test]
fn names_with_every_letter_reach_the_system_whole() {
    let odd = r#"a & <b> "c" 'd' 100% $HOME \e {{when}}"#;
    // systemd itself refuses a program with quotes in its name.
    let program = "a & <b> 100% $HOME {{when}}/claude-backup";
    for os in [Os::MacOs, Os::Linux] {
        let sandbox = machine(os, if os == Os::MacOs { MAC } else { LINUX });
        let folder = sandbox.home(odd);
        let program = sandbox.home(program);
        let sandbox = sandbox.running(os, program.clone());
        sandbox.write(&program, "").write_session("-p", ID, 2);
        set_mode(&program, 0o755);
        let claude = sandbox.home(".claude").to_string_lossy().into_owned();
        let backup = folder.join("backup").to_string_lossy().into_owned();
        let places = ["--backup-dir", &backup, "--claude-dir", &claude];
        sandbox.run(&[&["init", "--local"], &places[..]].concat()).success();
        sandbox.run(&[&["schedule", "daily"], &places[..]].concat()).success();
        let status = sandbox.json(&[&["status"], &places[..]].concat());
        assert_eq!(
            status["scheduler"], "active",
            "the program is found in what was written: {status}"
        );
        if os == Os::Linux {
            assert_systemd_takes_it(&sandbox);
            continue;
        }
        let program = program.to_string_lossy().into_owned();
        let words = [&program, "sync", "--quiet", "--backup-dir", &backup, "--claude-dir", &claude];
        assert_eq!(words_of_plist(&sandbox), words);
    }
}

/// The words as an independent reader of property lists finds them.
fn words_of_plist(sandbox: &Sandbox) -> Vec<String> {
    let script = "import plistlib, sys\n\
                  print('\\n'.join(plistlib.load(open(sys.argv[1], 'rb'))['ProgramArguments']))";
    let read = Command::new("python3").args(["-c", script]).arg(sandbox.home(PLIST)).output();
    let read = read.expect("python3 is on this machine");
    String::from_utf8(read.stdout).unwrap().lines().map(Into::into).collect()
}

/// Lets systemd itself check the units, where it is there: it complains of a program that it does
/// not find, so a name that it misread would be a failure.
fn assert_systemd_takes_it(sandbox: &Sandbox) {
    let checked = Command::new("systemd-analyze")
        .env("XDG_RUNTIME_DIR", sandbox.home(""))
        .args(["--user", "verify"])
        .args([sandbox.home(SERVICE), sandbox.home(TIMER)])
        .output();
    if let Ok(checked) = checked {
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success(), "{said}\n{}", text(sandbox, SERVICE));
    }
}

#[test]
fn a_program_that_may_go_away_is_named() {
    for place in [
        "work/target/release/claude-backup",
        "work/target/x86_64-unknown-linux-musl/debug/claude-backup",
        ".npm/_npx/1/node_modules/claude-backup",
        ".cache/pnpm/dlx/1/node_modules/claude-backup",
        "Library/Caches/pnpm/dlx/1/node_modules/claude-backup",
        ".bun/install/cache/.bunx-0/claude-backup@latest/node_modules/claude-backup",
        "homebrew/Cellar/claude-backup/4.0.0/bin/claude-backup",
    ] {
        let sandbox = machine(Os::Linux, LINUX);
        let program = sandbox.home(place);
        let sandbox = saved(sandbox.running(Os::Linux, program.clone()));
        sandbox.write(&program, "");
        let talk = sandbox.run(&["schedule", "daily"]).success().talk();
        assert!(talk.contains("which may go away"), "{talk}");
    }
}

#[test]
fn the_link_on_the_path_outlives_the_file_that_it_leads_to() {
    let sandbox = linux();
    let real = sandbox.home("cellar/4.0.0/claude-backup");
    sandbox.write(&real, "");
    set_mode(&real, 0o755);
    std::os::unix::fs::symlink(&real, sandbox.tool("claude-backup")).unwrap();
    let sandbox = sandbox.running(Os::Linux, real);
    sandbox.run(&["schedule", "daily"]).success();
    assert!(text(&sandbox, SERVICE).contains("ExecStart=\"[HOME]/system/claude-backup\""));
}

#[test]
fn a_machine_without_any_says_so() {
    let sandbox = saved(machine(Os::Other, &[]));
    let error = sandbox.run(&["schedule", "daily", "--json"]).fails(1).json_error();
    assert!(error["hint"].as_str().unwrap().contains("claude-backup sync"), "{error}");
    assert_eq!(sandbox.json(&["schedule", "off"])["schedule"], "off");
    sandbox.git(&["config", "claude-backup.schedule", "daily"]);
    assert_eq!(sandbox.json(&["status"])["health"], "not-scheduled");
}

#[test]
fn wrong_words_are_wrong_before_anything_is_looked_at() {
    let sandbox = machine(Os::Linux, LINUX);
    sandbox.run(&["schedule", "weekly"]).fails(2);
    sandbox.run(&["schedule", "daily"]).fails(10);
    assert_eq!(sandbox.diary(), Vec::<String>::new());
}

#[test]
fn init_schedules_where_it_is_told_to() {
    for (words, schedule) in [
        (&["init", "--local"][..], ""),
        (&["init", "--local", "--schedule", "hourly"], "hourly"),
        (&["init", "--local", "--yes"], "daily"),
        (&["init", "--local", "--yes", "--no-schedule"], "off"),
    ] {
        let sandbox = machine(Os::Linux, LINUX);
        let done = sandbox.json(words);
        assert_eq!(done["schedule"], schedule, "{words:?}");
        let is_set = !["", "off"].contains(&schedule);
        assert_eq!(sandbox.home(TIMER).exists(), is_set, "{words:?}");
        assert_eq!(sandbox.json(&["status"])["schedule"], schedule);
    }
}

#[test]
fn an_init_that_cannot_schedule_has_saved_all_the_same() {
    let sandbox = machine(Os::Linux, LINUX);
    sandbox.write_session("-p", ID, 4).system_fails("enable");
    let ran = sandbox.run(&["init", "--local", "--schedule", "daily"]).fails(1);
    insta::assert_snapshot!("init_unscheduled", ran.both());
    assert_eq!(sandbox.json(&["status"])["sessions"]["files"], 1);
    sandbox.remove(sandbox.tool("fails-enable"));
    assert_eq!(sandbox.json(&["init", "--schedule", "daily"])["schedule"], "daily");
}

#[test]
fn every_run_leaves_a_line() {
    let sandbox = linux();
    sandbox.append_session("-p", ID, 4..6).sync();
    let log = text(&sandbox, ".claude-backup/backup.log");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(
        lines,
        [
            "2026-11-20T03:00:00Z saved: files new 1, changed 0; sessions in all 1",
            "2026-11-20T03:01:00Z saved: files new 0, changed 1; sessions in all 1",
        ]
    );
    sandbox.assert_git_clean();
}

//! A small Claude Code home with everything odd in it that real ones have, and what should be made
//! of it.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, set_mode};

/// The full one: streamed answers, a made and a chosen title, sub-agents, tool results.
pub const A: &str = "1b9342d9-1e35-4d3e-ab6c-c5e977eb2105";
/// An old one in the same folder though it worked in another: a summary, no title.
pub const B: &str = "8e57d96a-73c2-4671-ab0d-b66d46e88360";
/// Its last line is torn, it moved to a worktree, and it holds bytes that are no UTF-8.
pub const C: &str = "da33dad8-31cb-4cf6-abaf-14de7c2074bb";
/// Cut down to titles by the agent.
pub const D: &str = "2b10b125-f737-4021-aac2-3cab8a785767";
/// A fork of D that was carried on as H.
pub const E: &str = "38f5cbda-ff25-4183-aeaa-b207e9fc7649";
/// Side files without a transcript.
pub const F: &str = "b8470e99-d91d-4eb6-a15c-a075cf7b9dcd";
/// Where E was carried on.
pub const H: &str = "0af18528-5f8e-40de-a5ab-bc9fef650f56";
/// Zero bytes.
pub const EMPTY: &str = "2e1cfa82-b035-426c-abbd-ae632cea0705";

pub const ALPHA: &str = "-home-dev-work-alpha-app";
pub const BETA: &str = "-home-dev-work-beta-v1-0--config";
pub const GAMMA: &str = "-home-dev-work-gamma";

/// The text in every file that must never be saved.
pub const SECRET: &str = "FIXTURE-NEVER-SAVED";
pub const PROMPT: &str = "The duration parser rejects \"1h30m\". Find out why. Ünïcode: 時間 ⏱";

const OPUS: &str = "claude-opus-4-8";
/// 16 November 2026, 09:00 UTC, in milliseconds.
const BEGIN: i64 = 1_794_819_600_000;

/// A sandbox with the home in it; every file was last changed four days before its clock.
pub fn home() -> Sandbox {
    let sandbox = Sandbox::new();
    alpha(&sandbox);
    beta(&sandbox);
    gamma(&sandbox);
    profile(&sandbox);
    secrets(&sandbox);
    for entry in walkdir::WalkDir::new(sandbox.claude("")) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            sandbox.age(entry.path(), 4);
        }
    }
    sandbox
}

fn alpha(sandbox: &Sandbox) {
    let side = |name: &str| sandbox.claude("projects").join(ALPHA).join(name);
    sandbox.write(sandbox.session(ALPHA, A), session_a());
    sandbox
        .write(side(&format!("{A}/tool-results/bvnrxetcx.txt")), "test case ... ok\n".repeat(400));
    let agents = ["agent-acd5078be17d044d5", "workflows/wf_55cf1725-3f1/agent-a27d0d02378cc27e8"];
    for agent in agents {
        let mut log = Log::new(A, "/home/dev/work/alpha-app", BEGIN + 20_000);
        log.user("List each caller of parse().");
        log.answer("claude-haiku-4-5-20251001", &["Two callers."], [4, 88, 28, 9000]);
        sandbox.write(side(&format!("{A}/subagents/{agent}.jsonl")), log.text());
        sandbox.write(
            side(&format!("{A}/subagents/{agent}.meta.json")),
            "{\"agentType\":\"Explore\"}",
        );
    }
    sandbox.write(side("memory/MEMORY.md"), "- durations may be joined, as in 1h30m\n");
    sandbox.write(side("sessions-index.json"), "{\"version\":1,\"entries\":[]}");

    let mut log = Log::new(B, "/home/dev/work/alpha/app", BEGIN - 17 * 86_400_000);
    log.raw(json!({"type": "summary", "summary": "Rename the build folder", "leafUuid": "gone"}));
    log.user("Rename target/ to out/ in the build script");
    log.answer("claude-sonnet-4-5-20250929", &["Renamed."], [3, 5, 850, 15_400]);
    log.answer("<synthetic>", &["API Error: 529 overloaded"], [0, 0, 0, 0]);
    sandbox.write(sandbox.session(ALPHA, B), log.text());
}

fn session_a() -> String {
    let mut log = Log::new(A, "/home/dev/work/alpha-app", BEGIN);
    log.raw(json!({"type": "mode", "mode": "normal", "sessionId": A}));
    log.record("user", json!({"role": "user", "content": "<local-command-caveat>x"}), "isMeta");
    log.user("<command-name>/model</command-name>");
    log.user(PROMPT);
    log.answer(OPUS, &["", "I will look at the parser first.", ""], [3, 143, 850, 15_400]);
    log.result("1\tpub fn parse()");
    log.answer(OPUS, &["", ""], [3, 210, 850, 16_300]);
    log.result("Two callers: cli.rs and config.rs.");
    log.answer(OPUS, &["The loop returns after one unit.", ""], [3, 310, 850, 17_700]);
    log.result("The file has been updated.");
    log.answer(OPUS, &[""], [3, 60, 850, 15_400]);
    log.user("also bump the changelog");
    log.answer(OPUS, &["Done: the test passes."], [3, 44, 850, 18_100]);
    log.user("Thanks. Anything left?");
    log.answer("<synthetic>", &["No response requested."], [0, 0, 0, 0]);
    log.answer(OPUS, &["Nothing is left."], [3, 8, 850, 2100]);
    log.raw(json!({"type": "ai-title", "aiTitle": "Fix duration parser", "sessionId": A}));
    log.raw(json!({"type": "last-prompt", "lastPrompt": "Thanks. Anything left?", "sessionId": A}));
    log.raw(
        json!({"type": "custom-title", "customTitle": "alpha: duration parser", "sessionId": A}),
    );
    log.text()
}

fn beta(sandbox: &Sandbox) {
    let mut log = Log::new(C, "/home/dev/work/beta_v1.0/.config", BEGIN);
    log.user("Print the service settings");
    log.answer(OPUS, &["", "The service listens on port 8080."], [3, 14, 850, 15_400]);
    let moved = "/home/dev/work/beta_v1.0/.config/.claude/worktrees/try-1";
    log.raw(json!({"type": "relocated", "relocatedCwd": moved, "sessionId": C}));
    log.raw(json!({"type": "a-type-from-the-future", "payload": 12_345_678_901_234_567_890_u64}));
    let mut bytes = log.text().into_bytes();
    bytes.extend(
        b"{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"bad \xff byte, torn he",
    );
    sandbox.write(sandbox.session(BETA, C), bytes);
    let mut log = Log::new(C, "/home/dev/work/beta_v1.0/.config", BEGIN);
    log.user("Warmup");
    sandbox.write(sandbox.session(BETA, "agent-b9df637c"), log.text());
}

fn gamma(sandbox: &Sandbox) {
    let side = |name: &str| sandbox.claude("projects").join(GAMMA).join(name);
    let title = json!({"type": "custom-title", "customTitle": "gamma: long night", "sessionId": D});
    let prompt = json!({"type": "last-prompt", "lastPrompt": "go on", "sessionId": D});
    sandbox.write(sandbox.session(GAMMA, D), format!("{title}\n{prompt}\n"));
    sandbox.write(side(&format!("{D}/tool-results/toolu_017.txt")), "row 1\nrow 2\n");
    let mut log = Log::new(E, "/home/dev/work/gamma", BEGIN);
    log.user("Compare the two schedulers");
    log.answer(OPUS, &["The first one is simpler."], [3, 10, 850, 15_400]);
    let branch = json!({"type": "custom-title", "customTitle": "gamma: long night (Branch)"});
    log.raw(branch);
    log.user("And the second?");
    log.answer(OPUS, &["The second one scales further."], [3, 11, 850, 15_400]);
    let copied = log.text();
    log.raw(json!({"type": "continued-in", "continuedInSessionId": H, "sessionId": E}));
    sandbox.write(sandbox.session(GAMMA, E), log.text());
    let mut log = Log::new(H, "/home/dev/work/gamma", BEGIN + 1_800_000);
    log.user("Go on in the background");
    log.answer(OPUS, &["Working."], [3, 4, 850, 15_400]);
    sandbox.write(sandbox.session(GAMMA, H), copied.replace(E, H) + &log.text());
    sandbox.write(sandbox.session(GAMMA, EMPTY), "");
    let mut log = Log::new(F, "/home/dev/work/gamma", BEGIN);
    log.user("Count the lines");
    sandbox.write(side(&format!("{F}/subagents/agent-a88f6811ab5d8fc6d.jsonl")), log.text());
}

fn profile(sandbox: &Sandbox) {
    for (path, text) in [
        ("CLAUDE.md", "# My rules\n"),
        ("settings.json", "{\"cleanupPeriodDays\":30}"),
        ("settings.local.json", "{}"),
        ("skills/changelog/SKILL.md", "One line for each change.\n"),
        ("commands/ship.md", "Run the checks.\n"),
        ("history.jsonl", "{\"display\":\"what did session G do\"}\n"),
        ("plans/quiet-river-lantern.md", "# Plan\n"),
        ("todos/x.json", "[]"),
        ("tasks/1b9342d9-1e35-4d3e-ab6c-c5e977eb2105/1.json", "{\"id\":\"1\"}"),
    ] {
        sandbox.write(sandbox.claude(path), text);
    }
    for script in ["hooks/on-start.sh", "statusline.sh"] {
        sandbox.write(sandbox.claude(script), "#!/bin/sh\necho ready\n");
        set_mode(&sandbox.claude(script), 0o755);
    }
}

fn secrets(sandbox: &Sandbox) {
    for path in [
        ".claude.json",
        ".claude/.credentials.json",
        ".claude/backups/.claude.json.backup.1",
        ".claude/channels/telegram/.env",
        ".claude/daemon/roster.json",
        ".claude/ide/51234.lock",
        ".claude/projects/-home-dev-work-gamma/.credentials.json",
        ".claude/skills/changelog/.env",
    ] {
        sandbox.write(path, format!("{{\"token\":\"{SECRET}\"}}"));
    }
}

/// A transcript in the making.
struct Log {
    id: String,
    cwd: String,
    clock: i64,
    rows: Vec<Value>,
}

impl Log {
    fn new(id: &str, cwd: &str, begin: i64) -> Self {
        Self { id: id.into(), cwd: cwd.into(), clock: begin, rows: Vec::new() }
    }

    fn raw(&mut self, row: Value) {
        self.rows.push(row);
    }

    fn record(&mut self, kind: &str, message: Value, flag: &str) {
        self.clock += 1250;
        let time = DateTime::from_timestamp_millis(self.clock).unwrap();
        let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let number = self.rows.len();
        self.rows.push(json!({
            "type": kind, "uuid": format!("{}/{number}/{}", self.id, self.clock),
            "sessionId": self.id, "cwd": self.cwd, "gitBranch": "main", "timestamp": time,
            "message": message, flag: true,
        }));
    }

    fn user(&mut self, content: &str) {
        self.record("user", json!({"role": "user", "content": content}), "isVisible");
    }

    fn result(&mut self, content: &str) {
        let block = json!({"type": "tool_result", "tool_use_id": "t", "content": content});
        self.record("user", json!({"role": "user", "content": [block]}), "isVisible");
    }

    /// One line per block, as answers are streamed: all have the message's id, only the last has
    /// the whole output. An empty text stands for a tool call. `[input, output, written, read]`.
    fn answer(&mut self, model: &str, blocks: &[&str], tokens: [u64; 4]) {
        let id = format!("msg-{}-{}", self.id, self.clock);
        for (at, text) in blocks.iter().enumerate() {
            let block = match text.is_empty() {
                true => json!({"type": "tool_use", "id": "t", "name": "Read", "input": {}}),
                false => json!({"type": "text", "text": text}),
            };
            let output = if at + 1 == blocks.len() { tokens[1] } else { 2 };
            let usage = json!({
                "input_tokens": tokens[0], "output_tokens": output,
                "cache_creation_input_tokens": tokens[2], "cache_read_input_tokens": tokens[3],
            });
            let message = json!({
                "id": id, "role": "assistant", "model": model, "content": [block], "usage": usage,
            });
            self.record("assistant", message, "isVisible");
        }
    }

    fn text(&self) -> String {
        self.rows.iter().map(|row| format!("{row}\n")).collect()
    }
}

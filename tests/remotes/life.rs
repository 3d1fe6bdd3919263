//! What two machines do with a remote on any day.

use serde_json::Value;

use crate::bare::Bare;
use crate::home::Machine;
use crate::sandbox::conversation;

/// Sessions as they really are: side files, torn ends, bytes that are no text.
pub fn live_on(machine: &Machine, name: &str) {
    let project = format!("-home-dev-{name}");
    let sub = |below: &str| format!(".claude/projects/{project}/{name}-session-one/{below}");
    machine
        .write_session(&project, &format!("{name}-session-one"), 12)
        .write_session(&project, &format!("{name}-session-two"), 3)
        .append(machine.session(&project, &format!("{name}-session-two")), b"{\"torn\": \"\0\xff\r")
        .write(sub("subagents/agent-a1.jsonl"), conversation("agent-a1", 0..4))
        .write(sub("tool-results/toolu_01.txt"), "seen\r\n".repeat(400))
        .write(format!(".claude/projects/{project}/memory/MEMORY.md"), format!("I am {name}\n"))
        .write(".claude/CLAUDE.md", "Be brief.\n")
        .write(".claude/settings.json", "{\"model\": \"opus\"}\n");
}

/// Everything that a remote is for; `new` makes a machine that can reach it.
pub fn everyday(bare: &Bare, url: &str, new: &dyn Fn() -> Machine) {
    let (anna, bert) = (new(), new());
    live_on(&anna, "anna");
    let begun = anna.init(url, "anna");
    assert_eq!((&begun["joined"], push_state(&begun["sync"])), (&false.into(), "pushed"));
    assert_eq!(push_state(&anna.sync()), "up-to-date");

    let joined = bert.join(url, "bert");
    assert_eq!((&joined["joined"], &joined["mode"]), (&true.into(), &"git".into()));
    assert_eq!(bert.sessions(), anna.sessions(), "every byte is back");

    live_on(&bert, "bert");
    assert_eq!(push_state(&bert.sync()), "pushed");
    anna.append_session("-home-dev-anna", "anna-session-one", 12..14);
    let sent = anna.sync();
    assert_eq!((&sent["pushed"], push_state(&sent)), (&true.into(), "pushed"));
    assert!(anna.listed().contains(&("bert".into(), "bert-session-one".into())));
    bare.assert_whole();
    says_how_it_went(&anna);
    comes_back(&anna, &new(), url);
}

/// A machine that was reinstalled has its settings too.
fn comes_back(machine: &Machine, reinstalled: &Machine, url: &str) {
    reinstalled.join(url, "anna");
    let (before, after) = (machine.everything(), reinstalled.everything());
    for (path, content) in before {
        assert_eq!(after.get(&path), Some(&content), "{}", path.display());
    }
}

fn says_how_it_went(machine: &Machine) {
    let status = machine.status();
    assert_eq!(status["health"], "ok", "{status:#}");
    assert_eq!(status["push"]["state"], "up-to-date");
    assert_eq!(status["push"]["owed"], 0);
    let transport = format!("{:?} ", machine.transport).to_lowercase();
    let said = status["push"]["transport"].as_str().unwrap();
    assert!(said.starts_with(&transport), "{said}");
}

/// What became of the copy elsewhere.
pub fn push_state(document: &Value) -> &str {
    document["push"]["state"].as_str().unwrap()
}

/// Bytes that no compressor makes smaller, the same each time.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut random = Random::new(1);
    std::iter::repeat_with(|| random.below(256) as u8).take(bytes).collect()
}

/// Chance that can be repeated.
pub struct Random(u64);

impl Random {
    /// The same number gives the same chance.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below this one.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

//! What machines did, remembered plainly: every content of every file that a run has seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::home::{Machine, Transport};
use crate::life::Random;
use crate::sandbox::conversation;

/// A machine and everything that a backup must still know of it.
pub struct Citizen {
    pub machine: Machine,
    pub slug: String,
    pub files: BTreeMap<String, Told>,
    random: Random,
    made: usize,
}

/// One file: what stands there, and what a run has seen there.
#[derive(Default)]
pub struct Told {
    pub project: String,
    pub present: Option<Vec<u8>>,
    /// What the backup must hold as the present content.
    pub stored: Vec<u8>,
    pub seen: BTreeSet<Vec<u8>>,
    messages: usize,
}

/// What belongs to no session, and is rewritten by nature.
pub const CONFIG: &str = "CLAUDE.md";

impl Citizen {
    /// A machine with a session and settings that has joined a remote.
    pub fn new(slug: &str, transport: Transport, remote: &str, seed: u64) -> Self {
        let mut citizen = Self::stranger(slug, Machine::new(transport), seed);
        citizen.begin_session();
        citizen.change_config();
        citizen.machine.init(remote, slug);
        citizen.was_saved();
        citizen
    }

    /// A machine that has not joined yet.
    pub fn stranger(slug: &str, machine: Machine, seed: u64) -> Self {
        let slug = slug.to_owned();
        Self { machine, slug, files: BTreeMap::new(), random: Random::new(seed), made: 0 }
    }

    /// Up to four things that happen between two runs.
    pub fn live(&mut self) {
        for _ in 0..self.random.below(5) {
            match self.random.below(12) {
                0 | 1 => self.begin_session(),
                2..=6 => self.append(),
                7 => self.rewrite(),
                8 => self.truncate(),
                9 => self.delete(),
                10 => self.bring_back(),
                _ => self.change_config(),
            }
        }
    }

    /// A run has seen what stands there.
    pub fn was_saved(&mut self) {
        for told in self.files.values_mut() {
            let Some(present) = &told.present else { continue };
            told.seen.insert(present.clone());
            // What was cut back to its own beginning keeps all that is stored.
            if !told.stored.starts_with(present) {
                told.stored.clone_from(present);
            }
        }
    }

    /// The ids of its sessions that a run has seen.
    pub fn sessions(&self) -> impl Iterator<Item = (&String, &Told)> {
        self.files.iter().filter(|(id, told)| *id != CONFIG && !told.seen.is_empty())
    }

    fn begin_session(&mut self) {
        self.made += 1;
        let id = format!("{}-session-{:03}", self.slug, self.made);
        let project = format!("-home-dev-{}", ["alpha", "beta", "gamma"][self.random.below(3)]);
        let messages = 1 + self.random.below(40);
        let text = conversation(&id, 0..messages);
        self.files.insert(id.clone(), Told { project, messages, ..Told::default() });
        self.put(&id, Some(text.into()));
    }

    fn append(&mut self) {
        let more = 1 + self.random.below(12);
        let torn = self.random.below(8) == 0;
        self.change(|id, bytes, told| {
            bytes.extend(conversation(id, told.messages..told.messages + more).into_bytes());
            told.messages += more;
            if torn {
                bytes.extend(b"{\"torn\":\"\0\xff");
            }
        });
    }

    /// Other bytes in the middle, as after an edit of the history.
    fn rewrite(&mut self) {
        let part = self.random.below(1000);
        self.change(|_, bytes, _| {
            let at = bytes.len() * part / 1000;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = if *byte == b'x' { b'y' } else { b'x' };
            }
        });
    }

    fn truncate(&mut self) {
        let part = self.random.below(1000);
        self.change(|_, bytes, _| bytes.truncate(bytes.len() * part / 1000));
    }

    fn delete(&mut self) {
        if let Some(id) = self.any(|told| told.present.is_some()) {
            self.put(&id, None);
        }
    }

    /// What was deleted stands there again, as it was once.
    fn bring_back(&mut self) {
        let Some(id) = self.any(|told| told.present.is_none() && !told.seen.is_empty()) else {
            return;
        };
        let seen = &self.files[&id].seen;
        let which = self.random.below(seen.len());
        let bytes = seen.iter().nth(which).cloned();
        self.put(&id, bytes);
    }

    fn change_config(&mut self) {
        let text = format!("Rule {} of {}.\n", self.random.below(1000), self.slug);
        self.files.entry(CONFIG.into()).or_default();
        self.put(CONFIG, Some(text.into()));
    }

    fn change(&mut self, change: impl FnOnce(&str, &mut Vec<u8>, &mut Told)) {
        let Some(id) = self.any(|told| told.present.is_some()) else { return };
        let told = self.files.get_mut(&id).unwrap();
        let mut bytes = told.present.clone().unwrap();
        change(&id, &mut bytes, told);
        self.put(&id, Some(bytes));
    }

    /// Any session of which this is true.
    fn any(&mut self, is_meant: impl Fn(&Told) -> bool) -> Option<String> {
        let meant = self.files.iter().filter(|(id, told)| *id != CONFIG && is_meant(told));
        let ids: Vec<_> = meant.map(|(id, _)| id.clone()).collect();
        let which = self.random.below(ids.len().max(1));
        ids.get(which).cloned()
    }

    fn put(&mut self, id: &str, bytes: Option<Vec<u8>>) {
        let told = self.files.get_mut(id).unwrap();
        let path = match id {
            CONFIG => self.machine.claude(CONFIG),
            _ => self.machine.session(&told.project, id),
        };
        match &bytes {
            Some(bytes) => drop(self.machine.write(path, bytes)),
            None => std::fs::remove_file(path).unwrap(),
        }
        told.present = bytes;
    }
}

//! A commit object, written as git writes it.

use chrono::{DateTime, FixedOffset};

use super::object_id::ObjectId;

/// Who made a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// A person's or a program's name.
    pub name: String,
    /// An address, without angle brackets.
    pub email: String,
}

/// What a commit says beside its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// The message; a last line end is added where it is missing.
    pub message: String,
    /// Author and committer.
    pub author: Author,
    /// When; its day in UTC also decides when a new pack is begun.
    pub time: DateTime<FixedOffset>,
}

impl CommitInfo {
    /// The bytes of the commit.
    pub(super) fn serialize(&self, tree: ObjectId, parent: Option<ObjectId>) -> Vec<u8> {
        let who = self.signature();
        let parent = parent.map(|parent| format!("parent {parent}\n")).unwrap_or_default();
        let message = self.message.replace('\0', "");
        let message = message.trim_end();
        format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\n{message}\n").into_bytes()
    }

    /// `Name <address> seconds zone`, as commits and reflogs have it.
    pub(super) fn signature(&self) -> String {
        let name = printable(&self.author.name);
        let email = printable(&self.author.email);
        let name = if name.is_empty() { "claude-backup" } else { &name };
        // A commit cannot be older than 1970.
        let seconds = self.time.timestamp().max(0);
        let zone = self.time.offset().local_minus_utc() / 60;
        let sign = if zone < 0 { '-' } else { '+' };
        let (hours, minutes) = (zone.abs() / 60, zone.abs() % 60);
        format!("{name} <{email}> {seconds} {sign}{hours:02}{minutes:02}")
    }
}

/// Without what would end a name or an address early.
fn printable(text: &str) -> String {
    let kept: String =
        text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
    kept.trim_matches([' ', '.', ',', ':', ';', '"', '\'', '\\']).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_stays_one_line_whatever_the_name() {
        let time = DateTime::parse_from_rfc3339("2026-11-20T10:00:00-03:30").unwrap();
        let author = Author { name: "A\n<b> c.".into(), email: "<a@b>".into() };
        let info = CommitInfo { message: "m".into(), author, time };
        assert_eq!(info.signature(), "Ab c <a@b> 1795181400 -0330");
    }
}

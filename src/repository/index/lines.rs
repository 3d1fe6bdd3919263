//! The session index as it lies on disk: a line for each session, so that one can be found, and a
//! project's be replaced, without taking all the others apart.
//!
//! ```text
//! {"version":"4.0.0","generatedAt":"…","trees":{…},"sessions":[
//! {"uuid":…},
//! {"uuid":…}
//! ]}
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result};
use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::{Index, IndexEntry};
use crate::repository::layout::LedgerName;
use crate::session::MachineSlug;

/// What ends the first line, behind the index's own fields.
const OPEN: &[u8] = b",\"sessions\":[\n";
/// What stands between two sessions.
const NEXT: &[u8] = b",\n";
/// The last line.
const CLOSE: &[u8] = b"\n]}\n";

/// A session index, project by project.
#[derive(Debug, Default)]
pub struct Lines {
    head: Head,
    text: Vec<u8>,
    projects: BTreeMap<Place, Sessions>,
}

/// The index's own fields, see [`Index`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub version: String,
    pub generated_at: String,
    pub trees: BTreeMap<String, String>,
}

/// A machine and a project of its.
type Place = (String, String);

/// The lines of a project's sessions, with what stands between them.
#[derive(Debug)]
enum Sessions {
    /// Where they stand in the text that was read.
    Read(Range<usize>),
    New(Vec<u8>),
}

impl Lines {
    /// The lines of an index.
    ///
    /// # Errors
    /// Never in practice: every field can be written as JSON.
    pub(in crate::repository) fn of(index: Index) -> Result<Self> {
        let Index { version, generated_at, trees, sessions } = index;
        let mut lines = Self { head: Head { version, generated_at, trees }, ..Self::default() };
        lines.add(sessions)?;
        Ok(lines)
    }

    /// Reads a text that was written as lines; nothing where it was not.
    ///
    /// Only some of the lines are looked at: whether it is that text is for the caller to know.
    pub(super) fn read(text: Vec<u8>) -> Option<Self> {
        let first = memmem::find(&text, OPEN)?;
        let head = [&text[..first], b"}"].concat();
        let head = serde_json::from_slice(&head).ok()?;
        let end = text.len().checked_sub(CLOSE.len()).filter(|_| text.ends_with(CLOSE))?;
        let mut lines = Self { head, text, projects: BTreeMap::new() };
        let mut start = first + OPEN.len();
        while start < end {
            let place = lines.place(start)?;
            let next = lines.end_of(&place, start..end)?;
            let is_last = next >= end;
            let stop = if is_last { end } else { next - NEXT.len() };
            lines.projects.insert(place, Sessions::Read(start..stop));
            start = next;
        }
        Some(lines)
    }

    /// The version of the tool that wrote it.
    pub(super) fn version(&self) -> &str {
        &self.head.version
    }

    /// The index's own fields.
    pub(super) fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    /// Notes the state of a machine's folder that its sessions were taken from.
    pub fn set_tree(&mut self, machine: &MachineSlug, tree: String) {
        self.head.trees.insert(machine.to_string(), tree);
    }

    /// Puts one project's sessions in the place of what the index had of it.
    ///
    /// # Errors
    /// Never in practice: every field can be written as JSON.
    pub(super) fn replace(
        &mut self,
        machine: &MachineSlug,
        name: &LedgerName,
        sessions: Vec<IndexEntry>,
    ) -> Result<()> {
        self.projects.retain(|(slug, project), _| {
            slug != machine.as_str() || LedgerName::of_project(project) != *name
        });
        self.add(sessions)
    }

    /// Adds sessions of projects that the index has nothing of.
    pub(super) fn add(&mut self, mut sessions: Vec<IndexEntry>) -> Result<()> {
        fn key(session: &IndexEntry) -> [&str; 3] {
            [&session.machine, &session.project_hash, &session.uuid]
        }
        sessions.sort_by(|one, other| key(one).cmp(&key(other)));
        for project in sessions.chunk_by(|one, other| key(one)[..2] == key(other)[..2]) {
            let mut text = Vec::with_capacity(project.len() * 512);
            for session in project {
                serde_json::to_writer(&mut text, session)?;
                text.extend_from_slice(NEXT);
            }
            text.truncate(text.len() - NEXT.len());
            text.shrink_to_fit();
            let [machine, project, _] = key(&project[0]).map(str::to_owned);
            self.projects.insert((machine, project), Sessions::New(text));
        }
        Ok(())
    }

    /// Keeps the sessions of these machines only.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.projects.retain(|(machine, _), _| is_kept(machine));
        self.head.trees.retain(|machine, _| is_kept(machine));
    }

    /// Those sessions whose lines contain a text; an id that contains it is in such a line.
    ///
    /// # Errors
    /// Where one of the lines is damaged.
    pub(super) fn sessions_with(&self, text: &str) -> Result<Vec<IndexEntry>> {
        let text = serde_json::to_string(text)?;
        let text = memmem::Finder::new(&text.as_bytes()[1..text.len() - 1]);
        let mut sessions = Vec::new();
        for project in self.projects.values().map(|sessions| self.bytes(sessions)) {
            let mut rest = project;
            while let Some(found) = text.find(rest) {
                let start = memchr::memrchr(b'\n', &rest[..found]).map_or(0, |at| at + 1);
                let end = memchr::memchr(b'\n', &rest[found..]).map_or(rest.len(), |at| found + at);
                let line = &rest[start..end];
                let session = serde_json::from_slice(line.strip_suffix(b",").unwrap_or(line));
                sessions.push(session.context("the session index is damaged")?);
                rest = rest.get(end + 1..).unwrap_or_default();
                if rest.is_empty() {
                    break;
                }
            }
        }
        Ok(sessions)
    }

    /// The whole text, piece by piece.
    ///
    /// # Errors
    /// Never in practice: every field can be written as JSON.
    pub(in crate::repository) fn pieces(&self) -> Result<Vec<Cow<'_, [u8]>>> {
        let mut head = serde_json::to_vec(&self.head)?;
        head.pop();
        head.extend_from_slice(OPEN);
        let mut pieces = vec![Cow::Owned(head)];
        for sessions in self.projects.values() {
            pieces.push(self.bytes(sessions).into());
            pieces.push(NEXT.into());
        }
        if !self.projects.is_empty() {
            pieces.pop();
        }
        pieces.push(CLOSE.into());
        Ok(pieces)
    }

    fn bytes<'a>(&'a self, sessions: &'a Sessions) -> &'a [u8] {
        match sessions {
            Sessions::Read(range) => &self.text[range.clone()],
            Sessions::New(text) => text,
        }
    }

    /// What the line that begins here is of.
    fn place(&self, start: usize) -> Option<Place> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Line {
            machine: String,
            project_hash: String,
        }
        let line = &self.text[start..self.line_end(start)];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = serde_json::from_slice(line.strip_suffix(b",").unwrap_or(line)).ok()?;
        let Line { machine, project_hash } = line;
        Some((machine, project_hash))
    }

    /// Where the lines of the project end that the first line of a range is of: they are sorted.
    fn end_of(&self, place: &Place, lines: Range<usize>) -> Option<usize> {
        let Range { start: mut low, end: mut high } = lines;
        while low < high {
            let middle = low.midpoint(high);
            let start = memchr::memrchr(b'\n', &self.text[low..middle]);
            let start = start.map_or(low, |at| low + at + 1);
            if self.place(start)? == *place { low = self.line_end(start) } else { high = start }
        }
        Some(low)
    }

    fn line_end(&self, start: usize) -> usize {
        let end = memchr::memchr(b'\n', &self.text[start..]);
        end.map_or(self.text.len(), |at| start + at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(machine: &str, project: &str, uuid: &str) -> IndexEntry {
        let (machine, project_hash, uuid) = (machine.into(), project.into(), uuid.into());
        IndexEntry { uuid, project_hash, machine, ..IndexEntry::default() }
    }

    fn text(lines: &Lines) -> Vec<u8> {
        lines.pieces().unwrap().concat()
    }

    fn ids(lines: &Lines, part: &str) -> Vec<String> {
        lines.sessions_with(part).unwrap().into_iter().map(|session| session.uuid).collect()
    }

    fn some() -> Lines {
        let mut lines = Lines::default();
        lines.set_tree(&MachineSlug::new("a").unwrap(), "tree".into());
        let places = [("b", "p", "b1"), ("a", "q", "q\"2"), ("a", "p", "p1"), ("a", "q", "q1")];
        lines
            .add(places.map(|(machine, project, id)| session(machine, project, id)).into())
            .unwrap();
        lines
    }

    #[test]
    fn what_is_written_is_sorted_json_and_is_read_again() {
        let written = text(&some());
        let whole = Index::parse(&written).unwrap();
        let ids_of: Vec<_> = whole.sessions.iter().map(|session| session.uuid.as_str()).collect();
        assert_eq!(ids_of, ["p1", "q\"2", "q1", "b1"]);
        assert_eq!(whole.trees["a"], "tree");
        let read = Lines::read(written.clone()).unwrap();
        assert_eq!(read.projects.len(), 3);
        assert_eq!(text(&read), written);
        assert_eq!(ids(&read, ""), ids_of);
        let empty = text(&Lines::default());
        assert_eq!(Index::parse(&empty).unwrap().sessions, []);
        assert_eq!(text(&Lines::read(empty.clone()).unwrap()), empty);
    }

    #[test]
    fn one_project_is_replaced_and_the_others_stay() {
        let mut lines = Lines::read(text(&some())).unwrap();
        let (machine, name) = (MachineSlug::new("a").unwrap(), LedgerName::of_project("q"));
        lines.replace(&machine, &name, vec![session("a", "q", "q3")]).unwrap();
        assert_eq!(ids(&Lines::read(text(&lines)).unwrap(), ""), ["p1", "q3", "b1"]);
        lines.replace(&machine, &name, Vec::new()).unwrap();
        assert_eq!(ids(&Lines::read(text(&lines)).unwrap(), ""), ["p1", "b1"]);
        lines.retain(|machine| machine == "b");
        assert_eq!(ids(&Lines::read(text(&lines)).unwrap(), ""), ["b1"]);
    }

    #[test]
    fn a_session_is_found_by_part_of_its_id_as_json_writes_it() {
        let lines = Lines::read(text(&some())).unwrap();
        assert_eq!(ids(&lines, "q\"2"), ["q\"2"]);
        assert_eq!(ids(&lines, "1"), ["p1", "q1", "b1"]);
        assert_eq!(ids(&lines, "no such id"), Vec::<String>::new());
    }

    #[test]
    fn another_text_is_not_taken_for_lines() {
        let whole = text(&some());
        for text in [&whole[..whole.len() - 1], &whole[1..], b"", b"{}", b"{\"sessions\":[]}"] {
            assert!(Lines::read(text.to_vec()).is_none(), "{}", String::from_utf8_lossy(text));
        }
        let index = Index::parse(&whole).unwrap();
        assert!(Lines::read(serde_json::to_vec(&index).unwrap()).is_none());
    }
}

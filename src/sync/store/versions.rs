//! Contents put aside: what the new bytes do not contain stays as a version.

use anyhow::Result;

use super::{Step, Stored, Task, Verdict, renames};
use crate::repository::ledger::{Content, Entry, Reason, Unknown, Version};
use crate::source::Kind;
use crate::sync::survey::Survey;
use crate::transcript::MessageIds;

impl Task<'_> {
    /// Other bytes: the stored ones become a version; one that the new bytes contain is dropped.
    pub(super) fn new_version(
        &mut self,
        entry: &Entry,
        survey: &Survey,
        contained: Option<usize>,
    ) -> Result<Stored> {
        let made = self.make_what_was_surveyed(survey)?;
        let mut new = self.seen(entry);
        // A forced restore brings earlier bytes back, and takes note of what they lack.
        new.acknowledged = entry.acknowledged && contained.is_some();
        let mut steps = Vec::new();
        if let Some(index) = contained {
            let contained = new.versions.remove(index).content;
            let files = contained.files(&entry.path);
            steps.extend(files.into_iter().map(|(name, _)| Step::Remove(name)));
        }
        let version = self.version_of(entry)?;
        steps.extend(renames(&entry.path, &entry.content, &entry.path, &version.content));
        new.versions.push(version);
        new.versions.sort_by_key(|version| version.number);
        new.content = made.content;
        steps.extend(made.steps);
        self.count_losses(entry, &mut new)?;
        let verdict = Verdict::NewVersion { lost: new.lost_messages() };
        Ok(self.changed(verdict, new, steps, made.resume))
    }

    fn version_of(&self, entry: &Entry) -> Result<Version> {
        let before = self.job.known.as_ref().and_then(|known| known.stat);
        let reason = match before {
            Some(before) if before.inode != self.source.stat.inode => Reason::Replaced,
            _ if self.source.stat.size < entry.content.length => Reason::Truncated,
            _ => Reason::Rewritten,
        };
        let (number, at) = self.store.repository.place_for_version(entry)?;
        let content = Content { at: Some(at), ..entry.content.clone() };
        Ok(Version {
            number,
            reason,
            replaced: self.store.now,
            lost_messages: 0,
            content,
            unknown: Unknown::new(),
        })
    }

    /// Counts, for each earlier version, the messages that the new bytes lack.
    fn count_losses(&mut self, old: &Entry, new: &mut Entry) -> Result<()> {
        if !matches!(old.kind, Kind::Transcript | Kind::Subagent) {
            return Ok(());
        }
        let present = MessageIds::read(self.source.read_from(0)?)?;
        let repository = self.store.repository;
        for version in &mut new.versions {
            // What is to become a version still lies under its old name.
            let is_old_current = version.content.sha256 == old.content.sha256;
            let content = if is_old_current { &old.content } else { &version.content };
            let bytes = repository.open_content(&repository.machine, &old.path, content);
            let ids = bytes.and_then(|bytes| Ok(MessageIds::read(bytes)?));
            // What cannot be read any more must not keep the new bytes from being saved.
            version.lost_messages =
                ids.map_or(version.content.messages(), |ids| ids.missing_from(&present));
        }
        Ok(())
    }

    pub(super) fn set_aside(&mut self, entry: &Entry) -> Result<Option<Stored>> {
        let reader = &mut self.source.read_from(0)?;
        let survey = Survey::take(reader, entry, None, None)?;
        let is_stored = entry.contents().any(|content| content.sha256 == survey.sha256);
        if is_stored || self.is_prefix_of_stored(entry, &survey) {
            return Ok(None);
        }
        let (number, at) = self.store.repository.place_for_version(entry)?;
        let made = self.store.compress(&entry.path, Some(at), entry.kind, &mut self.source)?;
        let (reason, replaced) = (Reason::Displaced, self.store.now);
        let content = made.content;
        let version = Version {
            number,
            reason,
            replaced,
            lost_messages: 0,
            content,
            unknown: Unknown::new(),
        };
        let mut new = entry.clone();
        new.versions.push(version);
        Ok(Some(self.changed(Verdict::Updated, new, made.steps, None)))
    }
}

//! Every archive inflates to the bytes that its line promises, in the work tree and in git.

use std::io::{Cursor, Read};

use anyhow::Result;
use rayon::prelude::*;

use super::{Line, Problem, ProblemKind, stopped};
use crate::progress::{FileProgress, Progress};
use crate::repository::Repository;
use crate::repository::ledger::{Content, Hash, StoredPart};
use crate::vault::ObjectId;

/// Reads all contents of these lines, several at once; gives the stored bytes that were read.
pub(super) fn read(
    repository: &Repository,
    lines: &[Line],
    problems: &mut Vec<Problem>,
    progress: &dyn Progress,
) -> Result<u64> {
    let contents: Vec<(&Line, &Content)> =
        lines.iter().flat_map(|line| line.entry.contents().map(move |c| (line, c))).collect();
    let bytes = contents.iter().map(|(_, content)| content.stored_bytes()).sum();
    progress.start("reading", contents.len() as u64, bytes);
    let found: Vec<Problem> = contents
        .par_iter()
        .with_max_len(1)
        .flat_map_iter(|(line, content)| {
            if progress.interrupted() {
                return Vec::new();
            }
            let file = FileProgress::new(progress, content.stored_bytes());
            let found = Reading { repository, line, content, progress: &file }.problems();
            let what = if found.is_empty() { "read and checked" } else { "damaged" };
            file.step(&format_args!("{what} {}/{}", line.machine, line.entry.path));
            found
        })
        .collect();
    progress.finish();
    if progress.interrupted() {
        return Err(stopped());
    }
    problems.extend(found);
    Ok(bytes)
}

struct Reading<'a> {
    repository: &'a Repository,
    line: &'a Line,
    content: &'a Content,
    progress: &'a dyn Progress,
}

impl Reading<'_> {
    /// Each part is looked at once, here and in git; whichever copy is whole is then inflated.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut whole: Vec<Box<dyn Read + Send>> = Vec::new();
        let files = self.content.files(&self.line.entry.path);
        for (name, part) in &files {
            let here = self.whole_here(name, part);
            let there = self.repository.vault.read(part.blob);
            self.progress.advance(0, part.length);
            let found = match (here, there) {
                (Some(file), Ok(_)) => {
                    whole.push(Box::new(file));
                    continue;
                }
                (Some(file), Err(error)) => {
                    whole.push(Box::new(file));
                    (ProblemKind::GitDamaged, format!("{error:#}"))
                }
                (None, Ok(bytes)) => {
                    let machine = self.line.machine.as_str();
                    if !self.repository.machine_has_place(machine, name) {
                        whole.push(Box::new(Cursor::new(bytes)));
                        continue;
                    }
                    whole.push(Box::new(Cursor::new(bytes)));
                    (ProblemKind::Damaged, "the work tree's bytes are not git's".to_owned())
                }
                (None, Err(error)) => {
                    (ProblemKind::Lost, format!("no whole copy is left here: {error:#}"))
                }
            };
            problems.push(Problem::new(&self.line.machine, name.as_str(), found.0, found.1));
        }
        if whole.len() == files.len()
            && let Err(error) = self.keeps_its_promise(whole)
        {
            let is_present = std::ptr::eq(self.content, &self.line.entry.content);
            let earlier = files.first().filter(|_| !is_present).map(|(name, _)| name.as_str());
            let name = earlier.unwrap_or(self.line.entry.path.as_str());
            let kind = ProblemKind::WrongContent;
            problems.push(Problem::new(&self.line.machine, name, kind, format!("{error:#}")));
        }
        problems
    }

    fn whole_here(&self, name: &str, part: &StoredPart) -> Option<fs_err::File> {
        let path = self.repository.work_file(&self.line.machine, name);
        let is_whole = ObjectId::of_file(&path).is_ok_and(|(id, _)| id == part.blob);
        is_whole.then(|| fs_err::File::open(path).ok()).flatten()
    }

    fn keeps_its_promise(&self, parts: Vec<Box<dyn Read + Send>>) -> Result<()> {
        let most = self.content.length.saturating_add(1);
        let (hash, length) = Hash::of(self.content.form.open(parts)?.take(most))?;
        let promised = (self.content.sha256, self.content.length);
        anyhow::ensure!(
            (hash, length) == promised,
            "its bytes are {length} with SHA-256 {hash}, its line promises {} with {}",
            promised.1,
            promised.0
        );
        Ok(())
    }
}

//! Every archive inflates to the bytes that its line promises, in the work tree and in git.

use std::io::{Cursor, Read};

use anyhow::{Context, Result};
use rayon::prelude::*;

use super::{Line, Problem, ProblemKind, stopped};
use crate::archive::ArchiveReader;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::repository::layout::Form;
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
            let found = Reading { repository, line, content }.problems();
            progress.advance(1, content.stored_bytes());
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
}

impl Reading<'_> {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut is_whole = true;
        for (name, part) in self.content.files(&self.line.entry.path) {
            let here = self.is_whole_here(&name, part);
            let there = self.repository.vault.read(part.blob).map(drop);
            let found = match (here, there) {
                (true, Ok(())) => continue,
                (true, Err(error)) => (ProblemKind::GitDamaged, format!("{error:#}")),
                (false, Ok(())) => {
                    (ProblemKind::Damaged, "the work tree's bytes are not git's".to_owned())
                }
                (false, Err(error)) => {
                    is_whole = false;
                    (ProblemKind::Lost, format!("no whole copy is left here: {error:#}"))
                }
            };
            problems.push(Problem::new(&self.line.machine, name, found.0, found.1));
        }
        if is_whole && let Err(error) = self.keeps_its_promise() {
            let name = self.line.entry.path.as_str();
            let kind = ProblemKind::WrongContent;
            problems.push(Problem::new(&self.line.machine, name, kind, format!("{error:#}")));
        }
        problems
    }

    fn is_whole_here(&self, name: &str, part: &StoredPart) -> bool {
        let path = self.repository.work_file(&self.line.machine, name);
        ObjectId::of_file(&path).is_ok_and(|(id, _)| id == part.blob)
    }

    fn keeps_its_promise(&self) -> Result<()> {
        let (hash, length) = Hash::of(self.open()?)?;
        let promised = (self.content.sha256, self.content.length);
        anyhow::ensure!(
            (hash, length) == promised,
            "its bytes are {length} with SHA-256 {hash}, its line promises {} with {}",
            promised.1,
            promised.0
        );
        Ok(())
    }

    fn open(&self) -> Result<Box<dyn Read>> {
        let mut parts: Vec<Box<dyn Read + Send>> = Vec::new();
        for (name, part) in self.content.files(&self.line.entry.path) {
            let path = self.repository.work_file(&self.line.machine, &name);
            parts.push(match self.is_whole_here(&name, part) {
                true => Box::new(fs_err::File::open(path)?),
                false => Box::new(Cursor::new(self.repository.vault.read(part.blob)?)),
            });
        }
        match self.content.form {
            Form::Plain => Ok(parts.pop().context("nothing is stored of it")?),
            Form::Sectioned | Form::Gzip => Ok(Box::new(ArchiveReader::from_readers(parts))),
        }
    }
}

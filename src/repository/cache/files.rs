//! What is known of each file, as the last run left it, with what this run has learned since.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Known;

/// What is known of each stored file, by name.
///
/// A run with nothing new only goes through them in order. So what was read is one text and one
/// list, and what is learned lies beside them until it is written.
#[derive(Clone, Debug, Default)]
pub struct Files {
    read: Lines,
    /// Files that are not stored under their names any more have nothing here.
    learned: BTreeMap<String, Option<Known>>,
}

impl Files {
    /// What is known of a file.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Known> {
        match self.learned.get(name) {
            Some(learned) => learned.as_ref(),
            None => self.read.get(name),
        }
    }

    /// Takes over what was learned of a file.
    pub fn insert(&mut self, name: impl Into<String>, known: Known) {
        self.learned.insert(name.into(), Some(known));
    }

    /// Forgets a file.
    pub fn remove(&mut self, name: &str) {
        self.learned.insert(name.to_owned(), None);
    }

    /// All files, sorted by the bytes of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Known)> {
        self.from("")
    }

    /// Those from this name on, sorted by the bytes of their names.
    pub fn from<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a Known)> + use<'a> {
        let mut read = self.read.from(name).peekable();
        let mut learned = self.learned.range(name.to_owned()..).peekable();
        iter::from_fn(move || {
            loop {
                let order = match (read.peek(), learned.peek()) {
                    (Some((read, _)), Some((learned, _))) => (*read).cmp(learned.as_str()),
                    (_, None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                };
                if order == Ordering::Less {
                    return read.next();
                }
                if order == Ordering::Equal {
                    read.next();
                }
                let (name, known) = learned.next()?;
                if let Some(known) = known {
                    return Some((name.as_str(), known));
                }
            }
        })
    }
}

impl PartialEq for Files {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Serialize for Files {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.learned.is_empty() {
            return self.read.serialize(serializer);
        }
        self.iter().collect::<Lines>().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Lines::deserialize(deserializer)?;
        if !read.is_sorted() {
            return Err(serde::de::Error::custom("names that are not sorted"));
        }
        Ok(Self { read, learned: BTreeMap::new() })
    }
}

/// Sorted names in one text, and what is known of each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Lines {
    names: String,
    lines: Vec<Line>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    /// Where its name ends; it begins where the one before ends.
    end: usize,
    known: Known,
}

impl Lines {
    fn get(&self, name: &str) -> Option<&Known> {
        let (found, known) = self.from(name).next()?;
        (found == name).then_some(known)
    }

    fn from(&self, name: &str) -> impl Iterator<Item = (&str, &Known)> + use<'_> {
        let (mut low, mut high) = (0, self.lines.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.name(middle) < name { low = middle + 1 } else { high = middle }
        }
        (low..self.lines.len()).map(|index| (self.name(index), &self.lines[index].known))
    }

    fn name(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.lines[before].end);
        &self.names[start..self.lines[index].end]
    }

    /// False for a damaged one, whose names cannot be told apart or looked up.
    fn is_sorted(&self) -> bool {
        let mut start = 0;
        let mut before = None;
        self.lines.iter().all(|line| {
            let name = self.names.get(start..line.end);
            start = line.end;
            name.is_some() && before.replace(name) < Some(name)
        })
    }
}

impl<'a> FromIterator<(&'a str, &'a Known)> for Lines {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a Known)>>(files: I) -> Self {
        let mut lines = Self::default();
        for (name, known) in files {
            lines.names.push_str(name);
            lines.lines.push(Line { end: lines.names.len(), known: known.clone() });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Kind;
    use proptest::prelude::*;

    fn known(length: u64) -> Known {
        Known { kind: Kind::Transcript, gone: false, stat: None, length, resume: None }
    }

    fn written_and_read(files: &Files) -> Files {
        postcard::from_bytes(&postcard::to_stdvec(files).unwrap()).unwrap()
    }

    proptest! {
        /// Each round of changes is made to what the round before wrote.
        #[test]
        fn files_are_those_of_a_plain_map(
            rounds in prop::collection::vec(
                prop::collection::vec(("[a-c/é]{0,3}", prop::option::of(0..9_u64)), 0..12), 1..4
            ),
            start in "[a-c/é]{0,3}",
        ) {
            let (mut files, mut model) = (Files::default(), BTreeMap::new());
            for round in rounds {
                for (name, length) in round {
                    match length {
                        Some(length) => {
                            files.insert(name.as_str(), known(length));
                            model.insert(name, known(length));
                        }
                        None => {
                            files.remove(&name);
                            model.remove(&name);
                        }
                    }
                }
                let from = |name: &str| model.range(name.to_owned()..).map(|(n, k)| (n.as_str(), k));
                prop_assert!(files.from(&start).eq(from(&start)));
                prop_assert!(files.iter().eq(from("")));
                prop_assert_eq!(files.get(&start), model.get(&start));
                let read = written_and_read(&files);
                prop_assert!(read.iter().eq(from("")));
                files = read;
            }
        }
    }

    #[test]
    fn names_out_of_order_or_out_of_the_text_are_refused() {
        let of = |names: &str, ends: &[usize]| {
            let lines = ends.iter().map(|end| Line { end: *end, known: known(1) }).collect();
            let bytes = postcard::to_stdvec(&Lines { names: names.into(), lines }).unwrap();
            postcard::from_bytes::<Files>(&bytes)
        };
        assert_eq!(of("aab", &[1, 3]).unwrap().iter().map(|(n, _)| n).collect::<String>(), "aab");
        assert!(of("ba", &[1, 2]).is_err());
        assert!(of("aa", &[1, 2]).is_err());
        assert!(of("ab", &[1, 3]).is_err());
        assert!(of("ab", &[2, 1]).is_err());
        assert!(of("é", &[1, 2]).is_err());
    }
}

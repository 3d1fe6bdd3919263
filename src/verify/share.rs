//! Which part of the backup is looked at: all of it, or another share each day.

use std::hash::Hasher;

use chrono::{DateTime, Utc};

use super::Line;

/// A share of the stored files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Of a hundred groups, so many are looked at.
    percent: u64,
    /// The first of them.
    first: u64,
}

impl Share {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self { percent: 100, first: 0 }
    }

    /// So many percent; those of the next day follow on, so that all have their turn.
    #[must_use]
    pub fn of_day(percent: u8, now: DateTime<Utc>) -> Self {
        let percent = u64::from(percent.clamp(1, 100));
        let day = u64::try_from(now.timestamp() / 86_400).unwrap_or(0);
        Self { percent, first: day * percent % 100 }
    }

    /// True where it is everything.
    #[must_use]
    pub fn is_all(self) -> bool {
        self.percent == 100
    }

    /// A session and its side files are always in the same group.
    pub(super) fn has(self, line: &Line) -> bool {
        let mut hasher = crc32fast::Hasher::new();
        match line.entry.path.session() {
            Some(id) => hasher.write(id.as_str().as_bytes()),
            None => hasher.write(line.entry.path.as_str().as_bytes()),
        }
        self.has_group(u64::from(hasher.finalize()) % 100)
    }

    fn has_group(self, group: u64) -> bool {
        (group + 100 - self.first) % 100 < self.percent
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    fn days(percent: u8, days: i64) -> Vec<Share> {
        let day = |number| DateTime::UNIX_EPOCH + Duration::days(20_000 + number);
        (0..days).map(|number| Share::of_day(percent, day(number))).collect()
    }

    #[test]
    fn every_group_has_its_turn_before_one_has_its_second() {
        for (percent, needed) in [(1, 100), (10, 10), (25, 4), (100, 1)] {
            let shares = days(percent, needed);
            for group in 0..100 {
                let turns = shares.iter().filter(|share| share.has_group(group)).count();
                assert_eq!(turns, 1, "group {group} at {percent} %");
            }
        }
    }

    #[test]
    fn nothing_is_left_out_of_everything() {
        assert!((0..100).all(|group| Share::all().has_group(group)) && Share::all().is_all());
    }
}

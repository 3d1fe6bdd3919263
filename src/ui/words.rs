//! Times, sizes and numbers the way people say them.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::env::Env;
use crate::ui::text::safe_path;

/// A point in time as seen from `now`: `12 minutes ago`, `yesterday 18:22`, `12 Mar 2026`, `in 3 days`.
#[must_use]
pub fn when(time: DateTime<Utc>, now: DateTime<Utc>, env: &Env) -> String {
    let away = time - now;
    if away.abs() < TimeDelta::minutes(1) {
        return "just now".into();
    }
    if away.abs() < TimeDelta::hours(1) {
        let minutes = count(away.num_minutes().unsigned_abs(), "minute");
        return around(away, &minutes);
    }
    let local = env.local(time);
    let days = days_between(env.local(now).date_naive(), local.date_naive());
    let clock = local.format("%H:%M");
    match days {
        0 => format!("today {clock}"),
        -1 => format!("yesterday {clock}"),
        1 => format!("tomorrow {clock}"),
        -6..=6 => around(away, &count(days.unsigned_abs(), "day")),
        _ => local.format("%-d %b %Y").to_string(),
    }
}

/// A length of time: `0.8 s`, `12 s`, `3 min 20 s`, `2 h 05 min`.
#[must_use]
pub fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..10 => format!("{}.{} s", seconds, millis % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A size in binary units: `0 B`, `1.2 KiB`, `380 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    // Rounded half up, in tenths: a size never reads "1024 KiB".
    let mut tenths = tenths_of(bytes, unit);
    while tenths >= 10_235 {
        unit += 1;
        tenths = tenths_of(bytes, unit);
    }
    if tenths < 100 {
        return format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]);
    }
    format!("{} {}", (tenths + 5) / 10, UNITS[unit])
}

/// A number with its noun in the right form: `1 session`, `2,134 sessions`, `3 copies`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {}", grouped(number), plural(noun)) }
}

/// A number in groups of three: `2,134`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A path with the user's home written as `~`, harmless.
#[must_use]
pub fn place(path: &std::path::Path, env: &Env) -> String {
    match path.strip_prefix(&env.home) {
        Ok(below) if below.as_os_str().is_empty() => "~".into(),
        Ok(below) => format!("~/{}", safe_path(below)),
        Err(_) => safe_path(path),
    }
}

/// A word as a shell reads it.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+~@%:,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// `in …` for what is to come, `… ago` for what was.
fn around(away: TimeDelta, length: &str) -> String {
    if away > TimeDelta::zero() { format!("in {length}") } else { format!("{length} ago") }
}

fn days_between(from: NaiveDate, to: NaiveDate) -> i64 {
    to.signed_duration_since(from).num_days()
}

/// Tenths of the unit (0 is KiB), rounded half up.
fn tenths_of(bytes: u64, unit: usize) -> u64 {
    let divisor = 1024u128.pow(u32::try_from(unit).expect("there are six units") + 1);
    let tenths = (u128::from(bytes) * 20 + divisor) / (divisor * 2);
    u64::try_from(tenths).expect("a count of bytes divided by 102 fits")
}

fn plural(noun: &str) -> String {
    let vowel_before_y = ["ay", "ey", "oy", "uy"].iter().any(|end| noun.ends_with(end));
    if noun.ends_with('y') && !vowel_before_y {
        return format!("{}ies", &noun[..noun.len() - 1]);
    }
    if ["s", "x", "ch", "sh"].iter().any(|end| noun.ends_with(end)) {
        return format!("{noun}es");
    }
    format!("{noun}s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sandbox;

    #[test]
    fn times_are_said_as_people_say_them() {
        let (_home, env) = sandbox();
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        for (time, words) in [
            ("2026-11-20T11:59:30Z", "just now"),
            ("2026-11-20T12:00:30Z", "just now"),
            ("2026-11-20T11:59:00Z", "1 minute ago"),
            ("2026-11-20T11:48:00Z", "12 minutes ago"),
            ("2026-11-20T12:12:00Z", "in 12 minutes"),
            ("2026-11-20T03:00:00Z", "today 03:00"),
            ("2026-11-20T21:00:00Z", "today 21:00"),
            ("2026-11-19T18:22:00Z", "yesterday 18:22"),
            ("2026-11-21T03:00:00Z", "tomorrow 03:00"),
            ("2026-11-17T18:22:00Z", "3 days ago"),
            ("2026-11-23T03:00:00Z", "in 3 days"),
            ("2026-11-13T18:22:00Z", "13 Nov 2026"),
            ("2026-03-12T00:00:00Z", "12 Mar 2026"),
            ("1970-01-01T00:00:00Z", "1 Jan 1970"),
        ] {
            assert_eq!(when(time.parse().unwrap(), now, &env), words, "{time}");
        }
    }

    #[test]
    fn sizes_have_at_most_three_digits_and_one_unit() {
        for (bytes, words) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1229, "1.2 KiB"),
            (10_188, "9.9 KiB"),
            (10_190, "10 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_048_064, "1.0 MiB"),
            (1_047_552, "1023 KiB"),
            (398_458_880, "380 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(size(bytes), words, "{bytes}");
        }
    }

    #[test]
    fn nouns_follow_their_number() {
        for (number, noun, words) in [
            (1, "session", "1 session"),
            (0, "session", "0 sessions"),
            (2134, "session", "2,134 sessions"),
            (1_000_000, "copy", "1,000,000 copies"),
            (2, "day", "2 days"),
            (2, "branch", "2 branches"),
        ] {
            assert_eq!(count(number, noun), words);
        }
    }

    #[test]
    fn lengths_of_time_are_short() {
        for (millis, words) in
            [(830, "0.8 s"), (12_400, "12 s"), (200_000, "3 min 20 s"), (7_500_000, "2 h 05 min")]
        {
            assert_eq!(duration(millis), words);
        }
    }

    #[test]
    fn home_is_a_tilde() {
        let (home, env) = sandbox();
        assert_eq!(place(&home.path().join("a/b"), &env), "~/a/b");
        assert_eq!(place(home.path(), &env), "~");
        assert_eq!(place("/srv/x\u{1b}".as_ref(), &env), "/srv/x\\u{1b}");
    }
}

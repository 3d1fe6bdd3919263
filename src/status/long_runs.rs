//! Runs that take longer than they should.

use chrono::{DateTime, Duration, Utc};

use crate::repository::lock::Owner;

/// A run that has been active for longer is reported: it may hang.
const USUAL: Duration = Duration::hours(1);

/// A sentence for each run that has been active for too long.
pub(super) fn warnings(running: &[Owner], now: DateTime<Utc>) -> impl Iterator<Item = String> {
    let long = running.iter().filter(move |owner| now - owner.since > USUAL);
    long.map(move |Owner { pid, since, doing }| {
        let hours = (now - *since).num_hours();
        let hours = if hours == 1 { "an hour".to_owned() } else { format!("{hours} hours") };
        format!(
            "`{doing}` (pid {pid}) has been running for {hours}; if it hangs, end it: `kill {pid}`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(minutes: i64) -> Vec<String> {
        let now = DateTime::UNIX_EPOCH + Duration::days(20_000);
        let since = now - Duration::minutes(minutes);
        warnings(&[Owner { pid: 7, since, doing: "sync".into() }], now).collect()
    }

    #[test]
    fn a_run_is_reported_after_an_hour() {
        for minutes in [-90, 0, 59, 60] {
            assert_eq!(warned(minutes), [""; 0], "{minutes}");
        }
        let ends = "; if it hangs, end it: `kill 7`";
        for (minutes, time) in [(61, "an hour"), (119, "an hour"), (150, "2 hours")] {
            let told = format!("`sync` (pid 7) has been running for {time}{ends}");
            assert_eq!(warned(minutes), [told]);
        }
    }
}

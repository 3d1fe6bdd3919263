//! How long others may keep a run waiting.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::error::{ErrorKind, Failure};

/// Seconds without progress, where nothing is set.
const USUAL: u64 = 60;
/// The most seconds that can be set: a day.
const MOST: u64 = 24 * 60 * 60;
/// Fewer bytes per second are a trickle, and no progress.
pub const LEAST_RATE: u64 = 32;
/// How the limit is changed.
pub(crate) const HINT: &str = "the next run tries again; to wait longer: \
                               `git -C ~/.claude-backup config claude-backup.timeout 300`";

/// The limits of one backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    /// So long anything may go without progress.
    pub silence: Duration,
    /// So long a remote may take for its first whole answer.
    pub answer: Duration,
}

impl TimeLimits {
    /// Reads the setting `claude-backup.timeout`, in seconds. Where a person is there, who may have to
    /// touch a key or type a passphrase, the first answer may take as long as anything else.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it is not a number of seconds.
    pub fn parse(setting: Option<&str>, has_terminal: bool) -> Result<Self> {
        let seconds = match setting.map(|text| text.trim().parse::<u64>()) {
            None => USUAL,
            Some(Ok(seconds @ 1..=MOST)) => seconds,
            Some(_) => {
                let text = setting.unwrap_or_default().escape_debug();
                let message =
                    format!("`claude-backup.timeout` is `{text}`, not 1 to {MOST} seconds");
                bail!(
                    Failure::new(ErrorKind::Usage, message)
                        .hint("set it: `git -C ~/.claude-backup config claude-backup.timeout 60`")
                );
            }
        };
        let silence = Duration::from_secs(seconds);
        let answer = if has_terminal { silence } else { silence / 2 };
        Ok(Self { silence, answer })
    }
}

impl Default for TimeLimits {
    fn default() -> Self {
        let silence = Duration::from_secs(USUAL);
        Self { silence, answer: silence / 2 }
    }
}

/// A duration in words; a fraction of a second counts as a whole one.
#[must_use]
pub fn whole_seconds(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    format!("{seconds} second{}", if seconds == 1 { "" } else { "s" })
}

/// Tells progress from silence, and from a trickle that only looks like progress.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    limit: Duration,
    since: Instant,
    bytes: u64,
    patience: u32,
    paused: Option<Instant>,
}

impl Pulse {
    /// Starts now.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, since: Instant::now(), bytes: 0, patience: 1, paused: None }
    }

    /// Counts raw bytes; they are progress once they come at [`LEAST_RATE`].
    pub fn bytes(&mut self, count: usize) {
        self.bytes = self.bytes.saturating_add(count as u64);
        if self.bytes >= LEAST_RATE * self.limit.as_secs().max(1) {
            self.step();
        }
    }

    /// Notes progress.
    pub fn step(&mut self) {
        (self.since, self.bytes) = (Instant::now(), 0);
    }

    /// Nobody is waited for from now on.
    pub fn pause(&mut self) {
        self.paused = Some(Instant::now());
    }

    /// Somebody is waited for again; the time between does not count.
    pub fn resume(&mut self) {
        if let Some(paused) = self.paused.take() {
            self.since += paused.elapsed();
        }
    }

    /// Lets so many times the limit pass from now on.
    pub fn wait_for(&mut self, times: u32) {
        self.patience = times;
    }

    /// True where the limit has passed without progress.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.since.elapsed() > self.limit.saturating_mul(self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_what_is_set() {
        let seconds = Duration::from_secs;
        let limits = |setting, terminal| TimeLimits::parse(setting, terminal).unwrap();
        assert_eq!(limits(None, false), TimeLimits { silence: seconds(60), answer: seconds(30) });
        assert_eq!(limits(Some(" 300 "), true).answer, seconds(300));
        assert_eq!(limits(Some("1"), false).answer, Duration::from_millis(500));
        for wrong in ["", "0", "-1", "soon", "86401", "1.5"] {
            let error = TimeLimits::parse(Some(wrong), false).unwrap_err();
            assert_eq!(crate::error::kind(&error), ErrorKind::Usage, "{wrong}");
        }
        assert_eq!(whole_seconds(Duration::from_millis(500)), "1 second");
        assert_eq!(whole_seconds(seconds(30)), "30 seconds");
    }

    #[test]
    fn a_trickle_is_not_progress() {
        let mut pulse = Pulse::new(Duration::from_secs(60));
        let start = pulse.since;
        (0..1_919).for_each(|_| pulse.bytes(1));
        assert_eq!(pulse.since, start);
        pulse.bytes(1);
        assert!(pulse.since > start && pulse.bytes == 0);
    }
}

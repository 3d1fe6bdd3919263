//! How often a backup is made automatically, as settings and manifests say it.

use clap::ValueEnum;

/// How often a backup is made automatically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Frequency {
    /// Never
    Off,
    /// Every day at 03:00
    Daily,
    /// Every six hours
    #[value(name = "6h")]
    SixHours,
    /// Every hour
    Hourly,
}

impl Frequency {
    /// The word on the command line, in settings and in manifests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Daily => "daily",
            Self::SixHours => "6h",
            Self::Hourly => "hourly",
        }
    }

    /// Reads what [`Frequency::as_str`] gives.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|frequency| frequency.as_str() == word)
    }

    /// Hours from one run to the next; nothing for off.
    #[must_use]
    pub fn hours(self) -> Option<u32> {
        match self {
            Self::Off => None,
            Self::Daily => Some(24),
            Self::SixHours => Some(6),
            Self::Hourly => Some(1),
        }
    }

    /// In words, as in "every day at 03:00".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Daily => "every day at 03:00",
            Self::SixHours => "every six hours",
            Self::Hourly => "every hour",
        }
    }
}

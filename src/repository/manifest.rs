//! The manifests: counts and names for other programs, one per machine and one at the root.

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::trust::Signature;

/// The version that manifests, index and `--version` name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A machine's manifest, or the root's (which has `machines` too).
///
/// Every field has a default, and what is not known is kept, so a manifest of any age is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Manifest {
    /// The version of the tool that wrote it.
    pub version: String,
    /// `local`, `github` or `git`.
    pub mode: String,
    /// `off`, `daily`, `6h`, `hourly`, or nothing.
    pub schedule: String,
    /// The full host name, for display.
    pub machine: String,
    /// The machine's folder below `machines/`.
    pub machine_slug: String,
    /// Random, made once: tells two machines of one name apart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub machine_id: String,
    /// The account at the remote, `local` or `unknown`.
    pub user: String,
    /// RFC 3339, UTC, whole seconds; of the last content in a machine's, of the last run in the root's.
    pub last_sync: String,
    /// The config profile.
    pub config: ConfigTotals,
    /// The sessions.
    pub sessions: SessionTotals,
    /// One line per machine; in the root manifest only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machines: Option<Vec<MachineLine>>,
    /// How the last run here ended; in the root manifest only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,
    /// How the last try to make the copy elsewhere ended; in the root manifest only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_push: Option<LastPush>,
    /// What other versions and tools wrote.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Counts of the config profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigTotals {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub size_bytes: u64,
}

/// Counts of the sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionTotals {
    /// Sessions.
    pub files: u64,
    /// Projects.
    pub projects: u64,
    /// Bytes that everything below `projects/` takes in the repository.
    pub size_bytes: u64,
    /// Bytes that it takes at the source.
    pub uncompressed_bytes: u64,
}

/// A machine as the root manifest lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MachineLine {
    /// Its folder.
    pub slug: String,
    /// Its host name.
    pub machine: String,
    /// Its `lastSync`.
    pub last_sync: String,
    /// Its `sessions.files`.
    pub session_count: u64,
    /// Its `sessions.sizeBytes`.
    pub backup_size_bytes: u64,
    /// Who vouches for the folder of another machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastRun {
    /// When it began, RFC 3339, UTC.
    pub at: String,
    /// `ok`, `incomplete` or `failed`.
    pub result: String,
    /// Why it was not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Files that could not be read.
    pub unreadable: u64,
}

/// How the last tries to make the copy elsewhere ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastPush {
    /// When the copy was last known to be equal, RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// When it was last tried.
    pub tried: String,
    /// Why the last try failed; nothing where it worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it was sent with, as in `git 2.47.3`.
    pub transport: String,
}

impl Manifest {
    /// Reads a manifest's text.
    ///
    /// # Errors
    /// Where it is no JSON object, or a known key has another type.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let value: Map<String, Value> = serde_json::from_slice(text).context("no JSON object")?;
        Ok(serde_json::from_value(Value::Object(value))?)
    }

    /// The manifest's text: two-space JSON with a final newline.
    ///
    /// # Errors
    /// Never in practice: every field can be written as JSON.
    pub fn to_text(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// The line that the root manifest shows of this machine.
    #[must_use]
    pub fn line(&self, slug: &str) -> MachineLine {
        MachineLine {
            slug: slug.into(),
            machine: self.machine.clone(),
            last_sync: self.last_sync.clone(),
            session_count: self.sessions.files,
            backup_size_bytes: self.sessions.size_bytes,
            signature: None,
        }
    }
}

/// A time as manifests write it: UTC, whole seconds, `Z`.
#[must_use]
pub fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Reads what [`stamp`] wrote.
#[must_use]
pub fn parse_stamp(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// The account name in a remote's URL, as the old tool found it.
#[must_use]
pub fn user_of(remote: Option<&str>) -> String {
    let Some(url) = remote else { return "local".into() };
    let after_host = match url.split_once("://") {
        Some(("https", rest)) => rest.split_once('/').map(|(_, path)| path),
        None => {
            url.strip_prefix("git@").and_then(|rest| rest.split_once(':')).map(|(_, path)| path)
        }
        Some(_) => None,
    };
    let name = after_host.and_then(|path| path.split_once('/')).map_or("", |(name, _)| name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || !name.chars().all(is_plain) { "unknown".into() } else { name.into() }
}

/// A size as the old tool's commit messages give it: `380M`, `28K`, `0`.
#[must_use]
pub fn size_words(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "K", "M", "G", "T"];
    if bytes == 0 {
        return "0".into();
    }
    let power = (bytes.ilog2() / 10).clamp(1, 4);
    let unit = 1_u64 << (10 * power);
    let tenths = bytes.saturating_mul(10).div_ceil(unit);
    match tenths {
        0..100 => format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[power as usize]),
        _ => format!("{}{}", tenths.div_ceil(10), UNITS[power as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_survive() {
        let text = br#"{"version":"3.2.5","mode":"git","future":{"a":[1]},"sessions":{"files":3}}"#;
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.sessions.files, 3);
        let again = String::from_utf8(manifest.to_text().unwrap()).unwrap();
        assert!(again.contains("\"future\""), "{again}");
    }

    #[test]
    fn an_array_is_no_manifest() {
        assert!(Manifest::parse(b"[]").is_err());
        assert!(Manifest::parse(b"{\"version\"").is_err());
    }

    #[test]
    fn the_account_comes_from_the_remote() {
        assert_eq!(user_of(None), "local");
        assert_eq!(user_of(Some("https://github.com/octo/claude-backup-data.git")), "octo");
        assert_eq!(user_of(Some("git@github.com:octo/x.git")), "octo");
        assert_eq!(user_of(Some("ssh://git@host/octo/x.git")), "unknown");
        assert_eq!(user_of(Some("/srv/backup.git")), "unknown");
    }
}

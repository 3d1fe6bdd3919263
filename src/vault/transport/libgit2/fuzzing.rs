//! What holds of the user's ssh settings.

use super::ssh_address;
use super::ssh_config;
use crate::env::Env;
use crate::vault::transport::Address;

/// Any text as `~/.ssh/config`, its first line as an address: there is an answer, and soon.
pub(crate) fn ssh_settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (url, settings) = text.split_once('\n').unwrap_or((&text, ""));
    // What settings include is read from the disk: nothing but this file is meant.
    let settings = settings.to_ascii_lowercase().replace("include", "exclude");
    let home = tempfile::tempdir().expect("a folder can be made");
    fs_err::create_dir_all(home.path().join(".ssh")).expect("a folder can be made");
    fs_err::write(home.path().join(".ssh/config"), settings).expect("a file can be written");
    let found = ssh_config::of_host("nas", home.path(), &home.path().join("none"));
    assert!(found.identities.iter().all(|path| path.is_absolute()));
    let env = Env::sandbox(home.path().into(), "mac", std::sync::Arc::default());
    if let Ok(address) = Address::new(url) {
        let _ = ssh_address::without_alias(url, &address, &env);
    }
}

//! What holds of addresses and of the words of a remote, whatever they are.

use super::address::Address;
use super::explain;
use super::place;

pub(crate) use super::git_program::fuzzing::answers;
pub(crate) use super::libgit2::ssh_addresses;

/// Any text as an address: no secret of it is shown, and what is shown is an address too.
pub(crate) fn addresses(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(address) = Address::new(&text) else { return };
    let shown = address.to_string();
    let _ = (address.local_path(), address.host(), address.port(), address.ssh_user());
    let _ = place::of(&address, std::path::Path::new("/nowhere/at/all"));
    let Some(login) = address.login() else { return };
    // Long enough to be no part of the rest by chance.
    for secret in login.password.iter().filter(|password| password.len() > 40) {
        let elsewhere = shown.contains(secret.as_str());
        let whole = address.as_str().matches(secret.as_str()).count();
        assert!(!elsewhere || whole > 1, "{shown}");
        assert!(
            !address.scrubbed(&format!("cannot reach {secret} there")).contains(secret.as_str())
        );
    }
}

/// Any words as those of a remote: they end in a failure that has no secret in it.
pub(crate) fn remote_words(bytes: &[u8]) {
    const SECRET: &str = "sesame-open-for-me-please";
    let said = String::from_utf8_lossy(bytes);
    let said = said.replace('\u{1}', SECRET);
    let address = format!("https://tom:{SECRET}@host.example:8443/backup.git");
    let address = Address::new(&address).expect("it is an address");
    for failure in [
        explain::failure(&address, &said),
        explain::push_failure(&address, &said),
        explain::refused(&address, &said),
    ] {
        let words = format!("{failure:?}");
        assert!(!words.contains(SECRET), "{words}");
    }
    answers(&said);
}

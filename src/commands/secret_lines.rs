//! What commands say of likely secrets.

use std::io;

use crate::secrets::Secrets;
use crate::ui::words::count;
use crate::ui::{Mark, Page};

/// So many lines with a likely secret are shown to a person; programs get all.
const MOST_SHOWN: usize = 10;

/// Likely secrets by file, line and kind; never the secret.
pub(super) fn secrets_words(
    page: &mut Page<'_>,
    secrets: &[Secrets],
    advice: &str,
) -> io::Result<()> {
    let lines = || {
        let of = |file: &Secrets| {
            let path = file.path.clone();
            file.found.clone().into_iter().map(move |found| (path.clone(), found))
        };
        secrets.iter().flat_map(of)
    };
    let all = lines().count();
    if all == 0 {
        return Ok(());
    }
    let places = count(secrets.iter().map(Secrets::lines).sum(), "line");
    page.mark(Mark::Warn, format!("{places} with what looks like a secret; {advice}"))?;
    for (path, found) in lines().take(MOST_SHOWN) {
        page.line(format!("  {path}:{}: {}", found.line, found.kind))?;
    }
    match all.checked_sub(MOST_SHOWN) {
        Some(more @ 1..) => page.line(format!("  and {more} more; --json lists all")),
        _ => Ok(()),
    }
}

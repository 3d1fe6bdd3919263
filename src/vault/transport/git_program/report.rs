//! What git prints for programs, read.

use anyhow::{Context, Result};

use super::child::Answer;
use crate::vault::transport::reason::was_moved;
use crate::vault::transport::{References, Sent};

/// Reads what `git ls-remote --symref` prints.
pub(super) fn references(out: &str) -> Result<References> {
    let mut references = References::default();
    for line in out.lines() {
        let (value, name) = line
            .split_once('\t')
            .with_context(|| format!("`git ls-remote` says `{}`", line.escape_debug()))?;
        match value.strip_prefix("ref: ") {
            Some(target) if name == "HEAD" => references.head = Some(target.to_owned()),
            Some(_) => {}
            None if !name.starts_with("refs/") || name.ends_with("^{}") => {}
            None => references.add(name, value.parse()?)?,
        }
    }
    Ok(references)
}

/// How a push of one reference ended; nothing where it did not come to that.
pub(super) fn sent(
    answer: &Answer,
    reference: &str,
    clean: impl FnOnce(&str) -> String,
) -> Option<Sent> {
    if answer.err.contains("remote ref does not exist") {
        // It was to be removed, and it is not there.
        return Some(Sent::Done);
    }
    let line = answer.out.lines().find_map(|line| status_of(line, reference));
    match line? {
        ('!', summary) => Some(refusal(summary, &answer.err, clean)),
        // A connection that broke after the remote had said yes.
        _ if answer.success => Some(Sent::Done),
        _ => None,
    }
}

/// Flag and summary of a line `<flag>\t<from>:<to>\t<summary>`.
fn status_of<'l>(line: &'l str, reference: &str) -> Option<(char, &'l str)> {
    let mut parts = line.splitn(3, '\t');
    let (flag, names, summary) = (parts.next()?, parts.next()?, parts.next()?);
    let (_, to) = names.rsplit_once(':')?;
    (to == reference).then_some((flag.chars().next()?, summary))
}

fn refusal(summary: &str, err: &str, clean: impl FnOnce(&str) -> String) -> Sent {
    let said = err.lines().filter_map(|line| line.strip_prefix("remote:")).map(str::trim);
    let mut lines: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
    // `[rejected]` is git's own word: it looked and did not even try.
    if summary.starts_with("[rejected]") || was_moved(summary, &lines.join("\n")) {
        return Sent::Behind;
    }
    lines.push(summary);
    Sent::Refused(clean(&lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(out: &str, err: &str, success: bool) -> Answer {
        Answer { success, out: out.into(), err: err.into() }
    }

    fn sent_main(out: &str, err: &str, success: bool) -> Option<Sent> {
        sent(&answer(out, err, success), "refs/heads/main", str::to_owned)
    }

    const ID: &str = "1111111111111111111111111111111111111111";

    #[test]
    fn references_are_read_without_peeled_tags() {
        let out = format!(
            "ref: refs/heads/trunk\tHEAD\n{ID}\tHEAD\n{ID}\trefs/heads/trunk\n\
             {ID}\trefs/tags/v1\n{ID}\trefs/tags/v1^{{}}\n"
        );
        let found = references(&out).unwrap();
        assert_eq!(found.head.as_deref(), Some("refs/heads/trunk"));
        let names: Vec<_> = found.list.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["refs/heads/trunk", "refs/tags/v1"]);
        assert_eq!(found.get("refs/tags/v1").unwrap().to_string(), ID);
        assert_eq!(references("").unwrap(), References::default());
        assert!(references("<html>").is_err());
    }

    #[test]
    fn a_push_that_went_well_is_done() {
        for line in [
            format!("*\t{ID}:refs/heads/main\t[new branch]"),
            format!(" \t{ID}:refs/heads/main\t1111111..2222222"),
            format!("=\t{ID}:refs/heads/main\t[up to date]"),
            "-\t:refs/heads/main\t[deleted]".to_owned(),
        ] {
            let out = format!("To /srv/a.git\n{line}\nDone\n");
            assert_eq!(sent_main(&out, "", true), Some(Sent::Done), "{line}");
            assert_eq!(sent_main(&out, "fatal: the remote end hung up", false), None);
        }
        let gone = "error: unable to delete 'x': remote ref does not exist";
        assert_eq!(sent_main("", gone, false), Some(Sent::Done));
        assert_eq!(sent_main("", "fatal: unable to access 'https://host'", false), None);
        assert_eq!(sent_main(&format!("*\t{ID}:refs/heads/other\t[new branch]"), "", true), None);
    }

    #[test]
    fn a_push_that_comes_late_is_behind() {
        for summary in [
            "[rejected] (fetch first)",
            "[rejected] (non-fast-forward)",
            "[rejected] (stale info)",
            "[remote rejected] (failed to update ref)",
            "[remote rejected] (cannot lock ref 'refs/heads/main': is at 1 but expected 2)",
            "[remote rejected] (incorrect old value provided)",
        ] {
            let out = format!("To /srv/a.git\n!\t{ID}:refs/heads/main\t{summary}\nDone\n");
            assert_eq!(sent_main(&out, "", false), Some(Sent::Behind), "{summary}");
        }
    }

    #[test]
    fn a_push_that_is_refused_says_why() {
        let out =
            format!("!\t{ID}:refs/heads/main\t[remote rejected] (pre-receive hook declined)\n");
        let err = "Enumerating objects: 3, done.\nremote: error: GH001: Large files detected.\n\
                   remote: \nerror: failed to push some refs\n";
        let words =
            "error: GH001: Large files detected.\n[remote rejected] (pre-receive hook declined)";
        assert_eq!(sent_main(&out, err, false), Some(Sent::Refused(words.into())));
        let out = format!("!\t{ID}:refs/heads/main\t[remote rejected] (failed to update ref)\n");
        let err = "remote: error: cannot lock ref: Unable to create x.lock: Permission denied\n";
        assert!(matches!(sent_main(&out, err, false), Some(Sent::Refused(_))));
    }
}

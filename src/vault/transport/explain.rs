//! What git, libgit2 and remotes say when something fails, told with a kind and the way out.

use crate::error::{ErrorKind, Failure};
use crate::process::TIMEOUT_HINT;

use super::Address;

/// Words of a failure, what they mean, and what mends it.
///
/// `{remote}` stands for the address, `{host}` for the host in it, `{ssh}` for what `ssh` is told
/// to get there, `{known}` for its name among the known hosts, `{login}` for how to log in.
struct Meaning {
    words: &'static [&'static str],
    kind: ErrorKind,
    message: &'static str,
    hint: &'static str,
}

/// How lines begin that tell how far a transfer is.
const PROGRESS: &[&str] =
    &["Enumerating objects:", "Counting objects:", "Compressing objects:", "Total "];

/// Most lines of another program that are worth repeating.
const MOST_LINES: usize = 8;

/// What a remote does not take. The first that fits counts, so what is special comes first.
const REFUSALS: &[Meaning] = &[
    Meaning {
        words: &[
            "GH001",
            "exceeds GitHub's file size limit",
            "larger than the maximum allowed",
            "MiB limit",
        ],
        kind: ErrorKind::Refused,
        message: "{host} does not take a file this large",
        hint: "see which with `git rev-list --objects --all`; use a remote without such a limit, such as a server of your own",
    },
    Meaning {
        words: &["GH013", "secret", "push protection"],
        kind: ErrorKind::Refused,
        message: "{host} found something in the backup that looks like a secret",
        hint: "read what it says; for a private repository its owner can allow this",
    },
    Meaning {
        words: &["No space left on device", "Disk quota exceeded", "quota", "over its size limit"],
        kind: ErrorKind::Refused,
        message: "there is no room left at `{remote}`",
        hint: "make room there, or use another remote",
    },
    Meaning {
        words: &["HTTP 413", "error: 413", "status code: 413", "Request Entity Too Large"],
        kind: ErrorKind::Refused,
        message: "the server in front of `{remote}` takes no upload this large",
        hint: "raise its limit (nginx: `client_max_body_size 0;`), or use an ssh address",
    },
    Meaning {
        words: &["protected branch", "GH006", "not allowed to push code", "deny updating"],
        kind: ErrorKind::Refused,
        message: "`{remote}` protects this branch",
        hint: "let its settings allow pushes to the branch, without force",
    },
    Meaning {
        words: &["read only", "read-only", "Read-only file system", "was archived"],
        kind: ErrorKind::Refused,
        message: "`{remote}` can only be read",
        hint: "give the key or the token write access, or take the repository out of the archive",
    },
    Meaning {
        words: &[
            "insufficient permission",
            "unable to create temporary object",
            "unpacker error",
            "unpack failed",
        ],
        kind: ErrorKind::Refused,
        message: "`{remote}` could not store what it was sent",
        hint: "see that the folder there belongs to the user who logs in, and that its disk is well",
    },
    Meaning {
        words: &["currently checked out", "files checked out"],
        kind: ErrorKind::Refused,
        message: "the repository at `{remote}` has its files checked out",
        hint: "use a bare repository there: `git init --bare --shared=0600 -b main PATH`",
    },
    Meaning {
        words: &["hook declined", "aborted by hook", "pre-receive hook"],
        kind: ErrorKind::Refused,
        message: "a rule at `{remote}` does not take it",
        hint: "read what it says, and change the rule there or the remote here",
    },
];

/// What keeps us from a remote.
const FAILURES: &[Meaning] = &[
    Meaning {
        words: &[
            "Host key verification failed",
            "HOST IDENTIFICATION HAS CHANGED",
            "remote ssh hostkey",
            "No matching host key",
        ],
        kind: ErrorKind::Unreachable,
        message: "the ssh key of {host} is not known here, or has changed",
        hint: "run `ssh {ssh}` once and compare the fingerprint; after a change, `ssh-keygen -R '{known}'` first",
    },
    Meaning {
        words: &["SSL certificate", "certificate", "self-signed", "self signed", "SSL error"],
        kind: ErrorKind::Unreachable,
        message: "the certificate of {host} cannot be trusted",
        hint: "for a certificate of your own: `git config --global http.sslCAInfo /path/ca.pem`; where git is not installed, set SSL_CERT_FILE=/path/ca.pem",
    },
    Meaning {
        words: &["marked as read only", "archived so it is read-only"],
        kind: ErrorKind::Refused,
        message: "`{remote}` can only be read",
        hint: "give the key write access, or take the repository out of the archive",
    },
    Meaning {
        words: &["Permission denied (", "error authenticating", "SSH session", "ssh key"],
        kind: ErrorKind::Unauthorized,
        message: "{host} takes no ssh key of this user",
        hint: "try `ssh -T {ssh}`; a key with a passphrase must be in the agent: `ssh-add`",
    },
    Meaning {
        words: &["proxy authentication", "status code: 407", "error: 407", "response 407"],
        kind: ErrorKind::Unreachable,
        message: "the proxy on the way to {host} wants a password",
        hint: "`git config --global http.proxy http://name:password@proxy:port`",
    },
    Meaning {
        words: &[
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "unable to get password",
            "Access denied",
            "authentication required",
            "authentication replays",
            "no credentials",
            "error: 401",
            "status code: 401",
            "http status code: 401",
        ],
        kind: ErrorKind::Unauthorized,
        message: "{host} does not let us in",
        hint: "{login}",
    },
    Meaning {
        words: &["error: 301", "error: 302", "error: 303", "error: 307", "error: 308"],
        kind: ErrorKind::Unreachable,
        message: "`{remote}` redirects to another address, which is not followed with a login",
        hint: "find the new address in a browser, and set it: `claude-backup backend set git --remote URL`",
    },
    Meaning {
        words: &["error: 403", "status code: 403", "denied to", "not allowed"],
        kind: ErrorKind::Unauthorized,
        message: "this user may not do that at `{remote}`",
        hint: "ask for write access, or log in as somebody who has it",
    },
    Meaning {
        words: &[
            "epository not found",
            "not found",
            "error: 404",
            "status code: 404",
            "does not appear to be a git repository",
            "does not exist",
            "could not be found",
            "project you were looking for",
        ],
        kind: ErrorKind::Unreachable,
        message: "there is no repository at `{remote}`, or this user may not see it",
        hint: "check the address, make the repository there first, and check who is logged in",
    },
];

/// What keeps a conversation from beginning, or breaks it.
const BREAKS: &[Meaning] = &[
    Meaning {
        words: &["Operation too slow", "Less than 32 bytes/sec"],
        kind: ErrorKind::TimedOut,
        message: "{host} made no progress for too long",
        hint: TIMEOUT_HINT,
    },
    Meaning {
        words: &["error: 5", "error: 429", "status code: 5", "status code: 429", "HTTP 5"],
        kind: ErrorKind::Unreachable,
        message: "{host} answers with an error of its own",
        hint: "the next run tries again; if it stays, see the host's status page or log",
    },
    Meaning {
        words: &[
            "resolve host",
            "resolve address",
            "resolve proxy",
            "Name or service not known",
            "name resolution",
            "nodename nor servname",
        ],
        kind: ErrorKind::Unreachable,
        message: "no address is known for {host}",
        hint: "check the network and how the host is written",
    },
    Meaning {
        words: &[
            "Connection refused",
            "Connection reset",
            "Connection closed",
            "timed out",
            "timeout",
            "No route to host",
            "unreachable",
            "onnect to ",
            "Could not connect",
            "too slow",
            "early EOF",
            "Invalid EOF",
            "hung up",
            "unexpected EOF",
            "transfer closed",
            "unexpected disconnect",
            "before message",
            "error sending request",
            "Could not read from remote",
            "kex_exchange",
        ],
        kind: ErrorKind::Unreachable,
        message: "{host} cannot be reached",
        hint: "check the network and that the host is up; the next run tries again",
    },
];

/// The failure that these words tell of; they are the whole of what was said.
pub(super) fn failure(remote: &Address, said: &str) -> Failure {
    explain(remote, said, &[FAILURES, BREAKS])
}

/// The same of a push: a full disk is the remote's then, and no longer ours.
pub(super) fn push_failure(remote: &Address, said: &str) -> Failure {
    explain(remote, said, &[FAILURES, REFUSALS, BREAKS])
}

/// The failure that a refused push is, from the remote's words.
#[must_use]
pub fn refused(remote: &Address, said: &str) -> Failure {
    let mut failure = explain(remote, said, &[REFUSALS]);
    if failure.kind != ErrorKind::Refused {
        failure.kind = ErrorKind::Refused;
        failure.message = format!("`{remote}` does not take what it is sent");
        failure.hint = Some("read what it says, and change its rules or use another remote".into());
    }
    failure
}

fn explain(remote: &Address, said: &str, meanings: &[&[Meaning]]) -> Failure {
    let lower = said.to_lowercase();
    let fits = |meaning: &&Meaning| {
        meaning.words.iter().any(|words| lower.contains(&words.to_lowercase()))
    };
    let fill = |text: &str| filled(text, remote);
    let lines = worth_repeating(&remote.scrubbed(said));
    let failure = match meanings.iter().copied().flatten().find(fits) {
        Some(meaning) => Failure::new(meaning.kind, fill(meaning.message)).hint(fill(meaning.hint)),
        None => {
            let why = lines.first().map(|line| format!(": {line}")).unwrap_or_default();
            Failure::new(ErrorKind::Failed, format!("git failed at `{remote}`{why}"))
        }
    };
    with_lines(failure, lines)
}

fn filled(text: &str, remote: &Address) -> String {
    let host = remote.host().unwrap_or_else(|| remote.to_string());
    let port = remote.port();
    let user = remote.ssh_user().map(|user| format!("{user}@")).unwrap_or_default();
    let ssh = port.map_or(format!("{user}{host}"), |port| format!("-p {port} {user}{host}"));
    let known = port.map_or(host.clone(), |port| format!("[{host}]:{port}"));
    let login = match host.as_str() {
        "github.com" => "log in: `gh auth login`, then `gh auth setup-git`".to_owned(),
        _ => format!(
            "let git keep the password: `git config --global credential.helper store`, then `git ls-remote {remote}`"
        ),
    };
    let values =
        [("{remote}", remote.to_string()), ("{host}", host), ("{ssh}", ssh), ("{known}", known)];
    let text = text.replace("{login}", &login);
    values.iter().fold(text, |text, (name, value)| text.replace(name, value))
}

fn with_lines(mut failure: Failure, lines: Vec<String>) -> Failure {
    if !lines.is_empty() {
        failure = failure.detail("said", lines.clone().into());
    }
    lines.into_iter().fold(failure, Failure::line)
}

/// What was said, without what says nothing.
fn worth_repeating(said: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in said.lines().map(plain) {
        let is_empty_talk = line.is_empty()
            || line.starts_with("Please make sure you have the correct access rights")
            || line == "and the repository exists."
            || line.starts_with("To ") && line.contains('/')
            || PROGRESS.iter().any(|beginning| line.starts_with(beginning));
        if !is_empty_talk && !lines.iter().any(|known| known == line) {
            lines.push(line.to_owned());
        }
    }
    lines.truncate(MOST_LINES);
    lines
}

/// A line without the names of those who said it.
fn plain(line: &str) -> &str {
    let mut line = line.trim();
    for prefix in ["remote:", "fatal:", "error:", "ERROR:"] {
        line = line.strip_prefix(prefix).map_or(line, str::trim);
    }
    line.trim_matches(['=', '-', '*', '@', ' '])
}

#[cfg(test)]
mod tests {
    use ErrorKind::{Failed, Refused, Unauthorized, Unreachable};

    use super::*;

    fn remote() -> Address {
        Address::new("https://me:s3cret@git.example.org:8443/me/a.git").unwrap()
    }

    #[test]
    fn words_of_git_libgit2_and_hosts_have_their_kinds() {
        for (said, kind, hint) in [
            ("fatal: unable to access 'x': Could not resolve host: h", Unreachable, "network"),
            ("failed to resolve address for h: Name or service not known", Unreachable, "network"),
            ("ssh: connect to host h port 22: Connection refused", Unreachable, "network"),
            ("failed to connect to h: Connection refused", Unreachable, "network"),
            ("ssh: connect to host h port 22: Connection timed out", Unreachable, "network"),
            ("SSL certificate problem: self-signed certificate", Unreachable, "SSL_CERT_FILE"),
            ("the SSL certificate is invalid", Unreachable, "http.sslCAInfo"),
            (
                "Host key verification failed.\nfatal: Could not read",
                Unreachable,
                "ssh -p 8443 git.ex",
            ),
            ("invalid or unknown remote ssh hostkey", Unreachable, "-R '[git.example.org]:8443'"),
            ("git@h: Permission denied (publickey).", Unauthorized, "ssh-add"),
            ("no ssh key is left to try", Unauthorized, "ssh -T"),
            ("fatal: Authentication failed for 'https://h/'", Unauthorized, "credential.helper"),
            ("could not read Username for 'h': terminal prompts disabled", Unauthorized, "helper"),
            ("The requested URL returned error: 403", Unauthorized, "write access"),
            ("request failed with status code: 401", Unauthorized, "git ls-remote https://git"),
            ("unexpected http status code: 503", Unreachable, "tries again"),
            (
                "Received HTTP code 407 from proxy: proxy authentication required",
                Unreachable,
                "http.proxy",
            ),
            ("remote: Repository not found.", Unreachable, "check the address"),
            ("ERROR: Repository not found.\nfatal: Could not read from", Unreachable, "check the"),
            ("unexpected http status code: 404", Unreachable, "check the address"),
            (
                "ERROR: The key you are authenticating with has been marked as read only.",
                Refused,
                "write",
            ),
            ("fatal: something new", Failed, ""),
        ] {
            let failure = failure(&remote(), said);
            assert_eq!(failure.kind, kind, "{said}");
            let found = failure.hint.as_deref().unwrap_or_default();
            assert!(found.contains(hint), "{said}: {found}");
            assert!(!failure.lines.is_empty() && !failure.message.contains('{'), "{said}");
        }
    }

    #[test]
    fn hints_are_for_the_host_at_hand() {
        let hint = |text: &str, said: &str| {
            failure(&Address::new(text).unwrap(), said).hint.unwrap_or_default()
        };
        let said = "Authentication failed";
        assert!(hint("https://github.com/me/a", said).starts_with("log in: `gh auth login`"));
        let said = "Host key verification failed";
        assert!(hint("git@nas:a.git", said).starts_with("run `ssh git@nas` once"));
        let hint = hint("ssh://git@[::1]:2222/a.git", said);
        assert!(hint.contains("ssh -p 2222 git@::1") && hint.contains("'[::1]:2222'"), "{hint}");
    }

    #[test]
    fn refusals_say_what_to_change() {
        for (said, words) in [
            ("error: GH001: Large files detected.\npre-receive hook declined", "this large"),
            (
                "File a.gz is 120.00 MB; this exceeds GitHub's file size limit of 100 MB",
                "this large",
            ),
            (
                "You are attempting to check in one or more blobs which exceed the 100MiB limit",
                "large",
            ),
            ("error: file write error: No space left on device", "no room"),
            ("error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413", "upload"),
            ("GitLab: You are not allowed to push code to protected branches", "protects"),
            ("error: insufficient permission for adding an object", "could not store"),
            ("! [remote rejected] (pre-receive hook declined)", "a rule at"),
            ("something new", "does not take"),
        ] {
            let failure = refused(&remote(), said);
            assert_eq!(failure.kind, Refused, "{said}");
            assert!(failure.message.contains(words), "{said}: {}", failure.message);
            assert!(failure.hint.is_some());
        }
        let no_room = "error: unable to write: No space left on device";
        assert_eq!(failure(&remote(), no_room).kind, Failed, "here, not there");
        assert_eq!(push_failure(&remote(), no_room).kind, Refused);
    }

    #[test]
    fn what_was_said_is_repeated_without_secrets_and_ornaments() {
        let said = "remote: =====\nremote: \nremote: bad s3cret at https://x:y@h/\n\
                    fatal: unable to access 'https://me:s3cret@git.example.org:8443/me/a.git/'\n\
                    Please make sure you have the correct access rights\n\
                    and the repository exists.\n";
        let failure = failure(&remote(), said);
        let lines =
            ["bad *** at https://h/", "unable to access 'https://git.example.org:8443/me/a.git/'"];
        assert_eq!(failure.lines, lines);
        assert!(!format!("{failure:?}").contains("s3cret"));
    }
}

//! A machine of one's own: a home, a host name, a clock, and the program run in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use claude_backup::env::{Env, Os, Terminal};
use serde_json::{Value, json};
use tempfile::TempDir;

/// 20 November 2026, 03:00 UTC, in milliseconds.
const START: i64 = 1_795_143_600_000;

/// A home folder, empty at first, and everything that the program can see around it.
pub struct Sandbox {
    folder: TempDir,
    clock: Arc<AtomicI64>,
    host: String,
    variables: Vec<(String, String)>,
    runs_on: Option<(Os, PathBuf)>,
}

/// How a call ended.
#[derive(Debug)]
pub struct Ran {
    code: u8,
    out: String,
    err: String,
    home: String,
}

impl Sandbox {
    /// A machine named `test-host` with an empty home, at 03:00 on 20 November 2026.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("home")).unwrap();
        Self {
            folder,
            clock: Arc::new(AtomicI64::new(START)),
            host: "test-host.local".into(),
            variables: Vec::new(),
            runs_on: None,
        }
    }

    /// The same machine under another host name.
    pub fn named(mut self, host: &str) -> Self {
        self.host = host.into();
        self
    }

    /// The same machine with a variable set.
    pub fn with_variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The same machine with this system, where the program lies there.
    pub fn running(mut self, os: Os, program: PathBuf) -> Self {
        self.runs_on = Some((os, program));
        self
    }

    /// The same machine with the real git on its PATH.
    pub fn with_git(self) -> Self {
        let path = std::env::var("PATH").unwrap();
        self.with_variable("PATH", path)
    }

    /// A path below the user's home.
    pub fn home(&self, below: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join("home").join(below)
    }

    /// A path below `~/.claude`.
    pub fn claude(&self, below: impl AsRef<Path>) -> PathBuf {
        self.home(".claude").join(below)
    }

    /// A path below `~/.claude-backup`.
    pub fn backup(&self, below: impl AsRef<Path>) -> PathBuf {
        self.home(".claude-backup").join(below)
    }

    /// A path below this machine's folder in the backup.
    pub fn stored(&self, below: impl AsRef<Path>) -> PathBuf {
        self.backup("machines/test-host").join(below)
    }

    /// The files of git's packs that end like this: `pack`, `idx`, `keep`.
    pub fn packs(&self, extension: &str) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.backup(".git/objects/pack")).unwrap();
        let paths = folder.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|end| end == extension)).collect()
    }

    /// A session's file: `projects/<project>/<id>.jsonl`.
    pub fn session(&self, project: &str, id: &str) -> PathBuf {
        self.claude("projects").join(project).join(format!("{id}.jsonl"))
    }

    /// Writes a session of so many messages, alternating between user and assistant.
    pub fn write_session(&self, project: &str, id: &str, messages: usize) -> &Self {
        self.write(self.session(project, id), conversation(id, 0..messages))
    }

    /// Appends messages to a session.
    pub fn append_session(
        &self,
        project: &str,
        id: &str,
        messages: std::ops::Range<usize>,
    ) -> &Self {
        let path = self.session(project, id);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str(&conversation(id, messages));
        self.write(path, text)
    }

    /// Writes a file, private as the agent makes them, with its folders.
    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.home(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        set_mode(&path, 0o600);
        self
    }

    /// Removes a file or a folder.
    pub fn remove(&self, path: impl AsRef<Path>) -> &Self {
        let path = self.home(path);
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
        self
    }

    /// Lets time pass on this machine's clock.
    pub fn pass_minutes(&self, minutes: i64) -> &Self {
        self.clock.fetch_add(minutes * 60_000, Ordering::SeqCst);
        self
    }

    /// Runs the program with these arguments.
    #[must_use = "say how it should have ended: success() or fails(code)"]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let env = self.env();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = arguments.iter().map(OsString::from);
        let code = claude_backup::run(arguments, &env, &mut out, &mut err);
        Ran {
            code,
            out: String::from_utf8(out).unwrap(),
            err: String::from_utf8(err).unwrap(),
            home: self.home("").to_string_lossy().trim_end_matches('/').to_owned(),
        }
    }

    /// Runs the program, expects success, and gives its JSON document.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).success().json()
    }

    /// Runs the program with `--json`, and again with the key that it asks for, if it does.
    pub fn accept(&self, arguments: &[&str]) -> Value {
        self.run_accepting(arguments).success().json()
    }

    /// The same, however it ends.
    #[must_use = "say how it should have ended: success() or fails(code)"]
    pub fn run_accepting(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(&[arguments, &["--json"]].concat());
        if ran.code != 1 {
            return ran;
        }
        let error = ran.json_error();
        assert_eq!(error["code"], "key-not-accepted", "{error}");
        let key = error["key"].as_str().unwrap();
        self.run(&[arguments, &["--json", "--accept-key", key]].concat())
    }

    /// `init --backend local`, without looking at what it says.
    pub fn init(&self) -> &Self {
        self.run(&["init", "--backend", "local"]).success();
        self
    }

    /// `sync`, a minute later, as JSON.
    pub fn sync(&self) -> Value {
        self.pass_minutes(1);
        self.json(&["sync"])
    }

    /// What the program sees.
    pub fn env(&self) -> Env {
        let mut env = Env::sandbox(self.home(""), &self.host, Arc::clone(&self.clock));
        if let Some((os, program)) = &self.runs_on {
            (env.os, env.program) = (*os, program.clone());
        }
        self.variables.iter().fold(env, |env, (name, value)| env.with_variable(name, value))
    }

    /// Asks the real git about the backup, away from the user's settings.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.backup(""), arguments)
    }

    /// Asks the real git about another folder.
    pub fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = std::process::Command::new("git")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .arg("-C")
            .arg(folder)
            .args(arguments)
            .output()
            .expect("git is on this machine");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {}", text(output.stderr));
        text(output.stdout)
    }

    /// What git holds is whole, and the work tree is what git holds.
    pub fn assert_git_clean(&self) -> &Self {
        self.git(&["fsck", "--full", "--strict"]);
        assert_eq!(self.git(&["status", "--porcelain"]), "", "git status is clean");
        self
    }

    /// The number of commits.
    pub fn commits(&self) -> usize {
        self.git(&["rev-list", "--count", "HEAD"]).trim().parse().unwrap()
    }

    /// Runs the program on a terminal of this width, without colour; nobody answers questions.
    #[must_use = "say how it should have ended: success() or fails(code)"]
    pub fn run_on_terminal(&self, width: u16, arguments: &[&str]) -> Ran {
        let terminal = Terminal { stdout: true, width: Some(width), ..Terminal::default() };
        let mut env = self.env();
        env.terminal = terminal;
        let (code, out, err) = self.call(&env, &[arguments, &["--color", "never"]].concat());
        let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
        Ran { code, out, err, home: self.home("").to_string_lossy().trim_end_matches('/').into() }
    }

    /// What a successful run writes to standard output, byte for byte.
    pub fn output_of(&self, arguments: &[&str]) -> Vec<u8> {
        let (code, out, err) = self.call(&self.env(), arguments);
        assert_eq!((code, String::from_utf8_lossy(&err).as_ref()), (0, ""));
        out
    }

    /// What `story` does is done under another machine's name, in the same backup; its commits count
    /// as that machine's, which this one trusts.
    pub fn as_machine(&self, slug: &str, story: impl FnOnce(&Self)) -> &Self {
        let own = self.git(&["config", "claude-backup.machine"]);
        let id = self.git(&["config", "claude-backup.machineId"]);
        self.git(&["config", "claude-backup.machine", slug]);
        self.git(&["config", "claude-backup.machineId", &format!("id of {slug}")]);
        let (keys, theirs) = (self.backup(".git/claude-backup-keys"), self.home(slug));
        let own_keys = self.home("own-keys");
        std::fs::rename(&keys, &own_keys).unwrap();
        if theirs.exists() {
            std::fs::rename(&theirs, &keys).unwrap();
        }
        story(self);
        std::fs::rename(&keys, &theirs).unwrap();
        std::fs::rename(&own_keys, &keys).unwrap();
        self.trust(slug);
        self.git(&["config", "claude-backup.machine", own.trim()]);
        self.git(&["config", "claude-backup.machineId", id.trim()]);
        self
    }

    /// Lets the newest commit count as signed by the key that a machine publishes.
    pub fn trust(&self, slug: &str) {
        let published = self.backup("machines").join(slug).join("signing-key.pub");
        let Ok(key) = std::fs::read_to_string(published) else { return };
        let known = self.backup(".git/claude-backup-keys/known");
        let mut text = std::fs::read_to_string(&known).unwrap_or_default();
        let line = format!("{slug} namespaces=\"git\" {key}");
        if !text.contains(&line) {
            text.push_str(&line);
        }
        std::fs::write(known, text).unwrap();
        self.git(&["update-ref", &format!("refs/claude-backup/machines/{slug}"), "HEAD"]);
    }

    /// Sets when a file was last changed, in days before this machine's clock.
    pub fn age(&self, path: impl AsRef<Path>, days: u64) -> &Self {
        let now = u64::try_from(self.clock.load(Ordering::SeqCst)).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(now)
            - std::time::Duration::from_secs(days * 86_400);
        let file = std::fs::File::options().write(true).open(self.home(path)).unwrap();
        file.set_modified(time).unwrap();
        self
    }

    /// A JSON document without what differs from run to run: this home's path, commit ids, packs.
    pub fn steady(&self, document: &Value) -> Value {
        let home = self.home("").to_string_lossy().trim_end_matches('/').to_owned();
        match document {
            Value::String(text) => Value::String(text.replace(&home, "[HOME]")),
            Value::Array(items) => items.iter().map(|item| self.steady(item)).collect(),
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| match name.as_str() {
                    "commit" if value.is_string() => (name.clone(), json!("[COMMIT]")),
                    "repositoryBytes" => (name.clone(), json!("[BYTES]")),
                    _ => (name.clone(), self.steady(value)),
                };
                Value::Object(fields.iter().map(field).collect())
            }
            other => other.clone(),
        }
    }

    fn call(&self, env: &Env, arguments: &[&str]) -> (u8, Vec<u8>, Vec<u8>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = arguments.iter().map(OsString::from);
        let code = claude_backup::run(arguments, env, &mut out, &mut err);
        (code, out, err)
    }
}

impl Ran {
    /// Expects exit code 0.
    pub fn success(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// Expects this exit code.
    pub fn fails(self, code: u8) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The exit code, whatever it is.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Standard output as one JSON document; standard error must be silent.
    pub fn json(&self) -> Value {
        assert_eq!(self.err, "", "nothing beside the document");
        assert_eq!(self.out.lines().count(), 1, "one document: {}", self.out);
        serde_json::from_str(&self.out).unwrap()
    }

    /// Standard error as one JSON error object; standard output must be silent.
    pub fn json_error(&self) -> Value {
        assert_eq!(self.out, "", "no result beside the error");
        serde_json::from_str(&self.err).unwrap()
    }

    /// Everything on standard output, with the home folder's path replaced.
    pub fn screen(&self) -> String {
        self.out.replace(&self.home, "[HOME]")
    }

    /// Everything on standard error, with the home folder's path replaced.
    pub fn talk(&self) -> String {
        self.err.replace(&self.home, "[HOME]")
    }

    /// Both streams as a person sees them: the result, then the talk.
    pub fn both(&self) -> String {
        match self.err.is_empty() {
            true => self.screen(),
            false => format!("{}---- standard error\n{}", self.screen(), self.talk()),
        }
    }

    /// Standard output as it is.
    pub fn bytes(&self) -> &[u8] {
        self.out.as_bytes()
    }
}

/// Records as Claude Code writes them, numbered; the same number gives the same bytes.
pub fn conversation(id: &str, messages: std::ops::Range<usize>) -> String {
    messages.map(|number| format!("{}\n", record(id, number))).collect()
}

fn record(id: &str, number: usize) -> Value {
    let minute = number % 60;
    let hour = number / 60 % 24;
    let timestamp = format!("2026-11-19T{hour:02}:{minute:02}:00.000Z");
    let uuid = format!("{id}-record-{number}");
    let common = json!({
        "uuid": uuid, "sessionId": id, "cwd": "/home/dev/work/alpha", "gitBranch": "main",
        "timestamp": timestamp,
    });
    let message = match number % 2 {
        0 => json!({"role": "user", "content": format!("Question {number} of {id}")}),
        _ => json!({
            "id": format!("msg-{id}-{number}"), "role": "assistant", "model": "claude-opus-4-8",
            "content": [{"type": "text", "text": format!("Answer {number}")}],
            "usage": {"input_tokens": 3, "output_tokens": 5},
        }),
    };
    let kind = if number.is_multiple_of(2) { "user" } else { "assistant" };
    let mut record = json!({"type": kind, "message": message});
    let fields = common.as_object().unwrap().clone();
    record.as_object_mut().unwrap().extend(fields);
    record
}

/// Changes one bit in the middle of a file, whatever its permissions.
pub fn flip_a_bit(path: &Path) {
    set_mode(path, 0o600);
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(path, bytes).unwrap();
}

/// Sets permission bits.
pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Reads permission bits.
pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

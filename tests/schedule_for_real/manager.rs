//! A user's service manager that a test starts for itself, and what is asked of it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Where control groups of the kind lie that this manager keeps its services in.
const GROUPS: &str = "/sys/fs/cgroup/systemd";
/// Away from UTC by no whole hour, so that nobody is right by chance.
const ZONE: &str = "NPT-5:45";

/// A home, and a manager for it.
pub struct Manager {
    folder: TempDir,
    running: Option<Running>,
}

/// Where this ends, everything that it started ends.
struct Running {
    /// `unshare`, which waits for the shell inside.
    child: Child,
    /// That shell, as seen from outside.
    inside: String,
    group: PathBuf,
}

/// Why no manager can be started here; nothing where one can.
pub fn obstacle() -> Option<String> {
    let is_here = |path: &str| Path::new(path).exists();
    let id = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root = id.lines().any(|line| line.starts_with("Uid:\t0\t0\t"));
    [
        (is_root, "only root may make a namespace"),
        (is_here("/lib/systemd/systemd"), "systemd is not on this machine"),
        (is_here("/usr/bin/unshare") && is_here("/usr/bin/nsenter"), "util-linux is not complete"),
        (is_here(&format!("{GROUPS}/cgroup.procs")), "there is no `name=systemd` control group"),
        (is_here("/run/systemd"), "there is no /run/systemd to hide"),
    ]
    .into_iter()
    .find_map(|(holds, otherwise)| (!holds).then(|| otherwise.into()))
}

impl Manager {
    /// A manager for a home without anything in it.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home/.claude/projects/-p", "run"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let running = Some(Running::start(folder.path()));
        Self { folder, running }
    }

    /// Something happens while the machine is off.
    pub fn while_off(&mut self, happens: impl FnOnce(&Self)) {
        self.running = None;
        happens(self);
        self.running = Some(Running::start(self.folder.path()));
    }

    /// A path below the home.
    pub fn home(&self, below: &str) -> PathBuf {
        self.folder.path().join("home").join(below)
    }

    /// A file of the home.
    pub fn read(&self, below: &str) -> String {
        std::fs::read_to_string(self.home(below)).unwrap_or_default()
    }

    /// Adds a line to a session.
    pub fn write_session(&self, id: &str) {
        let path = self.home(&format!(".claude/projects/-p/{id}.jsonl"));
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        let message = r#"{"role":"user","content":"good night"}"#;
        writeln!(file, r#"{{"type":"user","sessionId":"{id}","message":{message}}}"#).unwrap();
    }

    /// Runs a program where the manager is.
    pub fn call(&self, words: &[&str]) -> Output {
        let mut enter = Command::new("nsenter");
        let enter = surroundings(&mut enter, self.folder.path());
        let inside = &self.running.as_ref().unwrap().inside;
        enter.args(["-t", inside, "-m", "-C", "-p"]).args(words).output().unwrap()
    }

    /// Asks systemd.
    pub fn systemctl(&self, words: &[&str]) -> String {
        let output = self.call(&[&["systemctl", "--user", "--no-pager"], words].concat());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Lets systemd run the service to its end; true where that was a good one.
    pub fn run_service(&self) -> bool {
        self.call(&["systemctl", "--user", "start", "claude-backup.service"]).status.success()
    }

    /// Runs the program, which must end with this code; both streams.
    pub fn backup(&self, words: &[&str], code: i32) -> String {
        let output = self.call(&[&[self.program()], words].concat());
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        said.replace(self.home("").to_str().unwrap(), "~/")
    }

    /// Runs the program, which must end well, and gives its JSON document.
    pub fn json(&self, words: &[&str]) -> Value {
        let output = self.call(&[&[self.program()], words, &["--json"]].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"))
    }

    /// How many backups git has.
    pub fn commits(&self) -> String {
        let dir = self.home(".claude-backup");
        let words = ["git", "-C", dir.to_str().unwrap(), "rev-list", "--count", "HEAD"];
        String::from_utf8(self.call(&words).stdout).unwrap().trim().to_owned()
    }

    fn program(&self) -> &'static str {
        env!("CARGO_BIN_EXE_claude-backup")
    }
}

impl Running {
    fn start(folder: &Path) -> Self {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let group = Path::new(GROUPS).join(format!("claude-backup{name}"));
        std::fs::create_dir(&group).unwrap();
        let enter = format!(
            "echo $$ > '{}/cgroup.procs' && exec unshare -m -C -p -f --kill-child --mount-proc sh -c \"$0\"",
            group.display()
        );
        let mut command = Command::new("sh");
        let mut child = surroundings(&mut command, folder)
            .args(["-c", &enter, include_str!("manager.sh")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("manager.log")).unwrap())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let pid = child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let inside = children.unwrap_or_default().trim().to_owned();
        let running = Self { child, inside, group };
        let said = std::fs::read_to_string(folder.join("manager.log")).unwrap();
        assert_eq!(ready, "ready\n", "{said}");
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
        let inner_first = walkdir::WalkDir::new(&self.group).contents_first(true);
        for group in inner_first.into_iter().flatten().filter(|entry| entry.file_type().is_dir()) {
            std::fs::remove_dir(group.path()).ok();
        }
    }
}

/// Nothing of the user's but where programs are.
fn surroundings<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.join("home"))
        .env("XDG_RUNTIME_DIR", folder.join("run"))
        .env("TZ", ZONE)
        .env("LC_ALL", "C")
        .current_dir(folder.join("home"))
}

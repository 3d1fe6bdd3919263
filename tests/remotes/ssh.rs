//! A real sshd on loopback, with keys of its own, and homes that know it or not.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::bare::Bare;
use crate::home::{Machine, Transport, whoami};
use crate::needs::{self, Need};
use crate::running::Running;

/// So many ports are tried.
const TRIES: usize = 5;
/// Where sshd puts those who are not logged in yet; packages make it when the service starts.
const EMPTY_FOLDER: &str = "/run/sshd";

/// The server and the one repository behind it.
pub struct SshServer {
    folder: TempDir,
    bare: Bare,
    port: u16,
    running: Running,
}

/// An agent that holds the key.
pub struct Agent {
    folder: TempDir,
    running: Running,
}

impl SshServer {
    /// Starts one; nothing where the machine lacks what it takes.
    pub fn start() -> Option<Self> {
        if !needs::met(&[Need::Ssh]) {
            return None;
        }
        let started = Self::run();
        started.map_err(|said| needs::skip(&format!("sshd does not start here: {said}"))).ok()
    }

    fn run() -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let bare = Bare::below(folder.path());
        for name in ["host_key", "user_key"] {
            make_key(&folder.path().join(name));
        }
        if whoami() == "root" {
            std::fs::create_dir_all(EMPTY_FOLDER).unwrap();
        }
        let mut started = listen(folder.path());
        for _ in 1..TRIES {
            started = started.or_else(|_| listen(folder.path()));
        }
        let (running, port) = started?;
        Ok(Self { folder, bare, port, running })
    }

    /// The repository behind it.
    pub fn bare(&self) -> &Bare {
        &self.bare
    }

    /// The repository's address.
    pub fn url(&self) -> String {
        self.url_at(&format!("{}@127.0.0.1:{}", whoami(), self.port))
    }

    /// The same under another name of the host.
    pub fn url_at(&self, host: &str) -> String {
        format!("ssh://{host}{}", self.bare.url())
    }

    /// A machine that knows the server and has the key in its home.
    pub fn machine(&self, transport: Transport) -> Machine {
        self.known_by(self.keyed(Machine::new(transport)))
    }

    /// Gives a machine the key.
    pub fn keyed(&self, machine: Machine) -> Machine {
        self.keyed_by_now(&machine);
        with_ssh_of_its_own(machine)
    }

    /// Gives a machine the key that had another.
    pub fn keyed_by_now(&self, machine: &Machine) {
        for (name, place) in [("user_key", "id_ed25519"), ("user_key.pub", "id_ed25519.pub")] {
            let bytes = std::fs::read(self.folder.path().join(name)).unwrap();
            machine.write(Path::new(".ssh").join(place), bytes);
        }
    }

    /// Lets a machine know the server's key.
    pub fn known_by(&self, machine: Machine) -> Machine {
        self.known_by_now(&machine);
        machine
    }

    /// Lets a machine know the server's key that did not.
    pub fn known_by_now(&self, machine: &Machine) {
        machine.write(".ssh/known_hosts", self.known_hosts(self));
    }

    /// What is known of this server, if it had the key of `other`.
    pub fn known_hosts(&self, other: &Self) -> String {
        let key = std::fs::read_to_string(other.folder.path().join("host_key.pub")).unwrap();
        format!("[127.0.0.1]:{} {key}", self.port)
    }

    /// Gives the server a name in a machine's ssh settings.
    pub fn aliased(&self, machine: &Machine, alias: &str) {
        let user = whoami();
        let words =
            format!("Host {alias}\n HostName 127.0.0.1\n Port {}\n User {user}\n", self.port);
        let settings = std::fs::read_to_string(machine.home(".ssh/config")).unwrap();
        machine.write(".ssh/config", format!("{words}\nHost *\n{settings}"));
    }

    /// An agent that has the key.
    pub fn agent(&self) -> Agent {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(folder.path().join("socket"));
        let ready = Running::start(&mut command, |line| line.starts_with("SSH_AUTH_SOCK="));
        let agent = Agent { folder, running: ready.expect("the agent runs").0 };
        let added = Command::new("ssh-add")
            .env("SSH_AUTH_SOCK", agent.socket())
            .arg(self.folder.path().join("user_key"))
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(added.success());
        agent
    }

    /// What the server said so far.
    pub fn said(&self) -> String {
        self.running.said()
    }
}

impl Agent {
    /// Where it is asked.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// A machine that has this agent and no key on its disk.
    pub fn machine(&self, server: &SshServer, transport: Transport) -> Machine {
        let machine = Machine::new(transport).variable("SSH_AUTH_SOCK", self.socket());
        server.known_by(with_ssh_of_its_own(machine))
    }
}

/// The ssh program finds its files through the list of users, not through `HOME`, so it is told.
fn with_ssh_of_its_own(machine: Machine) -> Machine {
    let ssh = machine.home(".ssh");
    let settings = format!(
        " UserKnownHostsFile {0}/known_hosts\n GlobalKnownHostsFile /dev/null\n IdentityFile {0}/id_ed25519\n BatchMode yes\n",
        ssh.display()
    );
    machine.write(".ssh/config", settings);
    crate::sandbox::set_mode(&ssh, 0o700);
    let command = format!("ssh -F {}", ssh.join("config").display());
    machine.program("ssh").variable("GIT_SSH_COMMAND", command)
}

fn make_key(path: &Path) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success());
}

/// Starts sshd on a port that was free a moment ago; somebody else may have taken it since.
fn listen(folder: &Path) -> Result<(Running, u16), String> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = folder.join("sshd_config");
    std::fs::write(&config, settings(folder, port)).unwrap();
    let mut command = Command::new(needs::program("sshd").unwrap());
    command.args(["-D", "-e", "-f"]).arg(config);
    let (running, _) =
        Running::start_by_error(&mut command, |line| line.starts_with("Server listening on"))?;
    Ok((running, port))
}

/// Who logs in has a home without a `.bashrc`, which may take its time.
fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let path = std::env::var("PATH").unwrap();
    format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host_key\nPidFile none\n\
         AuthorizedKeysFile {folder}/user_key.pub\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nStrictModes no\n\
         UsePAM no\nMaxStartups 100\nSetEnv PATH={path} HOME={folder}\n"
    )
}

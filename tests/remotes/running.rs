//! A server of ours, for as long as somebody holds it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// So long a server may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(30);

/// A child process that ends with its holder.
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
}

/// A server and the line by which it said that it is ready; else all that it said.
pub type Ready = Result<(Running, String), String>;

impl Running {
    /// Starts a server that says on standard output that it is ready, and gives that line.
    pub fn start(command: &mut Command, is_ready: fn(&str) -> bool) -> Ready {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let said = child.stdout.take().unwrap();
        Self { child, said: Arc::default() }.ready(said, is_ready)
    }

    /// The same where it says so on standard error.
    pub fn start_by_error(command: &mut Command, is_ready: fn(&str) -> bool) -> Ready {
        let mut child =
            command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be started");
        let said = child.stderr.take().unwrap();
        Self { child, said: Arc::default() }.ready(said, is_ready)
    }

    /// Waits for the line; what was said where the server ended without it.
    fn ready(self, said: impl Read + Send + 'static, is_ready: fn(&str) -> bool) -> Ready {
        let (tell, told) = mpsc::channel();
        let all = Arc::clone(&self.said);
        std::thread::spawn(move || {
            // Read to its end, so that the server never waits for us.
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                all.lock().unwrap().push_str(&format!("{line}\n"));
                if is_ready(&line) {
                    let _ = tell.send(line);
                }
            }
        });
        match told.recv_timeout(PATIENCE) {
            Ok(line) => Ok((self, line)),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(self.said()),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("not ready in time: {}", self.said()),
        }
    }

    /// Everything it said so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

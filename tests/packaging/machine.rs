//! A machine that has a home, and no programs but those that it is given.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::needs;

/// Its home and the one folder of its `PATH`.
pub struct Machine {
    folder: TempDir,
}

impl Machine {
    /// With these programs, as far as this machine has them.
    pub fn with(programs: &[&str]) -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(machine.home("")).unwrap();
        std::fs::create_dir(machine.tool("")).unwrap();
        for name in programs {
            if let Some(real) = needs::program(name) {
                symlink(real, machine.tool(name)).unwrap();
            }
        }
        machine
    }

    /// Another program, in shell.
    pub fn adding(self, name: &str, script: &str) -> Self {
        write_program(&self.tool(name), script);
        self
    }

    /// A path below its home.
    pub fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join("home").join(name).components().collect()
    }

    /// A path below the folder of its programs.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.folder.path().join("tools").join(name).components().collect()
    }

    /// A program of whoever runs the tests, started on this machine.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("HOME", self.home("")).env("PATH", self.tool(""));
        command.current_dir(self.home(""));
        command
    }

    /// Names of what is in a folder of its home, sorted; nothing where there is no such folder.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.home(folder)).into_iter().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A script as a program.
pub fn write_program(path: &Path, script: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Both streams as one text.
pub fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

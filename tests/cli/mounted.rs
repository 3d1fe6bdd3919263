//! A real disk that is small, can fill up, and can turn read-only.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::skipped::say_skipped;

/// A file system of its own, gone with the value.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing, and it is said why, where this user may not mount.
    pub fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let option = format!("size={size},mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &option, "tmpfs"]).arg(at).stderr(Stdio::null());
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        if !is_mounted {
            say_skipped("no small file system can be mounted here");
        }
        is_mounted.then(|| Self(at.to_path_buf()))
    }

    /// With `ro`, `rw`, or another size, as in `size=60m`.
    pub fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        let status = Command::new("mount").args(["-o", &option]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

//! A certificate that only those trust who are told to.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Where the servers of these tests are.
pub const LOOPBACK: &str = "IP:127.0.0.1,DNS:localhost";

/// A self-signed certificate, made for this test.
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// One for these names, as `openssl` writes them.
    pub fn new(names: &str) -> Self {
        let certificate = Self { folder: tempfile::tempdir().unwrap() };
        let status = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", &format!("subjectAltName={names}")])
            .arg("-keyout")
            .arg(certificate.key())
            .arg("-out")
            .arg(certificate.file())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        certificate
    }

    /// The certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Its key.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

//! A certificate that only those trust who are told to.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A self-signed certificate for 127.0.0.1 and localhost, made for this test.
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    pub fn new() -> Self {
        let certificate = Self { folder: tempfile::tempdir().unwrap() };
        let status = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
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

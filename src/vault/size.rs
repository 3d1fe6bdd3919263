//! How much the repository has grown to.

use std::path::Path;

use anyhow::Result;

use super::Vault;
use crate::fs;

impl Vault {
    /// The bytes of all packs and loose objects, without what only helps to find them.
    ///
    /// # Errors
    /// Where a folder of git cannot be read.
    pub fn pack_bytes(&self) -> Result<u64> {
        let objects = self.git_dir.join("objects");
        let mut bytes = bytes_in(&objects.join("pack"), |name| name.ends_with(".pack"))?;
        for number in 0..=u8::MAX {
            // Each folder of loose objects is named by the first two digits of their ids.
            bytes += bytes_in(&objects.join(format!("{number:02x}")), |_| true)?;
        }
        Ok(bytes)
    }
}

/// The bytes of a folder's files with such names; others may come and go meanwhile.
fn bytes_in(folder: &Path, is_meant: impl Fn(&str) -> bool) -> Result<u64> {
    let entries = match fs_err::read_dir(folder) {
        Err(error) if fs::is_missing(&error) => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(&is_meant) {
            continue;
        }
        match fs_err::symlink_metadata(entry.path()) {
            Err(error) if fs::is_missing(&error) => {}
            metadata => bytes += metadata?.len(),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use crate::vault::testing::{Sandbox, noise};

    #[test]
    fn packs_and_loose_objects_are_counted() {
        let sandbox = Sandbox::new();
        assert_eq!(sandbox.vault.pack_bytes().unwrap(), 0);
        sandbox.commit(&[("f", &noise(1, 10_000))], "2026-11-20T12:00:00Z");
        let pack = sandbox.root().join(".git/objects/pack").join(&sandbox.packs(".pack")[0]);
        let packed = fs_err::metadata(pack).unwrap().len();
        assert_eq!(sandbox.vault.pack_bytes().unwrap(), packed);
        fs_err::create_dir(sandbox.root().join(".git/objects/a7")).unwrap();
        fs_err::write(sandbox.root().join(".git/objects/a7/loose"), [0; 300]).unwrap();
        assert_eq!(sandbox.vault.pack_bytes().unwrap(), packed + 300);
    }
}

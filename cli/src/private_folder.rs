//! A folder of our own for a socket or a file that nobody else may reach.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A fresh folder that only its owner can enter, removed with what is in it when dropped.
#[derive(Debug)]
pub(crate) struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// Makes one, among the temporary files.
    ///
    /// # Errors
    /// What the operating system said.
    pub(crate) fn new(prefix: &str) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| io::ErrorKind::Unsupported)?;
        let name = format!("{prefix}-{:016x}", u64::from_ne_bytes(random));
        let path = std::env::temp_dir().join(name);
        // It fails where something of that name exists: the folder is fresh.
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// A path in it.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // What is left of it only its owner can read.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_folder_is_private_and_goes_with_what_is_in_it() {
        let folder = PrivateFolder::new("tssh-test").unwrap();
        let path = folder.join("file");
        std::fs::write(&path, "x").unwrap();
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.parent().unwrap().exists());
    }
}

//! `RevokedHostKeys` and `RevokedKeys`: a file that was asked for and cannot be read revokes
//! every key, since nobody can tell which ones it names.

use crate::exit::os_words;
use crate::limits::FILE_BYTES_MAX;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use tssh_transport::key::RevokedKeys;

/// Reads a file of revoked keys.
///
/// # Errors
/// Why it cannot be relied on.
pub fn read(path: &Path) -> Result<RevokedKeys, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| os_words(&error))?;
    // One byte more than a file may have, so that a cut one is not taken for a whole one.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| os_words(&error))?;
    RevokedKeys::parse(&bytes).map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::Dir;

    #[test]
    fn a_file_that_cannot_be_read_is_no_empty_one() {
        let dir = Dir::new();
        assert_eq!(read(&dir.0.join("none")).unwrap_err(), "No such file or directory");
        assert!(read(&dir.0).is_err(), "a folder");
        assert!(read(&dir.write("broken", "SSHKRL\n\0broken")).is_err());
        assert!(!read(&dir.write("empty", "")).unwrap().revokes_key(b"key"));
    }
}

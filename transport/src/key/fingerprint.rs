//! Fingerprints: what people compare instead of a whole key.

use alloc::format;
use alloc::string::String;
use base64ct::{Base64Unpadded, Encoding};
use core::fmt::Write as _;
use md5::Md5;
use sha2::{Digest, Sha256};

/// The SHA-256 digest of a key blob.
#[must_use]
pub fn sha256_digest(blob: &[u8]) -> [u8; 32] {
    Sha256::digest(blob).into()
}

/// The MD5 digest of a key blob.
#[must_use]
pub fn md5_digest(blob: &[u8]) -> [u8; 16] {
    Md5::digest(blob).into()
}

/// `SHA256:` and the unpadded base64 of the digest of a key blob, as `ssh-keygen -l` prints it.
#[must_use]
pub fn sha256(blob: &[u8]) -> String {
    format!("SHA256:{}", Base64Unpadded::encode_string(&Sha256::digest(blob)))
}

/// `MD5:` and the digest of a key blob in hexadecimal with colons, as `ssh-keygen -E md5 -l`
/// prints it. For comparison with old notes only: MD5 has no strength left.
#[must_use]
pub fn md5(blob: &[u8]) -> String {
    let mut out = String::from("MD5");
    for byte in Md5::digest(blob) {
        // Writing to a String cannot fail.
        let _ = write!(out, ":{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PublicKey;
    use crate::key::test_keys::{FINGERPRINTS, PLAIN};

    #[test]
    fn the_same_as_ssh_keygen_prints() {
        let mut lines = FINGERPRINTS.lines();
        for key in PLAIN {
            let (public, comment) = PublicKey::from_line(key.public).unwrap();
            let blob = public.blob();
            let label = match public.key_type() {
                "ssh-ed25519" => "ED25519",
                "ssh-rsa" => "RSA",
                _ => "ECDSA",
            };
            for print in [sha256(&blob), md5(&blob)] {
                let line = format!("{} {print} {comment} ({label})", public.bits());
                assert_eq!(lines.next(), Some(&*line));
            }
        }
        assert_eq!(lines.next(), None);
    }
}

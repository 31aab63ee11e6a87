//! Files of revoked keys: `RevokedHostKeys` of a client, `RevokedKeys` of a server. Such a file
//! holds public keys line by line, or a binary revocation list (see [`super::krl`]).

use super::krl::{Issued, Krl, MAGIC};
use super::{KeyFault, base64, split_word};
use crate::limits::KRL_BYTES_MAX;
use crate::wire::Reader;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

/// What a file revokes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevokedKeys {
    /// Key blobs, one line each.
    Lines(BTreeSet<Vec<u8>>),
    /// A binary list.
    List(Krl),
}

impl RevokedKeys {
    /// Reads a file of either form. In the one with lines, comments and lines that hold no key
    /// are passed over, as OpenSSH does.
    ///
    /// # Errors
    /// A binary list that cannot be read to its last byte, or more than [`KRL_BYTES_MAX`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFault> {
        if bytes.starts_with(MAGIC) {
            return Krl::parse(bytes).map(Self::List);
        }
        if bytes.len() > KRL_BYTES_MAX {
            return Err(KeyFault::Malformed("file of revoked keys that is too large"));
        }
        let lines = bytes.split(|byte| *byte == b'\n');
        Ok(Self::Lines(lines.filter_map(blob_of_line).collect()))
    }

    /// Whether this plain key is revoked.
    #[must_use]
    pub fn revokes_key(&self, blob: &[u8]) -> bool {
        match self {
            Self::Lines(blobs) => blobs.contains(blob),
            Self::List(krl) => krl.revokes_key(blob),
        }
    }

    /// Whether a certificate is revoked: by the key in it, by the key that signed it, or by what
    /// it says about itself.
    #[must_use]
    pub fn revokes_certificate(&self, key_blob: &[u8], issued: &Issued<'_>) -> bool {
        let named = match self {
            Self::Lines(_) => false,
            Self::List(krl) => krl.revokes_certificate(issued),
        };
        named || self.revokes_key(key_blob) || self.revokes_key(issued.ca)
    }
}

/// The blob of a line "type base64 \[comment\]".
fn blob_of_line(line: &[u8]) -> Option<Vec<u8>> {
    // A comment may be in any encoding; the words before it are ASCII.
    let text: String = line.iter().map(|byte| char::from(*byte)).collect();
    let (key_type, rest) = split_word(&text);
    if key_type.is_empty() || key_type.starts_with('#') {
        return None;
    }
    let (text, _) = split_word(rest);
    let blob = base64::decode(text)?;
    (Reader::new(&blob).text("key type").ok()? == key_type).then_some(blob)
}

#[cfg(test)]
mod tests;

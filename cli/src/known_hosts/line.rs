//! One line of a known hosts file.

use crate::config::pattern::{self, Verdict};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use tssh_transport::key::base64;
use tssh_transport::wire::Reader;

/// What a line is marked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// Nothing: the key is the host's.
    None,
    /// `@revoked`: the key must never be accepted.
    Revoked,
    /// `@cert-authority`: the key signs certificates of hosts.
    CertAuthority,
}

/// The hosts of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// Patterns with commas, some of them negated.
    Patterns(String),
    /// `|1|salt|hash`: HMAC-SHA1 of one name, so that the file does not list where its owner
    /// goes.
    Hashed {
        /// The key of the HMAC.
        salt: Vec<u8>,
        /// The HMAC of the name.
        hash: Vec<u8>,
        /// As it stands in the file.
        text: String,
    },
}

impl Names {
    /// Whether a host filed under `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Patterns(list) => pattern::host_list(name, list) == Verdict::Yes,
            Self::Hashed { salt, hash, .. } => {
                let expected = hmac_sha1(salt, name.to_lowercase().as_bytes());
                expected.as_slice().ct_eq(hash).into()
            }
        }
    }

    /// Whether a program wrote them: one name, perhaps with an address, and no patterns. What a
    /// human wrote is left to humans.
    #[must_use]
    pub fn is_simple(&self) -> bool {
        match self {
            Self::Patterns(list) => {
                !list.contains(['*', '?', '!']) && list.matches(',').count() < 2
            }
            Self::Hashed { .. } => true,
        }
    }

    /// For people: hashed names cannot be read.
    #[must_use]
    pub fn display(&self) -> &str {
        match self {
            Self::Patterns(list) => list,
            Self::Hashed { .. } => "[hashed name]",
        }
    }
}

/// A well-formed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Marker.
    pub marker: Marker,
    /// Hosts.
    pub names: Names,
    /// Key type, as written and as in the blob.
    pub key_type: String,
    /// Key blob.
    pub blob: Vec<u8>,
}

impl Line {
    /// Reads a line; nothing for comments, empty lines and whatever is not well formed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let mut first = words.next()?;
        if first.starts_with('#') {
            return None;
        }
        let marker = match first {
            "@revoked" => Marker::Revoked,
            "@cert-authority" => Marker::CertAuthority,
            marker if marker.starts_with('@') => return None,
            _ => Marker::None,
        };
        if marker != Marker::None {
            first = words.next()?;
        }
        let names = if first.starts_with('|') {
            parse_hashed(first)?
        } else {
            Names::Patterns(first.to_owned())
        };
        let key_type = words.next()?;
        let blob = base64::decode(words.next()?)?;
        // The type is written twice; a line whose two types differ is not to be trusted.
        if Reader::new(&blob).text("key type").ok()? != key_type {
            return None;
        }
        Some(Self { marker, names, key_type: key_type.to_owned(), blob })
    }
}

fn parse_hashed(text: &str) -> Option<Names> {
    let (salt, hash) = text.strip_prefix("|1|")?.split_once('|')?;
    let (salt, hash) = (base64::decode(salt)?, base64::decode(hash)?);
    // HMAC-SHA1 is 20 bytes; a shorter hash would match more than one name.
    (hash.len() == 20).then(|| Names::Hashed { salt, hash, text: text.to_owned() })
}

/// `name` as a hashed name with this salt.
#[must_use]
pub fn hashed(name: &str, salt: &[u8; 20]) -> String {
    let hash = hmac_sha1(salt, name.to_lowercase().as_bytes());
    format!("|1|{}|{}", base64::encode(salt), base64::encode(&hash))
}

fn hmac_sha1(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length.
    Hmac::<Sha1>::new_from_slice(key)
        .map(|mac| mac.chain_update(data).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

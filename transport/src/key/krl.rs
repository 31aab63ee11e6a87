//! Key revocation lists: the binary form of `RevokedHostKeys` and `RevokedKeys`, as
//! `ssh-keygen -k` writes it (OpenSSH's PROTOCOL.krl, format version 1).
//!
//! A list that cannot be read to its last byte revokes nothing reliably, so it is an error, and
//! whoever asked must refuse every key. What is unknown and not critical is passed over, as the
//! format asks for. Signatures over a list are passed over too: who may write the file decides
//! what it says, and nothing tells which key would have to sign it.

use super::KeyFault;
use crate::limits::{KRL_BYTES_MAX, KRL_SECTIONS_MAX};
use crate::wire::Reader;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// "SSHKRL\n" and a zero byte.
pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";
const FORMAT_VERSION: u32 = 1;

const SECTION_CERTIFICATES: u8 = 1;
const SECTION_EXPLICIT_KEY: u8 = 2;
const SECTION_FINGERPRINT_SHA1: u8 = 3;
const SECTION_SIGNATURE: u8 = 4;
const SECTION_FINGERPRINT_SHA256: u8 = 5;
const SECTION_EXTENSION: u8 = 255;

const CERT_SERIAL_LIST: u8 = 0x20;
const CERT_SERIAL_RANGE: u8 = 0x21;
const CERT_SERIAL_BITMAP: u8 = 0x22;
const CERT_KEY_ID: u8 = 0x23;
const CERT_EXTENSION: u8 = 0x39;

/// What a certificate says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issued<'a> {
    /// Blob of the key that signed it.
    pub ca: &'a [u8],
    /// Serial number; 0 where the authority gives none.
    pub serial: u64,
    /// Key identifier.
    pub key_id: &'a [u8],
}

/// A revocation list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Krl {
    keys: BTreeSet<Vec<u8>>,
    sha1: BTreeSet<Vec<u8>>,
    sha256: BTreeSet<Vec<u8>>,
    authorities: Vec<Authority>,
}

/// Revoked certificates of one authority.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Authority {
    /// Its key; nothing for certificates of every authority.
    ca: Option<Vec<u8>>,
    /// First and last serial number.
    ranges: Vec<(u64, u64)>,
    bitmaps: Vec<Bitmap>,
    key_ids: BTreeSet<Vec<u8>>,
}

/// Bit `n`, counted from the end, stands for the serial number `offset + n`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bitmap {
    offset: u64,
    bits: Vec<u8>,
}

impl Bitmap {
    fn holds(&self, serial: u64) -> bool {
        let Some(bit) = serial.checked_sub(self.offset) else { return false };
        let from_end = usize::try_from(bit / 8).unwrap_or(usize::MAX);
        self.bits.iter().rev().nth(from_end).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    }
}

impl Authority {
    fn revokes(&self, issued: &Issued<'_>) -> bool {
        if self.ca.as_ref().is_some_and(|ca| ca != issued.ca) {
            return false;
        }
        let range = |(first, last): &(u64, u64)| (*first..=*last).contains(&issued.serial);
        // No serial number at all is written as 0: it cannot name a certificate.
        let by_serial = issued.serial != 0
            && (self.ranges.iter().any(range)
                || self.bitmaps.iter().any(|bitmap| bitmap.holds(issued.serial)));
        by_serial || self.key_ids.contains(issued.key_id)
    }
}

impl Krl {
    /// Reads a list, to its last byte.
    ///
    /// # Errors
    /// Bytes that are no such list or another version of it, a critical extension, more than
    /// [`KRL_BYTES_MAX`] bytes or [`KRL_SECTIONS_MAX`] sections.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFault> {
        if bytes.len() > KRL_BYTES_MAX {
            return Err(KeyFault::Malformed("revocation list that is too large"));
        }
        let mut r = Reader::new(bytes);
        if r.bytes("KRL_MAGIC", MAGIC.len())? != MAGIC {
            return Err(KeyFault::Malformed("revocation list without its magic number"));
        }
        if r.uint32("KRL_FORMAT_VERSION")? != FORMAT_VERSION {
            return Err(KeyFault::Malformed("revocation list of another version"));
        }
        r.uint64("krl_version")?;
        r.uint64("generated_date")?;
        r.uint64("flags")?;
        r.string("reserved")?;
        r.string("comment")?;
        let mut krl = Self::default();
        let mut sections = Sections::default();
        let mut signed = false;
        while let Some((kind, data)) = sections.next(&mut r)? {
            if signed && kind != SECTION_SIGNATURE {
                return Err(KeyFault::Malformed("revocation list with data behind its signature"));
            }
            match kind {
                SECTION_CERTIFICATES => {
                    krl.authorities.push(Authority::read(data, &mut sections)?);
                }
                SECTION_EXPLICIT_KEY => strings(data, None, &mut krl.keys)?,
                SECTION_FINGERPRINT_SHA1 => strings(data, Some(20), &mut krl.sha1)?,
                SECTION_FINGERPRINT_SHA256 => strings(data, Some(32), &mut krl.sha256)?,
                SECTION_SIGNATURE => {
                    signed = true;
                    r.string("signature")?;
                }
                SECTION_EXTENSION => extension(data)?,
                _ => return Err(KeyFault::Malformed("revocation list with an unknown section")),
            }
        }
        Ok(krl)
    }

    /// Whether the list names this plain key.
    #[must_use]
    pub fn revokes_key(&self, blob: &[u8]) -> bool {
        self.keys.contains(blob)
            || (!self.sha1.is_empty() && self.sha1.contains(&Sha1::digest(blob).to_vec()))
            || (!self.sha256.is_empty() && self.sha256.contains(&Sha256::digest(blob).to_vec()))
    }

    /// Whether the list names a certificate by its authority and its number or identifier.
    #[must_use]
    pub fn revokes_certificate(&self, issued: &Issued<'_>) -> bool {
        self.authorities.iter().any(|authority| authority.revokes(issued))
    }
}

impl Authority {
    fn read(data: &[u8], sections: &mut Sections) -> Result<Self, KeyFault> {
        let mut r = Reader::new(data);
        let ca = r.string("ca_key")?;
        r.string("reserved")?;
        let ca = (!ca.is_empty()).then(|| ca.to_vec());
        let mut authority = Self { ca, ..Self::default() };
        while let Some((kind, data)) = sections.next(&mut r)? {
            let mut r = Reader::new(data);
            match kind {
                CERT_SERIAL_LIST => {
                    while !r.rest().is_empty() {
                        let serial = r.uint64("revoked_cert_serial")?;
                        authority.ranges.push((serial, serial));
                    }
                }
                CERT_SERIAL_RANGE => {
                    let first = r.uint64("serial_range_min")?;
                    let last = r.uint64("serial_range_max")?;
                    r.end()?;
                    if last < first {
                        return Err(KeyFault::Malformed("range of serial numbers"));
                    }
                    authority.ranges.push((first, last));
                }
                CERT_SERIAL_BITMAP => {
                    let offset = r.uint64("serial_offset")?;
                    let bits = r.mpint("revoked_keys_bitmap")?.magnitude().to_vec();
                    r.end()?;
                    authority.bitmaps.push(Bitmap { offset, bits });
                }
                CERT_KEY_ID => strings(data, None, &mut authority.key_ids)?,
                CERT_EXTENSION => extension(data)?,
                _ => {
                    return Err(KeyFault::Malformed(
                        "revocation list with an unknown kind of certificate section",
                    ));
                }
            }
        }
        Ok(authority)
    }
}

/// Counts sections, nested ones included.
#[derive(Debug, Default)]
struct Sections(usize);

impl Sections {
    /// Type and data of the next section; nothing at the end.
    fn next<'a>(&mut self, r: &mut Reader<'a>) -> Result<Option<(u8, &'a [u8])>, KeyFault> {
        if r.rest().is_empty() {
            return Ok(None);
        }
        self.0 = self.0.saturating_add(1);
        if self.0 > KRL_SECTIONS_MAX {
            return Err(KeyFault::Malformed("revocation list with too many sections"));
        }
        Ok(Some((r.byte("section_type")?, r.string("section_data")?)))
    }
}

/// Reads strings to the end; where a length is given, each must have it.
fn strings(
    data: &[u8],
    length: Option<usize>,
    into: &mut BTreeSet<Vec<u8>>,
) -> Result<(), KeyFault> {
    let mut r = Reader::new(data);
    while !r.rest().is_empty() {
        let string = r.string("entry of a revocation list")?;
        if length.is_some_and(|length| length != string.len()) {
            return Err(KeyFault::Malformed("fingerprint in a revocation list"));
        }
        into.insert(string.to_vec());
    }
    Ok(())
}

/// An extension that is not known may be passed over unless it is critical.
fn extension(data: &[u8]) -> Result<(), KeyFault> {
    let mut r = Reader::new(data);
    r.string("extension_name")?;
    let critical = r.boolean("is_critical")?;
    r.string("extension_contents")?;
    r.end()?;
    if critical {
        return Err(KeyFault::Malformed("revocation list with an unknown critical extension"));
    }
    Ok(())
}

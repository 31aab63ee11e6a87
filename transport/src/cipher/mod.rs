//! One direction's protection of packets: confidentiality and integrity together.
//!
//! A packet in a buffer is `packet_length (4) | padding_length (1) | payload | padding | tag`.
//! Everything works in place. A mode says three things of itself: how many bytes must be there
//! before the length is known, whether the length field counts towards the alignment of the
//! padding, and how long the tag is.
//!
//! | mode | file | length on the wire | tag covers | checked before decrypting |
//! | --- | --- | --- | --- | --- |
//! | none | [`none`] | clear | no tag | nothing to check |
//! | chacha20-poly1305@openssh.com | [`chacha20_poly1305_openssh`] | own key | ciphertext | yes |
//! | aes*-gcm@openssh.com | [`aes_gcm`] | clear | length, ciphertext | yes, or cleared |
//! | aes*-ctr, `-etm` MAC | [`aes_ctr`] | clear | length, ciphertext | yes |
//! | aes*-ctr, plain MAC | [`aes_ctr`] | first block | plaintext | cannot be |

pub mod aes_ctr;
pub mod aes_gcm;
#[cfg(all(feature = "graviola", target_arch = "x86_64"))]
mod aes_gcm_fused;
pub mod chacha20_poly1305_openssh;
pub mod hmac_sha1;
pub mod hmac_sha2;
pub mod mac;
pub mod none;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use alloc::boxed::Box;
pub use mac::PacketMac;
pub use none::{none_opener, none_sealer};

/// Bytes of the `packet_length` field, RFC 4253 section 6.
pub const LENGTH_BYTES: usize = 4;

/// What both directions of a mode have in common: how a packet is laid out.
pub trait Layout {
    /// Alignment of what the cipher encrypts, at least 8 (RFC 4253 section 6).
    fn block_len(&self) -> usize;
    /// Whether `packet_length` is part of the aligned region: true for encrypt-and-MAC and
    /// cleartext, false for AEAD and encrypt-then-MAC, which leave it outside.
    fn length_is_aligned(&self) -> bool;
    /// Bytes that follow the padding.
    fn tag_len(&self) -> usize;
}

/// Seals packets of one direction, in place.
pub trait Sealer: Layout + Send {
    /// Seals `packet`: the four length bytes (already correct), padding length, payload, padding,
    /// and `tag_len` bytes of room. Where the buffer is shorter than that, nothing is done and
    /// false is returned; the caller treats it as an internal contradiction.
    #[must_use]
    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> bool;
}

/// Opens packets of one direction, in place.
pub trait Opener: Layout + Send {
    /// Bytes that must be present before [`Opener::open_length`]: 4, or one block where the
    /// length is encrypted with the rest.
    fn head_len(&self) -> usize;
    /// The packet length; `head` holds exactly `head_len` bytes. Encrypt-and-MAC modes decrypt
    /// the first block in place here, once per packet; all others leave `head` untouched. The
    /// length is what the peer claims: nothing has been authenticated yet.
    fn open_length(&mut self, sequence: u32, head: &mut [u8]) -> u32;
    /// Checks integrity and decrypts `packet`, which is the whole packet with its tag, its head
    /// as [`Opener::open_length`] left it. On success the bytes between the length field and the
    /// tag are plaintext. Comparison takes constant time.
    ///
    /// # Errors
    /// [`BadTag`], with no detail. The connection must end: a mode with state of its own (GCM's
    /// invocation counter, the counter of CTR) is out of step from here on.
    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), BadTag>;
}

/// A packet failed its integrity check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTag;

/// Key material of one direction, RFC 4253 section 7.2, each exactly as long as asked for.
pub struct DirectionKeys<'a> {
    /// Initial IV.
    pub iv: &'a [u8],
    /// Encryption key.
    pub key: &'a [u8],
    /// Integrity key; empty for AEAD modes.
    pub mac_key: &'a [u8],
}

/// Makes one half of a mode. The MAC is none for AEAD modes. The answer is none where a key is
/// not as long as its row of the table asks, or a mode that needs a MAC was given none.
pub type Make<T> = fn(&DirectionKeys<'_>, Option<&'static MacAlgorithm>) -> Option<Box<T>>;

/// A row of the cipher table.
pub struct CipherAlgorithm {
    /// Name in KEXINIT.
    pub name: &'static str,
    /// Bytes of encryption key to derive.
    pub key_len: usize,
    /// Bytes of initial IV to derive.
    pub iv_len: usize,
    /// Whether it authenticates by itself; the negotiated MAC is then ignored.
    pub aead: bool,
    /// Makes the sending half.
    pub sealer: Make<dyn Sealer>,
    /// Makes the receiving half.
    pub opener: Make<dyn Opener>,
}

/// A row of the MAC table.
pub struct MacAlgorithm {
    /// Name in KEXINIT.
    pub name: &'static str,
    /// Bytes of integrity key to derive.
    pub key_len: usize,
    /// Bytes of the tag.
    pub tag_len: usize,
    /// Whether it covers the ciphertext (`-etm@openssh.com`).
    pub etm: bool,
    /// Sets the key; none where it is not `key_len` bytes long.
    pub keyed: fn(&[u8]) -> Option<Box<dyn PacketMac>>,
}

/// Every cipher, in the order in which OpenSSH 10 offers them.
pub static CIPHERS: &[CipherAlgorithm] = &[
    chacha20_poly1305_openssh::CHACHA20_POLY1305,
    aes_gcm::AES128_GCM,
    aes_gcm::AES256_GCM,
    aes_ctr::AES128_CTR,
    aes_ctr::AES192_CTR,
    aes_ctr::AES256_CTR,
];

/// Every MAC, in the order in which OpenSSH 10 offers them.
pub static MACS: &[MacAlgorithm] = &[
    hmac_sha2::HMAC_SHA2_256_ETM,
    hmac_sha2::HMAC_SHA2_512_ETM,
    hmac_sha1::HMAC_SHA1_ETM,
    hmac_sha2::HMAC_SHA2_256,
    hmac_sha2::HMAC_SHA2_512,
    hmac_sha1::HMAC_SHA1,
];

/// The cipher of that name.
#[must_use]
pub fn cipher(name: &str) -> Option<&'static CipherAlgorithm> {
    CIPHERS.iter().find(|row| row.name == name)
}

/// The MAC of that name.
#[must_use]
pub fn mac(name: &str) -> Option<&'static MacAlgorithm> {
    MACS.iter().find(|row| row.name == name)
}

/// The claimed packet length where it stands in the clear, at the start of `head`. A head that is
/// too short reads as the largest number, which no packet limit admits.
fn clear_length(head: &[u8]) -> u32 {
    head.first_chunk().map_or(u32::MAX, |field: &[u8; LENGTH_BYTES]| u32::from_be_bytes(*field))
}

/// Splits a packet into what stands before the tag and the tag itself; none where the packet
/// has no room for a length field, at least one byte, and the tag.
fn split_tag(packet: &mut [u8], tag_len: usize) -> Option<(&mut [u8], &mut [u8])> {
    let at = packet.len().checked_sub(tag_len)?;
    let (content, tag) = packet.split_at_mut_checked(at)?;
    (content.len() > LENGTH_BYTES).then_some((content, tag))
}

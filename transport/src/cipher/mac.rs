//! Message authentication of packets, RFC 4253 section 6.4, for the modes that are no AEAD.

use super::LENGTH_BYTES;
use alloc::boxed::Box;
use hmac::{KeyInit, Mac};
use subtle::ConstantTimeEq;

/// A keyed MAC over the sequence number and the bytes of one packet.
pub trait PacketMac: Send {
    /// Writes the tag of `packet` (which ends before it); false, and nothing written, where `tag`
    /// is not exactly as long as the algorithm's.
    #[must_use]
    fn write_tag(&self, sequence: u32, packet: &[u8], tag: &mut [u8]) -> bool;
    /// Whether `tag` is that of `packet`, in time that does not depend on where they differ.
    #[must_use]
    fn is_tag(&self, sequence: u32, packet: &[u8], tag: &[u8]) -> bool;
}

/// An HMAC whose two key blocks are hashed already: a packet costs a copy of the state instead
/// of two compressions.
struct Keyed<M>(M);

impl<M: Mac + Clone> Keyed<M> {
    /// mac = MAC(key, sequence_number || unencrypted_packet); with encrypt-then-MAC the packet is
    /// the clear length and the ciphertext instead.
    fn compute(&self, sequence: u32, packet: &[u8]) -> hmac::digest::Output<M> {
        let sequence: [u8; LENGTH_BYTES] = sequence.to_be_bytes();
        let mut mac = self.0.clone();
        mac.update(&sequence);
        mac.update(packet);
        mac.finalize().into_bytes()
    }
}

impl<M: Mac + Clone + Send> PacketMac for Keyed<M> {
    fn write_tag(&self, sequence: u32, packet: &[u8], tag: &mut [u8]) -> bool {
        if tag.len() != M::output_size() {
            return false;
        }
        tag.copy_from_slice(&self.compute(sequence, packet));
        true
    }

    fn is_tag(&self, sequence: u32, packet: &[u8], tag: &[u8]) -> bool {
        self.compute(sequence, packet).as_slice().ct_eq(tag).into()
    }
}

/// Sets the key. For all HMACs of SSH it is as long as the tag; none where it is not.
pub(super) fn keyed<M: Mac + KeyInit + Clone + Send + 'static>(
    key: &[u8],
) -> Option<Box<dyn PacketMac>> {
    if key.len() != M::output_size() {
        return None;
    }
    let mac = <M as KeyInit>::new_from_slice(key).ok()?;
    Some(Box::new(Keyed(mac)))
}

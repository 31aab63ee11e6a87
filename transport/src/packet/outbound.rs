//! The sending half: payloads placed at their final offset, padded and sealed in place.

use crate::cipher::{Sealer, none_sealer};
use crate::compression::Deflater;
use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::limits;
use crate::trace::SealedPacket;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// `packet_length` and `padding_length`.
const HEADER: usize = 5;
/// Most that padding and tag can add: 255 and the 64 bytes of HMAC-SHA-512.
const TRAILER_MAX: usize = 255 + 64;

/// Collects sealed packets for the socket.
pub struct Outbound {
    buf: Vec<u8>,
    start: usize,
    end: usize,
    sealer: Box<dyn Sealer>,
    sequence: u32,
    packets_this_key: u64,
    bytes_this_key: u64,
    deflater: Option<Deflater>,
    /// Packets without padding and without keys, see [`Outbound::bare`].
    bare: bool,
    /// Payload before, and after, compression; empty as long as there is none.
    plain: Vec<u8>,
    packed: Vec<u8>,
    /// Start and padding of the packet sealed last.
    last: (usize, u8),
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new()
    }
}

impl Outbound {
    /// An empty buffer and no protection.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buf: Vec::new(),
            start: 0,
            end: 0,
            sealer: none_sealer(),
            sequence: 0,
            packets_this_key: 0,
            bytes_this_key: 0,
            deflater: None,
            bare: false,
            plain: Vec::new(),
            packed: Vec::new(),
            last: (0, 0),
        }
    }

    /// Packets of OpenSSH's `PROTOCOL.mux`: hardly anything is padded, and there are no keys to
    /// wear out.
    pub const fn bare(&mut self) {
        self.bare = true;
    }

    /// Sealed bytes that wait for the socket.
    pub fn transmit(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// The socket took `n` bytes.
    pub fn transmitted(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Bytes waiting.
    pub const fn backlog(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Packets and bytes sealed with the present keys.
    pub const fn usage(&self) -> (u64, u64) {
        (self.packets_this_key, self.bytes_this_key)
    }

    /// New keys, behind our NEWKEYS. Strict key exchange resets the sequence number.
    pub fn change_keys(&mut self, sealer: Box<dyn Sealer>, reset_sequence: bool) {
        self.sealer = sealer;
        self.packets_this_key = 0;
        self.bytes_this_key = 0;
        if reset_sequence {
            self.sequence = 0;
        }
    }

    /// As if so many packets had gone, the last of them with the number before `sequence`.
    #[cfg(test)]
    pub(super) const fn skip_to(&mut self, packets_this_key: u64, sequence: u32) {
        self.packets_this_key = packets_this_key;
        self.sequence = sequence;
    }

    /// Starts a new compression state, or none.
    pub fn set_deflater(&mut self, deflater: Option<Deflater>) {
        self.deflater = deflater;
    }

    /// Whether payloads are being compressed.
    pub const fn compresses(&self) -> bool {
        self.deflater.is_some()
    }

    /// Bytes outside the packet protocol: the identification string.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        let end = self.end.saturating_add(bytes.len());
        if let Some(room) = self.buf.get_mut(self.end..end) {
            room.copy_from_slice(bytes);
            self.end = end;
        }
    }

    /// A whole payload.
    ///
    /// # Errors
    /// As [`Outbound::commit`].
    pub fn packet(&mut self, payload: &[u8], entropy: &mut Entropy) -> Result<()> {
        let area = self.payload_area(payload.len());
        if let Some(area) = area.get_mut(..payload.len()) {
            area.copy_from_slice(payload);
        }
        self.commit(payload.len(), entropy)
    }

    /// `max` bytes to put a payload into; [`Outbound::commit`] makes it a packet, anything else
    /// leaves no trace.
    pub fn payload_area(&mut self, max: usize) -> &mut [u8] {
        if self.deflater.is_some() {
            if self.plain.len() < max {
                self.plain.resize(max, 0);
            }
            return self.plain.get_mut(..max).unwrap_or_default();
        }
        self.make_room(max.saturating_add(HEADER + TRAILER_MAX));
        let from = self.end.saturating_add(HEADER);
        self.buf.get_mut(from..from.saturating_add(max)).unwrap_or_default()
    }

    /// Areas for the payloads of the next packets, each where it will be if all before it are `max`
    /// bytes long: what is put there is found in the [`Outbound::payload_area`] of each, as long as
    /// nothing else is sent. No more than one where payloads are compressed.
    pub fn payload_areas(&mut self, max: usize, packets: usize) -> impl Iterator<Item = &mut [u8]> {
        let stride = self.sealed_len(max);
        let buf = if self.compresses() {
            // How long it becomes nobody knows, so that there is but the next one.
            self.payload_area(max)
        } else {
            let before = stride.saturating_mul(packets.saturating_sub(1));
            self.make_room(before.saturating_add(max).saturating_add(HEADER + TRAILER_MAX));
            self.buf.get_mut(self.end.saturating_add(HEADER)..).unwrap_or_default()
        };
        buf.chunks_mut(stride).take(packets).filter_map(move |packet| packet.get_mut(..max))
    }

    /// The length of a packet with a payload so long, which is not compressed.
    pub fn sealed_len(&self, payload_len: usize) -> usize {
        let padding = self.padding_len(payload_len);
        let tag = self.sealer.tag_len();
        HEADER.saturating_add(payload_len).saturating_add(padding).saturating_add(tag)
    }

    /// The first `n` bytes of the lent area become the payload of the next packet.
    ///
    /// # Errors
    /// [`Error::LimitReached`] before a sequence number would repeat under the same keys.
    pub fn commit(&mut self, n: usize, entropy: &mut Entropy) -> Result<()> {
        let Some(deflater) = &mut self.deflater else { return self.seal(n, entropy) };
        self.packed.clear();
        deflater.deflate(self.plain.get(..n).unwrap_or_default(), &mut self.packed)?;
        let packed = core::mem::take(&mut self.packed);
        self.make_room(packed.len().saturating_add(HEADER + TRAILER_MAX));
        let from = self.end.saturating_add(HEADER);
        let to = from.saturating_add(packed.len());
        if let Some(area) = self.buf.get_mut(from..to) {
            area.copy_from_slice(&packed);
        }
        let sealed = self.seal(packed.len(), entropy);
        self.packed = packed;
        sealed
    }

    fn seal(&mut self, payload_len: usize, entropy: &mut Entropy) -> Result<()> {
        let padding = self.padding_len(payload_len);
        let body = payload_len.saturating_add(padding).saturating_add(1);
        let end = self.end.saturating_add(4).saturating_add(body);
        let with_tag = end.saturating_add(self.sealer.tag_len());
        let length = u32::try_from(body).unwrap_or(u32::MAX);
        let packet = self.buf.get_mut(self.end..with_tag);
        let packet = packet.ok_or(Error::Internal("no room was made for the packet"))?;
        if let [l0, l1, l2, l3, pad, ..] = packet {
            [*l0, *l1, *l2, *l3] = length.to_be_bytes();
            *pad = u8::try_from(padding).unwrap_or(u8::MAX);
        }
        // "The padding SHOULD consist of random bytes." RFC 4253 section 6
        let from = HEADER.saturating_add(payload_len);
        if let Some(room) = packet.get_mut(from..from.saturating_add(padding)) {
            entropy.fill_padding(room);
        }
        if !self.sealer.seal(self.sequence, packet) {
            return Err(Error::Internal("the sealer refused the packet's size"));
        }
        self.last = (self.end, u8::try_from(padding).unwrap_or(u8::MAX));
        self.end = with_tag;
        self.sequence = self.sequence.wrapping_add(1);
        self.packets_this_key = self.packets_this_key.saturating_add(1);
        self.bytes_this_key = self.bytes_this_key.saturating_add(u64::from(length));
        if self.packets_this_key > limits::PACKETS_PER_KEY_MAX && !self.bare {
            return Err(Error::LimitReached("packets sent under one set of keys"));
        }
        Ok(())
    }

    fn padding_len(&self, payload_len: usize) -> usize {
        match self.bare {
            // OpenSSH takes no packet that is shorter than a number and a channel.
            true => limits::BARE_PACKET_LENGTH_MIN.saturating_sub(payload_len.saturating_add(1)),
            false => padding_len(&*self.sealer, payload_len),
        }
    }

    /// The packet that was sealed last, as long as nothing else happened since.
    pub fn sealed(&self) -> SealedPacket<'_> {
        let (start, padding) = self.last;
        SealedPacket {
            wire: self.buf.get(start..self.end).unwrap_or_default(),
            sequence: self.sequence.wrapping_sub(1),
            padding,
            tag_len: self.sealer.tag_len(),
            compressed: self.deflater.is_some(),
        }
    }

    /// Room for `n` more bytes behind what waits.
    fn make_room(&mut self, n: usize) {
        if self.buf.len().saturating_sub(self.end) >= n {
            return;
        }
        // Moving is cheap when little is left or much was sent; otherwise the buffer grows, up
        // to the bound that the backlog marks give it.
        if self.start >= self.backlog() {
            self.buf.copy_within(self.start..self.end, 0);
            self.end = self.backlog();
            self.start = 0;
        }
        let needed = self.end.saturating_add(n);
        if self.buf.len() < needed {
            self.buf.resize(needed.next_power_of_two(), 0);
        }
    }
}

/// Padding that aligns the packet: "the total length of (packet_length || padding_length ||
/// payload || random padding) is a multiple of the cipher block size or 8, whichever is larger"
/// (RFC 4253 section 6); AEAD and encrypt-then-MAC modes leave `packet_length` out.
fn padding_len(sealer: &dyn Sealer, payload_len: usize) -> usize {
    let block = sealer.block_len().max(8);
    let counted = if sealer.length_is_aligned() { HEADER } else { 1 };
    let over = payload_len.saturating_add(counted).checked_rem(block).unwrap_or_default();
    let padding = block.saturating_sub(over);
    if padding < limits::PADDING_BYTES_MIN { padding.saturating_add(block) } else { padding }
}

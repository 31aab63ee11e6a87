//! The receiving half: a buffer that the socket is read into, and packets opened in place.

use crate::cipher::{Opener, none_opener};
use crate::compression::Inflater;
use crate::error::{Error, Result};
use crate::limits;
use crate::trace::{Hook, Tap};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// Where a decrypted payload lies. It is valid until the next call of [`Inbound::space`] and,
/// unless it is [in place](PayloadRange::in_place), of [`Inbound::next_packet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadRange {
    start: usize,
    end: usize,
    inflated: bool,
    /// Sequence number of the packet, for UNIMPLEMENTED.
    pub sequence: u32,
}

impl PayloadRange {
    /// Whether the payload stands where the packet was received, which later packets leave alone.
    #[must_use]
    pub const fn in_place(&self) -> bool {
        !self.inflated
    }
}

/// Receives bytes, yields payloads.
pub struct Inbound {
    buf: Vec<u8>,
    start: usize,
    end: usize,
    opener: Box<dyn Opener>,
    /// `packet_length` of the packet whose head has been opened already.
    length: Option<u32>,
    length_max: u32,
    sequence: u32,
    packets_this_key: u64,
    bytes_this_key: u64,
    inflater: Option<Inflater>,
    /// Packets without padding and without keys, see [`Inbound::bare`].
    bare: bool,
    inflated: Vec<u8>,
    /// Where packets are kept as they came, for a tracer.
    pub(crate) tap: Hook<Tap>,
}

impl Default for Inbound {
    fn default() -> Self {
        Self::new()
    }
}

impl Inbound {
    /// An empty buffer and no protection.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buf: Vec::new(),
            start: 0,
            end: 0,
            opener: none_opener(),
            length: None,
            length_max: limits::PACKET_LENGTH_PREAUTH_MAX,
            sequence: 0,
            packets_this_key: 0,
            bytes_this_key: 0,
            inflater: None,
            bare: false,
            inflated: Vec::new(),
            tap: Hook::new(),
        }
    }

    /// Packets of OpenSSH's `PROTOCOL.mux`: nothing need be padded, and there are no keys to wear
    /// out.
    pub const fn bare(&mut self) {
        self.bare = true;
    }

    /// At least `want` bytes to read the socket into. What is unread moves to the front only
    /// when the tail is short, so at most one partial packet is ever copied.
    pub fn space(&mut self, want: usize) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.buf.len().saturating_sub(self.end) < want {
            self.buf.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
            let needed = self.end.saturating_add(want);
            if self.buf.len() < needed {
                self.grow(needed.checked_next_power_of_two().unwrap_or(needed));
            }
        }
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// Moves what was received to a buffer of `len` bytes. Packets are decrypted where they were
    /// received, passwords among them: the old buffer is not given back as it is.
    fn grow(&mut self, len: usize) {
        let mut larger = vec![0; len];
        if let (Some(to), Some(from)) = (larger.get_mut(..self.end), self.buf.get(..self.end)) {
            to.copy_from_slice(from);
        }
        self.buf.fill(0);
        core::hint::black_box(&self.buf);
        self.buf = larger;
    }

    /// Marks `n` bytes of the lent space as received.
    pub fn received(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.buf.len());
    }

    /// Received bytes that have not been consumed.
    pub fn unread(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// The `n` bytes received last.
    #[cfg(feature = "transcript")]
    pub fn last(&self, n: usize) -> &[u8] {
        self.buf.get(self.end.saturating_sub(n)..self.end).unwrap_or_default()
    }

    /// Drops `n` unread bytes from the front (the identification exchange uses it).
    pub fn skip(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// Packets and bytes opened with the present keys.
    pub const fn usage(&self) -> (u64, u64) {
        (self.packets_this_key, self.bytes_this_key)
    }

    /// The sequence number that the next packet will have.
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// From here on packets may be as large as OpenSSH accepts.
    pub const fn allow_large_packets(&mut self) {
        self.length_max = limits::PACKET_LENGTH_MAX;
    }

    /// New keys, at the peer's NEWKEYS. Strict key exchange resets the sequence number.
    pub fn change_keys(&mut self, opener: Box<dyn Opener>, reset_sequence: bool) {
        self.opener = opener;
        self.packets_this_key = 0;
        self.bytes_this_key = 0;
        if reset_sequence {
            self.sequence = 0;
        }
    }

    /// As if so many packets had come, the last of them with the number before `sequence`.
    #[cfg(test)]
    pub(super) const fn skip_to(&mut self, packets_this_key: u64, sequence: u32) {
        self.packets_this_key = packets_this_key;
        self.sequence = sequence;
    }

    /// Starts a new compression state, or none.
    pub fn set_inflater(&mut self, inflater: Option<Inflater>) {
        self.inflater = inflater;
    }

    /// Opens the next packet if all of it is here.
    ///
    /// # Errors
    /// [`Error::PacketLength`], [`Error::MacIncorrect`], [`Error::Padding`],
    /// [`Error::Compression`], and [`Error::LimitReached`] before a sequence number would repeat
    /// under the same keys.
    pub fn next_packet(&mut self) -> Result<Option<PayloadRange>> {
        let Some(length) = self.open_head()? else { return Ok(None) };
        let tag_len = self.opener.tag_len();
        let body_len = usize::try_from(length).unwrap_or(usize::MAX);
        let end = self.start.saturating_add(4).saturating_add(body_len);
        let with_tag = end.saturating_add(tag_len);
        if with_tag > self.end {
            return Ok(None);
        }
        let Some(packet) = self.buf.get_mut(self.start..with_tag) else { return Ok(None) };
        if let Some(tap) = self.tap.get_mut() {
            // The head is there already: it may have been decrypted since.
            tap.wire.extend_from_slice(packet.get(tap.wire.len()..).unwrap_or_default());
            tap.tag_len = tag_len;
        }
        self.opener.open(self.sequence, packet).map_err(|_| Error::MacIncorrect)?;
        let padding = usize::from(packet.get(4).copied().unwrap_or_default());
        let start = self.start.saturating_add(5);
        let payload_end = end.saturating_sub(padding);
        // "There MUST be at least four bytes of padding." RFC 4253 section 6
        let short = padding < limits::PADDING_BYTES_MIN && !self.bare;
        if short || payload_end <= start {
            return Err(Error::Padding);
        }
        if let Some(tap) = self.tap.get_mut() {
            tap.padding = packet.get(4).copied().unwrap_or_default();
        }
        let range =
            PayloadRange { start, end: payload_end, inflated: false, sequence: self.sequence };
        self.start = with_tag;
        self.length = None;
        self.count(length)?;
        self.inflate(range).map(Some)
    }

    /// The packet length, once its head is here.
    fn open_head(&mut self) -> Result<Option<u32>> {
        if self.length.is_some() {
            return Ok(self.length);
        }
        let head_end = self.start.saturating_add(self.opener.head_len());
        if head_end > self.end {
            return Ok(None);
        }
        let Some(head) = self.buf.get_mut(self.start..head_end) else { return Ok(None) };
        if let Some(tap) = self.tap.get_mut() {
            tap.wire.clear();
            tap.wire.extend_from_slice(head);
        }
        let length = self.opener.open_length(self.sequence, head);
        let aligned = if self.opener.length_is_aligned() { length.wrapping_add(4) } else { length };
        let block = u32::try_from(self.opener.block_len()).unwrap_or(8).max(8);
        // A bare packet has a padding length and a message number at least.
        let min = if self.bare { 2 } else { limits::PACKET_LENGTH_MIN };
        let in_range = (min..=self.length_max).contains(&length);
        if !in_range || !self.bare && aligned.checked_rem(block) != Some(0) {
            return Err(Error::PacketLength(length));
        }
        self.length = Some(length);
        Ok(self.length)
    }

    fn count(&mut self, length: u32) -> Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        self.packets_this_key = self.packets_this_key.saturating_add(1);
        self.bytes_this_key = self.bytes_this_key.saturating_add(u64::from(length));
        if self.packets_this_key > limits::PACKETS_PER_KEY_MAX && !self.bare {
            return Err(Error::LimitReached("packets received under one set of keys"));
        }
        Ok(())
    }

    fn inflate(&mut self, range: PayloadRange) -> Result<PayloadRange> {
        let Some(inflater) = &mut self.inflater else { return Ok(range) };
        let packed = self.buf.get(range.start..range.end).unwrap_or_default();
        self.inflated.clear();
        inflater.inflate(packed, &mut self.inflated)?;
        if self.inflated.is_empty() {
            return Err(Error::Compression("a packet inflated to an empty payload"));
        }
        Ok(PayloadRange { start: 0, end: self.inflated.len(), inflated: true, ..range })
    }

    /// Whether payloads are being decompressed.
    pub const fn decompresses(&self) -> bool {
        self.inflater.is_some()
    }

    /// The payload's bytes.
    pub fn payload(&self, range: &PayloadRange) -> &[u8] {
        let from = if range.inflated { &self.inflated } else { &self.buf };
        from.get(range.start..range.end).unwrap_or_default()
    }
}

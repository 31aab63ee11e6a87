//! The sending half as the layers above see it: control payloads, and grants for data.

use crate::compression::Deflater;
use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::limits;
use crate::packet::Outbound;
use crate::side::Side;
use crate::trace::{Hook, Tracer};
#[cfg(feature = "transcript")]
use crate::transcript::Log;
use crate::wire::{Message, Writer};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// Everything that sending needs, apart from receiving, so that a handler can answer while it
/// still reads the packet.
pub(crate) struct SendHalf {
    pub(crate) outbound: Outbound,
    pub(crate) entropy: Entropy,
    /// A key exchange of ours is between KEXINIT and NEWKEYS.
    pub(crate) gate_closed: bool,
    /// New keys are due: no more data until they are there.
    pub(crate) rekey_due: bool,
    /// Packets and bytes of data until they are, as far as it is known.
    pub(crate) due_after: (u64, u64),
    /// DISCONNECT is out: nothing may follow.
    pub(crate) closing: bool,
    /// A message of the layers above went out, or will behind the present exchange.
    pub(crate) control_sent: bool,
    /// Among them may be a password.
    held: VecDeque<Zeroizing<Vec<u8>>>,
    held_bytes: usize,
    /// How many of the held payloads were made before compression starts.
    held_plain: usize,
    scratch: Vec<u8>,
    /// Told of everything, where there is one.
    pub(crate) tracer: Hook<Tracer>,
    side: Side,
    #[cfg(feature = "transcript")]
    pub(crate) log: Option<Log>,
}

impl SendHalf {
    pub(crate) fn new(side: Side, entropy: Entropy) -> Self {
        Self {
            outbound: Outbound::new(),
            entropy,
            gate_closed: true,
            rekey_due: false,
            due_after: (0, 0),
            closing: false,
            control_sent: false,
            held: VecDeque::new(),
            held_bytes: 0,
            held_plain: 0,
            scratch: Vec::new(),
            tracer: Hook::new(),
            side,
            #[cfg(feature = "transcript")]
            log: None,
        }
    }

    /// Past the gate: messages of the exchange, and 1-4.
    pub(crate) fn send_now(&mut self, payload: &[u8]) -> Result<()> {
        if self.closing {
            return Ok(());
        }
        if self.outbound.backlog() > limits::PENDING_BYTES_MAX {
            return Err(Error::LimitReached("bytes that wait for a peer that does not read"));
        }
        #[cfg(feature = "transcript")]
        if let Some(log) = &mut self.log {
            log.packet("out", payload);
        }
        if let Some(tracer) = self.tracer.get_mut() {
            tracer.sealing(payload);
        }
        self.outbound.packet(payload, &mut self.entropy)?;
        self.sealed();
        Ok(())
    }

    /// A packet was sealed.
    fn sealed(&mut self) {
        if let Some(tracer) = self.tracer.get_mut() {
            tracer.sealed(self.side, &self.outbound.sealed());
        }
    }

    /// Notes a call for the recording, where there is one.
    #[cfg(feature = "transcript")]
    pub(crate) fn note(&mut self, call: &str, bytes: &[u8]) {
        if let Some(log) = &mut self.log {
            log.bytes(call, bytes);
        }
    }

    /// As [`SendHalf::note`], with arguments that are text.
    #[cfg(feature = "transcript")]
    pub(crate) fn note_line(&mut self, call: &str, arguments: &str) {
        if let Some(log) = &mut self.log {
            log.line(call, arguments);
        }
    }

    /// Behind the present key exchange, where there is one.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Result<()> {
        if !self.gate_closed {
            return self.send_now(payload);
        }
        self.held_bytes = self.held_bytes.saturating_add(payload.len());
        if self.held_bytes > limits::GATED_BYTES_MAX
            || self.held.len() >= limits::GATED_PAYLOADS_MAX
        {
            return Err(Error::LimitReached("replies held back during a key exchange"));
        }
        self.held.push_back(Zeroizing::new(payload.to_vec()));
        Ok(())
    }

    /// Compression starts behind what has been sent or is held so far.
    pub(crate) fn start_compression(&mut self) {
        if self.gate_closed {
            self.held_plain = self.held.len();
        } else {
            self.outbound.set_deflater(Some(Deflater::new()));
        }
    }

    /// NEWKEYS is out: what was held goes out in order.
    pub(crate) fn open_gate(&mut self, compress: bool) -> Result<()> {
        self.gate_closed = false;
        self.rekey_due = false;
        self.due_after = (0, 0);
        self.held_bytes = 0;
        self.outbound.set_deflater(None);
        let plain = core::mem::take(&mut self.held_plain);
        for (i, payload) in core::mem::take(&mut self.held).into_iter().enumerate() {
            if compress && i == plain {
                self.outbound.set_deflater(Some(Deflater::new()));
            }
            self.send_now(&payload)?;
        }
        if compress && !self.outbound.compresses() {
            self.outbound.set_deflater(Some(Deflater::new()));
        }
        Ok(())
    }
}

/// Sends payloads. Control always goes through, at once or behind the present key exchange; data
/// asks for room first.
pub struct PacketSender<'a> {
    half: &'a mut SendHalf,
}

impl<'a> PacketSender<'a> {
    pub(crate) const fn new(half: &'a mut SendHalf) -> Self {
        Self { half }
    }

    /// Sends a control payload; during a key exchange it is held back, in order.
    ///
    /// # Errors
    /// [`Error::LimitReached`] when too much is held.
    pub fn send(&mut self, payload: &[u8]) -> Result<()> {
        #[cfg(feature = "transcript")]
        self.half.note("t send", payload);
        self.half.control_sent |= payload.first().is_some_and(|n| (50..=127).contains(n));
        self.half.send(payload)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// As [`PacketSender::send`].
    pub fn send_message<'m>(&mut self, message: &impl Message<'m>) -> Result<()> {
        let mut scratch = core::mem::take(&mut self.half.scratch);
        scratch.clear();
        message.encode(&mut Writer::new(&mut scratch));
        let sent = self.send(&scratch);
        self.half.scratch = scratch;
        sent
    }

    /// The recording, for the layers above to add their lines.
    #[cfg(feature = "transcript")]
    pub fn into_log(self) -> Option<&'a mut Log> {
        self.half.log.as_mut()
    }

    /// The tracer, for the layers above to tell of their events.
    pub fn tracer(&mut self) -> Option<&mut Tracer> {
        self.half.tracer.get_mut()
    }

    /// Whether a key exchange holds everything back.
    #[must_use]
    pub const fn gate_closed(&self) -> bool {
        self.half.gate_closed
    }

    /// Bytes of payload that may be granted now: none while keys are being exchanged or are due,
    /// or while the backlog is at its mark.
    #[must_use]
    pub fn data_room(&self) -> usize {
        let half = &*self.half;
        if half.gate_closed || half.rekey_due || half.closing {
            return 0;
        }
        limits::BACKLOG_BYTES_MAX.saturating_sub(half.outbound.backlog())
    }

    /// How many data payloads of `max` bytes, at most `most`, may be granted one after the other
    /// before [`Transport::data_sent`](crate::Transport::data_sent) is called: no more than wait
    /// for the socket at a time, and no more than the keys may still carry.
    #[must_use]
    pub fn grants(&self, max: usize, most: usize) -> usize {
        let half = &*self.half;
        if half.outbound.compresses() {
            // How long they become nobody knows.
            return usize::from(self.data_room() > 0).min(most);
        }
        let len = half.outbound.sealed_len(max);
        let (packets, bytes) = half.due_after;
        let until_due = packets.min(bytes.div_ceil(u64::try_from(len).unwrap_or(u64::MAX))).max(1);
        let until_due = usize::try_from(until_due).unwrap_or(usize::MAX);
        self.data_room().div_ceil(len).min(until_due).min(most)
    }

    /// The areas of that many grants of `max` bytes. What is put there is found in the payload of
    /// each, as long as all before it are committed with `max` bytes and nothing else is sent.
    pub fn areas(&mut self, max: usize, packets: usize) -> impl Iterator<Item = &mut [u8]> {
        self.half.outbound.payload_areas(max, packets)
    }

    /// Room for a data payload of at most `max` bytes, at its final place in the outgoing
    /// buffer. None when [`PacketSender::data_room`] is used up; a grant may go over the mark by
    /// one packet, so that the mark needs no rounding.
    pub fn grant(&mut self, max: usize) -> Option<Grant<'_>> {
        if self.data_room() == 0 {
            return None;
        }
        self.half.outbound.payload_area(max);
        Some(Grant { half: self.half, max })
    }
}

/// A writable payload area. Dropped without [`Grant::commit`] it leaves no trace.
pub struct Grant<'a> {
    half: &'a mut SendHalf,
    max: usize,
}

impl Grant<'_> {
    /// The area, as long as was asked for.
    pub fn payload(&mut self) -> &mut [u8] {
        self.half.outbound.payload_area(self.max)
    }

    /// The first `n` bytes become a packet: padded, sealed in place.
    ///
    /// # Errors
    /// [`Error::LimitReached`] before a sequence number would repeat under the same keys.
    pub fn commit(self, n: usize) -> Result<()> {
        let n = n.min(self.max);
        #[cfg(feature = "transcript")]
        if let Some(log) = &mut self.half.log {
            let area = self.half.outbound.payload_area(self.max);
            log.bytes("t data", area.get(..n).unwrap_or_default());
            log.packet("out", area.get(..n).unwrap_or_default());
        }
        if let Some(tracer) = self.half.tracer.get_mut() {
            let area = self.half.outbound.payload_area(self.max);
            tracer.sealing(area.get(..n).unwrap_or_default());
        }
        self.half.outbound.commit(n, &mut self.half.entropy)?;
        self.half.sealed();
        Ok(())
    }
}

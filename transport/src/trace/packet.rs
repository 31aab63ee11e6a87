//! The event of a packet.

use super::known::{self, AuthMethod};
use super::{Kind, Map, Tracer, Value, dissect};
use crate::messages::number;
use crate::messages::userauth::UserauthRequest;
use crate::side::Side;
use crate::wire::Message as _;
use alloc::vec::Vec;
use zeroize::Zeroize as _;

/// Where a direction's byte stream stands.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// Bytes so far.
    pub(super) offset: u64,
    /// How often new keys came into force.
    pub(super) epoch: u32,
    /// What checks integrity; empty for nothing.
    pub(super) mac: &'static str,
}

impl Direction {
    /// `n` bytes went by.
    pub(super) fn pass(&mut self, n: usize) {
        self.offset = self.offset.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
    }
}

/// The name of a direction by who sends.
pub(super) const fn dir(from: Side) -> &'static str {
    match from {
        Side::Client => "c2s",
        Side::Server => "s2c",
    }
}

/// A packet as it came, kept because it is opened in place.
#[derive(Debug, Default)]
pub struct Tap {
    /// Its bytes on the wire.
    pub wire: Vec<u8>,
    /// Bytes of padding.
    pub padding: u8,
    /// Bytes of the MAC or tag.
    pub tag_len: usize,
}

/// A packet that was received.
#[derive(Debug)]
pub struct OpenedPacket<'a> {
    /// As it came.
    pub tap: &'a Tap,
    /// Its sequence number.
    pub sequence: u32,
    /// What was inside, decompressed; none where its integrity check failed.
    pub payload: Option<&'a [u8]>,
    /// Whether it was compressed.
    pub compressed: bool,
}

/// A packet that was sent.
#[derive(Debug, Clone, Copy)]
pub struct SealedPacket<'a> {
    /// Its bytes on the wire.
    pub wire: &'a [u8],
    /// Its sequence number.
    pub sequence: u32,
    /// Bytes of padding.
    pub padding: u8,
    /// Bytes of the MAC or tag.
    pub tag_len: usize,
    /// Whether it was compressed.
    pub compressed: bool,
}

/// What both ways have in common.
struct Parts<'a> {
    from: Side,
    wire: &'a [u8],
    sequence: u32,
    padding: Option<u8>,
    tag_len: usize,
    compressed: bool,
    payload: Option<&'a [u8]>,
}

impl Tracer {
    /// A payload is about to be sealed, which will make it unreadable.
    pub(crate) fn sealing(&mut self, payload: &[u8]) {
        // What was in the one before may have been a password.
        self.plain.zeroize();
        self.plain.reserve(payload.len());
        self.plain.extend_from_slice(payload);
    }

    /// What was announced by [`Tracer::sealing`] is sealed.
    pub(crate) fn sealed(&mut self, from: Side, packet: &SealedPacket<'_>) {
        let plain = core::mem::take(&mut self.plain);
        self.packet(&Parts {
            from,
            wire: packet.wire,
            sequence: packet.sequence,
            padding: Some(packet.padding),
            tag_len: packet.tag_len,
            compressed: packet.compressed,
            payload: Some(&plain),
        });
        self.plain = plain;
    }

    /// A packet of the peer's.
    pub(crate) fn opened(&mut self, from: Side, packet: &OpenedPacket<'_>) {
        self.packet(&Parts {
            from,
            wire: &packet.tap.wire,
            sequence: packet.sequence,
            padding: packet.payload.map(|_| packet.tap.padding),
            tag_len: packet.tap.tag_len,
            compressed: packet.compressed,
            payload: packet.payload,
        });
    }

    fn packet(&mut self, parts: &Parts<'_>) {
        let payload = parts.payload.unwrap_or_default();
        self.learn(payload);
        let direction = self.direction(parts.from);
        let (off, epoch, alg) = (direction.offset, direction.epoch, direction.mac);
        direction.pass(parts.wire.len());
        if self.sink.is_none() {
            return;
        }
        let number = payload.first().copied().unwrap_or_default();
        let shape = known::shape(number, self.context).or_else(|| (self.upper)(number));
        let name = shape.map_or_else(|| number::name(number), |shape| shape.name);
        let section = shape.map(|shape| shape.section).filter(|section| !section.is_empty());
        let mac = (!alg.is_empty()).then(|| {
            Map::new()
                .with("alg", alg)
                .with("ok", parts.payload.is_some())
                .with("off", parts.wire.len().saturating_sub(parts.tag_len))
                .with("len", parts.tag_len)
        });
        let mut values = Map::new()
            .with("dir", dir(parts.from))
            .with("seq", parts.sequence)
            .with("epoch", epoch)
            .with("off", off)
            .with("wire_len", parts.wire.len())
            .with("wire", Value::bytes(parts.wire))
            .with("pad", parts.padding.map(u32::from))
            .with("mac", mac)
            .with("compressed", parts.compressed);
        if parts.payload.is_some() {
            values.push("msg", u32::from(number));
            values.push("name", name);
            values.push("rfc", section);
        }
        values.push("payload_len", payload.len());
        values.push("payload", Value::bytes(payload));
        values.push("fields", dissect(payload, shape.as_ref()));
        values.push("redacted", Vec::new());
        self.emit(Kind::Packet, values);
    }

    /// What gives later numbers their meaning.
    fn learn(&mut self, payload: &[u8]) {
        if payload.first() == Some(&UserauthRequest::NUMBER)
            && let Ok(request) = UserauthRequest::decode(payload)
        {
            self.context.method = AuthMethod::named(request.method_name);
        }
    }
}

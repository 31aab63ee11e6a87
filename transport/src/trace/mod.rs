//! One stream of events that tells what a connection does: what the faces of `--trace` show.
//!
//! The layers hand events to the connection's [`Tracer`], which numbers them, takes secrets out
//! ([`redact`]) and passes each to its sink. An event is a [`Kind`] and a tree of named values
//! ([`Map`]); `docs/trace-schema.json` describes it. Without a tracer the cost is one branch where
//! an event could be made.
//!
//! A packet's payload is taken apart by the declaration of its message and nothing else
//! ([`dissect`]), so that what is shown is what was read.

mod decisions;
mod exchange;
mod fields;
mod hook;
mod known;
mod packet;
pub mod redact;
mod value;

pub(crate) use decisions::Offers;
pub use exchange::{DerivedKey, KexReport, KexWatch, KeyLog};
pub use fields::{Class, Field, FieldKind, Shape, Tail, dissect};
pub use hook::Hook;
pub use known::{AuthMethod, Context, Family, shape};
pub use packet::{OpenedPacket, SealedPacket, Tap};
pub use redact::{Policy, Redactor};
pub use value::{Map, Value, push_hex, unhex};

use crate::algorithms::Negotiated;
use crate::side::Side;
use crate::text::printable;
use crate::time::Timestamp;
use alloc::boxed::Box;
use alloc::vec::Vec;
use packet::Direction;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first line: who made the trace, and how.
    Header,
    /// An identification string, or a line before it.
    Ident,
    /// A packet.
    Packet,
    /// What a key exchange agreed on, the exchange hash and everything in it.
    Kex,
    /// A key that was derived.
    Key,
    /// A step of user authentication.
    Auth,
    /// A channel's life.
    Channel,
    /// A window shrank or grew.
    Window,
    /// A choice, and why.
    Decision,
    /// Something that went wrong, or that whoever reads the trace must know.
    Warning,
    /// The last line.
    Summary,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Header,
        Self::Ident,
        Self::Packet,
        Self::Kex,
        Self::Key,
        Self::Auth,
        Self::Channel,
        Self::Window,
        Self::Decision,
        Self::Warning,
        Self::Summary,
    ];

    /// Its name in a trace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Ident => "ident",
            Self::Packet => "packet",
            Self::Kex => "kex",
            Self::Key => "key",
            Self::Auth => "auth",
            Self::Channel => "channel",
            Self::Window => "window",
            Self::Decision => "decision",
            Self::Warning => "warning",
            Self::Summary => "summary",
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub kind: Kind,
    /// Its number: a trace has all of them, so one that was taken out is missed.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// What it says.
    pub values: Map,
}

/// Takes events; called in the middle of the protocol, so it must not wait long.
pub type Sink = Box<dyn FnMut(Event) + Send>;
/// Takes the secret of a key exchange before NEWKEYS is sent.
pub type KeySink = Box<dyn FnMut(&KeyLog) + Send>;

/// Makes the events of one connection.
pub struct Tracer {
    sink: Option<Sink>,
    keylog: Option<KeySink>,
    redactor: Redactor,
    count: u64,
    /// As the last call told it.
    pub(crate) now: Timestamp,
    c2s: Direction,
    s2c: Direction,
    context: Context,
    upper: fn(u8) -> Option<Shape>,
    /// The payload of the packet that is about to be sealed.
    plain: zeroize::Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Tracer")
    }
}

impl Tracer {
    /// A tracer that hands events to `sink`, where there is one.
    #[must_use]
    pub fn new(sink: Option<Sink>, redactor: Redactor) -> Self {
        Self {
            sink,
            keylog: None,
            redactor,
            count: 0,
            now: Timestamp::default(),
            c2s: Direction::default(),
            s2c: Direction::default(),
            context: Context::default(),
            upper: |_| None,
            plain: zeroize::Zeroizing::new(Vec::new()),
        }
    }

    /// Hands the secret of each key exchange to `keylog`: with it and the bytes of the connection
    /// anybody can read everything.
    pub fn set_keylog(&mut self, keylog: KeySink) {
        self.keylog = Some(keylog);
    }

    /// Whether somebody is to see secrets.
    pub(crate) const fn wants_secrets(&self) -> bool {
        self.keylog.is_some() || self.redactor.policy().secrets
    }

    /// The layer above tells the shapes of its messages.
    pub const fn set_upper(&mut self, upper: fn(u8) -> Option<Shape>) {
        self.upper = upper;
    }

    /// Hands out an event, without what the policy hides.
    pub fn emit(&mut self, kind: Kind, mut values: Map) {
        let Some(sink) = &mut self.sink else { return };
        self.count = self.count.saturating_add(1);
        self.redactor.redact(&mut values);
        sink(Event { kind, n: self.count, at: self.now, values });
    }

    /// Something went wrong; `rfc` is where the rule stands, if one does.
    pub fn warn(&mut self, text: &str, rfc: &'static str) {
        let text = printable(text.as_bytes(), crate::limits::DESCRIPTION_BYTES_MAX);
        let rfc = (!rfc.is_empty()).then_some(rfc);
        self.emit(Kind::Warning, Map::new().with("text", text).with("rfc", rfc));
    }

    /// An identification string, or a line before it, with its line end.
    pub(crate) fn ident(&mut self, from: Side, line: &[u8], prelude: bool) {
        let direction = self.direction(from);
        let off = direction.offset;
        direction.pass(line.len());
        let text = printable(line.trim_ascii_end(), crate::limits::PRELUDE_LINE_BYTES_MAX);
        let values = Map::new()
            .with("dir", packet::dir(from))
            .with("off", off)
            .with("wire_len", line.len())
            .with("wire", Value::bytes(line))
            .with("text", text)
            .with("prelude", prelude)
            .with("rfc", "4253#4.2");
        self.emit(Kind::Ident, values);
    }

    /// From here on `from` sends with new keys.
    pub(crate) fn keys_changed(&mut self, from: Side, names: Option<&Negotiated>) {
        let names = names.map(|names| match from {
            Side::Client => &names.client_to_server,
            Side::Server => &names.server_to_client,
        });
        let direction = self.direction(from);
        direction.epoch = direction.epoch.saturating_add(1);
        if let Some(names) = names {
            // A cipher that needs no MAC is its own.
            let implicit = names.mac.starts_with('<');
            direction.mac = if implicit { names.cipher } else { names.mac };
        }
    }

    const fn direction(&mut self, from: Side) -> &mut Direction {
        match from {
            Side::Client => &mut self.c2s,
            Side::Server => &mut self.s2c,
        }
    }
}

#[cfg(test)]
mod tests;

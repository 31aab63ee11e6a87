//! Listening: both directions of a connection between others, read with the secrets of its key
//! exchanges, told to a [`Tracer`] as if the connection were our own.
//!
//! Nothing here is sent or decided. What cannot be read (no secret, a damaged stream, a protocol of
//! another version) ends one direction with a warning, and the other one goes on.

mod exchange;

pub use exchange::{Known, Secrets};

use crate::compression::Inflater;
use crate::error::Error;
use crate::packet::Inbound;
use crate::side::Side;
use crate::time::Timestamp;
use crate::trace::{OpenedPacket, Tap, Tracer};
use crate::version::{Identification, Line};
use alloc::boxed::Box;
use alloc::format;
use exchange::{Exchange, Ready};

/// Bytes that are looked at before more are taken in.
const PIECE_BYTES: usize = 32 * 1024;
/// SSH_MSG_KEXINIT and those behind it.
const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;
const USERAUTH_SUCCESS: u8 = 52;

/// Sees each payload after its packet was told.
pub type Upper<'a> = &'a mut dyn FnMut(&mut Tracer, Side, &[u8]);

/// One direction's bytes.
struct Direction {
    inbound: Inbound,
    identification: Option<Identification>,
    /// Nothing more of it can be read.
    lost: bool,
    /// Whether compression was agreed on.
    zlib: bool,
}

impl Direction {
    fn new() -> Self {
        let mut inbound = Inbound::new();
        inbound.allow_large_packets();
        inbound.tap.set(Box::<Tap>::default());
        Self { inbound, identification: Some(Identification::default()), lost: false, zlib: false }
    }
}

/// A connection that is listened to.
pub struct Observer {
    tracer: Box<Tracer>,
    client: Direction,
    server: Direction,
    exchange: Exchange,
    authenticated: bool,
}

impl Observer {
    /// Tells `tracer`; `secrets` come from a key log.
    #[must_use]
    pub fn new(tracer: Box<Tracer>, secrets: Secrets) -> Self {
        Self {
            tracer,
            client: Direction::new(),
            server: Direction::new(),
            exchange: Exchange::new(secrets),
            authenticated: false,
        }
    }

    /// Bytes that `from` sent, in the order in which they passed.
    pub fn observe(&mut self, from: Side, bytes: &[u8], now: Timestamp, upper: Upper<'_>) {
        self.tracer.now = now;
        if self.direction(from).lost {
            return;
        }
        for piece in bytes.chunks(PIECE_BYTES) {
            let inbound = &mut self.direction(from).inbound;
            if let Some(space) = inbound.space(piece.len()).get_mut(..piece.len()) {
                space.copy_from_slice(piece);
            }
            inbound.received(piece.len());
            while self.next(from, upper) {}
        }
    }

    /// Whether everything that `from` sent could be read so far.
    #[must_use]
    pub const fn reads(&self, from: Side) -> bool {
        match from {
            Side::Client => !self.client.lost,
            Side::Server => !self.server.lost,
        }
    }

    /// What is left of a direction that ends in the middle of a packet, in bytes.
    #[must_use]
    pub fn unread(&self, from: Side) -> usize {
        let direction = match from {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        direction.inbound.unread().len()
    }

    const fn direction(&mut self, from: Side) -> &mut Direction {
        match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn lose(&mut self, from: Side, text: &str, section: &'static str) {
        let name = if from.is_client() { "client" } else { "server" };
        self.tracer.warn(&format!("the {name} cannot be read from here: {text}"), section);
        self.direction(from).lost = true;
    }

    /// One step; false where more bytes are needed.
    fn next(&mut self, from: Side, upper: Upper<'_>) -> bool {
        if self.direction(from).lost {
            return false;
        }
        if self.direction(from).identification.is_some() {
            return self.identification(from);
        }
        let direction = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let sequence = direction.inbound.sequence();
        let compressed = direction.inbound.decompresses();
        let opened = direction.inbound.next_packet();
        let Some(tap) = direction.inbound.tap.get() else { return false };
        let payload = match opened {
            Ok(None) => return false,
            Ok(Some(range)) => {
                let payload = direction.inbound.payload(&range);
                let packet = OpenedPacket { tap, sequence, payload: Some(payload), compressed };
                self.tracer.opened(from, &packet);
                payload.to_vec()
            }
            Err(error) => {
                if error == Error::MacIncorrect {
                    let packet = OpenedPacket { tap, sequence, payload: None, compressed };
                    self.tracer.opened(from, &packet);
                }
                self.lose(from, &format!("{error}"), error.section());
                return false;
            }
        };
        self.payload(from, &payload);
        upper(&mut self.tracer, from, &payload);
        true
    }

    fn identification(&mut self, from: Side) -> bool {
        let direction = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let Some(reader) = &mut direction.identification else { return true };
        let look = reader.look(from.peer(), direction.inbound.unread());
        let (consumed, identification) = match look {
            Ok(Line::Incomplete) => return false,
            Ok(Line::Prelude { consumed }) => (consumed, None),
            Ok(Line::Identification { consumed, identification }) => {
                (consumed, Some(identification))
            }
            Err(error) => {
                self.lose(from, &format!("{error}"), error.section());
                return false;
            }
        };
        let line = direction.inbound.unread().get(..consumed).unwrap_or_default();
        self.tracer.ident(from, line, identification.is_none());
        direction.inbound.skip(consumed);
        if let Some(identification) = identification {
            self.exchange.set_identification(from, identification);
            direction.identification = None;
        }
        true
    }

    /// What a message changes.
    fn payload(&mut self, from: Side, payload: &[u8]) {
        match payload.first().copied().unwrap_or_default() {
            NEWKEYS => self.new_keys(from),
            USERAUTH_SUCCESS if !from.is_client() && !self.authenticated => {
                self.authenticated = true;
                for direction in [&mut self.client, &mut self.server] {
                    if direction.zlib {
                        direction.inbound.set_inflater(Some(Inflater::new()));
                    }
                }
            }
            number @ (KEXINIT | 30..=49) => {
                let mut fault = None;
                if let Err(text) = self.exchange.message(from, number, payload, &mut self.tracer) {
                    fault = Some(text);
                }
                if let Some(text) = fault {
                    self.tracer.warn(text, "4253#8");
                }
            }
            _ => {}
        }
    }

    fn new_keys(&mut self, from: Side) {
        let names = self.exchange.names();
        self.tracer.keys_changed(from, names.as_ref());
        match self.exchange.take(from) {
            Ok(Ready { opener, zlib, strict }) => {
                let compress = zlib && self.authenticated;
                let direction = self.direction(from);
                direction.zlib = zlib;
                direction.inbound.change_keys(opener, strict);
                direction.inbound.set_inflater(compress.then(Inflater::new));
            }
            Err(text) => self.lose(from, &text, "4253#7.3"),
        }
    }
}

//! What a replay shows: its packets by number, and where the protocol stands behind one of them.
//! All of it comes from the events of the session.

use crate::trace::outputs::Outputs;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tssh_transport::text::one_line;
use tssh_transport::trace::{Event, Kind, Map, Value};

/// Longest name that is shown.
const NAME_BYTES_MAX: usize = 256;
/// Digits of an identifier that are shown.
const ID_DIGITS: usize = 16;

/// Where a packet lies in its direction's stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    number: u64,
    from_client: bool,
    /// Its first byte.
    pub off: u64,
    /// Bytes on the wire.
    pub len: u64,
    /// Its message.
    pub name: String,
    /// Bytes of padding that anybody can change: those of a packet in the clear.
    clear_padding: u64,
}

impl Span {
    /// Whether a byte is padding that is not protected.
    pub const fn is_padding(&self, offset: u64) -> bool {
        offset >= self.len.saturating_sub(self.clear_padding)
    }
}

/// One channel.
#[derive(Debug, Default)]
struct Channel {
    peer: u64,
    what: String,
    /// What client and server may still send.
    left: [u64; 2],
}

/// One direction.
#[derive(Debug, Default)]
struct Direction {
    packets: u64,
    seq: u64,
    epoch: u64,
    mac: String,
    bytes: u64,
}

/// Where the protocol stands.
#[derive(Debug, Default)]
struct State {
    directions: [Direction; 2],
    chosen: Vec<(String, String)>,
    exchanges: u64,
    session_id: String,
    auth: String,
    authenticated: bool,
    channels: BTreeMap<u64, Channel>,
}

/// Sees every event of a replay.
#[derive(Default)]
pub struct Watch {
    outputs: Option<Outputs>,
    stop_at: Option<u64>,
    frozen: bool,
    lines: Vec<String>,
    spans: Vec<Span>,
    idents: [Span; 2],
    state: State,
    /// Number of the last packet that came from the other side, until something went wrong.
    pub last_of_peer: u64,
    /// Where its message is defined.
    pub section_of_peer: String,
    we_are_client: bool,
    failed: bool,
}

fn shown(text: &str) -> String {
    one_line(text.as_bytes(), NAME_BYTES_MAX)
}

impl Watch {
    /// Passes events on to `outputs`, and keeps the state as it is behind packet `stop_at`.
    pub fn new(outputs: Outputs, stop_at: Option<u64>) -> Self {
        Self { outputs: Some(outputs), stop_at, we_are_client: true, ..Self::default() }
    }

    /// One more event.
    pub fn event(&mut self, event: &Event) {
        if let Some(outputs) = &mut self.outputs {
            outputs.event(event);
        }
        match event.kind {
            Kind::Packet => self.packet(event),
            Kind::Ident => self.ident(&event.values),
            Kind::Warning => self.failed = true,
            _ => {}
        }
        if !self.frozen {
            self.state.event(event);
        }
    }

    /// There are no more.
    pub fn end(&mut self, ended: &str) {
        if let Some(outputs) = &mut self.outputs {
            outputs.end(ended);
        }
    }

    fn ident(&mut self, v: &Map) {
        let from_client = v.text("dir") != "s2c";
        let span = &mut self.idents[usize::from(!from_client)];
        span.from_client = from_client;
        span.len = v.number("off").saturating_add(v.number("wire_len"));
        span.name = "identification".to_owned();
        if self.lines.is_empty() {
            // Ours is told first.
            self.we_are_client = from_client;
        }
        let dir = shown(v.text("dir"));
        self.lines.push(format!("    0 {dir} identification \"{}\"\n", shown(v.text("text"))));
    }

    fn packet(&mut self, event: &Event) {
        let v = &event.values;
        let number = self.packets().saturating_add(1);
        self.frozen |= self.stop_at.is_some_and(|last| number > last);
        let from_client = v.text("dir") != "s2c";
        let name = match v.text("name") {
            "" => "(cannot be opened)".to_owned(),
            name => shown(name),
        };
        let clear_padding = if v.number("epoch") == 0 { v.number("pad") } else { 0 };
        let micros = event.at.as_micros();
        self.lines.push(format!(
            "{number:>5} {} #{:<5} {:>4}.{:06}  {:>6} bytes  {name}\n",
            shown(v.text("dir")),
            v.number("seq"),
            micros / 1_000_000,
            micros % 1_000_000,
            v.number("wire_len"),
        ));
        let (off, len) = (v.number("off"), v.number("wire_len"));
        self.spans.push(Span { number, from_client, off, len, name, clear_padding });
        if from_client != self.we_are_client && !self.failed {
            self.last_of_peer = number;
            self.section_of_peer = v.text("rfc").to_owned();
        }
    }

    /// How many packets there are.
    pub fn packets(&self) -> u64 {
        u64::try_from(self.spans.len()).unwrap_or(u64::MAX)
    }

    /// The packet of that number, which must be the peer's.
    pub fn find(&self, number: u64, we_are_client: bool) -> Result<Span, String> {
        if number == 0 {
            return Ok(self.idents[usize::from(we_are_client)].clone());
        }
        let found = self.spans.iter().find(|span| span.number == number);
        let found = found
            .ok_or_else(|| format!("it has {} packets, and no number {number}", self.packets()))?;
        if found.from_client == we_are_client {
            return Err(format!(
                "packet {number} ({}) is our own: only what the other side sent can be changed",
                found.name
            ));
        }
        Ok(found.clone())
    }

    /// The packets, up to a number.
    pub fn listing(&self, stop_at: Option<u64>) -> String {
        let mut text = String::new();
        let mut packets = 0u64;
        for line in &self.lines {
            packets += u64::from(!line.starts_with("    0 "));
            if stop_at.is_some_and(|last| packets > last) {
                break;
            }
            text.push_str(line);
        }
        text
    }

    /// Where the protocol stands behind the packet that was named; nothing where there is none.
    pub fn state(&self) -> Option<String> {
        let last = self.stop_at?;
        (last <= self.packets()).then(|| format!("behind packet {last}:\n{}", self.state.text()))
    }
}

impl State {
    fn event(&mut self, event: &Event) {
        let v = &event.values;
        match event.kind {
            Kind::Packet => {
                let direction = &mut self.directions[usize::from(v.text("dir") == "s2c")];
                direction.packets += 1;
                direction.seq = v.number("seq");
                direction.epoch = v.number("epoch");
                direction.bytes = v.number("off").saturating_add(v.number("wire_len"));
                let mac = v.get("mac").and_then(Value::as_map).map(|mac| mac.text("alg"));
                direction.mac = shown(mac.unwrap_or("no protection yet"));
            }
            Kind::Decision => {
                let (what, chosen) = (shown(v.text("what")), shown(v.text("chosen")));
                match self.chosen.iter_mut().find(|(own, _)| *own == what) {
                    Some((_, own)) => *own = chosen,
                    None => self.chosen.push((what, chosen)),
                }
            }
            Kind::Kex => {
                self.exchanges += 1;
                self.session_id.clear();
                tssh_transport::trace::push_hex(&mut self.session_id, &v.bytes("session_id"));
                self.session_id.truncate(ID_DIGITS);
            }
            Kind::Auth => {
                self.auth = shown(v.text("step"));
                self.authenticated |= self.auth == "success" || self.auth == "accept";
            }
            Kind::Channel => {
                let number = v.number("channel");
                let channel = self.channels.entry(number).or_default();
                channel.peer = v.number("peer_channel");
                channel.what = shown(v.text("what"));
                if channel.what == "freed" {
                    self.channels.remove(&number);
                }
            }
            Kind::Window => {
                let channel = self.channels.entry(v.number("channel")).or_default();
                channel.left[usize::from(v.text("dir") == "s2c")] = v.number("left");
            }
            _ => {}
        }
    }

    const fn phase(&self) -> &'static str {
        let [c2s, s2c] = &self.directions;
        if self.authenticated {
            "connection (RFC 4254)"
        } else if c2s.epoch > 0 && s2c.epoch > 0 {
            "authentication (RFC 4252)"
        } else {
            "first key exchange (RFC 4253 section 7)"
        }
    }

    fn text(&self) -> String {
        let mut text = format!("  phase: {}\n", self.phase());
        for (name, d) in ["client to server", "server to client"].iter().zip(&self.directions) {
            let last = if d.packets == 0 { "none".to_owned() } else { format!("#{}", d.seq) };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {name}: last packet {last}, {} bytes, keys changed {} times, {}",
                d.bytes,
                d.epoch,
                if d.mac.is_empty() { "no protection yet" } else { &d.mac }
            );
        }
        for (what, chosen) in &self.chosen {
            let _ = writeln!(text, "  {what}: {chosen}");
        }
        if self.exchanges > 0 {
            let _ = writeln!(
                text,
                "  key exchanges: {}, session identifier {}...",
                self.exchanges, self.session_id
            );
        }
        if !self.auth.is_empty() {
            let _ = writeln!(text, "  authentication: {}", self.auth);
        }
        for (number, channel) in &self.channels {
            let [c2s, s2c] = channel.left;
            let _ = writeln!(
                text,
                "  channel {number} (the peer's {}): {}; window: the client may send {c2s}, the \
                 server {s2c} bytes",
                channel.peer, channel.what
            );
        }
        text
    }
}

//! The listing of a session that people read: every packet by name, what it was about, and what it
//! led to. It is made by replaying the transcript, so it shows nothing that the transcript does not
//! hold.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use tssh_connection::transcript::{Seen, channel_name, observe_connection};
use tssh_connection::{ChannelEvent, Event};
use tssh_transport::transcript::{Chunks, Log, Transcript, unhex};
use tssh_transport::userauth::AuthEvent;
use tssh_transport::wire::Reader;

/// The listing of a transcript.
///
/// # Errors
/// Where the transcript cannot be replayed.
pub fn trace(text: &str) -> Result<String, String> {
    let listing = Arc::new(Mutex::new(Listing::default()));
    let packets = Arc::clone(&listing);
    let log = Log::new(Box::new(move |line| {
        packets.lock().expect("no writer panics").line(line.trim_end());
    }));
    let played = observe_connection(text, Chunks::Recorded, Some(log), &mut |seen| {
        listing.lock().expect("no writer panics").seen(&seen);
    });
    let played = played.map_err(|fault| fault.to_string())?;
    let transcript = Transcript::parse(text).map_err(|fault| fault.to_string())?;
    let value = |key| transcript.value(key).unwrap_or("?");
    let mut out = format!("{} session\n\n", value("side"));
    out.push_str(&listing.lock().expect("no writer panics").text);
    if let Some(error) = played.error {
        let _ = writeln!(out, "     error: {error}");
    }
    let _ = writeln!(out, "     ended: {}", value("ended"));
    Ok(out)
}

#[derive(Default)]
struct Listing {
    text: String,
}

impl Listing {
    fn note(&mut self, text: &str) {
        let _ = writeln!(self.text, "     {text}");
    }

    /// A line of the replay's log.
    fn line(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (layer, call) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let arguments = words.next().unwrap_or_default();
        match (layer, call) {
            ("t", "in" | "out") => self.packet(call, arguments),
            // Shown by what follows from them, or by the packets that they send.
            ("t", _) | ("c", "next" | "idle" | "turn" | "want" | "empty" | "accept" | "data") => {}
            ("c", "answer") => {
                let kind = arguments.split(' ').next().unwrap_or_default();
                self.note(&format!("answer {kind}"));
            }
            ("c", "open" | "request" | "refuse-open" | "drained") => {
                let channel = arguments.split(' ').next().unwrap_or_default();
                self.note(&format!("{call} {channel}"));
            }
            ("c", "global" | "reply-global" | "disconnect" | "failed" | "deadline") => {
                self.note(call);
            }
            _ => self.note(format!("{call} {arguments}").trim_end()),
        }
    }

    fn packet(&mut self, direction: &str, arguments: &str) {
        let (length, head) = arguments.split_once(' ').unwrap_or_default();
        let head = unhex(head).unwrap_or_default();
        let number = head.first().copied().unwrap_or_default();
        let arrow = if direction == "in" { "<-" } else { "->" };
        let about = details(number, &head).unwrap_or_default();
        let _ = writeln!(self.text, "{arrow} {:3} {} {length} bytes{about}", number, name(number));
    }

    fn seen(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Data { channel, stream, bytes, accepted } => {
                let channel = channel_name(*channel);
                let n = bytes.len();
                self.note(&format!("{stream:?} of {channel}: {n} bytes, {accepted} taken at once"));
            }
            Seen::Line(line) if line.call.starts_with("f ") => {
                self.note(&format!("{} {}", &line.call[2..], line.arguments));
            }
            Seen::Line(_) => {}
            Seen::Event(event) => self.event(event),
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::PeerIdentification(text) => self.note(&format!("peer {text}")),
            Event::HostKey(_) => self.note("question host key"),
            Event::Exchanged { first: false, .. } => self.note("rekeyed"),
            Event::Exchanged { negotiated, .. } => {
                let n = negotiated;
                let one = &n.client_to_server;
                let strict = if n.strict { "strict" } else { "not strict" };
                let text = format!(
                    "agreed {} {} {} {} {} {strict}",
                    n.kex, n.host_key, one.cipher, one.mac, one.compression
                );
                self.note(&text);
            }
            Event::Auth(AuthEvent::Question(question)) => {
                self.note(&format!("question {question:?}"));
            }
            Event::Auth(AuthEvent::Banner(text)) => self.note(&format!("banner {text:?}")),
            Event::Auth(event) => self.note(&format!("{event:?}")),
            Event::Authenticated { user, .. } => self.note(&format!("authenticated {user}")),
            Event::Channel(event) => self.channel(event),
            _ => {}
        }
    }

    fn channel(&mut self, event: &ChannelEvent) {
        let text = match event {
            ChannelEvent::OpenRequest { channel, kind } => {
                format!("{} asked for: {}", channel_name(*channel), kind.name())
            }
            ChannelEvent::Opened { channel } => format!("{} is open", channel_name(*channel)),
            ChannelEvent::OpenFailed { channel, reason, description } => {
                format!("{} refused: reason {reason}, {description}", channel_name(*channel))
            }
            ChannelEvent::Eof { channel } => {
                format!("{} has no more to come", channel_name(*channel))
            }
            ChannelEvent::Closed { channel } => {
                format!("{} closed by the peer", channel_name(*channel))
            }
            ChannelEvent::Request { channel, request, .. } => {
                format!("{} request {}", channel_name(*channel), request.name())
            }
            ChannelEvent::RequestReply { channel, ok, .. } => {
                format!("{} reply {ok}", channel_name(*channel))
            }
            ChannelEvent::GlobalRequest { request, .. } => format!("request {}", request.name()),
            _ => return,
        };
        self.note(&text);
    }
}

/// What a packet is about, from its first bytes.
fn details(number: u8, head: &[u8]) -> Option<String> {
    let mut reader = Reader::new(head.get(1..)?);
    let r = &mut reader;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(match number {
        1 => format!(", reason {}", r.uint32("reason").ok()?),
        5 | 6 => format!(", {}", text(r.string("service").ok()?)),
        50 => {
            let user = text(r.string("user").ok()?);
            r.string("service").ok()?;
            format!(", {user} {}", text(r.string("method").ok()?))
        }
        51 => {
            let methods = text(r.string("methods").ok()?);
            let partial = r.boolean("partial success").ok()?;
            format!(", {methods}{}", if partial { ", partial success" } else { "" })
        }
        80 => format!(", {}", text(r.string("request name").ok()?)),
        90 => {
            let kind = text(r.string("channel type").ok()?);
            format!(", {kind}, channel {}", r.uint32("sender channel").ok()?)
        }
        92 => {
            let channel = r.uint32("recipient channel").ok()?;
            format!(", channel {channel}, reason {}", r.uint32("reason code").ok()?)
        }
        93 => {
            let channel = r.uint32("recipient channel").ok()?;
            format!(", channel {channel}, {} bytes", r.uint32("bytes to add").ok()?)
        }
        98 => {
            let channel = r.uint32("recipient channel").ok()?;
            let kind = text(r.string("request type").ok()?);
            let reply = r.boolean("want reply").ok()?;
            let status = if kind == "exit-status" { r.uint32("exit_status").ok() } else { None };
            let status = status.map(|status| format!(" {status}")).unwrap_or_default();
            let reply = if reply { ", wants reply" } else { "" };
            format!(", channel {channel}, {kind}{status}{reply}")
        }
        91 | 94..=97 | 99..=100 => {
            format!(", channel {}", r.uint32("recipient channel").ok()?)
        }
        _ => return None,
    })
}

/// The name of a message; 30 to 34 depend on the method.
fn name(number: u8) -> &'static str {
    match number {
        1 => "DISCONNECT",
        2 => "IGNORE",
        3 => "UNIMPLEMENTED",
        4 => "DEBUG",
        5 => "SERVICE_REQUEST",
        6 => "SERVICE_ACCEPT",
        7 => "EXT_INFO",
        20 => "KEXINIT",
        21 => "NEWKEYS",
        30 => "KEX 30",
        31 => "KEX 31",
        32 => "KEX_DH_GEX_INIT",
        33 => "KEX_DH_GEX_REPLY",
        34 => "KEX_DH_GEX_REQUEST",
        50 => "USERAUTH_REQUEST",
        51 => "USERAUTH_FAILURE",
        52 => "USERAUTH_SUCCESS",
        53 => "USERAUTH_BANNER",
        60 => "USERAUTH_PK_OK or INFO_REQUEST",
        61 => "USERAUTH_INFO_RESPONSE",
        80 => "GLOBAL_REQUEST",
        81 => "REQUEST_SUCCESS",
        82 => "REQUEST_FAILURE",
        90 => "CHANNEL_OPEN",
        91 => "CHANNEL_OPEN_CONFIRMATION",
        92 => "CHANNEL_OPEN_FAILURE",
        93 => "CHANNEL_WINDOW_ADJUST",
        94 => "CHANNEL_DATA",
        95 => "CHANNEL_EXTENDED_DATA",
        96 => "CHANNEL_EOF",
        97 => "CHANNEL_CLOSE",
        98 => "CHANNEL_REQUEST",
        99 => "CHANNEL_SUCCESS",
        100 => "CHANNEL_FAILURE",
        192 => "PING",
        193 => "PONG",
        _ => "?",
    }
}

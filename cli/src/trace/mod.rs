//! `--trace`, `--keylog` and what is done with a trace afterwards.
//!
//! The layers make one stream of events (`tssh_transport::trace`); here it becomes files. A
//! [`Face`] turns events into bytes; the [`recorder`] stands between the session and the disk, so
//! that neither a slow nor a full one is the session's business. What converts, scrubs or checks a
//! trace later ([`tool`]) reads the JSON lines back into the same events and uses the same faces.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`options`] | what the command line says |
//! | [`alarm`] | the session ends with its trace, or tells the peer of it |
//! | [`recorder`] | events on their way to the files |
//! | [`queue`], [`outputs`] | what stands between the session and the disk; the files |
//! | [`recording`], [`replay`] | `--record`: all that a session needs to be run again; `--replay` |
//! | [`file`] | making a file that nobody else can read or redirect |
//! | [`json`], [`text`], [`html`], [`pcapng`] | the faces |
//! | [`keylog`] | the secrets of key exchanges, for Wireshark |
//! | [`tool`] | `--trace-convert`, `--trace-scrub`, `--trace-check-shareable` |

pub mod alarm;
pub mod file;
pub mod html;
pub mod json;
pub mod keylog;
pub mod options;
pub mod outputs;
pub mod pcapng;
pub mod queue;
pub mod recorder;
pub mod recording;
pub mod replay;
pub mod text;
pub mod tool;

pub use options::{Format, TraceOptions};
pub use recorder::{Recorder, Session, around};
pub use recording::Recording;

use tssh_transport::trace::{Event, Kind, Map};
use tssh_transport::{Side, Timestamp};

/// The version of the format; a reader that knows it can read what carries it.
pub const SCHEMA: &str = "tssh-trace/1";

/// Turns events into bytes of one format.
pub trait Face: Send {
    /// One more event; the first one is the header.
    fn event(&mut self, event: &Event, out: &mut Vec<u8>);

    /// There are no more.
    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

/// A face of that format.
#[must_use]
pub fn face(format: Format) -> Box<dyn Face> {
    match format {
        Format::Text => Box::new(text::Text),
        Format::Jsonl => Box::new(json::Lines),
        Format::Html => Box::new(html::Page::default()),
        Format::Pcapng => Box::new(pcapng::Capture::default()),
    }
}

/// The first event of a trace.
#[must_use]
pub fn header(side: Side, options: &TraceOptions, peer: &str) -> Event {
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = started.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
    let program = if side.is_client() { "tssh" } else { "tsshd" };
    let cap = options.cap().map(u64::from);
    let mut peer = Map::new().with("class", "name").with("value", peer.to_owned());
    if options.names {
        peer.set("value", tssh_transport::trace::Value::Null);
    }
    let values = Map::new()
        .with("schema", SCHEMA)
        .with("program", format!("{program} {}", env!("CARGO_PKG_VERSION")))
        .with("side", if side.is_client() { "client" } else { "server" })
        .with("started_us", micros)
        .with("peer", peer)
        .with("secrets", if options.secrets { "shown" } else { "hidden" })
        .with("names", if options.names { "hidden" } else { "shown" })
        .with("packet_cap", cap)
        .with("note", "recording takes time, so the times are not those of a session without it");
    Event { kind: Kind::Header, n: 0, at: Timestamp::default(), values }
}

//! The trace as a page: one file that tells the story of the session, for a browser that loads
//! nothing else.
//!
//! The story is not in the order of the events (the keys are told of before the packets that lead
//! to them), so the page is put together at the end, from chapters that grow as events come.
//! Every chapter is bounded; what a long session has beyond that is counted.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`escape`] | text of peers that stays text |
//! | [`strip`] | packets as strips of bytes |
//! | [`explain`] | what messages and fields are for |
//! | [`story`] | the chapters |
//! | [`charts`] | the sequence diagram and the graph of the windows |
//! | [`checks`] | commands that come to the same bytes |

mod charts;
mod checks;
mod escape;
mod explain;
mod story;
mod strip;

use super::Face;
use charts::{Sequence, Windows};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use strip::{Piece, Wire};
use tssh_transport::kex::method::HashAlgorithm;
use tssh_transport::key::base64;
use tssh_transport::trace::{Event, Kind, Map, Value};
use zeroize::Zeroizing;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Packets of data that are shown in full; later ones are counted.
const DATA_SHOWN: u64 = 24;
/// Streams of data that are counted apart.
const STREAMS_MAX: usize = 64;
/// Bytes of the chapters before the keys, each.
const HANDSHAKE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of the later chapters, each: with all of them full a page stays below three megabytes.
const CHAPTER_BYTES_MAX: usize = 320 * 1024;
/// Decisions and keys: a rekeying has its own, which are only counted.
const DECISIONS_MAX: usize = 16;
/// Keys of an exchange.
const KEYS_MAX: usize = 6;

/// One chapter, as far as it has come.
#[derive(Default)]
struct Chapter {
    html: Zeroizing<String>,
    left_out: u64,
    left_bytes: u64,
}

impl Chapter {
    fn add(&mut self, html: &str, max: usize, wire_bytes: u64) {
        if self.html.len().saturating_add(html.len()) > max {
            self.left_out += 1;
            self.left_bytes = self.left_bytes.saturating_add(wire_bytes);
        } else {
            self.html.push_str(html);
        }
    }

    fn finish(&self) -> String {
        let mut out = String::from(self.html.as_str());
        if self.left_out > 0 {
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "<p class=\"note\">{} more packets, {} bytes on the wire, are left out here to \
                 keep \
                 the page small. <code>--trace jsonl</code> has them.</p>",
                self.left_out, self.left_bytes
            );
        }
        out
    }
}

/// What came by on a stream of data beyond what is shown.
#[derive(Default)]
struct Stream {
    packets: u64,
    bytes: u64,
}

/// The face.
#[derive(Default)]
pub struct Page {
    header: Map,
    summary: Option<Map>,
    identification: Chapter,
    offers: Chapter,
    exchange: Chapter,
    new_keys: Chapter,
    sealed: Chapter,
    auth: Chapter,
    channels: Chapter,
    data: Chapter,
    rekey: Chapter,
    end: Chapter,
    decisions: Vec<Map>,
    kex: Option<Map>,
    keys: Vec<Map>,
    signature: Vec<u8>,
    /// The first encrypted packets of client and server.
    first: [Option<Map>; 2],
    /// Where the cards are that the exchange hash refers to: KEXINIT and the public values.
    cards: BTreeMap<&'static str, u64>,
    /// The software of both sides, as their identification strings name it.
    software: [String; 2],
    data_shown: u64,
    streams: BTreeMap<(String, bool, u64), Stream>,
    exchanges: u64,
    logged_in: bool,
    /// Time of the latest event, in microseconds.
    lasted: u64,
    sequence: Sequence,
    windows: Windows,
}

impl Face for Page {
    fn event(&mut self, event: &Event, _out: &mut Vec<u8>) {
        let v = &event.values;
        self.lasted = self.lasted.max(event.at.as_micros());
        match event.kind {
            Kind::Header => self.header = v.clone(),
            Kind::Summary => self.summary = Some(v.clone()),
            Kind::Ident => self.ident(event),
            Kind::Packet => self.packet(event),
            Kind::Decision if self.kex.is_none() && self.decisions.len() < DECISIONS_MAX => {
                self.decisions.push(v.clone());
            }
            Kind::Kex => self.kex(v),
            Kind::Key if self.exchanges <= 1 && self.keys.len() < KEYS_MAX => {
                self.keys.push(v.clone());
            }
            Kind::Auth => self.auth.add(&story::auth_note(v), CHAPTER_BYTES_MAX, 0),
            Kind::Window => self.windows.add(event.at.as_micros(), v),
            Kind::Warning => self.end.add(&story::warning(v), CHAPTER_BYTES_MAX, 0),
            Kind::Decision | Kind::Key | Kind::Channel => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let page = Zeroizing::new(self.page());
        out.extend_from_slice(page.as_bytes());
        out.push(b'\n');
    }
}

impl Page {
    fn ident(&mut self, event: &Event) {
        let v = &event.values;
        let (class, who) = strip::direction(v);
        let prelude = v.get("prelude") == Some(&Value::Bool(true));
        let wire = v.bytes("wire");
        let mut html = format!(
            "<article class=\"pkt {class}\" id=\"p{}\"><header><span class=\"who\">{who}</span>\
             <h3>{}</h3><span class=\"meta\">{} bytes \u{b7} {}</span></header><ul \
             class=\"strip\">",
            event.n,
            escape::text(v.text("text")),
            wire.len(),
            strip::section(v)
        );
        let ends = wire.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (line, end) = wire.split_at(wire.len().saturating_sub(ends));
        let (name, say) = if prelude {
            (
                "line before the identification",
                "A server may send lines before its own; nothing \
             protects them.",
            )
        } else {
            (
                "identification string",
                "Protocol version, then software. It goes into the \
             exchange hash, so nobody can change it unnoticed.",
            )
        };
        let side = strip::side(v);
        let mut off = v.number("off");
        let say_end = "Carriage return and line feed; they are not hashed.";
        for (bytes, name, say) in [(line, name, say), (end, "line end", say_end)] {
            let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let (id, kind, value) = (Some((side, off)), String::from("text"), String::new());
            if len > 0 {
                Piece { id, bytes, len, name, kind, say, value, hidden: false }.push(&mut html);
            }
            off = off.saturating_add(len);
        }
        html.push_str("</ul></article>");
        self.identification.add(&html, HANDSHAKE_BYTES_MAX, v.number("wire_len"));
        if !prelude {
            let software = v.text("text").chars().take(80).collect();
            self.software[usize::from(side == 's')] = software;
            self.cards.entry(if side == 's' { "V_S" } else { "V_C" }).or_insert(event.n);
            self.sequence.add(event, "identification");
        }
    }

    fn packet(&mut self, event: &Event) {
        let v = &event.values;
        let (number, clear) = (v.number("msg"), v.number("epoch") == 0);
        let server = v.text("dir") == "s2c";
        let name = if v.text("name").is_empty() { "unreadable packet" } else { v.text("name") };
        self.sequence.add(event, name);
        if clear && self.exchanges <= 1 {
            self.remember(event, number, server);
        }
        let first = !clear && self.first[usize::from(server)].is_none();
        let max = if clear { HANDSHAKE_BYTES_MAX } else { CHAPTER_BYTES_MAX };
        if first {
            self.first[usize::from(server)] = Some(v.clone());
        } else if !clear && matches!(number, 93..=95) {
            self.data_shown += 1;
            if self.data_shown > DATA_SHOWN {
                return self.count(v, name, server);
            }
        }
        let card = strip::card(event, if first { Wire::Pair } else { Wire::Folded });
        let chapter = match number {
            _ if first => &mut self.sealed,
            1 | 96 | 97 => &mut self.end,
            20 if clear => &mut self.offers,
            21 if clear => &mut self.new_keys,
            _ if clear => &mut self.exchange,
            20..=49 => &mut self.rekey,
            5..=7 | 50..=79 if !self.logged_in => &mut self.auth,
            80..=92 | 98..=100 => &mut self.channels,
            _ => &mut self.data,
        };
        chapter.add(&card, max, v.number("wire_len"));
        self.logged_in |= number == 52;
    }

    /// What the exchange hash will refer to.
    fn remember(&mut self, event: &Event, number: u64, server: bool) {
        let names: &[&'static str] = match (number, server) {
            (20, false) => &["I_C"],
            (20, true) => &["I_S"],
            (30..=34, false) => &["Q_C", "e"],
            (31 | 33, true) => &["K_S", "Q_S", "f"],
            _ => return,
        };
        for name in names {
            self.cards.insert(name, event.n);
        }
        let payload = event.values.bytes("payload");
        for field in event.values.list("fields").iter().filter_map(Value::as_map) {
            if !field.text("name").starts_with("signature of") {
                continue;
            }
            let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            let (off, len) = (index(field.number("off")), index(field.number("len")));
            let bytes = payload.get(off..off.saturating_add(len)).unwrap_or_default();
            self.signature = bytes.to_vec();
        }
    }

    fn count(&mut self, v: &Map, name: &str, server: bool) {
        let channel = v.list("fields").iter().filter_map(Value::as_map);
        let channel = channel.filter(|field| field.text("name") == "recipient channel");
        let channel = channel.map(|field| field.number("value")).next().unwrap_or(0);
        let key = (name.chars().take(40).collect(), server, channel);
        if self.streams.len() < STREAMS_MAX || self.streams.contains_key(&key) {
            let stream = self.streams.entry(key).or_default();
            stream.packets += 1;
            stream.bytes = stream.bytes.saturating_add(v.number("wire_len"));
        } else {
            self.data.left_out += 1;
            self.data.left_bytes = self.data.left_bytes.saturating_add(v.number("wire_len"));
        }
    }

    fn kex(&mut self, v: &Map) {
        self.exchanges += 1;
        if self.kex.is_none() {
            self.kex = Some(v.clone());
        } else {
            self.rekey.add(&story::rekeyed(v), CHAPTER_BYTES_MAX, 0);
        }
    }
}

/// A policy that allows this style and this script and nothing else: no request of any kind.
fn policy() -> String {
    let hash = |text: &str| base64::encode(&HashAlgorithm::Sha256.digest(&[text.as_bytes()])[..]);
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

#[cfg(test)]
mod tests;

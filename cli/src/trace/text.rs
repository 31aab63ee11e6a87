//! The trace for people: one line per event, fields of packets and inputs of the exchange hash
//! indented below.

use super::Face;
use tssh_transport::text::one_line;
use tssh_transport::trace::{Event, Kind, Map, Value, push_hex};

/// Longest value that is shown; the whole is in the JSON lines.
const VALUE_CHARS_MAX: usize = 160;
/// Bytes that are shown of what is no text.
const HEX_BYTES_MAX: usize = 32;

/// The face.
#[derive(Debug, Default)]
pub struct Text;

impl Face for Text {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        let micros = event.at.as_micros();
        let mut text =
            format!("{:>5} {:>5}.{:06}  ", event.n, micros / 1_000_000, micros % 1_000_000);
        let v = &event.values;
        match event.kind {
            Kind::Header => header(&mut text, v),
            Kind::Packet => packet(&mut text, v),
            Kind::Kex => kex(&mut text, v),
            Kind::Ident => {
                let what =
                    if v.get("prelude") == Some(&Value::Bool(true)) { "before it" } else { "" };
                text.push_str(&format!(
                    "{} identification {what} \"{}\"",
                    v.text("dir"),
                    shown(v.text("text"))
                ));
                section(&mut text, v);
            }
            kind => {
                text.push_str(kind.name());
                pairs(&mut text, v);
                section(&mut text, v);
            }
        }
        text.push('\n');
        out.extend_from_slice(text.as_bytes());
    }
}

fn header(text: &mut String, v: &Map) {
    text.push_str(&format!(
        "{} by {}, {}; secrets {}, names {}",
        shown(v.text("schema")),
        shown(v.text("program")),
        shown(v.text("side")),
        shown(v.text("secrets")),
        shown(v.text("names"))
    ));
    let peer = v.get("peer").and_then(Value::as_map).map(|peer| peer.text("value"));
    if let Some(peer) = peer.filter(|peer| !peer.is_empty()) {
        text.push_str(&format!("; with {}", shown(peer)));
    }
    if v.number("packet_cap") > 0 {
        text.push_str(&format!("; channel packets of at most {} bytes", v.number("packet_cap")));
    }
}

fn packet(text: &mut String, v: &Map) {
    let (name, number) = (shown(v.text("name")), v.number("msg"));
    text.push_str(&format!(
        "{} #{} epoch {} {name} ({number})",
        shown(v.text("dir")),
        v.number("seq"),
        v.number("epoch"),
    ));
    section(text, v);
    text.push_str(&format!(
        "\n{:20}bytes {}-{} of the stream, payload {}",
        "",
        v.number("off"),
        v.number("off").saturating_add(v.number("wire_len")),
        v.number("payload_len")
    ));
    match v.get("pad") {
        Some(Value::Number(pad)) => text.push_str(&format!(", padding {pad}")),
        _ => text.push_str(", padding not shown"),
    }
    if let Some(mac) = v.get("mac").and_then(Value::as_map) {
        let good = mac.get("ok") == Some(&Value::Bool(true));
        let verdict = if good { "good" } else { "BAD" };
        text.push_str(&format!(", {} {verdict}", shown(mac.text("alg"))));
    }
    fields(text, v);
}

/// A payload that stands alone: its name, and its fields as in a trace.
pub fn payload(v: &Map, out: &mut Vec<u8>) {
    let mut text = format!("{} ({})", shown(v.text("name")), v.number("msg"));
    section(&mut text, v);
    text.push_str(&format!("  {} bytes", v.number("payload_len")));
    fields(&mut text, v);
    text.push('\n');
    out.extend_from_slice(text.as_bytes());
}

fn fields(text: &mut String, v: &Map) {
    let payload = v.bytes("payload");
    for field in v.list("fields").iter().filter_map(Value::as_map) {
        let (off, len) = (field.number("off"), field.number("len"));
        let class = field.text("class");
        let value = match field.get("value") {
            Some(Value::Null) | None
                if v.list("redacted").iter().any(|r| r.as_text() == Some(class)) =>
            {
                format!("({} not shown)", shown(class))
            }
            Some(Value::Null) | None => bytes(&payload, field),
            Some(value) => scalar(value),
        };
        let (name, kind) = (shown(field.text("name")), shown(field.text("type")));
        text.push_str(&format!("\n{:20}{off:>6} {len:>6}  {kind:<9} {name}: {value}", ""));
    }
}

/// The bytes of a field, which is no text.
fn bytes(payload: &[u8], field: &Map) -> String {
    let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (off, len) = (index(field.number("off")), index(field.number("len")));
    let content = payload.get(off..off.saturating_add(len)).unwrap_or_default();
    hex(content)
}

fn hex(content: &[u8]) -> String {
    let mut text = String::new();
    push_hex(&mut text, content.get(..HEX_BYTES_MAX).unwrap_or(content));
    if content.len() > HEX_BYTES_MAX {
        text.push_str(&format!("... ({} bytes)", content.len()));
    }
    text
}

fn kex(text: &mut String, v: &Map) {
    text.push_str(&format!("kex {}, {}", shown(v.text("method")), shown(v.text("hash"))));
    section(text, v);
    for input in v.list("inputs").iter().filter_map(Value::as_map) {
        let shown_bytes = match input.get("secret") {
            Some(_) => secret(input),
            None => hex(&input.bytes("bytes")),
        };
        let (name, kind) = (shown(input.text("name")), shown(input.text("type")));
        let len = input.number("len");
        text.push_str(&format!("\n{:20}{len:>6}  {kind:<9} {name}: {shown_bytes}", ""));
    }
    for (name, value) in [("H", v.bytes("h")), ("session identifier", v.bytes("session_id"))] {
        text.push_str(&format!("\n{:20}{name} = {}", "", hex(&value)));
    }
}

fn secret(map: &Map) -> String {
    match map.get("fingerprint").and_then(Value::as_text) {
        Some(fingerprint) => {
            format!("({} bytes, not shown, mark {})", map.number("len"), shown(fingerprint))
        }
        None => hex(&map.bytes("hex")),
    }
}

/// Everything of an event that has no form of its own.
fn pairs(text: &mut String, v: &Map) {
    for (name, value) in v.iter().filter(|(name, _)| *name != "rfc") {
        let value = match value {
            Value::Null => continue,
            Value::Map(map) if map.get("secret").is_some() => secret(map),
            Value::List(list) => format!("({} names)", list.len()),
            Value::Map(_) => continue,
            value => scalar(value),
        };
        text.push_str(&format!(" {}={value}", shown(name)));
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("\"{}\"", shown(text)),
        Value::Bytes(bytes) => hex(bytes),
        _ => String::new(),
    }
}

fn section(text: &mut String, v: &Map) {
    if let Some((rfc, section)) = v.text("rfc").split_once('#') {
        text.push_str(&format!("  [RFC {} section {}]", shown(rfc), shown(section)));
    }
}

/// Text on one line and not too long. It was made harmless when it was recorded; a file may have
/// come from elsewhere.
fn shown(text: &str) -> String {
    let whole = one_line(text.as_bytes(), text.len());
    match whole.char_indices().nth(VALUE_CHARS_MAX) {
        Some((at, _)) => format!("{}... ({} characters)", &whole[..at], whole.chars().count()),
        None => whole,
    }
}

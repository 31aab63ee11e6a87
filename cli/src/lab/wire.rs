//! The packets of a lesson, as the server's trace has them.

use super::stage::seed;
use crate::plan::wrapped;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tssh_transport::text::one_line;
use tssh_transport::trace::{Event, Kind, Map, Policy, Redactor, Tracer, Value};

/// Packets that are kept: no lesson has more, but for those that it shows only the first of.
const PACKETS_MAX: usize = 512;
/// Longest value that is shown.
const VALUE_BYTES_MAX: usize = 256;
/// Packets with data: there are many, and what is in them is no business of a lesson's.
const DATA: [u64; 2] = [94, 95];
/// Where values begin.
const VALUE_COLUMNS: usize = 30;

/// What was kept so far.
pub type Watched = Arc<Mutex<Vec<Event>>>;

/// What makes the events of one connection and keeps its packets.
pub fn tracer(watched: Watched) -> io::Result<Box<Tracer>> {
    let mut key = [0; 32];
    key.copy_from_slice(&seed()?[..32]);
    let sink = move |mut event: Event| {
        let packets = &mut watched.lock().unwrap_or_else(PoisonError::into_inner);
        let data = DATA.contains(&event.values.number("msg"));
        if event.kind == Kind::Packet && !data && packets.len() < PACKETS_MAX {
            // The ciphertext would only take room.
            event.values.remove("wire");
            packets.push(event);
        }
    };
    let redactor = Redactor::new(Policy::default(), key);
    Ok(Box::new(Tracer::new(Some(Box::new(sink)), redactor)))
}

/// Which packets a lesson shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// The messages, by name without `SSH_MSG_`.
    pub messages: &'static [&'static str],
    /// Where one of its fields must have this text.
    pub with: &'static str,
    /// At most so many.
    pub most: usize,
}

/// The packets that a lesson shows, one below the other.
pub fn text(packets: &[Event], shown: Shown) -> String {
    let wanted: Vec<&Event> = packets.iter().filter(|event| fits(event, shown)).collect();
    let mut out: String = wanted.iter().take(shown.most).map(|event| packet(event)).collect();
    if let Some(more @ 1..) = wanted.len().checked_sub(shown.most) {
        out.push_str(&format!("  and {more} more like these\n"));
    }
    out
}

fn fits(event: &Event, shown: Shown) -> bool {
    let name = event.values.text("name").strip_prefix("SSH_MSG_").unwrap_or_default();
    let holds = |field: &Map| field.text("value") == shown.with;
    shown.messages.contains(&name) && (shown.with.is_empty() || fields(event).any(holds))
}

fn fields(event: &Event) -> impl Iterator<Item = &Map> {
    event.values.list("fields").iter().filter_map(Value::as_map)
}

fn packet(event: &Event) -> String {
    let v = &event.values;
    let way =
        if v.text("dir") == "c2s" { "client ──▶ server" } else { "client ◀── server" };
    let rfc = match v.text("rfc").split_once('#') {
        Some((rfc, section)) => format!(", RFC {rfc} section {section}"),
        None => String::new(),
    };
    let name = printable(v.text("name"));
    let mut first = format!("{way} {name} ({}){rfc}", v.number("msg"));
    if fields(event).all(|field| field.text("name") == "message number") {
        // It says nothing but that it is there: when, then.
        first.push_str(&format!(", at byte {}", v.number("off")));
    }
    let mut out = wrapped("  ", &first);
    for field in fields(event).filter(|field| field.text("name") != "message number") {
        let value = match field.get("value") {
            Some(Value::Text(text)) => format!("\"{}\"", printable(text)),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(value)) => value.to_string(),
            _ => format!("({} bytes, not shown)", field.number("len")),
        };
        let lead = format!("      {} ", printable(field.text("name")));
        let dots = ".".repeat(VALUE_COLUMNS.saturating_sub(lead.chars().count()));
        out.push_str(&wrapped(&format!("{lead}{dots} "), &value));
    }
    out
}

fn printable(text: &str) -> String {
    one_line(text.as_bytes(), VALUE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tssh_transport::Timestamp;

    fn event(name: &str, kind: &str) -> Event {
        let field = Map::new().with("name", "channel type").with("value", kind.to_owned());
        let values = Map::new()
            .with("dir", "c2s")
            .with("msg", 90_u64)
            .with("name", format!("SSH_MSG_{name}"))
            .with("rfc", "4254#7.2")
            .with("fields", Value::List(vec![Value::Map(field)]));
        Event { kind: Kind::Packet, n: 1, at: Timestamp::default(), values }
    }

    #[test]
    fn only_what_is_wanted_is_shown_and_it_is_harmless() {
        let packets = [
            event("CHANNEL_OPEN", "x11"),
            event("CHANNEL_OPEN", "a\u{1b}[31m"),
            event("CHANNEL_EOF", "x11"),
        ];
        let shown = |with, most| Shown { messages: &["CHANNEL_OPEN"], with, most };
        let all = text(&packets, shown("", 9));
        assert_eq!(
            all.matches("client ──▶ server SSH_MSG_CHANNEL_OPEN (90), RFC 4254 section 7.2")
                .count(),
            2
        );
        assert!(!all.contains(|c: char| c.is_control() && c != '\n'), "{all:?}");
        assert!(all.contains("      channel type ........... \"x11\"\n"), "{all}");
        assert_eq!(text(&packets, shown("x11", 9)).lines().count(), 2);
        assert!(text(&packets, shown("", 1)).ends_with("  and 1 more like these\n"));
    }
}

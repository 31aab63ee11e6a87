//! Packets as strips of bytes: each piece has its bytes, its name, and what it is for.

use super::escape::{push_bytes, push_text, text};
use super::explain;
use std::fmt::Write as _;
use tssh_transport::trace::{Event, Map, Value};

/// Bytes of one field of the cleartext that are shown: more than any public value there is.
const CLEAR_BYTES_MAX: usize = 8192;
/// Bytes of one field that was encrypted.
const OPENED_BYTES_MAX: usize = 512;
/// Bytes of ciphertext that are shown.
const SEALED_BYTES_MAX: usize = 192;
/// The same of the first packets, which are to be decrypted by hand.
const FIRST_BYTES_MAX: usize = 1024;
/// Longest card; of a longer one only the head is shown.
const CARD_BYTES_MAX: usize = 160 * 1024;
/// Pieces longer than this get a line of their own.
const WIDE_BYTES: usize = 28;
/// `packet_length` and `padding_length`.
const FRAME_BYTES: usize = 5;

/// How the wire of a packet is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// The plaintext first; the ciphertext opens.
    Folded,
    /// Both side by side.
    Pair,
}

/// One piece of a strip.
pub struct Piece<'a> {
    /// Side and place in its byte stream, for pieces of the cleartext.
    pub id: Option<(char, u64)>,
    /// What is shown of it.
    pub bytes: &'a [u8],
    /// How long it is.
    pub len: u64,
    /// Its name.
    pub name: &'a str,
    /// Its type, and what else stands beside the name.
    pub kind: String,
    /// What it is for.
    pub say: &'a str,
    /// Its value, already escaped.
    pub value: String,
    /// Whether it is withheld.
    pub hidden: bool,
}

impl Piece<'_> {
    /// Appends it.
    pub fn push(&self, out: &mut String) {
        let hidden = if self.hidden { " hid" } else { "" };
        let wide = if self.bytes.len() > WIDE_BYTES { " wide" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(out, "<li class=\"f{hidden}{wide}\">");
        if self.hidden {
            out.push_str("<code class=\"b\">withheld</code>");
        } else {
            out.push_str("<code class=\"b\"");
            if let Some((side, off)) = self.id {
                let _ = write!(out, " id=\"{side}{off}\"");
            }
            out.push('>');
            push_bytes(out, self.bytes);
            out.push_str("</code>");
        }
        let shown = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        if !self.hidden && shown < self.len {
            let _ = write!(out, "<span class=\"more\">and {} more bytes</span>", self.len - shown);
        }
        out.push_str("<details><summary><b>");
        push_text(out, self.name);
        let _ = write!(out, "</b> <i>{}", self.kind);
        if !wide.is_empty() && !self.kind.ends_with("bytes") {
            let _ = write!(out, " \u{b7} {} bytes", self.len);
        }
        out.push_str("</i></summary><div class=\"say\">");
        if !self.say.is_empty() {
            let _ = write!(out, "<p>{}</p>", text(self.say));
        }
        let how = explain::kind(self.kind.split(' ').next().unwrap_or_default());
        if !how.is_empty() {
            let _ = write!(out, "<p>{how}</p>");
        }
        if !self.value.is_empty() {
            let _ = write!(out, "<p class=\"v\">{}</p>", self.value);
        }
        if self.len == 0 {
            out.push_str("</div></details></li>");
            return;
        }
        let bytes = if self.len == 1 { "byte" } else { "bytes" };
        let place = self.id.map_or(String::new(), |(side, off)| {
            let who = if side == 'c' { "client" } else { "server" };
            format!(", from byte {off} of what the {who} sends")
        });
        let _ =
            write!(out, "<p class=\"meta\">{} {bytes}{place}</p></div></details></li>", self.len);
    }
}

/// The letter of a side in identifiers.
pub fn side(values: &Map) -> char {
    if values.text("dir") == "s2c" { 's' } else { 'c' }
}

/// Class and words of a direction.
pub fn direction(values: &Map) -> (&'static str, &'static str) {
    if values.text("dir") == "s2c" {
        ("s2c", "Server \u{2192} client")
    } else {
        ("c2s", "Client \u{2192} server")
    }
}

/// A link to the section of an RFC; nothing where none is named.
pub fn section(values: &Map) -> String {
    let Some((rfc, section)) = values.text("rfc").split_once('#') else { return String::new() };
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !plain(rfc) || !plain(section) {
        return String::new();
    }
    format!(
        "<a href=\"https://www.rfc-editor.org/rfc/rfc{rfc}#section-{section}\" rel=\"noreferrer\">\
         RFC\u{a0}{rfc}, section\u{a0}{section}</a>"
    )
}

/// Seconds with the digits that matter.
pub fn seconds(micros: u64) -> String {
    format!("{}.{:03}\u{a0}s", micros / 1_000_000, micros % 1_000_000 / 1_000)
}

/// A number with its digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The card of a packet.
pub fn card(event: &Event, wire: Wire) -> String {
    let v = &event.values;
    let mut out = head(event);
    let about = explain::message(v.number("msg"));
    if !about.is_empty() {
        let _ = write!(out, "<p>{}</p>", text(about));
    }
    if v.get("payload_len").is_none() || v.get("msg").is_none() {
        out.push_str("<p>Its integrity check failed, so nobody knows what it says.</p>");
        sealed(&mut out, v, SEALED_BYTES_MAX);
    } else if v.get("mac").and_then(Value::as_map).is_none() && v.number("epoch") == 0 {
        clear(&mut out, v);
    } else if wire == Wire::Pair {
        out.push_str("<div class=\"pair\"><div><p class=\"label\">What an observer sees</p>");
        sealed(&mut out, v, FIRST_BYTES_MAX);
        out.push_str("</div><div><p class=\"label\">What it says</p>");
        opened(&mut out, v);
        out.push_str("</div></div>");
    } else {
        opened(&mut out, v);
        let _ = write!(
            out,
            "<details class=\"fold\"><summary>On the wire: {} bytes</summary>",
            v.number("wire_len")
        );
        sealed(&mut out, v, SEALED_BYTES_MAX);
        out.push_str("</details>");
    }
    if out.len() > CARD_BYTES_MAX {
        out = head(event);
        let _ = write!(out, "<p>{} bytes, too many for this page.</p>", v.number("wire_len"));
    }
    out.push_str("</article>");
    out
}

fn head(event: &Event) -> String {
    let v = &event.values;
    let (class, who) = direction(v);
    let name = if v.text("name").is_empty() { "unreadable packet" } else { v.text("name") };
    let mut out = format!(
        "<article class=\"pkt {class}\" id=\"p{}\"><header><span \
         class=\"who\">{who}</span><h3>{}</h3>",
        event.n,
        text(name)
    );
    let keys = if v.number("epoch") == 0 { "in the clear" } else { "encrypted" };
    let _ = write!(
        out,
        "<span class=\"meta\">message\u{a0}{} \u{b7} packet\u{a0}{} \u{b7} {} bytes, {keys} \
         \u{b7} {}",
        v.number("msg"),
        v.number("seq"),
        v.number("wire_len"),
        seconds(event.at.as_micros())
    );
    let section = section(v);
    if !section.is_empty() {
        let _ = write!(out, " \u{b7} {section}");
    }
    out.push_str("</span></header>");
    out
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn cut(bytes: &[u8], off: usize, len: usize) -> &[u8] {
    let end = off.saturating_add(len).min(bytes.len());
    bytes.get(off.min(end)..end).unwrap_or_default()
}

/// A packet in the clear: the whole of it, each byte in one piece.
fn clear(out: &mut String, v: &Map) {
    let wire = v.bytes("wire");
    let (from, start) = (side(v), v.number("off"));
    let payload_len = index(v.number("payload_len"));
    let pad = index(v.number("pad"));
    let whole = FRAME_BYTES.saturating_add(payload_len).saturating_add(pad);
    out.push_str("<ul class=\"strip\">");
    let mut piece = |off: usize, len: usize, name: &str, kind: String, say: &str, value: String| {
        let bytes = cut(&wire, off, len);
        let shown = cut(bytes, 0, CLEAR_BYTES_MAX);
        let off = u64::try_from(off).unwrap_or(u64::MAX);
        let id = Some((from, start.saturating_add(off)));
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Piece { id, bytes: shown, len, name, kind, say, value, hidden: false }.push(out);
    };
    if whole != wire.len() {
        let say = "The packet as it is on the wire.";
        piece(0, wire.len(), "packet", String::new(), say, String::new());
        out.push_str("</ul>");
        return;
    }
    let length = "How long the rest of the packet is, the MAC not counted.";
    piece(0, 4, "packet_length", format!("uint32 \u{b7} {}", whole - 4), length, String::new());
    let padding = "How many bytes of padding stand at the end.";
    piece(4, 1, "padding_length", format!("byte \u{b7} {pad}"), padding, String::new());
    for field in v.list("fields").iter().filter_map(Value::as_map) {
        let (off, len) = (index(field.number("off")), index(field.number("len")));
        let (kind, value) = shown(field);
        let say = explain::field(v.number("msg"), field.text("name"));
        piece(FRAME_BYTES.saturating_add(off), len, field.text("name"), kind, say, value);
    }
    let say = "Fills the packet up to whole blocks of eight bytes; at least four bytes. Some \
               programs take random bytes, some zeros, while nothing is encrypted.";
    let off = FRAME_BYTES.saturating_add(payload_len);
    piece(off, pad, "random padding", format!("{pad} bytes"), say, String::new());
    out.push_str("</ul>");
}

/// Type and short value beside the name, and the value that opens.
fn shown(field: &Map) -> (String, String) {
    let kind = text(field.text("type"));
    match field.get("value") {
        Some(Value::Number(number)) => (format!("{kind} \u{b7} {number}"), String::new()),
        Some(Value::Bool(value)) => (format!("{kind} \u{b7} {value}"), String::new()),
        Some(Value::Text(value)) if value.is_empty() => {
            (format!("{kind} \u{b7} empty"), String::new())
        }
        Some(Value::Text(value)) if value.chars().count() <= 40 => {
            (format!("{kind} \u{b7} <span class=\"v\">{}</span>", text(value)), String::new())
        }
        Some(Value::Text(value)) if kind == "name-list" => {
            (format!("{kind} \u{b7} {} names", value.split(',').count()), names(value))
        }
        Some(Value::Text(value)) => (kind, text(value)),
        _ => (format!("{kind} \u{b7} {} bytes", field.number("len")), String::new()),
    }
}

/// Names with room to break behind each comma.
fn names(list: &str) -> String {
    text(&list.replace(',', ", "))
}

/// What a packet says.
fn opened(out: &mut String, v: &Map) {
    let payload = v.bytes("payload");
    let redacted = v.list("redacted");
    out.push_str("<ul class=\"strip\">");
    for field in v.list("fields").iter().filter_map(Value::as_map) {
        let class = field.text("class");
        let hidden = !class.is_empty() && redacted.iter().any(|own| own.as_text() == Some(class));
        let bytes = cut(&payload, index(field.number("off")), index(field.number("len")));
        let (kind, value) = shown(field);
        let say = explain::field(v.number("msg"), field.text("name"));
        let kind = match (hidden, class) {
            (false, _) => kind,
            (true, "password") => text(field.text("type")),
            (true, _) => {
                format!("{} \u{b7} {} bytes", text(field.text("type")), field.number("len"))
            }
        };
        let len = if class == "password" && hidden { 0 } else { field.number("len") };
        let bytes = if hidden { &[] } else { cut(bytes, 0, OPENED_BYTES_MAX) };
        let say = if hidden { withheld(class) } else { say };
        Piece { id: None, bytes, len, name: field.text("name"), kind, say, value, hidden }
            .push(out);
    }
    out.push_str("</ul>");
}

/// Why something is not shown.
fn withheld(class: &str) -> &'static str {
    match class {
        "password" => "Withheld, and its length too: passwords are not written into traces.",
        "data" => "Withheld: what the session carries is nobody's business but its own.",
        "command" => "Withheld: commands and variables may hold secrets.",
        "name" => "Withheld: names were to be hidden.",
        _ => "Withheld: it is a secret.",
    }
}

/// What is on the wire.
fn sealed(out: &mut String, v: &Map, max: usize) {
    let wire = v.bytes("wire");
    let nothing = Map::new();
    let mac = v.get("mac").and_then(Value::as_map).unwrap_or(&nothing);
    let alg = mac.text("alg");
    let tag_at = if mac.get("off").is_some() { index(mac.number("off")) } else { wire.len() };
    let tag_at = tag_at.min(wire.len());
    let readable = alg.contains("gcm") || alg.contains("etm");
    let head = if readable || alg.starts_with("chacha20") { 4.min(tag_at) } else { 0 };
    out.push_str("<ul class=\"strip\">");
    let mut piece = |from: usize, to: usize, name: &str, kind: &str, say: &str| {
        let bytes = cut(&wire, from, to.saturating_sub(from));
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let bytes = cut(bytes, 0, max);
        let (kind, value) = (kind.to_owned(), String::new());
        Piece { id: None, bytes, len, name, kind, say, value, hidden: false }.push(out);
    };
    if head > 0 {
        let (kind, say) = if readable {
            ("in the clear", "The reader must know where the packet ends. It is authenticated.")
        } else {
            (
                "encrypted",
                "The length, under a key of its own: without it nobody knows where the \
             packet ends.",
            )
        };
        piece(0, head, "packet_length", kind, say);
    }
    let say = "Padding length, payload and padding, encrypted.";
    piece(head, tag_at, "ciphertext", "", say);
    if tag_at < wire.len() {
        let good = mac.get("ok") == Some(&Value::Bool(true));
        let kind = format!("{} \u{b7} {}", text(alg), if good { "good" } else { "BAD" });
        let name =
            if readable && alg.contains("gcm") || head > 0 && !readable { "tag" } else { "MAC" };
        let say = "Proves that no bit of the packet was changed on the way.";
        piece(tag_at, wire.len(), name, &kind, say);
    }
    out.push_str("</ul>");
}

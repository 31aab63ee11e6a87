//! Events as JSON lines, and back. `docs/trace-schema.json` describes them.

use super::Face;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;
use tssh_transport::Timestamp;
use tssh_transport::trace::{Event, Kind, Map, Value, push_hex};

/// How deep values may stand in each other; ours are five deep.
const DEPTH_MAX: u32 = 16;
const MICROS: u64 = 1_000_000;
/// Seconds from which on a float does not tell microseconds apart: 136 years.
const SECONDS_END: f64 = 4_294_967_296.0;

/// One JSON object per line.
#[derive(Debug)]
pub struct Lines;

impl Face for Lines {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        out.extend_from_slice(line(event).as_bytes());
    }
}

/// The line of an event, with its line end.
#[must_use]
pub fn line(event: &Event) -> String {
    let micros = event.at.as_micros();
    let mut text = format!(
        "{{\"type\":\"{}\",\"n\":{},\"t\":{}.{:06}",
        event.kind.name(),
        event.n,
        micros / MICROS,
        micros % MICROS
    );
    for (name, value) in event.values.iter() {
        text.push(',');
        string(&mut text, name);
        text.push(':');
        write(&mut text, value);
    }
    text.push_str("}\n");
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => {
            // Writing to a String cannot fail.
            let _ = write!(text, "{number}");
        }
        Value::Text(value) => string(text, value),
        Value::Bytes(bytes) => {
            text.push('"');
            push_hex(text, bytes);
            text.push('"');
        }
        Value::List(list) => {
            text.push('[');
            for (i, value) in list.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write(text, value);
            }
            text.push(']');
        }
        Value::Map(map) => {
            text.push('{');
            for (i, (name, value)) in map.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                string(text, name);
                text.push(':');
                write(text, value);
            }
            text.push('}');
        }
    }
}

/// A string; everything but plain text is escaped, so that a line is a line and no terminal or
/// page that shows it takes orders from it.
fn string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            ' '..='~' => text.push(c),
            c if c.is_alphanumeric() => text.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text.push('"');
}

/// The event of a line.
///
/// # Errors
/// One line on what it is that is not a trace.
pub fn parse(line: &str) -> Result<Event, String> {
    let mut parser = Parser { bytes: line.trim_end().as_bytes(), at: 0 };
    let value = parser.value(0)?;
    if parser.at != parser.bytes.len() {
        return Err(parser.fault("the line goes on behind its object"));
    }
    let Value::Map(mut values) = value else { return Err("the line is no object".to_owned()) };
    let kind = values.remove("type");
    let kind = kind.as_ref().and_then(Value::as_text).unwrap_or_default();
    let kind = Kind::ALL.into_iter().find(|own| own.name() == kind);
    let kind = kind.ok_or("the line has no known \"type\"")?;
    let n = values.remove("n").and_then(|n| n.as_number()).ok_or("the line has no \"n\"")?;
    let at = values.remove("t").and_then(|t| t.as_number()).ok_or("the line has no \"t\"")?;
    Ok(Event { kind, n, at: Timestamp::from_micros(at), values })
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn fault(&self, what: &str) -> String {
        format!("{what}, at byte {}", self.at)
    }

    fn space(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    /// Skips white space and takes this byte, where it is the next one.
    fn takes(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn value(&mut self, depth: u32) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(self.fault("values stand too deep in each other"));
        }
        self.space();
        match self.bytes.get(self.at) {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Value::from(self.string()?)),
            Some(b'0'..=b'9') => self.number(),
            _ if self.word("null") => Ok(Value::Null),
            _ if self.word("true") => Ok(Value::Bool(true)),
            _ if self.word("false") => Ok(Value::Bool(false)),
            _ => Err(self.fault("no value")),
        }
    }

    fn map(&mut self, depth: u32) -> Result<Value, String> {
        self.at += 1;
        let mut map = Map::new();
        if self.takes(b'}') {
            return Ok(map.into());
        }
        let mut names = BTreeSet::new();
        loop {
            self.space();
            let name = self.string()?;
            // Which of the two is meant, every reader would decide for itself.
            if !names.insert(name.clone()) {
                return Err(self.fault("a name that stands twice"));
            }
            if !self.takes(b':') {
                return Err(self.fault("no colon"));
            }
            let time = depth == 0 && name == "t";
            let value = if time { self.seconds()? } else { self.value(depth + 1)? };
            map.push(name, value);
            if self.takes(b'}') {
                return Ok(map.into());
            }
            if !self.takes(b',') {
                return Err(self.fault("no comma"));
            }
        }
    }

    fn list(&mut self, depth: u32) -> Result<Value, String> {
        self.at += 1;
        let mut list = Vec::new();
        if self.takes(b']') {
            return Ok(list.into());
        }
        loop {
            list.push(self.value(depth + 1)?);
            if self.takes(b']') {
                return Ok(list.into());
            }
            if !self.takes(b',') {
                return Err(self.fault("no comma"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let mut number = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            let next = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0')));
            number = next.ok_or_else(|| self.fault("a number that is too large"))?;
            self.at += 1;
        }
        Ok(number.into())
    }

    /// A time in seconds, in microseconds. Whoever wrote the line anew may have its own form of it.
    fn seconds(&mut self) -> Result<Value, String> {
        self.space();
        let from = self.at;
        while self.bytes.get(self.at).is_some_and(|b| b.is_ascii_digit() || b".eE+-".contains(b)) {
            self.at += 1;
        }
        let digits = self.bytes.get(from..self.at).and_then(|b| std::str::from_utf8(b).ok());
        let seconds = digits.and_then(|digits| digits.parse().ok()).filter(|s| *s < SECONDS_END);
        let Some(Ok(time)) = seconds.map(Duration::try_from_secs_f64) else {
            return Err(self.fault("no time"));
        };
        let micros = time.saturating_add(Duration::from_nanos(500)).as_micros();
        Ok(u64::try_from(micros).unwrap_or(u64::MAX).into())
    }

    fn string(&mut self) -> Result<String, String> {
        if !self.takes(b'"') {
            return Err(self.fault("no string"));
        }
        let mut text = Vec::new();
        loop {
            let byte = *self.bytes.get(self.at).ok_or_else(|| self.fault("an open string"))?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.escape(&mut text)?,
                byte => text.push(byte),
            }
        }
        String::from_utf8(text).map_err(|_| self.fault("a string that is no text"))
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), String> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.fault("an open string"))?;
        self.at += 1;
        text.push(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                let mut units = vec![self.unit()?];
                // A pair of surrogates is one character.
                if (0xd800..0xdc00).contains(&units[0]) && self.word("\\u") {
                    units.push(self.unit()?);
                }
                for c in char::decode_utf16(units) {
                    let c = c.map_err(|_| self.fault("half a character"))?;
                    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                return Ok(());
            }
            byte => byte,
        });
        Ok(())
    }

    fn unit(&mut self) -> Result<u16, String> {
        let digits = self.bytes.get(self.at..self.at + 4);
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.at += 4;
        unit.ok_or_else(|| self.fault("no character"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_were() {
        let odd = "quote\" slash\\ line\n tab\t bell\u{7} nel\u{85} ls\u{2028} bidi\u{202e} \
                   face\u{1f600} \u{e9}";
        let values = Map::new()
            .with("text", odd.to_owned())
            .with("list", vec![Value::Null, true.into(), u64::MAX.into()])
            .with("map", Map::new().with("hex", Value::Text("00ff".into())))
            .with("empty", Vec::new());
        let event =
            Event { kind: Kind::Warning, n: 7, at: Timestamp::from_micros(61_000_042), values };
        let text = line(&event);
        assert!(text.starts_with("{\"type\":\"warning\",\"n\":7,\"t\":61.000042,"), "{text}");
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.trim_end().chars().any(char::is_control), "{text}");
        assert!(!text.contains(['\u{2028}', '\u{202e}']), "{text}");
        assert_eq!(parse(&text), Ok(event));
        let bytes = Event {
            kind: Kind::Warning,
            n: 0,
            at: Timestamp::default(),
            values: Map::new().with("b", Value::bytes(&[0, 0xab])),
        };
        assert_eq!(*parse(&line(&bytes)).unwrap().values.bytes("b"), [0, 0xab]);
    }

    #[test]
    fn times_of_other_writers() {
        for (time, micros) in
            [("1", 1_000_000), ("4e-06", 4), ("0.5", 500_000), ("2.0000004", 2_000_000)]
        {
            let line = format!(r#"{{"type":"key", "n": 1, "t": {time}}}"#);
            assert_eq!(parse(&line).unwrap().at.as_micros(), micros, "{time}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for bad in [
            "",
            "[]",
            "{}",
            "{\"type\":\"packet\"}",
            "{\"type\":\"nothing\",\"n\":1,\"t\":0}",
            "{\"type\":\"key\",\"n\":1,\"t\":-1}",
            "{\"type\":\"key\",\"n\":99999999999999999999,\"t\":0}",
            "{\"type\":\"key\",\"n\":1,\"t\":0} x",
            "{\"type\":\"key\",\"n\":1,\"t\":0,\"x\":\"\\ud800\"}",
            "{\"type\":\"key\",\"n\":1,\"t\":0,\"x\":\"\\u12",
            "{\"type\":\"key\",\"n\":1,\"t\":0,\"x\":tru}",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let deep = format!("{{\"type\":\"key\",\"n\":1,\"t\":0,\"x\":{}", "[".repeat(100_000));
        assert!(parse(&deep).is_err());
    }

    /// Found by fuzzing: of two times the second was taken for another number, and written as one.
    #[test]
    fn a_name_that_stands_twice_is_refused() {
        for bad in [
            r#"{"type":"summary","n":2,"t":12.5,"n":2,"t":12.5}"#,
            r#"{"type":"summary","n":2,"t":1,"a":{"b":1,"b":2}}"#,
        ] {
            assert!(parse(bad).is_err_and(|fault| fault.contains("stands twice")), "{bad}");
        }
        assert!(parse(r#"{"type":"summary","n":2,"t":1,"a":{"b":1},"b":2}"#).is_ok());
    }

    /// Up to 136 years are read to the microsecond; more is no time.
    #[test]
    fn a_time_that_could_not_be_kept_is_none() {
        let line = |time: &str| format!(r#"{{"type":"key","n":1,"t":{time}}}"#);
        let last = parse(&line("4294967295.999999")).unwrap();
        assert_eq!(last.at.as_micros(), 4_294_967_295_999_999);
        assert_eq!(parse(&super::line(&last)).unwrap(), last);
        for bad in ["4294967296", "4000000002000", "40000000002000000", "1e300", "inf"] {
            assert!(parse(&line(bad)).is_err(), "{bad}");
        }
    }
}

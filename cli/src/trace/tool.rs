//! What is done with a trace later: converted, scrubbed, checked before it is passed on.

use super::replay::Replay;
use super::{Face, Format, SCHEMA, face, json};
use crate::exit::{Fatal, OWN_FAILURE, Result, os_words};
use crate::explain::Explain;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use tssh_transport::trace::{Class, Event, Kind, Map, Policy, Redactor, Value};

/// Longest line of a trace: the largest packet, its bytes twice in hexadecimal, and its fields.
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Status of a trace that must not be passed on.
const NOT_SHAREABLE: u8 = 1;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tool {
    /// `--trace-convert`: to standard output, in another format; with the secrets that are in it
    /// where that was asked for.
    Convert(PathBuf, Format, bool),
    /// `--trace-scrub`: to standard output, without secrets, and without names where asked.
    Scrub(PathBuf, bool),
    /// `--trace-check-shareable`: status 0 where nothing secret is left, 1 where something is.
    Check(PathBuf),
    /// `--replay`: a recorded session once more, with status 0 where it is the same to the last
    /// byte and 1 where it is not.
    Replay(Box<Replay>),
    /// `--explain`.
    Explain(Explain),
}

impl Tool {
    /// Does it and gives the exit status.
    ///
    /// # Errors
    /// A file that cannot be read, or is no trace.
    pub fn run(&self) -> Result<u8> {
        match self {
            Self::Convert(path, format, secrets) => {
                let policy = Policy { secrets: *secrets, names: false };
                copy(path, &mut *face(*format), policy).map(|()| 0)
            }
            Self::Scrub(path, names) => {
                let policy = Policy { secrets: false, names: *names };
                copy(path, &mut json::Lines, policy).map(|()| 0)
            }
            Self::Check(path) => check(path),
            Self::Replay(replay) => replay.run(),
            Self::Explain(explain) => explain.run(),
        }
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|error| fault(path, &os_words(&error)))?;
    Ok(BufReader::new(file))
}

fn fault(path: &Path, words: &str) -> Fatal {
    Fatal::usage(format!("tssh: {}: {words}", path.display()))
}

/// The events of a trace in order.
pub(crate) struct Events<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    line: u64,
}

impl<'a> Events<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn open(path: &'a Path) -> Result<Self> {
        Ok(Self { path, reader: open(path)?, line: 0 })
    }

    /// The next one, the header first.
    ///
    /// # Errors
    /// A line that is none of a trace's.
    pub(crate) fn next(&mut self) -> Result<Option<Event>> {
        let mut line = String::new();
        let read = (&mut self.reader).take(LINE_BYTES_MAX).read_line(&mut line);
        let n = read.map_err(|error| fault(self.path, &os_words(&error)))?;
        if n == 0 && self.line == 0 {
            let words = format!("it is empty: a trace begins with one header of {SCHEMA}");
            return Err(fault(self.path, &words));
        }
        if n == 0 {
            return Ok(None);
        }
        self.line += 1;
        let at = self.line;
        let event = json::parse(&line)
            .map_err(|words| fault(self.path, &format!("line {at} is not a trace's: {words}")))?;
        let header = event.kind == Kind::Header;
        if header != (at == 1) || (header && event.values.text("schema") != SCHEMA) {
            let words = format!("line {at}: a trace begins with one header of {SCHEMA}");
            return Err(fault(self.path, &words));
        }
        Ok(Some(event))
    }
}

fn copy(path: &Path, face: &mut dyn Face, policy: Policy) -> Result<()> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| Fatal::new(error.to_string()))?;
    let redactor = Redactor::new(policy, key);
    let mut events = Events::open(path)?;
    let mut out = std::io::stdout().lock();
    let failed = |error: std::io::Error| Fatal::usage(format!("tssh: {}", os_words(&error)));
    let mut bytes = Vec::new();
    while let Some(mut event) = events.next()? {
        redactor.redact(&mut event.values);
        if event.kind == Kind::Header {
            if !policy.secrets {
                event.values.set("secrets", "hidden");
            }
            if policy.names {
                event.values.set("names", "hidden");
            }
        }
        bytes.clear();
        face.event(&event, &mut bytes);
        out.write_all(&bytes).map_err(failed)?;
    }
    bytes.clear();
    face.finish(&mut bytes);
    out.write_all(&bytes).and_then(|()| out.flush()).map_err(failed)
}

/// What a file is by its first bytes.
fn check(path: &Path) -> Result<u8> {
    // A pipe can be read only once.
    let mut reader = open(path)?;
    let head = reader.fill_buf().map_err(|error| fault(path, &os_words(&error)))?;
    let found = if head.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        check_capture(path, reader)?
    } else if head.starts_with(b"{") {
        check_lines(Events { path, reader, line: 0 })?
    } else {
        Some("it is no trace in JSON lines and no capture: nobody can say what it holds".to_owned())
    };
    match found {
        None => Ok(0),
        Some(found) => {
            crate::log::show(format_args!("tssh: {}: {found}\n", path.display()));
            Ok(NOT_SHAREABLE)
        }
    }
}

/// A capture holds what was on the wire; only the secrets beside it open it.
fn check_capture(path: &Path, mut reader: BufReader<File>) -> Result<Option<String>> {
    let failed = |error: std::io::Error| fault(path, &os_words(&error));
    loop {
        let mut head = [0; 8];
        if reader.fill_buf().map_err(failed)?.is_empty() {
            return Ok(None);
        }
        reader.read_exact(&mut head).map_err(failed)?;
        let [kind, length] = [&head[..4], &head[4..]]
            .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap_or_default()));
        if kind == 0x0a {
            return Ok(Some("it holds the secrets that decrypt it".to_owned()));
        }
        let rest = u64::from(length.max(12)) - 8;
        let skipped = std::io::copy(&mut (&mut reader).take(rest), &mut std::io::sink());
        if skipped.map_err(failed)? < rest {
            return Ok(Some("it is cut short".to_owned()));
        }
    }
}

fn check_lines(mut events: Events<'_>) -> Result<Option<String>> {
    while let Some(event) = events.next()? {
        if let Some(found) = left(&event) {
            return Ok(Some(format!("event {} holds {found}", event.n)));
        }
    }
    Ok(None)
}

/// What an event still holds that must not be passed on.
fn left(event: &Event) -> Option<String> {
    if event.kind == Kind::Header && event.values.text("secrets") != "hidden" {
        return Some("a header that says secrets are shown".to_owned());
    }
    if let Some(fields) = event.values.get("fields") {
        let payload = event.values.bytes("payload");
        let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        for field in fields.as_list().iter().filter_map(Value::as_map) {
            let class = field.text("class");
            if class.is_empty() || class == Class::Name.name() {
                continue;
            }
            let clear = event.values.get("epoch").and_then(Value::as_number) == Some(0);
            if clear && !event.values.bytes("wire").is_empty() {
                return Some("a packet without encryption whose fields are hidden".to_owned());
            }
            let (off, len) = (index(field.number("off")), index(field.number("len")));
            let end = off.saturating_add(len).min(payload.len());
            let head = if field.text("type") == "string" { 4 } else { 0 };
            let content = payload.get(off.saturating_add(head)..end).unwrap_or_default();
            if content.iter().any(|byte| *byte != 0) {
                return Some(format!("the bytes of a field of class \"{class}\""));
            }
        }
    }
    left_in_map(&event.values)
}

fn left_in_map(map: &Map) -> Option<String> {
    if map.get("secret").is_some() && map.get("hex").is_some() {
        return Some(format!("a secret ({})", map.text("secret")));
    }
    let class = map.text("class");
    let shown = !matches!(map.get("value"), None | Some(Value::Null));
    if !class.is_empty() && class != Class::Name.name() && shown {
        return Some(format!("a value of class \"{class}\""));
    }
    map.iter().find_map(|(_, value)| left_in_value(value))
}

fn left_in_value(value: &Value) -> Option<String> {
    match value {
        Value::Map(map) => left_in_map(map),
        Value::List(list) => list.iter().find_map(left_in_value),
        _ => None,
    }
}

/// Runs a tool to the program's exit status.
#[must_use]
pub fn main(tool: &Tool) -> u8 {
    tool.run().unwrap_or_else(|fatal| {
        fatal.report();
        OWN_FAILURE
    })
}

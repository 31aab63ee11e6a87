//! `--explain`: what a payload, a message number, an algorithm, or a section of an RFC is; and what
//! went by in a capture of any program's session, read with its key log.
//!
//! The fields are those of the declarations that the connection itself reads by; a capture becomes
//! the same events that `--trace` writes.

pub mod capture;
pub mod frames;
mod reference;
pub mod secrets;
mod tcp;

use crate::exit::{Fatal, Result, os_words};
use crate::log;
use crate::trace::{TraceOptions, text};
use std::path::PathBuf;
use tssh_connection::trace::shape as upper;
use tssh_transport::Timestamp;
use tssh_transport::trace::{
    AuthMethod, Context, Event, Family, Kind, Map, Value, dissect, shape, unhex,
};

/// Longest payload that is taken: the largest packet.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explain {
    /// A payload in hexadecimal.
    Payload(String),
    /// A message number.
    Message(u8),
    /// An algorithm's name.
    Algorithm(String),
    /// A section: `4254#7.2`.
    Section(String),
    /// A capture, with what is to be written down of it.
    Capture(PathBuf, Box<TraceOptions>),
}

impl Explain {
    /// Reads what follows the option: a kind and its value, or a value whose kind is plain.
    ///
    /// # Errors
    /// What is missing or of no kind.
    pub fn parse(first: &str, rest: &[String], trace: &TraceOptions) -> Result<Self> {
        const KINDS: &str = "--explain takes HEX, msg NUMBER, alg NAME, rfc RFC#SECTION, or pcap \
                             FILE [--keylog FILE]";
        let fault = || Fatal::usage(KINDS);
        let one = || match rest {
            [value] => Ok(value.clone()),
            _ => Err(fault()),
        };
        match first {
            "msg" => Ok(Self::Message(one()?.parse().map_err(|_| fault())?)),
            "alg" => Ok(Self::Algorithm(one()?)),
            "rfc" => Ok(Self::Section(one()?)),
            "hex" => Ok(Self::Payload(one()?)),
            "pcap" => {
                let (path, options) = rest.split_first().ok_or_else(fault)?;
                let mut trace = trace.clone();
                let mut words = options.iter();
                while let Some(word) = words.next() {
                    let long = word.strip_prefix("--").unwrap_or_default();
                    let (name, attached) = match long.split_once('=') {
                        Some((name, value)) => (name, Some(value)),
                        None => (long, None),
                    };
                    let known = name != "record" && name != "allow-keylog-env";
                    if !known || !trace.take(name, attached, &mut || words.next().cloned())? {
                        return Err(Fatal::usage(format!("--explain takes no {word}")));
                    }
                }
                Ok(Self::Capture(PathBuf::from(path), Box::new(trace)))
            }
            "" => Err(fault()),
            text if !rest.is_empty() => Err(Fatal::usage(format!("--explain {text}: {KINDS}"))),
            text if text.contains('#') => Ok(Self::Section(text.to_owned())),
            text if text.parse::<u8>().is_ok() => {
                Ok(Self::Message(text.parse().map_err(|_| fault())?))
            }
            text if reference::is_algorithm(text) => Ok(Self::Algorithm(text.to_owned())),
            text => Ok(Self::Payload(text.to_owned())),
        }
    }

    /// Does it and gives the exit status.
    ///
    /// # Errors
    /// What is not known, or cannot be read.
    pub fn run(&self) -> Result<u8> {
        let text = match self {
            Self::Payload(hex) => payload(hex)?,
            Self::Message(number) => reference::message(*number)
                .ok_or_else(|| Fatal::usage(format!("tssh: message {number} is not assigned")))?,
            Self::Algorithm(name) => reference::algorithm(name)
                .ok_or_else(|| Fatal::usage(format!("tssh: no algorithm here is called {name}")))?,
            Self::Section(section) => reference::section(section).ok_or_else(|| {
                Fatal::usage(format!("tssh: nothing here cites section {section}"))
            })?,
            Self::Capture(path, trace) => return capture::run(path, trace),
        };
        log::out(text).map_err(|error| Fatal::usage(format!("tssh: {}", os_words(&error))))?;
        Ok(0)
    }
}

/// What gives numbers that are used more than once their meaning, in every way that there is.
fn contexts() -> impl Iterator<Item = Context> {
    let families = [Family::Ecdh, Family::Dh, Family::GroupExchange];
    let methods = [AuthMethod::PublicKey, AuthMethod::Password, AuthMethod::Interactive];
    families
        .into_iter()
        .flat_map(move |family| methods.into_iter().map(move |method| Context { family, method }))
}

/// A payload with each meaning that it can have.
fn payload(hex: &str) -> Result<String> {
    let digits: String = hex.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    let digits = digits.to_ascii_lowercase();
    let bytes = unhex(&digits).filter(|bytes| !bytes.is_empty());
    let bytes = bytes.filter(|bytes| bytes.len() <= PAYLOAD_BYTES_MAX);
    let bytes = bytes.ok_or_else(|| {
        Fatal::usage(
            "tssh: --explain: that is no payload in hexadecimal, and nothing that has a name",
        )
    })?;
    let number = bytes[0];
    let mut shapes: Vec<_> = contexts().filter_map(|context| shape(number, context)).collect();
    shapes.extend(upper(number));
    shapes.dedup_by_key(|shape| shape.name);
    let mut meanings: Vec<_> = shapes.into_iter().map(Some).collect();
    if meanings.is_empty() {
        meanings.push(None);
    }
    let mut out = Vec::new();
    for shape in meanings {
        let name = shape.map_or("a message that is not known here", |shape| shape.name);
        let section = shape.map(|shape| shape.section).filter(|section| !section.is_empty());
        let values = Map::new()
            .with("msg", u32::from(number))
            .with("name", name)
            .with("rfc", section)
            .with("payload_len", bytes.len())
            .with("payload", Value::bytes(&bytes))
            .with("fields", dissect(&bytes, shape.as_ref()))
            .with("redacted", Vec::new());
        let event = Event { kind: Kind::Packet, n: 0, at: Timestamp::default(), values };
        text::payload(&event.values, &mut out);
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests;

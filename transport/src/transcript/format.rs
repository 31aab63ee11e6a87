//! The text of a transcript, read and written.

use crate::algorithms::Algorithms;
use crate::entropy::SEED_BYTES;
use crate::kex::rekey::RekeyLimits;
use crate::key::{PrivateKey, parse_private_key};
use crate::side::Side;
use crate::transport::TransportConfig;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::time::Duration;

const FIRST_LINE: &str = "tssh-transcript 1";

/// Bytes as lower-case hexadecimal digits; `-` for none, so that a line keeps its fields.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_string();
    }
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for b in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
    }
    out
}

/// The reverse of [`hex`].
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(Vec::new());
    }
    let digits = text.as_bytes();
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let value = |d: &u8| char::from(*d).to_digit(16).and_then(|v| u8::try_from(v).ok());
    pairs
        .map(|pair| match pair {
            [a, b] => Some(value(a)? << 4 | value(b)?),
            _ => None,
        })
        .collect()
}

/// Why a transcript cannot be used; the text says what is wrong with which part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFault(pub String);

impl core::fmt::Display for ReadFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for ReadFault {}

/// One line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Number in the file, from 1.
    pub number: usize,
    /// Layer and call: `t received`.
    pub call: &'a str,
    /// What follows.
    pub arguments: &'a str,
}

impl Line<'_> {
    /// The arguments as bytes.
    ///
    /// # Errors
    /// Where they are not hexadecimal digits.
    pub fn bytes(&self) -> Result<Vec<u8>, ReadFault> {
        unhex(self.arguments).ok_or_else(|| self.fault("is not in hexadecimal digits"))
    }

    /// The arguments as numbers.
    ///
    /// # Errors
    /// Where there are not exactly `N`.
    pub fn numbers<const N: usize>(&self) -> Result<[u64; N], ReadFault> {
        let mut words = self.arguments.split(' ');
        let mut out = [0; N];
        for slot in &mut out {
            let word = words.next().and_then(|w| w.parse().ok());
            *slot = word.ok_or_else(|| self.fault("lacks a number"))?;
        }
        Ok(out)
    }

    /// A fault of this line.
    #[must_use]
    pub fn fault(&self, what: &str) -> ReadFault {
        ReadFault(format!("line {} ({}) {what}", self.number, self.call))
    }
}

/// A transcript taken apart.
#[derive(Debug)]
pub struct Transcript<'a> {
    header: BTreeMap<&'a str, &'a str>,
    lines: Vec<Line<'a>>,
}

impl<'a> Transcript<'a> {
    /// Reads the whole text.
    ///
    /// # Errors
    /// Where it is not a transcript of this version.
    pub fn parse(text: &'a str) -> Result<Self, ReadFault> {
        let mut numbered = (1usize..).zip(text.lines());
        if numbered.next().map(|(_, line)| line) != Some(FIRST_LINE) {
            return Err(ReadFault(format!("the first line is not \"{FIRST_LINE}\"")));
        }
        let mut header = BTreeMap::new();
        for (number, line) in numbered.by_ref() {
            if line.is_empty() {
                break;
            }
            let pair = line.split_once(' ');
            let (key, value) =
                pair.ok_or_else(|| ReadFault(format!("line {number} has no value")))?;
            header.insert(key, value);
        }
        let lines = numbered.filter_map(|(number, line)| {
            let mut words = line.splitn(3, ' ');
            let call_len = words.next()?.len().checked_add(1)?.checked_add(words.next()?.len())?;
            let call = line.get(..call_len)?;
            Some(Line { number, call, arguments: words.next().unwrap_or_default() })
        });
        Ok(Self { header, lines: lines.collect() })
    }

    /// A value of the header.
    ///
    /// # Errors
    /// Where it is missing.
    pub fn value(&self, key: &str) -> Result<&'a str, ReadFault> {
        self.header.get(key).copied().ok_or_else(|| ReadFault(format!("the header has no {key}")))
    }

    /// The log.
    #[must_use]
    pub fn lines(&self) -> &[Line<'a>] {
        &self.lines
    }

    /// Which end was recorded.
    ///
    /// # Errors
    /// Where the header does not say.
    pub fn side(&self) -> Result<Side, ReadFault> {
        match self.value("side")? {
            "client" => Ok(Side::Client),
            "server" => Ok(Side::Server),
            other => Err(ReadFault(format!("side {other} is neither client nor server"))),
        }
    }

    /// The seed of the connection's entropy.
    ///
    /// # Errors
    /// Where the header has none of the right length.
    pub fn seed(&self) -> Result<[u8; SEED_BYTES], ReadFault> {
        let bytes = unhex(self.value("seed")?).and_then(|b| b.try_into().ok());
        bytes.ok_or_else(|| ReadFault("the seed is not 64 bytes in hexadecimal digits".to_string()))
    }
}

/// The header's lines for a transport's configuration. `host_key_files` are the texts that the
/// server's keys were read from.
#[must_use]
pub fn header(
    side: Side,
    seed: &[u8; SEED_BYTES],
    config: &TransportConfig,
    host_key_files: &[Vec<u8>],
) -> String {
    let a = &config.algorithms;
    let r = &config.rekey;
    let mut out = String::from(FIRST_LINE);
    let mut line = |key: &str, value: &str| {
        out.push('\n');
        out.push_str(key);
        out.push(' ');
        out.push_str(value);
    };
    line("side", if side.is_client() { "client" } else { "server" });
    line("seed", &hex(seed));
    line("identification", &config.identification);
    line("kex", &a.kex.join(","));
    line("host_key", &a.host_key.join(","));
    line("cipher", &a.cipher.join(","));
    line("mac", &a.mac.join(","));
    line("compression", &a.compression.join(","));
    line("rekey", &format!("{} {} {}", r.bytes, r.packets, r.interval.as_micros()));
    line("server_sig_algs", &format!("{}.", config.server_sig_algs.join(",")));
    let keys: Vec<String> = host_key_files.iter().map(|k| hex(k)).collect();
    line("host_key_files", &format!("{}.", keys.join(",")));
    out.push('\n');
    out
}

fn names(list: &str) -> Vec<String> {
    list.split(',').filter(|n| !n.is_empty()).map(ToString::to_string).collect()
}

/// The configuration that a header holds.
///
/// # Errors
/// Where a value is missing or cannot be read.
pub fn config(transcript: &Transcript<'_>) -> Result<TransportConfig, ReadFault> {
    let list = |key| transcript.value(key).map(names);
    let dotted = |key| transcript.value(key).map(|v| names(v.trim_end_matches('.')));
    let rekey = Line { number: 0, call: "rekey", arguments: transcript.value("rekey")? };
    let [bytes, packets, interval] = rekey.numbers()?;
    let key = |text: &String| -> Result<PrivateKey, ReadFault> {
        let file = unhex(text).unwrap_or_default();
        let fault = |e| ReadFault(format!("a host key cannot be read: {e:?}"));
        parse_private_key(&file, None).map_err(fault)
    };
    Ok(TransportConfig {
        identification: transcript.value("identification")?.to_string(),
        algorithms: Algorithms {
            kex: list("kex")?,
            host_key: list("host_key")?,
            cipher: list("cipher")?,
            mac: list("mac")?,
            compression: list("compression")?,
        },
        rekey: RekeyLimits { bytes, packets, interval: Duration::from_micros(interval) },
        host_keys: dotted("host_key_files")?.iter().map(key).collect::<Result<_, _>>()?,
        server_sig_algs: dotted("server_sig_algs")?,
    })
}

//! Keywords whose values are checked and kept, so that `-G` prints them, and which nothing acts
//! on yet.

use super::keywords::{Complaint, Words, argument, seconds, unsupported};
use super::options::Options;
use super::{algorithms, values};
use crate::limits::LIST_ENTRIES_MAX;

/// The form of a kept value.
pub enum Shape {
    /// yes or no.
    Flag,
    /// One word.
    Word,
    /// Several words, set as a whole.
    Words,
    /// One word of each line, all of them in order.
    Lines,
    /// The rest of the line as it stands.
    Rest,
    /// A number of at least 0.
    Number,
    /// A duration.
    Seconds,
    /// A list of key types.
    KeyTypes,
    /// One of these words; the second half is how `-G` writes it.
    Name(&'static [(&'static str, &'static str)]),
    /// Anything else: yields what `-G` prints.
    Check(fn(&mut Words) -> Result<Vec<String>, Complaint>),
}

/// What becomes of a connection that asks for something which is not built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing: it has no meaning for what is built.
    Quiet,
    /// It is said once, unless the value turns it off.
    Said,
    /// It would be dangerous to go on without it: refused, unless turned off.
    Refused,
}

/// Checks a value and, when `active`, keeps it unless an earlier line set it. Whether it was kept.
///
/// # Errors
/// ssh's complaint about the value.
pub fn apply(
    name: &'static str,
    shape: &Shape,
    o: &mut Options,
    words: &mut Words,
    active: bool,
) -> Result<bool, Complaint> {
    let (value, every) = match shape {
        Shape::Lines => (vec![argument(words)?], true),
        other => (once(other, words)?, false),
    };
    if !active {
        return Ok(false);
    }
    let held = o.held.entry(name).or_default();
    if held.is_empty() || (every && held.len() < LIST_ENTRIES_MAX && !held.contains(&value[0])) {
        held.extend(value);
        return Ok(true);
    }
    Ok(false)
}

fn once(shape: &Shape, words: &mut Words) -> Result<Vec<String>, Complaint> {
    Ok(match shape {
        Shape::Flag => {
            let word = argument(words)?;
            let flag = values::flag(&word).ok_or_else(|| unsupported(&word))?;
            vec![if flag { "yes" } else { "no" }.to_owned()]
        }
        Shape::Word | Shape::Rest | Shape::Lines => vec![argument(words)?],
        Shape::Words => {
            let all: Vec<String> = words.drain(..).collect();
            if all.is_empty() || all.iter().any(String::is_empty) {
                return Err("Missing argument.".to_owned());
            }
            all
        }
        Shape::Number => {
            let number = values::number(&argument(words)?);
            vec![number.map_err(|fault| format!("integer value {fault}."))?.to_string()]
        }
        Shape::Seconds => seconds(&argument(words)?)?.iter().map(ToString::to_string).collect(),
        Shape::KeyTypes => {
            let names = argument(words)?;
            if !algorithms::valid(algorithms::Kind::Key, &names) {
                return Err(format!("Bad key types '{names}'."));
            }
            vec![names]
        }
        Shape::Name(names) => {
            let word = argument(words)?;
            vec![named(names, &word).ok_or_else(|| unsupported(&word))?]
        }
        Shape::Check(check) => check(words)?,
    })
}

fn named(names: &[(&str, &str)], word: &str) -> Option<String> {
    let (_, printed) = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
    Some((*printed).to_owned())
}

/// yes and no as `-G` writes them for keywords that know more words.
const TRUE_FALSE: &[(&str, &str)] =
    &[("yes", "true"), ("true", "true"), ("no", "false"), ("false", "false")];
/// `ControlMaster`.
pub const CONTROL_MASTER: &[(&str, &str)] = &[
    ("yes", "true"),
    ("true", "true"),
    ("no", "false"),
    ("false", "false"),
    ("auto", "auto"),
    ("ask", "ask"),
    ("autoask", "autoask"),
];
/// `Tunnel`: "yes" is the point-to-point kind.
pub const TUNNEL: &[(&str, &str)] = &[
    ("ethernet", "ethernet"),
    ("point-to-point", "point-to-point"),
    ("yes", "point-to-point"),
    ("true", "point-to-point"),
    ("no", "false"),
    ("false", "false"),
];
/// `VerifyHostKeyDNS` and `UpdateHostKeys`.
pub const YES_NO_ASK: &[(&str, &str)] =
    &[("yes", "true"), ("true", "true"), ("no", "false"), ("false", "false"), ("ask", "ask")];
/// Names of the type-of-service byte, the one printed first; RFC 2474, RFC 3246 and RFC 8622.
const SERVICES: &[(&str, u8)] = &[
    ("af11", 0x28),
    ("af12", 0x30),
    ("af13", 0x38),
    ("af21", 0x48),
    ("af22", 0x50),
    ("af23", 0x58),
    ("af31", 0x68),
    ("af32", 0x70),
    ("af33", 0x78),
    ("af41", 0x88),
    ("af42", 0x90),
    ("af43", 0x98),
    ("cs0", 0x00),
    ("cs1", 0x20),
    ("cs2", 0x40),
    ("cs3", 0x60),
    ("cs4", 0x80),
    ("cs5", 0xa0),
    ("cs6", 0xc0),
    ("cs7", 0xe0),
    ("ef", 0xb8),
    ("le", 0x04),
    ("lowdelay", 0x10),
    ("throughput", 0x08),
    ("reliability", 0x04),
];

/// `AddKeysToAgent`: a word, a duration, or `confirm` and a duration.
pub fn add_keys_to_agent(words: &mut Words) -> Result<Vec<String>, Complaint> {
    let word = argument(words)?;
    let time = words.pop_front();
    let name = named(TRUE_FALSE, &word).or_else(|| {
        let others = &[("ask", "ask"), ("confirm", "confirm")];
        named(others, &word)
    });
    match (name, time) {
        (Some(name), Some(time)) if name == "confirm" => {
            let time = values::seconds(&time).ok_or_else(|| "invalid time value.".to_owned())?;
            Ok(if time == 0 { vec![name] } else { vec![name, time.to_string()] })
        }
        (Some(name), None) => Ok(vec![name]),
        (None, None) => match values::seconds(&word) {
            Some(0) => Ok(vec!["true".to_owned()]),
            Some(time) => Ok(vec![time.to_string()]),
            None => Err("unsupported option".to_owned()),
        },
        _ => Err("unsupported option".to_owned()),
    }
}

/// `ControlPersist`: yes, no, or a duration, of which 0 means for ever.
pub fn control_persist(words: &mut Words) -> Result<Vec<String>, Complaint> {
    let word = argument(words)?;
    let value = match (values::flag(&word), values::seconds(&word)) {
        (Some(true), _) | (None, Some(0)) => "yes".to_owned(),
        (Some(false), _) => "no".to_owned(),
        (None, Some(seconds)) => seconds.to_string(),
        (None, None) => return Err("Bad ControlPersist argument.".to_owned()),
    };
    Ok(vec![value])
}

/// `IPQoS`: one value for both kinds of session, or one for each.
pub fn ip_qos(words: &mut Words) -> Result<Vec<String>, Complaint> {
    let bad = |word: &str| format!("Bad IPQoS value: {word}");
    let interactive = argument(words)?;
    let first = service(&interactive).ok_or_else(|| bad(&interactive))?;
    let second = match words.pop_front() {
        Some(bulk) => service(&bulk).ok_or_else(|| bad(&bulk))?,
        None => first.clone(),
    };
    Ok(vec![first, second])
}

fn service(word: &str) -> Option<String> {
    if word.eq_ignore_ascii_case("none") {
        return Some("none".to_owned());
    }
    let named = SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    let value = match named {
        Some((_, value)) => *value,
        None => match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(hex) => u8::from_str_radix(hex, 16).ok()?,
            None if word.len() > 1 && word.starts_with('0') => u8::from_str_radix(word, 8).ok()?,
            None => word.parse().ok()?,
        },
    };
    let name = SERVICES.iter().find(|(_, known)| *known == value);
    Some(name.map_or_else(|| format!("0x{value:02x}"), |(name, _)| (*name).to_owned()))
}

/// `SyslogFacility`.
pub fn facility(words: &mut Words) -> Result<String, Complaint> {
    let word = argument(words)?;
    let name = word.to_ascii_uppercase();
    if !crate::log::FACILITIES.iter().any(|(known, _)| *known == name) {
        return Err(format!("unsupported log facility '{word}'"));
    }
    Ok(name)
}

/// `TunnelDevice`: two numbers or `any`.
pub fn tunnel_device(words: &mut Words) -> Result<Vec<String>, Complaint> {
    let word = argument(words)?;
    let (local, remote) = word.split_once(':').unwrap_or((&word, "any"));
    let unit = |text: &str| text.eq_ignore_ascii_case("any") || text.parse::<u16>().is_ok();
    if !unit(local) || !unit(remote) {
        return Err("Bad tun device.".to_owned());
    }
    Ok(vec![format!("{}:{}", local.to_lowercase(), remote.to_lowercase())])
}

/// `CanonicalizePermittedCNAMEs`: pairs of lists of patterns.
pub fn permitted_cnames(words: &mut Words) -> Result<Vec<String>, Complaint> {
    let all: Vec<String> = words.drain(..).map(|word| word.to_lowercase()).collect();
    let none = all.iter().any(|word| word == "none");
    if none && all.len() > 1 {
        let text = "keyword canonicalizepermittedcnames \"none\" argument must appear alone.";
        return Err(text.to_owned());
    }
    match all.iter().find(|word| !none && !word.contains(':')) {
        Some(word) => Err(format!("Invalid permitted CNAME \"{word}\"")),
        None if all.is_empty() => Err("Missing argument.".to_owned()),
        None => Ok(all),
    }
}

/// `CanonicalDomains`: names, or `none`.
pub fn domains(words: &mut Words) -> Result<Vec<String>, Complaint> {
    let all: Vec<String> = words.drain(..).collect();
    for name in &all {
        let bad = |what: &str| Err(format!("domain name \"{name}\" {what}"));
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.') {
            return bad("starts with invalid character");
        }
        if name.contains(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c)) {
            return bad("contains invalid characters");
        }
        if name.contains("..") {
            return bad("contains consecutive separators");
        }
    }
    let none = all.iter().any(|name| name.eq_ignore_ascii_case("none"));
    if none && all.len() > 1 {
        return Err("keyword canonicaldomains \"none\" argument must appear alone.".to_owned());
    }
    if all.is_empty() { Err("Missing argument.".to_owned()) } else { Ok(all) }
}

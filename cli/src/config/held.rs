//! Keywords whose values are checked and kept as text, in the form that `-G` prints: those that
//! nothing acts on, and those that few places look at.

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

/// What becomes of a value that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing is missing: the settings look at it.
    Nothing,
    /// It has no meaning for what is built, for this reason.
    Quiet(&'static str),
    /// It asks for what is not built, for this reason. From a file that is said, from the command
    /// line it is refused; unless the value turns it off.
    Said(&'static str),
}

/// Why host-based authentication is not there.
pub const NO_HOST_BASED: &str = "tssh is built without host-based authentication";
/// Why keys of tokens are not there.
pub const NO_PKCS11: &str = "tssh is built without PKCS#11; an agent can hold such keys";
/// Why tunnel devices are not there.
pub const NO_TUNNELS: &str = "tssh has no tunnel devices: forward ports instead";
/// Why security keys are not used directly.
pub const NO_FIDO: &str = "security keys (FIDO) are used through an agent only";
/// Why host keys are not looked for in DNS.
pub const NO_SSHFP: &str = "tssh does not look for host keys (SSHFP records) in DNS";
/// Why GSSAPI is not there.
pub const NO_GSSAPI: &str = "tssh is built without GSSAPI";

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

/// The interval of keystrokes in milliseconds where nobody names another; ssh's.
const KEYSTROKE_MS: u32 = 20;
/// Longer ones would be felt as a broken connection; ssh's bound.
const KEYSTROKE_MS_MAX: u32 = 1000;

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

/// The byte that a kept value of `IPQoS` stands for; nothing where the system's own is to stay.
#[must_use]
pub fn type_of_service(kept: &str) -> Option<u8> {
    match SERVICES.iter().find(|(name, _)| *name == kept) {
        Some((_, value)) => Some(*value),
        None => u8::from_str_radix(kept.strip_prefix("0x")?, 16).ok(),
    }
}

/// `ChannelTimeout`: kinds of channel with the time that each may be idle, or `none`.
pub fn channel_timeout(words: &mut Words) -> Result<Vec<String>, Complaint> {
    let all: Vec<String> = words.drain(..).collect();
    if all.is_empty() {
        return Err("Missing argument.".to_owned());
    }
    let none = all.iter().any(|word| word.eq_ignore_ascii_case("none"));
    if none && all.len() > 1 {
        return Err("keyword channeltimeout \"none\" argument must appear alone.".to_owned());
    }
    match all.iter().find(|word| !none && timeout(word).is_none()) {
        Some(word) => Err(format!("Invalid channel timeout {word}")),
        None => Ok(all),
    }
}

/// One word of `ChannelTimeout`: a pattern of channel types, and seconds.
#[must_use]
pub fn timeout(word: &str) -> Option<(&str, u32)> {
    let (kind, time) = word.split_once('=')?;
    (!kind.is_empty()).then_some((kind, values::seconds(time)?))
}

/// `ObscureKeystrokeTiming`: yes, no, or `interval:` and milliseconds.
pub fn keystroke_timing(words: &mut Words) -> Result<Vec<String>, Complaint> {
    let word = argument(words)?;
    let kept = match values::flag(&word) {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => {
            let digits = word.strip_prefix("interval:").ok_or_else(|| unsupported(&word))?;
            let interval = digits.parse().ok().filter(|ms| (1..=KEYSTROKE_MS_MAX).contains(ms));
            format!("interval:{}", interval.ok_or_else(|| unsupported(&word))?)
        }
    };
    Ok(vec![kept])
}

/// The interval that a kept value of `ObscureKeystrokeTiming` stands for, in milliseconds.
#[must_use]
pub fn keystroke_interval(kept: Option<&str>) -> Option<u32> {
    match kept {
        Some("no") => None,
        Some(interval) if interval != "yes" => interval.strip_prefix("interval:")?.parse().ok(),
        _ => Some(KEYSTROKE_MS),
    }
}

/// `WarnWeakCrypto`: yes, no, or a list of exceptions, of which there is one.
pub fn weak_crypto(words: &mut Words) -> Result<Vec<String>, Complaint> {
    let word = argument(words)?;
    if values::flag(&word).is_none() && word != "no-pq-kex" {
        return Err(unsupported(&word));
    }
    Ok(vec![word])
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

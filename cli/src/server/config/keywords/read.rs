//! Values of keywords, with sshd's complaints about bad ones.

use super::{Applied, Argument};
use crate::config::algorithms::{self, Kind as Names};
use crate::config::values;
use crate::forwards;
use crate::limits::LIST_ENTRIES_MAX;
use crate::log::Level;
use crate::server::config::script::EXTRA;
use crate::server::config::{Family, Forwarding, List, MaxStartups, Options, RootLogin, access};
use crate::server::log::Facility;
use tssh_forward::core::policy::GatewayPorts;

/// Keeps the value unless one was given before; it must be a good one either way.
pub fn once<T>(slot: &mut Option<T>, read: impl FnOnce() -> Result<T, String>) -> Applied {
    let value = read()?;
    slot.get_or_insert(value);
    Ok(())
}

/// The same for keywords with one argument.
pub fn first<T>(
    slot: &mut Option<T>,
    argument: &Argument<'_>,
    read: fn(&str) -> Option<T>,
) -> Applied {
    let [word] = argument.words else {
        return Err(extra(argument));
    };
    once(slot, || read(word).ok_or_else(|| complaint(argument.name, word)))
}

/// The same for sizes, which complain for themselves.
pub fn size<T>(
    slot: &mut Option<T>,
    argument: &Argument<'_>,
    read: fn(&str) -> Result<T, String>,
) -> Applied {
    let [word] = argument.words else {
        return Err(extra(argument));
    };
    once(slot, || read(word))
}

fn extra(a: &Argument<'_>) -> String {
    format!("keyword {} {EXTRA}", a.name)
}

fn complaint(name: &str, word: &str) -> String {
    match name {
        "Port" => "Badly formatted port number.".to_owned(),
        "ClientAliveInterval" | "LoginGraceTime" => "invalid time value.".to_owned(),
        "LogLevel" => format!("unsupported log level '{word}'"),
        "SyslogFacility" => format!("unsupported log facility '{word}'"),
        "MaxStartups" => "Invalid MaxStartups spec.".to_owned(),
        "ClientAliveCountMax"
        | "MaxAuthTries"
        | "MaxSessions"
        | "RequiredRSASize"
        | "X11DisplayOffset" => {
            let fault = values::number(word).err().unwrap_or("invalid");
            format!("{name} integer value {fault}.")
        }
        _ => format!("unsupported option \"{word}\"."),
    }
}

/// A line more of a list, unless a `Match` block has spoken.
pub fn grow<T>(list: &mut List<T>, more: impl IntoIterator<Item = T>) -> Applied {
    if list.closed { Ok(()) } else { add(&mut list.values, more) }
}

/// The same for what `Match` blocks have no say in.
pub fn add<T>(values: &mut Vec<T>, more: impl IntoIterator<Item = T>) -> Applied {
    values.extend(more);
    if values.len() > LIST_ENTRIES_MAX {
        return Err(format!("more than {LIST_ENTRIES_MAX} entries"));
    }
    Ok(())
}

pub fn list(slot: &mut Option<String>, a: &Argument<'_>, kind: Names, complaint: &str) -> Applied {
    let [names] = a.words else {
        return Err(extra(a));
    };
    if !algorithms::valid(kind, names) {
        return Err(format!("{complaint} '{names}'."));
    }
    once(slot, || Ok(names.clone()))
}

pub fn text(word: &str) -> Option<String> {
    Some(word.to_owned())
}

/// The name of a file; the server may be elsewhere when it looks.
pub fn path(word: &str) -> Option<String> {
    Some(if word == "none" { word.to_owned() } else { whole(word) })
}

pub fn whole(word: &str) -> String {
    let path = std::path::absolute(word);
    path.map_or_else(|_| word.to_owned(), |path| path.to_string_lossy().into_owned())
}

pub fn flag(word: &str) -> Option<bool> {
    values::flag(word)
}

pub fn number(word: &str) -> Option<u32> {
    values::number(word).ok()
}

pub fn seconds(word: &str) -> Option<u32> {
    if word == "none" { Some(0) } else { values::seconds(word) }
}

pub fn log_level(word: &str) -> Option<Level> {
    Level::from_name(word)
}

/// `delayed` has been the same as `yes` since OpenSSH 7.4: never before authentication.
pub fn compression(word: &str) -> Option<bool> {
    if word.eq_ignore_ascii_case("delayed") { Some(true) } else { flag(word) }
}

pub fn family(word: &str) -> Option<Family> {
    Some(match word.to_ascii_lowercase().as_str() {
        "any" => Family::Any,
        "inet" => Family::Inet,
        "inet6" => Family::Inet6,
        _ => return None,
    })
}

pub fn forwarding(word: &str) -> Option<Forwarding> {
    Some(match word.to_ascii_lowercase().as_str() {
        "yes" | "all" => Forwarding::Yes,
        "no" => Forwarding::No,
        "local" => Forwarding::Local,
        "remote" => Forwarding::Remote,
        _ => return None,
    })
}

pub fn gateway_ports(word: &str) -> Option<GatewayPorts> {
    Some(match word.to_ascii_lowercase().as_str() {
        "yes" | "true" => GatewayPorts::Yes,
        "no" | "false" => GatewayPorts::No,
        "clientspecified" => GatewayPorts::ClientSpecified,
        _ => return None,
    })
}

pub fn facility(word: &str) -> Option<Facility> {
    Facility::from_name(word)
}

pub fn root_login(word: &str) -> Option<RootLogin> {
    Some(match word.to_ascii_lowercase().as_str() {
        "yes" => RootLogin::Yes,
        "prohibit-password" | "without-password" => RootLogin::ProhibitPassword,
        "forced-commands-only" => RootLogin::ForcedCommandsOnly,
        "no" => RootLogin::No,
        _ => return None,
    })
}

pub fn max_startups(word: &str) -> Option<MaxStartups> {
    let numbers: Vec<u32> =
        word.split(':').map(|n| n.parse().ok()).collect::<Option<_>>().unwrap_or_default();
    let limits = match numbers[..] {
        [full] => MaxStartups { start: full, rate: 100, full },
        [start, rate, full] => MaxStartups { start, rate, full },
        _ => return None,
    };
    let good = limits.start > 0 && limits.start <= limits.full && (1..=100).contains(&limits.rate);
    good.then_some(limits)
}

pub fn port(options: &mut Options, a: &Argument<'_>) -> Applied {
    let port = match a.words {
        [word] => forwards::port(word).ok_or_else(|| complaint(a.name, word))?,
        _ => return Err(complaint(a.name, "")),
    };
    add(&mut options.ports, [port])
}

pub fn listen_address(options: &mut Options, a: &Argument<'_>) -> Applied {
    // An `rdomain` behind it is OpenBSD's.
    let [word] = a.words else {
        return Err(extra(a));
    };
    let bad = || format!("bad address: {word}");
    let (host, port) = match word.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            let port = if rest.is_empty() { None } else { rest.strip_prefix(':') };
            if port.is_none() && !rest.is_empty() {
                return Err(bad());
            }
            (host, port)
        }
        // More than one colon is an IPv6 address without brackets.
        None if word.matches(':').count() > 1 => (word.as_str(), None),
        None => word.split_once(':').map_or((word.as_str(), None), |(h, p)| (h, Some(p))),
    };
    let port = match port {
        None => None,
        Some(port) => Some(forwards::port(port).ok_or("bad port number")?),
    };
    add(&mut options.listen_addresses, [(host.to_owned(), port)])
}

/// The words of `PermitOpen` and `PermitListen`, which are kept as they are.
pub fn permits(a: &Argument<'_>, listen: bool) -> Result<Vec<String>, String> {
    if matches!(a.words, [one, _, ..] if one == "any" || one == "none") {
        return Err(extra(a));
    }
    let alone = matches!(a.words, [one] if one == "any" || one == "none");
    let good = |word: &String| match listen {
        true => forwards::listen_permit(word).is_some(),
        false => forwards::permit(word).is_some(),
    };
    if !alone && !a.words.iter().all(good) {
        return Err(format!("{} bad port number", a.name));
    }
    // A port alone is one of any address.
    let whole = |word: &String| match listen && !alone && !word.contains(':') {
        true => format!("*:{word}"),
        false => word.clone(),
    };
    Ok(a.words.iter().map(whole).collect())
}

/// An octal number of permission bits.
pub fn mask(a: &Argument<'_>) -> Result<u32, String> {
    let mask = match a.words {
        [word] => u32::from_str_radix(word, 8).ok().filter(|mask| *mask <= 0o777),
        _ => return Err(extra(a)),
    };
    mask.ok_or_else(|| "Invalid StreamLocalBindMask.".to_owned())
}

/// A command whose program is named in full, as the line has it; or `none`.
pub fn absolute(a: &Argument<'_>) -> Result<String, String> {
    if a.rest.starts_with('/') || a.rest == "none" {
        return Ok(a.rest.to_owned());
    }
    Err(format!("{} must be an absolute path", a.name))
}

/// A line of `AllowUsers` or `DenyUsers`.
pub fn access_pattern(list: &mut List<String>, a: &Argument<'_>) -> Applied {
    if let Some(bad) = a.words.iter().find(|word| !access::is_pattern(word)) {
        return Err(format!("invalid {} pattern: \"{bad}\"", a.name));
    }
    grow(list, a.words.iter().cloned())
}

pub fn accept_env(list: &mut List<String>, a: &Argument<'_>) -> Applied {
    if a.words.iter().any(|word| word.contains('=')) {
        return Err("Invalid environment name.".to_owned());
    }
    grow(list, a.words.iter().cloned())
}

pub fn set_env(a: &Argument<'_>) -> Result<Vec<(String, String)>, String> {
    let pair = |word: &String| {
        let (name, value) = word.split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let pairs = a.words.iter().map(|word| pair(word).ok_or_else(|| "Invalid environment.".into()));
    pairs.collect()
}

pub fn subsystem(options: &mut Options, a: &Argument<'_>) -> Applied {
    let [name, program, ..] = a.words else {
        return Err("Missing subsystem command.".to_owned());
    };
    if program == "internal-sftp" {
        return Err("internal-sftp is not built into tsshd; name a program, such as \
                    /usr/lib/openssh/sftp-server"
            .to_owned());
    }
    if options.subsystems.iter().any(|(known, _)| known == name) {
        // The first value wins, here by name.
        return Ok(());
    }
    let command = a.words.get(1..).unwrap_or_default().join(" ");
    add(&mut options.subsystems, [(name.clone(), command)])
}

//! The name of the host in full: `CanonicalizeHostname` and its company, and addresses in their
//! usual spelling.

use super::options::{Canonicalize, Options};
use super::pattern::{self, Verdict};
use crate::exit::{Fatal, Result};
use crate::log;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs as _};
use std::process::{Command, Stdio};

/// The name to connect to, and to read the files again with: an address in its usual spelling, a
/// name in lower case, and where the configuration asks for it the full name.
///
/// # Errors
/// A name that must be found in one of the domains and is not.
pub fn host(options: &Options, host: &str) -> Result<String> {
    if let Some(address) = address(host) {
        return Ok(address);
    }
    if looks_like_address(host) {
        return Ok(host.to_owned());
    }
    let host = host.to_lowercase();
    let wanted = options.canonicalize_hostname.unwrap_or_default();
    let direct = !options.has_proxy();
    // A proxy looks the name up, not we, unless somebody insists.
    let allowed = direct || wanted == Canonicalize::Always;
    if wanted != Canonicalize::No
        && allowed
        && let Some(full) = full_name(options, &host)?
    {
        return Ok(follow(options, full, direct));
    }
    if !options.permitted_cnames().is_empty() && allowed {
        if direct && !resolves(&host) {
            let words = "Name or service not known";
            return Err(Fatal::new(format!("ssh: Could not resolve hostname {host}: {words}")));
        }
        return Ok(follow(options, host, direct));
    }
    Ok(host)
}

/// The name with the first of the domains in which it is found; none where it stays as it is.
fn full_name(options: &Options, host: &str) -> Result<Option<String>> {
    let fallback = options.canonicalize_fallback_local.unwrap_or(true);
    let not_found = || match fallback {
        true => Ok(None),
        false => Err(Fatal::new(format!("ssh: Could not resolve host \"{host}\""))),
    };
    if let Some(anchored) = host.strip_suffix('.') {
        return if resolves(host) { Ok(Some(anchored.to_owned())) } else { not_found() };
    }
    let dots = host.matches('.').count();
    let most = options.canonicalize_max_dots.unwrap_or(1);
    if u32::try_from(dots).is_ok_and(|dots| dots > most) {
        log::debug3(format_args!("not canonicalizing hostname \"{host}\" (max dots {most})"));
        return Ok(None);
    }
    let domains = options.canonical_domains.as_deref().unwrap_or_default();
    for domain in domains.iter().take_while(|domain| !domain.eq_ignore_ascii_case("none")) {
        let full = format!("{host}.{}", domain.trim_start_matches('.').to_lowercase());
        log::debug3(format_args!("attempting \"{host}\" => \"{full}.\""));
        // The dot at the end keeps the resolver from trying domains of its own.
        if resolves(&format!("{full}.")) {
            log::debug1(format_args!("Canonicalized hostname \"{host}\" => \"{full}\""));
            return Ok(Some(full));
        }
    }
    log::debug2(format_args!("host {host} not found in any suffix"));
    not_found()
}

fn resolves(name: &str) -> bool {
    (name, 22).to_socket_addrs().is_ok_and(|mut found| found.next().is_some())
}

/// The name that `host` is an alias of, where the configuration permits to follow it.
fn follow(options: &Options, host: String, direct: bool) -> String {
    let rules = options.permitted_cnames();
    let permitted = match options.canonicalize_hostname.unwrap_or_default() {
        Canonicalize::No => false,
        Canonicalize::Yes => direct,
        Canonicalize::Always => true,
    };
    if rules.is_empty() || !permitted {
        return host;
    }
    let Some(name) = alias_of(&host).filter(|name| *name != host) else { return host };
    let permitted = rules.iter().filter_map(|rule| rule.split_once(':')).any(|(from, to)| {
        pattern::host_list(&host, from) == Verdict::Yes
            && pattern::host_list(&name, to) == Verdict::Yes
    });
    if !permitted {
        return host;
    }
    log::debug1(format_args!("Canonicalized DNS aliased hostname \"{host}\" => \"{name}\""));
    name
}

/// The canonical name that the system's resolver knows, which the standard library does not ask
/// for: `getent` does.
fn alias_of(host: &str) -> Option<String> {
    let mut command = Command::new("getent");
    command.args(["ahosts", "--", host]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    parse_getent(&String::from_utf8_lossy(&output.stdout))
}

/// Its first line is an address, the kind of socket, and the name.
fn parse_getent(text: &str) -> Option<String> {
    let name = text.lines().next()?.split_whitespace().nth(2)?;
    Some(name.trim_end_matches('.').to_lowercase())
}

/// Whether a text is meant as an address, be it one or not.
pub fn looks_like_address(host: &str) -> bool {
    !host.is_empty()
        && (host.contains(['%', ':']) || host.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// An address in its usual spelling.
fn address(host: &str) -> Option<String> {
    let (text, scope) = match host.split_once('%') {
        Some((text, scope)) => (text, Some(scope)),
        None => (host, None),
    };
    match (text.parse::<IpAddr>(), scope) {
        (Ok(address), None) => Some(address.to_string()),
        (Ok(address @ IpAddr::V6(_)), Some(scope)) => Some(format!("{address}%{scope}")),
        (_, None) => old_v4(text).map(|address| address.to_string()),
        _ => None,
    }
}

/// IPv4 as the C library reads it: one to four numbers, each decimal, octal or hexadecimal, of
/// which the last one fills what is left.
fn old_v4(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok(),
        None => part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten(),
    };
    let numbers: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, front) = numbers.split_last()?;
    let left = 4usize.checked_sub(front.len())?;
    if left == 0 || front.iter().any(|n| *n > 255) || u64::from(*last) >= 1 << (8 * left) {
        return None;
    }
    let head = front.iter().fold(0u32, |value, n| (value << 8) | n);
    Some(Ipv4Addr::from(head.checked_shl(8 * u32::try_from(left).ok()?).unwrap_or(0) | last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_their_usual_spelling() {
        for (text, expected) in [
            ("127.0.0.1", Some("127.0.0.1")),
            ("127.1", Some("127.0.0.1")),
            ("0x7f.1", Some("127.0.0.1")),
            ("010.0.0.1", Some("8.0.0.1")),
            ("2130706433", Some("127.0.0.1")),
            ("::0001", Some("::1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1%eth0")),
            ("256.1.1.1", None),
            ("1.2.3.4.5", None),
            ("1.2.3.", None),
            ("a.b", None),
            ("", None),
            ("+1", None),
        ] {
            assert_eq!(address(text).as_deref(), expected, "{text}");
        }
        assert!(looks_like_address("1.2.3.4.5") && !looks_like_address("a1"));
    }

    #[test]
    fn names_are_lower_case_and_otherwise_left_alone() {
        let options = Options::default();
        assert_eq!(host(&options, "Mixed.Case").unwrap(), "mixed.case");
        assert_eq!(host(&options, "FE80::1%Eth0").unwrap(), "fe80::1%Eth0");
    }

    #[test]
    fn domains_that_do_not_know_the_name() {
        let mut options = Options {
            canonicalize_hostname: Some(Canonicalize::Yes),
            canonical_domains: Some(vec!["invalid".into()]),
            ..Options::default()
        };
        assert_eq!(host(&options, "x").unwrap(), "x");
        assert_eq!(host(&options, "a.b.c").unwrap(), "a.b.c", "dots enough");
        options.canonicalize_fallback_local = Some(false);
        let text = "ssh: Could not resolve host \"x\"";
        assert_eq!(host(&options, "x").unwrap_err().message, text);
    }

    #[test]
    fn the_third_word_is_the_name() {
        let text = "192.0.2.1 STREAM real.example.org\n192.0.2.1 DGRAM\n";
        assert_eq!(parse_getent(text).as_deref(), Some("real.example.org"));
        assert_eq!(parse_getent("192.0.2.1 STREAM\n"), None);
    }
}

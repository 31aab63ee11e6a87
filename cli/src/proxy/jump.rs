//! `ProxyJump` and `-J`: a chain of machines, the last of which reaches the server.
//!
//! We run ourselves to log in to the last machine of the chain, with the machines before it as
//! that run's own chain. No shell takes part, so nothing in a name needs quoting.

use super::expand;
use crate::args::{Destination, check_destination, from_uri};
use crate::config::Settings;
use crate::exit::{Fatal, Result};
use std::path::Path;

/// Most `v`s that are passed on: more say no more.
const VERBOSITY_MAX: u32 = 3;
/// The port of a machine that is named without one.
const DEFAULT_PORT: u16 = 22;

/// Whether `text` is a chain: `[user@]host[:port]` or `ssh://` URIs with commas between, or
/// `none`.
pub fn is_valid(text: &str) -> bool {
    text.eq_ignore_ascii_case("none") || text.split(',').all(|hop| hop_of(hop).is_some())
}

/// One machine of the chain.
fn hop_of(text: &str) -> Option<Destination> {
    let (user, host, port) = match text.strip_prefix("ssh://") {
        Some(uri) => from_uri(uri)?,
        None => plain(text)?,
    };
    check_destination(&host, user.as_deref()).ok()?;
    Some((user, host, port))
}

fn plain(text: &str) -> Option<Destination> {
    let (user, rest) = match text.rsplit_once('@') {
        Some(("", _)) => return None,
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, text),
    };
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, if rest.is_empty() { "" } else { rest.strip_prefix(':')? })
        }
        None => rest.split_once(':').unwrap_or((rest, "")),
    };
    if host.is_empty() || host.contains('/') {
        return None;
    }
    let port = if port.is_empty() { None } else { Some(crate::forwards::port(port)?) };
    Some((user, host.to_owned(), port))
}

/// The command line of the run that reaches the server.
pub fn arguments(
    chain: &str,
    settings: &Settings,
    config_file: Option<&Path>,
    verbosity: u32,
) -> Result<Vec<String>> {
    let (before, last) = match chain.rsplit_once(',') {
        Some((before, last)) => (Some(before), last),
        None => (None, chain),
    };
    let invalid = || Fatal::new(format!("Invalid ProxyJump \"{chain}\""));
    let (user, host, port) = hop_of(last).ok_or_else(invalid)?;
    let same_user = user.as_ref().is_none_or(|user| *user == settings.user);
    if host == settings.host_name && port.unwrap_or(DEFAULT_PORT) == settings.port && same_user {
        return Err(Fatal::new(format!("jumphost loop via {host}")));
    }
    let mut words = Vec::new();
    let mut option = |letter: &str, value: String| words.extend([letter.to_owned(), value]);
    if let Some(user) = user {
        option("-l", expand(&user, settings)?);
    }
    if let Some(port) = port {
        option("-p", port.to_string());
    }
    if let Some(before) = before {
        option("-J", expand(before, settings)?);
    }
    if let Some(file) = config_file {
        option("-F", file.to_string_lossy().into_owned());
    }
    option("-W", format!("[{}]:{}", settings.host_name, settings.port));
    if verbosity > 0 {
        let letters = "v".repeat(verbosity.min(VERBOSITY_MAX) as usize);
        words.push(format!("-{letters}"));
    }
    // A token may have put anything there.
    let host = expand(&host, settings)?;
    check_destination(&host, None)?;
    words.push(host);
    Ok(words)
}

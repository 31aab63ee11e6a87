//! `[user@]host` and `ssh://[user@]host[:port]`.

use crate::exit::{Fatal, Result};

/// Host and user names that could be taken for something else later are refused, as by ssh: a
/// host that starts with a dash, a user with shell characters.
pub(crate) fn check_destination(host: &str, user: Option<&str>) -> Result<()> {
    let bad_host = host.is_empty()
        || host.starts_with('-')
        || host
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "'`\"$\\;&<>|(){}".contains(c));
    if bad_host {
        return Err(Fatal::usage("hostname contains invalid characters"));
    }
    let bad_user = user.is_some_and(|user| {
        user.starts_with('-')
            || user.ends_with('\\')
            || user.chars().any(|c| c.is_control() || "'`\";&<>|(){}".contains(c))
    });
    if bad_user {
        return Err(Fatal::usage("remote username contains invalid characters"));
    }
    Ok(())
}

/// User, host and port of a destination.
pub(crate) type Destination = (Option<String>, String, Option<u16>);

/// `[user@]host[:port]` of a URI, percent-encoding undone in the user's name.
pub(crate) fn from_uri(uri: &str) -> Option<Destination> {
    let uri = uri.strip_suffix('/').unwrap_or(uri);
    if uri.contains('/') {
        return None;
    }
    let (user, rest) = match uri.rsplit_once('@') {
        // What follows a semicolon is a connection parameter (a fingerprint), which ssh skips.
        Some((user, rest)) => {
            let user = percent_decoded(user.split(';').next().unwrap_or_default())?;
            if user.is_empty() {
                return None;
            }
            (Some(user), rest)
        }
        None => (None, uri),
    };
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let port = match port {
        Some(port) => Some(crate::forwards::port(port)?),
        None => None,
    };
    (!host.is_empty()).then(|| (user, host.to_owned(), port))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        if b != b'%' {
            bytes.push(b);
            continue;
        }
        let digit = |b: Option<u8>| char::from(b?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok().filter(|b| *b != 0)?);
    }
    String::from_utf8(bytes).ok()
}

//! The grammar of `-L`: `[bind_address:]port:host:hostport` and its three forms with Unix paths.
//!
//! The rules are ssh's, field by field: a field in square brackets is taken literally, a
//! backslash takes the next character literally, a field with a slash is a path, a port is a
//! number or the name of a service, and `${NAME}` stands for a variable of the environment. The
//! target's host is not looked at here: the far side resolves it.

use crate::core::services::Services;
use std::fmt;

/// Longest host name, as `NI_MAXHOST` counts it (its terminating zero included).
const HOST_BYTES_MAX: usize = 1025;
/// Longest Unix path, as `sun_path` counts it (its terminating zero included).
const PATH_BYTES_MAX: usize = 108;
/// A spec has at most this many fields.
const FIELDS_MAX: usize = 4;

/// Where connections are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP port.
    Tcp {
        /// The bind address as given: `None` when none was, empty or `*` for every address.
        bind: Option<String>,
        /// The port; 0, which no text yields, asks the operating system for any free one.
        port: u16,
    },
    /// A Unix socket.
    Unix(String),
}

/// What the far side connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A TCP port; the far side resolves the host.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port, from 1.
        port: u16,
    },
    /// A Unix socket on the far side.
    Unix(String),
}

/// One `-L`: connections to `listen` here reach `target` from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalForward {
    /// The listening side.
    pub listen: Listen,
    /// The target.
    pub target: Target,
}

/// A text that is no forwarding specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSpec {
    spec: String,
    cause: Option<String>,
}

impl BadSpec {
    /// What was wrong, where ssh prints a line about it before the one that [`fmt::Display`]
    /// yields.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl fmt::Display for BadSpec {
    /// ssh's words, which scripts match.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bad local forwarding specification '{}'", self.spec)
    }
}

impl std::error::Error for BadSpec {}

impl LocalForward {
    /// Reads the value of `-L`, or of `LocalForward` with its two arguments joined by a colon.
    /// `variable` yields the environment.
    ///
    /// # Errors
    /// Whatever ssh rejects, with the words it rejects it with.
    pub fn parse(
        spec: &str,
        services: &Services,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BadSpec> {
        let bad = |cause| BadSpec { spec: spec.to_owned(), cause };
        let expanded = expand(spec, variable).map_err(|cause| bad(Some(cause)))?;
        let fields = fields(expanded.trim_start()).ok_or_else(|| bad(None))?;
        let forward = assemble(&fields, services).ok_or_else(|| bad(None))?;
        if forward.fits() { Ok(forward) } else { Err(bad(None)) }
    }

    fn fits(&self) -> bool {
        let listen = match &self.listen {
            Listen::Tcp { bind, .. } => bind.as_ref().is_none_or(|b| b.len() < HOST_BYTES_MAX),
            Listen::Unix(path) => path.len() < PATH_BYTES_MAX,
        };
        let target = match &self.target {
            Target::Tcp { host, .. } => host.len() < HOST_BYTES_MAX,
            Target::Unix(path) => path.len() < PATH_BYTES_MAX,
        };
        listen && target
    }
}

impl fmt::Display for LocalForward {
    /// As `ssh -G` prints the value of `localforward`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.listen {
            Listen::Tcp { bind: None, port } => write!(f, "{port}")?,
            Listen::Tcp { bind: Some(bind), port } => write!(f, "[{bind}]:{port}")?,
            Listen::Unix(path) => f.write_str(path)?,
        }
        match &self.target {
            Target::Tcp { host, port } => write!(f, " [{host}]:{port}"),
            Target::Unix(path) => write!(f, " {path}"),
        }
    }
}

/// Puts the fields in their places; which places depends on how many there are and which of
/// them are paths.
fn assemble(fields: &[Field], services: &Services) -> Option<LocalForward> {
    let tcp = |bind: Option<&Field>, port: &Field| {
        let port = services.port(&port.text).filter(|port| *port != 0)?;
        Some(Listen::Tcp { bind: bind.map(|b| b.text.clone()), port })
    };
    let host = |host: &Field, port: &Field| {
        let port = services.port(&port.text).filter(|port| *port != 0)?;
        Some(Target::Tcp { host: host.text.clone(), port })
    };
    let unix = |path: &Field| path.text.clone();
    let (listen, target) = match fields {
        [a, b] if a.path && b.path => (Listen::Unix(unix(a)), Target::Unix(unix(b))),
        [a, b] if b.path => (tcp(None, a)?, Target::Unix(unix(b))),
        [a, b, c] if a.path => (Listen::Unix(unix(a)), host(b, c)?),
        [a, b, c] if c.path => (tcp(Some(a), b)?, Target::Unix(unix(c))),
        [a, b, c] => (tcp(None, a)?, host(b, c)?),
        [a, b, c, d] => (tcp(Some(a), b)?, host(c, d)?),
        _ => return None,
    };
    Some(LocalForward { listen, target })
}

struct Field {
    text: String,
    path: bool,
}

/// Splits a spec into one to four fields; `None` where a bracket does not close at the end of
/// its field, a backslash ends the text, or a fifth field follows.
fn fields(spec: &str) -> Option<Vec<Field>> {
    let mut found = Vec::new();
    let mut rest = spec;
    // A colon at the very end opens no field, as in ssh.
    while found.len() < FIELDS_MAX && !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('[') {
            Some(inside) => bracketed(inside)?,
            None => plain(rest)?,
        };
        found.push(field);
        rest = after;
    }
    rest.is_empty().then_some(found)
}

fn bracketed(inside: &str) -> Option<(Field, &str)> {
    let (text, after) = inside.split_once(']')?;
    let field = Field { text: text.to_owned(), path: text.contains('/') };
    if after.is_empty() {
        return Some((field, after));
    }
    Some((field, after.strip_prefix(':')?))
}

fn plain(rest: &str) -> Option<(Field, &str)> {
    let mut field = Field { text: String::new(), path: false };
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            ':' => break,
            '\\' => field.text.push(chars.next()?),
            _ => {
                field.path |= c == '/';
                field.text.push(c);
            }
        }
    }
    Some((field, chars.as_str()))
}

/// Replaces `${NAME}`; the error is the line that ssh prints.
fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            return Err(format!(
                "vdollar_percent_expand: environment variable '{after}' missing closing '}}'"
            ));
        };
        let Some(value) = variable(name) else {
            return Err(format!("vdollar_percent_expand: env var ${{{name}}} has no value"));
        };
        out.push_str(&value);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests;

//! The grammar of `-L`, `-R` and `-D`.
//!
//! | | forms |
//! | --- | --- |
//! | `-L`, `-R` | `[bind_address:]port:host:hostport`, and a Unix path for either side |
//! | `-R`, `-D` | `[bind_address:]port` or a path: a SOCKS proxy |
//!
//! The rules are ssh's, field by field: a field in square brackets is taken literally, a
//! backslash takes the next character literally, a field with a slash is a path, a port is a
//! number or the name of a service, and `${NAME}` stands for a variable of the environment. The
//! target's host is not looked at here: whoever connects resolves it.
//!
//! Beyond ssh: a listening port of 0 is accepted for `-L` and `-D` as well.

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
        /// The port; 0 asks the operating system of the listening side for any free one.
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

/// The three options that take a specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// `-L`: listens here, connects from there.
    Local,
    /// `-R`: listens there, connects from here.
    Remote,
    /// `-D`: listens here, each client names its target.
    Dynamic,
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::Dynamic => "dynamic",
        }
    }
}

/// One `-L`: connections to `listen` here reach `target` from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalForward {
    /// The listening side.
    pub listen: Listen,
    /// The target.
    pub target: Target,
}

/// One `-R`: connections to `listen` there reach `target` from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteForward {
    /// The listening side.
    pub listen: Listen,
    /// The target; `None` where each client names its own, by SOCKS.
    pub target: Option<Target>,
}

/// One `-D`: clients of `listen` here name their target by SOCKS, and reach it from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicForward {
    /// The listening side.
    pub listen: Listen,
}

/// A text that is no forwarding specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSpec {
    direction: Direction,
    spec: String,
    cause: Option<String>,
}

impl BadSpec {
    /// What was wrong, where there is a line to print about it before the one that
    /// [`fmt::Display`] yields.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl fmt::Display for BadSpec {
    /// ssh's words, which scripts match.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { direction, spec, .. } = self;
        write!(f, "Bad {} forwarding specification '{spec}'", direction.name())
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
        read(Direction::Local, spec, variable, |fields| {
            let (listen, target) = fixed(fields, services)?;
            Some(Self { listen, target })
        })
    }
}

impl RemoteForward {
    /// Reads the value of `-R`, or of `RemoteForward` with its arguments joined by a colon.
    ///
    /// # Errors
    /// Whatever ssh rejects, with the words it rejects it with.
    pub fn parse(
        spec: &str,
        services: &Services,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BadSpec> {
        read(Direction::Remote, spec, variable, |fields| match fixed(fields, services) {
            Some((listen, target)) => Some(Self { listen, target: Some(target) }),
            None => Some(Self { listen: listening(fields, services)?, target: None }),
        })
    }
}

impl DynamicForward {
    /// Reads the value of `-D` or of `DynamicForward`.
    ///
    /// # Errors
    /// Whatever ssh rejects, with the words it rejects it with.
    pub fn parse(
        spec: &str,
        services: &Services,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BadSpec> {
        read(Direction::Dynamic, spec, variable, |fields| {
            Some(Self { listen: listening(fields, services)? })
        })
    }
}

/// Expands, splits, and has the fields put in their places.
fn read<T>(
    direction: Direction,
    spec: &str,
    variable: impl Fn(&str) -> Option<String>,
    assemble: impl FnOnce(&[Field]) -> Option<T>,
) -> Result<T, BadSpec> {
    let bad = |cause| BadSpec { direction, spec: spec.to_owned(), cause };
    if let Some(text) = other_protocol(spec) {
        return Err(bad(Some(text.to_owned())));
    }
    let expanded = expand(spec, variable).map_err(|cause| bad(Some(cause)))?;
    let fields = fields(expanded.trim_start()).ok_or_else(|| bad(None))?;
    // A host with a NUL would be another host to whoever reads it as a C string.
    if fields.iter().any(|field| field.text.contains('\0')) {
        return Err(bad(None));
    }
    assemble(&fields).ok_or_else(|| bad(None))
}

/// A prefix that other programs know, and why it means nothing here. What does not go on like
/// theirs is a path.
fn other_protocol(spec: &str) -> Option<&'static str> {
    let (prefix, rest) = spec.split_once('/')?;
    let (port, _) = rest.split_once(':')?;
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    match prefix {
        "udp" => Some("SSH forwarding carries TCP and Unix streams only, not UDP"),
        "ftp" => Some(
            "FTP's data connections cannot follow a forward: use SFTP, or a SOCKS proxy (-D) \
             that the FTP client knows of",
        ),
        _ => None,
    }
}

impl Listen {
    fn fits(&self) -> bool {
        match self {
            Self::Tcp { bind, .. } => bind.as_ref().is_none_or(|b| b.len() < HOST_BYTES_MAX),
            Self::Unix(path) => path.len() < PATH_BYTES_MAX,
        }
    }
}

impl Target {
    fn fits(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => host.len() < HOST_BYTES_MAX,
            Self::Unix(path) => path.len() < PATH_BYTES_MAX,
        }
    }
}

impl fmt::Display for Listen {
    /// As `ssh -G` prints the first half of a forward.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { bind: None, port } => write!(f, "{port}"),
            Self::Tcp { bind: Some(bind), port } => write!(f, "[{bind}]:{port}"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for Target {
    /// As `ssh -G` prints the second half of a forward.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "[{host}]:{port}"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for LocalForward {
    /// As `ssh -G` prints the value of `localforward`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.listen, self.target)
    }
}

impl fmt::Display for RemoteForward {
    /// As `ssh -G` prints the value of `remoteforward`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(target) => write!(f, "{} {target}", self.listen),
            None => write!(f, "{} [socks]:0", self.listen),
        }
    }
}

impl fmt::Display for DynamicForward {
    /// As `ssh -G` prints the value of `dynamicforward`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.listen.fmt(f)
    }
}

/// A TCP listening side.
fn tcp(bind: Option<&Field>, port: &Field, services: &Services) -> Option<Listen> {
    let bind = bind.map(|bind| bind.text.clone());
    Some(Listen::Tcp { bind, port: services.port(&port.text)? })
}

/// Puts the fields of a forward to one target in their places; which places depends on how many
/// there are and which of them are paths.
fn fixed(fields: &[Field], services: &Services) -> Option<(Listen, Target)> {
    let host = |host: &Field, port: &Field| {
        let port = services.port(&port.text).filter(|port| *port != 0)?;
        Some(Target::Tcp { host: host.text.clone(), port })
    };
    let unix = |path: &Field| path.text.clone();
    let (listen, target) = match fields {
        [a, b] if a.path && b.path => (Listen::Unix(unix(a)), Target::Unix(unix(b))),
        [a, b] if b.path => (tcp(None, a, services)?, Target::Unix(unix(b))),
        [a, b, c] if a.path => (Listen::Unix(unix(a)), host(b, c)?),
        [a, b, c] if c.path => (tcp(Some(a), b, services)?, Target::Unix(unix(c))),
        [a, b, c] => (tcp(None, a, services)?, host(b, c)?),
        [a, b, c, d] => (tcp(Some(a), b, services)?, host(c, d)?),
        _ => return None,
    };
    (listen.fits() && target.fits()).then_some((listen, target))
}

/// The same for a SOCKS proxy, which has a listening side only.
fn listening(fields: &[Field], services: &Services) -> Option<Listen> {
    let listen = match fields {
        [a] if a.path => Listen::Unix(a.text.clone()),
        [a] => tcp(None, a, services)?,
        [_, b] if b.path => return None,
        [a, b] => tcp(Some(a), b, services)?,
        _ => return None,
    };
    listen.fits().then_some(listen)
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

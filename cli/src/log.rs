//! Messages for the user: levels as in `ssh -v`, to standard error or to the file of `-E`.
//!
//! Lines end in CR LF, as those of ssh do, because the terminal may be in raw mode.

use crate::config::pattern::{Verdict, host_list};
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::panic::Location;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use tssh_transport::text::printable;

/// Most bytes of one line; what is longer is no message but a file that is no text.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// How much is said; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are those of ssh_config's LogLevel")]
pub enum Level {
    Quiet,
    Fatal,
    Error,
    Info,
    Verbose,
    Debug1,
    Debug2,
    Debug3,
}

impl Level {
    /// The level of a `LogLevel` line; case does not matter.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "QUIET" | "SILENT" => Self::Quiet,
            "FATAL" => Self::Fatal,
            "ERROR" => Self::Error,
            "INFO" => Self::Info,
            "VERBOSE" => Self::Verbose,
            "DEBUG" | "DEBUG1" => Self::Debug1,
            "DEBUG2" => Self::Debug2,
            "DEBUG3" => Self::Debug3,
            _ => return None,
        })
    }

    /// The level that so many `-v` ask for.
    #[must_use]
    pub const fn of_verbosity(count: u32) -> Self {
        match count {
            0 => Self::Info,
            1 => Self::Debug1,
            2 => Self::Debug2,
            _ => Self::Debug3,
        }
    }

    const ALL: [Self; 8] = [
        Self::Quiet,
        Self::Fatal,
        Self::Error,
        Self::Info,
        Self::Verbose,
        Self::Debug1,
        Self::Debug2,
        Self::Debug3,
    ];

    /// The name in `LogLevel`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quiet => "QUIET",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Info => "INFO",
            Self::Verbose => "VERBOSE",
            Self::Debug1 => "DEBUG1",
            Self::Debug2 => "DEBUG2",
            Self::Debug3 => "DEBUG3",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Debug1 => "debug1: ",
            Self::Debug2 => "debug2: ",
            Self::Debug3 => "debug3: ",
            _ => "",
        }
    }
}

/// Patterns of `LogVerbose`, which are set once.
static VERBOSE: OnceLock<Vec<String>> = OnceLock::new();
static LEVEL: AtomicU8 = AtomicU8::new(Level::Info as u8);
static FILE: Mutex<Option<Box<dyn Write + Send>>> = Mutex::new(None);
static SYSLOG: Mutex<Option<(UnixDatagram, u32)>> = Mutex::new(None);

/// Where the system's log listens.
pub const SYSLOG_PATH: &str = "/dev/log";
/// The facilities of `SyslogFacility` and their numbers, RFC 5424 section 6.2.1.
pub const FACILITIES: &[(&str, u32)] = &[
    ("DAEMON", 3),
    ("USER", 1),
    ("AUTH", 4),
    ("AUTHPRIV", 10),
    ("LOCAL0", 16),
    ("LOCAL1", 17),
    ("LOCAL2", 18),
    ("LOCAL3", 19),
    ("LOCAL4", 20),
    ("LOCAL5", 21),
    ("LOCAL6", 22),
    ("LOCAL7", 23),
];

/// Sends every message to the system's log from now on; an unknown facility is `USER`. Without a
/// system log, messages go on to where they went.
pub fn use_syslog(facility: &str) {
    let known = FACILITIES.iter().find(|(name, _)| *name == facility);
    let number = known.map_or(1, |(_, number)| *number);
    let Ok(socket) = UnixDatagram::unbound() else { return };
    // A log that does not keep up must not stop us.
    if socket.connect(SYSLOG_PATH).is_ok() && socket.set_nonblocking(true).is_ok() {
        *SYSLOG.lock().unwrap_or_else(PoisonError::into_inner) = Some((socket, number));
    }
}

/// A line for the system's log, RFC 3164 without a time, which the log adds.
#[must_use]
pub fn syslog_line(level: Level, facility: u32, program: &str, line: &str) -> String {
    let (severity, prefix) = match level {
        Level::Quiet | Level::Fatal => (2, "fatal: "),
        Level::Error => (3, "error: "),
        Level::Info | Level::Verbose => (6, ""),
        level => (7, level.prefix()),
    };
    let (priority, pid) = ((facility << 3) | severity, std::process::id());
    format!("<{priority}>{program}[{pid}]: {prefix}{line}")
}

/// Sets the level from now on.
pub fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// One level up or down; yields the name of the level that is in force then.
pub fn change_level(louder: bool) -> &'static str {
    let now = usize::from(LEVEL.load(Ordering::Relaxed));
    let next = if louder { now + 1 } else { now.saturating_sub(1) };
    let level = Level::ALL.get(next).copied().unwrap_or(Level::Debug3);
    set_level(level);
    level.name()
}

/// Sends every message to `path` from now on; the file is appended to, and made with mode 0600
/// where it does not exist.
///
/// # Errors
/// What opening the file gave.
pub fn set_file(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    set_writer(Box::new(file));
    Ok(())
}

/// Sends every message there from now on.
pub fn set_writer(writer: Box<dyn Write + Send>) {
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
}

/// Shows messages from places that match one of these lists of patterns (`LogVerbose`), whatever
/// the level is. The first call counts.
pub fn show_always(patterns: &[String]) {
    // A second connection of the same process keeps the first one's.
    let _ = VERBOSE.set(patterns.to_vec());
}

/// Where a message comes from, in the form of ssh's `file.c:function():line`: the compiler knows
/// the module, and not the function.
fn place_text(file: &str, line: u32) -> String {
    let path = file.rsplit_once("src/").map_or(file, |(_, path)| path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let module = path.trim_end_matches(".rs").replace('/', "::");
    format!("{name}:{module}():{line}")
}

/// The place, where `LogVerbose` asks for its messages.
fn asked_for(place: &Location<'_>) -> Option<String> {
    let patterns = VERBOSE.get().filter(|patterns| !patterns.is_empty())?;
    let text = place_text(place.file(), place.line());
    let matches = |list: &String| host_list(&text, list) == Verdict::Yes;
    patterns.iter().any(matches).then_some(text)
}

/// Whether messages of this level are shown.
#[must_use]
pub fn enabled(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// One message; newlines within it start new lines of the same level.
#[track_caller]
pub fn write(level: Level, message: impl fmt::Display) {
    match asked_for(Location::caller()) {
        Some(place) => put(level, format_args!("{place}: {message}")),
        None if enabled(level) => put(level, message),
        None => {}
    }
}

fn put(level: Level, message: impl fmt::Display) {
    if let Some((socket, facility)) = SYSLOG.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
    {
        for line in message.to_string().lines() {
            let line = printable(line.as_bytes(), LINE_BYTES_MAX);
            // Nobody is left to tell.
            let _ = socket.send(syslog_line(level, *facility, "tssh", &line).as_bytes());
        }
        return;
    }
    let mut text = String::new();
    for line in message.to_string().lines() {
        text.push_str(level.prefix());
        // Names from files and from the command line reach a terminal as harmless as a peer's.
        text.push_str(&printable(line.as_bytes(), LINE_BYTES_MAX));
        text.push_str("\r\n");
    }
    let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    // There is nobody left to tell when the log itself cannot be written.
    let _ = match file.as_mut() {
        Some(file) => file.write_all(text.as_bytes()),
        None => std::io::stderr().lock().write_all(text.as_bytes()),
    };
}

/// Text for the terminal that is no message of the log: a banner, what an escape character shows.
/// It goes to standard error even where the log goes to a file; a standard error that nobody
/// reads is no reason to end.
pub fn show(text: impl fmt::Display) {
    let _ = std::io::stderr().lock().write_all(text.to_string().as_bytes());
}

/// What was typed, as it was typed: a terminal shows it whatever it is.
pub fn show_bytes(bytes: &[u8]) {
    let _ = std::io::stderr().lock().write_all(bytes);
}

/// Text on standard output.
///
/// # Errors
/// When it cannot be written; `println!` would panic.
pub fn out(text: impl fmt::Display) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.to_string().as_bytes())?;
    stdout.flush()
}

/// A message that ends the program or reports a failure.
#[track_caller]
pub fn error(message: impl fmt::Display) {
    write(Level::Error, message);
}

/// A message for everybody who did not ask for quiet.
#[track_caller]
pub fn info(message: impl fmt::Display) {
    write(Level::Info, message);
}

/// A message for `LogLevel VERBOSE`.
#[track_caller]
pub fn verbose(message: impl fmt::Display) {
    write(Level::Verbose, message);
}

/// A message for `-v`.
#[track_caller]
pub fn debug1(message: impl fmt::Display) {
    write(Level::Debug1, message);
}

/// A message for `-vv`.
#[track_caller]
pub fn debug2(message: impl fmt::Display) {
    write(Level::Debug2, message);
}

/// A message for `-vvv`.
#[track_caller]
pub fn debug3(message: impl fmt::Display) {
    write(Level::Debug3, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_order_are_those_of_ssh() {
        assert_eq!(Level::from_name("debug"), Some(Level::Debug1));
        assert_eq!(Level::from_name("Quiet"), Some(Level::Quiet));
        assert_eq!(Level::from_name("loud"), None);
        assert!(Level::Quiet < Level::Error && Level::Info < Level::Verbose);
        assert_eq!(Level::of_verbosity(7), Level::Debug3);
    }

    #[test]
    fn places_match_like_those_of_ssh() {
        let text = place_text("cli/src/client/app/x11.rs", 7);
        assert_eq!(text, "x11.rs:client::app::x11():7");
        for (list, verdict) in [
            ("x11.rs:*", Verdict::Yes),
            ("*:client::*:*", Verdict::Yes),
            ("a.rs:*,x11.rs:*:7", Verdict::Yes),
            ("x11.rs:*:8", Verdict::No),
        ] {
            assert_eq!(host_list(&text, list), verdict, "{list}");
        }
    }
}

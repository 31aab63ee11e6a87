//! Going to the background: the server starts itself once more, and the first process waits until
//! the second one listens. What is wrong by then is said on the terminal it was started from.

use crate::exit::{Fatal, Result, os_words};
use crate::server::session::helper::PROGRAM;
use rustix::fs::{Mode, OFlags, open};
use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// The name under which the server in the background starts.
pub const NAME: &str = "tsshd: server";
/// What it writes to standard output once it listens.
const LISTENING: &[u8] = b"listening\n";

/// Whether this process is the one in the background.
#[must_use]
pub fn is_background() -> bool {
    std::env::args_os().next().is_some_and(|name| name == OsStr::new(NAME))
}

/// Starts the server in the background and waits until it listens.
///
/// # Errors
/// It ended before, and has said why.
pub fn start() -> Result<()> {
    let failed = |error: std::io::Error| {
        Fatal::new(format!("tsshd: cannot go to the background: {}", os_words(&error)))
    };
    let mut command = Command::new(PROGRAM);
    command.arg0(NAME).args(std::env::args_os().skip(1));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut word = Vec::new();
    if let Some(output) = child.stdout.take() {
        // One that breaks off is one that says nothing.
        let _ = output.take(LISTENING.len() as u64).read_to_end(&mut word);
    }
    if word == LISTENING {
        return Ok(());
    }
    let status = child.wait().map_err(failed)?;
    Err(Fatal::new(format!("tsshd: the server ended before it listened ({status})")))
}

/// Lets go of the terminal, once the server listens: the process that waits may end.
///
/// # Errors
/// What the operating system says.
pub fn detach(keep_errors: bool) -> std::io::Result<()> {
    rustix::process::setsid()?;
    std::env::set_current_dir("/")?;
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let mut output = std::io::stdout();
    output.write_all(LISTENING)?;
    output.flush()?;
    rustix::stdio::dup2_stdout(&null)?;
    if !keep_errors {
        rustix::stdio::dup2_stderr(&null)?;
    }
    Ok(())
}

//! `-f`: the program starts itself once more, and that run does all the work, with the terminal
//! for its questions. The first process waits for its word, which comes once the user is logged
//! in and every forward stands, and ends; whoever started it may rely on the forwards.
//!
//! A process with threads cannot be split in two safely, so the second one is there from the
//! start. Until its word it ends when the first one does, and the first one ends as it does.
//! `~&` comes when nobody has expected it: there the process waits until it has one thread.

use crate::exit::{Fatal, OWN_FAILURE, Result, os_words};
use crate::signals;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};

/// The name under which the second process starts.
const NAME: &str = "tssh: background";
/// Its name where the first one goes on as a client of the connection that it shares.
const MASTER_NAME: &str = "tssh: master";
/// This very program, whatever became of its file since it was started.
const OURSELVES: &str = "/proc/self/exe";
/// What the second process says when the first one may end.
const WORD: [u8; 1] = [b'+'];

/// What the second process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It does everything; the first one ends.
    Background,
    /// It holds the connection, which the first one uses (`ControlPersist`).
    Master,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Background => NAME,
            Self::Master => MASTER_NAME,
        }
    }

    /// That of this process, where it is a second one.
    #[must_use]
    pub fn ours() -> Option<Self> {
        let name = std::env::args_os().next()?;
        [Self::Background, Self::Master].into_iter().find(|role| name == OsStr::new(role.name()))
    }
}

/// What became of a second process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It is in the background.
    Ready,
    /// It has ended with this status, without a word.
    Ended(u8),
}

impl Started {
    /// The status of a first process that only waits for the word.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::Ended(status) => status,
        }
    }
}

/// Starts the second process and waits for its word.
///
/// # Errors
/// It could not be started.
pub fn start(role: Role) -> Result<Started> {
    let failed = |error: std::io::Error| {
        Fatal::new(format!("cannot go to the background: {}", os_words(&error)))
    };
    let (mut ours, theirs) = UnixStream::pair().map_err(failed)?;
    let mut command = Command::new(OURSELVES);
    command
        .arg0(role.name())
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::from(OwnedFd::from(theirs)));
    let mut child = command.spawn().map_err(failed)?;
    // Its end of the pair must be the only one.
    drop(command);
    let mut word = Vec::new();
    // One that breaks off has said nothing.
    let _ = ours.read_to_end(&mut word);
    if word == WORD {
        return Ok(Started::Ready);
    }
    let status = child.wait().map_err(failed)?;
    if let Some(number) = status.signal() {
        return Ok(Started::Ended(signals::die_of(number)));
    }
    Ok(Started::Ended(
        status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(OWN_FAILURE),
    ))
}

/// The second process's way to the background.
#[derive(Debug)]
pub struct Background {
    first: UnixStream,
    keep_errors: bool,
}

impl Background {
    /// Within the second process: takes over what it was started with. Standard input is empty
    /// from now on, as `-f` wants it. `keep_errors` leaves standard error as it is in the end:
    /// somebody who asked for messages wants to see them.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn take(keep_errors: bool) -> Result<Option<Self>> {
        if Role::ours().is_none() {
            return Ok(None);
        }
        let take = || -> std::io::Result<Self> {
            let first = std::io::stdin().as_fd().try_clone_to_owned()?;
            rustix::stdio::dup2_stdin(null()?)?;
            set_parent_process_death_signal(Some(Signal::TERM))?;
            Ok(Self { first: UnixStream::from(first), keep_errors })
        };
        take().map(Some).map_err(|error| {
            Fatal::new(format!("cannot go to the background: {}", os_words(&error)))
        })
    }

    /// Lets go of the terminal and of the caller's streams, and lets the first process end.
    ///
    /// # Errors
    /// What the operating system says; or the first process is gone, and nobody wants us.
    pub fn detach(mut self) -> std::io::Result<()> {
        rustix::process::setsid()?;
        let null = null()?;
        rustix::stdio::dup2_stdout(&null)?;
        if !self.keep_errors {
            rustix::stdio::dup2_stderr(&null)?;
        }
        set_parent_process_death_signal(None)?;
        self.first.write_all(&WORD)
    }
}

/// Whether this process has one thread only.
#[must_use]
pub fn is_alone() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    threads.is_some_and(|threads| threads.trim() == "1")
}

/// Goes on in a copy of this process that has no terminal; this one ends with status 0. Only the
/// calling thread is in the copy, so there must be no other.
///
/// # Errors
/// There is another thread, or what the operating system says.
pub fn split() -> std::io::Result<()> {
    if !is_alone() {
        return Err(std::io::Error::other("other threads are at work"));
    }
    nix::unistd::daemon(true, true)?;
    let null = null()?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

fn null() -> rustix::io::Result<OwnedFd> {
    open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

//! The small program between tsshd and a session's shell.
//!
//! A process can only make itself the leader of a session, and only before it runs the shell; what
//! the standard library offers for that moment is unsafe. So tsshd starts itself once more under
//! [`NAME`], and that process does these steps and then becomes the shell:
//!
//! 1. a session of its own, with its standard input as controlling terminal if it has one;
//! 2. the limit on open files that tsshd was started with;
//! 3. the home directory;
//! 4. the cookie of the X display, where one is forwarded.

use super::display::{XAUTH_INPUT_VARIABLE, XAUTH_VARIABLE, tell_xauth};
use crate::exit::os_words;
use rustix::process::{Resource, Rlimit, getrlimit, ioctl_tiocsctty, setrlimit, setsid};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The name under which tsshd starts itself.
pub const NAME: &str = "tsshd: session helper";
/// This very program, also after its file was replaced.
pub const PROGRAM: &str = "/proc/self/exe";
/// Status of a session whose shell cannot be started.
const FAILED: u8 = 1;

/// What the helper is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Whether standard input is a terminal to be taken.
    pub terminal: bool,
    /// The limit on open files to go back to.
    pub open_files: Option<u64>,
    /// Where to go before the shell starts.
    pub home: PathBuf,
    /// The shell.
    pub program: PathBuf,
    /// Its argument 0.
    pub name: OsString,
    /// Its further arguments.
    pub arguments: Vec<OsString>,
}

impl Order {
    /// A command that starts the helper, with streams and environment still to be set.
    #[must_use]
    pub fn command(&self, helper: &Path) -> Command {
        let mut command = Command::new(helper);
        command.arg0(NAME).arg(if self.terminal { "tty" } else { "pipe" });
        command.arg(self.open_files.map_or_else(|| "-".to_owned(), |limit| limit.to_string()));
        command.arg(&self.home).arg(&self.program).arg(&self.name).args(&self.arguments);
        command
    }

    fn parse(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        Some(Self {
            terminal: words.next()? == "tty",
            open_files: words.next()?.to_str()?.parse().ok(),
            home: words.next()?.into(),
            program: words.next()?.into(),
            name: words.next()?,
            arguments: words.collect(),
        })
    }

    /// Becomes the shell; returns only when that fails.
    fn run(self) -> ExitCode {
        let complain = |what: &OsStr, error: &std::io::Error| {
            let (what, why) = (what.to_string_lossy(), os_words(error));
            crate::log::show(format_args!("{what}: {why}\n"));
            ExitCode::from(FAILED)
        };
        // It fails only for the leader of a process group, which a child is not.
        if let Err(error) = setsid() {
            return complain(OsStr::new("setsid"), &error.into());
        }
        if self.terminal
            && let Err(error) = ioctl_tiocsctty(std::io::stdin())
        {
            return complain(OsStr::new("no controlling terminal"), &error.into());
        }
        if let Some(limit) = self.open_files {
            let maximum = getrlimit(Resource::Nofile).maximum;
            // Lowering one's own limit cannot fail.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum });
        }
        if let Err(error) = std::env::set_current_dir(&self.home) {
            let home = self.home.display();
            let why = os_words(&error);
            crate::log::show(format_args!("Could not chdir to home directory {home}: {why}\n"));
        }
        let told = [XAUTH_VARIABLE, XAUTH_INPUT_VARIABLE].map(std::env::var_os);
        if let [Some(xauth), Some(input)] = told
            && let Err(why) = tell_xauth(&xauth, &input.to_string_lossy(), None)
        {
            let xauth = xauth.to_string_lossy();
            crate::log::show(format_args!("{xauth}: {why}\n"));
        }
        let mut shell = Command::new(&self.program);
        shell.env_remove(XAUTH_VARIABLE).env_remove(XAUTH_INPUT_VARIABLE);
        let error = shell.arg0(&self.name).args(&self.arguments).exec();
        complain(self.program.as_os_str(), &error)
    }
}

/// Does the helper's work if this process was started for it. To be asked first in `main` of every
/// program that serves sessions.
#[must_use]
pub fn run_if_asked() -> Option<ExitCode> {
    let mut words = std::env::args_os();
    if words.next()? != NAME {
        return None;
    }
    Some(match Order::parse(words) {
        Some(order) => order.run(),
        None => ExitCode::from(FAILED),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_the_command_line() {
        let order = Order {
            terminal: true,
            open_files: Some(1024),
            home: "/home/u".into(),
            program: "/bin/sh".into(),
            name: "-sh".into(),
            arguments: vec!["-c".into(), "exit 3".into()],
        };
        let pipe = Order { terminal: false, open_files: None, ..order.clone() };
        for order in [order, pipe] {
            let command = order.command(Path::new("/x"));
            let words = command.get_args().map(OsStr::to_owned);
            assert_eq!(Order::parse(words), Some(order));
        }
        assert_eq!(Order::parse(["tty".into()].into_iter()), None);
    }
}

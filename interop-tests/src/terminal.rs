//! A pseudoterminal with a program on it, as a person at a keyboard would have.

use crate::process::{Process, Watched};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

/// A program whose controlling terminal is a pseudoterminal that the test holds.
pub struct Terminal {
    /// The program, under `setsid`.
    pub process: Process,
    /// Everything that appeared on the screen.
    pub screen: Watched,
    keyboard: File,
}

impl Terminal {
    /// Starts `command` on a new terminal of the given size.
    ///
    /// `setsid --ctty` of util-linux makes it the controlling terminal: a password prompt opens
    /// `/dev/tty`, and taking a terminal between fork and exec is not possible in safe Rust.
    ///
    /// # Panics
    /// When there is no pseudoterminal or the program cannot be started.
    #[must_use]
    pub fn start(command: &Command, columns: u16, rows: u16) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let keyboard = keyboard.expect("a pseudoterminal");
        grantpt(&keyboard).expect("access to the pseudoterminal");
        unlockpt(&keyboard).expect("an unlocked pseudoterminal");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&keyboard, size).expect("a size for the terminal");
        let name = ptsname(&keyboard, Vec::new()).expect("the name of the terminal");
        let other_side = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed())
            .open(std::ffi::OsStr::from_bytes(name.as_bytes()))
            .expect("the other side of the terminal");

        // The process group is the child's own already, so `setsid` forks and waits.
        let mut on_terminal = Command::new("setsid");
        on_terminal.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => on_terminal.env(key, value),
                None => on_terminal.env_remove(key),
            };
        }
        on_terminal.stdin(other_side.try_clone().expect("a copy of the terminal"));
        on_terminal.stdout(other_side.try_clone().expect("a copy of the terminal"));
        on_terminal.stderr(other_side);
        let process = Process::spawn_as_is(&mut on_terminal);
        drop(on_terminal);

        let keyboard = File::from(keyboard);
        let screen = Watched::new(keyboard.try_clone().expect("a copy of the terminal"));
        Self { process, screen, keyboard }
    }

    /// Types `text`.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("type into the terminal");
    }

    /// Changes the size, which signals the program.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keyboard, size).expect("resize the terminal");
    }

    /// Whether typed characters appear by themselves: false in raw mode and at a password prompt.
    ///
    /// # Panics
    /// When the terminal is gone.
    #[must_use]
    pub fn echoes(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&self.keyboard).expect("modes of the terminal");
        modes.local_modes.contains(rustix::termios::LocalModes::ECHO)
    }

    /// Waits for `text` on the screen.
    ///
    /// # Panics
    /// With the whole screen when it does not come.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        let seen = self.screen.wait_for(text, crate::process::PATIENCE);
        assert!(seen, "no {text:?} on the screen:\n{}", self.screen.text());
    }
}

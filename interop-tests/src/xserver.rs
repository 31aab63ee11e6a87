//! A real X server without a screen, with a cookie of its own.

use crate::openssh::program_path;
use crate::process::{PATIENCE, Process, run};
use crate::scratch::Scratch;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The cookie of every X server of the tests: easy to find in a log that must not hold it.
pub const COOKIE: &str = "5ec12e7c00c1e5ec12e7c00c1e5ec12e";

/// What is missing on this machine, if anything is: an X server, xauth, and some X clients.
#[must_use]
pub fn missing() -> Option<String> {
    let programs = ["Xvfb", "xauth", "xdpyinfo", "xev", "xclock"];
    let missing: Vec<&str> =
        programs.into_iter().filter(|program| !program_path(program).exists()).collect();
    if missing.is_empty() {
        return None;
    }
    let missing = missing.join(", ");
    Some(format!("{missing} not installed (apt-get install xvfb xauth x11-utils x11-apps)"))
}

/// Windows that are opened to see whether a watcher watches.
const PROBES_MAX: u32 = 30;

/// A running X server, ended when dropped.
pub struct XServer {
    _process: Process,
    folder: Scratch,
    number: u32,
}

impl XServer {
    /// Starts Xvfb on a free display.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let folder = Scratch::new();
        let theirs = folder.join("server.auth");
        // The server takes a cookie of its file whatever display it is filed under.
        add_cookie(&theirs, ":0");
        let mut command = Command::new(program_path("Xvfb"));
        command.args(["-displayfd", "1", "-screen", "0", "320x240x24", "-nolisten", "tcp"]);
        // Without a client it would start anew, and forget the cookies of untrusted clients.
        command.args(["-noreset", "+extension", "SECURITY", "-auth"]).arg(&theirs);
        let process = Process::spawn(&mut command);
        // Its number on a line of its own, once it listens.
        let up = process.stdout.wait_for("\n", PATIENCE);
        assert!(up, "no X server: {}", process.output());
        let number = process.stdout.text().trim().parse().expect("the number of a display");
        add_cookie(&folder.join("user.auth"), &format!(":{number}"));
        Self { _process: process, folder, number }
    }

    /// What DISPLAY must name.
    #[must_use]
    pub fn display(&self) -> String {
        format!(":{}", self.number)
    }

    /// The file with the cookie.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("user.auth")
    }

    /// Lets `command` find this X server and its cookie.
    pub fn show(&self, command: &mut Command) {
        command.env("DISPLAY", self.display()).env("XAUTHORITY", self.authority());
    }

    /// A program that prints what happens to the windows of the X server, from now on.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn watch(&self) -> Process {
        let mut command = Command::new(program_path("xev"));
        command.args(["-root", "-event", "substructure"]);
        self.show(&mut command);
        let process = Process::spawn(&mut command);
        // A window of our own shows that it watches; one that came too early is not seen.
        let watches = (0..PROBES_MAX).any(|_| {
            let mut probe = Command::new(program_path("xclock"));
            self.show(probe.args(["-geometry", "33x33"]));
            let _probe = Process::spawn(&mut probe);
            process.stdout.wait_for("width 33, height 33", Duration::from_secs(2))
        });
        assert!(watches, "{}", process.output());
        process
    }
}

fn add_cookie(file: &Path, display: &str) {
    let mut command = Command::new(program_path("xauth"));
    command.arg("-f").arg(file).args(["add", display, "MIT-MAGIC-COOKIE-1", COOKIE]);
    run(&mut command).expect_code(0);
}

//! X11 forwarding: a real X server at the client's side, real X clients in sessions of tsshd.

use crate::support::{remote, ssh, unavailable};
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::{Server, ServerOptions, program_path};
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{client_command, is_server_stand_in, tssh_binary};
use tssh_interop_tests::xserver::{self, COOKIE, XServer};

/// A server that keeps its cookies in a file of the test's own, and an X server at the other end.
struct Site {
    server: Server,
    x: XServer,
    folder: Scratch,
}

impl Site {
    /// Nothing, and a word about it, where the machine lacks a program.
    fn start(test: &str, lines: &[&str]) -> Option<Self> {
        if unavailable(test) {
            return None;
        }
        if let Some(reason) = xserver::missing() {
            skip(test, &reason);
            return None;
        }
        let folder = Scratch::new();
        let mut options = ServerOptions::with_lines(lines);
        options.lines.push(format!("SetEnv XAUTHORITY={}", folder.join("far.auth").display()));
        Some(Self { server: Server::start_tsshd(&options), x: XServer::start(), folder })
    }

    fn command(&self, client: &Path, options: &[&str], command: &str) -> Command {
        let mut line = client_command(client, &self.server, options, &[command]);
        self.x.show(&mut line);
        line
    }

    fn run(&self, client: &Path, options: &[&str], command: &str) -> Finished {
        run(&mut self.command(client, options, command))
    }

    /// What the server's user has in the file of cookies.
    fn entries(&self) -> String {
        let mut command = Command::new(program_path("xauth"));
        command.arg("-f").arg(self.folder.join("far.auth")).arg("list");
        run(&mut command).text()
    }
}

/// S58, S59, S60: both clients, trusted and not; the real cookie never reaches the server.
#[test]
fn x_clients_reach_the_x_server() {
    let test = "x11::x_clients_reach_the_x_server";
    let Some(site) = Site::start(test, &["X11Forwarding yes", "LogLevel DEBUG3"]) else { return };
    let watch = site.x.watch();
    for (client, size) in [(ssh(), 57), (tssh_binary(), 59)] {
        for trusted in ["yes", "no"] {
            let trusted = format!("ForwardX11Trusted={trusted}");
            let command = "echo at $DISPLAY; xauth list $DISPLAY; xdpyinfo";
            let done = site.run(&client, &["-X", "-o", &trusted], command);
            let text = done.expect_code(0).text();
            assert!(text.contains("at localhost:") && text.contains("vendor string"), "{text}");
            assert!(text.contains("MIT-MAGIC-COOKIE-1") && !text.contains(COOKIE), "{text}");
        }
        let command = format!("xclock -geometry {size}x61 & read line; kill $!");
        let mut running = Process::spawn(&mut site.command(&client, &["-Y"], &command));
        let seen = watch.stdout.wait_for(&format!("width {size}, height 61"), PATIENCE);
        assert!(seen, "{} {}", watch.output(), running.output());
        running.send(b"enough\n");
        running.finish(PATIENCE).expect_code(0);
    }
    assert!(!site.server.log().contains(COOKIE));
}

/// S59, M19: each session has a display of its own, on the loopback addresses, with an entry in
/// the user's file that goes when the session ends.
#[test]
fn two_sessions_have_two_displays() {
    let test = "x11::two_sessions_have_two_displays";
    let Some(site) = Site::start(test, &["X11Forwarding yes"]) else { return };
    let start = || {
        let command = "echo at $DISPLAY:; cat";
        let process = Process::spawn(&mut site.command(&ssh(), &["-Y"], command));
        assert!(process.stdout.wait_for(".0:", PATIENCE), "{}", process.output());
        let text = process.stdout.text();
        let number = text.trim().strip_prefix("at localhost:").and_then(|t| t.strip_suffix(".0:"));
        (process, number.expect("a display of this machine").parse::<u16>().expect("a number"))
    };
    let ((mut one, first), (mut two, second)) = (start(), start());
    assert!(first >= 10 && second >= 10 && first != second, "{first} {second}");
    for number in [first, second] {
        let port = 6000 + number;
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the display on IPv4");
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("the display on IPv6");
        assert!(site.entries().contains(&format!("unix:{number} ")), "{}", site.entries());
    }
    one.finish(PATIENCE).expect_code(0);
    two.finish(PATIENCE).expect_code(0);
    if !is_server_stand_in() {
        let gone = (0..1000).any(|_| site.entries().is_empty());
        assert!(gone, "{}", site.entries());
    }
}

/// S58: the configuration and the key both have to permit it.
#[test]
fn forwarding_has_to_be_permitted() {
    let test = "x11::forwarding_has_to_be_permitted";
    for lines in [&[][..], &["X11Forwarding yes", "DisableForwarding yes"]] {
        let Some(site) = Site::start(test, lines) else { return };
        let done = site.run(&tssh_binary(), &["-Y"], "echo \"[$DISPLAY]\"");
        assert_eq!(done.expect_code(0).text(), "[]\n");
        done.expect_stderr("X11 forwarding request failed on channel 0");
    }
    let Some(site) = Site::start(test, &["X11Forwarding yes"]) else { return };
    let key = std::fs::read_to_string(site.server.folder().join("user_key.pub")).expect("the key");
    for (options, permitted) in
        [("no-X11-forwarding ", false), ("restrict ", false), ("restrict,X11-forwarding ", true)]
    {
        site.server.folder().write("authorized_keys", format!("{options}{key}"));
        let done = site.run(&ssh(), &["-Y"], "echo \"[$DISPLAY]\"");
        assert_eq!(done.expect_code(0).text().contains("localhost"), permitted, "{options}");
    }
}

/// X11UseLocalhost no: every address, and the host's name in DISPLAY. X11DisplayOffset.
#[test]
fn displays_for_other_hosts() {
    let test = "x11::displays_for_other_hosts";
    let lines = ["X11Forwarding yes", "X11UseLocalhost no", "X11DisplayOffset 40"];
    let Some(site) = Site::start(test, &lines) else { return };
    let done = site.run(&ssh(), &["-Y"], "echo at $DISPLAY; hostname");
    let text = done.expect_code(0).text();
    let (display, host) = text.split_once('\n').expect("two lines");
    let expected = format!("at {}:4", host.lines().next().unwrap_or_default());
    assert!(display.starts_with(&expected), "{text}");
}

/// Programs that fail: the session starts all the same, and what a client sends for the helper
/// does not reach it.
#[test]
fn a_session_starts_whatever_xauth_does() {
    let test = "x11::a_session_starts_whatever_xauth_does";
    if is_server_stand_in() || unavailable(test) {
        return;
    }
    let lines = ["X11Forwarding yes", "XAuthLocation /bin/false", "AcceptEnv *"];
    let Some(site) = Site::start(test, &lines) else { return };
    let done = site.run(&ssh(), &["-Y"], "echo on");
    assert_eq!(done.expect_code(0).text(), "on\n");
    done.expect_stderr("/bin/false: xauth failed");
    let evil = ["-o", "SetEnv TSSHD_XAUTH=/bin/false TSSHD_XAUTH_INPUT=x"];
    let done = remote(&site.server, &evil, "env");
    assert!(!done.expect_code(0).text().contains("TSSHD_XAUTH"), "{}", done.text());
    assert_eq!(done.stderr, "");
}

//! X11 forwarding: a real X server here, real X clients at the far end.

use crate::support::lacks_openssh;
use std::process::Command;
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{client_command, is_stand_in, tssh_binary};
use tssh_interop_tests::xserver::{self, COOKIE, XServer};

fn unavailable(test: &str) -> bool {
    if lacks_openssh(test) {
        return true;
    }
    let Some(reason) = xserver::missing() else { return false };
    skip(test, &reason);
    true
}

/// sshd that forwards X11 and keeps its cookies in the test's folder, not in the user's own file.
fn server(x11: &str) -> (Server, Scratch) {
    let folder = Scratch::new();
    let file = folder.join("far.auth");
    let server = Server::with_lines(&[x11, &format!("SetEnv XAUTHORITY={}", file.display())]);
    (server, folder)
}

/// A command line of the client under test that finds `x`.
fn client(x: &XServer, server: &Server, options: &[&str], command: &str) -> Command {
    let mut line = client_command(&tssh_binary(), server, options, &[command]);
    x.show(&mut line);
    line
}

/// S58, S59, S60: a trusted client at the far end, and the real cookie in no log.
#[test]
fn xdpyinfo_sees_the_x_server() {
    if unavailable("x11::xdpyinfo_sees_the_x_server") {
        return;
    }
    let (x, (server, _folder)) = (XServer::start(), server("X11Forwarding yes"));
    for options in [&["-Y", "-vvv"][..], &["-X", "-o", "ForwardX11Trusted=yes", "-vvv"]] {
        let command = "echo at $DISPLAY; xauth list $DISPLAY; xdpyinfo";
        let done = run(&mut client(&x, &server, options, command));
        let text = done.expect_code(0).text();
        assert!(text.contains("at localhost:") && text.contains("vendor string"), "{text}");
        assert!(text.contains("MIT-MAGIC-COOKIE-1"), "{text}");
        assert!(!text.contains(COOKIE) && !done.stderr.contains(COOKIE), "{}", done.stderr);
    }
}

/// A window of the far end's xclock appears here; programs that are still there keep the
/// connection up after the command.
#[test]
fn xclock_appears() {
    if unavailable("x11::xclock_appears") {
        return;
    }
    let (x, (server, _folder)) = (XServer::start(), server("X11Forwarding yes"));
    let watch = x.watch();
    let mut line = client(&x, &server, &["-Y"], "xclock -geometry 57x61 & read line; kill $!");
    let mut client = Process::spawn(&mut line);
    let seen = watch.stdout.wait_for("width 57, height 61", PATIENCE);
    assert!(seen, "{} {}", watch.output(), client.output());
    client.send(b"enough\n");
    client.finish(PATIENCE).expect_code(0);
}

/// S62: an untrusted client may do less; after the timeout no new one gets in, while the old one
/// goes on.
#[test]
fn untrusted_clients_end_with_their_time() {
    if unavailable("x11::untrusted_clients_end_with_their_time") {
        return;
    }
    let (x, (server, _folder)) = (XServer::start(), server("X11Forwarding yes"));
    let watch = x.watch();
    let options = ["-X", "-v", "-o", "ForwardX11Trusted=no", "-o", "ForwardX11Timeout=2"];
    let command = "xclock -geometry 57x61 & xdpyinfo >/dev/null && echo first; \
                   while xdpyinfo >/dev/null 2>&1; do :; done; \
                   echo refused; kill -0 $! && echo old one lives; read line; kill $!";
    let mut client = Process::spawn(&mut client(&x, &server, &options, command));
    let seen = watch.stdout.wait_for("width 57, height 61", PATIENCE)
        && client.stdout.wait_for("old one lives", PATIENCE);
    assert!(seen, "{} {}", watch.output(), client.output());
    client.send(b"enough\n");
    let done = client.finish(PATIENCE);
    assert_eq!(done.expect_code(0).text(), "first\nrefused\nold one lives\n");
    done.expect_stderr("Rejected X11 connection after ForwardX11Timeout expired");
}

/// S58: a server that refuses is said once, and the command runs all the same.
#[test]
fn a_refusal_is_said_once() {
    if unavailable("x11::a_refusal_is_said_once") {
        return;
    }
    let (x, (server, _folder)) = (XServer::start(), server("X11Forwarding no"));
    let done = run(&mut client(&x, &server, &["-Y"], "echo on; echo \"[$DISPLAY]\""));
    assert_eq!(done.expect_code(0).text(), "on\n[]\n");
    let said = "X11 forwarding request failed on channel 0";
    assert_eq!(done.stderr.matches(said).count(), 1, "{}", done.stderr);
    // Nothing is asked for, and nothing is refused.
    let done = run(&mut client(&x, &server, &["-Y", "-x"], "true"));
    assert_eq!((done.expect_code(0).stderr.as_str(), done.text().as_str()), ("", ""));
}

/// S61, M19: without a cookie there is a warning and a made-up one; without xauth too; but where
/// the programs are not to be trusted nothing is forwarded.
#[test]
fn without_xauth_data() {
    if unavailable("x11::without_xauth_data") {
        return;
    }
    let (x, (server, _folder)) = (XServer::start(), server("X11Forwarding yes"));
    let command = "echo \"[$DISPLAY]\"; xauth list $DISPLAY";
    let fake = "Warning: No xauth data; using fake authentication data for X11 forwarding.";
    let empty = server.folder().join("no-such-authority");
    for (options, authority) in
        [(&["-Y"][..], &empty), (&["-Y", "-o", "XAuthLocation=/no/such/xauth"], &x.authority())]
    {
        let mut line = client(&x, &server, options, command);
        let done = run(line.env("XAUTHORITY", authority));
        done.expect_code(0).expect_stderr(fake);
        let text = done.text();
        assert!(text.contains("[localhost:") && text.contains("MIT-MAGIC-COOKIE-1"), "{text}");
    }
    let options = ["-X", "-o", "ForwardX11Trusted=no"];
    let mut line = client(&x, &server, &options, command);
    let done = run(line.env("XAUTHORITY", &empty));
    done.expect_code(0).expect_stderr("Warning: untrusted X11 forwarding setup failed");
    assert!(done.text().starts_with("[]"), "{}", done.text());
}

/// S57, M20: a display that is none is named; one that is not there is named by tssh to who asked
/// for it on the command line.
#[test]
fn without_a_display() {
    if unavailable("x11::without_a_display") {
        return;
    }
    let (server, _folder) = server("X11Forwarding yes");
    let line = |options: &[&str]| client_command(&tssh_binary(), &server, options, &["true"]);
    let done = run(line(&["-Y"]).env("DISPLAY", ":0;id"));
    done.expect_code(0).expect_stderr("DISPLAY \":0;id\" invalid; disabling X11 forwarding");
    let text = "X11 forwarding requested but DISPLAY not set";
    run(&mut line(&["-Y", "-v"])).expect_code(0).expect_stderr(text);
    let done = run(&mut line(&["-o", "ForwardX11=yes"]));
    assert_eq!(done.expect_code(0).stderr, "");
    if !is_stand_in() {
        run(&mut line(&["-Y"])).expect_code(0).expect_stderr(text);
    }
}

//! What cannot work is said in one clear line, in ssh's words, with exit status 255.

use crate::support::{Forward, lacks_openssh};
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::process::Command;
use tssh_interop_tests::openssh::{Server, free_port};
use tssh_interop_tests::process::{Finished, PATIENCE, run};
use tssh_interop_tests::tssh::{tssh, tssh_binary};

/// Runs the client without any server.
pub fn alone(arguments: &[&str]) -> Finished {
    let mut command = Command::new(tssh_binary());
    command.args(["-F", "none", "-o", "BatchMode=yes"]).args(arguments);
    run(command.env_remove("SSH_AUTH_SOCK").env("LC_ALL", "C"))
}

#[test]
fn bad_forwards_are_refused_before_connecting() {
    let bad = ["22003", "99999:a:1", "22003:localhost:nosuch", "22003:localhost:", "a:b:c:d:e"];
    for spec in bad {
        let text = format!("Bad local forwarding specification '{spec}'");
        let done = alone(&["-L", spec, "127.0.0.1", "true"]);
        done.expect_code(255).expect_stderr(&text);
    }
}

#[test]
fn bad_options_are_refused_before_connecting() {
    let bad: [(&[&str], &str); 4] = [
        (&["-o", "NoSuchOption=1"], "Bad configuration option: nosuchoption"),
        (&["-p", "0"], "Bad port '0'"),
        (&["-p", "65536"], "Bad port '65536'"),
        (&["-o", "Port=2000x"], "Bad port '2000x'"),
    ];
    for (options, text) in bad {
        let mut all = options.to_vec();
        all.extend(["127.0.0.1", "true"]);
        let done = alone(&all);
        done.expect_code(255);
        let lower = done.stderr.to_lowercase();
        assert!(lower.contains(&text.to_lowercase()), "{options:?}: {}", done.stderr);
    }
    let usage = alone(&[]);
    usage.expect_code(255).expect_stderr("usage: ");
}

#[test]
fn a_port_without_a_server_is_named() {
    let port = free_port();
    let text = format!("connect to host 127.0.0.1 port {port}: Connection refused");
    let done = alone(&["-p", &port.to_string(), "127.0.0.1", "true"]);
    done.expect_code(255).expect_stderr(&text);
}

#[test]
fn a_name_without_an_address_is_named() {
    let done = alone(&["no-such-host.invalid", "true"]);
    done.expect_code(255).expect_stderr("Could not resolve hostname no-such-host.invalid: ");
}

#[test]
fn a_missing_identity_is_named_and_the_login_refused() {
    if lacks_openssh("errors::a_missing_identity_is_named_and_the_login_refused") {
        return;
    }
    let server = Server::with_lines(&[]);
    let mut command =
        tssh_interop_tests::tssh::bare_command(&tssh_binary(), &server, &["-o", "BatchMode=yes"]);
    command.args(["-o", "IdentitiesOnly=yes", "-i", "/nonexistent/key", "127.0.0.1", "true"]);
    let text = "Identity file /nonexistent/key not accessible: No such file or directory";
    let done = run(&mut command);
    done.expect_code(255).expect_stderr(text).expect_stderr("Permission denied (publickey).");
}

#[test]
fn an_identity_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    if lacks_openssh("errors::an_identity_that_others_can_read_is_not_used") {
        return;
    }
    let server = Server::with_lines(&[]);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(server.user_key(), open).expect("mode of the key");
    let done = tssh(&server, &[], &["true"]);
    done.expect_code(255).expect_stderr("UNPROTECTED PRIVATE KEY FILE");
    done.expect_stderr("Permission denied (publickey).");
}

#[test]
fn a_busy_port_is_named() {
    if lacks_openssh("errors::a_busy_port_is_named") {
        return;
    }
    let server = Server::with_lines(&[]);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port to take");
    let port = taken.local_addr().expect("the address of a listener").port();
    // A machine without IPv6 has only the one family to be busy in.
    let _also_taken = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    let spec = format!("{port}:127.0.0.1:1");
    let text = format!("bind [127.0.0.1]:{port}: Address already in use");
    // Without the option the session goes on, as with ssh.
    let done = tssh(&server, &["-L", &spec], &["exit 3"]);
    done.expect_code(3).expect_stderr(&text);
    let strict = ["-L", &spec, "-o", "ExitOnForwardFailure=yes"];
    tssh(&server, &strict, &["true"]).expect_code(255).expect_stderr(&text);
}

#[test]
fn a_target_that_refuses_is_reported_and_the_connection_ended() {
    if lacks_openssh("errors::a_target_that_refuses_is_reported_and_the_connection_ended") {
        return;
    }
    let server = Server::with_lines(&[]);
    let forward = Forward::start(&server, &[], free_port());
    refused(forward, "open failed: connect failed: Connection refused");
}

#[test]
fn a_forbidden_forward_is_reported_and_the_connection_ended() {
    if lacks_openssh("errors::a_forbidden_forward_is_reported_and_the_connection_ended") {
        return;
    }
    let server = Server::with_lines(&["AllowTcpForwarding no"]);
    let forward = Forward::start(&server, &[], 1);
    refused(forward, "open failed: administratively prohibited: open failed");
}

#[track_caller]
fn refused(forward: Forward, text: &str) {
    let mut got = Vec::new();
    // The end may come as an orderly one or as a reset.
    let _ = forward.connect().read_to_end(&mut got);
    assert!(got.is_empty());
    let said = forward.process.stderr.wait_for(text, PATIENCE);
    assert!(said, "no {text:?}: {}", forward.process.output());
    forward.finish();
}

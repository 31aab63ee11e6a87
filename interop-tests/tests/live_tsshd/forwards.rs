//! direct-tcpip: what the configuration and the key let through.

use crate::support::{remote, ssh, tsshd, unavailable};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use tssh_interop_tests::openssh::{Server, free_port};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::client_command;

/// `ssh -W` to a service that speaks first; what it said.
fn greeting(server: &Server, host: &str, port: u16) -> (i32, String, String) {
    let target = format!("{host}:{port}");
    let mut command = client_command(&ssh(), server, &["-W", &target], &[]);
    let mut client = Process::spawn(&mut command);
    let greeted = client.stdout.wait_for("IMAP4rev1", PATIENCE);
    if greeted {
        client.send(b"a LOGOUT\r\n");
    }
    let done = client.finish(PATIENCE);
    (done.code, done.text(), done.stderr)
}

#[test]
fn a_forward_carries_a_conversation() {
    if unavailable("forwards::a_forward_carries_a_conversation") {
        return;
    }
    let (server, imap, port) = (tsshd(&[]), Service::start(Toy::Imap), free_port());
    let (code, text, errors) = greeting(&server, "127.0.0.1", imap.port());
    assert!(code == 0 && text.contains("* BYE"), "{code} {text} {errors}");
    let spec = format!("{port}:localhost:{}", imap.port());
    let mut command = client_command(&ssh(), &server, &["-L", &spec], &["echo ready; cat"]);
    let mut client = Process::spawn(&mut command);
    assert!(client.stdout.wait_for("ready", PATIENCE), "{}", client.output());
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the forward");
    stream.write_all(b"a LOGOUT\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the answer to its end");
    assert!(text.starts_with("* OK") && text.ends_with("a OK done\r\n"), "{text}");
    // The client waits for its forwards to be over.
    drop(stream);
    client.finish(PATIENCE).expect_code(0);
}

#[test]
fn nobody_there_is_said_as_such() {
    if unavailable("forwards::nobody_there_is_said_as_such") {
        return;
    }
    let server = tsshd(&[]);
    let (code, _, errors) = greeting(&server, "127.0.0.1", free_port());
    assert_eq!(code, 255);
    assert!(errors.contains("open failed: connect failed: Connection refused"), "{errors}");
}

#[test]
fn the_configuration_and_the_key_both_have_to_permit_it() {
    if unavailable("forwards::the_configuration_and_the_key_both_have_to_permit_it") {
        return;
    }
    let imap = Service::start(Toy::Imap);
    let port = imap.port();
    let allowed = |server: &Server, host: &str| {
        let (code, text, errors) = greeting(server, host, port);
        let prohibited = errors.contains("administratively prohibited");
        assert!((code == 0) != prohibited, "{code} {text} {errors}");
        code == 0
    };
    for line in ["AllowTcpForwarding no", "DisableForwarding yes", "PermitOpen none"] {
        assert!(!allowed(&tsshd(&[line]), "127.0.0.1"), "{line}");
    }
    let server = tsshd(&[&format!("PermitOpen 127.0.0.1:{port}")]);
    assert!(allowed(&server, "127.0.0.1"));
    assert!(!allowed(&server, "localhost"), "names are compared as they are written");
    let public = std::fs::read_to_string(server.folder().join("user_key.pub")).expect("the key");
    for (options, expected) in [
        ("no-port-forwarding".to_owned(), false),
        ("restrict".to_owned(), false),
        ("restrict,port-forwarding".to_owned(), true),
        (format!("permitopen=\"127.0.0.1:{port}\""), true),
        ("permitopen=\"127.0.0.1:1\"".to_owned(), false),
        // The server does not permit what this one names.
        (format!("permitopen=\"localhost:{port}\""), false),
    ] {
        server.folder().write("authorized_keys", format!("{options} {public}"));
        assert_eq!(allowed(&server, "127.0.0.1"), expected, "{options}");
    }
    remote(&server, &[], "true").expect_code(0);
}

#[test]
fn what_is_forbidden_is_refused_and_the_session_goes_on() {
    if unavailable("forwards::what_is_forbidden_is_refused_and_the_session_goes_on") {
        return;
    }
    for (line, refused) in [
        ("AllowTcpForwarding yes", false),
        ("AllowTcpForwarding remote", false),
        ("AllowTcpForwarding local", true),
        ("AllowTcpForwarding no", true),
        ("DisableForwarding yes", true),
        ("PermitListen none", true),
        ("PermitListen 127.0.0.1:*", true),
        ("PermitListen local*:*", false),
    ] {
        let server = tsshd(&[line]);
        let (listen, target) = (free_port(), free_port());
        let spec = format!("{listen}:127.0.0.1:{target}");
        let options = ["-R", &spec, "-A", "-X"];
        let done = run(&mut client_command(&ssh(), &server, &options, &["echo on"]));
        assert_eq!(done.expect_code(0).text(), "on\n");
        let warning = format!("remote port forwarding failed for listen port {listen}");
        assert_eq!(done.stderr.contains(&warning), refused, "{line}: {}", done.stderr);
    }
}

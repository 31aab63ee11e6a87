//! Forwards that come and go within a master's connection.

use super::{Shared, lacks_openssh, pairs};
use crate::support::connect;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::is_stand_in;

#[track_caller]
fn is_echoed(mut stream: impl Read + Write) {
    stream.write_all(b"there and back").expect("write through the forward");
    let mut back = [0; 14];
    stream.read_exact(&mut back).expect("read through the forward");
    assert_eq!(&back, b"there and back");
}

#[track_caller]
fn is_closed(port: u16) {
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "{port} still listens");
}

impl Shared {
    /// Asks for a forward, uses it, and cancels it.
    #[track_caller]
    fn comes_and_goes(&self, option: &str, port: u16, connect: impl Fn(u16)) {
        self.ask("forward", &[option]).expect_code(0);
        connect(port);
        self.cancel(option);
        is_closed(port);
    }

    /// Cancels a forward, and waits until the server has done so: ssh answers before that.
    #[track_caller]
    fn cancel(&self, option: &str) {
        self.ask("cancel", &[option]).expect_code(0);
        self.run(&[], &["true"]).expect_code(0);
    }

    /// What a cancel that fails ends with: ssh's success is no success.
    fn failed_cancel(&self) -> i32 {
        if self.client_is_ssh() || is_stand_in() { 0 } else { 255 }
    }
}

#[test]
fn forwards_of_each_kind_come_and_go() {
    if lacks_openssh("mux::forwards::forwards_of_each_kind_come_and_go") {
        return;
    }
    let echo = Service::start(Toy::Echo);
    let target = echo.port();
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        for kind in ["-L", "-R"] {
            let port = free_port();
            let option = format!("{kind}127.0.0.1:{port}:127.0.0.1:{target}");
            shared.comes_and_goes(&option, port, |port| is_echoed(connect(port)));
        }
        let port = free_port();
        shared.comes_and_goes(&format!("-D127.0.0.1:{port}"), port, |port| {
            let mut stream = connect(port);
            let [high, low] = target.to_be_bytes();
            stream.write_all(&[4, 1, high, low, 127, 0, 0, 1, 0]).expect("a request");
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).expect("an answer");
            assert_eq!(answer[..2], [0, 90]);
            is_echoed(stream);
        });
        for kind in ["-L", "-R"] {
            let path = shared.server.folder().join("unix");
            let option = format!("{kind}{}:127.0.0.1:{target}", path.display());
            shared.ask("forward", &[&option]).expect_code(0);
            is_echoed(UnixStream::connect(&path).expect("the forward's socket"));
            shared.cancel(&option);
            assert!(UnixStream::connect(&path).is_err(), "{kind} still listens");
            let _ = std::fs::remove_file(&path);
        }
        shared.finish();
    }
}

/// M10, M17: a port that the server chose is printed alone, and the same forward again is the
/// same forward; so it is for its end.
#[test]
fn a_port_that_the_server_chose_and_the_same_forward_again() {
    if lacks_openssh("mux::forwards::a_port_that_the_server_chose_and_the_same_forward_again") {
        return;
    }
    let echo = Service::start(Toy::Echo);
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let option = format!("-R0:127.0.0.1:{}", echo.port());
        let printed = shared.ask("forward", &[&option]);
        let text = printed.expect_code(0).text();
        let port = text.strip_suffix('\n').and_then(|port| port.parse().ok()).expect(&text);
        is_echoed(connect(port));
        let again = shared.ask("forward", &[&option]);
        assert_eq!(again.expect_code(0).text(), text);
        shared.cancel(&option);
        is_closed(port);
        let local = free_port();
        let option = format!("-L127.0.0.1:{local}:127.0.0.1:{}", echo.port());
        shared.ask("forward", &[&option]).expect_code(0);
        let again = shared.ask("forward", &[&option]);
        assert_eq!(again.expect_code(0).text(), "");
        is_echoed(connect(local));
        shared.finish();
    }
}

/// M18: ssh's words, and a status that scripts can rely on.
#[test]
fn cancelling_what_is_not_there_fails() {
    if lacks_openssh("mux::forwards::cancelling_what_is_not_there_fails") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        for option in ["-L1:a:1", "-R1:a:1", "-D1"] {
            let failed = shared.ask("cancel", &[option]);
            failed
                .expect_code(shared.failed_cancel())
                .expect_stderr("mux_client_forward: forwarding request failed: port not forwarded")
                .expect_stderr("muxclient: master cancel forward request failed");
        }
        if !shared.client_is_ssh() && !is_stand_in() {
            shared.ask("cancel", &["--strict-openssh", "-L1:a:1"]).expect_code(0);
        }
        shared.finish();
    }
}

/// M21: ssh's words for each kind, and 255.
#[test]
fn a_busy_port_is_a_failure() {
    if lacks_openssh("mux::forwards::a_busy_port_is_a_failure") {
        return;
    }
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = busy.local_addr().expect("its address").port();
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let remote = format!("remote port forwarding failed for listen port {port}");
        for (kind, why) in [("-L", "Port forwarding failed"), ("-R", remote.as_str())] {
            let option = format!("{kind}127.0.0.1:{port}:a:1");
            shared
                .ask("forward", &[&option])
                .expect_code(255)
                .expect_stderr(&format!("mux_client_forward: forwarding request failed: {why}"))
                .expect_stderr("muxclient: master forward request failed");
        }
        shared.finish();
    }
}

/// Forwards of a client's command line are the master's, and outlive the client.
#[test]
fn forwards_of_a_client_are_the_masters() {
    if lacks_openssh("mux::forwards::forwards_of_a_client_are_the_masters") {
        return;
    }
    let echo = Service::start(Toy::Echo);
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let port = free_port();
        let option = format!("-L127.0.0.1:{port}:127.0.0.1:{}", echo.port());
        shared.run(&[&option], &["exit 6"]).expect_code(6);
        is_echoed(connect(port));
        shared.finish();
    }
}

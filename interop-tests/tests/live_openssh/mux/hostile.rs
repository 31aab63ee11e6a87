//! Clients that break the rules of the control socket: they end, and nobody else does.

use super::{Shared, lacks_openssh};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::process::{PATIENCE, run};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{client_command, is_stand_in, tssh_binary};

const HELLO: [u8; 12] = [0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 4];
const CHECK: [u8; 12] = [0, 0, 0, 8, 0x10, 0, 0, 4, 0, 0, 0, 7];
/// A session without descriptors: flags, no escape character, no TERM, no command.
const SESSION: [u8; 48] = [
    0, 0, 0, 44, 0x10, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

impl Shared {
    pub fn raw(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).expect("the control socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit for reads");
        stream
    }

    /// Sends bytes, and waits until the master has closed the socket.
    fn is_closed_by(&self, bytes: &[&[u8]]) {
        let mut stream = self.raw();
        for piece in bytes {
            // It may be closed before everything is written.
            let _ = stream.write_all(piece);
        }
        let mut all = Vec::new();
        let end = stream.read_to_end(&mut all);
        let reset = end.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(end.is_ok() || reset, "{bytes:x?}: {end:?}");
    }

    #[track_caller]
    fn serves_others(&self) {
        assert_eq!(self.run(&[], &["echo alive; exit 3"]).expect_code(3).text(), "alive\n");
    }
}

#[test]
fn bytes_that_are_no_messages_end_their_client_alone() {
    if lacks_openssh("mux::hostile::bytes_that_are_no_messages_end_their_client_alone") {
        return;
    }
    let shared = Shared::start(&tssh_binary(), &tssh_binary(), &[]);
    shared.is_closed_by(&[b"GET / HTTP/1.0\r\n\r\n"]);
    shared.is_closed_by(&[&[0xff; 64]]);
    // A length beyond every message, and one that no memory holds.
    shared.is_closed_by(&[&HELLO, &[0, 4, 0, 1]]);
    shared.is_closed_by(&[&HELLO, &[0xff, 0xff, 0xff, 0xff]]);
    // No hello, two of them, one of another version, one that breaks off.
    shared.is_closed_by(&[&CHECK]);
    shared.is_closed_by(&[&HELLO, &HELLO]);
    shared.is_closed_by(&[&[0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 3]]);
    shared.is_closed_by(&[&[0, 0, 0, 2, 0, 0]]);
    // A session whose descriptors do not come.
    shared.is_closed_by(&[&HELLO, &SESSION, &[0, 0, 0]]);
    // A command of one NUL, for which servers end the whole connection.
    let mut nul = [&SESSION[..], &[0]].concat();
    (nul[3], nul[47]) = (45, 1);
    shared.is_closed_by(&[&HELLO, &nul]);
    shared.serves_others();
    shared.finish();
}

/// Whoever has taken the name of the socket and says nothing is waited for as long as a server
/// would be: ConnectTimeout.
#[test]
fn a_master_that_says_nothing_is_left_alone_in_time() {
    if lacks_openssh("mux::hostile::a_master_that_says_nothing_is_left_alone_in_time") {
        return;
    }
    if is_stand_in() {
        let name = "mux::hostile::a_master_that_says_nothing_is_left_alone_in_time";
        return skip(name, "the ssh of Debian 12 waits for ever");
    }
    let server = Server::with_lines(&[]);
    let socket = server.folder().join("c");
    let _silent = UnixListener::bind(&socket).expect("a socket");
    let option = format!("-S{}", socket.display());
    let options = [option.as_str(), "-oConnectTimeout=1"];
    let alone = run(&mut client_command(&tssh_binary(), &server, &options, &["echo alone"]));
    alone.expect_code(0).expect_stderr("muxclient: master hello exchange failed");
    assert_eq!(alone.text(), "alone\n");
    let check = [&options[..], &["-Ocheck"]].concat();
    run(&mut client_command(&tssh_binary(), &server, &check, &[])).expect_code(255);
}

/// What is not known is refused, and the client may go on.
#[test]
fn a_request_that_is_not_known_is_refused() {
    if lacks_openssh("mux::hostile::a_request_that_is_not_known_is_refused") {
        return;
    }
    let shared = Shared::start(&tssh_binary(), &tssh_binary(), &[]);
    let mut stream = shared.raw();
    let unknown = [0, 0, 0, 9, 0x10, 0, 0, 0x7f, 0, 0, 0, 5, 1];
    stream.write_all(&[&HELLO[..], &unknown, &CHECK].concat()).expect("requests");
    let mut hello = [0; 12];
    stream.read_exact(&mut hello).expect("a hello");
    assert_eq!(hello, HELLO);
    let mut failure = [0; 35];
    stream.read_exact(&mut failure).expect("a refusal");
    assert_eq!(failure[4..12], [0x80, 0, 0, 3, 0, 0, 0, 5]);
    assert_eq!(&failure[16..], b"unsupported request");
    let mut alive = [0; 16];
    stream.read_exact(&mut alive).expect("an answer");
    assert_eq!(alive[..12], [0, 0, 0, 12, 0x80, 0, 0, 5, 0, 0, 0, 7]);
    drop(stream);
    shared.finish();
}

/// A client that reads nothing, and many that say nothing, hold up nobody.
#[test]
fn clients_that_stall_hold_up_nobody() {
    if lacks_openssh("mux::hostile::clients_that_stall_hold_up_nobody") {
        return;
    }
    let shared = Shared::start(&tssh_binary(), &tssh_binary(), &[]);
    let mut stalled = shared.raw();
    stalled.set_nonblocking(true).expect("writes that do not wait");
    stalled.write_all(&HELLO).expect("a hello");
    // Until its answers fill the socket, and then its requests.
    let full = (0..1_000_000).any(|_| stalled.write(&CHECK).is_err());
    assert!(full, "somebody has taken a million requests");
    let silent: Vec<UnixStream> = (0..100).map(|_| shared.raw()).collect();
    shared.serves_others();
    drop((stalled, silent));
    shared.serves_others();
    shared.finish();
}

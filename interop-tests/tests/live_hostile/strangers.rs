//! What a server tells those who guess.

use crate::support::{tsshd, unavailable};
use tssh_interop_tests::hostile::wire::Wire;
use tssh_interop_tests::openssh::{Server, ServerOptions};
use tssh_transport::wire::Writer;

/// Every answer to somebody who tries a key that nobody authorized, with and without signing,
/// a password, and what does not exist.
fn answers(server: &Server, user: &str) -> Vec<Vec<u8>> {
    let mut wire = Wire::to(server.port());
    wire.exchange().expect("a key exchange");
    wire.service().expect("the service");
    let request = |method: &[u8], fields: &[u8]| {
        let mut request = Vec::new();
        let mut w = Writer::new(&mut request);
        w.byte(50);
        w.string(user.as_bytes());
        w.string(b"ssh-connection");
        w.string(method);
        [request, fields.to_vec()].concat()
    };
    let mut key = Vec::new();
    let mut w = Writer::new(&mut key);
    w.boolean(false);
    w.string(b"ssh-ed25519");
    w.string(&wire.raw.key.public().blob());
    let requests = [
        request(b"none", b""),
        request(b"publickey", &key),
        wire.raw.signed_request(user.as_bytes()),
        request(b"password", b"\0\0\0\0\x06secret"),
        request(b"hostbased", b""),
    ];
    let ask = |request: &Vec<u8>| {
        wire.send(request);
        wire.until(51).unwrap_or_default()
    };
    requests.iter().map(ask).collect()
}

/// Byte for byte the same answers for the user who may log in, for other users of the machine,
/// and for names that nobody has.
#[test]
fn users_that_do_not_exist_are_answered_like_those_that_do() {
    if unavailable("strangers::users_that_do_not_exist_are_answered_like_those_that_do") {
        return;
    }
    // The hostile peer's key is not authorized here.
    let server = Server::start_tsshd(&ServerOptions::default());
    let existing = answers(&server, server.user());
    assert!(existing.iter().all(|answer| answer.first() == Some(&51)), "{existing:?}");
    for user in ["daemon", "nobody", "no-such-user", ""] {
        assert_eq!(answers(&server, user), existing, "{user:?}");
    }
    // One whose key is authorized under another name gets nothing from that.
    let server = tsshd(&[]);
    assert_eq!(answers(&server, "no-such-user"), existing);
}

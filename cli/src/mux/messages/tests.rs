use super::*;
use crate::mux::forward::UNIX_PORT;

fn session() -> NewSession {
    NewSession {
        tty: true,
        x11: false,
        agent: true,
        subsystem: false,
        escape: u32::from(b'~'),
        term: "xterm".to_owned(),
        command: b"ls \xff".to_vec(),
        environment: vec![b"LANG=C".to_vec(), b"X=\xfe".to_vec()],
    }
}

fn spec() -> ForwardSpec {
    ForwardSpec {
        kind: 1,
        listen_host: "/a".to_owned(),
        listen_port: UNIX_PORT,
        connect_host: "web".to_owned(),
        connect_port: 80,
    }
}

fn requests() -> Vec<ClientMessage> {
    let all = [
        Request::NewSession(Box::new(session())),
        Request::NewSession(Box::default()),
        Request::AliveCheck,
        Request::Terminate,
        Request::OpenForward(spec()),
        Request::CloseForward(spec()),
        Request::StdioForward { host: "web".to_owned(), port: 80 },
        Request::StopListening,
        Request::Proxy,
    ];
    let numbered = all.into_iter().enumerate();
    let requests = numbered
        .map(|(id, request)| ClientMessage::Request { id: u32::try_from(id).unwrap(), request });
    std::iter::once(ClientMessage::Hello).chain(requests).collect()
}

fn answers() -> Vec<MasterMessage> {
    vec![
        MasterMessage::Hello,
        MasterMessage::Ok(1),
        MasterMessage::PermissionDenied(2, "no".to_owned()),
        MasterMessage::Failure(3, "broken".to_owned()),
        MasterMessage::Exit { session: 4, status: 44 },
        MasterMessage::Alive { id: 5, pid: 4711 },
        MasterMessage::SessionOpened { id: 6, session: 2 },
        MasterMessage::RemotePort { id: 7, port: 8080 },
        MasterMessage::TtyAllocFail(8),
        MasterMessage::Proxy(9),
    ]
}

/// The body, once the length before it was compared.
fn body(framed: &[u8]) -> &[u8] {
    let head = framed.first_chunk::<4>().copied().unwrap();
    assert_eq!(length(head), Ok(framed.len() - 4));
    &framed[4..]
}

#[test]
fn every_message_comes_back_as_it_was() {
    for message in requests() {
        assert_eq!(ClientMessage::decode(body(&message.encode())), Ok(message));
    }
    for message in answers() {
        assert_eq!(MasterMessage::decode(body(&message.encode())), Ok(message));
    }
}

/// A message that breaks off is none, and neither is one that goes on. Only the list of variables
/// may end anywhere between two of them.
#[test]
fn truncated_and_trailing_bytes_are_refused() {
    let plain = requests().into_iter().filter(|message| {
        !matches!(message, ClientMessage::Request { request: Request::NewSession(_), .. })
    });
    for message in plain {
        let framed = message.encode();
        let body = body(&framed);
        for end in 0..body.len() {
            assert!(ClientMessage::decode(&body[..end]).is_err(), "{message:?} {end}");
        }
        assert!(ClientMessage::decode(&[body, &[0]].concat()).is_err(), "{message:?}");
    }
    for message in answers() {
        let framed = message.encode();
        let body = body(&framed);
        for end in 0..body.len() {
            assert!(MasterMessage::decode(&body[..end]).is_err(), "{message:?} {end}");
        }
        assert!(MasterMessage::decode(&[body, &[0]].concat()).is_err(), "{message:?}");
    }
    let message =
        ClientMessage::Request { id: 1, request: Request::NewSession(Box::new(session())) };
    let framed = message.encode();
    let whole = body(&framed);
    let fits = (0..whole.len()).filter(|end| ClientMessage::decode(&whole[..*end]).is_ok());
    assert_eq!(fits.count(), 2, "behind the command, and between the variables");
}

/// The bytes of OpenSSH's `PROTOCOL.mux`, written out.
#[test]
fn bytes_on_the_socket() {
    assert_eq!(ClientMessage::Hello.encode(), [0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 4]);
    let check = ClientMessage::Request { id: 7, request: Request::AliveCheck };
    assert_eq!(check.encode(), [0, 0, 0, 8, 0x10, 0, 0, 4, 0, 0, 0, 7]);
    let failure = MasterMessage::Failure(1, "x".to_owned());
    assert_eq!(failure.encode(), [0, 0, 0, 13, 0x80, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, b'x']);
}

#[test]
fn hostile_lengths_and_versions_are_refused() {
    assert_eq!(length([0, 4, 0, 0]), Ok(256 * 1024));
    assert_eq!(length([0, 4, 0, 1]), Err(Fault::TooLong(256 * 1024 + 1)));
    assert!(length([0xff; 4]).is_err());
    // A string that claims more than there is.
    let body = [0x10, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    assert!(matches!(ClientMessage::decode(&body), Err(Fault::Wire(_))));
    let old = [0, 0, 0, 1, 0, 0, 0, 3];
    assert_eq!(ClientMessage::decode(&old), Err(Fault::Version(3)));
    assert_eq!(MasterMessage::decode(&old), Err(Fault::Version(3)));
    // Extensions come in pairs.
    let extended = [0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1, b'a', 0, 0, 0, 0];
    assert_eq!(ClientMessage::decode(&extended), Ok(ClientMessage::Hello));
    assert!(ClientMessage::decode(&extended[..13]).is_err());
    let mut many = session();
    many.environment = vec![Vec::new(); MUX_ENVIRONMENT_MAX + 1];
    let many = ClientMessage::Request { id: 1, request: Request::NewSession(Box::new(many)) };
    assert_eq!(ClientMessage::decode(&many.encode()[4..]), Err(Fault::TooManyVariables));
}

#[test]
fn what_is_not_known_is_named_and_what_is_said_is_made_printable() {
    let body = [0x10, 0, 0, 0x7f, 0, 0, 0, 3, 1, 2, 3];
    let request = Request::Unknown(0x1000_007f);
    assert_eq!(ClientMessage::decode(&body), Ok(ClientMessage::Request { id: 3, request }));
    let failure = MasterMessage::Failure(1, "a\x1b[31m".to_owned());
    let Ok(MasterMessage::Failure(1, shown)) = MasterMessage::decode(&failure.encode()[4..]) else {
        panic!("a failure")
    };
    assert!(!shown.contains('\x1b'), "{shown}");
}

/// What is written out in octal is four times as long, and would be cut again by whoever reads it
/// twice.
#[test]
fn a_reason_of_control_characters_grows_to_four_times_and_no_more() {
    let most = crate::limits::PEER_TEXT_BYTES_MAX;
    let hostile = MasterMessage::Failure(1, "\u{1b}".repeat(most + 1));
    let Ok(MasterMessage::Failure(1, why)) = MasterMessage::decode(body(&hostile.encode())) else {
        panic!("a failure")
    };
    assert_eq!(why, "\\033".repeat(most));
}

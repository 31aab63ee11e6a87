use super::*;
use alloc::string::ToString;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;
use tssh_transport::wire::Message;

fn opens() -> Vec<OpenKind> {
    let text = || "text".to_string();
    vec![
        OpenKind::Session,
        OpenKind::DirectTcpip {
            host: text(),
            port: 1,
            originator_address: text(),
            originator_port: 2,
        },
        OpenKind::ForwardedTcpip {
            address: text(),
            port: 70_000,
            originator_address: text(),
            originator_port: 2,
        },
        OpenKind::DirectStreamlocal { path: text() },
        OpenKind::ForwardedStreamlocal { path: text() },
        OpenKind::X11 { originator_address: text(), originator_port: 6010 },
        OpenKind::AuthAgent,
    ]
}

fn globals() -> Vec<GlobalRequest> {
    let text = || "text".to_string();
    vec![
        GlobalRequest::TcpipForward { address: text(), port: 0 },
        GlobalRequest::CancelTcpipForward { address: text(), port: 7 },
        GlobalRequest::StreamlocalForward { path: text() },
        GlobalRequest::CancelStreamlocalForward { path: text() },
        GlobalRequest::NoMoreSessions,
    ]
}

fn requests() -> Vec<ChannelRequest> {
    use ChannelRequest as R;
    let text = || "text".to_string();
    vec![
        R::Pty { term: text(), cols: 1, rows: 2, wpx: 3, hpx: 4, modes: vec![5, 0] },
        R::Shell,
        R::Exec { command: vec![0xff, 0] },
        R::Subsystem { name: text() },
        R::Env { name: vec![1], value: vec![] },
        R::WindowChange { cols: 1, rows: 2, wpx: 3, hpx: 4 },
        R::Signal { name: text() },
        R::ExitStatus(u32::MAX),
        R::ExitSignal { name: text(), core_dumped: true, message: text() },
        R::XonXoff { client_can_do: true },
        R::Break { milliseconds: 500 },
        R::X11Req { single_connection: true, protocol: text(), cookie: text(), screen: 1 },
        R::AuthAgentReq,
        R::Eow,
    ]
}

/// Whether a whole payload of number 80, 90 or 98 is accepted, with its inner form.
fn accepts(payload: &[u8]) -> bool {
    match payload.first() {
        Some(80) => GlobalRequestMsg::decode(payload)
            .is_ok_and(|message| GlobalRequest::decode(&message).is_ok()),
        Some(90) => {
            ChannelOpen::decode(payload).is_ok_and(|message| OpenKind::decode(&message).is_ok())
        }
        _ => ChannelRequestMsg::decode(payload)
            .is_ok_and(|message| ChannelRequest::decode(&message).is_ok()),
    }
}

fn all_payloads() -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut add = |encode: &dyn Fn(&mut Vec<u8>)| {
        let mut payload = Vec::new();
        encode(&mut payload);
        payloads.push(payload);
    };
    opens().iter().for_each(|kind| add(&|out| kind.encode(1, 2, 3, out)));
    globals().iter().for_each(|request| add(&|out| request.encode(true, out)));
    requests().iter().for_each(|request| add(&|out| request.encode(9, true, out)));
    payloads
}

#[test]
fn opens_come_back_as_they_were() {
    for kind in opens() {
        let mut payload = Vec::new();
        kind.encode(1, 2, 3, &mut payload);
        let message = ChannelOpen::decode(&payload).unwrap();
        assert_eq!(OpenKind::decode(&message).unwrap(), kind);
        let numbers =
            (message.sender_channel, message.initial_window_size, message.maximum_packet_size);
        assert_eq!(numbers, (1, 2, 3));
    }
}

#[test]
fn requests_come_back_as_they_were() {
    let keys = || vec![0, 0, 0, 1, 7];
    let lists = [GlobalRequest::HostKeys(keys()), GlobalRequest::HostKeysProve(keys())];
    for request in globals().into_iter().chain(lists) {
        let mut payload = Vec::new();
        request.encode(true, &mut payload);
        let message = GlobalRequestMsg::decode(&payload).unwrap();
        assert!(message.want_reply);
        assert_eq!(GlobalRequest::decode(&message).unwrap(), request);
    }
    for request in requests() {
        let mut payload = Vec::new();
        request.encode(9, false, &mut payload);
        let message = ChannelRequestMsg::decode(&payload).unwrap();
        assert_eq!((message.recipient_channel, message.want_reply), (9, false));
        assert_eq!(ChannelRequest::decode(&message).unwrap(), request);
    }
}

#[test]
fn every_truncation_and_a_trailing_byte_are_refused() {
    for payload in all_payloads() {
        assert!(accepts(&payload), "{payload:?}");
        for n in 0..payload.len() {
            // A name cut short is another, unknown name only where its length says so; the
            // length field makes every cut a truncation.
            assert!(!accepts(&payload[..n]), "{payload:?} cut to {n}");
        }
        assert!(!accepts(&[&payload[..], &[0]].concat()), "{payload:?} and a byte");
    }
}

#[test]
fn fixed_messages_refuse_every_truncation_and_a_trailing_byte() {
    fn check<'m, M: Message<'m> + Copy>(message: M, ok: impl Fn(&[u8]) -> bool) {
        let payload = message.payload();
        assert!(ok(&payload));
        (0..payload.len()).for_each(|n| assert!(!ok(&payload[..n]), "{} cut to {n}", M::NAME));
        assert!(!ok(&[&payload[..], &[0]].concat()), "{} and a byte", M::NAME);
    }
    check(ChannelData::new(1, b"ab"), |p| ChannelData::decode(p).is_ok());
    check(ChannelExtendedData::new(1, 1, b"ab"), |p| ChannelExtendedData::decode(p).is_ok());
    check(ChannelWindowAdjust::new(1, 2), |p| ChannelWindowAdjust::decode(p).is_ok());
    check(ChannelEof::new(1), |p| ChannelEof::decode(p).is_ok());
    check(ChannelClose::new(1), |p| ChannelClose::decode(p).is_ok());
    check(ChannelSuccess::new(1), |p| ChannelSuccess::decode(p).is_ok());
    check(ChannelFailure::new(1), |p| ChannelFailure::decode(p).is_ok());
    check(RequestFailure::new(), |p| RequestFailure::decode(p).is_ok());
    check(ChannelOpenFailure::new(1, 2, b"no", b"en"), |p| ChannelOpenFailure::decode(p).is_ok());
}

#[test]
fn names_of_the_peer_are_made_harmless() {
    let message = ChannelRequestMsg::new(0, b"\x1b]0;x\x07", false, &[]);
    let ChannelRequest::Other { name, .. } = ChannelRequest::decode(&message).unwrap() else {
        panic!()
    };
    assert_eq!(name, "\\033]0;x\\007");
    let request = ChannelRequest::ExitSignal {
        name: "KILL\u{7}".to_string(),
        core_dumped: false,
        message: "\u{1b}[1m".to_string(),
    };
    let mut payload = Vec::new();
    request.encode(0, false, &mut payload);
    let decoded = ChannelRequest::decode(&ChannelRequestMsg::decode(&payload).unwrap()).unwrap();
    let ChannelRequest::ExitSignal { name, message, .. } = decoded else { panic!() };
    assert_eq!((name.as_str(), message.as_str()), ("KILL\\007", "\\033[1m"));
}

/// What a trace shows of a message is every field of it, by the form that the decoders read.
#[test]
fn a_trace_takes_every_form_apart() {
    for payload in all_payloads() {
        let shape = crate::trace::shape(payload[0]).unwrap();
        let fields = tssh_transport::trace::dissect(&payload, Some(&shape));
        let fields: Vec<_> = fields.iter().filter_map(|field| field.as_map()).collect();
        assert!(fields.iter().all(|field| field.text("type") != "bytes"), "{fields:?}");
        let len: u64 = fields.iter().map(|field| field.number("len")).sum();
        assert_eq!(len, u64::try_from(payload.len()).unwrap(), "{fields:?}");
    }
}

proptest! {
    /// Nothing that a peer can send makes the decoders panic.
    #[test]
    fn no_bytes_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), which in 0usize..30,
    ) {
        accepts(&bytes);
        let payloads = all_payloads();
        let mut payload = payloads[which % payloads.len()].clone();
        for (i, b) in bytes.iter().enumerate().filter(|(i, _)| i % 5 == 0) {
            let at = i % payload.len();
            payload[at] = *b;
        }
        accepts(&payload);
    }
}

//! Opening channels: RFC 4254 section 5.1.

use super::support::{End, direct, settle};
use crate::connection::ConnectionConfig;
use crate::error::LocalError;
use crate::event::{ChannelEvent, Stream};
use crate::limits;
use crate::messages::{
    ChannelClose, ChannelData, ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure,
    ChannelRequest, ChannelWindowAdjust, GlobalRequest, OpenFailure, OpenKind,
};
use alloc::string::{String, ToString};
use std::vec::Vec;
use tssh_transport::wire::Message;
use tssh_transport::{Error, Side};

fn open(kind: &OpenKind, peer: u32) -> Vec<u8> {
    let mut payload = Vec::new();
    kind.encode(peer, 1000, 1000, &mut payload);
    payload
}

/// A client's warning about an open that would reach something of ours; nothing else is heard.
fn warned(end: &mut End, kind: &OpenKind) {
    let warning = ChannelEvent::Unsolicited { kind: kind.clone() };
    let warning = (end.c.side == Side::Client && kind.forwards()).then_some(warning);
    assert_eq!(end.events.pop_front(), warning, "{kind:?}");
    assert_eq!(end.events.pop_front(), None, "{kind:?}");
}

/// Feeds an open that must be refused without anybody above being asked.
fn refused(end: &mut End, kind: &OpenKind, reason: OpenFailure) {
    end.feed(&open(kind, 7)).unwrap();
    warned(end, kind);
    let payload = end.sent().unwrap();
    let failure = ChannelOpenFailure::decode(&payload).unwrap();
    assert_eq!((failure.recipient_channel, failure.reason_code), (7, reason.code()), "{kind:?}");
    assert_eq!(end.c.table.len(), 0);
}

/// A name in another encoding fails one channel, and the connection goes on.
#[test]
fn names_that_are_not_utf8_fail_one_channel() {
    let mut end = End::new(Side::Server);
    let mut payload = open(&direct(), 7);
    let host = payload.windows(4).position(|w| w == b"loca").unwrap();
    payload[host] = 0xff;
    end.feed(&payload).unwrap();
    let failure = end.sent().unwrap();
    let failure = ChannelOpenFailure::decode(&failure).unwrap();
    let reason = OpenFailure::ConnectFailed.code();
    assert_eq!((failure.recipient_channel, failure.reason_code), (7, reason));
    assert_eq!((end.events.pop_front(), end.c.table.len()), (None, 0));
    end.feed(&open(&direct(), 8)).unwrap();
    assert!(matches!(end.events.pop_front(), Some(ChannelEvent::OpenRequest { .. })));
}

fn forwarded() -> OpenKind {
    OpenKind::ForwardedTcpip {
        address: "localhost".to_string(),
        port: 8080,
        originator_address: "192.0.2.1".to_string(),
        originator_port: 1,
    }
}

fn x11() -> OpenKind {
    OpenKind::X11 { originator_address: "127.0.0.1".to_string(), originator_port: 1 }
}

fn streamlocal() -> OpenKind {
    OpenKind::ForwardedStreamlocal { path: "/s".to_string() }
}

#[test]
fn a_client_refuses_what_it_did_not_ask_for() {
    let mut end = End::new(Side::Client);
    for kind in [OpenKind::Session, direct(), forwarded(), x11(), streamlocal()] {
        refused(&mut end, &kind, OpenFailure::AdministrativelyProhibited);
    }
    refused(&mut end, &OpenKind::AuthAgent, OpenFailure::AdministrativelyProhibited);
    let direct = OpenKind::DirectStreamlocal { path: "/s".to_string() };
    refused(&mut end, &direct, OpenFailure::AdministrativelyProhibited);
    let tun = OpenKind::Unknown("tun@openssh.com".to_string());
    refused(&mut end, &tun, OpenFailure::UnknownChannelType);
}

#[test]
fn a_client_hears_of_what_it_asked_for_and_of_nothing_else() {
    let mut end = End::new(Side::Client);
    let path = "/s".to_string();
    let asked = GlobalRequest::TcpipForward { address: String::new(), port: 0 };
    end.c.global_request(&asked, true).unwrap();
    refused_others(&mut end, &[forwarded()], &[x11(), streamlocal(), OpenKind::AuthAgent]);
    end.c.global_request(&GlobalRequest::StreamlocalForward { path }, true).unwrap();
    end.sent_numbers();
    let session = end.open(OpenKind::Session, 1, 1, 1);
    refused_others(&mut end, &[forwarded(), streamlocal()], &[x11(), OpenKind::AuthAgent]);
    end.c.request(session, &ChannelRequest::AuthAgentReq, false).unwrap();
    let x = ChannelRequest::X11Req {
        single_connection: false,
        protocol: "MIT-MAGIC-COOKIE-1".to_string(),
        cookie: "00".to_string(),
        screen: 0,
    };
    end.c.request(session, &x, false).unwrap();
    let all = [forwarded(), streamlocal(), x11(), OpenKind::AuthAgent];
    refused_others(&mut end, &all, &[OpenKind::Session, direct()]);
}

fn refused_others(end: &mut End, heard: &[OpenKind], refused: &[OpenKind]) {
    end.sent_numbers();
    for kind in heard {
        end.feed(&open(kind, 1)).unwrap();
        let event = end.events.pop_front();
        let Some(ChannelEvent::OpenRequest { channel, kind: came }) = event else {
            panic!("{kind:?}")
        };
        assert_eq!(came, *kind);
        end.c.refuse_open(channel, OpenFailure::ConnectFailed, "no").unwrap();
        assert_eq!(end.sent_numbers(), [92]);
    }
    for kind in refused {
        end.feed(&open(kind, 1)).unwrap();
        warned(end, kind);
        assert_eq!(end.sent_numbers(), [92]);
    }
}

#[test]
fn a_server_refuses_what_only_clients_are_sent() {
    let mut end = End::new(Side::Server);
    let tun = OpenKind::Unknown("x".to_string());
    for kind in [forwarded(), x11(), streamlocal(), OpenKind::AuthAgent, tun] {
        refused(&mut end, &kind, OpenFailure::UnknownChannelType);
    }
}

#[test]
fn no_more_sessions_is_honoured_by_a_server() {
    let mut end = End::new(Side::Server);
    let mut payload = Vec::new();
    GlobalRequest::NoMoreSessions.encode(false, &mut payload);
    end.feed(&payload).unwrap();
    assert_eq!((end.sent(), end.events.pop_front()), (None, None));
    refused(&mut end, &OpenKind::Session, OpenFailure::AdministrativelyProhibited);
    end.accept(&direct(), 3, 1, 1);
}

#[test]
fn over_the_limit_opens_are_refused_for_want_of_resources() {
    let config = ConnectionConfig { channels_max: 3, ..ConnectionConfig::default() };
    let mut end = End::with(Side::Server, &config);
    let keys = [0, 1, 2].map(|peer| end.accept(&direct(), peer, 1, 1));
    end.feed(&open(&direct(), 7)).unwrap();
    let payload = end.sent().unwrap();
    let failure = ChannelOpenFailure::decode(&payload).unwrap();
    assert_eq!(failure.reason_code, OpenFailure::ResourceShortage.code());
    assert_eq!(end.c.open(direct()), Err(LocalError::TooManyChannels));
    // Open-then-close gains nothing until both closes are done.
    end.c.close(keys[1]).unwrap();
    end.sent_numbers();
    end.feed(&open(&direct(), 7)).unwrap();
    assert_eq!(end.sent_numbers(), [92]);
    end.message(&ChannelClose::new(keys[1].number())).unwrap();
    end.events.clear();
    end.accept(&direct(), 7, 1, 1);
}

#[test]
fn an_open_that_nobody_has_decided_counts_against_the_limit() {
    let config = ConnectionConfig { channels_max: 1, ..ConnectionConfig::default() };
    let mut end = End::with(Side::Server, &config);
    end.feed(&open(&direct(), 7)).unwrap();
    end.feed(&open(&direct(), 8)).unwrap();
    assert_eq!(end.sent_numbers(), [92]);
}

#[test]
fn refusals_wait_for_the_gate_and_too_many_end_the_session() {
    let mut end = End::new(Side::Client);
    end.out.gate_closed = true;
    let payload = open(&OpenKind::Session, 1);
    for _ in 0..limits::HELD_REPLIES_MAX {
        assert!(!end.c.is_paused());
        end.feed(&payload).unwrap();
    }
    assert!(end.c.is_paused());
    assert!(matches!(end.feed(&payload), Err(Error::LimitReached(_))));
    end.out.gate_closed = false;
    assert_eq!(end.sent_numbers().len(), limits::HELD_REPLIES_MAX);
    assert!(!end.c.is_paused());
}

#[test]
fn answers_to_opens_that_were_not_sent_are_misbehaviour() {
    let mut end = End::new(Side::Client);
    end.misbehaves(&ChannelOpenConfirmation::new(0, 0, 1, 1, &[]));
    end.misbehaves(&ChannelOpenFailure::new(0, 1, b"", b""));
    let open = end.open(direct(), 1, 1, 1);
    end.misbehaves(&ChannelOpenConfirmation::new(open.number(), 1, 1, 1, &[]));
    end.misbehaves(&ChannelOpenFailure::new(open.number(), 1, b"", b""));
    end.out.gate_closed = true;
    let queued = end.c.open(direct()).unwrap();
    end.misbehaves(&ChannelOpenConfirmation::new(queued.number(), 1, 1, 1, &[]));
    let mut server = End::new(Side::Server);
    server.feed(&self::open(&direct(), 0)).unwrap();
    server.misbehaves(&ChannelOpenConfirmation::new(0, 1, 1, 1, &[]));
}

#[test]
fn a_refused_open_frees_the_channel_and_its_text_is_made_harmless() {
    let mut end = End::new(Side::Client);
    let key = end.c.open(direct()).unwrap();
    end.sent_numbers();
    end.message(&ChannelOpenFailure::new(key.number(), 2, b"no\x1b[2J", b"en")).unwrap();
    let description = "no\\033[2J".to_string();
    let failed = ChannelEvent::OpenFailed { channel: key, reason: 2, description };
    assert_eq!(end.events.pop_front(), Some(failed));
    assert_eq!(end.c.table.len(), 0);
}

#[test]
fn a_channel_closed_while_it_opens_is_closed_once_it_is_open() {
    let mut end = End::new(Side::Client);
    let key = end.c.open(direct()).unwrap();
    end.c.close(key).unwrap();
    assert_eq!(end.sent_numbers(), [90]);
    end.message(&ChannelOpenConfirmation::new(key.number(), 6, 1, 1, &[])).unwrap();
    assert_eq!(end.events.pop_front(), None);
    assert_eq!(end.sent().unwrap(), ChannelClose::new(6).payload());
    end.message(&ChannelClose::new(key.number())).unwrap();
    assert_eq!(end.events.pop_front(), Some(ChannelEvent::Closed { channel: key }));
}

#[test]
fn decisions_are_made_once_and_only_on_opens_of_the_peer() {
    let mut end = End::new(Side::Server);
    end.feed(&open(&direct(), 7)).unwrap();
    let Some(ChannelEvent::OpenRequest { channel, .. }) = end.events.pop_front() else { panic!() };
    assert_eq!(end.c.close(channel), Err(LocalError::NotOpen));
    assert_eq!(end.c.send_data(channel, Stream::Data, &mut end.out, |a| a.len()), Ok(0));
    end.c.accept_open(channel).unwrap();
    assert_eq!(end.c.accept_open(channel), Err(LocalError::NotOpen));
    assert_eq!(
        end.c.refuse_open(channel, OpenFailure::ConnectFailed, ""),
        Err(LocalError::NotOpen)
    );
    let ours = End::new(Side::Client).c.open(direct()).unwrap();
    assert_eq!(End::new(Side::Server).c.accept_open(ours), Err(LocalError::UnknownChannel));
}

#[test]
fn what_was_wanted_while_a_channel_opened_happens_when_it_is_open() {
    let (mut client, mut server) = (End::new(Side::Client), End::new(Side::Server));
    let ours = client.c.open(direct()).unwrap();
    client.c.want_send(ours, Stream::Data);
    client.c.send_eof(ours).unwrap();
    settle(&mut client, &mut server);
    let Some(ChannelEvent::OpenRequest { channel, .. }) = server.events.pop_front() else {
        panic!()
    };
    assert_eq!(server.events.pop_front(), None, "EOF waits for the confirmation");
    server.c.accept_open(channel).unwrap();
    settle(&mut client, &mut server);
    assert_eq!(server.events.pop_front(), Some(ChannelEvent::Eof { channel }));
}

#[test]
fn a_thousand_opens_wait_for_the_gate_without_being_lost() {
    let mut end = End::new(Side::Client);
    end.out.gate_closed = true;
    (0..1000).for_each(|_| assert!(end.c.open(direct()).is_ok()));
    end.flush();
    end.out.gate_closed = false;
    assert_eq!(end.sent_numbers(), std::vec![90; 1000]);
}

/// Both messages that open a channel announce the size that the owner chose, and what is announced
/// later only gives back what was consumed, even where the peer uses up all of it each time.
#[test]
fn a_window_of_a_chosen_size_is_announced_and_stays_that_size() {
    const SIZE: u32 = 256 * 1024;
    let config = ConnectionConfig { channel_window: Some(SIZE), ..ConnectionConfig::default() };
    let mut server = End::with(Side::Server, &config);
    server.feed(&open(&direct(), 7)).unwrap();
    let Some(ChannelEvent::OpenRequest { channel, .. }) = server.events.pop_front() else {
        panic!()
    };
    server.c.accept_open(channel).unwrap();
    let payload = server.sent().unwrap();
    assert_eq!(ChannelOpenConfirmation::decode(&payload).unwrap().initial_window_size, SIZE);

    let mut client = End::with(Side::Client, &config);
    client.c.open(direct()).unwrap();
    let payload = client.sent().unwrap();
    assert_eq!(ChannelOpen::decode(&payload).unwrap().initial_window_size, SIZE);
    let key = client.open(direct(), 9, 100, 100);
    let packet = ChannelData::new(key.number(), &[7; 32 * 1024]).payload();
    for _ in 0..5 {
        client.out.gate_closed = true;
        (0..SIZE / (32 * 1024)).for_each(|_| client.feed(&packet).unwrap());
        client.out.gate_closed = false;
        let payload = client.sent().unwrap();
        assert_eq!(ChannelWindowAdjust::decode(&payload).unwrap().bytes_to_add, SIZE);
        assert_eq!(client.sent(), None);
    }
}

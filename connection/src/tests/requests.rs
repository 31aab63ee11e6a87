//! Global and channel requests: RFC 4254 sections 4, 5.4 and 6.

use super::support::{End, direct, joined, settle};
use crate::ConnectionConfig;
use crate::error::LocalError;
use crate::event::{ChannelEvent, Stream};
use crate::limits;
use crate::messages::{
    ChannelFailure, ChannelRequest, ChannelRequestMsg, ChannelSuccess, GlobalRequest,
    GlobalRequestMsg, OpenKind, RequestFailure, RequestSuccess,
};
use alloc::string::ToString;
use core::time::Duration;
use std::vec;
use std::vec::Vec;
use tssh_transport::wire::Message;
use tssh_transport::{Error, Side, Timestamp};

fn global(request: &GlobalRequest, want_reply: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    request.encode(want_reply, &mut payload);
    payload
}

fn forward(port: u32) -> GlobalRequest {
    GlobalRequest::TcpipForward { address: "localhost".to_string(), port }
}

#[test]
fn global_replies_stand_in_the_order_of_the_requests() {
    let mut end = End::new(Side::Server);
    end.feed(&global(&forward(1), true)).unwrap();
    end.feed(&global(&GlobalRequest::KeepAlive, true)).unwrap();
    end.feed(&global(&forward(0), true)).unwrap();
    assert_eq!(end.sent(), None, "a slow bind is not overtaken");
    end.c.reply_global(None).unwrap();
    assert_eq!(end.sent().unwrap(), RequestFailure::new().payload());
    assert_eq!(end.sent().unwrap(), RequestFailure::new().payload());
    assert_eq!(end.sent(), None);
    end.c.reply_global(Some(vec![0, 0, 4, 0])).unwrap();
    assert_eq!(end.sent().unwrap(), RequestSuccess::new(&[0, 0, 4, 0]).payload());
    assert_eq!(end.c.reply_global(None), Err(LocalError::NothingAsked));
}

#[test]
fn unknown_global_requests_fail_if_a_reply_is_wanted() {
    for side in [Side::Client, Side::Server] {
        let mut end = End::new(side);
        let names: [&[u8]; 4] =
            [b"keepalive@openssh.com", b"nobody@example.com", b"hostkeys-00@openssh.com", b""];
        for name in names {
            end.message(&GlobalRequestMsg::new(name, false, b"rest")).unwrap();
            assert_eq!((end.sent(), end.events.pop_front()), (None, None));
            end.message(&GlobalRequestMsg::new(name, true, b"rest")).unwrap();
            assert_eq!(end.sent().unwrap(), RequestFailure::new().payload());
            assert_eq!(end.events.pop_front(), None);
        }
    }
}

#[test]
fn host_keys_are_news_for_a_client_that_asked_for_them() {
    let request = GlobalRequest::HostKeys(b"list".to_vec());
    let config = ConnectionConfig { host_keys: true, ..ConnectionConfig::default() };
    for side in [Side::Client, Side::Server] {
        let mut end = End::with(side, &config);
        end.feed(&global(&request, true)).unwrap();
        assert_eq!(end.sent().unwrap(), RequestFailure::new().payload());
        end.feed(&global(&request, false)).unwrap();
        let event = ChannelEvent::GlobalRequest { request: request.clone(), want_reply: false };
        let expected = (side == Side::Client).then_some(event);
        assert_eq!((end.sent(), end.events.pop_front()), (None, expected));
    }
}

#[test]
fn a_client_rejects_requests_for_forwarding() {
    let mut end = End::new(Side::Client);
    end.feed(&global(&forward(1), true)).unwrap();
    assert_eq!(end.sent().unwrap(), RequestFailure::new().payload());
    assert_eq!(end.events.pop_front(), None);
    let mut server = End::new(Side::Server);
    server.feed(&global(&forward(1), false)).unwrap();
    let event = ChannelEvent::GlobalRequest { request: forward(1), want_reply: false };
    assert_eq!(server.events.pop_front(), Some(event));
    assert_eq!(server.c.reply_global(None), Err(LocalError::NothingAsked));
}

#[test]
fn our_global_requests_are_matched_in_order() {
    let (mut client, mut server) = (End::new(Side::Client), End::new(Side::Server));
    let a = client.c.global_request(&forward(1), true).unwrap();
    client.c.global_request(&forward(2), false).unwrap();
    let b = client.c.global_request(&forward(0), true).unwrap();
    settle(&mut client, &mut server);
    assert_eq!(server.events.len(), 3);
    server.c.reply_global(Some(vec![])).unwrap();
    server.c.reply_global(None).unwrap();
    settle(&mut client, &mut server);
    let reply = |tag, ok| Some(ChannelEvent::GlobalReply { tag, ok, data: vec![] });
    assert_eq!(client.events.pop_front(), reply(a, true));
    assert_eq!(client.events.pop_front(), reply(b, false));
}

#[test]
fn replies_out_of_nowhere_are_misbehaviour() {
    let mut end = End::new(Side::Client);
    end.misbehaves(&RequestSuccess::new(&[]));
    end.misbehaves(&RequestFailure::new());
    end.c.global_request(&GlobalRequest::NoMoreSessions, false).unwrap();
    end.sent_numbers();
    end.misbehaves(&RequestFailure::new());
    let key = end.open(OpenKind::Session, 1, 1, 1);
    end.misbehaves(&ChannelSuccess::new(key.number()));
    end.misbehaves(&ChannelFailure::new(key.number()));
}

#[test]
fn too_many_unanswered_requests_of_ours_are_refused_to_the_caller() {
    let mut end = End::new(Side::Client);
    let key = end.open(OpenKind::Session, 1, 1, 1);
    for _ in 0..limits::REQUESTS_UNANSWERED_MAX {
        end.c.global_request(&GlobalRequest::KeepAlive, true).unwrap();
        end.c.request(key, &ChannelRequest::Shell, true).unwrap();
        end.flush();
    }
    let alive = end.c.global_request(&GlobalRequest::KeepAlive, true);
    assert_eq!(alive, Err(LocalError::TooManyRequests));
    let shell = end.c.request(key, &ChannelRequest::Shell, true);
    assert_eq!(shell, Err(LocalError::TooManyRequests));
    end.message(&RequestFailure::new()).unwrap();
    assert!(end.c.global_request(&GlobalRequest::KeepAlive, true).is_ok());
}

#[test]
fn too_many_unanswered_requests_of_the_peer_stop_reading_until_one_is_answered() {
    let mut end = End::new(Side::Server);
    let key = end.accept(&OpenKind::Session, 4, 1, 1);
    let mut env = Vec::new();
    ChannelRequest::Env { name: b"A".to_vec(), value: vec![] }.encode(key.number(), true, &mut env);
    for _ in 0..limits::REQUESTS_UNANSWERED_MAX {
        assert!(!end.c.is_paused());
        end.feed(&env).unwrap();
        end.feed(&global(&forward(1), true)).unwrap();
    }
    assert!(end.c.is_paused());
    end.c.reply_request(key, true).unwrap();
    end.flush();
    assert!(end.c.is_paused(), "the global ones are still too many");
    end.c.reply_global(None).unwrap();
    end.flush();
    assert!(!end.c.is_paused());
    assert_eq!(end.sent_numbers(), [99, 82]);
}

#[test]
fn while_the_gate_is_closed_requests_are_taken_but_not_without_end() {
    let mut end = End::new(Side::Server);
    end.out.gate_closed = true;
    let payload = global(&GlobalRequest::KeepAlive, true);
    for _ in 0..limits::HELD_REPLIES_MAX {
        end.feed(&payload).unwrap();
    }
    assert!(matches!(end.feed(&payload), Err(Error::LimitReached(_))));
}

#[test]
fn a_channel_that_goes_takes_its_unanswered_requests_with_it() {
    let mut end = End::new(Side::Server);
    let key = end.accept(&OpenKind::Session, 4, 1, 1);
    let request = ChannelRequestMsg::new(key.number(), b"pty-req", true, &[0; 24]).payload();
    for _ in 0..limits::REQUESTS_UNANSWERED_MAX {
        end.feed(&request).unwrap();
    }
    assert!(end.c.is_paused());
    end.c.close(key).unwrap();
    assert_eq!(end.sent_numbers(), [97], "no reply can follow our CLOSE");
    assert!(!end.c.is_paused());
    assert_eq!(end.c.held, 0);
}

#[test]
fn unknown_channel_requests_fail_if_a_reply_is_wanted() {
    for side in [Side::Client, Side::Server] {
        let mut end = End::new(side);
        let keys = match side {
            Side::Client => [end.open(OpenKind::Session, 8, 1, 1), end.open(direct(), 8, 1, 1)],
            Side::Server => {
                [end.accept(&OpenKind::Session, 8, 1, 1), end.accept(&direct(), 8, 1, 1)]
            }
        };
        for key in keys {
            for name in [&b"keepalive@openssh.com"[..], b"nobody@example.com", b""] {
                let request = |want| ChannelRequestMsg::new(key.number(), name, want, b"rest");
                end.message(&request(false)).unwrap();
                assert_eq!(end.sent(), None);
                end.message(&request(true)).unwrap();
                assert_eq!(end.sent().unwrap(), ChannelFailure::new(8).payload());
                assert_eq!(end.events.pop_front(), None);
            }
        }
    }
}

fn all() -> Vec<(ChannelRequest, bool, bool)> {
    use ChannelRequest as R;
    let name = "TERM".to_string();
    let text = name.clone();
    // Request, and whether it reaches a server, or a client.
    vec![
        (R::Pty { term: text, cols: 80, rows: 24, wpx: 0, hpx: 0, modes: vec![0] }, true, false),
        (R::Shell, true, false),
        (R::Env { name: b"A".to_vec(), value: b"B".to_vec() }, true, false),
        (R::WindowChange { cols: 1, rows: 2, wpx: 3, hpx: 4 }, true, false),
        (R::Signal { name: name.clone() }, true, false),
        (R::Break { milliseconds: 7 }, true, false),
        (R::AuthAgentReq, true, false),
        (R::ExitStatus(1), false, true),
        (R::ExitSignal { name, core_dumped: true, message: "m".to_string() }, false, true),
        (R::XonXoff { client_can_do: true }, false, true),
        (R::Eow, true, true),
    ]
}

#[test]
fn requests_reach_the_end_that_they_are_for() {
    for (request, to_server, to_client) in all() {
        for (side, surfaced) in [(Side::Server, to_server), (Side::Client, to_client)] {
            let mut end = End::new(side);
            let key = match side {
                Side::Server => end.accept(&OpenKind::Session, 8, 1, 1),
                Side::Client => end.open(OpenKind::Session, 8, 1, 1),
            };
            let mut payload = Vec::new();
            request.encode(key.number(), false, &mut payload);
            end.feed(&payload).unwrap();
            assert_eq!(end.events.pop_front().is_some(), surfaced, "{side:?} {request:?}");
            assert_eq!(end.sent(), None);
        }
    }
}

#[test]
fn only_one_program_is_started_per_channel() {
    let (mut client, mut server, ours, theirs) = joined(OpenKind::Session);
    let exec = |c: &str| ChannelRequest::Exec { command: c.as_bytes().to_vec() };
    let mut ask = |request: &ChannelRequest, server: &mut End| {
        let tag = client.c.request(ours, request, true).unwrap();
        settle(&mut client, server);
        (tag, server.events.pop_front().is_some(), client.events.pop_front())
    };
    assert!(ask(&exec("a"), &mut server).1);
    server.c.reply_request(theirs, false).unwrap();
    server.flush();
    assert!(ask(&ChannelRequest::Shell, &mut server).1, "the first one was refused");
    server.c.reply_request(theirs, true).unwrap();
    server.flush();
    let subsystem = ChannelRequest::Subsystem { name: "sftp".to_string() };
    assert!(!ask(&subsystem, &mut server).1);
}

#[test]
fn channel_replies_match_in_order() {
    let (mut client, mut server, ours, theirs) = joined(OpenKind::Session);
    let a = client.c.request(ours, &ChannelRequest::AuthAgentReq, true).unwrap();
    let b = client.c.request(ours, &ChannelRequest::Shell, true).unwrap();
    settle(&mut client, &mut server);
    server.c.reply_request(theirs, false).unwrap();
    server.c.reply_request(theirs, true).unwrap();
    settle(&mut client, &mut server);
    let reply = |tag, ok| Some(ChannelEvent::RequestReply { channel: ours, tag, ok });
    assert_eq!(client.events.pop_front(), reply(a, false));
    assert_eq!(client.events.pop_front(), reply(b, true));
}

#[test]
fn data_does_not_overtake_the_request_that_says_what_to_do_with_it() {
    let mut end = End::new(Side::Client);
    let key = end.open(OpenKind::Session, 1, 100, 100);
    end.c.want_send(key, Stream::Data);
    end.c.request(key, &ChannelRequest::Shell, true).unwrap();
    assert_eq!(end.c.next_turn(&end.out), None);
    assert_eq!(end.c.send_data(key, Stream::Data, &mut end.out, |a| a.len()), Ok(0));
    end.flush();
    let turn = end.c.next_turn(&end.out).unwrap();
    end.c.send_data(turn.channel, turn.stream, &mut end.out, |_| 1).unwrap();
    assert_eq!(end.sent_numbers(), [98, 94]);
}

#[test]
fn a_known_request_that_does_not_fit_its_form_ends_the_session() {
    let mut end = End::new(Side::Server);
    let key = end.accept(&OpenKind::Session, 8, 1, 1);
    let bad = ChannelRequestMsg::new(key.number(), b"exec", true, &[0, 0, 0, 9]);
    assert!(matches!(end.message(&bad), Err(Error::Decode { .. })));
    let trailing = ChannelRequestMsg::new(key.number(), b"shell", true, &[1]);
    assert!(matches!(end.message(&trailing), Err(Error::Decode { .. })));
    let bad = GlobalRequestMsg::new(b"tcpip-forward", true, &[0]);
    assert!(matches!(end.message(&bad), Err(Error::Decode { .. })));
}

#[test]
fn the_shortest_answer_time_is_taken_for_the_round_trip() {
    let mut end = End::new(Side::Client);
    let at = |ms: u64| Timestamp::from_micros(ms * 1000);
    end.now = at(100);
    end.c.now = at(100);
    let key = end.c.open(OpenKind::Session).unwrap();
    end.sent_numbers();
    end.now = at(180);
    let confirm = crate::messages::ChannelOpenConfirmation::new(key.number(), 0, 1, 1, &[]);
    end.message(&confirm).unwrap();
    assert_eq!(end.c.round_trip.of_channels(), Some(Duration::from_millis(80)));
    end.c.request(key, &ChannelRequest::Shell, true).unwrap();
    end.sent_numbers();
    end.now = at(230);
    end.message(&ChannelSuccess::new(key.number())).unwrap();
    assert_eq!(end.c.round_trip.of_channels(), Some(Duration::from_millis(50)));
    end.c.global_request(&GlobalRequest::KeepAlive, true).unwrap();
    end.sent_numbers();
    end.now = at(999);
    end.message(&RequestFailure::new()).unwrap();
    assert_eq!(end.c.round_trip.of_channels(), Some(Duration::from_millis(50)));
}

#[test]
fn numbers_that_belong_to_no_message_are_inappropriate() {
    let mut end = End::new(Side::Server);
    for number in (0..=255u8).filter(|n| !matches!(n, 80..=82 | 90..=100)) {
        let handled = end.feed(&[number]);
        assert!(matches!(handled, Err(Error::Inappropriate { .. })), "{number}");
    }
    assert!(matches!(end.feed(&[]), Err(Error::Decode { .. })));
}

//! EOF and CLOSE: RFC 4254 section 5.3.

use super::support::{End, direct, joined, settle};
use crate::error::LocalError;
use crate::event::{ChannelEvent, Stream};
use crate::messages::{
    ChannelClose, ChannelData, ChannelEof, ChannelRequest, ChannelSuccess, ChannelWindowAdjust,
    OpenKind,
};
use std::collections::{BTreeMap, VecDeque};
use std::vec;
use tssh_transport::Side;
use tssh_transport::wire::Message;

#[test]
fn eof_one_way_leaves_the_other_way_open() {
    let (mut client, mut server, ours, theirs) = joined(direct());
    client.c.send_eof(ours).unwrap();
    settle(&mut client, &mut server);
    assert_eq!(server.events.pop_front(), Some(ChannelEvent::Eof { channel: theirs }));
    assert_eq!(client.events.pop_front(), None, "EOF is not answered by EOF");
    let mut source = BTreeMap::from([(theirs, VecDeque::from(vec![5; 100_000]))]);
    server.c.want_send(theirs, Stream::Data);
    server.send_all(&mut source);
    server.c.send_eof(theirs).unwrap();
    settle(&mut client, &mut server);
    assert_eq!(client.got[&(ours, Stream::Data)], vec![5; 100_000]);
    assert_eq!(client.events.pop_front(), Some(ChannelEvent::Eof { channel: ours }));
    client.c.close(ours).unwrap();
    settle(&mut client, &mut server);
    assert_eq!(server.events.pop_front(), Some(ChannelEvent::Closed { channel: theirs }));
    assert_eq!(client.events.pop_front(), Some(ChannelEvent::Closed { channel: ours }));
    assert_eq!((client.c.table.len(), server.c.table.len()), (0, 0));
}

#[test]
fn eof_goes_out_once_and_needs_no_window() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 0, 100);
    end.c.send_eof(key).unwrap();
    end.c.send_eof(key).unwrap();
    assert_eq!(end.sent().unwrap(), ChannelEof::new(9).payload());
    end.c.send_eof(key).unwrap();
    assert_eq!(end.sent(), None);
}

#[test]
fn no_data_after_our_eof() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.c.want_send(key, Stream::Data);
    end.c.send_eof(key).unwrap();
    assert_eq!(end.c.next_turn(&end.out), None);
    assert_eq!(end.c.send_data(key, Stream::Data, &mut end.out, |a| a.len()), Ok(0));
}

#[test]
fn a_close_is_answered_by_a_close() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.message(&ChannelClose::new(key.number())).unwrap();
    assert_eq!(end.sent().unwrap(), ChannelClose::new(9).payload());
    assert_eq!(end.events.pop_front(), Some(ChannelEvent::Closed { channel: key }));
    assert_eq!(end.c.table.len(), 0);
    assert_eq!(end.c.close(key), Err(LocalError::UnknownChannel));
    assert_eq!(end.sent(), None);
}

#[test]
fn closing_twice_is_misbehaviour() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.message(&ChannelClose::new(key.number())).unwrap();
    end.misbehaves(&ChannelClose::new(key.number()));
    assert_eq!(end.sent_numbers(), [ChannelClose::NUMBER]);
    end.events.clear();
    // And while our own CLOSE still waits for the gate.
    let key = end.open(direct(), 9, 100, 100);
    end.out.gate_closed = true;
    end.message(&ChannelClose::new(key.number())).unwrap();
    end.misbehaves(&ChannelClose::new(key.number()));
}

#[test]
fn a_close_of_ours_that_crosses_theirs_is_sent_once() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.c.close(key).unwrap();
    assert_eq!(end.sent_numbers(), [ChannelClose::NUMBER]);
    end.message(&ChannelClose::new(key.number())).unwrap();
    assert_eq!(end.sent(), None);
    assert_eq!(end.events.pop_front(), Some(ChannelEvent::Closed { channel: key }));
    assert_eq!(end.c.table.len(), 0);
}

#[test]
fn after_our_close_data_is_counted_and_discarded_and_no_credit_follows() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.c.close(key).unwrap();
    assert_eq!(end.sent_numbers(), [ChannelClose::NUMBER]);
    let packet = ChannelData::new(key.number(), &[0; 32 * 1024]).payload();
    for _ in 0..64 {
        end.feed(&packet).unwrap();
    }
    assert_eq!(end.sent(), None);
    assert!(end.got.is_empty());
    end.misbehaves(&ChannelData::new(key.number(), &[1]));
}

#[test]
fn after_our_close_adjusts_eof_and_requests_are_let_pass_in_silence() {
    let mut end = End::new(Side::Client);
    let key = end.open(OpenKind::Session, 9, 100, 100);
    end.c.close(key).unwrap();
    assert_eq!(end.sent_numbers(), [ChannelClose::NUMBER]);
    end.message(&ChannelWindowAdjust::new(key.number(), 5)).unwrap();
    end.message(&ChannelEof::new(key.number())).unwrap();
    let mut request = vec![];
    ChannelRequest::ExitStatus(0).encode(key.number(), true, &mut request);
    end.feed(&request).unwrap();
    assert_eq!((end.sent(), end.events.pop_front()), (None, None));
    assert_eq!(end.c.request(key, &ChannelRequest::Shell, true), Err(LocalError::NotOpen));
}

#[test]
fn what_came_before_a_close_can_still_be_drained_and_then_the_number_is_free() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.accept = 0;
    end.message(&ChannelData::new(key.number(), b"last words")).unwrap();
    end.message(&ChannelClose::new(key.number())).unwrap();
    assert_eq!(end.sent().unwrap(), ChannelClose::new(9).payload());
    assert_eq!(end.c.table.len(), 1);
    end.drain(key, Stream::Data);
    assert_eq!(end.got[&(key, Stream::Data)], b"last words");
    assert_eq!(end.c.table.len(), 0);
    assert_eq!(end.sent(), None);
}

#[test]
fn a_channel_that_is_abandoned_with_something_in_its_ring_is_freed() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.accept = 0;
    end.message(&ChannelData::new(key.number(), b"last words")).unwrap();
    end.message(&ChannelClose::new(key.number())).unwrap();
    end.c.close(key).unwrap();
    assert_eq!(end.c.table.len(), 0);
}

#[test]
fn eof_then_close_stand_in_that_order_behind_requests() {
    let mut end = End::new(Side::Server);
    let key = end.accept(&OpenKind::Session, 9, 100, 100);
    end.out.gate_closed = true;
    end.c.send_eof(key).unwrap();
    end.c.request(key, &ChannelRequest::ExitStatus(3), false).unwrap();
    end.c.close(key).err();
    end.flush();
    end.out.gate_closed = false;
    assert_eq!(end.sent_numbers(), [98, 96, 97]);
}

#[test]
fn messages_for_channels_that_are_not_open_are_misbehaviour() {
    let mut end = End::new(Side::Client);
    let closed = end.open(direct(), 9, 100, 100);
    end.message(&ChannelClose::new(closed.number())).unwrap();
    let opening = end.c.open(direct()).unwrap();
    end.flush();
    assert_eq!(opening.number(), closed.number(), "the number is in use again");
    for number in [opening.number(), 1, 77, u32::MAX] {
        end.misbehaves(&ChannelData::new(number, b"x"));
        end.misbehaves(&crate::messages::ChannelExtendedData::new(number, 1, b"x"));
        end.misbehaves(&ChannelWindowAdjust::new(number, 1));
        end.misbehaves(&ChannelEof::new(number));
        end.misbehaves(&ChannelClose::new(number));
        end.misbehaves(&ChannelSuccess::new(number));
        end.misbehaves(&crate::messages::ChannelFailure::new(number));
        end.misbehaves(&crate::messages::ChannelRequestMsg::new(number, b"x", true, &[]));
    }
}

#[test]
fn a_late_result_for_a_reused_slot_reaches_nobody() {
    let mut end = End::new(Side::Client);
    let old = end.open(direct(), 9, 100, 100);
    end.message(&ChannelClose::new(old.number())).unwrap();
    end.sent_numbers();
    end.events.clear();
    let new = end.open(direct(), 9, 100, 100);
    assert_eq!(old.index(), new.index());
    assert_eq!(end.c.send_eof(old), Err(LocalError::UnknownChannel));
    assert_eq!(end.c.close(old), Err(LocalError::UnknownChannel));
    end.c.want_send(old, Stream::Data);
    assert_eq!(end.c.next_turn(&end.out), None);
    assert_eq!(end.sent(), None);
}

#[test]
fn a_close_that_waits_for_the_gate_frees_the_number_only_when_it_is_out() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.out.gate_closed = true;
    end.message(&ChannelClose::new(key.number())).unwrap();
    assert_ne!(end.c.open(direct()).unwrap().number(), key.number());
    end.out.gate_closed = false;
    assert_eq!(end.sent_numbers(), [97, 90]);
    assert_eq!(end.c.open(direct()).unwrap().number(), key.number());
}

/// The peer answers before it sees our CLOSE.
#[test]
fn a_reply_that_crosses_our_close_is_no_misbehaviour() {
    let mut end = End::new(Side::Client);
    let key = end.open(OpenKind::Session, 9, 100, 100);
    let tags = [ChannelRequest::Shell, ChannelRequest::Eow]
        .map(|request| end.c.request(key, &request, true).unwrap());
    end.c.close(key).unwrap();
    assert_eq!(end.sent_numbers(), [98, 98, ChannelClose::NUMBER]);
    for tag in tags {
        end.message(&ChannelSuccess::new(key.number())).unwrap();
        let reply = ChannelEvent::RequestReply { channel: key, tag, ok: true };
        assert_eq!(end.events.pop_front(), Some(reply));
    }
    end.misbehaves(&ChannelSuccess::new(key.number()));
}

/// Whoever accepts may find out at once that it cannot go on, and before the confirmation left.
#[test]
fn a_channel_accepted_and_closed_at_once_is_confirmed_and_closed() {
    let mut end = End::new(Side::Server);
    let mut open = vec![];
    direct().encode(9, 100, 100, &mut open);
    end.out.gate_closed = true;
    end.feed(&open).unwrap();
    let Some(ChannelEvent::OpenRequest { channel, .. }) = end.events.pop_front() else { panic!() };
    assert_eq!(end.c.close(channel), Err(LocalError::NotOpen), "nobody has decided");
    end.c.accept_open(channel).unwrap();
    end.c.close(channel).unwrap();
    end.out.gate_closed = false;
    assert_eq!(end.sent_numbers(), [91, ChannelClose::NUMBER]);
    end.message(&ChannelClose::new(channel.number())).unwrap();
    assert_eq!(end.c.table.len(), 0);
}

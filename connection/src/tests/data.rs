//! Data and windows: RFC 4254 section 5.2.

use super::support::{End, direct, joined, settle};
use crate::channel::ChannelKey;
use crate::event::{ChannelEvent, Stream};
use crate::flight::Flight;
use crate::limits;
use crate::messages::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelOpenConfirmation,
    ChannelWindowAdjust, OpenKind,
};
use crate::round_trip::RoundTrip;
use std::collections::{BTreeMap, VecDeque};
use std::vec;
use std::vec::Vec;
use tssh_transport::wire::Message;
use tssh_transport::{Side, Timestamp};

const KIB: u32 = 1024;

fn data(recipient: u32, n: usize) -> Vec<u8> {
    ChannelData::new(recipient, &vec![7; n]).payload()
}

#[test]
fn data_goes_out_behind_a_nine_byte_header_and_extended_data_behind_thirteen() {
    let mut end = End::new(Side::Server);
    let key = end.accept(&OpenKind::Session, 0x01020304, 100, 100);
    for (stream, head) in [
        (Stream::Data, &[94, 1, 2, 3, 4, 0, 0, 0, 3][..]),
        (Stream::Stderr, &[95, 1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 3][..]),
    ] {
        end.c.want_send(key, stream);
        let turn = end.c.next_turn(&end.out).unwrap();
        assert_eq!((turn.channel, turn.stream), (key, stream));
        let sent = end.c.send_data(key, stream, &mut end.out, |areas| {
            assert_eq!(areas.len(), turn.max);
            areas.put(b"abc")
        });
        assert_eq!(sent, Ok(3));
        assert_eq!(end.sent().unwrap(), [head, b"abc"].concat());
        end.c.send_data(key, stream, &mut end.out, |_| 0).unwrap();
        assert_eq!(end.sent(), None, "nothing sent, no trace");
        assert_eq!(end.c.next_turn(&end.out), None, "nothing to send until the driver says so");
    }
}

#[test]
fn the_window_stops_a_channel_and_an_adjust_starts_it_again() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 5, 10, 4);
    let mut source = BTreeMap::from([(key, VecDeque::from(vec![1; 30]))]);
    end.c.want_send(key, Stream::Data);
    assert_eq!(end.send_all(&mut source), 3, "4 + 4 + 2");
    assert_eq!(source[&key].len(), 20);
    end.message(&ChannelWindowAdjust::new(key.number(), 5)).unwrap();
    assert_eq!(end.send_all(&mut source), 2, "4 + 1");
    end.message(&ChannelWindowAdjust::new(key.number(), 0)).unwrap();
    assert_eq!(end.send_all(&mut source), 0);
}

#[test]
fn a_window_of_zero_or_a_packet_size_of_zero_gets_no_turn_and_no_spin() {
    let mut end = End::new(Side::Client);
    for (window, packet) in [(0, 100), (100, 0), (0, 0)] {
        let key = end.open(direct(), 1, window, packet);
        end.c.want_send(key, Stream::Data);
        assert_eq!(end.c.next_turn(&end.out), None);
        assert_eq!(end.c.send_data(key, Stream::Data, &mut end.out, |a| a.len()), Ok(0));
    }
}

#[test]
fn a_peer_with_a_huge_packet_size_still_gets_our_own_bound() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 1, u32::MAX, u32::MAX);
    end.c.want_send(key, Stream::Data);
    let turn = end.c.next_turn(&end.out).unwrap();
    assert_eq!(turn.max, limits::SEND_BYTES_MAX as usize);
}

#[test]
fn no_turn_while_keys_are_exchanged_or_output_is_full() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 1, 100, 100);
    end.c.want_send(key, Stream::Data);
    end.out.full = true;
    assert_eq!(end.c.next_turn(&end.out), None);
    end.out.full = false;
    end.out.gate_closed = true;
    assert_eq!(end.c.next_turn(&end.out), None);
    assert_eq!(end.c.send_data(key, Stream::Data, &mut end.out, |a| a.len()), Ok(0));
    end.out.gate_closed = false;
    assert!(end.c.next_turn(&end.out).is_some(), "its place was kept");
}

#[test]
fn adjust_to_the_top_is_legal_past_it_misbehaviour() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 1, 1, 100);
    end.message(&ChannelWindowAdjust::new(key.number(), u32::MAX - 1)).unwrap();
    end.misbehaves(&ChannelWindowAdjust::new(key.number(), 1));
}

#[test]
fn window_overrun_is_misbehaviour_even_of_discarded_data() {
    let mut end = End::new(Side::Client);
    let key = end.open(OpenKind::Session, 1, 100, 100);
    end.accept = 0;
    let packet = data(key.number(), 32 * 1024);
    for _ in 0..limits::WINDOW_FIRST_BYTES / (32 * KIB) {
        end.feed(&packet).unwrap();
    }
    assert_eq!(end.sent(), None, "nothing was consumed, so nothing is credited");
    end.misbehaves(&ChannelExtendedData::new(key.number(), 77, &[1]));
}

#[test]
fn data_beyond_the_packet_size_is_misbehaviour() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 1, 100, 100);
    end.misbehaves(&ChannelData::new(key.number(), &vec![0; 32 * 1024 + 1]));
}

#[test]
fn data_after_eof_is_misbehaviour() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 1, 100, 100);
    end.message(&ChannelEof::new(key.number())).unwrap();
    end.misbehaves(&ChannelData::new(key.number(), b"x"));
}

#[test]
fn data_after_close_is_misbehaviour() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 1, 100, 100);
    end.out.gate_closed = true;
    end.message(&ChannelClose::new(key.number())).unwrap();
    end.misbehaves(&ChannelData::new(key.number(), b"x"));
}

#[test]
fn unknown_extended_data_is_discarded_but_counted_and_credited() {
    let mut end = End::new(Side::Client);
    let key = end.open(OpenKind::Session, 9, 100, 100);
    let packet = ChannelExtendedData::new(key.number(), 2, &vec![0; 32 * 1024]).payload();
    for _ in 0..8 {
        end.feed(&packet).unwrap();
    }
    assert!(end.got.is_empty());
    assert_eq!(end.sent().unwrap(), ChannelWindowAdjust::new(9, 256 * KIB).payload());
}

#[test]
fn stderr_reaches_a_client_and_nobody_else() {
    let (mut client, mut server, ours, theirs) = joined(OpenKind::Session);
    server.c.want_send(theirs, Stream::Stderr);
    let sent = server.c.send_data(theirs, Stream::Stderr, &mut server.out, |a| a.put(&[1]));
    assert_eq!(sent, Ok(1));
    settle(&mut client, &mut server);
    assert_eq!(client.got[&(ours, Stream::Stderr)], [1]);
    server.message(&ChannelExtendedData::new(theirs.number(), 1, b"x")).unwrap();
    assert!(server.got.is_empty(), "extended data does not run towards a program");
}

#[test]
fn what_is_refused_waits_in_the_ring_in_order_and_is_credited_when_drained() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.accept = 3;
    end.message(&ChannelData::new(key.number(), b"abcdef")).unwrap();
    end.accept = usize::MAX;
    // Nothing may overtake what waits.
    end.message(&ChannelData::new(key.number(), b"ghi")).unwrap();
    assert_eq!(end.got[&(key, Stream::Data)], b"abc");
    assert_eq!(end.c.ring(key, Stream::Data).unwrap().halves(), [&b"defghi"[..], b""]);
    end.drain(key, Stream::Data);
    assert_eq!(end.got[&(key, Stream::Data)], b"abcdefghi");
    end.message(&ChannelData::new(key.number(), b"j")).unwrap();
    assert_eq!(end.got[&(key, Stream::Data)], b"abcdefghij");
}

#[test]
fn credit_follows_consumption_and_is_announced_once_for_many_packets() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.accept = 0;
    let packet = data(key.number(), 32 * 1024);
    (0..20).for_each(|_| end.feed(&packet).unwrap());
    assert_eq!(end.sent(), None);
    end.c.drained(key, Stream::Data, 255 * 1024);
    assert_eq!(end.sent(), None);
    end.c.drained(key, Stream::Data, 1024);
    assert_eq!(end.sent().unwrap(), ChannelWindowAdjust::new(9, 256 * KIB).payload());
    assert_eq!(end.sent(), None);
}

#[test]
fn credits_add_up_while_the_gate_is_closed() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.out.gate_closed = true;
    let packet = data(key.number(), 32 * 1024);
    (0..16).for_each(|_| end.feed(&packet).unwrap());
    end.out.gate_closed = false;
    assert_eq!(end.sent().unwrap(), ChannelWindowAdjust::new(9, 512 * KIB).payload());
    assert_eq!(end.sent(), None);
}

#[test]
fn no_credit_after_the_peers_eof() {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 9, 100, 100);
    end.accept = 0;
    let packet = data(key.number(), 32 * 1024);
    (0..20).for_each(|_| end.feed(&packet).unwrap());
    end.message(&ChannelEof::new(key.number())).unwrap();
    assert_eq!(end.events.pop_front(), Some(ChannelEvent::Eof { channel: key }));
    assert!(!end.c.is_drained(key));
    end.drain(key, Stream::Data);
    assert!(end.c.is_drained(key));
    assert_eq!(end.sent(), None, "it will not send more");
}

#[test]
fn a_window_grows_when_the_peer_exhausts_it_and_nothing_waits() {
    let config = crate::ConnectionConfig {
        channel_memory: 64 << 20,
        channels_max: 100,
        ..crate::ConnectionConfig::default()
    };
    let mut end = End::with(Side::Client, &config);
    let key = end.open(direct(), 9, 100, 100);
    // With a round trip known, it would say whether a window of this size is too small.
    end.c.round_trip = RoundTrip::default();
    let packet = data(key.number(), 32 * 1024);
    let mut left = limits::WINDOW_FIRST_BYTES;
    let mut announced = 0u32;
    // The peer hears of credit only when it has used up all it had.
    for _ in 0..4 {
        while left > 0 {
            end.feed(&packet).unwrap();
            left -= 32 * KIB;
        }
        announced = 0;
        while let Some(payload) = end.sent() {
            announced += ChannelWindowAdjust::decode(&payload).unwrap().bytes_to_add;
        }
        left = announced;
    }
    assert!(announced >= limits::WINDOW_FIRST_BYTES, "{announced}");
    // Exhausted as we see it: everything that we ever announced has come.
    end.out.gate_closed = true;
    (0..left / (32 * KIB)).for_each(|_| end.feed(&packet).unwrap());
    end.out.gate_closed = false;
    let payload = end.sent().unwrap();
    let grown = ChannelWindowAdjust::decode(&payload).unwrap().bytes_to_add;
    assert_eq!(grown, limits::WINDOW_FIRST_BYTES * 3);
}

#[test]
fn a_path_that_became_longer_after_the_login_holds_no_small_window_back() {
    let at = |ms: u64| Timestamp::from_micros(ms * 1000);
    let mut end = End::new(Side::Client);
    end.c.round_trip.ask(at(0));
    end.c.round_trip.answer(at(1));
    let targets = [0u32, 1].map(|peer| {
        let begun = 1000 * u64::from(peer + 1);
        end.now = at(begun);
        end.c.now = end.now;
        let key = end.c.open(direct()).unwrap();
        end.sent().unwrap();
        end.now = at(begun + 50);
        let confirm = ChannelOpenConfirmation::new(key.number(), peer, 100, 100, &[]);
        end.message(&confirm).unwrap();
        let target = |end: &End| end.c.table.get(key).unwrap().recv.target();
        let before = target(&end);
        let packet = data(key.number(), 32 * 1024);
        // Nine tenths of the window within the 50 ms.
        for _ in 0..before / (32 * KIB) * 9 / 10 {
            end.feed(&packet).unwrap();
            while end.sent().is_some() {}
        }
        end.now = at(begun + 100);
        end.feed(&packet).unwrap();
        (before, target(&end))
    });
    let ordinary = limits::WINDOW_FIRST_BYTES;
    assert_eq!(targets[0], (ordinary, ordinary), "by the shorter one it is large enough");
    let (before, after) = targets[1];
    assert!(before < ordinary && after > before, "{targets:?}");
}

#[test]
fn five_thousand_channels_open_and_each_gets_at_least_a_least_window() {
    let mut end = End::new(Side::Server);
    let mut total = 0u64;
    for peer in 0..5000 {
        let mut payload = Vec::new();
        direct().encode(peer, 1 << 21, 1 << 15, &mut payload);
        end.feed(&payload).unwrap();
        let Some(ChannelEvent::OpenRequest { channel, .. }) = end.events.pop_front() else {
            panic!("channel {peer} was refused");
        };
        end.c.accept_open(channel).unwrap();
        let confirm = end.sent().unwrap();
        let confirm = ChannelOpenConfirmation::decode(&confirm).unwrap();
        assert!(confirm.initial_window_size >= limits::WINDOW_LEAST_BYTES);
        total += u64::from(confirm.initial_window_size);
    }
    assert!(total <= limits::CHANNEL_MEMORY_BYTES);
}

#[test]
fn a_stopped_reader_stops_its_own_channel_only() {
    let (mut client, mut server, slow_c, slow_s) = joined(direct());
    let fast_c = client.c.open(direct()).unwrap();
    settle(&mut client, &mut server);
    let Some(ChannelEvent::OpenRequest { channel: fast_s, .. }) = server.events.pop_front() else {
        panic!("no open request");
    };
    server.c.accept_open(fast_s).unwrap();
    settle(&mut client, &mut server);
    let bytes: Vec<u8> = (0..8u32 << 20).map(|n| n as u8).collect();
    let mut source =
        BTreeMap::from([slow_c, fast_c].map(|key| (key, VecDeque::from(bytes.clone()))));
    [slow_c, fast_c].into_iter().for_each(|key| client.c.want_send(key, Stream::Data));
    loop {
        let moved = client.send_all(&mut source);
        while let Some(payload) = client.out.packets.pop_front() {
            let recipient = u32::from_be_bytes(payload[1..5].try_into().unwrap());
            server.accept = if recipient == slow_s.number() { 0 } else { usize::MAX };
            server.feed(&payload).unwrap();
        }
        settle(&mut client, &mut server);
        if moved == 0 {
            break;
        }
    }
    assert!(server.got[&(fast_s, Stream::Data)] == bytes);
    let held = server.c.table.get(slow_s).unwrap().ring(Stream::Data).len();
    assert_eq!(held, limits::WINDOW_FIRST_BYTES as usize, "the window bounds memory");
    server.accept = usize::MAX;
    while server.got.get(&(slow_s, Stream::Data)).map_or(0, Vec::len) < bytes.len() {
        server.drain(slow_s, Stream::Data);
        settle(&mut client, &mut server);
        client.send_all(&mut source);
        settle(&mut client, &mut server);
    }
    assert!(server.got[&(slow_s, Stream::Data)] == bytes);
}

#[test]
fn both_streams_of_a_session_take_turns() {
    let mut end = End::new(Side::Server);
    let key = end.accept(&OpenKind::Session, 0, 1000, 10);
    end.c.want_send(key, Stream::Data);
    end.c.want_send(key, Stream::Stderr);
    let mut numbers = Vec::new();
    for _ in 0..6 {
        let turn = end.c.next_turn(&end.out).unwrap();
        end.c.send_data(turn.channel, turn.stream, &mut end.out, |a| a.len()).unwrap();
        numbers.push(end.sent().unwrap()[0]);
    }
    assert_eq!(numbers, [95, 94, 95, 94, 95, 94]);
}

/// A channel of this many bytes' window that has sent a full packet, and so has a run.
fn begun(window: u32) -> (End, ChannelKey) {
    let mut end = End::new(Side::Client);
    let key = end.open(direct(), 7, window, 1000);
    end.c.want_send(key, Stream::Data);
    let turn = end.c.next_turn(&end.out).unwrap();
    end.c
        .send_data(turn.channel, turn.stream, &mut end.out, |areas| areas.put(&[6; 1000]))
        .unwrap();
    end.out.packets.clear();
    (end, key)
}

#[test]
fn a_run_is_filled_at_once_and_sent_packet_by_packet() {
    let (mut end, key) = begun(100_000);
    let bytes: Vec<u8> = (0..3500).map(|i| (i % 251) as u8).collect();
    let turn = end.c.next_turn(&end.out).unwrap();
    assert_eq!(turn.max, 1000);
    let sent = end.c.send_data(key, Stream::Data, &mut end.out, |areas| {
        assert_eq!(areas.pieces().map(|piece| piece.len()).collect::<Vec<_>>(), [1000; 4]);
        areas.put(&bytes)
    });
    assert_eq!(sent, Ok(3500));
    for piece in bytes.chunks(1000) {
        assert_eq!(end.sent().unwrap(), ChannelData::new(7, piece).payload());
    }
    assert_eq!(end.sent(), None);
    let left = end.c.table.get(key).unwrap().send.available();
    assert_eq!(left, 100_000 - 1000 - 3500);
}

#[test]
fn a_run_is_no_longer_than_window_limit_and_output_allow() {
    for (window, pieces) in
        [(100_000, &[1000; 4][..]), (3999, &[1000; 2]), (2000, &[1000]), (1001, &[1])]
    {
        let (mut end, key) = begun(window);
        end.c.next_turn(&end.out).unwrap();
        let lent = end.c.send_data(key, Stream::Data, &mut end.out, |areas| {
            assert!(areas.pieces().map(|piece| piece.len()).eq(pieces.iter().copied()), "{window}");
            areas.len()
        });
        assert_eq!(lent, Ok(pieces.iter().sum()));
        assert_eq!(end.out.packets.len(), pieces.len());
    }
    // Once another channel has sent in between, the limit counts from the first packet on.
    for (between, bytes) in [(false, 4000), (true, 2000)] {
        let (mut end, key) = begun(100_000);
        let other = end.open(direct(), 8, 1000, 1000);
        end.c.flight = Flight::with_limit(2500);
        end.c.last_sender = Some(if between { other } else { key });
        end.c.next_turn(&end.out).unwrap();
        assert_eq!(end.c.flight_limit(), u32::MAX);
        let sent = end.c.send_data(key, Stream::Data, &mut end.out, |areas| areas.len());
        assert_eq!(sent, Ok(bytes), "less than the limit are 1000 and 2000");
    }
}

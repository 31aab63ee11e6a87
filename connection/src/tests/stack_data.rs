//! Data both ways through two stacks, with new keys all the time.

use super::stack::{Peer, Setup, channel, connected, settle};
use super::support::direct;
use crate::event::{ChannelEvent, Stream};
use crate::{ChannelKey, OpenKind};
use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

/// Bytes that tell where they belong.
fn pattern(seed: u32, n: usize) -> Vec<u8> {
    let step = |x: &u32| Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    core::iter::successors(Some(seed), step).map(|x| (x >> 24) as u8).take(n).collect()
}

struct Transfer {
    channels: Vec<(ChannelKey, ChannelKey)>,
    up: BTreeMap<ChannelKey, VecDeque<u8>>,
    down: BTreeMap<ChannelKey, VecDeque<u8>>,
}

/// Opens channels and gives each something to send, both ways.
fn begin(client: &mut Peer, server: &mut Peer, channels: u32, bytes: usize) -> Transfer {
    let mut t = Transfer { channels: Vec::new(), up: BTreeMap::new(), down: BTreeMap::new() };
    for n in 0..channels {
        let (ours, theirs) = channel(client, server, direct());
        t.channels.push((ours, theirs));
        t.up.insert(ours, pattern(2 * n, bytes).into());
        t.down.insert(theirs, pattern(2 * n + 1, bytes).into());
        client.stack.want_send(ours, Stream::Data);
        server.stack.want_send(theirs, Stream::Data);
    }
    t
}

/// Runs until nothing moves.
fn run(client: &mut Peer, server: &mut Peer, t: &mut Transfer, chunk: usize) {
    loop {
        client.send_all(&mut t.up);
        server.send_all(&mut t.down);
        client.advance().unwrap();
        server.advance().unwrap();
        let moved = client.carry(server, chunk).unwrap();
        if !(server.carry(client, chunk).unwrap() || moved) {
            break;
        }
        drain(client);
        drain(server);
    }
}

/// Takes what waits for the consumers of all channels.
fn drain(peer: &mut Peer) {
    peer.take_waiting(usize::MAX);
}

fn check(client: &Peer, server: &Peer, t: &Transfer, bytes: usize) {
    for (n, (ours, theirs)) in (0u32..).zip(&t.channels) {
        let up = &server.got[&(*theirs, Stream::Data)];
        let down = &client.got[&(*ours, Stream::Data)];
        assert!(*up == pattern(2 * n, bytes), "channel {n} up: {} bytes", up.len());
        assert!(*down == pattern(2 * n + 1, bytes), "channel {n} down: {} bytes", down.len());
    }
}

fn both_ways(setup: &Setup, channels: u32, bytes: usize) -> (Peer, Peer) {
    let (mut client, mut server) = connected(setup);
    let mut t = begin(&mut client, &mut server, channels, bytes);
    run(&mut client, &mut server, &mut t, setup.chunk);
    check(&client, &server, &t, bytes);
    for (ours, _) in &t.channels {
        client.stack.send_eof(*ours).unwrap();
        client.stack.close(*ours).unwrap();
    }
    settle(&mut client, &mut server, setup.chunk).unwrap();
    assert_eq!((client.stack.channel_count(), server.stack.channel_count()), (0, 0));
    (client, server)
}

#[test]
fn data_both_ways_is_exact() {
    both_ways(&Setup::default(), 3, 5 << 20);
}

#[test]
fn data_both_ways_is_exact_with_new_keys_every_64_kib_on_both_sides() {
    for cipher in ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
        let setup = Setup { rekey_bytes: [64 * 1024; 2], cipher, ..Setup::default() };
        let (client, server) = both_ways(&setup, 2, 1 << 20);
        assert!(client.exchanges > 10 && server.exchanges > 10, "{}", client.exchanges);
    }
}

#[test]
fn data_both_ways_is_exact_where_only_one_side_asks_for_new_keys() {
    for rekey_bytes in [[64 * 1024, u64::MAX], [u64::MAX, 64 * 1024]] {
        both_ways(&Setup { rekey_bytes, ..Setup::default() }, 2, 1 << 20);
    }
}

#[test]
fn data_both_ways_is_exact_when_compressed() {
    let compression = "zlib@openssh.com";
    let setup = Setup { rekey_bytes: [100_000; 2], compression, ..Setup::default() };
    both_ways(&setup, 2, 1 << 20);
}

#[test]
fn a_limit_of_one_byte_still_moves_data() {
    both_ways(&Setup { rekey_bytes: [1; 2], ..Setup::default() }, 1, 100_000);
}

#[test]
fn small_steps_of_a_slow_consumer_change_nothing() {
    let setup = Setup { rekey_bytes: [64 * 1024; 2], ..Setup::default() };
    let (mut client, mut server) = connected(&setup);
    (client.accept, server.accept) = (1000, 0);
    let bytes = 3 << 20;
    let mut t = begin(&mut client, &mut server, 2, bytes);
    // Something must have been got before there is a ring to look into.
    for (ours, theirs) in &t.channels {
        client.got.entry((*ours, Stream::Data)).or_default();
        server.got.entry((*theirs, Stream::Data)).or_default();
    }
    run(&mut client, &mut server, &mut t, setup.chunk);
    check(&client, &server, &t, bytes);
}

/// Several packets of several channels wait at once, are taken in odd portions, and move to the
/// rings when the receive buffer is needed again.
#[test]
fn what_waits_in_packets_is_exact() {
    let compressed = Setup { compression: "zlib@openssh.com", ..Setup::default() };
    let rekeying = Setup { rekey_bytes: [64 * 1024; 2], ..Setup::default() };
    let chunks = [100, 70_000, usize::MAX].map(|chunk| Setup { chunk, ..Setup::default() });
    for (setup, most) in chunks
        .into_iter()
        .zip([99, 10_007, 100_003])
        .chain([(compressed, 50_000), (rekeying, 20_011)])
    {
        let (mut client, mut server) = connected(&setup);
        (client.waits, server.waits) = (true, true);
        let bytes = 400_000;
        let mut t = begin(&mut client, &mut server, 3, bytes);
        loop {
            client.send_all(&mut t.up);
            server.send_all(&mut t.down);
            client.advance().unwrap();
            server.advance().unwrap();
            let up = client.carry(&mut server, setup.chunk).unwrap();
            let down = server.carry(&mut client, setup.chunk).unwrap();
            client.take_waiting(most);
            server.take_waiting(most / 3);
            let done = |peer: &Peer| peer.got.values().map(Vec::len).sum::<usize>() == 3 * bytes;
            if !up && !down && done(&client) && done(&server) {
                break;
            }
        }
        check(&client, &server, &t, bytes);
    }
}

/// What nobody wants any more is credited, and does not come back.
#[test]
fn what_waits_in_packets_may_be_abandoned() {
    let setup = Setup::default();
    let (mut client, mut server) = connected(&setup);
    server.waits = true;
    let mut t = begin(&mut client, &mut server, 2, 100_000);
    client.send_all(&mut t.up);
    client.advance().unwrap();
    client.carry(&mut server, usize::MAX).unwrap();
    let [(_, gone), (_, stays)] = t.channels[..] else { panic!("two channels") };
    assert!(server.stack.waiting(gone, Stream::Data).count() > 1);
    server.stack.close(gone).unwrap();
    assert_eq!(server.stack.waiting(gone, Stream::Data).count(), 0);
    server.take_waiting(10);
    settle(&mut client, &mut server, usize::MAX).unwrap();
    server.take_waiting(usize::MAX);
    assert!(server.got[&(stays, Stream::Data)].starts_with(&pattern(2, 1000)));
    assert!(server.got[&(gone, Stream::Data)].is_empty());
}

/// How the byte stream was cut must not show in what goes out.
#[test]
fn rechunking_changes_nothing() {
    let all = |chunk| {
        let setup = Setup { rekey_bytes: [10_000, u64::MAX], chunk, ..Setup::default() };
        let (client, server) = connected(&setup);
        let (mut client, mut server) = (client, server);
        let (ours, theirs) = channel(&mut client, &mut server, OpenKind::Session);
        let mut up = BTreeMap::from([(ours, VecDeque::from(pattern(1, 50_000)))]);
        client.stack.want_send(ours, Stream::Data);
        for _ in 0..8 {
            client.send_all(&mut up);
            settle(&mut client, &mut server, chunk).unwrap();
        }
        client.stack.send_eof(ours).unwrap();
        settle(&mut client, &mut server, chunk).unwrap();
        assert_eq!(server.events.pop_back(), Some(ChannelEvent::Eof { channel: theirs }));
        assert!(server.got[&(theirs, Stream::Data)] == pattern(1, 50_000));
        assert!(client.exchanges > 2);
        (client.sent, server.sent)
    };
    let whole = all(usize::MAX);
    for chunk in [1, 7, 4096] {
        assert!(all(chunk) == whole, "pieces of {chunk}");
    }
}

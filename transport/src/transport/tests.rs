//! Two transports in one process, and a hostile hand on the wire between them.

use super::*;
use crate::algorithms::{KEX_CLIENT, MAC_CLIENT};
use crate::entropy::{Purpose, SEED_BYTES};
use crate::packet::Outbound;
use alloc::string::ToString;
use alloc::vec;

const DATA: u8 = 94;

fn config(side: Side, tweak: impl Fn(&mut Algorithms)) -> TransportConfig {
    let mut algorithms = Algorithms::default_for(Side::Client, true);
    tweak(&mut algorithms);
    let mut entropy = Entropy::from_seed(&[9; SEED_BYTES]);
    let host_keys = match side {
        Side::Client => Vec::new(),
        Side::Server => vec![PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper))],
    };
    TransportConfig {
        identification: "SSH-2.0-test".to_string(),
        algorithms,
        rekey: RekeyLimits::default(),
        host_keys,
        server_sig_algs: vec!["ssh-ed25519".to_string()],
    }
}

fn end(side: Side, config: TransportConfig) -> Transport {
    let seed = [if side.is_client() { 1 } else { 2 }; SEED_BYTES];
    Transport::new(side, config, Entropy::from_seed(&seed), Timestamp::default()).unwrap()
}

fn pair(tweak: impl Fn(&mut Algorithms)) -> (Transport, Transport) {
    let client = end(Side::Client, config(Side::Client, &tweak));
    (client, end(Side::Server, config(Side::Server, &tweak)))
}

/// Moves all bytes that wait, in pieces of `chunk`.
fn carry(
    from: &mut Transport,
    to: &mut Transport,
    chunk: usize,
    got: &mut Vec<Vec<u8>>,
) -> Result<()> {
    let bytes = from.transmit().to_vec();
    from.transmitted(bytes.len());
    for piece in bytes.chunks(chunk) {
        to.receive_space(piece.len())[..piece.len()].copy_from_slice(piece);
        to.received(piece.len());
        drain(to, got)?;
    }
    Ok(())
}

/// Takes everything that can be taken, says yes to the host key, keeps payloads.
fn drain(end: &mut Transport, got: &mut Vec<Vec<u8>>) -> Result<()> {
    let now = Timestamp::default();
    while let Some(incoming) = end.next(now)? {
        match incoming {
            Incoming::Payload(range) => got.push(end.payload(&range).0.to_vec()),
            Incoming::Event(TransportEvent::HostKey(_)) => end.answer_host_key(true, now)?,
            Incoming::Event(_) => {}
        }
    }
    Ok(())
}

/// Carries both ways until nothing moves.
fn settle(a: &mut Transport, b: &mut Transport, chunk: usize) -> Result<[Vec<Vec<u8>>; 2]> {
    let (mut at_a, mut at_b) = (Vec::new(), Vec::new());
    while !(a.transmit().is_empty() && b.transmit().is_empty()) {
        carry(a, b, chunk, &mut at_b)?;
        carry(b, a, chunk, &mut at_a)?;
    }
    Ok([at_a, at_b])
}

fn connected(tweak: impl Fn(&mut Algorithms)) -> (Transport, Transport) {
    let (mut client, mut server) = pair(tweak);
    settle(&mut client, &mut server, usize::MAX).unwrap();
    assert!(client.session_id().is_some());
    assert_eq!(client.session_id(), server.session_id());
    client.authenticated();
    server.authenticated();
    (client, server)
}

fn send(end: &mut Transport, bytes: &[u8]) {
    let payload = [&[DATA], bytes].concat();
    let mut sender = end.sender();
    let mut grant = sender.grant(payload.len()).unwrap();
    grant.payload().copy_from_slice(&payload);
    grant.commit(payload.len()).unwrap();
    end.data_sent();
}

/// Payloads that are put in place together arrive one by one, the last of them with what it has.
fn several_in_a_row_arrive(client: &mut Transport, server: &mut Transport) {
    const MAX: usize = 5000;
    let most = client.sender().grants(MAX, 4);
    assert!(most == 4 || client.negotiated().unwrap().client_to_server.compression != "none");
    let mut sender = client.sender();
    let mut areas = 0;
    for (i, area) in sender.areas(MAX, most).enumerate() {
        assert_eq!(area.len(), MAX);
        area.fill(u8::try_from(i).unwrap());
        area[0] = DATA;
        areas += 1;
    }
    assert_eq!(areas, most);
    let payloads = (0..most).map(|i| {
        let mut payload = vec![u8::try_from(i).unwrap(); if i == most - 1 { 77 } else { MAX }];
        payload[0] = DATA;
        payload
    });
    let payloads: Vec<Vec<u8>> = payloads.collect();
    for payload in &payloads {
        let mut grant = client.sender();
        let mut grant = grant.grant(payload.len()).unwrap();
        assert!(grant.payload() == payload, "what was put there is still there");
        grant.commit(payload.len()).unwrap();
    }
    client.data_sent();
    assert_eq!(settle(client, server, usize::MAX).unwrap()[1], payloads);
}

fn echo_works(client: &mut Transport, server: &mut Transport) {
    for n in [1, 100, 32_768] {
        let bytes = vec![7; n];
        send(client, &bytes);
        send(server, &bytes);
        let [at_client, at_server] = settle(client, server, usize::MAX).unwrap();
        let expected = vec![[&[DATA], &bytes[..]].concat()];
        assert_eq!(at_client, expected);
        assert_eq!(at_server, expected);
    }
}

#[test]
fn every_key_exchange_method_connects_and_exchanges_again() {
    for kex in KEX_CLIENT {
        let (mut client, mut server) = connected(|a| a.kex = vec![kex.to_string()]);
        echo_works(&mut client, &mut server);
        client.request_rekey();
        client.handle_deadline(Timestamp::default()).unwrap();
        settle(&mut client, &mut server, usize::MAX).unwrap();
        echo_works(&mut client, &mut server);
        assert_eq!(client.negotiated().unwrap().kex, *kex);
    }
}

#[test]
fn every_cipher_and_mac_carries_data_with_and_without_compression() {
    for cipher in Algorithms::default_for(Side::Client, true).cipher {
        for mac in MAC_CLIENT {
            for compression in ["none", "zlib@openssh.com"] {
                let (mut client, mut server) = connected(|a| {
                    a.kex = vec!["curve25519-sha256".to_string()];
                    a.cipher = vec![cipher.clone()];
                    a.mac = vec![mac.to_string()];
                    a.compression = vec![compression.to_string()];
                });
                echo_works(&mut client, &mut server);
                several_in_a_row_arrive(&mut client, &mut server);
                server.request_rekey();
                server.handle_deadline(Timestamp::default()).unwrap();
                settle(&mut client, &mut server, 1000).unwrap();
                echo_works(&mut client, &mut server);
            }
        }
    }
}

/// Payloads in a row do not outlast the keys.
#[test]
fn no_more_are_granted_in_a_row_than_the_keys_may_carry() {
    let far = RekeyLimits::default();
    for limits in [RekeyLimits { bytes: 50_000, ..far }, RekeyLimits { packets: 9, ..far }] {
        let (mut client, mut server) = pair(|_| {});
        client.clock = RekeyClock::new(limits, Timestamp::default());
        settle(&mut client, &mut server, usize::MAX).unwrap();
        client.authenticated();
        assert_eq!(client.sender().grants(10_000, 9), 1, "nothing is known yet");
        let mut granted = Vec::new();
        while client.sender().data_room() > 0 {
            granted.push(client.sender().grants(10_000, 9));
            send(&mut client, &[7; 9_999]);
        }
        let mut expected: Vec<usize> = (1..granted.len()).rev().collect();
        expected.insert(0, 1);
        assert_eq!(granted, expected);
        assert!(granted.len() > 3, "{granted:?}");
    }
}

/// As many as single ones would have been let through.
#[test]
fn as_many_are_granted_in_a_row_as_the_backlog_has_room_for() {
    let (mut client, _server) = connected(|_| {});
    for waiting in [1, 2, 9] {
        for _ in 0..waiting {
            send(&mut client, &[7; 20_000]);
        }
        let in_a_row = client.sender().grants(20_001, usize::MAX);
        assert_eq!(client.sender().grants(20_001, 3), in_a_row.min(3));
        let before = client.transmit().len();
        let mut one_by_one = 0;
        while client.sender().data_room() > 0 {
            send(&mut client, &[7; 20_000]);
            one_by_one += 1;
        }
        assert_eq!(in_a_row, one_by_one);
        assert!(one_by_one > 0);
        assert_eq!(client.sender().grants(20_001, usize::MAX), 0);
        client.transmitted(client.transmit().len().min(before + 1_000_000));
    }
}

#[test]
fn how_the_stream_is_cut_does_not_change_what_is_sent() {
    let mut sent = Vec::new();
    for chunk in [1, 7, usize::MAX] {
        let (mut client, mut server) = pair(|_| {});
        let mut stream = Vec::new();
        let mut sink = Vec::new();
        while !(client.transmit().is_empty() && server.transmit().is_empty()) {
            stream.extend_from_slice(client.transmit());
            carry(&mut client, &mut server, chunk, &mut sink).unwrap();
            carry(&mut server, &mut client, chunk, &mut sink).unwrap();
        }
        sent.push(stream);
    }
    assert_eq!(sent[0], sent[1]);
    assert_eq!(sent[0], sent[2]);
}

#[test]
fn exchanges_started_by_both_at_once_are_one_exchange() {
    let (mut client, mut server) = connected(|_| {});
    for end in [&mut client, &mut server] {
        end.request_rekey();
        end.handle_deadline(Timestamp::default()).unwrap();
        assert_eq!(end.sender().data_room(), 0, "the gate is closed");
    }
    settle(&mut client, &mut server, usize::MAX).unwrap();
    echo_works(&mut client, &mut server);
}

#[test]
fn control_sent_while_the_gate_is_closed_follows_it_in_order() {
    let (mut client, mut server) = connected(|_| {});
    client.request_rekey();
    client.handle_deadline(Timestamp::default()).unwrap();
    for n in 0..3 {
        client.sender().send(&[98, n]).unwrap();
    }
    let [_, at_server] = settle(&mut client, &mut server, usize::MAX).unwrap();
    assert_eq!(at_server, [[98, 0], [98, 1], [98, 2]]);
    client.request_rekey();
    client.handle_deadline(Timestamp::default()).unwrap();
    let flood = (0..100_000).find(|_| client.sender().send(&[98; 100]).is_err());
    assert!(flood.is_some_and(|n| n <= limits::GATED_BYTES_MAX / 100));
}

#[test]
fn tiny_limits_exchange_keys_between_packets_and_lose_nothing() {
    let (mut client, mut server) = pair(|a| a.kex = vec!["curve25519-sha256".to_string()]);
    client.clock = RekeyClock::new(
        RekeyLimits { bytes: 1000, ..RekeyLimits::default() },
        Timestamp::default(),
    );
    settle(&mut client, &mut server, usize::MAX).unwrap();
    client.authenticated();
    server.authenticated();
    let mut total = 0;
    for _ in 0..20 {
        send(&mut client, &[1; 900]);
        send(&mut server, &[2; 900]);
        let [at_client, at_server] = settle(&mut client, &mut server, 100).unwrap();
        total += at_client.len() + at_server.len();
    }
    assert_eq!(total, 40);
    assert!(client.inbound.usage().0 < 5, "keys were changed");
}

/// A packet as it stands in the clear.
fn clear_packet(payload: &[u8]) -> Vec<u8> {
    let mut out = Outbound::new();
    out.packet(payload, &mut Entropy::from_seed(&[3; SEED_BYTES])).unwrap();
    out.transmit().to_vec()
}

/// Terrapin (CVE-2023-48795) and AsyncSSH's rogue messages (CVE-2023-46445, -46446): nothing can
/// be put in before NEWKEYS, at either side, before, between or after the messages there.
#[test]
fn cve_2023_48795_nothing_can_be_inserted_before_new_keys() {
    let inserts: [&[u8]; 6] = [
        &[2, 0, 0, 0, 0],
        &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[3, 0, 0, 0, 0],
        &[7, 0, 0, 0, 0],
        &[52],
        &[99],
    ];
    for insert in inserts {
        for victim in [Side::Client, Side::Server] {
            for at in 0..3 {
                let (mut client, mut server) = pair(|_| {});
                let refused = attack(&mut client, &mut server, victim, at, &clear_packet(insert));
                assert!(refused, "{insert:?} to {victim:?} at {at}");
            }
        }
    }
}

/// Inserts bytes before the `at`th clear packet on its way to the victim.
fn attack(
    client: &mut Transport,
    server: &mut Transport,
    victim: Side,
    at: usize,
    bytes: &[u8],
) -> bool {
    let mut seen = 0;
    for _ in 0..8 {
        for to in [Side::Server, Side::Client] {
            let (from, target) = if to == Side::Server {
                (&mut *client, &mut *server)
            } else {
                (&mut *server, &mut *client)
            };
            let stream = from.transmit().to_vec();
            from.transmitted(stream.len());
            for piece in clear_pieces(&stream) {
                if to == victim && piece.first() != Some(&b'S') {
                    let insert = if seen == at { bytes } else { &[] };
                    seen += 1;
                    if feed(target, insert).is_err() {
                        return true;
                    }
                }
                if feed(target, piece).is_err() {
                    return true;
                }
            }
        }
    }
    false
}

fn feed(to: &mut Transport, bytes: &[u8]) -> Result<()> {
    to.receive_space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
    to.received(bytes.len());
    drain(to, &mut Vec::new())
}

/// The identification line and clear packets of a stream; what follows them in one piece.
fn clear_pieces(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let [first, rest @ ..] = stream {
        let n = if *first == b'S' {
            rest.iter().position(|b| *b == b'\n').map(|n| n + 2)
        } else {
            stream.first_chunk().map(|n| 4 + u32::from_be_bytes(*n) as usize)
        };
        let n = n.filter(|n| *n <= stream.len()).unwrap_or(stream.len());
        let (piece, tail) = stream.split_at(n);
        pieces.push(piece);
        stream = tail;
    }
    pieces
}

#[test]
fn a_refused_host_key_ends_the_connection() {
    let (mut client, mut server) = pair(|_| {});
    let now = Timestamp::default();
    let mut sink = Vec::new();
    carry(&mut server, &mut client, usize::MAX, &mut sink).unwrap();
    carry(&mut client, &mut server, usize::MAX, &mut sink).unwrap();
    let bytes = server.transmit().to_vec();
    client.receive_space(bytes.len())[..bytes.len()].copy_from_slice(&bytes);
    client.received(bytes.len());
    loop {
        match client.next(now).unwrap() {
            Some(Incoming::Event(TransportEvent::HostKey(_))) => break,
            Some(_) => {}
            None => unreachable!("the client never asked"),
        }
    }
    assert!(!client.wants_read() && client.next(now).unwrap().is_none(), "paused");
    assert_eq!(client.answer_host_key(false, now), Err(Error::HostKeyRefused));
}

#[test]
fn no_name_in_common_says_which_list() {
    let mut client =
        end(Side::Client, config(Side::Client, |a| a.cipher = vec!["aes128-ctr".into()]));
    let mut server =
        end(Side::Server, config(Side::Server, |a| a.cipher = vec!["aes256-ctr".into()]));
    let error = settle(&mut client, &mut server, usize::MAX).unwrap_err();
    assert_eq!(error.to_string(), "no matching cipher found. Their offer: aes128-ctr");
}

#[test]
fn unknown_numbers_are_answered_with_their_sequence_number() {
    let (mut client, mut server) = connected(|_| {});
    let before = server.inbound.sequence();
    client.sender().send(&[200, 1, 2, 3]).unwrap();
    carry(&mut client, &mut server, usize::MAX, &mut Vec::new()).unwrap();
    let bytes = server.transmit().to_vec();
    client.receive_space(bytes.len())[..bytes.len()].copy_from_slice(&bytes);
    client.received(bytes.len());
    let Ok(Some(Incoming::Event(TransportEvent::Unimplemented(n)))) =
        client.next(Timestamp::default())
    else {
        unreachable!("no answer")
    };
    assert_eq!(n, before);
}

/// CVE-2025-26466: pings whose answers are never read cost a bounded amount of memory.
#[test]
fn cve_2025_26466_a_peer_that_pings_and_does_not_read_is_not_read_either() {
    let (mut client, mut server) = connected(|_| {});
    let ping = msg::Ping::new(&[0; 16]).payload();
    let stopped = (0..1_000_000).find(|_| {
        client.sender().send(&ping).unwrap();
        carry(&mut client, &mut server, usize::MAX, &mut Vec::new()).unwrap();
        !server.wants_read()
    });
    assert!(stopped.is_some());
    let most = limits::BACKLOG_BYTES_MAX + 2 * limits::CONTROL_RESERVE_BYTES;
    assert!(server.transmit().len() < most);
}

#[test]
fn a_flipped_bit_in_any_sealed_packet_is_noticed() {
    for cipher in Algorithms::default_for(Side::Client, true).cipher {
        for bit in (0..).step_by(37).take_while(|bit| *bit < 8 * 90) {
            let (mut client, mut server) = connected(|a| {
                a.kex = vec!["curve25519-sha256".to_string()];
                a.cipher = vec![cipher.clone()];
            });
            send(&mut client, &[5; 64]);
            let mut bytes = client.transmit().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes.extend_from_slice(&[0; 300_000]);
            assert!(feed(&mut server, &bytes).is_err(), "{cipher} bit {bit}");
        }
    }
}

/// A message that nobody defined gets no answer as long as keys are being exchanged, in the first
/// exchange or a later one: answers would pile up while reading must go on.
#[test]
fn unknown_numbers_during_an_exchange_end_the_connection() {
    let mut server = end(Side::Server, config(Side::Server, |_| {}));
    let clear = [b"SSH-2.0-x\r\n".to_vec(), clear_packet(&[200])].concat();
    let refused = feed(&mut server, &clear);
    assert!(matches!(refused, Err(Error::Inappropriate { got: 200, .. })), "{refused:?}");
    let (mut client, mut server) = connected(|_| {});
    client.request_rekey();
    client.handle_deadline(Timestamp::default()).unwrap();
    carry(&mut client, &mut server, usize::MAX, &mut Vec::new()).unwrap();
    client.send.send_now(&[200]).unwrap();
    let refused = carry(&mut client, &mut server, usize::MAX, &mut Vec::new());
    assert!(matches!(refused, Err(Error::Inappropriate { got: 200, .. })), "{refused:?}");
}

/// Our KEXINIT is out, the peer's is not here: what it sends is legal, what it gets is bounded.
#[test]
fn unknown_numbers_before_the_peers_kexinit_are_answered_within_bounds() {
    let (mut client, mut server) = connected(|_| {});
    server.request_rekey();
    server.handle_deadline(Timestamp::default()).unwrap();
    let ended = (0..1_000_000).find(|_| {
        client.sender().send(&[200]).unwrap();
        carry(&mut client, &mut server, usize::MAX, &mut Vec::new()).is_err()
    });
    assert!(ended.is_some_and(|n| n <= limits::GATED_PAYLOADS_MAX));
    assert!(server.transmit().len() < limits::PENDING_BYTES_MAX);
}

/// Before authentication a peer can ask for a bounded number of exchanges.
#[test]
fn key_exchanges_before_login_are_bounded() {
    let (mut client, mut server) = pair(|a| a.kex = vec!["curve25519-sha256".to_string()]);
    settle(&mut client, &mut server, usize::MAX).unwrap();
    client.phase = Phase::Connection;
    let refused = (0..1000).find(|_| {
        client.request_rekey();
        client.handle_deadline(Timestamp::default()).unwrap();
        settle(&mut client, &mut server, usize::MAX).is_err()
    });
    assert_eq!(refused, Some(limits::IDLE_REKEYS_PER_MINUTE_MAX));
}

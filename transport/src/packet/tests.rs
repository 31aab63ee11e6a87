use super::{Inbound, Outbound};
use crate::cipher::none_opener;
use crate::compression::{Deflater, Inflater};
use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::limits::PACKETS_PER_KEY_MAX;
use std::vec;
use std::vec::Vec;

/// A sequence number cannot come back under the same keys, not in the first key exchange either:
/// long before it could, nothing goes out and nothing is taken any more.
#[test]
fn no_set_of_keys_carries_more_packets_than_it_may() {
    let (mut out, mut inbound) = (Outbound::new(), Inbound::new());
    let mut entropy = Entropy::from_seed(&[1; 64]);
    let mut pass = |packets: u64, sequence: u32| {
        out.skip_to(packets, sequence);
        inbound.skip_to(packets, sequence);
        let sent = out.packet(&[2, 0, 0, 0, 0], &mut entropy);
        let bytes = out.transmit().to_vec();
        out.transmitted(bytes.len());
        inbound.space(bytes.len())[..bytes.len()].copy_from_slice(&bytes);
        inbound.received(bytes.len());
        (sent.err(), inbound.next_packet().err())
    };
    assert_eq!(pass(0, u32::MAX), (None, None), "numbers go on at 0 where keys were changed");
    assert_eq!(pass(PACKETS_PER_KEY_MAX - 1, u32::MAX - 1), (None, None));
    let over = (
        Some(Error::LimitReached("packets sent under one set of keys")),
        Some(Error::LimitReached("packets received under one set of keys")),
    );
    assert_eq!(pass(PACKETS_PER_KEY_MAX, u32::MAX - 1), over);
    assert!(PACKETS_PER_KEY_MAX < u64::from(u32::MAX), "no number comes twice");
}

/// `bytes` arrive.
fn arrive(inbound: &mut Inbound, bytes: &[u8]) {
    inbound.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
    inbound.received(bytes.len());
}

/// The next payload, where there is one.
fn payload(inbound: &mut Inbound) -> Result<Option<Vec<u8>>> {
    let range = inbound.next_packet()?;
    Ok(range.map(|range| inbound.payload(&range).to_vec()))
}

/// A packet of this length in the clear, with this padding length.
fn clear(length: u32, padding: u8) -> Vec<u8> {
    let body = (2..=length).map(|i| i as u8);
    length.to_be_bytes().into_iter().chain([padding]).chain(body).collect()
}

#[test]
fn a_length_is_judged_before_anything_behind_it_is_there() {
    let first = |length: u32, large: bool| {
        let mut inbound = Inbound::new();
        if large {
            inbound.allow_large_packets();
        }
        // The head of a mode without keys: nothing behind the length is waited for.
        arrive(&mut inbound, &length.to_be_bytes());
        inbound.next_packet().map(|packet| packet.is_some())
    };
    // Multiples of eight with the length field: one that is too short, the shortest, the longest
    // before login and after it, one that is too long, and one that comes round with its field.
    let all = [4, 12, 34_996, 35_004, 262_140, 262_148, u32::MAX - 3];
    for (large, good) in [(false, 1..3), (true, 1..5)] {
        for (i, length) in all.into_iter().enumerate() {
            let expected =
                if good.contains(&i) { Ok(false) } else { Err(Error::PacketLength(length)) };
            assert_eq!(first(length, large), expected, "{length} {large}");
        }
    }
    for length in [0, 5, 11, 13, 16, 19, 21, u32::MAX] {
        assert_eq!(first(length, false), Err(Error::PacketLength(length)));
    }
}

#[test]
fn padding_leaves_a_payload_and_is_never_under_four_bytes() {
    for padding in 0..=u8::MAX {
        let mut inbound = Inbound::new();
        arrive(&mut inbound, &clear(12, padding));
        let expected: Result<Option<Vec<u8>>> = match padding {
            4..=10 => Ok(Some((2..=12 - padding).collect())),
            _ => Err(Error::Padding),
        };
        assert_eq!(payload(&mut inbound), expected, "{padding}");
    }
}

#[test]
fn packets_come_out_once_they_are_whole() {
    let mut inbound = Inbound::new();
    let bytes = [clear(12, 4), clear(20, 5), clear(12, 10)].concat();
    let mut payloads = Vec::new();
    for (i, byte) in bytes.iter().enumerate() {
        arrive(&mut inbound, &[*byte]);
        let came = payload(&mut inbound).unwrap();
        assert_eq!(came.is_some(), [15, 39, 55].contains(&i), "after byte {i}");
        payloads.extend(came);
    }
    let expected: [Vec<u8>; 3] = [(2..=8).collect(), (2..=15).collect(), vec![2]];
    assert_eq!(payloads, expected);
    assert_eq!((inbound.sequence(), inbound.usage()), (3, (3, 44)));
    assert!(inbound.unread().is_empty());
    // All at once is the same.
    let mut inbound = Inbound::new();
    arrive(&mut inbound, &bytes);
    assert!(expected.iter().all(|one| payload(&mut inbound).unwrap().as_ref() == Some(one)));
    assert_eq!(payload(&mut inbound), Ok(None));
}

#[test]
fn a_payload_that_was_compressed_comes_out_as_it_went_in() {
    let (mut out, mut inbound) = (Outbound::new(), Inbound::new());
    out.set_deflater(Some(Deflater::new()));
    inbound.set_inflater(Some(Inflater::new()));
    let mut entropy = Entropy::from_seed(&[1; 64]);
    for first in [vec![2; 300], (0..=255).collect()] {
        out.packet(&first, &mut entropy).unwrap();
        let bytes = out.transmit().to_vec();
        out.transmitted(bytes.len());
        arrive(&mut inbound, &bytes);
        let range = inbound.next_packet().unwrap().unwrap();
        assert!(!range.in_place());
        assert_eq!(inbound.payload(&range), first);
    }
}

/// Packets are numbered on across keys, unless the exchange was a strict one.
#[test]
fn new_keys_are_counted_anew_and_numbers_go_on_unless_reset() {
    for (reset, next) in [(false, 1), (true, 0)] {
        let mut inbound = Inbound::new();
        arrive(&mut inbound, &clear(12, 4));
        assert!(inbound.next_packet().unwrap().is_some_and(|packet| packet.sequence == 0));
        inbound.change_keys(none_opener(), reset);
        assert_eq!((inbound.sequence(), inbound.usage()), (next, (0, 0)));
        arrive(&mut inbound, &clear(12, 4));
        assert!(inbound.next_packet().unwrap().is_some_and(|packet| packet.sequence == next));
    }
}

/// Between a multiplexing master and its clients: no padding, no alignment, no keys to wear out;
/// but never less than a padding length and a message number.
#[test]
fn bare_packets_need_neither_padding_nor_keys() {
    let bare = |bytes: &[u8]| {
        let mut inbound = Inbound::new();
        inbound.bare();
        inbound.skip_to(PACKETS_PER_KEY_MAX, 0);
        arrive(&mut inbound, bytes);
        payload(&mut inbound)
    };
    assert_eq!(bare(&clear(2, 0)), Ok(Some(vec![2])));
    assert_eq!(bare(&clear(3, 0)), Ok(Some(vec![2, 3])));
    assert_eq!(bare(&clear(3, 1)), Ok(Some(vec![2])));
    assert_eq!(bare(&clear(2, 1)), Err(Error::Padding));
    for length in [0, 1, 35_001] {
        assert_eq!(bare(&clear(length, 0)), Err(Error::PacketLength(length)));
    }
}

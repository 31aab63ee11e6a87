//! RFC 4253 sections 7 to 9: key exchange and its repetition.

use crate::fight::{Fight, SIDES, Setup};
use crate::raw::Raw;
use std::time::Instant;
use tssh_connection::{Event, OpenKind, Stream};
use tssh_interop_tests::sim::setup::key;
use tssh_transport::messages::kex::{KexEcdhInit, KexEcdhReply, KexInit};
use tssh_transport::messages::transport::{Debug, Ignore, Unimplemented};
use tssh_transport::wire::Message;
use tssh_transport::{Error, Side, Timestamp, limits};

const STRICT: &str = "the initial key exchange (strict)";

/// A stack that has heard who its peer is.
fn greeted(setup: &Setup) -> Fight {
    let mut fight = Fight::new(setup);
    fight.feed(&Raw::hello()).unwrap();
    fight
}

/// Messages that an attacker on the wire could put in before encryption starts.
fn inserts() -> Vec<Vec<u8>> {
    vec![
        Ignore::new(b"").payload(),
        Unimplemented::new(0).payload(),
        Debug::new(true, b"x", b"").payload(),
        vec![5, 0, 0, 0, 12],
        vec![7, 0, 0, 0, 0],
        vec![50, 0, 0, 0, 0],
        vec![52],
        vec![90],
        vec![192, 0, 0, 0, 0],
        vec![200],
    ]
}

/// Terrapin, CVE-2023-48795, and its kin in AsyncSSH, CVE-2023-46445 and -46446: under strict key
/// exchange nothing can be put in at any point before NEWKEYS.
#[test]
fn cve_2023_48795_nothing_passes_between_the_messages_of_a_strict_exchange() {
    for side in SIDES {
        for insert in inserts() {
            let got = insert[0];
            let error = Error::Inappropriate { got, phase: STRICT };
            let mut fight = greeted(&Setup::new(side));
            let kexinit = fight.raw.kexinit();
            fight.send(&kexinit).unwrap();
            let outcome = fight.send(&insert);
            fight.ended(outcome, &error);

            let mut fight = greeted(&Setup::new(side));
            let kexinit = fight.raw.kexinit();
            fight.send(&kexinit).unwrap();
            let message = match side {
                Side::Server => fight.raw.share(),
                Side::Client => fight.raw.reply.take().unwrap(),
            };
            fight.send(&message).unwrap();
            let packet = fight.raw.packet(&insert);
            let outcome = fight.feed(&packet);
            assert_eq!(outcome, Err(error));
        }
    }
}

/// A message in front of the KEXINIT is seen once that shows that the exchange is strict.
#[test]
fn cve_2023_48795_kexinit_has_to_be_the_first_packet() {
    for side in SIDES {
        for insert in &inserts()[..3] {
            let mut fight = greeted(&Setup::new(side));
            fight.send(insert).unwrap();
            let kexinit = fight.raw.kexinit();
            let outcome = fight.send(&kexinit);
            fight.misbehaved(outcome, "KEXINIT was not the first packet");
            // Without strict key exchange it is legal.
            let mut fight = greeted(&Setup::lenient(side));
            fight.send(insert).unwrap();
            fight.exchange().unwrap();
        }
    }
}

/// Sequence numbers start again at each NEWKEYS of a strict exchange, and of no other: else as
/// many packets could be removed after NEWKEYS as were put in before.
#[test]
fn cve_2023_48795_sequence_numbers_start_again_only_if_strict() {
    for side in SIDES {
        for setup in [Setup::new(side), Setup::lenient(side)] {
            let mut fight = Fight::connected_as(&setup);
            fight.exchange().unwrap();
            fight.send(&inserts()[0]).unwrap();
            let mut fight = greeted(&setup);
            fight.raw.resets_sent ^= true;
            fight.exchange().unwrap();
            let outcome = fight.send(&inserts()[0]);
            let wrong = matches!(outcome, Err(Error::MacIncorrect | Error::PacketLength(_)));
            assert!(wrong, "{side:?}: {outcome:?}");
        }
    }
}

/// The marker counts in the first KEXINIT only, and only that of the other side.
#[test]
fn markers_count_once_and_from_the_right_side_only() {
    for side in SIDES {
        let (theirs, ours) = if side.is_client() { ("s", "c") } else { ("c", "s") };
        let marker = |letter| format!("curve25519-sha256,kex-strict-{letter}-v00@openssh.com");
        let mut fight = Fight::new(&Setup { kex: marker(ours), ..Setup::new(side) });
        fight.feed(&Raw::hello()).unwrap();
        fight.exchange().unwrap();
        fight.log_in();
        let mut fight = Fight::connected_as(&Setup::lenient(side));
        fight.raw.offer.kex = marker(theirs);
        fight.exchange().unwrap();
        fight.send(&inserts()[0]).unwrap();
    }
}

#[test]
fn messages_of_the_exchange_out_of_turn_end_it() {
    let phase = "this step of the exchange";
    for side in SIDES {
        for setup in [Setup::new(side), Setup::lenient(side)] {
            let mut fight = greeted(&setup);
            let kexinit = fight.raw.kexinit();
            fight.send(&kexinit).unwrap();
            let outcome = fight.send(&kexinit);
            fight.ended(outcome, &Error::Inappropriate { got: 20, phase: "a key exchange" });
            for got in [21, 32, 33, 34, 49] {
                let mut fight = greeted(&setup);
                let kexinit = fight.raw.kexinit();
                fight.send(&kexinit).unwrap();
                let outcome = fight.send(&[got]);
                fight.ended(outcome, &Error::Inappropriate { got, phase });
            }
            let mut fight = greeted(&setup);
            let outcome = fight.send(&[21]);
            fight.ended(outcome, &Error::Inappropriate { got: 21, phase });
        }
    }
}

/// russh GHSA-5xvq-cp9x-6p6r and GHSA-g9hv-x236-4qp3, RFC 8731 section 3.
#[test]
fn shares_of_small_order_or_wrong_length_end_the_exchange() {
    let mut points = [
        "",
        "01",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ]
    .map(point)
    .to_vec();
    for low in [0xec, 0xed, 0xee] {
        let mut near = vec![0xff; 32];
        near[0] = low;
        near[31] = 0x7f;
        points.push(near);
    }
    // The same with the bit set that must be masked.
    let masked = points.iter().map(|p| {
        let mut p = p.clone();
        p[31] |= 0x80;
        p
    });
    points = points.iter().cloned().chain(masked).collect();
    points.extend([0, 1, 31, 33, 64, 32_000].map(|n| vec![9; n]));
    for side in SIDES {
        for point in &points {
            let mut fight = greeted(&Setup::new(side));
            let kexinit = fight.raw.kexinit();
            fight.send(&kexinit).unwrap();
            let outcome = match side {
                Side::Server => fight.say(&KexEcdhInit::new(point)),
                Side::Client => {
                    let reply = fight.raw.reply.take().unwrap();
                    let good = KexEcdhReply::decode(&reply).unwrap();
                    fight.say(&KexEcdhReply::new(good.k_s, point, good.signature_of_h))
                }
            };
            let Err(error @ Error::KeyExchange(_)) = &outcome else { panic!("{outcome:?}") };
            fight.told(&error.clone());
        }
    }
}

/// 32 bytes from as many digits as are not zero.
fn point(hex: &str) -> Vec<u8> {
    let mut point = vec![0; 32];
    for (byte, digits) in point.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).unwrap();
        *byte = u8::from_str_radix(digits, 16).unwrap();
    }
    point
}

#[test]
fn a_signature_that_is_not_the_host_keys_ends_the_exchange() {
    for flip in 0..4 {
        let mut fight = greeted(&Setup::new(Side::Client));
        let kexinit = fight.raw.kexinit();
        fight.send(&kexinit).unwrap();
        let reply = fight.raw.reply.take().unwrap();
        let good = KexEcdhReply::decode(&reply).unwrap();
        let (mut k_s, mut signature) = (good.k_s.to_vec(), good.signature_of_h.to_vec());
        match flip {
            0 => *signature.last_mut().unwrap() ^= 1,
            1 => signature.push(0),
            2 => k_s = key(1, 1).public().blob(),
            _ => k_s.push(0),
        }
        let outcome = fight.say(&KexEcdhReply::new(&k_s, good.q_s, &signature));
        let Err(error @ Error::KeyExchange(_)) = &outcome else { panic!("{outcome:?}") };
        fight.told(&error.clone());
        assert!(!fight.events.iter().any(|e| matches!(e, Event::HostKey(_))), "nobody was asked");
    }
}

#[test]
fn the_host_key_may_not_change_within_a_connection() {
    let mut fight = Fight::connected(Side::Client);
    fight.raw.key = key(1, 1);
    let outcome = fight.exchange();
    fight.ended(outcome, &Error::KeyExchange("the host key changed within the connection"));
}

/// A KEXINIT as large as may be: russh "limit total NameList length", and quadratic matching.
#[test]
fn huge_lists_of_names_cost_little() {
    for side in SIDES {
        for name in ["x", "curve25519-sha255", ""] {
            let names = |n: usize| vec![name; n / (name.len() + 1)].join(",");
            for (logged_in, n) in [(false, 30_000), (true, 250_000)] {
                let mut fight =
                    if logged_in { Fight::connected(side) } else { greeted(&Setup::new(side)) };
                fight.raw.offer.kex = names(n);
                let kexinit = fight.raw.kexinit();
                let begun = Instant::now();
                let outcome = fight.send(&kexinit);
                assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
                let refused = match &outcome {
                    Err(Error::PeerIncompatible { list, theirs }) => {
                        *list == "key exchange method" && theirs.len() < 2000
                    }
                    Err(Error::Decode { .. }) => name.is_empty(),
                    _ => false,
                };
                assert!(refused, "{outcome:?}");
            }
        }
    }
}

#[test]
fn lists_that_are_none_are_refused() {
    for side in SIDES {
        let lists = [",", "a,,b", ",a", "a,", "a\0", "a b", "\u{e9}"];
        for list in lists {
            let mut fight = greeted(&Setup::new(side));
            let long = "x".repeat(65);
            let payload =
                KexInit::new([0; 16], list, "", "", "", "", "", "", "", "", &long, false, 0)
                    .payload();
            let outcome = fight.send(&payload);
            let Err(error) = &outcome else { panic!("{list:?} was accepted") };
            let decode = matches!(error, Error::Decode { message: "SSH_MSG_KEXINIT", .. });
            let harmless = matches!(error, Error::PeerIncompatible { .. }) && list.contains(' ');
            assert!(decode || harmless, "{list:?}: {error:?}");
        }
    }
}

/// RFC 4253 section 7: a packet that was sent on a wrong guess is ignored; russh #733.
#[test]
fn a_wrong_guess_is_passed_over() {
    for side in SIDES {
        let marker = Setup::new(side).kex;
        let kex = format!("sntrup761x25519-sha512,{marker}");
        let mut fight = greeted(&Setup { kex, guesses: true, ..Setup::new(side) });
        let kexinit = fight.raw.kexinit();
        fight.send(&kexinit).unwrap();
        let number = if side.is_client() { 31 } else { 30 };
        fight.send(&[number, 1, 2, 3]).unwrap();
        fight.exchange_on().unwrap();
        fight.log_in();
    }
}

/// Exchanges for their own sake buy CPU time cheaply.
#[test]
fn a_flood_of_key_exchanges_ends_the_connection() {
    for side in SIDES {
        let mut fight = Fight::connected(side);
        let ended = (0..100).find_map(|n| fight.exchange().err().map(|error| (n, error)));
        let error = Error::LimitReached("key exchanges without data between them");
        assert_eq!(ended, Some((limits::IDLE_REKEYS_PER_MINUTE_MAX, error)));
    }
}

/// Go CVE-2025-22869, russh "rekey wedge": an exchange that the peer never completes ends by
/// time, and until then nothing piles up. It does not matter who began it.
#[test]
fn cve_2025_22869_an_exchange_that_is_never_completed_ends_in_virtual_time() {
    for side in SIDES {
        for theirs in [false, true] {
            let mut fight = Fight::connected(side);
            let kind = OpenKind::DirectStreamlocal { path: "/x".to_owned() };
            let (channel, _) = fight.channel(&kind, u32::MAX, u32::MAX);
            fight.now = Timestamp::from_micros(5_000_000);
            if theirs {
                let kexinit = fight.raw.kexinit();
                fight.send(&kexinit).unwrap();
            } else {
                fight.victim.request_rekey();
                fight.run().unwrap();
            }
            fight.collect();
            fight.victim.want_send(channel, Stream::Data);
            assert_eq!(fight.victim.next_turn(), None, "the gate is closed");
            let end = fight.now.after(limits::REKEY_TIMEOUT);
            assert_eq!(fight.victim.deadline(), Some(end));
            let outcome = fight.victim.handle_deadline(end);
            let error = Error::TimedOut("the peer did not complete a key re-exchange");
            assert_eq!(outcome.as_ref(), Err(&error));
            assert_eq!(fight.victim.deadline(), None, "nothing is due any more");
            fight.told(&error);
        }
    }
}

/// Between its KEXINIT and its NEWKEYS a peer sends what RFC 4253 section 7.1 lists, no more.
#[test]
fn nothing_else_passes_while_the_peer_exchanges_keys() {
    for side in SIDES {
        for got in [5, 6, 7, 50, 52, 80, 90, 94, 100, 192, 193] {
            let mut fight = Fight::connected(side);
            let kexinit = fight.raw.kexinit();
            fight.send(&kexinit).unwrap();
            let outcome = fight.send(&[got, 0, 0, 0, 0, 0, 0, 0, 0]);
            fight.ended(outcome, &Error::Inappropriate { got, phase: "a key re-exchange" });
            // IGNORE, DEBUG and UNIMPLEMENTED may.
            let mut fight = Fight::connected(side);
            let kexinit = fight.raw.kexinit();
            fight.send(&kexinit).unwrap();
            inserts()[..3].iter().for_each(|insert| fight.send(insert).unwrap());
            fight.exchange_on().unwrap();
        }
    }
}

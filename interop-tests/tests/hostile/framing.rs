//! RFC 4253 sections 4 and 6: identification, packet lengths, padding, integrity.

use crate::fight::{Fight, MODES, SIDES, Setup};
use crate::raw::Raw;
use tssh_connection::Event;
use tssh_transport::compression::Deflater;
use tssh_transport::messages::transport::Ignore;
use tssh_transport::wire::Message;
use tssh_transport::{Error, Side};

/// Both sides in clear, and both sides under every kind of protection.
fn everywhere() -> Vec<(String, Fight)> {
    let mut fights = Vec::new();
    for side in SIDES {
        let mut clear = Fight::new(&Setup::new(side));
        clear.feed(&Raw::hello()).unwrap();
        fights.push((format!("{side:?} in clear"), clear));
        for mode in MODES {
            let setup = Setup { mode, ..Setup::new(side) };
            fights.push((format!("{side:?} {mode:?}"), Fight::connected_as(&setup)));
        }
    }
    fights
}

fn count() -> usize {
    everywhere().len()
}

/// russh CVE-2024-43410, libssh2 CVE-2026-55200 and CVE-2019-3855 to -3863: a claimed length is
/// refused when its field is there; nothing waits for what it claims, nothing is allocated.
#[test]
fn cve_2024_43410_lengths_out_of_range_are_refused_at_once() {
    let huge = [257 * 1024 - 4, 257 * 1024, 16 << 20, 1 << 31, u32::MAX - 3, u32::MAX];
    for length in [0, 1, 2, 3, 4, 5, 7, 13, 33].into_iter().chain(huge) {
        for case in 0..count() {
            let (name, mut fight) = everywhere().swap_remove(case);
            println!("{name}: length {length}");
            let packet = fight.raw.frame(length, 4, &[2; 15]);
            let outcome = fight.feed(&packet);
            fight.ended(outcome, &Error::PacketLength(length));
        }
    }
}

/// Before anybody is logged in, a server takes packets as large as RFC 4253 section 6.1 asks for,
/// no larger. A client takes larger ones from a server whose key was accepted: banners are long.
#[test]
fn large_packets_are_for_those_who_are_logged_in() {
    for side in SIDES {
        let mut fight = Fight::exchanged(&Setup::new(side));
        let large = |n: usize| Ignore::new(&vec![0; n]).payload();
        fight.send(&large(32_768)).unwrap();
        if side.is_client() {
            fight.send(&large(255 * 1024)).unwrap();
            continue;
        }
        let packet = fight.raw.packet(&large(35_100));
        let length = 35_112;
        assert_eq!(packet.len(), 4 + length + 16);
        let outcome = fight.feed(&packet);
        fight.ended(outcome, &Error::PacketLength(length as u32));
        let mut fight = Fight::connected(side);
        fight.send(&large(255 * 1024)).unwrap();
    }
}

/// Four bytes of padding are the least (RFC 4253 section 6), and a payload has to stand beside
/// them; Dropbear 2022.83 accepts less.
#[test]
fn padding_that_is_too_short_or_too_long_is_refused() {
    for case in 0..count() {
        for padding in [0, 1, 2, 3, 27, 28, 31, 32, 33, 254, 255] {
            let (name, mut fight) = everywhere().swap_remove(case);
            println!("{name}: {padding} bytes of padding");
            // Encrypt-and-MAC and cleartext count the length field as well.
            let length =
                if name.contains("clear") || name.contains("hmac-sha2-512\"") { 28 } else { 32 };
            if usize::from(padding) + 1 < length && padding >= 4 {
                continue;
            }
            let packet = fight.raw.frame(length as u32, padding, &vec![2; length - 1]);
            let outcome = fight.feed(&packet);
            fight.ended(outcome, &Error::Padding);
        }
    }
}

#[test]
fn a_packet_without_a_payload_is_refused() {
    for case in 0..count() {
        let (name, mut fight) = everywhere().swap_remove(case);
        println!("{name}");
        let packet = fight.raw.packet(b"");
        let outcome = fight.feed(&packet);
        fight.ended(outcome, &Error::Padding);
    }
}

/// Before the login nobody has to be trusted with a decompressor.
#[test]
fn compression_before_the_login_is_not_spoken() {
    for side in SIDES {
        let mut fight = Fight::new(&Setup { compression: "zlib", ..Setup::new(side) });
        fight.feed(&Raw::hello()).unwrap();
        let kexinit = fight.raw.kexinit();
        let outcome = fight.send(&kexinit);
        let (list, theirs) = ("compression", "zlib".to_owned());
        fight.ended(outcome, &Error::PeerIncompatible { list, theirs });
    }
}

#[test]
fn what_was_changed_repeated_left_out_or_sent_back_is_refused() {
    fn corrupted(outcome: Result<(), Error>) {
        // Where the length is encrypted, it may be what no longer makes sense.
        let refused = matches!(outcome, Err(Error::MacIncorrect | Error::PacketLength(_)));
        assert!(refused, "{outcome:?}");
    }
    let ignore = Ignore::new(b"0123456789abcdef").payload();
    for side in SIDES {
        for mode in MODES {
            let setup = Setup { mode, ..Setup::new(side) };
            let connected = || Fight::connected_as(&setup);
            let len = connected().raw.packet(&ignore).len();
            for bit in (16 * 8..len * 8).step_by(5) {
                let mut fight = connected();
                let mut packet = fight.raw.packet(&ignore);
                packet[bit / 8] ^= 1 << (bit % 8);
                let outcome = fight.feed(&packet);
                fight.ended(outcome, &Error::MacIncorrect);
            }
            let mut fight = connected();
            let packet = fight.raw.packet(&ignore);
            fight.feed(&packet).unwrap();
            corrupted(fight.feed(&[&packet[..], &packet].concat()));
            let mut fight = connected();
            let _left_out = fight.raw.packet(&ignore);
            let packet = fight.raw.packet(&ignore);
            corrupted(fight.feed(&[&packet[..], &packet].concat()));
            let mut fight = connected();
            fight.victim.ping(b"x").unwrap();
            fight.victim.request_rekey();
            fight.run().unwrap();
            let own = fight.victim.transmit().to_vec();
            corrupted(fight.feed(&[&own[..], &own].concat()));
        }
    }
}

/// Whoever has not said that it speaks SSH is told nothing about errors.
#[test]
fn a_peer_that_does_not_identify_itself_properly_gets_no_answer() {
    let long = format!("SSH-2.0-{}\r\n", "x".repeat(300));
    let endless = "SSH-2.0-".to_owned() + &"x".repeat(300);
    let bad = [
        (Side::Server, "GET / HTTP/1.1\r\n"),
        (Side::Server, "\r\n"),
        (Side::Server, "SSH-1.5-old\r\n"),
        (Side::Client, "SSH-1.5-old\r\n"),
        (Side::Server, "SSH-2.0-a\0b\r\n"),
        (Side::Client, "SSH-2.0-\u{1b}[2J\r\n"),
        (Side::Server, &long),
        (Side::Client, &long),
        (Side::Server, &endless),
        (Side::Client, &endless),
    ];
    for (side, line) in bad {
        let mut fight = Fight::new(&Setup::new(side));
        let outcome = fight.feed(line.as_bytes());
        assert!(matches!(outcome, Err(Error::Identification(_))), "{line:?}: {outcome:?}");
        assert_eq!(fight.raw.numbers(), [20], "its own first words, and no more");
    }
}

/// russh CVE-2026-48108: lines before the identification string are bounded in size, number, sum.
#[test]
fn cve_2026_48108_lines_before_the_identification_are_bounded() {
    for line in ["x\r\n".to_owned(), "x".repeat(8000) + "\r\n"] {
        let mut fight = Fight::new(&Setup::new(Side::Client));
        let ended = (0..2000).find_map(|_| fight.feed(line.as_bytes()).err());
        assert!(matches!(ended, Some(Error::Identification(_))), "{ended:?}");
    }
    let mut fight = Fight::new(&Setup::new(Side::Client));
    let outcome = fight.feed(&[b'x'; 8193]);
    assert!(matches!(outcome, Err(Error::Identification(_))), "{outcome:?}");
    let mut fight = Fight::new(&Setup::new(Side::Client));
    fight.feed(b"welcome \x1b[2J\r\n").unwrap();
    fight.feed(&Raw::hello()).unwrap();
    let shown = fight.events.iter().find_map(|e| match e {
        Event::Prelude(text) => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(shown, Some("welcome \\033[2J"));
}

/// russh CVE-2026-46702: a small packet that inflates to a large one is refused before that, and
/// so is what is no compressed data at all.
#[test]
fn cve_2026_46702_a_packet_that_inflates_beyond_the_bound_is_refused() {
    for side in SIDES {
        let connected = || {
            let setup = Setup { compression: "zlib@openssh.com", ..Setup::new(side) };
            let mut fight = Fight::exchanged(&setup);
            fight.log_in();
            fight.deaf = true;
            fight
        };
        let deflated = |n: usize| {
            let mut packed = Vec::new();
            Deflater::new().deflate(&Ignore::new(&vec![0; n]).payload(), &mut packed).unwrap();
            packed
        };
        connected().send(&deflated(200 * 1024)).unwrap();
        for bomb in [deflated(256 * 1024), deflated(4 << 20), vec![0xff; 100]] {
            let mut fight = connected();
            let packet = fight.raw.packet(&bomb);
            assert!(packet.len() < 40_000);
            let outcome = fight.feed(&packet);
            assert!(matches!(outcome, Err(Error::Compression(_))), "{outcome:?}");
            assert!(!fight.victim.wants_read());
        }
    }
}

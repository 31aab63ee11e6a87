//! Every form, every split, every refusal.

use super::{Failure, Negotiation, Request, Step, Version};
use crate::limits::{HOST_BYTES_MAX, SOCKS_USER_BYTES_MAX as USER_BYTES_MAX};

/// Runs a whole negotiation with pieces of at most `piece` bytes: what was said, how it ended,
/// and what was left over.
fn run(input: &[u8], piece: usize) -> (Vec<u8>, Step, usize) {
    let mut negotiation = Negotiation::default();
    let (mut said, mut at) = (Vec::new(), 0);
    while at < input.len() {
        let n = negotiation.wants().min(piece).min(input.len() - at);
        assert!(n > 0, "it wants something until it is over");
        match negotiation.feed(&input[at..at + n]) {
            Step::More => {}
            Step::Say(bytes) => said.extend(bytes),
            end => {
                assert_eq!(negotiation.wants(), 0);
                return (said, end, input.len() - at - n);
            }
        }
        at += n;
    }
    (said, Step::More, 0)
}

fn request(version: Version, host: &str, port: u16) -> Step {
    Step::Request(Request { version, host: host.to_owned(), port })
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = vec![5, 1, 0, 5, 1, 0, 3, u8::try_from(text.len()).unwrap()];
    bytes.extend(text.bytes());
    bytes.extend([0, 80]);
    bytes
}

/// S56: SOCKS 4, 4a and 5, however the bytes are cut, and nothing of what follows is taken.
#[test]
fn every_form_is_understood_however_it_is_cut() {
    let cases: Vec<(Vec<u8>, Vec<u8>, Step)> = vec![
        (
            b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00".to_vec(),
            vec![],
            request(Version::Four, "127.0.0.1", 80),
        ),
        (
            b"\x04\x01\x1f\x90\x0a\x00\x00\x02user\x00".to_vec(),
            vec![],
            request(Version::Four, "10.0.0.2", 8080),
        ),
        (
            b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00web.example\x00".to_vec(),
            vec![],
            request(Version::Four, "web.example", 80),
        ),
        (
            b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50".to_vec(),
            vec![5, 0],
            request(Version::Five, "127.0.0.1", 80),
        ),
        (
            b"\x05\x03\x02\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50".to_vec(),
            vec![5, 0],
            request(Version::Five, "127.0.0.1", 80),
        ),
        (
            b"\x05\x01\x00\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50".to_vec(),
            vec![5, 0],
            request(Version::Five, "::1", 80),
        ),
        (name("web"), vec![5, 0], request(Version::Five, "web", 80)),
        (name(&"h".repeat(255)), vec![5, 0], request(Version::Five, &"h".repeat(255), 80)),
    ];
    for (input, said, end) in cases {
        let mut followed = input.clone();
        followed.extend(b"GET / HTTP/1.0");
        for piece in 1..=input.len() {
            assert_eq!(run(&followed, piece), (said.clone(), end.clone(), 14), "{input:?} {piece}");
        }
        for cut in 0..input.len() {
            assert_eq!(run(&input[..cut], usize::MAX).1, Step::More, "{input:?} cut at {cut}");
        }
    }
}

/// S56: what there is not is refused politely.
#[test]
fn what_there_is_not_is_refused_in_the_words_of_the_protocol() {
    let refused4 = vec![0, 91, 0, 0, 0, 0, 0, 0];
    let reply5 = |code| vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0];
    let long_user = [b"\x04\x01\x00\x50\x7f\x00\x00\x01".to_vec(), vec![b'u'; USER_BYTES_MAX + 1]];
    let long_host = [b"\x04\x01\x00\x50\0\0\0\x01\0".to_vec(), vec![b'h'; HOST_BYTES_MAX + 1]];
    let cases: Vec<(Vec<u8>, Vec<u8>)> = vec![
        // BIND, and a port that is none.
        (b"\x04\x02\x00\x50\x7f\x00\x00\x01\x00".to_vec(), refused4.clone()),
        (b"\x04\x01\x00\x00\x7f\x00\x00\x01\x00".to_vec(), refused4.clone()),
        // A name that is none, or holds what no name holds.
        (b"\x04\x01\x00\x50\x00\x00\x00\x01\x00\x00".to_vec(), refused4.clone()),
        (b"\x04\x01\x00\x50\x00\x00\x00\x01\x00a\nb\x00".to_vec(), refused4.clone()),
        (long_user.concat(), refused4.clone()),
        (long_host.concat(), refused4),
        // Password only, and no method at all.
        (b"\x05\x01\x02".to_vec(), vec![5, 0xff]),
        (b"\x05\x00".to_vec(), vec![5, 0xff]),
        // BIND, UDP ASSOCIATE, heard to their ends; an unknown address type, no name, a name with
        // a zero in it.
        (b"\x05\x01\x00\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50".to_vec(), reply5(7)),
        (b"\x05\x01\x00\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00".to_vec(), reply5(7)),
        (b"\x05\x01\x00\x05\x03\x00\x02".to_vec(), reply5(7)),
        (b"\x05\x01\x00\x05\x01\x00\x02".to_vec(), reply5(8)),
        (b"\x05\x01\x00\x05\x01\x00\x03\x00".to_vec(), reply5(1)),
        (name("a\0b"), reply5(1)),
        (b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x00".to_vec(), reply5(1)),
        // No SOCKS: HTTP, SOCKS 5 whose second message is of another version.
        (b"G".to_vec(), vec![]),
        (b"\x05\x01\x00\x04\x01\x00\x01".to_vec(), vec![]),
    ];
    for (input, answer) in cases {
        for piece in [1, 3, usize::MAX] {
            let (_, end, left) = run(&input, piece);
            assert_eq!(end, Step::Refuse(answer.clone()), "{input:?} in pieces of {piece}");
            assert_eq!(left, 0, "what is left unread turns the answer into a reset");
        }
    }
}

#[test]
fn answers_say_what_became_of_it() {
    let four = Request { version: Version::Four, host: "a".to_owned(), port: 1 };
    let five = Request { version: Version::Five, ..four.clone() };
    assert_eq!(four.granted(), [0, 90, 0, 0, 0, 0, 0, 0]);
    assert_eq!(five.granted(), [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for (reason, text, code) in [
        (1, "open failed", 2),
        (2, "Connection refused", 5),
        (2, "Name or service not known", 4),
        (4, "", 1),
    ] {
        let failure = Failure::of_open(reason, text);
        assert_eq!(five.failed(failure)[1], code, "{reason} {text}");
        assert_eq!(four.failed(failure)[1], 91);
    }
}

/// Whatever comes, it ends or goes on, and holds no more than its longest field.
#[test]
fn noise_never_makes_it_panic_or_grow() {
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut negotiation = Negotiation::default();
        let mut total = 0;
        while negotiation.wants() > 0 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let byte = match (total, state & 3) {
                (0, n) => 4 + u8::try_from(n & 1).unwrap(),
                (_, 0) => u8::try_from((state >> 8) & 0xff).unwrap(),
                _ => u8::try_from((state >> 8) & 7).unwrap(),
            };
            negotiation.feed(&[byte]);
            total += 1;
            assert!(negotiation.held.len() <= HOST_BYTES_MAX + 2);
            assert!(total <= 1024, "no negotiation is longer");
        }
    }
}

use super::*;

const FAKE: [u8; 16] = [0xf0; 16];
const REAL: [u8; 16] = *b"the real cookie!";

fn set_up() -> SetUp {
    SetUp::new(Cookie::new(FAKE), Cookie::new(REAL))
}

/// An X client's first words.
fn words(order: u8, name: &[u8], data: &[u8]) -> Vec<u8> {
    let number = |n: usize| {
        let n = u16::try_from(n).unwrap();
        if order == b'l' { n.to_le_bytes() } else { n.to_be_bytes() }
    };
    let mut out = vec![order, 0x77];
    for n in [11, 0, name.len(), data.len()] {
        out.extend(number(n));
    }
    out.extend([0x78, 0x79]);
    for field in [name, data] {
        out.extend(field);
        out.resize(padded(out.len()), 0x7a);
    }
    out
}

fn good(order: u8) -> Vec<u8> {
    words(order, COOKIE_PROTOCOL.as_bytes(), &FAKE)
}

/// S60: both byte orders, cut anywhere; only the sixteen bytes of the cookie change.
#[test]
fn only_the_cookie_is_replaced_however_the_words_are_cut() {
    for order in [b'l', b'B'] {
        let said = good(order);
        let mut expected = said.clone();
        expected.splice(32..48, REAL);
        assert_eq!(said.len(), 48);
        let whole = set_up().feed(&[&said[..], b"request"].concat()).unwrap();
        assert_eq!(whole, Progress::Ready { taken: 48, words: expected.clone().into() });
        for cut in 1..said.len() {
            let mut set_up = set_up();
            assert_eq!(set_up.feed(&said[..cut]).unwrap(), Progress::More);
            let ready = set_up.feed(&said[cut..]).unwrap();
            let taken = said.len() - cut;
            assert_eq!(ready, Progress::Ready { taken, words: expected.clone().into() });
        }
        let mut set_up = set_up();
        for byte in &said[..47] {
            assert_eq!(set_up.feed(&[*byte]).unwrap(), Progress::More);
            assert_eq!(set_up.feed(&[]).unwrap(), Progress::More);
        }
        let ready = set_up.feed(&said[47..]).unwrap();
        assert_eq!(ready, Progress::Ready { taken: 1, words: expected.into() });
    }
}

/// S60: a wrong cookie, wherever it differs, and one of another length.
#[test]
fn a_wrong_cookie_is_refused() {
    for at in 0..16 {
        let mut data = FAKE;
        data[at] ^= 1;
        let said = words(b'l', COOKIE_PROTOCOL.as_bytes(), &data);
        assert_eq!(set_up().feed(&said), Err(Fault::WrongCookie), "byte {at}");
    }
    for length in [0, 15, 17, 32] {
        let said = words(b'B', COOKIE_PROTOCOL.as_bytes(), &vec![0xf0; length]);
        assert_eq!(set_up().feed(&said), Err(Fault::WrongCookie), "{length} bytes");
    }
    let real = words(b'l', COOKIE_PROTOCOL.as_bytes(), &REAL);
    assert_eq!(set_up().feed(&real), Err(Fault::WrongCookie), "the far side must not know it");
}

/// S64: other protocols are refused by name.
#[test]
fn other_protocols_are_named() {
    for (name, shown) in [
        (&b"XDM-AUTHORIZATION-1"[..], "XDM-AUTHORIZATION-1"),
        (b"SUN-DES-1", "SUN-DES-1"),
        (b"", ""),
        (b"MIT-MAGIC-COOKIE-2", "MIT-MAGIC-COOKIE-2"),
        (b"\x1b[2J", "\\033[2J"),
    ] {
        let fault = set_up().feed(&words(b'l', name, &FAKE)).unwrap_err();
        assert_eq!(fault, Fault::Protocol(shown.into()));
    }
    let text = Fault::Protocol("SUN-DES-1".into()).to_string();
    assert!(text.contains("SUN-DES-1") && text.contains(COOKIE_PROTOCOL), "{text}");
}

/// What is announced costs nothing: the largest header is refused as soon as it is there.
#[test]
fn announcements_are_bounded_before_they_are_waited_for() {
    let mut set_up = set_up();
    let fault = set_up.feed(b"l\0\x0b\0\0\0\xff\xff\xff\xff\0\0").unwrap_err();
    assert_eq!(fault, Fault::Protocol("with a name of 65535 bytes".into()));
    assert!(set_up.words.capacity() < 512);
    let said = good(b'l');
    let mut header = said[..30].to_vec();
    header[8..10].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(super::tests::set_up().feed(&header), Err(Fault::WrongCookie));
    for first in [0, b'A', b'b', b'L', b'C', b'G', 0xff] {
        assert_eq!(super::tests::set_up().feed(&[first]), Err(Fault::ByteOrder(first)));
    }
}

#[test]
fn cookies_in_hexadecimal() {
    let cookie = Cookie::from_hex("00ff10AbCdEf0123456789abcdef9900").unwrap();
    assert_eq!(cookie.hex().as_str(), "00ff10abcdef0123456789abcdef9900");
    assert!(cookie.is(&cookie.clone()) && !cookie.is(&Cookie::new(FAKE)));
    for text in ["", "00", "00ff10abcdef0123456789abcdef990", "00ff10abcdef0123456789abcdef990g"] {
        assert!(Cookie::from_hex(text).is_none(), "{text}");
    }
    assert!(Cookie::from_hex("00ff10abcdef0123456789abcdef990000").is_none());
    assert_eq!(format!("{cookie:?} {:?}", set_up()), "Cookie SetUp(0 bytes)", "never shown");
}

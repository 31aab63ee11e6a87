use super::*;
use crate::key::PublicKey;
use crate::key::test_keys::PLAIN;
use crate::wire::Writer;
use alloc::format;

fn keys() -> Vec<Vec<u8>> {
    PLAIN.iter().map(|key| PublicKey::from_line(key.public).unwrap().0.blob()).collect()
}

fn section(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.byte(kind);
    w.string(data);
    out
}

fn strings(all: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    all.iter().for_each(|bytes| w.string(bytes));
    out
}

fn list(version: u32, sections: &[Vec<u8>]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    let mut w = Writer::new(&mut out);
    w.uint32(version);
    w.bytes(&[0; 24]);
    w.string(b"");
    w.string(b"comment");
    sections.iter().for_each(|bytes| w.bytes(bytes));
    out
}

fn certificates(ca: &[u8], sections: &[Vec<u8>]) -> Vec<u8> {
    section(1, &[strings(&[ca, b""]), sections.concat()].concat())
}

fn numbers(all: &[u64]) -> Vec<u8> {
    all.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn parse(sections: &[Vec<u8>]) -> RevokedKeys {
    RevokedKeys::parse(&list(1, sections)).unwrap()
}

fn fails(bytes: &[u8]) -> bool {
    RevokedKeys::parse(bytes).is_err()
}

/// Made by `ssh-keygen -k`: see `testdata/README.md`.
const BY_KEY: &[u8] = include_bytes!("../testdata/krl-keys");
const BY_HASH: &[u8] = include_bytes!("../testdata/krl-hashes");
const BY_CERTIFICATE: &[u8] = include_bytes!("../testdata/krl-certificates");

#[test]
fn lists_of_ssh_keygen() {
    let keys = keys();
    let ca = &keys[0];
    // The first key is spared in each.
    for bytes in [BY_KEY, BY_HASH] {
        let revoked = RevokedKeys::parse(bytes).unwrap();
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(revoked.revokes_key(key), n > 0, "key {n}");
        }
    }
    let revoked = RevokedKeys::parse(BY_CERTIFICATE).unwrap();
    let by = |ca: &[u8], serial, id: &[u8]| {
        revoked.revokes_certificate(b"some key", &Issued { ca, serial, key_id: id })
    };
    let serials = [(0, false), (1, true), (2, false), (5, true), (10, true), (14, true)];
    for (serial, expected) in serials.into_iter().chain([(15, false), (900, true), (901, false)]) {
        assert_eq!(by(ca, serial, b"x"), expected, "serial {serial}");
        assert!(!by(b"another", serial, b"x"), "the numbers of another authority");
    }
    for serial in 1000..1200 {
        assert_eq!(by(ca, serial, b"x"), serial % 3 == 0, "serial {serial} of the bitmap");
    }
    assert!(by(ca, 2, b"lost laptop") && !by(ca, 2, b"lost"));
    assert!(!revoked.revokes_key(ca));
}

#[test]
fn every_cut_of_a_list_is_an_error() {
    for bytes in [BY_KEY, BY_HASH, BY_CERTIFICATE] {
        let mut whole = 0;
        for n in MAGIC.len()..bytes.len() {
            // A list may end between two sections; everywhere else it must not.
            whole += u32::from(!fails(&bytes[..n]));
        }
        assert!(whole <= 3, "{whole} cuts that read as a list");
        assert!(fails(&[bytes, &[0]].concat()));
    }
}

#[test]
fn what_is_not_known_is_refused_when_it_matters() {
    assert!(fails(&list(2, &[])));
    assert!(fails(&list(1, &[section(77, b"")])));
    assert!(fails(&list(1, &[certificates(b"", &[section(0x77, b"")])])));
    let extension = |critical: u8| {
        section(255, &[strings(&[b"name"]), alloc::vec![critical], strings(&[b"x"])].concat())
    };
    assert!(fails(&list(1, &[extension(1)])) && !fails(&list(1, &[extension(0)])));
    assert!(fails(&list(1, &[section(3, &strings(&[b"19 bytes, not 20..."]))])));
    let signature = [section(4, b"key"), strings(&[b"signature"])].concat();
    assert!(!fails(&list(1, &[extension(0), signature.clone()])));
    assert!(fails(&list(1, &[signature, extension(0)])), "data behind the signature");
    let range = |first, last| certificates(b"", &[section(0x21, &numbers(&[first, last]))]);
    assert!(fails(&list(1, &[range(2, 1)])) && !fails(&list(1, &[range(2, 2)])));
    let many = alloc::vec![section(2, b""); crate::limits::KRL_SECTIONS_MAX + 1];
    assert!(fails(&list(1, &many)) && !fails(&list(1, &many[1..])));
}

#[test]
fn an_empty_authority_stands_for_every_one() {
    let everybody = certificates(b"", &[section(0x20, &numbers(&[7, u64::MAX]))]);
    let revoked = parse(&[everybody]);
    let by =
        |ca: &[u8], serial| revoked.revokes_certificate(b"k", &Issued { ca, serial, key_id: b"" });
    assert!(by(b"a", 7) && by(b"b", u64::MAX) && !by(b"a", 8));
    // Far outside of a bitmap nothing is revoked, and nothing overflows.
    let mut bitmap = numbers(&[u64::MAX - 1]);
    Writer::new(&mut bitmap).mpint(&[3]);
    let revoked = parse(&[certificates(b"", &[section(0x22, &bitmap)])]);
    let by = |serial| revoked.revokes_certificate(b"k", &Issued { ca: b"a", serial, key_id: b"" });
    assert!(by(u64::MAX) && by(u64::MAX - 1) && !by(u64::MAX - 2) && !by(1));
}

#[test]
fn revoking_the_authority_revokes_what_it_signed() {
    let keys = keys();
    let (ca, key) = (&keys[0], &keys[1]);
    let issued = Issued { ca, serial: 1, key_id: b"id" };
    for revoked in [
        parse(&[section(2, &strings(&[ca]))]),
        parse(&[section(2, &strings(&[key]))]),
        RevokedKeys::parse(PLAIN[0].public.as_bytes()).unwrap(),
        RevokedKeys::parse(PLAIN[1].public.as_bytes()).unwrap(),
    ] {
        assert!(revoked.revokes_certificate(key, &issued));
        assert!(!revoked.revokes_certificate(&keys[2], &Issued { ca: &keys[2], ..issued }));
    }
}

#[test]
fn lines() {
    let text = format!("# comment\n\n  {}\r\nnonsense\nssh-ed25519 !!!\n", PLAIN[1].public.trim());
    let revoked = RevokedKeys::parse(text.as_bytes()).unwrap();
    let keys = keys();
    assert!(revoked.revokes_key(&keys[1]) && !revoked.revokes_key(&keys[0]));
    assert!(!RevokedKeys::parse(b"").unwrap().revokes_key(&keys[0]));
    assert!(!RevokedKeys::parse(b"\xff\xfe\n").unwrap().revokes_key(&keys[0]));
}

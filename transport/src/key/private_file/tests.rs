//! Key files that OpenSSH and OpenSSL made, and what is left of them after damage.

use super::super::base64;
use super::super::test_keys::{PASSPHRASE, PLAIN};
use super::*;
use crate::wire::{Reader, Writer};
use std::format;
use std::string::ToString as _;
use std::vec::Vec;

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../testdata/", $name)).as_slice()
    };
}

fn public(line: &str) -> PublicKey {
    PublicKey::from_line(line).unwrap().0
}

/// A plain file is read, with or without a passphrase.
fn opens_plain(file: &[u8], expected: &PublicKey) {
    assert_eq!(is_encrypted(file), Ok(false));
    for passphrase in [None, Some(PASSPHRASE)] {
        let key = parse_private_key(file, passphrase).unwrap();
        assert_eq!(key.public(), expected);
        let algorithm = expected.signature_algorithms()[0];
        let signature = key.sign(algorithm, b"data").unwrap();
        assert_eq!(expected.verify(algorithm, b"data", &signature), Ok(()));
    }
    assert_eq!(public_of_private_file(file).as_ref(), Some(expected));
}

/// An encrypted file is read with the right passphrase only.
fn opens_encrypted(file: &[u8], expected: &PublicKey) {
    assert_eq!(is_encrypted(file), Ok(true));
    let fault = |passphrase| parse_private_key(file, passphrase).unwrap_err();
    assert_eq!(fault(None), KeyFileFault::NeedsPassphrase);
    assert_eq!(fault(Some(b"")), KeyFileFault::WrongPassphrase);
    assert_eq!(fault(Some(b"correct horsf")), KeyFileFault::WrongPassphrase);
    let key = parse_private_key(file, Some(PASSPHRASE)).unwrap();
    assert_eq!(key.public(), expected);
}

#[test]
fn openssh_files_of_every_type() {
    for key in &PLAIN {
        let expected = public(key.public);
        opens_plain(key.private, &expected);
        opens_encrypted(key.encrypted, &expected);
        let comment = PublicKey::from_line(key.public).unwrap().1;
        assert_eq!(parse_private_key(key.private, None).unwrap().comment(), comment);
        // The public half needs no passphrase.
        assert_eq!(public_of_private_file(key.encrypted), Some(expected));
    }
}

#[test]
fn openssh_files_of_every_cipher() {
    let expected = public(PLAIN[0].public);
    opens_encrypted(file!("ed25519.aes128-ctr"), &expected);
    opens_encrypted(file!("ed25519.aes192-ctr"), &expected);
    opens_encrypted(file!("ed25519.aes128-cbc"), &expected);
    opens_encrypted(file!("ed25519.aes192-cbc"), &expected);
    opens_encrypted(file!("ed25519.aes256-cbc"), &expected);
    opens_encrypted(file!("ed25519.aes128-gcm"), &expected);
    opens_encrypted(file!("ed25519.aes256-gcm"), &expected);
    opens_encrypted(file!("ed25519.chacha20-poly1305"), &expected);
    let result = parse_private_key(file!("ed25519.3des-cbc"), Some(PASSPHRASE));
    assert_eq!(result.unwrap_err(), KeyFileFault::Unsupported("cipher of the key file"));
}

#[test]
fn traditional_pem_files() {
    let [_, p256, p384, p521, rsa] = PLAIN.map(|key| public(key.public));
    opens_plain(file!("ecdsa256.pem"), &p256);
    opens_plain(file!("ecdsa384.pem"), &p384);
    opens_plain(file!("ecdsa521.pem"), &p521);
    opens_plain(file!("rsa2048.pem"), &rsa);
    opens_encrypted(file!("ecdsa256.pem.enc"), &p256);
    opens_encrypted(file!("ecdsa384.pem.enc"), &p384);
    opens_encrypted(file!("ecdsa521.pem.enc"), &p521);
    opens_encrypted(file!("rsa2048.pem.enc"), &rsa);
    opens_encrypted(file!("rsa2048.pem.aes128"), &rsa);
    opens_encrypted(file!("rsa2048.pem.aes192"), &rsa);
    opens_encrypted(file!("rsa2048.pem.aes256"), &rsa);
    let fault = |file, passphrase| parse_private_key(file, passphrase).unwrap_err();
    let des = fault(file!("rsa2048.pem.des3"), Some(PASSPHRASE));
    assert_eq!(des, KeyFileFault::Unsupported("cipher of the DEK-Info header"));
    assert_eq!(fault(file!("dsa.pem"), None), KeyFileFault::Unsupported("DSA keys"));
}

#[test]
fn pkcs8_files() {
    let [_, p256, p384, p521, rsa] = PLAIN.map(|key| public(key.public));
    opens_plain(file!("ecdsa256.pkcs8"), &p256);
    opens_plain(file!("ecdsa384.pkcs8"), &p384);
    opens_plain(file!("ecdsa521.pkcs8"), &p521);
    opens_plain(file!("rsa2048.pkcs8"), &rsa);
    opens_encrypted(file!("ecdsa256.pkcs8.enc"), &p256);
    opens_encrypted(file!("ecdsa384.pkcs8.enc"), &p384);
    opens_encrypted(file!("ecdsa521.pkcs8.enc"), &p521);
    opens_encrypted(file!("rsa2048.pkcs8.enc"), &rsa);
    let ed25519 = parse_private_key(file!("ed25519b.pkcs8"), None).unwrap();
    opens_plain(file!("ed25519b.pkcs8"), ed25519.public());
    // scrypt
    opens_encrypted(file!("ed25519b.pkcs8.enc"), ed25519.public());
    let des = parse_private_key(file!("rsa2048.pkcs8.3des"), Some(PASSPHRASE)).unwrap_err();
    assert_eq!(des, KeyFileFault::Unsupported("encryption of the PKCS#8 file"));
}

#[test]
fn small_rsa_keys_are_refused() {
    let fault = parse_private_key(file!("rsa1024"), None).unwrap_err();
    assert_eq!(fault, KeyFileFault::Unsupported("size of the RSA modulus"));
}

#[test]
fn text_around_a_key_is_passed_over_and_line_ends_may_be_crlf() {
    let pem = str::from_utf8(file!("ecdsa256.pem")).unwrap();
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n\
                      -----END EC PARAMETERS-----\n";
    let text = format!("made for a test\n{parameters}{pem}\ntail\n");
    opens_plain(text.replace('\n', "\r\n").as_bytes(), &public(PLAIN[1].public));
}

#[test]
fn files_that_are_no_private_keys() {
    for text in [&b""[..], b"\xff\xfe", b"hello", PLAIN[0].public.as_bytes()] {
        assert_eq!(parse_private_key(text, None).unwrap_err(), KeyFileFault::NotAKey);
        assert_eq!(is_encrypted(text), Err(KeyFileFault::NotAKey));
        assert_eq!(public_of_private_file(text), None);
    }
    let other = armour("FANCY PRIVATE KEY", b"x");
    let fault = parse_private_key(other.as_bytes(), None).unwrap_err();
    assert_eq!(fault, KeyFileFault::Unsupported("key file format"));
    let large = [&armour("PRIVATE KEY", b"x").into_bytes()[..], &[b'\n'; 1 << 20]].concat();
    let fault = parse_private_key(&large, None).unwrap_err();
    assert_eq!(fault, KeyFileFault::Malformed("file larger than any private key"));
}

fn armour(label: &str, body: &[u8]) -> String {
    let body = base64::encode(body);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn disarmour(file: &[u8]) -> (String, Vec<u8>) {
    let pem = Pem::read(file).unwrap();
    (pem.label.to_string(), pem.body.to_vec())
}

#[test]
fn every_truncated_file_is_refused() {
    let mut files: Vec<&[u8]> = PLAIN.iter().flat_map(|k| [k.private, k.encrypted]).collect();
    files.extend([
        file!("ed25519.aes256-gcm"),
        file!("ed25519.chacha20-poly1305"),
        file!("ecdsa256.pem"),
        file!("rsa2048.pem"),
        file!("ecdsa521.pkcs8"),
        file!("ecdsa256.pkcs8.enc"),
        file!("ed25519b.pkcs8"),
        file!("ed25519b.pkcs8.enc"),
        file!("rsa2048.pkcs8"),
    ]);
    for file in files {
        let (label, body) = disarmour(file);
        for n in 0..body.len() {
            let text = armour(&label, &body[..n]);
            let result = parse_private_key(text.as_bytes(), Some(PASSPHRASE));
            assert!(result.is_err(), "{label} {n}");
        }
        // One byte more than there should be.
        let text = armour(&label, &[&body[..], &[0]].concat());
        assert!(parse_private_key(text.as_bytes(), Some(PASSPHRASE)).is_err(), "{label} longer");
        let text = &file[..file.len() / 2];
        let fault = parse_private_key(text, Some(PASSPHRASE)).unwrap_err();
        assert_eq!(fault, KeyFileFault::Malformed("no END line"));
    }
}

/// The fields of an OpenSSH file in front of the encrypted part, and that part.
fn split_openssh(file: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let body = disarmour(file).1;
    let mut r = Reader::new(&body);
    r.bytes("magic", 15).unwrap();
    for field in ["ciphername", "kdfname", "kdfoptions"] {
        r.string(field).unwrap();
    }
    r.uint32("number").unwrap();
    r.string("public key").unwrap();
    let front = body[..r.offset()].to_vec();
    (front, r.string("private part").unwrap().to_vec())
}

fn join_openssh(front: &[u8], private: &[u8]) -> String {
    let mut body = front.to_vec();
    Writer::new(&mut body).string(private);
    armour("OPENSSH PRIVATE KEY", &body)
}

fn openssh_fault(front: &[u8], private: &[u8]) -> KeyFileFault {
    parse_private_key(join_openssh(front, private).as_bytes(), None).unwrap_err()
}

#[test]
fn every_truncated_private_part_is_refused() {
    for key in &PLAIN {
        let (front, private) = split_openssh(key.private);
        let padding = private.iter().rev().skip_while(|byte| **byte != 1).count();
        for n in 0..private.len() {
            let text = join_openssh(&front, &private[..n]);
            let result = parse_private_key(text.as_bytes(), None);
            // Whole blocks of padding may be missing; nothing else.
            let only_padding = n % 8 == 0 && n >= padding.saturating_sub(1);
            assert!(result.is_err() || only_padding, "{n}");
        }
    }
}

#[test]
fn a_damaged_private_part_is_refused() {
    let (front, private) = split_openssh(PLAIN[0].private);
    let with = |at: usize, mask: u8| {
        let mut damaged = private.clone();
        damaged[at] ^= mask;
        openssh_fault(&front, &damaged)
    };
    assert_eq!(with(0, 1), KeyFileFault::Malformed("check"));
    assert_eq!(with(private.len() - 1, 1), KeyFileFault::Malformed("padding"));
    // The seed, and the two copies of the public key: none may differ from the others.
    let other = KeyFileFault::Malformed("ed25519 private key with the public key of another");
    for at in [8 + 15 + 4, 8 + 15 + 4 + 32 + 4, 8 + 15 + 4 + 32 + 4 + 32] {
        assert_eq!(with(at, 1), other, "{at}");
    }
    // The public key in front is another one than that of the private part.
    let (other_front, _) = split_openssh(PLAIN[1].private);
    let fault = openssh_fault(&other_front, &private);
    assert_eq!(fault, KeyFileFault::Malformed("public key that is not the private key's"));
}

#[test]
fn a_private_number_of_another_key_is_refused() {
    for index in [1, 4] {
        let (front, private) = split_openssh(PLAIN[index].private);
        // Every single byte behind the check integers is part of something that is verified,
        // but for the comment and the inverse of q, which is computed anew.
        let comment = private.windows(4).position(|four| four == b"TEST").unwrap();
        let mut accepted = 0;
        for at in (8..comment - 4).step_by(7) {
            let mut damaged = private.clone();
            damaged[at] ^= 0x10;
            let text = join_openssh(&front, &damaged);
            accepted += usize::from(parse_private_key(text.as_bytes(), None).is_ok());
        }
        let inverse_of_q = if index == 4 { 128usize.div_ceil(7) } else { 0 };
        assert!(accepted <= inverse_of_q, "{accepted}");
    }
}

#[test]
fn a_damaged_encrypted_part_looks_like_a_wrong_passphrase() {
    for file in [file!("ed25519.aes256-gcm"), file!("ed25519.chacha20-poly1305")] {
        let (label, body) = disarmour(file);
        for back in [1, 17, 100] {
            let mut damaged = body.clone();
            let at = damaged.len() - back;
            damaged[at] ^= 1;
            let text = armour(&label, &damaged);
            let fault = parse_private_key(text.as_bytes(), Some(PASSPHRASE)).unwrap_err();
            assert_eq!(fault, KeyFileFault::WrongPassphrase);
        }
    }
}

/// A file whose key derivation would run for hours is refused before it starts.
#[test]
fn the_cost_of_a_file_is_bounded() {
    let (label, body) = disarmour(PLAIN[0].encrypted);
    let rounds = body.windows(8).position(|w| w == b"\0\0\0\x02\0\0\0\x01").unwrap();
    let mut costly = body;
    costly[rounds] = 0xff;
    let text = armour(&label, &costly);
    let fault = parse_private_key(text.as_bytes(), Some(PASSPHRASE)).unwrap_err();
    assert_eq!(fault, KeyFileFault::Unsupported("number of bcrypt rounds"));
    costly[rounds] = 0;
    costly[rounds + 3] = 0;
    let text = armour(&label, &costly);
    let fault = parse_private_key(text.as_bytes(), Some(PASSPHRASE)).unwrap_err();
    assert_eq!(fault, KeyFileFault::Malformed("kdfoptions"));
    let (label, body) = disarmour(file!("ed25519b.pkcs8.enc"));
    // scrypt with N = 16384, r = 8 and p = 1.
    let parameters = [2, 2, 0x40, 0, 2, 1, 8, 2, 1, 1];
    let at = body.windows(10).position(|w| w == parameters).unwrap();
    for (offset, value) in [(2, 0x7f), (9, 127)] {
        let mut costly = body.clone();
        costly[at + offset] = value;
        costly[at + 6] = 127;
        let text = armour(&label, &costly);
        let fault = parse_private_key(text.as_bytes(), Some(PASSPHRASE)).unwrap_err();
        assert_eq!(fault, KeyFileFault::Unsupported("cost of the key derivation"));
    }
}

#[test]
fn faults_are_in_openssh_s_words_where_it_has_some() {
    let words = "incorrect passphrase supplied to decrypt private key";
    assert_eq!(KeyFileFault::WrongPassphrase.to_string(), words);
    assert_eq!(KeyFileFault::NeedsPassphrase.to_string(), words);
    assert_eq!(KeyFileFault::Malformed("check").to_string(), "invalid format: check");
}

use super::*;
use crate::key::test_keys::{MESSAGE, PASSPHRASE, PLAIN};
use crate::key::{is_encrypted, parse_private_key, public_of_private_file};
use alloc::string::ToString;

const FILES: [(usize, bool, &[u8]); 8] = [
    (0, false, include_bytes!("../testdata/ed25519.ppk")),
    (1, false, include_bytes!("../testdata/ecdsa256.ppk")),
    (3, false, include_bytes!("../testdata/ecdsa521.ppk")),
    (4, false, include_bytes!("../testdata/rsa2048.ppk")),
    (0, false, include_bytes!("../testdata/ed25519.ppk2")),
    (0, true, include_bytes!("../testdata/ed25519.ppk.enc")),
    (2, true, include_bytes!("../testdata/ecdsa384.ppk.enc")),
    (4, true, include_bytes!("../testdata/rsa2048.ppk2.enc")),
];

#[test]
fn files_of_puttygen() {
    for (index, encrypted, text) in FILES {
        let expected = PublicKey::from_line(PLAIN[index].public).unwrap().0;
        assert_eq!(is_encrypted(text), Ok(encrypted));
        assert_eq!(public_of_private_file(text).as_ref(), Some(&expected));
        let passphrase = encrypted.then_some(PASSPHRASE);
        let key = parse_private_key(text, passphrase).unwrap();
        assert_eq!(key.public(), &expected);
        assert!(key.comment().starts_with("TEST ONLY"), "{}", key.comment());
        let algorithm = PLAIN[index].algorithms[0];
        let signature = key.sign(algorithm, MESSAGE).unwrap();
        assert_eq!(expected.verify(algorithm, MESSAGE, &signature), Ok(()));
        // Lines may end as Windows ends them.
        let text = core::str::from_utf8(text).unwrap().replace('\n', "\r\n");
        assert!(parse_private_key(text.as_bytes(), passphrase).is_ok());
        if encrypted {
            let fault = parse_private_key(text.as_bytes(), Some(b"wrong")).unwrap_err();
            assert_eq!(fault, KeyFileFault::WrongPassphrase);
            let fault = parse_private_key(text.as_bytes(), None).unwrap_err();
            assert_eq!(fault, KeyFileFault::NeedsPassphrase);
        }
    }
}

#[test]
fn what_the_mac_covers_cannot_be_changed() {
    for (_, encrypted, text) in FILES.into_iter().filter(|(_, encrypted, _)| !encrypted) {
        assert!(!encrypted);
        let text = core::str::from_utf8(text).unwrap();
        assert!(parse_private_key(text.replace("TEST", "BEST").as_bytes(), None).is_err());
        for n in 0..text.len() - 1 {
            assert!(parse_private_key(&text.as_bytes()[..n], None).is_err(), "cut to {n}");
        }
    }
}

#[test]
fn what_is_not_read() {
    let text = core::str::from_utf8(FILES[5].2).unwrap();
    let fault = |from: &str, to: &str| {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        parse_private_key(changed.as_bytes(), Some(PASSPHRASE)).unwrap_err().to_string()
    };
    assert!(fault("File-3", "File-1").contains("unsupported: version"));
    assert!(fault("aes256-cbc", "3des-cbc").contains("unsupported: cipher"));
    assert!(fault("Argon2id", "Argon3").contains("unsupported: key derivation"));
    assert!(fault("Argon2-Memory: 8192", "Argon2-Memory: 4294967295").contains("cost"));
    assert!(fault("Public-Lines: 2", "Public-Lines: 99999999").contains("invalid format"));
    assert!(fault("Argon2-Parallelism: 1", "Argon2-Parallelism: 0").contains("invalid format"));
}

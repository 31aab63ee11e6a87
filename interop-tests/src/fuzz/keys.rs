//! Keys, certificates, revocation lists, signatures.

use super::cursor::Cursor;
use std::sync::LazyLock;
use tssh_transport::key::krl::{Issued, Krl};
use tssh_transport::key::{
    Certificate, CertificateKind, KeyFileFault, PrivateKey, PublicKey, RevokedKeys, fingerprint,
    is_encrypted, parse_private_key, public_of_private_file, sk_use,
};

/// The most that a passphrase may cost here: what costs more by design is left out.
const CHEAP_MARK: &[u8] = b"DEK-Info";

/// The public keys that signatures are checked with, one of each kind.
static SIGNERS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
    let lines = [
        include_str!("../../keys/host_ed25519.pub"),
        include_str!("../../keys/host_ecdsa256.pub"),
        include_str!("../../keys/host_ecdsa384.pub"),
        include_str!("../../keys/host_ecdsa521.pub"),
        include_str!("../../keys/host_rsa.pub"),
    ];
    lines.iter().map(|line| PublicKey::from_line(line).expect("a key").0).collect()
});

/// A public key as a blob, and as a line of text.
pub fn public_key(data: &[u8]) {
    if let Ok(key) = PublicKey::from_blob(data) {
        assert_eq!(key.blob(), data, "a key has one form");
        let line = key.to_line();
        let (again, comment) = PublicKey::from_line(&line).expect("our own line");
        assert!(again == key && comment.is_empty());
        assert!(key.bits() > 0 && !fingerprint::sha256(data).is_empty());
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok((key, _)) = PublicKey::from_line(text)
    {
        assert!(PublicKey::from_blob(&key.blob()).is_ok_and(|again| again == key));
    }
}

/// A signature blob for a key that the first byte picks: nothing but a key's owner can make one
/// that is right.
pub fn signature(data: &[u8]) {
    let mut data = Cursor::new(data);
    let key = &SIGNERS[usize::from(data.byte()) % SIGNERS.len()];
    let signature = data.rest();
    let _ = sk_use(signature);
    for algorithm in key.signature_algorithms() {
        // What the test keys have never signed.
        let verdict = key.verify(algorithm, b"fuzz: never signed by anybody", signature);
        assert!(verdict.is_err(), "a forged signature");
    }
}

/// A private key file in any format.
pub fn private_key(data: &[u8]) {
    let _ = public_of_private_file(data);
    let encrypted = is_encrypted(data);
    match parse_private_key(data, None) {
        Ok(key) => checked(&key),
        Err(KeyFileFault::NeedsPassphrase) => assert_eq!(encrypted, Ok(true)),
        Err(_) => {}
    }
    // Other formats cost what their files say, up to seconds.
    if data.windows(CHEAP_MARK.len()).any(|window| window == CHEAP_MARK)
        && let Ok(key) = parse_private_key(data, Some(b"passphrase"))
    {
        checked(&key);
    }
}

/// A key that could be read signs, and what it signs is right; or it says that it cannot.
fn checked(key: &PrivateKey) {
    let blob = key.public().blob();
    assert!(PublicKey::from_blob(&blob).is_ok_and(|again| again == *key.public()));
    // An RSA signature takes milliseconds: one algorithm is enough.
    let Some(algorithm) = key.public().signature_algorithms().first() else { return };
    if let Ok(signature) = key.sign(algorithm, b"data") {
        assert!(key.public().verify(algorithm, b"data", &signature).is_ok(), "a bad signature");
    }
}

/// A certificate as a blob, and as a line of text.
pub fn certificate(data: &[u8]) {
    if let Ok(certificate) = Certificate::from_blob(data) {
        assert_eq!(certificate.blob(), data);
        let again = Certificate::from_line(&certificate.to_line()).expect("our own line");
        assert_eq!(again.blob(), data);
        let _ = certificate.check(CertificateKind::User, 1_700_000_000);
        if certificate.check_host("host.example", 1_700_000_000).is_ok() {
            assert_eq!(certificate.kind(), CertificateKind::Host);
            let (from, until) = certificate.validity();
            assert!((from..until).contains(&1_700_000_000));
            assert!(!certificate.principals().is_empty());
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Certificate::from_line(text);
    }
}

/// A revocation list, binary or of lines.
pub fn revocation_list(data: &[u8]) {
    let _ = RevokedKeys::parse(data);
    let Ok(list) = Krl::parse(data) else { return };
    let blob = SIGNERS[0].blob();
    let _ = list.revokes_key(&blob);
    for serial in [0, 1, 63, 64, u64::MAX] {
        let _ = list.revokes_certificate(&Issued { ca: &blob, serial, key_id: b"id" });
    }
}

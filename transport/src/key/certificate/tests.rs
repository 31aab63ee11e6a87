use super::*;
use crate::wire::Writer;
use alloc::vec;

const USER: &str = include_str!("../testdata/user-cert.pub");
const HOST: &str = include_str!("../testdata/host-cert.pub");
const RSA: &str = include_str!("../testdata/rsa-cert.pub");
const SHA1: &str = include_str!("../testdata/sha1-cert.pub");
/// The certificates hold from here to there.
const FROM: u64 = 1_577_836_800;
const TO: u64 = 1_893_456_000;

fn key(line: &str) -> PublicKey {
    PublicKey::from_line(line).unwrap().0
}

#[test]
fn certificates_of_ssh_keygen() {
    let user = Certificate::from_line(USER).unwrap();
    assert_eq!(user.key(), &key(include_str!("../testdata/ecdsa256.pub")));
    assert_eq!(user.authority(), &key(include_str!("../testdata/ed25519.pub")));
    assert_eq!((user.serial(), user.key_id(), user.kind()), (42, "user id", CertificateKind::User));
    assert_eq!(user.principals(), ["alice", "bob"]);
    assert_eq!(user.validity(), (FROM, TO));
    let [(name, value)] = user.critical_options() else { panic!("{user:?}") };
    assert_eq!((name.as_str(), &value[..]), ("force-command", &b"\0\0\0\x01x"[..]));
    assert!(user.extensions().iter().any(|(name, _)| name == "permit-pty"));
    let algorithms: Vec<&str> = user.algorithms().collect();
    assert_eq!(algorithms, ["ecdsa-sha2-nistp256-cert-v01@openssh.com"]);
    let rsa = Certificate::from_line(RSA).unwrap();
    let algorithms: Vec<&str> = rsa.algorithms().collect();
    assert_eq!(signature_name(algorithms[0]), "rsa-sha2-512");
    assert_eq!(signature_name(algorithms[1]), "rsa-sha2-256");
    assert_eq!(signature_name("ssh-ed25519"), "ssh-ed25519");
    let host = Certificate::from_line(HOST).unwrap();
    assert_eq!(host.authority_algorithm(), "rsa-sha2-512");
    assert_eq!(host.key_type(), "ssh-ed25519-cert-v01@openssh.com");
}

#[test]
fn kind_time_and_names() {
    use CertificateFault as F;
    let host = Certificate::from_line(HOST).unwrap();
    let check = |name: &str, now| host.check_host(name, now);
    assert_eq!(check("host.example.com", FROM), Ok(()));
    assert_eq!(check("host.example.com", TO - 1), Ok(()));
    assert_eq!(check("host.example.com", TO), Err(F::Expired));
    assert_eq!(check("host.example.com", FROM - 1), Err(F::NotYetValid));
    assert_eq!(check("other.example.com", FROM), Err(F::NotAPrincipal));
    assert_eq!(check("", FROM), Err(F::NotAPrincipal));
    assert_eq!(host.check(CertificateKind::User, FROM), Err(F::WrongKind(CertificateKind::User)));
    // One without names holds for every host, and for ever.
    assert_eq!(Certificate::from_line(RSA).unwrap().check_host("any", u64::MAX - 1), Ok(()));
    let user = Certificate::from_line(USER).unwrap();
    assert_eq!(user.check_host("alice", FROM), Err(F::WrongKind(CertificateKind::Host)));
}

#[test]
fn every_cut_and_every_flipped_byte_is_refused() {
    for line in [USER, HOST, RSA] {
        let blob = Certificate::from_line(line).unwrap().blob().to_vec();
        for n in 0..blob.len() {
            assert!(Certificate::from_blob(&blob[..n]).is_err(), "cut to {n}");
        }
        assert!(Certificate::from_blob(&[&blob[..], &[0]].concat()).is_err());
        // A signature over each byte costs some time with RSA: every third will do.
        for n in (0..blob.len()).step_by(3) {
            let mut flipped = blob.clone();
            flipped[n] ^= 1;
            assert!(Certificate::from_blob(&flipped).is_err(), "byte {n}");
        }
    }
}

#[test]
fn what_is_no_certificate_of_ours() {
    assert_eq!(Certificate::from_line(SHA1).unwrap_err(), KeyFault::UnknownAlgorithm);
    assert!(Certificate::from_line(include_str!("../testdata/ed25519.pub")).is_err());
    assert!(PublicKey::from_line(HOST).is_err(), "a certificate is no plain key");
    assert!(is_certificate_type(RSA_TYPE) && !is_certificate_type("ssh-rsa"));
    assert!(is_certificate_algorithm("rsa-sha2-256-cert-v01@openssh.com"));
    assert!(!is_certificate_algorithm(RSA_TYPE), "signatures with SHA-1");
}

#[test]
fn lists_are_bounded_and_options_in_order() {
    let strings = |all: &[&str]| {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        all.iter().for_each(|text| w.string(text.as_bytes()));
        out
    };
    assert!(options(&strings(&["a", "", "b", "x"])).is_ok());
    assert!(options(&strings(&["b", "", "a", ""])).is_err());
    assert!(options(&strings(&["a", "", "a", ""])).is_err());
    assert!(options(&strings(&["a"])).is_err());
    assert!(principals(&strings(&vec!["p"; CERTIFICATE_PRINCIPALS_MAX])).is_ok());
    assert!(principals(&strings(&vec!["p"; CERTIFICATE_PRINCIPALS_MAX + 1])).is_err());
}

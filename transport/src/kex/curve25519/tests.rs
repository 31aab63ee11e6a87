mod vectors;

use super::*;
use crate::kex::testing::{FixedRng, agree, client_share, exchange, fault, hex, respond};
use alloc::vec::Vec;

fn share(scalar: &str) -> X25519Share {
    X25519Share::new(&mut FixedRng(hex(scalar)))
}

#[test]
fn the_exchange_of_rfc_7748_section_6_1() {
    let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    let k_a = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let k_b = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    let k = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(share(alice).public(), &k_a[..]);
    assert_eq!(share(bob).public(), &k_b[..]);
    for (ours, theirs) in [(alice, &k_b), (bob, &k_a)] {
        let secret = ClientShare::agree(Box::new(share(ours)), theirs).ok().unwrap();
        assert_eq!(
            *secret.0,
            [&[0, 0, 0, 32][..], &k].concat(),
            "an mpint of the bytes as they are"
        );
    }
}

/// The second scalar multiplication has a u-coordinate with its top bit set, which must not count.
#[test]
fn the_functions_of_rfc_7748_section_5_2() {
    let cases = [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ];
    for (scalar, u, expected) in cases {
        let secret = share(scalar).agree(&hex(u)).ok().unwrap();
        assert_eq!(secret.as_bytes(), &hex(expected)[..]);
    }
}

/// Every u-coordinate of small order below 2^255: 0, 1, the two of order 8, p-1, p and p+1.
pub(in crate::kex) fn low_order_points() -> Vec<Vec<u8>> {
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]
    .iter()
    .flat_map(|digits| {
        let plain = hex(digits);
        let mut top_bit = plain.clone();
        top_bit[31] |= 0x80;
        [plain, top_bit]
    })
    .collect()
}

#[test]
fn shares_of_small_order_are_refused_by_both_sides() {
    for point in low_order_points() {
        assert_eq!(fault(respond(&METHOD, &point)), Some(ALL_ZERO), "{point:?}");
        assert_eq!(fault(agree(&METHOD, &point)), Some(ALL_ZERO), "{point:?}");
    }
}

#[test]
fn only_32_bytes_are_a_share() {
    let good = client_share(&METHOD);
    assert!(respond(&METHOD, &good).is_ok());
    for bad in [&[][..], &good[..31], &[&good[..], &[0]].concat()] {
        assert_eq!(fault(respond(&METHOD, bad)), Some(BAD_LENGTH));
        assert_eq!(fault(agree(&METHOD, bad)), Some(BAD_LENGTH));
    }
}

/// "Implementations MUST accept non-canonical values": 2^255 - 19 + 9 is the base point again.
#[test]
fn values_above_the_field_prime_are_reduced() {
    let mut above = hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    above[0] += 9;
    let base = hex("0900000000000000000000000000000000000000000000000000000000000000");
    let k = |point: &[u8]| agree(&METHOD, point).ok().unwrap().0.to_vec();
    assert_eq!(k(&above), k(&base));
}

#[test]
fn the_old_name_is_the_same_method() {
    let (new, _) = exchange(&METHOD, (1, 2), |_| ()).ok().unwrap();
    let (old, _) = exchange(&METHOD_LIBSSH, (1, 2), |_| ()).ok().unwrap();
    assert_eq!(*new.0, *old.0);
    assert_eq!(METHOD.hash, METHOD_LIBSSH.hash);
}

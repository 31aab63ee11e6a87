use super::*;
use crate::kex::testing::hex;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use sha2::{Digest, Sha256};

static GROUPS: [&Modp; 5] = [&GROUP14, &GROUP15, &GROUP16, &GROUP17, &GROUP18];

/// "The prime is: 2^n - 2^(n-64) - 1 + 2^64 * ...": 64 ones at both ends, then the digits of pi.
#[test]
fn the_ends_are_what_the_formula_says() {
    for group in GROUPS {
        assert_eq!(group.p.len() * 8, usize::try_from(group.bits).unwrap());
        assert_eq!(group.p[..8], [0xff; 8]);
        assert_eq!(group.p[8..16], hex("c90fdaa22168c234"), "pi");
        assert_eq!(group.p[group.p.len() - 8..], [0xff; 8]);
    }
}

/// Computed from the formula with 9,000 bits of pi (GMP), where both p and (p-1)/2 passed 25
/// rounds of Miller-Rabin, and equal to the parameters that OpenSSL knows by name.
#[test]
fn the_whole_of_each_prime() {
    let expected = [
        "d66436f79bbd6b2e38c0ffbd079be904d2641415e2e67140e09448be9a60890e",
        "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c",
        "4ee95187682bcb230ad26a95205f6920e84708f6251b3894329b09ec23919e33",
        "d1bfe6d0925ce7e4da262b62861514a7755e35831e429f343e7b864848657efd",
        "39ab4feab950a3128fb71accb9fc3965d857012e081998a85996e3ea8b3c3bcf",
    ];
    for (group, digits) in GROUPS.iter().zip(expected) {
        assert_eq!(Sha256::digest(group.p)[..], hex(digits), "{} bits", group.bits);
    }
}

/// 2^((p-1)/2) = 1: 2 generates the subgroup of prime order, so a public value tells nothing
/// about the exponent's last bit. Fails for almost every p that is not prime.
#[test]
fn two_generates_the_subgroup_of_prime_order() {
    for group in GROUPS {
        let p = Odd::new(BoxedUint::from_be_slice_vartime(group.p)).into_option().expect("odd");
        let q = p.as_ref().wrapping_sub(BoxedUint::one()).shr_vartime(1).unwrap();
        let params = BoxedMontyParams::new_vartime(p);
        let two = BoxedUint::from_be_slice(GENERATOR, group.bits).unwrap();
        let power = BoxedMontyForm::new(two, &params).pow(&q);
        assert_eq!(power.retrieve(), BoxedUint::one(), "{} bits", group.bits);
    }
}

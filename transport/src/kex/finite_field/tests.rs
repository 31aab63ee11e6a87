use super::*;
use crate::entropy::Purpose;
use crate::kex::method::HashAlgorithm;
use crate::kex::modp::{GENERATOR, GROUP14, GROUP15, GROUP16, GROUP17, GROUP18};
use crate::kex::testing::{FixedRng, entropy, fault, hex};

fn share(group: Group, seed: u8) -> DhShare {
    group.share(entropy(seed).stream(Purpose::Ephemeral))
}

/// p + n, big-endian.
pub(in crate::kex) fn beside(p: &[u8], n: i64) -> Vec<u8> {
    let mut out = [&[0][..], p].concat();
    let mut carry = n;
    for byte in out.iter_mut().rev() {
        let sum = i64::from(*byte) + carry;
        *byte = u8::try_from(sum.rem_euclid(256)).unwrap();
        carry = sum.div_euclid(256);
    }
    out
}

#[test]
fn values_outside_the_open_interval_are_refused() {
    for group in [&GROUP14, &GROUP16] {
        let bad = [
            Vec::new(),
            alloc::vec![0],
            alloc::vec![1],
            beside(group.p, -1),
            beside(group.p, 0),
            beside(group.p, 1),
            [group.p, &[0]].concat(),
            alloc::vec![0xff; 5000],
        ];
        for value in bad {
            let server = share(Group::fixed(group), 1).respond(&value);
            assert_eq!(fault(server), Some(BAD_PUBLIC), "{} bytes", value.len());
            let client = Box::new(share(Group::fixed(group), 1)).agree(&value);
            assert_eq!(fault(client), Some(BAD_PUBLIC), "{} bytes", value.len());
        }
        for value in [alloc::vec![2], alloc::vec![0, 0, 2], beside(group.p, -2)] {
            assert_eq!(fault(share(Group::fixed(group), 1).respond(&value)), None);
        }
    }
}

/// 2^x and 3^x mod p, computed in Python; x is the end of the same 78 bytes for every group.
#[test]
fn the_arithmetic_agrees_with_an_independent_computation() {
    let x = [HashAlgorithm::Sha512, HashAlgorithm::Sha256].map(|hash| hash.digest(&[b"x"]));
    let x = x.concat()[..EXPONENT_BYTES_MAX as usize].to_vec();
    let expected = [
        (
            &GROUP14,
            "355bcb83f8d2ba31bab58255e8a833ae3d7c4619d19dcbcd420ca5843221f250",
            "7d6f0dd5b76d39659277b819474b9bc4f5a75500a1a07d15e36b8d879c6afba6",
        ),
        (
            &GROUP15,
            "c415037d245d01129cb48565bb743a5616193036d99388ced7d50043ad47da5a",
            "660f73be9e39245da5a1715cdddee6c3d1799fdce1e8f223a37d4ee4889da238",
        ),
        (
            &GROUP16,
            "4f5c1c967a579e73ce87cde6152f08954ee3d25c7615cae38f7b8df89c37652a",
            "f1e5b33228824422d1e42867ca37ec697a11c6ea3b8aa1c84f2f05665abb1a90",
        ),
        (
            &GROUP17,
            "25b34b46ae06c00652f59f883a19addaa926c39f19dde4a5e50d4c0193521700",
            "059a665db330d31bc8570f8720adb54b45eb4c41f02cd01411fb6cf2ce04030b",
        ),
        (
            &GROUP18,
            "fd18a614e28ff2e7b9d11a54fccf9aaceed2b4d9231c7d361db2e784d3fc7b66",
            "3728ab1c49470573ecfd774b81eda5e01b360aa18994dab1b5f3330551e1a9c9",
        ),
    ];
    let sha256 = |bytes: &[u8]| HashAlgorithm::Sha256.digest(&[bytes]);
    for (group, e, k) in expected {
        let share = Group::fixed(group).share(&mut FixedRng(x.clone()));
        assert_eq!(sha256(share.public()), hex(e), "{} bits", group.bits);
        let secret = Box::new(share).agree(&[3]).ok().unwrap();
        assert_eq!(sha256(&secret.0), hex(k), "{} bits", group.bits);
    }
}

/// In a safe group no value between 1 and p-1 leads to 0, 1 or p-1. Modulo 5 the value 2 has order
/// 4, so that every even exponent does.
#[test]
fn a_confined_secret_is_refused() {
    let p = Odd::new(BoxedUint::from(5u8)).into_option().unwrap();
    let group = || Group::new(p.clone(), &[3]);
    let mut even = alloc::vec![0; EXPONENT_BYTES_MAX as usize];
    for last in [2, 4, 6, 8] {
        *even.last_mut().unwrap() = last;
        let share = group().share(&mut FixedRng(even.clone()));
        assert_eq!(fault(share.respond(&[2])), Some(BAD_SECRET), "x = {last}");
    }
    *even.last_mut().unwrap() = 1;
    assert_eq!(fault(group().share(&mut FixedRng(even)).respond(&[2])), None);
}

#[test]
fn a_named_group_is_checked_before_it_is_used() {
    let named = |p: &[u8], g: &[u8]| fault(Group::named(p, g));
    for group in [&GROUP14, &GROUP15, &GROUP16, &GROUP17, &GROUP18] {
        assert_eq!(named(group.p, GENERATOR), None);
        assert_eq!(named(&beside(group.p, 0), &[0, 5]), None, "zero bytes in front");
        assert_eq!(named(&beside(group.p, -1), GENERATOR), Some(EVEN_MODULUS));
        assert_eq!(named(&beside(group.p, 1), GENERATOR), Some(EVEN_MODULUS));
    }
    let mut bits_2047 = GROUP14.p.to_vec();
    bits_2047[0] = 0x7f;
    assert_eq!(named(&bits_2047, GENERATOR), Some(GROUP_TOO_SMALL));
    assert_eq!(named(&[], GENERATOR), Some(GROUP_TOO_SMALL));
    assert_eq!(named(&[0; 4000], GENERATOR), Some(GROUP_TOO_SMALL));
    let bits_8193 = [&[1], GROUP18.p].concat();
    assert_eq!(named(&bits_8193, GENERATOR), Some(GROUP_TOO_LARGE));
    assert_eq!(named(&[0xff; 34_000], GENERATOR), Some(GROUP_TOO_LARGE));
}

#[test]
fn a_modulus_with_a_small_factor_is_refused() {
    // The odd numbers behind a prime that have none of the small factors, found in Python.
    let coprime: [i64; 7] = [12, 18, 20, 32, 38, 48, 54];
    for n in (2..=60).step_by(2) {
        let outcome = fault(Group::named(&beside(GROUP14.p, n), GENERATOR));
        let expected = if coprime.contains(&n) { None } else { Some(SMALL_FACTOR) };
        assert_eq!(outcome, expected, "p + {n}");
    }
}

#[test]
fn a_generator_must_lie_inside_the_group() {
    let named = |g: &[u8]| fault(Group::named(GROUP14.p, g));
    let p = |n| beside(GROUP14.p, n);
    for bad in [&[][..], &[0], &[1], &p(-1), &p(0), &p(1), &[0xff; 300]] {
        assert_eq!(named(bad), Some(BAD_GENERATOR), "{} bytes", bad.len());
    }
    for good in [&[2][..], &[5], &p(-2)] {
        assert_eq!(named(good), None);
    }
}

/// "Values not within these bounds MUST NOT be sent": a generator may have led out of them.
#[test]
fn our_own_value_is_checked_in_a_named_group() {
    let p = Odd::new(BoxedUint::from(7u8)).into_option().unwrap();
    let mut x = alloc::vec![0; EXPONENT_BYTES_MAX as usize];
    *x.last_mut().unwrap() = 3;
    // 2 has order 3 modulo 7, so 2^3 is 1.
    let share = Group::new(p, &[2]).share(&mut FixedRng(x));
    assert_eq!(fault(share.check()), Some(BAD_GENERATOR));
}

/// RFC 3526 section 8, the right-hand column.
#[test]
fn exponents_have_twice_the_strength_of_the_group() {
    let table =
        [(2048, 320), (3072, 420), (4096, 480), (6144, 540), (8192, 620), (2049, 420), (8191, 620)];
    for (bits, at_least) in table {
        let have = exponent_bytes(bits) * 8;
        assert!(have >= at_least && have < at_least + 8, "{bits}");
    }
    // The bytes in front of a shorter exponent are not drawn into it.
    let share = share(Group::fixed(&GROUP14), 1);
    assert!(share.x.bit_width_vartime() > 300 && share.x.bit_width_vartime() <= 320);
}

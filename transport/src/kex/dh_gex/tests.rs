use super::*;
use crate::entropy::Purpose;
use crate::kex::finite_field::BAD_PUBLIC;
use crate::kex::finite_field::tests::beside;
use crate::kex::testing::{entropy, fault};

fn chosen(min: u32, n: u32, max: u32) -> Option<usize> {
    choose(min, n, max).map(|(p, g)| {
        assert_eq!(g, [2]);
        p.len() * 8
    })
}

#[test]
fn the_smallest_group_that_is_large_enough() {
    for (n, expected) in [
        (2048, 2048),
        (2049, 3072),
        (3072, 3072),
        (4096, 4096),
        (4097, 6144),
        (7680, 8192),
        (8192, 8192),
    ] {
        assert_eq!(chosen(2048, n, 8192), Some(expected), "n = {n}");
    }
}

#[test]
fn the_bounds_of_the_client_are_kept() {
    assert_eq!(chosen(3000, 3000, 3100), Some(3072));
    assert_eq!(chosen(2048, 5000, 6000), Some(4096), "the largest that fits");
    assert_eq!(chosen(2048, 2048, 2048), Some(2048));
    assert_eq!(chosen(3073, 3500, 4000), None, "no group of that size");
    assert_eq!(chosen(3072, 2048, 8192), None, "n below min");
    assert_eq!(chosen(2048, 4096, 3072), None, "n above max");
    assert_eq!(chosen(8192, 8192, 2048), None);
    assert_eq!(chosen(u32::MAX, u32::MAX, u32::MAX), None);
    assert_eq!(chosen(0, 0, 0), None);
}

/// Requests from before RFC 8270 get 2048 bits, unless they forbid it.
#[test]
fn nothing_below_2048_bits_is_chosen() {
    assert_eq!(chosen(1024, 1024, 8192), Some(2048));
    assert_eq!(chosen(0, 0, u32::MAX), Some(2048));
    assert_eq!(chosen(1024, 1024, 2047), None);
    assert_eq!(chosen(2048, u32::MAX, u32::MAX), Some(8192));
}

#[test]
fn both_sides_refuse_a_value_outside_the_group() {
    let (p, g) = (GROUP14.p, modp::GENERATOR);
    for n in [-1, 0, 1] {
        let value = beside(p, n);
        let mut entropy = entropy(1);
        let rng = entropy.stream(Purpose::Ephemeral);
        assert_eq!(fault(respond(rng, p, g, &value)), Some(BAD_PUBLIC));
        let client = start(rng, p, g).ok().unwrap();
        assert_eq!(fault(client.agree(&value)), Some(BAD_PUBLIC));
    }
}

#[test]
fn both_sides_refuse_a_bad_group() {
    let mut entropy = entropy(1);
    let rng = entropy.stream(Purpose::Ephemeral);
    let even = beside(GROUP14.p, 1);
    assert!(start(rng, &even, modp::GENERATOR).is_err());
    assert!(respond(rng, &even, modp::GENERATOR, &[2]).is_err());
    assert!(start(rng, &GROUP14.p[1..], modp::GENERATOR).is_err());
    assert!(respond(rng, &GROUP14.p[1..], modp::GENERATOR, &[2]).is_err());
}

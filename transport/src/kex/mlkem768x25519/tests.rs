mod vectors;

use super::*;
use crate::kex::curve25519::{self, tests::low_order_points};
use crate::kex::testing::{FixedRng, agree, client_share, exchange, fault, hex, respond};

/// Secrets of the vector: SHA-256 of a label each.
fn secret(label: &str) -> Vec<u8> {
    HashAlgorithm::Sha256.digest(&[label.as_bytes()])
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    HashAlgorithm::Sha256.digest(&[bytes])
}

/// ML-KEM by kyber-py 1.2, X25519 by OpenSSL, put together in Python. Shares are compared by
/// their SHA-256.
#[test]
fn both_sides_agree_with_an_independent_computation() {
    let k = hex("ba7a9ebd3becee731b2a7372385dfca16d0c7309d388ee27e5436f259e7e4df6");
    let k = SharedSecret::from_string(&k);

    let client = ["d", "z", "client x25519"].map(secret).concat();
    let client = Share::new(&mut FixedRng(client));
    let c_init = hex("7acd46c751f69b369fd4ced2904cc83b23bbe032d9cd553ad2431b779e8f2399");
    assert_eq!(sha256(client.public()), c_init);

    let server = ["m", "server x25519"].map(secret).concat();
    let (public, server_k) = answer(&mut FixedRng(server), client.public()).ok().unwrap();
    let s_reply = hex("09fcfec94878a0761675b39ebd12915464ebf5266276da211b51b0dca30eb345");
    assert_eq!(sha256(&public), s_reply);
    assert_eq!(*server_k.0, *k.0);

    let client_k = Box::new(client).agree(&public).ok().unwrap();
    assert_eq!(*client_k.0, *k.0);
}

/// FIPS 203 section 6.3, step 9: the secret of a damaged ciphertext, by the same computation.
#[test]
fn a_damaged_ciphertext_gives_the_secret_of_implicit_rejection() {
    let client = Share::new(&mut FixedRng(["d", "z", "client x25519"].map(secret).concat()));
    let server = ["m", "server x25519"].map(secret).concat();
    let (mut public, _) = answer(&mut FixedRng(server), client.public()).ok().unwrap();
    public[0] ^= 1;
    let k = Box::new(client).agree(&public).ok().unwrap();
    let expected = hex("ad8695c93131dd2aa2abffbd81fa28d6bb3b50b9fe7fde62e828f6fbc126cf9b");
    assert_eq!(*k.0, *SharedSecret::from_string(&expected).0);
}

#[test]
fn only_the_exact_lengths_are_shares() {
    let good = client_share(&METHOD);
    assert_eq!(good.len(), 1216);
    let answer = respond(&METHOD, &good).ok().unwrap();
    assert_eq!(answer.len(), 1120);
    assert!(agree(&METHOD, &answer).is_ok());
    for cut in [0, 1, 32, 1183, 1184, 1185, 1215] {
        assert_eq!(fault(respond(&METHOD, &good[..cut])), Some(BAD_CLIENT_LENGTH), "{cut}");
    }
    for cut in [0, 1, 32, 1087, 1088, 1089, 1119] {
        assert_eq!(fault(agree(&METHOD, &answer[..cut])), Some(BAD_SERVER_LENGTH), "{cut}");
    }
    let longer = |share: &[u8]| [share, &[0]].concat();
    assert_eq!(fault(respond(&METHOD, &longer(&good))), Some(BAD_CLIENT_LENGTH));
    assert_eq!(fault(agree(&METHOD, &longer(&answer))), Some(BAD_SERVER_LENGTH));
}

/// The first coefficient of the key, twelve bits: 3328 is the largest that FIPS 203 allows.
#[test]
fn the_modulus_check_has_its_edge_at_3329() {
    for (coefficient, outcome) in
        [(3328u16, None), (3329, Some(BAD_KEY)), (3330, Some(BAD_KEY)), (4095, Some(BAD_KEY))]
    {
        for at in [0, 3 * 383] {
            let mut share = client_share(&METHOD);
            let [low, high] = coefficient.to_le_bytes();
            share[at] = low;
            share[at + 1] = share[at + 1] & 0xf0 | high;
            assert_eq!(fault(respond(&METHOD, &share)), outcome, "{coefficient} at {at}");
        }
    }
}

/// With the halves in the wrong order the key fails its modulus check. A ciphertext has no wrong
/// values: there the two sides end with different secrets, so the signature cannot verify.
#[test]
fn swapped_halves_do_not_make_an_exchange() {
    let mut share = client_share(&METHOD);
    share.rotate_right(32);
    assert_eq!(fault(respond(&METHOD, &share)), Some(BAD_KEY));
    let outcome = exchange(&METHOD, (1, 2), |answer| answer.rotate_right(32));
    assert!(outcome.is_err() || outcome.is_ok_and(|(client, server)| *client.0 != *server.0));
}

#[test]
fn an_x25519_half_of_small_order_is_refused_by_both_sides() {
    let good = client_share(&METHOD);
    let answer = respond(&METHOD, &good).ok().unwrap();
    for point in low_order_points() {
        let share = [&good[..ENCAPSULATION_KEY_BYTES], &point].concat();
        assert_eq!(fault(respond(&METHOD, &share)), Some(curve25519::ALL_ZERO));
        let answer = [&answer[..CIPHERTEXT_BYTES], &point].concat();
        assert_eq!(fault(agree(&METHOD, &answer)), Some(curve25519::ALL_ZERO));
    }
}

#[test]
fn a_change_in_either_half_changes_the_secret() {
    for at in [0, CIPHERTEXT_BYTES - 1, CIPHERTEXT_BYTES] {
        let (client, server) = exchange(&METHOD, (1, 2), |answer| answer[at] ^= 1).ok().unwrap();
        assert_ne!(*client.0, *server.0, "byte {at}");
    }
}

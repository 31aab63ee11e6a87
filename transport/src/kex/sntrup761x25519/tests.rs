//! The vector for this method is the recorded exchange with OpenSSH in `exchange_hash`.

use super::*;
use crate::kex::curve25519::{self, tests::low_order_points};
use crate::kex::testing::{agree, client_share, exchange, fault, respond};

#[test]
fn only_the_exact_lengths_are_shares() {
    let good = client_share(&METHOD);
    assert_eq!(good.len(), 1190);
    let answer = respond(&METHOD, &good).ok().unwrap();
    assert_eq!(answer.len(), 1071);
    for cut in [0, 1, 32, 1157, 1158, 1159, 1189] {
        assert_eq!(fault(respond(&METHOD, &good[..cut])), Some(BAD_CLIENT_LENGTH), "{cut}");
    }
    for cut in [0, 32, 1038, 1039, 1040, 1070] {
        assert_eq!(fault(agree(&METHOD, &answer[..cut])), Some(BAD_SERVER_LENGTH), "{cut}");
    }
    let longer = |share: &[u8]| [share, &[0]].concat();
    assert_eq!(fault(respond(&METHOD, &longer(&good))), Some(BAD_CLIENT_LENGTH));
    assert_eq!(fault(agree(&METHOD, &longer(&answer))), Some(BAD_SERVER_LENGTH));
}

/// Any string of the right length is a key and a ciphertext of NTRU Prime, so halves in the wrong
/// order show as different secrets: the signature over the exchange hash cannot verify.
#[test]
fn swapped_halves_do_not_make_an_exchange() {
    let outcome = exchange(&METHOD, (1, 2), |answer| answer.rotate_right(32));
    assert!(outcome.is_err() || outcome.is_ok_and(|(client, server)| *client.0 != *server.0));

    let Exchange::Ecdh { start, respond } = METHOD.exchange else { unreachable!() };
    let mut entropy = crate::kex::testing::entropy(3);
    let rng = entropy.stream(crate::entropy::Purpose::Ephemeral);
    let client = start(rng);
    let mut share = client.public().to_vec();
    share.rotate_right(32);
    let agreed = respond(rng, &share).is_ok_and(|(answer, server)| {
        client.agree(&answer).is_ok_and(|client| *client.0 == *server.0)
    });
    assert!(!agreed);
}

#[test]
fn an_x25519_half_of_small_order_is_refused_by_both_sides() {
    let good = client_share(&METHOD);
    let answer = respond(&METHOD, &good).ok().unwrap();
    for point in low_order_points().iter().step_by(2) {
        let share = [&good[..PUBLIC_KEY_SIZE], point].concat();
        assert_eq!(fault(respond(&METHOD, &share)), Some(curve25519::ALL_ZERO));
        let answer = [&answer[..CIPHERTEXT_SIZE], point].concat();
        assert_eq!(fault(agree(&METHOD, &answer)), Some(curve25519::ALL_ZERO));
    }
}

#[test]
fn a_change_in_any_part_changes_the_secret() {
    // The last 32 bytes of a ciphertext are a confirmation hash.
    for at in [0, CIPHERTEXT_SIZE - 33, CIPHERTEXT_SIZE - 1, CIPHERTEXT_SIZE] {
        let (client, server) = exchange(&METHOD, (1, 2), |answer| answer[at] ^= 1).ok().unwrap();
        assert_ne!(*client.0, *server.0, "byte {at}");
    }
}

#[test]
fn the_old_name_is_the_same_method() {
    let (new, _) = exchange(&METHOD, (1, 2), |_| ()).ok().unwrap();
    let (old, _) = exchange(&METHOD_OPENSSH, (1, 2), |_| ()).ok().unwrap();
    assert_eq!(*new.0, *old.0);
    assert_eq!(METHOD.hash, METHOD_OPENSSH.hash);
}

use super::*;
use crate::kex::testing::{exchange, hex};
use std::collections::BTreeSet;

/// The order of OpenSSH 10 (`ssh -Q kex` without the methods it does not offer).
#[test]
fn the_table_has_the_order_of_openssh_and_finds_every_name() {
    let names: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
    let expected = [
        "mlkem768x25519-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group14-sha256",
    ];
    assert_eq!(names, expected);
    for name in names {
        assert_eq!(method(name).map(|found| found.name), Some(name));
    }
    for unknown in ["", "curve25519", "CURVE25519-SHA256", "diffie-hellman-group1-sha1"] {
        assert!(method(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn the_hash_and_the_strength_are_what_the_name_says() {
    for method in METHODS {
        let expected = match method.name {
            "ecdh-sha2-nistp256" => HashAlgorithm::Sha256,
            "ecdh-sha2-nistp384" => HashAlgorithm::Sha384,
            "ecdh-sha2-nistp521" => HashAlgorithm::Sha512,
            name if name.contains("-sha512") => HashAlgorithm::Sha512,
            _ => HashAlgorithm::Sha256,
        };
        assert_eq!(method.hash, expected, "{}", method.name);
        let hybrid = method.name.contains("x25519-");
        assert_eq!(method.post_quantum, hybrid, "{}", method.name);
    }
}

#[test]
fn both_sides_agree_with_every_method_and_no_secret_repeats() {
    let mut seen = BTreeSet::new();
    for method in METHODS {
        for seeds in [(1, 2), (1, 3)] {
            let (client, server) = exchange(method, seeds, |_| ()).unwrap_or_else(|fault| {
                unreachable!("{}: {fault}", method.name);
            });
            assert_eq!(*client.0, *server.0, "{}", method.name);
            assert!(client.0.len() > 30);
            seen.insert(client.0.to_vec());
        }
    }
    // Two methods have two names each, and group exchange picks group 16: the same seed then makes
    // the same secret.
    assert_eq!(seen.len(), (METHODS.len() - 3) * 2);
}

#[test]
fn the_hybrids_encode_k_as_a_string_of_one_hash_and_the_rest_as_an_mpint() {
    for method in METHODS {
        let (k, _) = exchange(method, (4, 5), |_| ()).ok().unwrap();
        let length = usize::try_from(u32::from_be_bytes(k.0[..4].try_into().unwrap())).unwrap();
        assert_eq!(length, k.0.len() - 4, "{}", method.name);
        if method.post_quantum {
            assert_eq!(length, method.hash.len());
        } else {
            assert!(k.0[4] < 0x80 && (k.0[4] != 0 || k.0[5] >= 0x80), "{}", method.name);
        }
    }
}

#[test]
fn encodings_of_k() {
    assert_eq!(*SharedSecret::from_magnitude(&[0, 0x80, 1]).0, [0, 0, 0, 3, 0, 0x80, 1]);
    assert_eq!(*SharedSecret::from_magnitude(&[0, 0]).0, [0, 0, 0, 0]);
    assert_eq!(*SharedSecret::from_string(&[0, 0x80, 1]).0, [0, 0, 0, 3, 0, 0x80, 1]);
    assert_eq!(*SharedSecret::from_string(&[0x80]).0, [0, 0, 0, 1, 0x80]);
}

/// The examples for "abc" in FIPS 180-4's companion papers, given in two parts.
#[test]
fn hashes_of_parts_are_hashes_of_the_whole() {
    let expected = [
        (HashAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            HashAlgorithm::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed
             8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            HashAlgorithm::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];
    for (hash, digits) in expected {
        assert_eq!(hash.digest(&[b"a", b"", b"bc"]), hex(digits));
        assert_eq!(hash.len(), hex(digits).len());
    }
}

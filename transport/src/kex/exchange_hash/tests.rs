//! Recorded exchanges with OpenSSH: its signature verifies only if we hash what it hashed.

use super::*;
use crate::entropy::Purpose;
use crate::kex::method::{Exchange, method};
use crate::kex::testing::{entropy, hex};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use ed25519_dalek::{Signature, VerifyingKey};
use zeroize::Zeroizing;

const V_C: &[u8] = b"SSH-2.0-tssh_recorder";

type Record = BTreeMap<String, String>;

fn records() -> Vec<Record> {
    let text = include_str!("openssh_9_2.txt");
    let blocks = text.split("\n\n").filter(|block| block.starts_with("method "));
    blocks.map(|block| record(&block.replace("\n  ", ""))).collect()
}

fn record(block: &str) -> Record {
    let fields = block.lines().filter_map(|line| line.split_once(' '));
    fields.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// H as the method's own hash makes it from a record, after `change` had its way with one input.
fn hash_of(record: &Record, changed: Option<&str>) -> Vec<u8> {
    let field = |name: &str| {
        let mut value = record.get(name).map(|digits| hex(digits)).unwrap_or_default();
        if changed == Some(name) {
            *value.last_mut().unwrap() ^= 1;
        }
        value
    };
    let [i_c, i_s, k_s, client, server] = ["i_c", "i_s", "k_s", "client", "server"].map(field);
    let (p, g) = (field("p"), field("g"));
    let method = method(&record["method"]).unwrap();
    let inputs = match method.exchange {
        Exchange::Ecdh { .. } => MethodInputs::Ecdh { q_c: &client, q_s: &server },
        Exchange::Dh { .. } => MethodInputs::Dh { e: &client, f: &server },
        Exchange::Gex { .. } => {
            let (min, n, max) = (2048, 2048, 8192);
            MethodInputs::Gex { min, n, max, p: &p, g: &g, e: &client, f: &server }
        }
    };
    let v_s = record["v_s"].as_bytes();
    let k = SharedSecret(Zeroizing::new(field("k")));
    let all = HashInputs { v_c: V_C, v_s, i_c: &i_c, i_s: &i_s, k_s: &k_s, method: inputs, k: &k };
    exchange_hash(method.hash, &all)
}

#[test]
fn the_signature_of_openssh_verifies_over_our_hash() {
    assert_eq!(records().len(), 7);
    for record in records() {
        let h = hash_of(&record, None);
        assert_eq!(h, hex(&record["h"]), "{}", record["method"]);
        // "ssh-ed25519" and two length fields stand before the key.
        let key: [u8; 32] = hex(&record["k_s"])[19..].try_into().unwrap();
        let signature: [u8; 64] = hex(&record["signature"]).try_into().unwrap();
        let key = VerifyingKey::from_bytes(&key).unwrap();
        assert!(key.verify_strict(&h, &Signature::from_bytes(&signature)).is_ok());
    }
}

#[test]
fn the_hash_depends_on_every_input() {
    for record in records() {
        let h = hex(&record["h"]);
        for name in ["i_c", "i_s", "k_s", "client", "server", "k", "p", "g"] {
            if record.contains_key(name) {
                assert_ne!(hash_of(&record, Some(name)), h, "{} {name}", record["method"]);
            }
        }
    }
}

/// The whole client half: share and K follow from the recorded seed and OpenSSH's answer.
#[test]
fn the_recorded_exchanges_can_be_repeated() {
    for record in records() {
        let mut entropy = entropy(1);
        let rng = entropy.stream(Purpose::Ephemeral);
        let share = match method(&record["method"]).unwrap().exchange {
            Exchange::Ecdh { start, .. } | Exchange::Dh { start, .. } => start(rng),
            Exchange::Gex { start, .. } => {
                start(rng, &hex(&record["p"]), &hex(&record["g"])).ok().unwrap()
            }
        };
        assert_eq!(share.public(), hex(&record["client"]), "{}", record["method"]);
        let k = share.agree(&hex(&record["server"])).ok().unwrap();
        assert_eq!(*k.0, hex(&record["k"]), "{}", record["method"]);
    }
}

/// Leading zero bytes of a magnitude do not reach the hash.
#[test]
fn numbers_are_hashed_as_mpints() {
    let k = SharedSecret::from_magnitude(&[1]);
    let h = |e: &[u8], f: &[u8]| {
        let method = MethodInputs::Dh { e, f };
        let inputs = HashInputs { v_c: V_C, v_s: V_C, i_c: &[], i_s: &[], k_s: &[], method, k: &k };
        exchange_hash(HashAlgorithm::Sha256, &inputs)
    };
    assert_eq!(h(&[0, 0, 5], &[0, 0x80]), h(&[5], &[0x80]));
    assert_ne!(h(&[5], &[0x80]), h(&[5, 0x80], &[]));
}

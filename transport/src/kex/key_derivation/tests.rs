use super::*;
use crate::kex::testing::hex;

/// One exchange (ecdh-sha2-nistp384) of paramiko 5.1 with sshd of OpenSSH 9.2p1: K, H and the
/// keys as paramiko derived them.
const K: &str = "00000031
    00ad5e28e429412bd60fdb2338a43f86cd7e62675b121469113e70a07c0bf5f86a048b3b453e9a5b6662ccddb3
    a19cd3b9";
const H: &str = "a29badd0803794938e1d9d357a56aa069168915b510224043ec41869d9433e1f1b2756fee90a6aa2
    cdb141d649e20da9";

fn key(h: &[u8], session_id: &[u8], letter: u8, len: usize) -> Vec<u8> {
    let k = SharedSecret(Zeroizing::new(hex(K)));
    derive(HashAlgorithm::Sha384, &k, h, session_id, letter, len).to_vec()
}

#[test]
fn the_six_letters_agree_with_another_implementation() {
    let h = hex(H);
    let expected = [
        (b'A', "e288233000d026efb139118a"),
        (b'B', "b90214f44b0bdba004fd8c4b"),
        (
            b'C',
            "db5401c2cd8c85e033e25fd4a58e5079c04b165fcb9c0a6cddde96569c8d4eedc0b49fa8240c7ebd89
            9b3990d6dd13e06e176573428fd465eadfe95972f17f31d66898d3f8b278a4d7e86e1532084df7cbeb
            7f83173028c643760666c6a9c915a18d003eddbaa65f7ab2c32578f59c0c670df5215f770bc20fa060
            63a15ad182111ef39243f05bfc82f8064e52fea6cbf20a6c36e757aff59233d6a3daaa8599",
        ),
        (
            b'D',
            "a57e557700565a9172e6773762e1cbf911bcc81224a7ee6e50f7817103119f791e4ee1ca3e38584b49
            b64d8c93d436605a384c052aa82c6cd7061b5ee9a95be4",
        ),
        (b'E', "707dfc4da6693d5373ee409df0c4008a6f8bae7b"),
        (b'F', "08ea8dbdfa800b8ebd00c063fb72164836c60c7c"),
    ];
    for (letter, digits) in expected {
        let expected = hex(digits);
        assert_eq!(key(&h, &h, letter, expected.len()), expected, "{}", char::from(letter));
    }
}

/// After a re-exchange H changes and the session identifier stays.
#[test]
fn the_session_identifier_is_not_the_hash_of_a_later_exchange() {
    let h = HashAlgorithm::Sha384.digest(&[b"another exchange"]);
    let expected = hex("923a5f7e847b3a69dca881b5564c63b5d41af44194c69bad096e49af73d4f4252aacc5b695
        4464d1a274b32972d037d149254aac8c1c48bafa3dacddb7ad177b");
    assert_eq!(key(&h, &hex(H), b'C', 64), expected);
}

/// "the key is taken from the beginning of this value": a shorter key is a prefix of a longer one.
#[test]
fn every_length_is_a_prefix_of_the_longest() {
    let h = hex(H);
    let longest = key(&h, &h, b'C', 200);
    for len in [0, 1, 47, 48, 49, 95, 96, 97, 144] {
        assert_eq!(key(&h, &h, b'C', len), longest[..len]);
    }
}

//! hmac-sha2-256 and hmac-sha2-512 (RFC 6668), and their encrypt-then-MAC forms.

use super::MacAlgorithm;
use super::mac::keyed;
use hmac::Hmac;
use sha2::{Sha256, Sha512};

/// hmac-sha2-256 over the plaintext.
pub const HMAC_SHA2_256: MacAlgorithm = MacAlgorithm {
    name: "hmac-sha2-256",
    key_len: 32,
    tag_len: 32,
    etm: false,
    keyed: keyed::<Hmac<Sha256>>,
};

/// hmac-sha2-256 over length and ciphertext.
pub const HMAC_SHA2_256_ETM: MacAlgorithm =
    MacAlgorithm { name: "hmac-sha2-256-etm@openssh.com", etm: true, ..HMAC_SHA2_256 };

/// hmac-sha2-512 over the plaintext.
pub const HMAC_SHA2_512: MacAlgorithm = MacAlgorithm {
    name: "hmac-sha2-512",
    key_len: 64,
    tag_len: 64,
    etm: false,
    keyed: keyed::<Hmac<Sha512>>,
};

/// hmac-sha2-512 over length and ciphertext.
pub const HMAC_SHA2_512_ETM: MacAlgorithm =
    MacAlgorithm { name: "hmac-sha2-512-etm@openssh.com", etm: true, ..HMAC_SHA2_512 };

#[cfg(test)]
mod tests {
    use super::super::MacAlgorithm;
    use super::super::tests::hex;
    use super::*;
    use hmac::{KeyInit, Mac};
    use std::vec;

    fn hmacs(key: &[u8], data: &[u8]) -> (std::vec::Vec<u8>, std::vec::Vec<u8>) {
        let mut short = Hmac::<Sha256>::new_from_slice(key).unwrap();
        short.update(data);
        let mut long = Hmac::<Sha512>::new_from_slice(key).unwrap();
        long.update(data);
        (short.finalize().into_bytes().to_vec(), long.finalize().into_bytes().to_vec())
    }

    /// RFC 4231 section 4, test cases 1, 2 and 6.
    #[test]
    fn vectors_of_rfc_4231() {
        let cases: [(&[u8], &[u8], &str, &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
                 daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                 9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
                 6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
        ];
        for (key, data, short, long) in cases {
            assert_eq!(hmacs(key, data), (hex(short), hex(long)));
        }
    }

    /// The packet MAC is that HMAC over the sequence number and the packet.
    #[test]
    fn sequence_number_comes_first() {
        let check = |row: &MacAlgorithm| {
            let key = vec![7; row.key_len];
            let mac = (row.keyed)(&key).unwrap();
            let mut tag = vec![0; row.tag_len];
            assert!(mac.write_tag(0x0102_0304, b"packet", &mut tag));
            assert!(mac.is_tag(0x0102_0304, b"packet", &tag));
            assert!(!mac.is_tag(0x0102_0305, b"packet", &tag));
            assert!(!mac.is_tag(0x0102_0304, b"packet", &tag[1..]));
            assert!(!mac.write_tag(0, b"packet", &mut tag[1..]));
            assert!((row.keyed)(&key[1..]).is_none());
            let (short, long) = hmacs(&key, b"\x01\x02\x03\x04packet");
            assert!(tag == short || tag == long);
        };
        check(&HMAC_SHA2_256);
        check(&HMAC_SHA2_512);
    }
}

//! hmac-sha1, RFC 4253 section 6.4, and its encrypt-then-MAC form. SHA-1 is broken for
//! signatures, not for HMAC; it is here because OpenSSH 10's client still offers it, last.

use super::MacAlgorithm;
use super::mac::keyed;
use hmac::Hmac;
use sha1::Sha1;

/// hmac-sha1 over the plaintext.
pub const HMAC_SHA1: MacAlgorithm = MacAlgorithm {
    name: "hmac-sha1",
    key_len: 20,
    tag_len: 20,
    etm: false,
    keyed: keyed::<Hmac<Sha1>>,
};

/// hmac-sha1 over length and ciphertext.
pub const HMAC_SHA1_ETM: MacAlgorithm =
    MacAlgorithm { name: "hmac-sha1-etm@openssh.com", etm: true, ..HMAC_SHA1 };

#[cfg(test)]
mod tests {
    use super::super::tests::hex;
    use super::*;

    /// RFC 2202 section 3, test case 4's data under a key of the length that SSH uses: test
    /// case 1 (20 bytes of 0x0b, "Hi There"), with its first four bytes as sequence number.
    #[test]
    fn vector_of_rfc_2202() {
        let mac = (HMAC_SHA1.keyed)(&[0x0b; 20]).unwrap();
        let sequence = u32::from_be_bytes(*b"Hi T");
        let tag = hex("b617318655057264e28bc0b6fb378c8ef146be00");
        assert!(mac.is_tag(sequence, b"here", &tag));
    }
}

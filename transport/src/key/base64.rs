//! Base64 with padding, as key files, known_hosts and `.pub` files use it (RFC 4648 section 4).

use alloc::string::String;
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};

/// The text form of `bytes`, padded, in one line.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// The bytes of `text`; none unless it is canonical: padded, without white space, and with no
/// bits set behind the last byte.
///
/// The time taken does not depend on the characters, only on their number.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 section 10.
    #[test]
    fn vectors_of_the_rfc() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn only_the_canonical_text_is_accepted() {
        for text in ["Zg", "Zg=", "Zh==", "Zm9", "Zm 9v", "Zm9v\n", "Zm9-", "====", "Z==="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}

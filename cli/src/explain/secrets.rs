//! Key logs, as others write them: by the cookie of either side's KEXINIT, the shared secret or one
//! side's private value.

use std::collections::BTreeMap;
use tssh_transport::observe::Known;
use tssh_transport::trace::unhex;
use zeroize::Zeroizing;

/// Exchanges that are kept; each takes a few hundred bytes.
const EXCHANGES_MAX: usize = 100_000;
/// Bytes of a cookie.
const COOKIE_BYTES: usize = 16;

/// One line's secret.
#[derive(Debug, Clone)]
enum Secret {
    Shared(Zeroizing<Vec<u8>>),
    Scalar(Zeroizing<Vec<u8>>),
}

/// All lines.
#[derive(Debug, Clone, Default)]
pub struct KeyLog {
    by_cookie: BTreeMap<Vec<u8>, Vec<Secret>>,
}

impl KeyLog {
    /// Adds the lines of a text; what is no line of a key log is passed over, as Wireshark does.
    pub fn add(&mut self, text: &str) {
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let hex = |word: &str| unhex(&word.to_ascii_lowercase());
            let (cookie, secret) = match words[..] {
                [cookie, secret] => (cookie, hex(secret).map(Secret::Scalar)),
                [cookie, "PRIVATE_KEY", secret] => (cookie, hex(secret).map(Secret::Scalar)),
                [cookie, "SHARED_SECRET", secret] => (cookie, hex(secret).map(Secret::Shared)),
                _ => continue,
            };
            let cookie = hex(cookie).filter(|cookie| cookie.len() == COOKIE_BYTES);
            if let (Some(cookie), Some(secret)) = (cookie, secret)
                && self.by_cookie.len() < EXCHANGES_MAX
            {
                self.by_cookie.entry(cookie.to_vec()).or_default().push(secret);
            }
        }
    }

    /// Exchanges that it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_cookie.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_cookie.is_empty()
    }

    /// What is known of an exchange; what was written last comes last.
    #[must_use]
    pub fn find(&self, cookie: &[u8]) -> Vec<Known> {
        let found = self.by_cookie.get(cookie).map(Vec::as_slice).unwrap_or_default();
        let known = found.iter().map(|secret| match secret {
            Secret::Shared(bytes) => Known::Shared(bytes.clone()),
            Secret::Scalar(bytes) => Known::Scalar(bytes.clone()),
        });
        known.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_lines_and_nothing_else() {
        let cookie = "00112233445566778899aabbccddeeff";
        let mut log = KeyLog::default();
        log.add(&format!(
            "# comment\n{cookie} 0a\r\n{cookie} SHARED_SECRET 0B0C\n{cookie} PRIVATE_KEY 0d\n\
             {cookie} OTHER 00\nxx 00\n{cookie} 0\n00 11\n"
        ));
        let found = log.find(&unhex(cookie).unwrap());
        assert_eq!((log.len(), found.len()), (1, 3));
        assert!(matches!(&found[1], Known::Shared(bytes) if ***bytes == [11, 12]));
        assert!(log.find(&[0; 16]).is_empty());
    }
}

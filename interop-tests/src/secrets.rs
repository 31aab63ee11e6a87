//! The secret parts of a key file that ssh-keygen made, for tests that look for them.

use std::path::Path;

/// What must not be seen: a name and the bytes.
pub type Secret = (&'static str, Vec<u8>);

/// The secret numbers of an OpenSSH key file without a passphrase: the scalar or the seed, and of
/// RSA the exponent and the primes.
///
/// # Panics
/// When it is no such file.
#[must_use]
pub fn of_key_file(path: &Path) -> Vec<Secret> {
    let text = std::fs::read_to_string(path).expect("a key file");
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = from_base64(&body);
    let rest = bytes.strip_prefix(b"openssh-key-v1\0").expect("an OpenSSH key file");
    let mut fields = Fields(rest);
    assert_eq!(fields.string(), b"none", "without a passphrase");
    let _ = (fields.string(), fields.string(), fields.number(), fields.string());
    let mut private = Fields(fields.string());
    let _ = (private.number(), private.number());
    let kind = private.string();
    let number = |bytes: &[u8]| bytes.strip_prefix(&[0]).unwrap_or(bytes).to_vec();
    match kind {
        b"ssh-ed25519" => {
            let _ = private.string();
            vec![("seed", private.string()[..32].to_vec())]
        }
        b"ssh-rsa" => {
            let _ = (private.string(), private.string());
            let exponent = number(private.string());
            let _ = private.string();
            let (p, q) = (number(private.string()), number(private.string()));
            vec![("exponent", exponent), ("prime", p), ("other prime", q)]
        }
        _ => {
            let _ = (private.string(), private.string());
            vec![("scalar", number(private.string()))]
        }
    }
}

/// The forms in which a secret could be seen: as it is, backwards as big numbers lie in memory,
/// in hexadecimal of either case, with spaces between the bytes too, and in base64 at each of the
/// three positions it can have there.
#[must_use]
pub fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let backwards: Vec<u8> = secret.iter().rev().copied().collect();
    let spaced: Vec<String> = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_vec(), backwards, hex.to_uppercase().into_bytes()];
    forms.extend([hex.into_bytes(), spaced.join(" ").into_bytes()]);
    for skipped in 0..3 {
        // Whole groups of three bytes only: what stands at the ends depends on the neighbours.
        let inner = secret.get(skipped..).unwrap_or_default();
        let whole = &inner[..inner.len() / 3 * 3];
        if whole.len() >= 6 {
            forms.push(to_base64(whole).into_bytes());
        }
    }
    forms
}

struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take(&mut self, n: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> usize {
        self.take(4).iter().fold(0, |number, byte| (number << 8) | usize::from(*byte))
    }

    fn string(&mut self) -> &'b [u8] {
        let n = self.number();
        self.take(n)
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn from_base64(text: &str) -> Vec<u8> {
    let (mut bits, mut have, mut bytes) = (0_u32, 0, Vec::new());
    for digit in text.bytes().filter_map(|byte| DIGITS.iter().position(|d| *d == byte)) {
        bits = (bits << 6) | u32::try_from(digit).unwrap_or(0);
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((bits >> have).to_be_bytes()[3]);
        }
    }
    bytes
}

fn to_base64(bytes: &[u8]) -> String {
    let digit = |group: &[u8], shift: u32| {
        let bits = group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        char::from(DIGITS[usize::try_from((bits >> shift) & 63).unwrap_or(0)])
    };
    let groups = bytes.chunks_exact(3);
    groups.flat_map(|group| [18, 12, 6, 0].map(|shift| digit(group, shift))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_both_ways() {
        assert_eq!(to_base64(b"secret"), "c2VjcmV0");
        assert_eq!(from_base64("c2VjcmV0"), b"secret");
        assert_eq!(from_base64("c2VjcmU="), b"secre");
    }
}

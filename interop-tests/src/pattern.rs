//! Bytes that look random, can be made again anywhere in the stream, and are checked by digest.

use sha2::{Digest, Sha256};

/// A stream of bytes given by a seed: no two streams with different seeds are alike, so bytes
/// that cross from one connection to another are noticed.
#[derive(Debug, Clone)]
pub struct Pattern {
    state: u64,
}

impl Pattern {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// Writes the next bytes of the stream over `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            // xorshift64: fast enough not to be what a transfer waits for.
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            chunk.copy_from_slice(&self.state.to_le_bytes()[..chunk.len()]);
        }
    }

    /// The first `len` bytes of the stream of `seed`.
    #[must_use]
    pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        Self::new(seed).fill(&mut bytes);
        bytes
    }

    /// The SHA-256 of the first `len` bytes, in hexadecimal, made in pieces.
    #[must_use]
    pub fn digest(seed: u64, len: u64) -> String {
        let mut pattern = Self::new(seed);
        let mut digest = Sha256::new();
        let mut piece = vec![0; 64 * 1024];
        let mut left = len;
        while left > 0 {
            let take = left.min(piece.len() as u64) as usize;
            pattern.fill(&mut piece[..take]);
            digest.update(&piece[..take]);
            left -= take as u64;
        }
        hex(&digest.finalize())
    }
}

/// The SHA-256 of `bytes`, in hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_same_stream() {
        assert_eq!(Pattern::digest(7, 200_000), sha256_hex(&Pattern::bytes(7, 200_000)));
        assert_ne!(Pattern::bytes(7, 64), Pattern::bytes(8, 64));
    }
}

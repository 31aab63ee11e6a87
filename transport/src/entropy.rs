//! Entropy as an argument: one seeded generator in production and in replay.
//!
//! HMAC_DRBG over SHA-256 (NIST SP 800-90A section 10.1.2). Production seeds it from the
//! operating system, a replay from its file. Each purpose has a stream of its own, split from
//! the seed by its label, so that more padding in one version shifts no key in the next.

use alloc::vec::Vec;
use core::convert::Infallible;
use hmac::{Hmac, KeyInit, Mac};
use rand_core::{TryCryptoRng, TryRng};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of a seed: twice the security strength of the generator.
pub const SEED_BYTES: usize = 64;

/// What the bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The cookie of KEXINIT.
    Cookie,
    /// Ephemeral private keys of a key exchange.
    Ephemeral,
    /// Packet padding.
    Padding,
    /// Anything of the upper layers (fake X11 cookies, challenges).
    Upper,
}

const PURPOSES: usize = 4;
/// Padding is drawn this many bytes at a time.
const PADDING_POOL_BYTES: usize = 4096;
/// What [`Pooled`] draws at a time: so much that the cost of a Generate itself no longer shows.
const POOL_BYTES: usize = 1024;

/// The generator of one connection.
pub struct Entropy {
    streams: [Stream; PURPOSES],
    padding: Vec<u8>,
}

impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Entropy")
    }
}

impl Entropy {
    /// A generator whose whole output follows from `seed`.
    #[must_use]
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        let stream = |label: &str| Stream::new(&[seed, label.as_bytes()]);
        let streams = [stream("cookie"), stream("ephemeral"), stream("padding"), stream("upper")];
        Self { streams, padding: Vec::new() }
    }

    /// The stream for a purpose, as the random generator that primitive crates take.
    pub fn stream(&mut self, purpose: Purpose) -> &mut Stream {
        let [cookie, ephemeral, padding, upper] = &mut self.streams;
        match purpose {
            Purpose::Cookie => cookie,
            Purpose::Ephemeral => ephemeral,
            Purpose::Padding => padding,
            Purpose::Upper => upper,
        }
    }

    /// Fills `out` for a purpose.
    pub fn fill(&mut self, purpose: Purpose, out: &mut [u8]) {
        self.stream(purpose).fill(out);
    }

    /// Fills `out` with padding, from a pool so that a packet costs no generator call.
    pub fn fill_padding(&mut self, out: &mut [u8]) {
        if self.padding.len() < out.len() {
            let mut pool = core::mem::take(&mut self.padding);
            pool.resize(PADDING_POOL_BYTES.max(out.len()), 0);
            self.fill(Purpose::Padding, &mut pool);
            self.padding = pool;
        }
        let rest = self.padding.len().saturating_sub(out.len());
        out.copy_from_slice(self.padding.get(rest..).unwrap_or_default());
        self.padding.truncate(rest);
    }
}

/// HMAC_DRBG over SHA-256: one stream.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Stream {
    key: [u8; 32],
    value: [u8; 32],
}

impl Stream {
    /// Instantiates from seed material (entropy input, nonce and personalisation, in a row).
    fn new(material: &[&[u8]]) -> Self {
        let mut stream = Self { key: [0; 32], value: [1; 32] };
        stream.update(material);
        stream
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // A key of any length is accepted; this one always has 32 bytes.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return [0; 32] };
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// HMAC_DRBG_Update.
    fn update(&mut self, material: &[&[u8]]) {
        let rounds: &[u8] = if material.is_empty() { &[0] } else { &[0, 1] };
        for round in rounds {
            let value = Zeroizing::new(self.value);
            let round = [*round];
            let mut parts: Vec<&[u8]> = Vec::with_capacity(material.len().saturating_add(2));
            parts.extend([&value[..], &round[..]]);
            parts.extend(material);
            self.key = self.mac(&parts);
            self.value = self.mac(&[&value[..]]);
        }
    }

    /// HMAC_DRBG_Generate without additional input.
    pub fn fill(&mut self, out: &mut [u8]) {
        // A key of any length is accepted; this one always has 32 bytes.
        let Ok(keyed) = Hmac::<Sha256>::new_from_slice(&self.key) else { return };
        for chunk in out.chunks_mut(32) {
            let mut mac = keyed.clone();
            mac.update(&self.value);
            self.value = mac.finalize().into_bytes().into();
            for (to, from) in chunk.iter_mut().zip(&self.value) {
                *to = *from;
            }
        }
        self.update(&[]);
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut out = [0; 4];
        self.fill(&mut out);
        Ok(u32::from_le_bytes(out))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut out = [0; 8];
        self.fill(&mut out);
        Ok(u64::from_le_bytes(out))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Stream {}

/// A generator that asks its stream for much at a time: what comes in thousands of small numbers,
/// such as a key of NTRU Prime, would take a whole Generate for each of them.
pub struct Pooled<'s> {
    stream: &'s mut Stream,
    pool: Zeroizing<[u8; POOL_BYTES]>,
    left: usize,
}

impl<'s> Pooled<'s> {
    /// Nothing is drawn yet. What is left at the end is thrown away.
    pub fn new(stream: &'s mut Stream) -> Self {
        Self { stream, pool: Zeroizing::new([0; POOL_BYTES]), left: 0 }
    }

    fn take(&mut self, out: &mut [u8]) {
        for out in out.chunks_mut(POOL_BYTES) {
            if self.left < out.len() {
                self.stream.fill(&mut *self.pool);
                self.left = POOL_BYTES;
            }
            let start = self.left.saturating_sub(out.len());
            let drawn = self.pool.iter().skip(start);
            for (to, from) in out.iter_mut().zip(drawn) {
                *to = *from;
            }
            self.left = start;
        }
    }
}

impl TryRng for Pooled<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut out = [0; 4];
        self.take(&mut out);
        Ok(u32::from_le_bytes(out))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut out = [0; 8];
        self.take(&mut out);
        Ok(u64::from_le_bytes(out))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.take(out);
        Ok(())
    }
}

impl TryCryptoRng for Pooled<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_streams_do_not_touch_each_other() {
        let mut a = Entropy::from_seed(&[7; SEED_BYTES]);
        let mut b = Entropy::from_seed(&[7; SEED_BYTES]);
        let mut drain = [0; 10_000];
        b.fill_padding(&mut drain);
        let (mut x, mut y) = ([0; 40], [0; 40]);
        a.fill(Purpose::Ephemeral, &mut x);
        b.fill(Purpose::Ephemeral, &mut y);
        assert_eq!(x, y);
        a.fill(Purpose::Cookie, &mut y);
        assert_ne!(x, y);
    }

    #[test]
    fn a_pool_gives_no_byte_twice_and_what_the_stream_gives() {
        let mut stream = Stream::new(&[b"seed"]);
        let mut expected = [[0; POOL_BYTES]; 3];
        for pool in &mut expected {
            stream.fill(pool);
        }
        let mut again = Stream::new(&[b"seed"]);
        let mut pooled = Pooled::new(&mut again);
        // From the end of each pool; what is too short for a request is thrown away.
        let mut first = [0; POOL_BYTES - 1];
        pooled.take(&mut first);
        assert_eq!(first, expected[0][1..]);
        let numbers = [pooled.try_next_u32(), pooled.try_next_u32()].map(Result::unwrap);
        let end = POOL_BYTES - 8;
        let [low, high] = [&expected[1][end + 4..], &expected[1][end..end + 4]];
        assert_eq!(numbers.map(u32::to_le_bytes).concat(), [low, high].concat());
        let mut more = [0; POOL_BYTES + 1];
        pooled.take(&mut more);
        assert_eq!(more[..POOL_BYTES], expected[2]);
    }
}

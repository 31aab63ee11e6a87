//! The one source of chance of a simulation, and the content of its streams.

/// SplitMix64: every number follows from the seed.
#[derive(Debug, Clone)]
pub struct Rng(u64);

/// The mixing function of SplitMix64: neighbouring inputs give unrelated outputs.
#[must_use]
pub const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// One number out of several.
#[must_use]
pub fn hash(parts: &[u64]) -> u64 {
    parts.iter().fold(0, |h, part| mix(h ^ mix(part.wrapping_add(0x9e37_79b9_7f4a_7c15))))
}

impl Rng {
    /// The sequence of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `n`; 0 where `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.draw().checked_rem(n).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// As [`Rng::below`], for lengths.
    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// A size of any order of magnitude from 1 to `max`.
    pub fn size(&mut self, max: u64) -> u64 {
        let bits = u64::from(max.max(1).ilog2()) + 1;
        let top = 1u64 << self.below(bits);
        self.between(top, (top * 2 - 1).min(max.max(1)))
    }
}

/// Writes what a stream carries from `offset` on.
pub fn fill(stream: u64, offset: u64, out: &mut [u8]) {
    let mut at = offset;
    let mut rest = out;
    while !rest.is_empty() {
        let word = mix(stream ^ (at / 8)).to_le_bytes();
        let from = (at % 8) as usize;
        let n = rest.len().min(8 - from);
        let (head, tail) = rest.split_at_mut(n);
        head.copy_from_slice(&word[from..from + n]);
        rest = tail;
        at += n as u64;
    }
}

/// Where `bytes` first differ from what the stream carries from `offset` on.
#[must_use]
pub fn difference(stream: u64, offset: u64, bytes: &[u8]) -> Option<u64> {
    let mut expected = vec![0; bytes.len()];
    fill(stream, offset, &mut expected);
    if expected == bytes {
        return None;
    }
    let at = expected.iter().zip(bytes).position(|(a, b)| a != b);
    at.map(|at| offset + at as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let mut whole = [0; 100];
        fill(7, 0, &mut whole);
        for at in 0..100 {
            let mut part = vec![0; 100 - at];
            fill(7, at as u64, &mut part);
            assert_eq!(part, whole[at..]);
        }
        assert_eq!(difference(7, 3, &whole[3..]), None);
        whole[50] ^= 1;
        assert_eq!(difference(7, 3, &whole[3..]), Some(50));
    }

    #[test]
    fn sizes_stay_in_range() {
        let mut rng = Rng::new(1);
        assert!((0..10_000).map(|_| rng.size(1000)).all(|n| (1..=1000).contains(&n)));
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.size(0), 1);
    }
}

//! Small changes of an input, which follow from a seed.

use crate::sim::random::Rng;

/// `data` with one to four changes: bits flipped, bytes set to values at the edges, pieces taken
/// out, doubled, or cut off.
#[must_use]
pub fn mutated(data: &[u8], seed: u64) -> Vec<u8> {
    let mut out = data.to_vec();
    let mut rng = Rng::new(seed);
    let mut draw = |below: usize| rng.index(below.max(1));
    for _ in 0..=draw(4) {
        if out.is_empty() {
            out.push(0);
        }
        let at = draw(out.len());
        let until = at + draw((out.len() - at).min(16) + 1);
        match draw(6) {
            0 | 1 => out[at] ^= 1 << draw(8),
            2 => out[at] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b' ', b'"'][draw(8)],
            3 => drop(out.drain(at..until)),
            4 => {
                let piece = out[at..until].to_vec();
                let to = draw(out.len());
                out.splice(to..to, piece);
            }
            _ => out.truncate(at),
        }
    }
    out
}

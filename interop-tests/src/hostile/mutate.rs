//! Damage to a payload, before it is sealed: what comes of it is well protected and wrong.

use crate::sim::random::Rng;

/// Numbers that lengths, counts, windows and channels go wrong at.
const NUMBERS: [u32; 14] = [
    0,
    1,
    2,
    4,
    255,
    256,
    32_768,
    32_769,
    35_000,
    262_144,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    u32::MAX,
];

/// The largest payload that comes of it: what one packet may carry, and somewhat more.
const PAYLOAD_BYTES_MAX: usize = 300 * 1024;

/// One kind of damage. The result is never empty, as an empty payload is a kind of its own.
pub fn damage(payload: &mut Vec<u8>, rng: &mut Rng) {
    let len = payload.len();
    let at = rng.index(len);
    match rng.below(12) {
        0 | 1 => payload[at] ^= 1 << rng.below(8),
        2 => payload[at] = rng.draw() as u8,
        // Four bytes in a row are a length or a number more often than not.
        3 | 4 if len >= 5 => {
            let at = 1 + rng.index(len - 4);
            let number = match rng.chance(70) {
                true => *rng.pick(&NUMBERS),
                false => rng.draw() as u32,
            };
            payload[at..at + 4].copy_from_slice(&number.to_be_bytes());
        }
        5 => payload.truncate(1 + at),
        6 => {
            let more = rng.size(64);
            payload.extend(std::iter::repeat_with(|| rng.draw() as u8).take(more as usize));
        }
        // Rarely a lot.
        7 if rng.chance(10) => {
            let byte = rng.draw() as u8;
            payload.resize(len + rng.size(PAYLOAD_BYTES_MAX as u64) as usize, byte);
        }
        7 | 8 => {
            let end = at + rng.index(len - at + 1);
            let piece = payload[at..end].to_vec();
            let to = rng.index(len);
            payload.splice(to..to, piece);
        }
        9 => {
            let end = at + rng.index(len - at + 1);
            payload.drain(at.max(1)..end.max(1));
        }
        10 => payload[0] = rng.draw() as u8,
        _ => {
            let number = payload[0];
            *payload = std::iter::repeat_with(|| rng.draw() as u8).take(1 + at).collect();
            payload[0] = number;
        }
    }
    payload.truncate(PAYLOAD_BYTES_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_leaves_something_to_send() {
        let mut rng = Rng::new(5);
        let mut changed = 0;
        for n in 0..20_000 {
            let before = vec![94; 1 + n % 50];
            let mut payload = before.clone();
            damage(&mut payload, &mut rng);
            assert!((1..=PAYLOAD_BYTES_MAX).contains(&payload.len()));
            changed += usize::from(payload != before);
        }
        assert!(changed > 18_000, "{changed}");
    }
}

//! The memory of a live process, as a core of it would have it: what lies in it, and which AES
//! keys do.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Mappings above this are reserved address space and hold nothing: read in parts.
const PART_BYTES: usize = 1 << 20;

/// A copy of everything that a process may write to: heap, stacks, data.
pub struct Memory {
    /// Each with the name of its mapping.
    parts: Vec<(String, Vec<u8>)>,
}

impl Memory {
    /// Reads the memory of a process; root may, and so may whoever could debug it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn of(pid: u32) -> io::Result<Self> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
        let memory = File::open(format!("/proc/{pid}/mem"))?;
        let mut parts = Vec::new();
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let (Some(range), Some(modes)) = (words.next(), words.next()) else { continue };
            if !modes.starts_with("rw") {
                continue;
            }
            let name = words.nth(3).unwrap_or("anonymous");
            let (start, end) = range.split_once('-').unwrap_or_default();
            let number = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
            let (mut at, end) = (number(start), number(end));
            let mut bytes = Vec::new();
            while at < end {
                let want = PART_BYTES.min(usize::try_from(end - at).unwrap_or(PART_BYTES));
                let mut part = vec![0; want];
                // What cannot be read is not in a core either.
                if memory.read_exact_at(&mut part, at).is_err() {
                    break;
                }
                bytes.extend_from_slice(&part);
                at += want as u64;
            }
            parts.push((format!("{name} {range}"), bytes));
        }
        Ok(Self { parts })
    }

    /// Where `needle` lies: the name of the mapping and the offset in it.
    #[must_use]
    pub fn find(&self, needle: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, bytes) in &self.parts {
            for offset in positions(bytes, needle) {
                found.push(format!("{name} +{offset:#x}"));
            }
        }
        found
    }

    /// Keys of AES-128 whose whole key schedule lies in memory: those that are in use, and those
    /// that were not wiped.
    #[must_use]
    pub fn aes128_keys(&self) -> Vec<[u8; 16]> {
        let mut keys: Vec<[u8; 16]> = Vec::new();
        for (_, bytes) in &self.parts {
            // Round keys are aligned to the size of a register.
            for window in bytes.windows(SCHEDULE_BYTES).step_by(16) {
                let Some(key) = window.first_chunk::<16>() else { continue };
                if is_schedule(window) && !keys.contains(key) {
                    keys.push(*key);
                }
            }
        }
        keys
    }
}

fn positions<'b>(bytes: &'b [u8], needle: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
    let first = needle.first().copied().unwrap_or_default();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(next) = bytes.get(at..)?.iter().position(|byte| *byte == first) {
            let here = at + next;
            at = here + 1;
            if bytes.get(here..)?.starts_with(needle) {
                return Some(here);
            }
        }
        None
    })
}

/// Eleven round keys of 16 bytes.
const SCHEDULE_BYTES: usize = 176;

/// Whether bytes are the key schedule of AES-128, FIPS 197 section 5.2: each word is the one four
/// before it combined with the one before it, which every fourth time goes through the S-box.
fn is_schedule(bytes: &[u8]) -> bool {
    let word = |index: usize| -> [u8; 4] {
        bytes.get(4 * index..).and_then(|rest| rest.first_chunk().copied()).unwrap_or_default()
    };
    let mut constant = 1;
    for index in 4..SCHEDULE_BYTES / 4 {
        let (back, [a, b, c, d]) = (word(index - 4), word(index - 1));
        let last = if index % 4 == 0 {
            let changed = [s_box(b) ^ constant, s_box(c), s_box(d), s_box(a)];
            constant = double(constant);
            changed
        } else {
            [a, b, c, d]
        };
        let this = word(index);
        if (0..4).any(|i| this[i] != back[i] ^ last[i]) {
            return false;
        }
    }
    true
}

/// Multiplication by x in the field of AES.
const fn double(byte: u8) -> u8 {
    (byte << 1) ^ if byte & 0x80 == 0 { 0 } else { 0x1b }
}

/// FIPS 197 section 5.1.1: the inverse in the field, and an affine map behind it.
fn s_box(byte: u8) -> u8 {
    static TABLE: std::sync::LazyLock<[u8; 256]> = std::sync::LazyLock::new(|| {
        let times = |mut a: u8, b: u8| {
            let mut product = 0;
            for bit in 0..8 {
                product ^= if b >> bit & 1 == 1 { a } else { 0 };
                a = double(a);
            }
            product
        };
        let inverse = |a: u8| (0..=255).find(|b| times(a, *b) == 1).unwrap_or(0);
        let value = |a: u8| {
            let i: u8 = inverse(a);
            (0..5).fold(0x63, |sum, turn| sum ^ i.rotate_left(turn))
        };
        std::array::from_fn(|byte| value(u8::try_from(byte).unwrap_or(0)))
    });
    TABLE[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197 appendix A.1: the first word of each round key. The memory of this very process
    /// holds it.
    #[test]
    fn a_key_schedule_is_found_in_our_own_memory() {
        let key = *b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c";
        let firsts: [[u8; 4]; 10] = [
            *b"\xa0\xfa\xfe\x17",
            *b"\xf2\xc2\x95\xf2",
            *b"\x3d\x80\x47\x7d",
            *b"\xef\x44\xa5\x41",
            *b"\xd4\xd1\xc6\xf8",
            *b"\x6d\x88\xa3\x7a",
            *b"\x4e\x54\xf7\x0e",
            *b"\xea\xd2\x73\x21",
            *b"\xac\x77\x66\xf3",
            *b"\xd0\x14\xf9\xa8",
        ];
        let mut schedule = key.to_vec();
        for first in firsts {
            schedule.extend(first);
            for _ in 0..3 {
                let n = schedule.len();
                let next: Vec<u8> =
                    (0..4).map(|i| schedule[n - 16 + i] ^ schedule[n - 4 + i]).collect();
                schedule.extend(next);
            }
        }
        assert!(is_schedule(&schedule));
        assert!(!is_schedule(&[0; SCHEDULE_BYTES]) && !is_schedule(&[7; SCHEDULE_BYTES]));
        schedule[SCHEDULE_BYTES - 1] ^= 1;
        assert!(!is_schedule(&schedule), "one bit is wrong");
        schedule[SCHEDULE_BYTES - 1] ^= 1;
        let memory = Memory::of(std::process::id()).expect("our own memory");
        assert!(memory.aes128_keys().contains(&key));
        assert!(!memory.find(&schedule).is_empty());
    }
}

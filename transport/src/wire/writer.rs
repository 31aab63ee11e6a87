//! The appender for outgoing bytes.

use alloc::vec::Vec;

/// Appends the data types of RFC 4251 section 5 to a buffer.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends behind what `out` already holds.
    #[must_use]
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Raw bytes without a length.
    pub fn bytes(&mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }

    /// `byte`.
    pub fn byte(&mut self, value: u8) {
        self.out.push(value);
    }

    /// `boolean`, stored as 0 or 1.
    pub fn boolean(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }

    /// `uint32`, big-endian.
    pub fn uint32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// `uint64`, big-endian.
    pub fn uint64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// `string`. Values of ours never reach 2^32 bytes; one that did would be cut there, so
    /// that length and content always agree.
    pub fn string(&mut self, value: &[u8]) {
        let n = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.uint32(n);
        let kept = value.get(..usize::try_from(n).unwrap_or(usize::MAX)).unwrap_or(value);
        self.bytes(kept);
    }

    /// `mpint` from the big-endian magnitude of a non-negative number: leading zero bytes are
    /// dropped, and one is put in front where the top bit would read as a sign.
    pub fn mpint(&mut self, magnitude: &[u8]) {
        let skip = magnitude.iter().take_while(|b| **b == 0).count();
        let digits = magnitude.get(skip..).unwrap_or_default();
        let sign = digits.first().is_some_and(|b| b & 0x80 != 0);
        let n = digits.len().saturating_add(usize::from(sign));
        self.uint32(u32::try_from(n).unwrap_or(u32::MAX));
        if sign {
            self.byte(0);
        }
        self.bytes(digits);
    }

    /// `name-list` from names in order of preference.
    pub fn name_list<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        let at = self.out.len();
        self.uint32(0);
        let start = self.out.len();
        for (i, name) in names.into_iter().enumerate() {
            if i != 0 {
                self.byte(b',');
            }
            self.bytes(name.as_bytes());
        }
        let n = self.out.len().saturating_sub(start);
        let n = u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(slot) = self.out.get_mut(at..start) {
            slot.copy_from_slice(&n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mpint(magnitude: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Writer::new(&mut out).mpint(magnitude);
        out
    }

    /// The examples of RFC 4251 section 5 that are not negative.
    #[test]
    fn mpint_examples_of_the_rfc() {
        assert_eq!(mpint(&[]), [0, 0, 0, 0]);
        assert_eq!(mpint(&[0, 0]), [0, 0, 0, 0]);
        let big = [0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7];
        let wire = [&[0, 0, 0, 8][..], &big[..]].concat();
        assert_eq!(mpint(&big), wire);
        assert_eq!(mpint(&[0x80]), [0, 0, 0, 2, 0, 0x80]);
    }

    /// The examples of RFC 4251 section 5.
    #[test]
    fn name_list_examples_of_the_rfc() {
        let list = |names: &[&str]| {
            let mut out = Vec::new();
            Writer::new(&mut out).name_list(names.iter().copied());
            out
        };
        assert_eq!(list(&[]), [0, 0, 0, 0]);
        assert_eq!(list(&["zlib"]), *b"\0\0\0\x04zlib");
        assert_eq!(list(&["zlib", "none"]), *b"\0\0\0\x09zlib,none");
    }
}

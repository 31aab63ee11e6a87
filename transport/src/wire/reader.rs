//! The cursor over received bytes.

use super::{Mpint, NameList, WireError, WireFault};

/// Reads the data types of RFC 4251 section 5 from a slice, front to back.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    data: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the first byte of `data`.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, offset: 0 }
    }

    /// Bytes consumed so far.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.offset..).unwrap_or_default()
    }

    /// An error at the present position.
    #[must_use]
    pub const fn error(&self, field: &'static str, fault: WireFault) -> WireError {
        WireError { field, offset: self.offset, fault }
    }

    /// Exactly `n` raw bytes.
    ///
    /// # Errors
    /// [`WireFault::Truncated`] when fewer are present.
    pub fn bytes(&mut self, field: &'static str, n: usize) -> Result<&'a [u8], WireError> {
        let end = self.offset.checked_add(n);
        let taken = end.and_then(|end| self.data.get(self.offset..end));
        let Some(taken) = taken else {
            return Err(self.error(field, WireFault::Truncated));
        };
        self.offset = self.offset.saturating_add(n);
        Ok(taken)
    }

    /// A fixed number of raw bytes, by value.
    ///
    /// # Errors
    /// [`WireFault::Truncated`] when fewer than `N` are present.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(field, N)?);
        Ok(out)
    }

    /// `byte`.
    ///
    /// # Errors
    /// [`WireFault::Truncated`].
    pub fn byte(&mut self, field: &'static str) -> Result<u8, WireError> {
        self.array::<1>(field).map(|[b]| b)
    }

    /// `boolean`: "All non-zero values MUST be interpreted as TRUE" (RFC 4251 section 5).
    ///
    /// # Errors
    /// [`WireFault::Truncated`].
    pub fn boolean(&mut self, field: &'static str) -> Result<bool, WireError> {
        Ok(self.byte(field)? != 0)
    }

    /// `uint32`, big-endian.
    ///
    /// # Errors
    /// [`WireFault::Truncated`].
    pub fn uint32(&mut self, field: &'static str) -> Result<u32, WireError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// `uint64`, big-endian.
    ///
    /// # Errors
    /// [`WireFault::Truncated`].
    pub fn uint64(&mut self, field: &'static str) -> Result<u64, WireError> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// `string`: a length and that many arbitrary bytes.
    ///
    /// # Errors
    /// [`WireFault::Truncated`] when the claimed length is not present; the offset is that of
    /// the length.
    pub fn string(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let start = self.clone();
        let n = usize::try_from(self.uint32(field)?).unwrap_or(usize::MAX);
        self.bytes(field, n).map_err(|_| {
            let error = start.error(field, WireFault::Truncated);
            *self = start;
            error
        })
    }

    /// `string` that must hold UTF-8 text.
    ///
    /// # Errors
    /// [`WireFault::Truncated`], [`WireFault::NotUtf8`].
    pub fn text(&mut self, field: &'static str) -> Result<&'a str, WireError> {
        let start = self.clone();
        let bytes = self.string(field)?;
        core::str::from_utf8(bytes).map_err(|_| start.error(field, WireFault::NotUtf8))
    }

    /// `name-list`.
    ///
    /// # Errors
    /// [`WireFault::Truncated`], [`WireFault::BadNameList`].
    pub fn name_list(&mut self, field: &'static str) -> Result<NameList<'a>, WireError> {
        let start = self.clone();
        let bytes = self.string(field)?;
        NameList::from_wire(bytes).ok_or(start.error(field, WireFault::BadNameList))
    }

    /// `mpint`, non-negative.
    ///
    /// # Errors
    /// [`WireFault::Truncated`], [`WireFault::NegativeMpint`], [`WireFault::PaddedMpint`].
    pub fn mpint(&mut self, field: &'static str) -> Result<Mpint<'a>, WireError> {
        let start = self.clone();
        let bytes = self.string(field)?;
        Mpint::from_wire(bytes).map_err(|fault| start.error(field, fault))
    }

    /// Ends the reading: "known messages must be consumed to the last byte".
    ///
    /// # Errors
    /// [`WireFault::TrailingBytes`] when something is left.
    pub fn end(self) -> Result<(), WireError> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.error("end of message", WireFault::TrailingBytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_length_beyond_the_data_is_refused_where_it_stands() {
        let mut r = Reader::new(&[0, 0xff, 0xff, 0xff, 0xff, 1, 2]);
        assert_eq!(r.byte("b"), Ok(0));
        let error = r.string("s").unwrap_err();
        assert_eq!(error, WireError { field: "s", offset: 1, fault: WireFault::Truncated });
        assert_eq!(r.offset(), 1, "a failed read consumes nothing");
    }

    #[test]
    fn every_value_but_zero_is_true() {
        for b in 0..=255u8 {
            assert_eq!(Reader::new(&[b]).boolean("b"), Ok(b != 0));
        }
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        let mut r = Reader::new(&[1, 2]);
        assert!(r.byte("b").is_ok());
        assert_eq!(r.end().unwrap_err().fault, WireFault::TrailingBytes);
    }

    #[test]
    fn text_must_be_utf8() {
        let mut r = Reader::new(&[0, 0, 0, 1, 0xff]);
        assert_eq!(r.text("t").unwrap_err().fault, WireFault::NotUtf8);
    }
}

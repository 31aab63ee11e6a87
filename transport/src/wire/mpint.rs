//! `mpint`, restricted to the non-negative numbers that the protocol uses.

use super::WireFault;

/// The magnitude of a non-negative multiple precision integer, big-endian, without leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mpint<'a>(&'a [u8]);

impl<'a> Mpint<'a> {
    pub(super) fn from_wire(bytes: &'a [u8]) -> Result<Self, WireFault> {
        match bytes {
            [] => Ok(Self(bytes)),
            [first, ..] if first & 0x80 != 0 => Err(WireFault::NegativeMpint),
            // "Unnecessary leading bytes with the value 0 or 255 MUST NOT be included."
            // RFC 4251 section 5
            [0] => Err(WireFault::PaddedMpint),
            [0, second, ..] if second & 0x80 == 0 => Err(WireFault::PaddedMpint),
            [0, digits @ ..] => Ok(Self(digits)),
            digits => Ok(Self(digits)),
        }
    }

    /// Big-endian digits; empty for zero.
    #[must_use]
    pub const fn magnitude(&self) -> &'a [u8] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_and_padding_are_checked() {
        assert_eq!(Mpint::from_wire(&[]).map(|m| m.magnitude().len()), Ok(0));
        assert_eq!(Mpint::from_wire(&[0, 0x80]).map(|m| m.magnitude()), Ok(&[0x80][..]));
        assert_eq!(Mpint::from_wire(&[0x80]), Err(WireFault::NegativeMpint));
        assert_eq!(Mpint::from_wire(&[0]), Err(WireFault::PaddedMpint));
        assert_eq!(Mpint::from_wire(&[0, 0x7f]), Err(WireFault::PaddedMpint));
    }
}

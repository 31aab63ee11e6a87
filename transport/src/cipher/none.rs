//! No protection: how every connection starts, RFC 4253 section 6.

use super::{BadTag, LENGTH_BYTES, Layout, Opener, Sealer, clear_length, split_tag};
use alloc::boxed::Box;

/// The cleartext phase. It is no row of the table: the name is never offered, so nothing can
/// negotiate back to it.
struct Cleartext;

/// The sending half before the first key exchange is complete.
#[must_use]
pub fn none_sealer() -> Box<dyn Sealer> {
    Box::new(Cleartext)
}

/// The receiving half before the first key exchange is complete.
#[must_use]
pub fn none_opener() -> Box<dyn Opener> {
    Box::new(Cleartext)
}

impl Layout for Cleartext {
    // "MUST be a multiple of the cipher block size or 8, whichever is larger." RFC 4253 section 6
    fn block_len(&self) -> usize {
        8
    }
    fn length_is_aligned(&self) -> bool {
        true
    }
    // "Initially, no MAC will be in effect, and its length MUST be zero." RFC 4253 section 6.4
    fn tag_len(&self) -> usize {
        0
    }
}

impl Sealer for Cleartext {
    fn seal(&mut self, _sequence: u32, packet: &mut [u8]) -> bool {
        split_tag(packet, 0).is_some()
    }
}

impl Opener for Cleartext {
    fn head_len(&self) -> usize {
        LENGTH_BYTES
    }
    fn open_length(&mut self, _sequence: u32, head: &mut [u8]) -> u32 {
        clear_length(head)
    }
    fn open(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), BadTag> {
        split_tag(packet, 0).map(|_| ()).ok_or(BadTag)
    }
}

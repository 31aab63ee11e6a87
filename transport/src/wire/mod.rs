//! The data types of RFC 4251 section 5, read and written.
//!
//! [`Reader`] is a cursor that never reads past the bytes that are present: a length that a peer
//! claims is compared with what remains before anything else happens, so no claim can cause an
//! allocation. [`Writer`] appends to a buffer of our own.

mod message;
mod mpint;
mod name_list;
mod reader;
mod writer;

pub use message::{Message, number};
pub use mpint::Mpint;
pub use name_list::NameList;
pub use reader::Reader;
pub use writer::Writer;

use core::fmt;

/// Why bytes could not be read as the type they were expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFault {
    /// The value reaches past the end of the data.
    Truncated,
    /// Bytes are left over behind the last field.
    TrailingBytes,
    /// Text that must be UTF-8 is not.
    NotUtf8,
    /// A name-list holds an empty name, a control character or a byte outside US-ASCII.
    BadNameList,
    /// An mpint is negative where only a non-negative number makes sense.
    NegativeMpint,
    /// An mpint carries a needless leading byte (RFC 4251 section 5 forbids it).
    PaddedMpint,
    /// The first byte is not the number of the expected message.
    WrongNumber,
    /// A value that the field's definition does not allow.
    BadValue,
}

/// A field that could not be read: which one, where, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireError {
    /// The field's name as the RFC spells it.
    pub field: &'static str,
    /// Offset in bytes from the start of the payload.
    pub offset: usize,
    /// What is wrong with it.
    pub fault: WireFault,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            WireFault::Truncated => "reaches past the end of the packet",
            WireFault::TrailingBytes => "is followed by bytes that belong to no field",
            WireFault::NotUtf8 => "is not UTF-8",
            WireFault::BadNameList => "is not a name-list of RFC 4251 section 5",
            WireFault::NegativeMpint => "is a negative number",
            WireFault::PaddedMpint => "has a needless leading byte",
            WireFault::WrongNumber => "is not the expected message number",
            WireFault::BadValue => "has a value that is not allowed",
        };
        write!(f, "field \"{}\" at offset {} {what}", self.field, self.offset)
    }
}

impl core::error::Error for WireError {}

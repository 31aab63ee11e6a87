//! The messages of RFC 4254, each declared once, and the forms inside them.

mod channel;
mod global;
mod open;
mod request;

pub use channel::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelFailure, ChannelRequestMsg,
    ChannelSuccess, ChannelWindowAdjust,
};
pub use global::{GlobalRequest, GlobalRequestMsg, RequestFailure, RequestSuccess};
pub use open::{ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure, OpenFailure, OpenKind};
pub use request::ChannelRequest;

use tssh_transport::wire::{Reader, WireError};
use tssh_transport::{Error, Result};

/// Reads the inner form of `message` to its last byte.
///
/// # Errors
/// [`Error::Decode`] with the first field that could not be read.
fn inner<'a, T>(
    message: &'static str,
    data: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> core::result::Result<T, WireError>,
) -> Result<T> {
    let mut reader = Reader::new(data);
    let value = read(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| Error::decode(message, error))
}

#[cfg(test)]
mod tests;

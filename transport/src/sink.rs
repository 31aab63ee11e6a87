//! Where finished payloads go.

use crate::Result;

/// Takes whole payloads, message number first, in the order in which they are to be sent.
///
/// The packet sender of the transport is one; a list of byte vectors serves in tests, so that
/// whoever builds messages can be tested without a transport.
pub trait PayloadSink {
    /// Sends one payload.
    ///
    /// # Errors
    /// A bound of the sender; the session cannot go on without this message.
    fn send(&mut self, payload: &[u8]) -> Result<()>;
}

#[cfg(test)]
impl PayloadSink for alloc::vec::Vec<alloc::vec::Vec<u8>> {
    fn send(&mut self, payload: &[u8]) -> Result<()> {
        self.push(payload.to_vec());
        Ok(())
    }
}

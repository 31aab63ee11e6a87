//! What the connection layer needs of the sending half below it.

use tssh_transport::Result;

/// Takes payloads. Nothing is handed over that cannot be sent now: what has to wait is kept above,
/// as state, where the newest value replaces the old one.
pub(crate) trait Sender {
    /// Whether a control message may be sent now: no key exchange closes the gate.
    fn takes_control(&self) -> bool;

    /// Sends a control message.
    ///
    /// # Errors
    /// As the transport has them; the connection ends.
    fn send(&mut self, payload: &[u8]) -> Result<()>;

    /// Whether data may be sent now: no key exchange is going on or due, and not enough waits for
    /// the socket already. One packet may go over that mark.
    fn takes_data(&self) -> bool;

    /// Lends `max` bytes in place; the first n of them become a packet, where n is what `fill`
    /// returns. With n = 0 nothing is sent and no trace is left.
    ///
    /// # Errors
    /// As the transport has them; the connection ends.
    fn data(&mut self, max: usize, fill: impl FnOnce(&mut [u8]) -> usize) -> Result<()>;
}

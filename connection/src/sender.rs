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

    /// How many payloads of `max` bytes, at most `most`, may be sent one after the other.
    fn data_packets(&self, max: usize, most: usize) -> usize;

    /// Lends room for so many payloads of `max` bytes, in place, no more than
    /// [`Sender::data_packets`]. What is not sent leaves no trace.
    fn lend(&mut self, max: usize, packets: usize) -> impl Iterator<Item = &mut [u8]>;

    /// Sends the next of the payloads that were put in place: all of it or, of the last one, its
    /// first `len` bytes. `head` is called with them before.
    ///
    /// # Errors
    /// As the transport has them; the connection ends.
    fn data(&mut self, len: usize, head: impl FnOnce(&mut [u8])) -> Result<()>;
}

//! The transport's sender, in the forms that the layers above it ask for.

use crate::sender::Sender;
use tssh_transport::sink::PayloadSink;
use tssh_transport::{Error, PacketSender, Result};

/// Where authentication and connection send.
pub(crate) struct Outlet<'a>(PacketSender<'a>);

impl<'a> Outlet<'a> {
    pub(crate) const fn new(sender: PacketSender<'a>) -> Self {
        Self(sender)
    }

    /// Whether a key exchange holds everything back.
    pub(crate) const fn gate_closed(&self) -> bool {
        self.0.gate_closed()
    }
}

impl PayloadSink for Outlet<'_> {
    fn send(&mut self, payload: &[u8]) -> Result<()> {
        self.0.send(payload)
    }
}

impl Sender for Outlet<'_> {
    fn takes_control(&self) -> bool {
        !self.0.gate_closed()
    }

    fn send(&mut self, payload: &[u8]) -> Result<()> {
        self.0.send(payload)
    }

    fn takes_data(&self) -> bool {
        self.0.data_room() > 0
    }

    fn data_packets(&self, max: usize, most: usize) -> usize {
        self.0.grants(max, most)
    }

    fn lend(&mut self, max: usize, packets: usize) -> impl Iterator<Item = &mut [u8]> {
        self.0.areas(max, packets)
    }

    fn data(&mut self, len: usize, head: impl FnOnce(&mut [u8])) -> Result<()> {
        let grant = self.0.grant(len);
        let mut grant = grant.ok_or(Error::Internal("more was lent than may be sent"))?;
        head(grant.payload());
        grant.commit(len)
    }
}

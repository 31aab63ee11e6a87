//! The transport's sender, in the forms that the layers above it ask for.

use crate::sender::Sender;
use tssh_transport::sink::PayloadSink;
use tssh_transport::{PacketSender, Result};

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

    fn data(&mut self, max: usize, fill: impl FnOnce(&mut [u8]) -> usize) -> Result<()> {
        let Some(mut grant) = self.0.grant(max) else { return Ok(()) };
        let n = fill(grant.payload());
        if n == 0 { Ok(()) } else { grant.commit(n) }
    }
}

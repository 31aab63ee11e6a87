//! Data lent out of the decrypted packet.

use crate::channel::ChannelKey;
use crate::connection::Connection;
use crate::data_path::Arrived;
use crate::event::{Event, Stream};
#[cfg(feature = "transcript")]
use crate::transcript::Call;
use tssh_transport::PayloadRange;
#[cfg(feature = "transcript")]
use tssh_transport::transcript::Log;

/// What [`Stack::next`](crate::Stack::next) yields.
#[derive(Debug)]
pub enum Happening<'a> {
    /// Something happened.
    Event(Event),
    /// Data came.
    Data(DataDelivery<'a>),
}

/// Data of one packet, still where it was decrypted.
///
/// [`DataDelivery::accept`] says how much of it the consumer took. The rest moves to the channel's
/// ring, which is bounded by the window; dropped without a word, all of it does.
/// [`DataDelivery::wait`] leaves it in its packet for now, to be shown by
/// [`Stack::waiting`](crate::Stack::waiting) together with what follows. The channel is credited
/// for what was taken and for nothing else.
#[derive(Debug)]
pub struct DataDelivery<'a> {
    connection: &'a mut Connection,
    arrived: Arrived,
    range: PayloadRange,
    bytes: &'a [u8],
    accepted: usize,
    waits: bool,
    #[cfg(feature = "transcript")]
    log: Option<&'a mut Log>,
}

impl<'a> DataDelivery<'a> {
    pub(crate) fn new(
        connection: &'a mut Connection,
        arrived: Arrived,
        range: PayloadRange,
        payload: &'a [u8],
    ) -> Self {
        let bytes = payload.get(arrived.at..).unwrap_or_default();
        Self {
            connection,
            arrived,
            range,
            bytes,
            accepted: 0,
            waits: false,
            #[cfg(feature = "transcript")]
            log: None,
        }
    }

    /// With the recording that is to know how much was accepted.
    #[cfg(feature = "transcript")]
    pub(crate) fn noted(mut self, log: Option<&'a mut Log>) -> Self {
        self.log = log;
        self
    }

    /// The channel it is for.
    #[must_use]
    pub const fn channel(&self) -> ChannelKey {
        self.arrived.channel
    }

    /// The stream of that channel.
    #[must_use]
    pub const fn stream(&self) -> Stream {
        self.arrived.stream
    }

    /// The data; never empty.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The consumer took the first `n` bytes.
    pub fn accept(mut self, n: usize) {
        self.accepted = n.min(self.bytes.len());
    }

    /// The consumer takes it later, with what follows it.
    pub fn wait(mut self) {
        self.waits = true;
    }
}

impl Drop for DataDelivery<'_> {
    fn drop(&mut self) {
        let rest = self.bytes.get(self.accepted..).unwrap_or_default();
        let Arrived { channel, stream, .. } = self.arrived;
        #[cfg(feature = "transcript")]
        Call::Accept(channel, stream, self.accepted).note(self.log.take());
        let waits = self.waits
            && self.connection.wait_in_packet(&self.arrived, self.range, self.bytes.len());
        if !waits {
            self.connection.settle(channel, stream, self.accepted, rest);
        }
    }
}

//! The messages that mean the same in every phase: 1 to 4, EXT_INFO and ping.

use super::{Transport, TransportEvent};
use crate::error::{Error, Result, decode};
use crate::limits;
use crate::messages::transport as msg;
use crate::packet::PayloadRange;
use crate::text::printable;
use crate::wire::Message as _;

impl Transport {
    /// Messages 1 to 4, 7, and ping.
    pub(super) fn generic(&mut self, range: PayloadRange, number: u8) -> Result<()> {
        let payload = self.inbound.payload(&range);
        match number {
            1 => {
                let m = decode::<msg::Disconnect<'_>>(payload)?;
                let description = printable(m.description, limits::DESCRIPTION_BYTES_MAX);
                let by = self.side.peer();
                return Err(Error::Disconnected { by, reason: m.reason_code, description });
            }
            2 => {
                decode::<msg::Ignore<'_>>(payload)?;
            }
            3 => {
                let n = decode::<msg::Unimplemented<'_>>(payload)?.packet_sequence_number;
                self.events.push_back(TransportEvent::Unimplemented(n));
            }
            4 => {
                let m = decode::<msg::Debug<'_>>(payload)?;
                let message = printable(m.message, limits::DESCRIPTION_BYTES_MAX);
                let always_display = m.always_display;
                self.events.push_back(TransportEvent::Debug { always_display, message });
            }
            7 => {
                self.ext_infos = self.ext_infos.saturating_add(1);
                if self.ext_infos > limits::EXT_INFO_MESSAGES_MAX {
                    return Err(Error::PeerMisbehaved("EXT_INFO more often than RFC 8308 allows"));
                }
                self.extensions.read(payload)?;
                self.events.push_back(TransportEvent::ExtInfo);
            }
            192 => {
                let m = decode::<msg::Ping<'_>>(payload)?;
                let pong = msg::Pong::new(m.data);
                self.send.send(&pong.payload())?;
            }
            _ => {
                let m = decode::<msg::Pong<'_>>(payload)?;
                self.events.push_back(TransportEvent::Pong(m.data.to_vec()));
            }
        }
        Ok(())
    }
}

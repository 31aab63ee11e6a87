//! What the layers above may ask about the connection.

use super::Transport;
use crate::algorithms::Negotiated;
use crate::ext_info::PeerExtensions;

impl Transport {
    /// The session identifier, once there is one.
    #[must_use]
    pub fn session_id(&self) -> Option<&[u8]> {
        self.exchanger.session_id()
    }

    /// What the peer told in EXT_INFO.
    #[must_use]
    pub const fn peer_extensions(&self) -> &PeerExtensions {
        &self.extensions
    }

    /// What the last exchange agreed on.
    #[must_use]
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.exchanger.negotiated()
    }

    /// K_S of the connection.
    #[must_use]
    pub fn host_key_blob(&self) -> Option<&[u8]> {
        self.exchanger.host_key_blob()
    }
}

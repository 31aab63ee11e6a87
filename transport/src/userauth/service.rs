//! SSH_MSG_SERVICE_REQUEST and SSH_MSG_SERVICE_ACCEPT, RFC 4253 section 10.

use crate::error::{Error, Result};
use crate::messages::transport::{ServiceAccept, ServiceRequest};
use crate::sink::PayloadSink;
use crate::text::printable;
use crate::wire::Message;

/// The only service a transport can start with.
const USERAUTH_SERVICE: &[u8] = b"ssh-userauth";

/// Bytes of a refused service's name that are kept for the error.
const NAME_BYTES_SHOWN: usize = 64;

/// Client: how far the request for ssh-userauth has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// Not sent yet.
    Unasked,
    /// Sent; authentication requests may follow it at once, answers may not come yet.
    Requested,
    /// The server has accepted.
    Accepted,
}

impl Service {
    /// Sends the request.
    ///
    /// Requests of the service follow without waiting: every key exchange method here
    /// authenticates the server explicitly, and the RFC asks for the wait only otherwise.
    pub(super) fn request(&mut self, sink: &mut impl PayloadSink) -> Result<()> {
        *self = Self::Requested;
        sink.send(&ServiceRequest::new(USERAUTH_SERVICE).payload())
    }

    /// Takes SSH_MSG_SERVICE_ACCEPT.
    pub(super) fn accept(&mut self, payload: &[u8]) -> Result<()> {
        let message = ServiceAccept::decode(payload)
            .map_err(|error| Error::decode(ServiceAccept::NAME, error))?;
        if *self != Self::Requested {
            let phase = "authentication (no service request outstanding)";
            return Err(Error::Inappropriate { got: ServiceAccept::NUMBER, phase });
        }
        if message.service_name != USERAUTH_SERVICE {
            let rule = "SERVICE_ACCEPT must name the service requested (RFC 4253 section 10)";
            return Err(Error::PeerMisbehaved(rule));
        }
        *self = Self::Accepted;
        Ok(())
    }
}

/// Server: answers one SSH_MSG_SERVICE_REQUEST.
pub(super) fn grant(payload: &[u8], sink: &mut impl PayloadSink) -> Result<()> {
    let message = ServiceRequest::decode(payload)
        .map_err(|error| Error::decode(ServiceRequest::NAME, error))?;
    if message.service_name != USERAUTH_SERVICE {
        // "If the server rejects the service request, it SHOULD send an appropriate
        // SSH_MSG_DISCONNECT message and MUST disconnect." RFC 4253 section 10
        let name = printable(message.service_name, NAME_BYTES_SHOWN);
        return Err(Error::ServiceNotAvailable(name));
    }
    // "it MUST respond with the following" RFC 4253 section 10
    sink.send(&ServiceAccept::new(USERAUTH_SERVICE).payload())
}

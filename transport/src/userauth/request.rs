//! SSH_MSG_USERAUTH_REQUEST: the fields of each method, written by clients and read by servers.

use super::prompts::within;
use super::signature::HOST_BOUND;
use super::{CONNECTION_SERVICE, Method};
use crate::error::{Error, Result};
use crate::messages::userauth::UserauthRequest;
use crate::wire::{Message, Reader, WireError, Writer};
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// Bytes of a message beside the fields that a caller counts: number, lengths and short names.
const OVERHEAD_BYTES: usize = 512;

/// The method's own fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fields<'a> {
    /// RFC 4252 section 5.2.
    None,
    /// RFC 4252 section 7; without a signature it only asks.
    PublicKey { algorithm: &'a [u8], blob: &'a [u8], signature: Option<&'a [u8]> },
    /// RFC 4252 section 8; with a new password it asks for a change.
    Password { password: &'a [u8], new_password: Option<&'a [u8]> },
    /// RFC 4256 section 3.1, without the deprecated language tag.
    KeyboardInteractive { submethods: &'a [u8] },
}

impl<'a> Fields<'a> {
    const fn method(&self) -> Method {
        match self {
            Self::None => Method::None,
            Self::PublicKey { .. } => Method::PublicKey,
            Self::Password { .. } => Method::Password,
            Self::KeyboardInteractive { .. } => Method::KeyboardInteractive,
        }
    }

    /// Reads the fields of `method` from a request, to the last byte.
    pub(super) fn read(method: Method, payload: &[u8], tail: &'a [u8]) -> Result<Self> {
        Self::read_tail(method, Reader::new(tail))
            .map_err(|error| Error::decode(UserauthRequest::NAME, within(error, payload, tail)))
    }

    /// Reads a `publickey` request that is bound to a host key; yields that key too.
    pub(super) fn read_bound(payload: &[u8], tail: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let mut r = Reader::new(tail);
        let mut read = || {
            let signed = r.boolean("has signature")?;
            let algorithm = r.string("public key algorithm name")?;
            let blob = r.string("public key blob")?;
            let host_key = r.string("server host key")?;
            let signature = if signed { Some(r.string("signature")?) } else { None };
            r.clone().end()?;
            Ok((Self::PublicKey { algorithm, blob, signature }, host_key))
        };
        let read: core::result::Result<_, WireError> = read();
        read.map_err(|error| Error::decode(UserauthRequest::NAME, within(error, payload, tail)))
    }

    fn read_tail(method: Method, mut r: Reader<'a>) -> core::result::Result<Self, WireError> {
        let fields = match method {
            Method::None => Self::None,
            Method::PublicKey => {
                let signed = r.boolean("has signature")?;
                let algorithm = r.string("public key algorithm name")?;
                let blob = r.string("public key blob")?;
                let signature = if signed { Some(r.string("signature")?) } else { None };
                Self::PublicKey { algorithm, blob, signature }
            }
            Method::Password => {
                let change = r.boolean("change password")?;
                let password = r.string("plaintext password")?;
                let new_password =
                    if change { Some(r.string("plaintext new password")?) } else { None };
                Self::Password { password, new_password }
            }
            Method::KeyboardInteractive => {
                r.string("language tag")?;
                Self::KeyboardInteractive { submethods: r.string("submethods")? }
            }
        };
        r.end()?;
        Ok(fields)
    }

    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::PublicKey { algorithm, blob, signature } => {
                let signature = signature.unwrap_or_default();
                algorithm.len().saturating_add(blob.len()).saturating_add(signature.len())
            }
            Self::Password { password, new_password } => {
                password.len().saturating_add(new_password.unwrap_or_default().len())
            }
            Self::KeyboardInteractive { submethods } => submethods.len(),
        }
    }

    fn write(&self, w: &mut Writer<'_>) {
        match *self {
            Self::None => {}
            Self::PublicKey { algorithm, blob, signature } => {
                w.boolean(signature.is_some());
                w.string(algorithm);
                w.string(blob);
                if let Some(signature) = signature {
                    w.string(signature);
                }
            }
            Self::Password { password, new_password } => {
                w.boolean(new_password.is_some());
                w.string(password);
                if let Some(new_password) = new_password {
                    w.string(new_password);
                }
            }
            Self::KeyboardInteractive { submethods } => {
                w.string(b"");
                w.string(submethods);
            }
        }
    }

    /// The whole request for `user` and the service ssh-connection.
    pub(super) fn request(&self, user: &str) -> Zeroizing<Vec<u8>> {
        self.request_bound(user, None)
    }

    /// The same; that for a key may be bound to the host key of the connection.
    pub(super) fn request_bound(&self, user: &str, host_key: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
        let room = self.len().saturating_add(host_key.unwrap_or_default().len());
        let mut tail = Zeroizing::new(Vec::with_capacity(room.saturating_add(OVERHEAD_BYTES)));
        let mut w = Writer::new(&mut tail);
        let method = match (self, host_key) {
            (&Self::PublicKey { algorithm, blob, signature }, Some(host_key)) => {
                w.boolean(signature.is_some());
                [algorithm, blob, host_key].into_iter().for_each(|field| w.string(field));
                signature.into_iter().for_each(|signature| w.string(signature));
                HOST_BOUND.as_bytes()
            }
            _ => {
                self.write(&mut w);
                self.method().name().as_bytes()
            }
        };
        let request = UserauthRequest::new(user.as_bytes(), CONNECTION_SERVICE, method, &tail);
        secret(tail.len().saturating_add(user.len()), &request)
    }
}

/// A payload that may hold a secret: wiped when dropped, and with room for its `variable_bytes`
/// from the start, since a buffer that grows leaves copies behind.
pub(super) fn secret<'m>(variable_bytes: usize, message: &impl Message<'m>) -> Zeroizing<Vec<u8>> {
    let room = variable_bytes.saturating_add(OVERHEAD_BYTES);
    let mut payload = Zeroizing::new(Vec::with_capacity(room));
    message.encode(&mut Writer::new(&mut payload));
    payload
}

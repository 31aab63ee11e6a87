//! What a `publickey` request signs, RFC 4252 section 7: built here for both roles.

use super::Method;
use crate::messages::userauth::UserauthRequest;
use crate::wire::{Message, Reader, Writer};
use alloc::vec::Vec;

/// The method whose signature covers the server's host key too, so that it is good for one host
/// only, and an agent can tell which: OpenSSH's PROTOCOL section 3.1.
pub(super) const HOST_BOUND: &str = "publickey-hostbound-v00@openssh.com";

/// The fields under a signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) session_id: &'a [u8],
    pub(super) user_name: &'a [u8],
    pub(super) service_name: &'a [u8],
    pub(super) algorithm: &'a [u8],
    pub(super) blob: &'a [u8],
    /// The host key of the connection, where the request is bound to it.
    pub(super) host_key: Option<&'a [u8]>,
}

impl Signed<'_> {
    /// The bytes to sign or verify: the session identifier, then the request without its
    /// signature. Every field but the first stands as in the request, so a signature is good for
    /// this session, this user, this service, this algorithm and this key only.
    pub(super) fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        let mut w = Writer::new(&mut data);
        w.string(self.session_id);
        w.byte(UserauthRequest::NUMBER);
        w.string(self.user_name);
        w.string(self.service_name);
        let method = self.host_key.map_or(Method::PublicKey.name(), |_| HOST_BOUND);
        w.string(method.as_bytes());
        w.boolean(true);
        w.string(self.algorithm);
        w.string(self.blob);
        self.host_key.into_iter().for_each(|host_key| w.string(host_key));
        data
    }
}

/// Whether a signature blob names what `algorithm` signs with, and holds one string behind the
/// name; a token's signature goes on.
pub(super) fn names_algorithm(signature: &[u8], algorithm: &str) -> bool {
    let mut r = Reader::new(signature);
    // "the client MUST encode the same algorithm name in the signature as in
    // SSH_MSG_USERAUTH_REQUEST" RFC 8332 section 3.2
    let expected = crate::key::signature_name(algorithm);
    r.string("signature algorithm").is_ok_and(|name| name == expected.as_bytes())
        && r.string("signature").is_ok()
        && (crate::key::sk_use(signature).is_some() || r.end().is_ok())
}

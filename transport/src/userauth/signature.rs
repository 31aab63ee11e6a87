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

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(fields: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        fields.iter().for_each(|field| w.string(field));
        out
    }

    /// Both roles build what is signed by the same code: only bytes written by hand tell whether
    /// it is what the RFC says.
    #[test]
    fn what_is_signed_byte_for_byte() {
        let mut signed = Signed {
            session_id: b"id",
            user_name: b"ann",
            service_name: b"svc",
            algorithm: b"alg",
            blob: b"key",
            host_key: None,
        };
        let plain = b"\0\0\0\x02id\x32\0\0\0\x03ann\0\0\0\x03svc\0\0\0\x09publickey\x01\
                      \0\0\0\x03alg\0\0\0\x03key";
        assert_eq!(signed.data(), plain);
        signed.host_key = Some(b"host");
        let bound = b"\0\0\0\x02id\x32\0\0\0\x03ann\0\0\0\x03svc\
                      \0\0\0\x23publickey-hostbound-v00@openssh.com\x01\
                      \0\0\0\x03alg\0\0\0\x03key\0\0\0\x04host";
        assert_eq!(signed.data(), bound);
    }

    #[test]
    fn a_signature_names_its_algorithm_and_holds_one_string() {
        let rsa: &[u8] = b"rsa-sha2-256";
        let whole = strings(&[rsa, b"value"]);
        assert!(names_algorithm(&whole, "rsa-sha2-256"));
        assert!(names_algorithm(&whole, "rsa-sha2-256-cert-v01@openssh.com"));
        assert!(!names_algorithm(&whole, "rsa-sha2-512"));
        assert!(!names_algorithm(&strings(&[b"ssh-rsa", b"value"]), "rsa-sha2-256"));
        assert!(!names_algorithm(&strings(&[rsa]), "rsa-sha2-256"));
        assert!(!names_algorithm(&[&whole[..], &[0]].concat(), "rsa-sha2-256"));
        // Flags and counter.
        let tail = [1, 0, 0, 0, 7];
        let token = "sk-ssh-ed25519@openssh.com";
        let of_token = [&strings(&[token.as_bytes(), b"value"])[..], &tail].concat();
        assert!(names_algorithm(&of_token, token));
        assert!(!names_algorithm(&of_token, "ssh-ed25519"));
    }
}

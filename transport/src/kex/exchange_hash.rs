//! The exchange hash H: RFC 4253 section 8, RFC 5656 section 4, RFC 4419 section 3.

use super::method::{HashAlgorithm, SharedSecret};
use crate::wire::Writer;
use alloc::vec::Vec;

/// What H covers, in order. Both sides must have seen the same bytes, or the signature over H
/// does not verify.
#[derive(Clone, Copy)]
pub struct HashInputs<'a> {
    /// Identification string of the client, without CR and LF.
    pub v_c: &'a [u8],
    /// Identification string of the server, without CR and LF.
    pub v_s: &'a [u8],
    /// Payload of the client's SSH_MSG_KEXINIT, message number included.
    pub i_c: &'a [u8],
    /// Payload of the server's SSH_MSG_KEXINIT, message number included.
    pub i_s: &'a [u8],
    /// Host key blob.
    pub k_s: &'a [u8],
    /// What the method adds.
    pub method: MethodInputs<'a>,
    /// The shared secret.
    pub k: &'a SharedSecret,
}

/// The part of the inputs that differs between methods. Numbers are big-endian magnitudes;
/// leading zero bytes do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodInputs<'a> {
    /// RFC 5656 section 4 and the hybrids: the contents of messages 30 and 31.
    Ecdh {
        /// Share of the client.
        q_c: &'a [u8],
        /// Share of the server.
        q_s: &'a [u8],
    },
    /// RFC 4253 section 8.
    Dh {
        /// Exchange value of the client.
        e: &'a [u8],
        /// Exchange value of the server.
        f: &'a [u8],
    },
    /// RFC 4419 section 3. The three sizes are in bits, as the client sent them.
    Gex {
        /// Least acceptable size.
        min: u32,
        /// Preferred size.
        n: u32,
        /// Largest acceptable size.
        max: u32,
        /// The modulus.
        p: &'a [u8],
        /// The generator.
        g: &'a [u8],
        /// Exchange value of the client.
        e: &'a [u8],
        /// Exchange value of the server.
        f: &'a [u8],
    },
}

/// H, as long as `hash` makes it. The first H of a connection is also its session identifier.
#[must_use]
pub fn exchange_hash(hash: HashAlgorithm, inputs: &HashInputs<'_>) -> Vec<u8> {
    let mut public = Vec::new();
    let mut out = Writer::new(&mut public);
    for string in [inputs.v_c, inputs.v_s, inputs.i_c, inputs.i_s, inputs.k_s] {
        out.string(string);
    }
    match inputs.method {
        MethodInputs::Ecdh { q_c, q_s } => {
            out.string(q_c);
            out.string(q_s);
        }
        MethodInputs::Dh { e, f } => {
            out.mpint(e);
            out.mpint(f);
        }
        MethodInputs::Gex { min, n, max, p, g, e, f } => {
            for bits in [min, n, max] {
                out.uint32(bits);
            }
            for number in [p, g, e, f] {
                out.mpint(number);
            }
        }
    }
    // K comes from its own, wiped buffer.
    hash.digest(&[&public, &inputs.k.0])
}

#[cfg(test)]
mod tests;

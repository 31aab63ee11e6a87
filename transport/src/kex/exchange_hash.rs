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

/// An input of the hash before it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// A string.
    String(&'a [u8]),
    /// An mpint's magnitude.
    Mpint(&'a [u8]),
    /// A number.
    Uint32(u32),
}

impl Input<'_> {
    /// The RFC's name of the type.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Mpint(_) => "mpint",
            Self::Uint32(_) => "uint32",
        }
    }

    /// Appends it as it enters the hash.
    pub fn encode(&self, out: &mut Writer<'_>) {
        match *self {
            Self::String(string) => out.string(string),
            Self::Mpint(magnitude) => out.mpint(magnitude),
            Self::Uint32(number) => out.uint32(number),
        }
    }
}

impl HashInputs<'_> {
    /// Everything but K, in order, by the RFC's names.
    pub fn each(&self, mut f: impl FnMut(&'static str, Input<'_>)) {
        f("V_C", Input::String(self.v_c));
        f("V_S", Input::String(self.v_s));
        f("I_C", Input::String(self.i_c));
        f("I_S", Input::String(self.i_s));
        f("K_S", Input::String(self.k_s));
        match self.method {
            MethodInputs::Ecdh { q_c, q_s } => {
                f("Q_C", Input::String(q_c));
                f("Q_S", Input::String(q_s));
            }
            MethodInputs::Dh { e, f: value } => {
                f("e", Input::Mpint(e));
                f("f", Input::Mpint(value));
            }
            MethodInputs::Gex { min, n, max, p, g, e, f: value } => {
                f("min", Input::Uint32(min));
                f("n", Input::Uint32(n));
                f("max", Input::Uint32(max));
                f("p", Input::Mpint(p));
                f("g", Input::Mpint(g));
                f("e", Input::Mpint(e));
                f("f", Input::Mpint(value));
            }
        }
    }
}

/// H, as long as `hash` makes it. The first H of a connection is also its session identifier.
#[must_use]
pub fn exchange_hash(hash: HashAlgorithm, inputs: &HashInputs<'_>) -> Vec<u8> {
    let mut public = Vec::new();
    let mut out = Writer::new(&mut public);
    inputs.each(|_, input| input.encode(&mut out));
    // K comes from its own, wiped buffer.
    hash.digest(&[&public, &inputs.k.0])
}

#[cfg(test)]
mod tests;

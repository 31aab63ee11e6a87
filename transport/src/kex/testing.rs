//! What the tests of the methods share.

use super::method::{Exchange, Method, SharedSecret};
use crate::entropy::{Entropy, Purpose, SEED_BYTES};
use crate::limits::{GEX_BITS_MAX, GEX_BITS_MIN};
use alloc::vec::Vec;
use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};

pub(super) fn entropy(seed: u8) -> Entropy {
    Entropy::from_seed(&[seed; SEED_BYTES])
}

/// K of the client and K of the server.
pub(super) type BothSecrets = (SharedSecret, SharedSecret);

/// One exchange between two sides with these seeds; `alter` sits on the wire from server to
/// client.
pub(super) fn exchange(
    method: &Method,
    seeds: (u8, u8),
    alter: impl Fn(&mut Vec<u8>),
) -> Result<BothSecrets, &'static str> {
    let (mut c, mut s) = (entropy(seeds.0), entropy(seeds.1));
    let (c, s) = (c.stream(Purpose::Ephemeral), s.stream(Purpose::Ephemeral));
    let (client, (mut answer, ks)) = match method.exchange {
        Exchange::Ecdh { start, respond } | Exchange::Dh { start, respond } => {
            let client = start(c);
            let response = respond(s, client.public())?;
            (client, response)
        }
        Exchange::Gex { start, respond, choose } => {
            let (p, g) = choose(GEX_BITS_MIN, 4096, GEX_BITS_MAX).unwrap();
            let client = start(c, p, g)?;
            let response = respond(s, p, g, client.public())?;
            (client, response)
        }
    };
    alter(&mut answer);
    Ok((client.agree(&answer)?, ks))
}

/// The server's answer to `client_public`, for methods whose shares are strings or mpints.
pub(super) fn respond(method: &Method, client_public: &[u8]) -> Result<Vec<u8>, &'static str> {
    match method.exchange {
        Exchange::Ecdh { respond, .. } | Exchange::Dh { respond, .. } => {
            respond(entropy(9).stream(Purpose::Ephemeral), client_public).map(|(share, _)| share)
        }
        Exchange::Gex { .. } => unreachable!("needs a group"),
    }
}

/// The client's share and the outcome of `agree` with `server_public`.
pub(super) fn agree(method: &Method, server_public: &[u8]) -> Result<SharedSecret, &'static str> {
    match method.exchange {
        Exchange::Ecdh { start, .. } | Exchange::Dh { start, .. } => {
            start(entropy(8).stream(Purpose::Ephemeral)).agree(server_public)
        }
        Exchange::Gex { .. } => unreachable!("needs a group"),
    }
}

/// A client share that the method accepts.
pub(super) fn client_share(method: &Method) -> Vec<u8> {
    match method.exchange {
        Exchange::Ecdh { start, .. } | Exchange::Dh { start, .. } => {
            start(entropy(8).stream(Purpose::Ephemeral)).public().to_vec()
        }
        Exchange::Gex { .. } => unreachable!("needs a group"),
    }
}

/// The fault, without needing `SharedSecret` to be printable.
pub(super) fn fault<T>(outcome: Result<T, &'static str>) -> Option<&'static str> {
    outcome.err()
}

/// Bytes from hexadecimal digits; blanks and line ends are skipped.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        digits.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    assert_eq!(digits.len() % 2, 0, "whole bytes");
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// "Random" bytes that a published vector gives; running out of them is a failure.
pub(super) struct FixedRng(pub Vec<u8>);

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut out = [0; 4];
        self.try_fill_bytes(&mut out).map(|()| u32::from_le_bytes(out))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut out = [0; 8];
        self.try_fill_bytes(&mut out).map(|()| u64::from_le_bytes(out))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0[..out.len()]);
        self.0.drain(..out.len());
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

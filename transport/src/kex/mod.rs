//! Key exchange, RFC 4253 sections 7 to 9.

mod client;
mod curve25519;
mod dh_gex;
mod dh_group;
mod ecdh_nist;
pub mod exchange_hash;
pub mod exchanger;
mod finite_field;
pub mod host_key_proof;
mod hybrid;
pub mod key_derivation;
pub mod method;
mod mlkem768x25519;
mod modp;
pub mod negotiate;
pub mod rekey;
mod server;
mod sntrup761x25519;
pub mod state;
#[cfg(test)]
mod testing;

pub use client::HostKeyVerified;

use method::SharedSecret;

/// K from a private value that somebody logged: of X25519, or of Diffie-Hellman in a group that the
/// method fixes or the server named (`p`, `g`).
pub(crate) fn of_scalar(
    method: &str,
    scalar: &[u8],
    theirs: &[u8],
    p: &[u8],
    g: &[u8],
) -> Option<SharedSecret> {
    use finite_field::{Group, secret_of};
    let group = match method {
        "curve25519-sha256" | "curve25519-sha256@libssh.org" => {
            return curve25519::secret_of(scalar, theirs);
        }
        "diffie-hellman-group14-sha256" => Group::fixed(&modp::GROUP14),
        "diffie-hellman-group16-sha512" => Group::fixed(&modp::GROUP16),
        "diffie-hellman-group18-sha512" => Group::fixed(&modp::GROUP18),
        "diffie-hellman-group-exchange-sha256" => Group::named(p, g).ok()?,
        _ => return None,
    };
    secret_of(&group, scalar, theirs)
}

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
mod state;
#[cfg(test)]
mod testing;

pub use client::HostKeyVerified;

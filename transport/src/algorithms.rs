//! What is offered by default, and what was agreed.

use crate::side::Side;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Names offered in KEXINIT, most preferred first. Every name must stand in the table of its
/// kind; markers such as `ext-info-c` are added by the exchange itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Algorithms {
    /// Key exchange methods.
    pub kex: Vec<String>,
    /// Signature algorithms of host keys.
    pub host_key: Vec<String>,
    /// Ciphers, for both directions.
    pub cipher: Vec<String>,
    /// MACs, for both directions.
    pub mac: Vec<String>,
    /// Compression, for both directions.
    pub compression: Vec<String>,
}

/// What OpenSSH 10's client offers, in its order.
pub const KEX_CLIENT: &[&str] = &[
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
];
/// A server leaves out NIST curves and finite-field groups: every client of the last ten years
/// speaks curve25519.
pub const KEX_SERVER: &[&str] = &[
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
];
/// Signature algorithms of host keys that a client accepts.
pub const HOST_KEY_CLIENT: &[&str] = &[
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
];
/// A server leaves out ECDSA host keys.
pub const HOST_KEY_SERVER: &[&str] = &["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"];
/// Where the CPU has AES, AES-GCM costs a third of ChaCha20-Poly1305 and comes first.
pub const CIPHER_WITH_AES: &[&str] = &[
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
];
/// OpenSSH's order.
pub const CIPHER_WITHOUT_AES: &[&str] = &[
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
];
/// OpenSSH's order, without UMAC, which is not built.
pub const MAC_CLIENT: &[&str] = &[
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
];
/// A server leaves out hmac-sha1.
pub const MAC_SERVER: &[&str] = &[
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
];
/// Without `-C`.
pub const COMPRESSION_OFF: &[&str] = &["none", "zlib@openssh.com"];
/// With `-C`.
pub const COMPRESSION_ON: &[&str] = &["zlib@openssh.com", "none"];

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

impl Algorithms {
    /// The default offer of a side; `has_aes` says whether this CPU has AES instructions.
    #[must_use]
    pub fn default_for(side: Side, has_aes: bool) -> Self {
        let client = side.is_client();
        Self {
            kex: owned(if client { KEX_CLIENT } else { KEX_SERVER }),
            host_key: owned(if client { HOST_KEY_CLIENT } else { HOST_KEY_SERVER }),
            cipher: owned(if has_aes { CIPHER_WITH_AES } else { CIPHER_WITHOUT_AES }),
            mac: owned(if client { MAC_CLIENT } else { MAC_SERVER }),
            compression: owned(COMPRESSION_OFF),
        }
    }
}

/// Agreed names of one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectionNames {
    /// Cipher.
    pub cipher: &'static str,
    /// MAC; `<implicit>` where the cipher authenticates by itself.
    pub mac: &'static str,
    /// Compression.
    pub compression: &'static str,
}

/// What an exchange agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Key exchange method.
    pub kex: &'static str,
    /// Whether it resists a quantum computer that records today.
    pub post_quantum: bool,
    /// Signature algorithm of the host key.
    pub host_key: String,
    /// Client to server.
    pub client_to_server: DirectionNames,
    /// Server to client.
    pub server_to_client: DirectionNames,
    /// Whether strict key exchange is in force.
    pub strict: bool,
}

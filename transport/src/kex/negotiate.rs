//! The choice of algorithms, RFC 4253 section 7.1.

use super::method::{Method, method};
use crate::algorithms::{Algorithms, DirectionNames, Negotiated};
use crate::cipher::{CipherAlgorithm, MacAlgorithm, cipher, mac};
use crate::error::{Error, Result};
use crate::limits;
use crate::messages::kex::KexInit;
use crate::side::Side;
use crate::text::printable;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Marker of the client for RFC 8308.
pub const EXT_INFO_C: &str = "ext-info-c";
/// Marker of the server for RFC 8308.
pub const EXT_INFO_S: &str = "ext-info-s";
/// Marker of the client for strict key exchange.
pub const STRICT_C: &str = "kex-strict-c-v00@openssh.com";
/// Marker of the server for strict key exchange.
pub const STRICT_S: &str = "kex-strict-s-v00@openssh.com";

const IMPLICIT: &str = "<implicit>";
/// Longest part of a peer's list that an error shows.
const SHOWN_BYTES_MAX: usize = 512;

/// The agreed algorithms as rows of their tables.
pub struct Choice {
    /// Key exchange method.
    pub method: &'static Method,
    /// Signature algorithm of the host key.
    pub host_key: String,
    /// Client to server.
    pub client_to_server: DirectionChoice,
    /// Server to client.
    pub server_to_client: DirectionChoice,
    /// The peer guessed (first_kex_packet_follows) and guessed wrong: its next packet of the
    /// method is to be dropped.
    pub drop_guess: bool,
}

/// One direction's agreed algorithms.
pub struct DirectionChoice {
    /// Cipher.
    pub cipher: &'static CipherAlgorithm,
    /// MAC, where the cipher needs one.
    pub mac: Option<&'static MacAlgorithm>,
    /// Whether `zlib@openssh.com` starts after authentication.
    pub zlib: bool,
}

impl DirectionChoice {
    fn names(&self) -> DirectionNames {
        DirectionNames {
            cipher: self.cipher.name,
            mac: self.mac.map_or(IMPLICIT, |m| m.name),
            compression: if self.zlib { "zlib@openssh.com" } else { "none" },
        }
    }
}

impl Choice {
    /// The names, for people.
    pub fn names(&self, strict: bool) -> Negotiated {
        Negotiated {
            kex: self.method.name,
            post_quantum: self.method.post_quantum,
            host_key: self.host_key.clone(),
            client_to_server: self.client_to_server.names(),
            server_to_client: self.server_to_client.names(),
            strict,
        }
    }
}

/// Whether the peer's KEXINIT carries a marker.
pub fn has_marker(theirs: &KexInit<'_>, marker: &str) -> bool {
    names(theirs.kex_algorithms).any(|name| name == marker)
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|n| !n.is_empty()).take(limits::NAMES_PER_LIST_MAX)
}

/// "The chosen MAC algorithm MUST be the first algorithm on the client's name-list that is also on
/// the server's name-list" (RFC 4253 section 7.1); the rule is the same for every list.
fn choose<'n>(side: Side, ours: &'n [String], theirs: &str, list: &'static str) -> Result<&'n str> {
    let found = match side {
        Side::Client => ours.iter().find(|o| names(theirs).any(|t| t == o.as_str())),
        Side::Server => names(theirs).find_map(|t| ours.iter().find(|o| o.as_str() == t)),
    };
    found.map(String::as_str).ok_or_else(|| Error::PeerIncompatible {
        list,
        theirs: printable(theirs.as_bytes(), SHOWN_BYTES_MAX),
    })
}

/// Negotiates everything from both offers.
///
/// # Errors
/// [`Error::PeerIncompatible`], naming the first list without a common name.
pub fn negotiate(side: Side, ours: &Algorithms, theirs: &KexInit<'_>) -> Result<Choice> {
    negotiate_each(side, [ours, ours], theirs)
}

/// The same for a side that offers other lists to the server than from it: what it sends goes by
/// the first of the two, which has all that is for both directions.
///
/// # Errors
/// As [`negotiate`].
pub fn negotiate_each(
    side: Side,
    [ours, back]: [&Algorithms; 2],
    theirs: &KexInit<'_>,
) -> Result<Choice> {
    let kex = choose(side, &ours.kex, theirs.kex_algorithms, "key exchange method")?;
    let method = method(kex).ok_or(Error::Internal("a key exchange name is in no table"))?;
    let offered = theirs.server_host_key_algorithms;
    let host_key = choose(side, &ours.host_key, offered, "host key type")?.to_string();
    let client_to_server = direction(
        side,
        ours,
        theirs.encryption_algorithms_client_to_server,
        theirs.mac_algorithms_client_to_server,
        theirs.compression_algorithms_client_to_server,
    )?;
    let server_to_client = direction(
        side,
        back,
        theirs.encryption_algorithms_server_to_client,
        theirs.mac_algorithms_server_to_client,
        theirs.compression_algorithms_server_to_client,
    )?;
    // "the kex algorithm and/or the host key algorithm is guessed wrong (server and client have
    // different preferred algorithm)" RFC 4253 section 7
    let first_differs =
        |ours: &[String], theirs: &str| ours.first().map(String::as_str) != names(theirs).next();
    let wrong =
        first_differs(&ours.kex, theirs.kex_algorithms) || first_differs(&ours.host_key, offered);
    let drop_guess = theirs.first_kex_packet_follows && wrong;
    Ok(Choice { method, host_key, client_to_server, server_to_client, drop_guess })
}

fn direction(
    side: Side,
    ours: &Algorithms,
    ciphers: &str,
    macs: &str,
    compressions: &str,
) -> Result<DirectionChoice> {
    let name = choose(side, &ours.cipher, ciphers, "cipher")?;
    let cipher = cipher(name).ok_or(Error::Internal("a cipher name is in no table"))?;
    let mac = if cipher.aead {
        None
    } else {
        let name = choose(side, &ours.mac, macs, "MAC")?;
        Some(mac(name).ok_or(Error::Internal("a MAC name is in no table"))?)
    };
    let zlib = choose(side, &ours.compression, compressions, "compression")? != "none";
    Ok(DirectionChoice { cipher, mac, zlib })
}

/// The payload of our KEXINIT.
pub fn kexinit(side: Side, ours: &Algorithms, cookie: [u8; 16], first: bool) -> Vec<u8> {
    use crate::wire::Message as _;
    let mut kex: Vec<&str> = ours.kex.iter().map(String::as_str).collect();
    if first {
        // Both markers count in the first KEXINIT only.
        kex.extend(match side {
            Side::Client => [EXT_INFO_C, STRICT_C],
            Side::Server => [EXT_INFO_S, STRICT_S],
        });
    }
    let kex = kex.join(",");
    let host_key = ours.host_key.join(",");
    let cipher = ours.cipher.join(",");
    let mac = ours.mac.join(",");
    let compression = ours.compression.join(",");
    KexInit::new(
        cookie,
        &kex,
        &host_key,
        &cipher,
        &cipher,
        &mac,
        &mac,
        &compression,
        &compression,
        "",
        "",
        false,
        0,
    )
    .payload()
}

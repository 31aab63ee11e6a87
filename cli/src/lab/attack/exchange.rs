//! The key exchange of the peer made by hand: curve25519-sha256, and what can be wrong with it.

use super::faults::Fault;
use super::peer::{Peer, strange};
use std::io;
use tssh_transport::cipher::{
    CipherAlgorithm, DirectionKeys, MacAlgorithm, Opener, Sealer, cipher, mac,
};
use tssh_transport::entropy::Purpose;
use tssh_transport::kex::exchange_hash::{HashInputs, MethodInputs, exchange_hash};
use tssh_transport::kex::key_derivation::derive;
use tssh_transport::kex::method::{Exchange, HashAlgorithm, Method, SharedSecret, method};
use tssh_transport::kex::negotiate::{STRICT_C, STRICT_S};
use tssh_transport::messages::kex::{KexEcdhInit, KexEcdhReply, KexInit};
use tssh_transport::wire::Message as _;

/// The peer's identification string.
pub const IDENTIFICATION: &str = "SSH-2.0-tssh_lab_with_a_fault";
const METHOD: &str = "curve25519-sha256";
/// The same by its older name, which some clients know alone.
const METHOD_LIBSSH: &str = "curve25519-sha256@libssh.org";
const HOST_KEY: &str = "ssh-ed25519";
/// With this one the length of a packet is in the clear, so that it is the MAC that speaks.
const CIPHER: &str = "aes128-ctr";
/// What Terrapin was shown with.
const TERRAPIN_CIPHER: &str = "chacha20-poly1305@openssh.com";
const MAC: &str = "hmac-sha2-256-etm@openssh.com";
/// Length and sign byte of a K whose top bit is set, as an mpint.
const SIGNED_MPINT: [u8; 5] = [0, 0, 0, 33, 0];

/// The keys of both directions.
pub struct Keys {
    pub sealer: Box<dyn Sealer>,
    pub opener: Box<dyn Opener>,
    /// The reply or the keys have the fault.
    pub planted: bool,
}

/// The ciphers that the peer knows.
fn ciphers(peer: &Peer) -> &'static [&'static str] {
    if peer.has(Fault::Terrapin) { &[TERRAPIN_CIPHER, CIPHER] } else { &[CIPHER] }
}

/// KEXINIT as the peer made it, and as it goes out.
pub fn kexinit(peer: &mut Peer) -> (Vec<u8>, Vec<u8>) {
    let mut cookie = [0; 16];
    peer.entropy.fill(Purpose::Cookie, &mut cookie);
    let (c, m) = (&ciphers(peer).join(","), MAC);
    let strict = format!("{METHOD},{METHOD_LIBSSH},{STRICT_S}");
    let with = |kex: &str| {
        let none = "none";
        KexInit::new(cookie, kex, HOST_KEY, c, c, m, m, none, none, "", "", false, 0).payload()
    };
    let made = with(&strict);
    match peer.has(Fault::Downgrade) && peer.exchanges == 0 {
        true => (made, with(&format!("{METHOD},{METHOD_LIBSSH}"))),
        false => (made.clone(), made),
    }
}

/// What a client offers, as far as it matters here.
pub struct Offer {
    pub strict: bool,
    pub wants_ext_info: bool,
    /// A packet follows that is for another method.
    pub guessed_wrong: bool,
    /// What is agreed on, from the client and to it.
    pub ciphers: [&'static str; 2],
}

impl Offer {
    /// # Errors
    /// A message that cannot be read, or that has nothing in common with the peer.
    pub fn read(peer: &Peer, payload: &[u8]) -> io::Result<Self> {
        let m = KexInit::decode(payload).map_err(|_| strange("a KEXINIT that cannot be read"))?;
        let has = |list: &str, name: &str| list.split(',').any(|other| other == name);
        let lacks = |name: &str| strange(&format!("a KEXINIT without {name}, which the lab needs"));
        let kex = m.kex_algorithms;
        for (there, name) in [
            (has(kex, METHOD) || has(kex, METHOD_LIBSSH), METHOD),
            (has(m.server_host_key_algorithms, HOST_KEY), HOST_KEY),
            (has(m.mac_algorithms_client_to_server, MAC), MAC),
            (has(m.mac_algorithms_server_to_client, MAC), MAC),
        ] {
            if !there {
                return Err(lacks(name));
            }
        }
        // The first of the client's that is also the server's.
        let agreed = |list: &str| {
            let known = |name: &str| ciphers(peer).iter().find(|own| **own == name).copied();
            list.split(',').find_map(known).ok_or_else(|| lacks(CIPHER))
        };
        Ok(Self {
            strict: has(kex, STRICT_C),
            wants_ext_info: has(kex, "ext-info-c"),
            guessed_wrong: m.first_kex_packet_follows && !kex.starts_with(METHOD),
            ciphers: [
                agreed(m.encryption_algorithms_client_to_server)?,
                agreed(m.encryption_algorithms_server_to_client)?,
            ],
        })
    }

    /// Whether Terrapin can be shown to the client.
    pub fn has_chacha20(&self) -> bool {
        self.ciphers[1] == TERRAPIN_CIPHER
    }
}

/// The answer to the client's share, and the keys that follow from both.
pub fn reply(peer: &mut Peer, payload: &[u8]) -> io::Result<(Vec<u8>, Keys)> {
    let curve = method(METHOD).ok_or_else(|| strange("nothing wrong, but there is no curve"))?;
    let q_c = KexEcdhInit::decode(payload).map_err(|_| strange("a share that cannot be read"))?.q_c;
    let (q_s, k) = shares(peer, curve, q_c)?;
    let again = peer.exchanges > 0;
    let other = again && peer.has(Fault::NewHostKey);
    let key = if other { &peer.other_key } else { &peer.host_key };
    let k_s = key.public().blob();
    let inputs = HashInputs {
        v_c: peer.v_c.as_deref().unwrap_or_default(),
        v_s: IDENTIFICATION.as_bytes(),
        i_c: &peer.i_c,
        i_s: &peer.i_s,
        k_s: &k_s,
        method: MethodInputs::Ecdh { q_c, q_s: &q_s },
        k: &k,
    };
    let h = exchange_hash(curve.hash, &inputs);
    let wrong = peer.has(Fault::WrongSignature) && !again;
    let signed = if wrong { curve.hash.digest(&[&h]) } else { h.clone() };
    let signature = key.sign(HOST_KEY, &signed).map_err(|_| strange("what cannot be signed"))?;
    let reply = KexEcdhReply::new(&k_s, &q_s, &signature).payload();
    let new_id = again && peer.has(Fault::NewSessionId);
    let id = match &peer.session_id {
        Some(first) if !new_id => first.clone(),
        _ => h.clone(),
    };
    let right = peer.session_id.get_or_insert_with(|| h.clone()).clone();
    let swapped = peer.has(Fault::SwappedHash) && !again;
    // Only what the peer sends is wrong, so that it can hear what is said about that.
    let ours = Derivation { hash: curve.hash, k: &k, h: &h, id: &id, swapped };
    let theirs = Derivation { id: &right, swapped: false, ..ours };
    let (sealer, opener) = both(&ours, &theirs, peer.ciphers)?;
    let first = [Fault::ZeroShare, Fault::MpintSign].iter().any(|fault| peer.has(*fault)) && !again;
    let planted = first || wrong || swapped || other || new_id;
    Ok((reply, Keys { sealer, opener, planted }))
}

/// Our share, and K.
fn shares(peer: &mut Peer, curve: &Method, q_c: &[u8]) -> io::Result<(Vec<u8>, SharedSecret)> {
    let Exchange::Ecdh { respond, .. } = curve.exchange else {
        return Err(strange("nothing wrong, but the curve is none"));
    };
    let first = peer.exchanges == 0;
    loop {
        let stream = peer.entropy.stream(Purpose::Ephemeral);
        let (q_s, mut k) = respond(stream, q_c).map_err(strange)?;
        if first && peer.has(Fault::ZeroShare) {
            return Ok((vec![0; q_s.len()], SharedSecret::from_magnitude(&[])));
        }
        if !first || !peer.has(Fault::MpintSign) {
            return Ok((q_s, k));
        }
        // Half of all shares make a K that needs its sign byte.
        if k.0.starts_with(&SIGNED_MPINT) {
            k.0.remove(SIGNED_MPINT.len() - 1);
            k.0[SIGNED_MPINT.len() - 2] = 32;
            return Ok((q_s, k));
        }
    }
}

/// What keys are derived from.
#[derive(Clone, Copy)]
struct Derivation<'a> {
    hash: HashAlgorithm,
    k: &'a SharedSecret,
    h: &'a [u8],
    id: &'a [u8],
    /// H before K, where it should be K before H.
    swapped: bool,
}

impl Derivation<'_> {
    fn key(&self, letter: u8, len: usize) -> Vec<u8> {
        if self.swapped {
            let mut key = self.hash.digest(&[self.h, &self.k.0, &[letter], self.id]);
            key.resize(len, 0);
            return key;
        }
        derive(self.hash, self.k, self.h, self.id, letter, len).to_vec()
    }
}

/// The two directions of the peer's.
fn both(
    ours: &Derivation<'_>,
    theirs: &Derivation<'_>,
    [from_client, to_client]: [&str; 2],
) -> io::Result<(Box<dyn Sealer>, Box<dyn Opener>)> {
    let none = || strange("nothing wrong, but there is no such cipher");
    let (opens, seals) =
        (cipher(from_client).ok_or_else(none)?, cipher(to_client).ok_or_else(none)?);
    let material = |from: &Derivation<'_>, row: &CipherAlgorithm, [iv, key, mac_key]: [u8; 3]| {
        let integrity = mac_of(row).map_or(0, |mac| mac.key_len);
        [(iv, row.iv_len), (key, row.key_len), (mac_key, integrity)]
            .map(|(letter, len)| from.key(letter, len))
    };
    let sends = material(ours, seals, *b"BDF");
    let receives = material(theirs, opens, *b"ACE");
    let sealer = (seals.sealer)(&keys(&sends), mac_of(seals)).ok_or_else(none)?;
    let opener = (opens.opener)(&keys(&receives), mac_of(opens)).ok_or_else(none)?;
    Ok((sealer, opener))
}

/// The MAC, where the cipher needs one.
fn mac_of(row: &CipherAlgorithm) -> Option<&'static MacAlgorithm> {
    if row.aead { None } else { mac(MAC) }
}

fn keys(material: &[Vec<u8>; 3]) -> DirectionKeys<'_> {
    let [iv, key, mac_key] = material;
    DirectionKeys { iv, key, mac_key }
}

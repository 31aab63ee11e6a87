//! A key exchange between others: the same inputs, the same hash, and K from whoever logged it.

use crate::algorithms::{Algorithms, Negotiated};
use crate::cipher::{DirectionKeys, Opener};
use crate::error::decode;
use crate::kex::exchange_hash::{HashInputs, MethodInputs, exchange_hash};
use crate::kex::key_derivation::derive;
use crate::kex::method::{Exchange as Family, HashAlgorithm, SharedSecret};
use crate::kex::negotiate::{self, Choice, DirectionChoice};
use crate::messages::kex as msg;
use crate::side::Side;
use crate::trace::{DerivedKey, KexReport, KexWatch, Offers, Tracer, push_hex};
use crate::wire::Message as _;
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// Bytes of a message, kept.
type Bytes = Vec<u8>;

/// What is known of an exchange.
pub enum Known {
    /// K: the content of the mpint, or of the string where the method has one.
    Shared(Zeroizing<Vec<u8>>),
    /// The private value of one side, big-endian; X25519's as it is.
    Scalar(Zeroizing<Vec<u8>>),
}

/// Finds what is known of the exchange in which one side's cookie is this.
pub type Secrets = Box<dyn FnMut(&[u8]) -> Vec<Known> + Send>;

/// New protection of a direction.
pub(super) struct Ready {
    pub(super) opener: Box<dyn Opener>,
    pub(super) zlib: bool,
    pub(super) strict: bool,
}

/// Everything about the exchanges of one connection.
pub(super) struct Exchange {
    secrets: Secrets,
    identification: [Bytes; 2],
    offers: [Bytes; 2],
    choice: Option<Choice>,
    /// Packets that were sent on a wrong guess and count for nothing, by who sent them.
    wrong_guess: [bool; 2],
    strict: bool,
    session_id: Option<Bytes>,
    /// Sizes, group and share of the client, as far as they were seen.
    sizes: (u32, u32, u32),
    group: (Bytes, Bytes),
    client_share: Bytes,
    /// Keys of client and server that wait for their NEWKEYS.
    ready: [Option<Ready>; 2],
    /// Why there are none.
    missing: String,
}

const fn index(side: Side) -> usize {
    if side.is_client() { 0 } else { 1 }
}

fn list(names: &str) -> Vec<String> {
    names.split(',').filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

impl Exchange {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            identification: [Vec::new(), Vec::new()],
            offers: [Vec::new(), Vec::new()],
            choice: None,
            wrong_guess: [false; 2],
            strict: false,
            session_id: None,
            sizes: (0, 0, 0),
            group: (Vec::new(), Vec::new()),
            client_share: Vec::new(),
            ready: [None, None],
            missing: "no key exchange came before".to_owned(),
        }
    }

    pub(super) fn set_identification(&mut self, of: Side, identification: Bytes) {
        if let Some(slot) = self.identification.get_mut(index(of)) {
            *slot = identification;
        }
    }

    pub(super) fn names(&self) -> Option<Negotiated> {
        self.choice.as_ref().map(|choice| choice.names(self.strict))
    }

    /// The keys for what `from` sends behind its NEWKEYS.
    pub(super) fn take(&mut self, from: Side) -> Result<Ready, String> {
        let ready = self.ready.get_mut(index(from)).and_then(Option::take);
        ready.ok_or_else(|| self.missing.clone())
    }

    /// A message of the exchange.
    pub(super) fn message(
        &mut self,
        from: Side,
        number: u8,
        payload: &[u8],
        tracer: &mut Tracer,
    ) -> Result<(), &'static str> {
        const UNREADABLE: &str = "a message of the key exchange cannot be read";
        if number == 20 {
            return self.offer(from, payload, tracer);
        }
        if let Some(wrong) = self.wrong_guess.get_mut(index(from))
            && core::mem::take(wrong)
        {
            return Ok(());
        }
        let Some(choice) = &self.choice else { return Err("a message of no key exchange") };
        match (choice.method.exchange, number, from) {
            (Family::Ecdh { .. }, 30, Side::Client) => {
                let m = decode::<msg::KexEcdhInit<'_>>(payload).map_err(|_| UNREADABLE)?;
                self.client_share = m.q_c.to_vec();
            }
            (Family::Ecdh { .. }, 31, Side::Server) => {
                let m = decode::<msg::KexEcdhReply<'_>>(payload).map_err(|_| UNREADABLE)?;
                self.reply(m.k_s, m.q_s, tracer)?;
            }
            (Family::Dh { .. }, 30, Side::Client) => {
                let m = decode::<msg::KexDhInit<'_>>(payload).map_err(|_| UNREADABLE)?;
                self.client_share = m.e.to_vec();
            }
            (Family::Dh { .. }, 31, Side::Server) => {
                let m = decode::<msg::KexDhReply<'_>>(payload).map_err(|_| UNREADABLE)?;
                self.reply(m.k_s, m.f, tracer)?;
            }
            (Family::Gex { .. }, 34, Side::Client) => {
                let m = decode::<msg::KexDhGexRequest>(payload).map_err(|_| UNREADABLE)?;
                self.sizes = (m.min, m.n, m.max);
            }
            (Family::Gex { .. }, 31, Side::Server) => {
                let m = decode::<msg::KexDhGexGroup<'_>>(payload).map_err(|_| UNREADABLE)?;
                self.group = (m.p.to_vec(), m.g.to_vec());
            }
            (Family::Gex { .. }, 32, Side::Client) => {
                let m = decode::<msg::KexDhGexInit<'_>>(payload).map_err(|_| UNREADABLE)?;
                self.client_share = m.e.to_vec();
            }
            (Family::Gex { .. }, 33, Side::Server) => {
                let m = decode::<msg::KexDhGexReply<'_>>(payload).map_err(|_| UNREADABLE)?;
                self.reply(m.k_s, m.f, tracer)?;
            }
            _ => return Err("a message that has no place in this key exchange"),
        }
        Ok(())
    }

    fn offer(
        &mut self,
        from: Side,
        payload: &[u8],
        tracer: &mut Tracer,
    ) -> Result<(), &'static str> {
        if self.offers.iter().all(|offer| !offer.is_empty()) {
            // A new exchange begins.
            self.offers = [Vec::new(), Vec::new()];
        }
        if let Some(slot) = self.offers.get_mut(index(from)) {
            *slot = payload.to_vec();
        }
        let [client, server] = &self.offers;
        if client.is_empty() || server.is_empty() {
            return Ok(());
        }
        let read = (msg::KexInit::decode(client), msg::KexInit::decode(server));
        let (Ok(c), Ok(s)) = read else { return Err("a KEXINIT cannot be read") };
        let first = self.session_id.is_none();
        if first {
            self.strict = negotiate::has_marker(&c, negotiate::STRICT_C)
                && negotiate::has_marker(&s, negotiate::STRICT_S);
        }
        let ours = |to_server: bool| Algorithms {
            kex: list(c.kex_algorithms),
            host_key: list(c.server_host_key_algorithms),
            cipher: list(match to_server {
                true => c.encryption_algorithms_client_to_server,
                false => c.encryption_algorithms_server_to_client,
            }),
            mac: list(match to_server {
                true => c.mac_algorithms_client_to_server,
                false => c.mac_algorithms_server_to_client,
            }),
            compression: list(match to_server {
                true => c.compression_algorithms_client_to_server,
                false => c.compression_algorithms_server_to_client,
            }),
        };
        let (there, back) = (ours(true), ours(false));
        let both = negotiate::negotiate_each(Side::Client, [&there, &back], &s);
        let agreed = both.is_ok();
        self.choice = both.ok();
        let differ = |a: &str, b: &str| a.split(',').next() != b.split(',').next();
        let wrong = differ(c.kex_algorithms, s.kex_algorithms)
            || differ(c.server_host_key_algorithms, s.server_host_key_algorithms);
        self.wrong_guess =
            [wrong && c.first_kex_packet_follows, wrong && s.first_kex_packet_follows];
        let names = self.names();
        tracer.offered(&Offers {
            client,
            server,
            method: self.choice.as_ref().map(|choice| &choice.method.exchange),
            names: names.as_ref(),
            first,
            strict: self.strict,
        });
        if agreed { Ok(()) } else { Err("no algorithm that is known here was agreed on") }
    }

    /// The server's share is there: K by its cookies, H, and the keys.
    fn reply(
        &mut self,
        k_s: &[u8],
        server_share: &[u8],
        tracer: &mut Tracer,
    ) -> Result<(), &'static str> {
        self.ready = [None, None];
        let Some(choice) = &self.choice else { return Err("no algorithms") };
        let [i_c, i_s] = &self.offers;
        let cookie = |offer: &Bytes| offer.get(1..17).unwrap_or_default().to_vec();
        let mut known = (self.secrets)(&cookie(i_s));
        known.extend((self.secrets)(&cookie(i_c)));
        let mut scalar = None;
        let mut k = None;
        for secret in &known {
            match secret {
                Known::Shared(bytes) if choice.method.post_quantum => {
                    k = Some(SharedSecret::from_string(bytes));
                }
                Known::Shared(bytes) => k = Some(SharedSecret::from_magnitude(bytes)),
                Known::Scalar(bytes) => {
                    let (p, g) = &self.group;
                    let method = choice.method.name;
                    k = crate::kex::of_scalar(method, bytes, server_share, p, g).or(k);
                    scalar = Some(bytes.clone());
                }
            }
        }
        let Some(k) = k else {
            self.missing.clear();
            self.missing.push_str("the key log has no secret for the cookie ");
            push_hex(&mut self.missing, &cookie(i_c));
            return Ok(());
        };
        let [v_c, v_s] = &self.identification;
        let share = &self.client_share;
        let (min, n, max) = self.sizes;
        let (p, g) = (&self.group.0[..], &self.group.1[..]);
        let method = match choice.method.exchange {
            Family::Ecdh { .. } => MethodInputs::Ecdh { q_c: share, q_s: server_share },
            Family::Dh { .. } => MethodInputs::Dh { e: share, f: server_share },
            Family::Gex { .. } => {
                MethodInputs::Gex { min, n, max, p, g, e: share, f: server_share }
            }
        };
        let inputs = HashInputs { v_c, v_s, i_c, i_s, k_s, method, k: &k };
        let hash = choice.method.hash;
        let h = exchange_hash(hash, &inputs);
        let first = self.session_id.is_none();
        let id = self.session_id.get_or_insert_with(|| h.clone());
        let make = Make { hash, k: &k, h: &h, id };
        let (c2s, mut keys) = make.direction(*b"ACE", &choice.client_to_server);
        let (s2c, more) = make.direction(*b"BDF", &choice.server_to_client);
        keys.extend(more);
        let ready = |opener: Option<Box<dyn Opener>>, zlib| {
            opener.map(|opener| Ready { opener, zlib, strict: self.strict })
        };
        self.ready =
            [ready(c2s, choice.client_to_server.zlib), ready(s2c, choice.server_to_client.zlib)];
        let mut report = KexReport::new(choice.method, &inputs, &h, id, keys);
        report.first = first;
        let mut watch = KexWatch { wants_scalar: true, scalar, report: Some(report) };
        tracer.derived(&mut watch);
        self.missing = format!("NEWKEYS came twice for one exchange of {}", choice.method.name);
        Ok(())
    }
}

/// What all keys of an exchange are made of.
struct Make<'a> {
    hash: HashAlgorithm,
    k: &'a SharedSecret,
    h: &'a [u8],
    id: &'a [u8],
}

impl Make<'_> {
    fn direction(
        &self,
        letters: [u8; 3],
        choice: &DirectionChoice,
    ) -> (Option<Box<dyn Opener>>, Vec<DerivedKey>) {
        let [a, b, c] = letters;
        let mac_len = choice.mac.map_or(0, |mac| mac.key_len);
        let key = |letter, len| derive(self.hash, self.k, self.h, self.id, letter, len);
        let iv = key(a, choice.cipher.iv_len);
        let cipher = key(b, choice.cipher.key_len);
        let mac = key(c, mac_len);
        let keys = DirectionKeys { iv: &iv, key: &cipher, mac_key: &mac };
        let opener = (choice.cipher.opener)(&keys, choice.mac);
        let named = [(a, iv), (b, cipher), (c, mac)];
        (opener, named.into_iter().map(|(letter, key)| DerivedKey { letter, key }).collect())
    }
}

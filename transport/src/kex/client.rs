//! The client's part of an exchange: messages 30, 32 and 34 out, 31 and 33 in.

use super::exchanger::{Exchanger, HostKeyQuestion, Output};
use super::method::{ClientShare, Exchange};
use super::state::Event;
use crate::entropy::{Entropy, Purpose};
use crate::error::{Error, Result, decode};
use crate::key::{Certificate, PublicKey, is_certificate_algorithm, signature_name};
use crate::limits;
use crate::messages::kex as msg;
use crate::wire::Message as _;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The group of a group exchange, and the sizes that asked for it.
pub struct Group {
    /// Smallest size in bits.
    pub min: u32,
    /// Preferred size in bits.
    pub n: u32,
    /// Largest size in bits.
    pub max: u32,
    /// Safe prime, magnitude.
    pub p: Vec<u8>,
    /// Generator, magnitude.
    pub g: Vec<u8>,
}

/// Bits of a group whose strength is that of a key of `bits` bits (NIST
/// SP 800-57, as OpenSSH rounds it).
const fn group_bits(bits: usize) -> u32 {
    match bits {
        0..=112 => 2048,
        113..=128 => 3072,
        129..=192 => 7680,
        _ => limits::GEX_BITS_MAX,
    }
}

/// The exchange hash was signed by the host key that the peer presented, and that key was
/// accepted for this host by whoever answers for it. Servers verify nothing and have none.
#[derive(Debug)]
pub struct HostKeyVerified(());

/// The key that signs, and the certificate that it came in where the algorithm is one of those.
fn presented(k_s: &[u8], algorithm: &str) -> Result<(Box<PublicKey>, Option<Box<Certificate>>)> {
    let malformed = |_| Error::KeyExchange("the host key is malformed or of an unknown type");
    if !is_certificate_algorithm(algorithm) {
        return Ok((Box::new(PublicKey::from_blob(k_s).map_err(malformed)?), None));
    }
    let certificate = Certificate::from_blob(k_s).map_err(malformed)?;
    if !certificate.algorithms().any(|own| own == algorithm) {
        return Err(Error::KeyExchange("the host certificate is not of the type agreed on"));
    }
    Ok((Box::new(certificate.key().clone()), Some(Box::new(certificate))))
}

/// A reply taken apart: K_S, the server's share, the signature.
struct Reply<'a> {
    k_s: &'a [u8],
    share: &'a [u8],
    signature: &'a [u8],
}

impl Exchanger {
    /// The first message of the method, right behind the choice.
    pub(super) fn client_start(&mut self, entropy: &mut Entropy) -> Result<Vec<u8>> {
        let choice = self.choice.as_ref().ok_or(Error::Internal("no algorithms"))?;
        let stream = entropy.stream(Purpose::Ephemeral);
        let (share, ecdh) = match choice.method.exchange {
            Exchange::Ecdh { start, .. } => (start(stream), true),
            Exchange::Dh { start, .. } => (start(stream), false),
            Exchange::Gex { .. } => {
                let need = [&choice.client_to_server, &choice.server_to_client]
                    .into_iter()
                    .map(|d| d.cipher.key_len.max(d.mac.map_or(0, |m| m.key_len)))
                    .fold(0, usize::max);
                let n = group_bits(need.saturating_mul(8));
                let (min, max) = (limits::GEX_BITS_MIN, limits::GEX_BITS_MAX);
                self.group = Some(Group { min, n, max, p: Vec::new(), g: Vec::new() });
                return Ok(msg::KexDhGexRequest::new(min, n, max).payload());
            }
        };
        let payload = if ecdh {
            msg::KexEcdhInit::new(share.public()).payload()
        } else {
            msg::KexDhInit::new(share.public()).payload()
        };
        self.hold(share);
        Ok(payload)
    }

    /// Keeps our share until the server's is there.
    fn hold(&mut self, share: Box<dyn ClientShare>) {
        if let Some(watch) = self.watch.get_mut().filter(|watch| watch.wants_scalar) {
            watch.scalar = share.scalar();
        }
        self.share = Some(share);
    }

    /// A message of the method from the server.
    pub(super) fn client_message(
        &mut self,
        number: u8,
        payload: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<Output>> {
        self.step(Event::Message(number))?;
        let choice = self.choice.as_ref().ok_or(Error::Internal("no algorithms"))?;
        match (choice.method.exchange, number) {
            (Exchange::Ecdh { .. }, _) => {
                let m = decode::<msg::KexEcdhReply<'_>>(payload)?;
                self.reply(&Reply { k_s: m.k_s, share: m.q_s, signature: m.signature_of_h })
            }
            (Exchange::Dh { .. }, _) => {
                let m = decode::<msg::KexDhReply<'_>>(payload)?;
                self.reply(&Reply { k_s: m.k_s, share: m.f, signature: m.signature_of_h })
            }
            (Exchange::Gex { start, .. }, 31) => {
                let m = decode::<msg::KexDhGexGroup<'_>>(payload)?;
                let stream = entropy.stream(Purpose::Ephemeral);
                let share = start(stream, m.p, m.g).map_err(Error::KeyExchange)?;
                let init = msg::KexDhGexInit::new(share.public()).payload();
                if let Some(group) = &mut self.group {
                    group.p = m.p.to_vec();
                    group.g = m.g.to_vec();
                }
                self.hold(share);
                Ok(alloc::vec![Output::Send(init)])
            }
            (Exchange::Gex { .. }, _) => {
                let m = decode::<msg::KexDhGexReply<'_>>(payload)?;
                self.reply(&Reply { k_s: m.k_s, share: m.f, signature: m.signature_of_h })
            }
        }
    }

    /// K, H, and the signature over H. A key seen for the first time is asked about; in a later
    /// exchange it must be the one that was accepted.
    fn reply(&mut self, reply: &Reply<'_>) -> Result<Vec<Output>> {
        let share = self.share.take().ok_or(Error::Internal("no share of ours"))?;
        let ours = share.public().to_vec();
        let k = share.agree(reply.share).map_err(Error::KeyExchange)?;
        let h = self.derive_keys(reply.k_s, &ours, reply.share, &k)?;
        let algorithm = self.choice.as_ref().map(|c| c.host_key.clone()).unwrap_or_default();
        let (key, certificate) = presented(reply.k_s, &algorithm)?;
        // "C then computes K = f^x mod p, H = hash(V_C || V_S || I_C || I_S || K_S || e || f ||
        // K), and verifies the signature s on H." RFC 4253 section 8
        key.verify(signature_name(&algorithm), &h, reply.signature)
            .map_err(|_| Error::KeyExchange("the host key did not sign this exchange"))?;
        match &self.host_key_blob {
            None => {
                self.host_key_blob = Some(reply.k_s.to_vec());
                let question = HostKeyQuestion {
                    key,
                    certificate,
                    blob: reply.k_s.to_vec(),
                    algorithm,
                    session_id: h,
                    signature: reply.signature.to_vec(),
                };
                Ok(alloc::vec![Output::AskHostKey(question)])
            }
            Some(known) if known == reply.k_s => self.host_key_accepted(HostKeyVerified(())),
            Some(_) => Err(Error::KeyExchange("the host key changed within the connection")),
        }
    }

    /// The answer of whoever knows the host's keys.
    ///
    /// # Errors
    /// [`Error::HostKeyRefused`].
    pub fn answer_host_key(&mut self, accept: bool) -> Result<Vec<Output>> {
        if accept {
            self.host_key_accepted(HostKeyVerified(()))
        } else {
            Err(Error::HostKeyRefused)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::entropy;
    use super::*;
    use crate::algorithms::Algorithms;
    use crate::key::PrivateKey;
    use crate::side::Side;
    use alloc::vec;

    const NEW_KEYS: u8 = 21;

    fn host_key(seed: u8) -> PrivateKey {
        PrivateKey::generate_ed25519(entropy(seed).stream(Purpose::Upper))
    }

    fn end(side: Side, host_keys: Vec<PrivateKey>) -> Exchanger {
        Exchanger::new(side, Algorithms::default_for(Side::Client, true), host_keys)
    }

    /// One exchange; says yes to every host key. How often it was asked.
    fn exchange(client: &mut Exchanger, server: &mut Exchanger) -> Result<usize> {
        let (mut of_client, mut of_server) = (entropy(1), entropy(2));
        let mut to_server = vec![client.begin(&mut of_client)?];
        let mut to_client = vec![server.begin(&mut of_server)?];
        let mut asked = 0;
        while !(to_server.is_empty() && to_client.is_empty()) {
            for payload in core::mem::take(&mut to_server) {
                for output in server.handle(&payload, 0, &mut of_server)? {
                    match output {
                        Output::Send(payload) => to_client.push(payload),
                        Output::SendNewKeys(_) => to_client.push(vec![NEW_KEYS]),
                        _ => {}
                    }
                }
            }
            for payload in core::mem::take(&mut to_client) {
                let mut outputs = client.handle(&payload, 0, &mut of_client)?;
                if matches!(outputs[..], [Output::AskHostKey(_)]) {
                    asked += 1;
                    outputs = client.answer_host_key(true)?;
                }
                for output in outputs {
                    match output {
                        Output::Send(payload) => to_server.push(payload),
                        Output::SendNewKeys(_) => to_server.push(vec![NEW_KEYS]),
                        _ => {}
                    }
                }
            }
        }
        Ok(asked)
    }

    #[test]
    fn a_host_key_is_asked_about_once_and_stays_the_same() {
        let (mut client, mut server) =
            (end(Side::Client, vec![]), end(Side::Server, vec![host_key(3)]));
        assert_eq!(exchange(&mut client, &mut server), Ok(1));
        assert_eq!(exchange(&mut client, &mut server), Ok(0));
        server.host_keys = vec![host_key(4)];
        let changed = Error::KeyExchange("the host key changed within the connection");
        assert_eq!(exchange(&mut client, &mut server), Err(changed));
    }

    #[test]
    fn what_is_presented_is_of_the_type_agreed_on() {
        let blob = |line| Certificate::from_line(line).unwrap().blob().to_vec();
        let ed25519 = blob(include_str!("../key/testdata/host-cert.pub"));
        let rsa = blob(include_str!("../key/testdata/rsa-cert.pub"));
        let plain = host_key(3).public().blob();
        let presented = |k_s: &[u8], algorithm| presented(k_s, algorithm).map(|(_, c)| c.is_some());
        assert_eq!(presented(&plain, "ssh-ed25519"), Ok(false));
        assert_eq!(presented(&ed25519, "ssh-ed25519-cert-v01@openssh.com"), Ok(true));
        assert_eq!(presented(&rsa, "rsa-sha2-256-cert-v01@openssh.com"), Ok(true));
        for (k_s, algorithm) in [
            (&plain, "ssh-ed25519-cert-v01@openssh.com"),
            (&rsa, "ssh-ed25519-cert-v01@openssh.com"),
            (&ed25519, "rsa-sha2-256-cert-v01@openssh.com"),
            (&ed25519, "ssh-ed25519"),
        ] {
            assert!(matches!(presented(k_s, algorithm), Err(Error::KeyExchange(_))), "{algorithm}");
        }
    }
}

//! The server's part of an exchange: messages 30, 32 and 34 in, 31 and 33 out.

use super::client::Group;
use super::exchanger::{Exchanger, Output};
use super::method::{Exchange, Response};
use super::state::Event;
use crate::entropy::{Entropy, Purpose};
use crate::error::{Error, Result, decode};
use crate::messages::kex as msg;
use crate::wire::Message as _;
use alloc::vec::Vec;

/// Reply of one method: K_S, our share, the signature.
type Render = fn(k_s: &[u8], share: &[u8], signature: &[u8]) -> Vec<u8>;

impl Exchanger {
    /// A message of the method from the client.
    pub(super) fn server_message(
        &mut self,
        number: u8,
        payload: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<Output>> {
        self.step(Event::Message(number))?;
        let stream = entropy.stream(Purpose::Ephemeral);
        let choice = self.choice.as_ref().ok_or(Error::Internal("no algorithms"))?;
        match (choice.method.exchange, number) {
            (Exchange::Ecdh { respond, .. }, _) => {
                let m = decode::<msg::KexEcdhInit<'_>>(payload)?;
                let response = respond(stream, m.q_c);
                self.respond(m.q_c, response, |k, s, sig| {
                    msg::KexEcdhReply::new(k, s, sig).payload()
                })
            }
            (Exchange::Dh { respond, .. }, _) => {
                let m = decode::<msg::KexDhInit<'_>>(payload)?;
                let response = respond(stream, m.e);
                self.respond(m.e, response, |k, s, sig| msg::KexDhReply::new(k, s, sig).payload())
            }
            (Exchange::Gex { choose, .. }, 34) => {
                let m = decode::<msg::KexDhGexRequest<'_>>(payload)?;
                let (min, n, max) = (m.min, m.n, m.max);
                let named = choose(min, n, max);
                let (p, g) = named.ok_or(Error::KeyExchange("no group of the size asked for"))?;
                self.group = Some(Group { min, n, max, p: p.to_vec(), g: g.to_vec() });
                Ok(alloc::vec![Output::Send(msg::KexDhGexGroup::new(p, g).payload())])
            }
            (Exchange::Gex { respond, .. }, _) => {
                let m = decode::<msg::KexDhGexInit<'_>>(payload)?;
                let group = self.group.as_ref().ok_or(Error::Internal("no group"))?;
                let response = respond(stream, &group.p, &group.g, m.e);
                self.respond(m.e, response, |k, s, sig| {
                    msg::KexDhGexReply::new(k, s, sig).payload()
                })
            }
        }
    }

    /// Our share, the signature over H, and our NEWKEYS right behind.
    fn respond(
        &mut self,
        theirs: &[u8],
        response: Response,
        render: Render,
    ) -> Result<Vec<Output>> {
        let (share, k) = response.map_err(Error::KeyExchange)?;
        let algorithm = self.choice.as_ref().map(|c| c.host_key.clone()).unwrap_or_default();
        let at = self
            .host_keys
            .iter()
            .position(|k| k.public().signature_algorithms().contains(&algorithm.as_str()))
            .ok_or(Error::Internal("the agreed host key is gone"))?;
        let k_s = self.host_keys.get(at).map(|k| k.public().blob()).unwrap_or_default();
        let h = self.derive_keys(&k_s, theirs, &share, &k)?;
        let signature = self
            .host_keys
            .get(at)
            .and_then(|key| key.sign(&algorithm, &h).ok())
            .ok_or(Error::Internal("the host key cannot sign"))?;
        let reply = Output::Send(render(&k_s, &share, &signature));
        self.host_key_blob = Some(k_s);
        Ok(alloc::vec![reply, self.send_new_keys()?])
    }
}

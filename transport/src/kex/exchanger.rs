//! One exchange after the other: KEXINIT to NEWKEYS, role-neutral.
//!
//! The exchanger is given payloads and gives [`Output`]s; it touches no buffer. What only one
//! role does stands in `client.rs` and `server.rs`.

use super::client::{Group, HostKeyVerified};
use super::exchange_hash::{HashInputs, MethodInputs, exchange_hash};
use super::host_key_proof;
use super::key_derivation::derive;
use super::method::{ClientShare, Exchange, HashAlgorithm, SharedSecret};
use super::negotiate::{self, Choice, DirectionChoice};
use super::state::{Event, Family, State, next};
use crate::algorithms::{Algorithms, Negotiated};
use crate::cipher::{DirectionKeys, Opener, Sealer};
use crate::entropy::{Entropy, Purpose};
use crate::error::{Error, Result};
use crate::key::{Certificate, PrivateKey, PublicKey};
use crate::messages::kex::KexInit;
use crate::side::Side;
use crate::trace::{DerivedKey, Hook, KexReport, KexWatch};
use crate::wire::Message as _;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// The initial key exchange is complete in both directions; on a client, with a host key that was
/// verified.
#[derive(Debug)]
pub struct ExchangeComplete {
    _host_key: Option<HostKeyVerified>,
}

#[cfg(test)]
impl ExchangeComplete {
    /// Tests of the layer above have no exchange.
    pub(crate) const fn for_tests() -> Self {
        Self { _host_key: None }
    }
}

/// What the transport has to do, in order.
pub enum Output {
    /// Send this payload, whatever the gate says.
    Send(Vec<u8>),
    /// Send NEWKEYS and change the sending keys behind it.
    SendNewKeys(SendKeys),
    /// The peer's NEWKEYS came: change the receiving keys.
    ReceiveNewKeys(ReceiveKeys),
    /// Ask whether this is the host's key, and pause.
    AskHostKey(HostKeyQuestion),
    /// The exchange is over; the proof comes with the first one.
    Complete(Option<ExchangeComplete>),
}

/// New protection of the sending direction.
pub struct SendKeys {
    /// Cipher and MAC.
    pub sealer: Box<dyn Sealer>,
    /// Whether compression was agreed on.
    pub zlib: bool,
}

/// New protection of the receiving direction.
pub struct ReceiveKeys {
    /// Cipher and MAC.
    pub opener: Box<dyn Opener>,
    /// Whether compression was agreed on.
    pub zlib: bool,
}

/// A key that signed the exchange hash; whether it is the host's is for others to say.
#[derive(Debug, Clone)]
pub struct HostKeyQuestion {
    /// The key; that inside the certificate, where there is one.
    pub key: Box<PublicKey>,
    /// The certificate that the key came in; its authority has signed it, and who that is has to
    /// be judged.
    pub certificate: Option<Box<Certificate>>,
    /// K_S as received.
    pub blob: Vec<u8>,
    /// The signature algorithm that was agreed on.
    pub algorithm: String,
    /// The session identifier: the exchange hash of this, the first exchange.
    pub session_id: Vec<u8>,
    /// The key's signature over it, which was verified. An agent is shown both, to learn which
    /// host a connection leads to (`session-bind@openssh.com`).
    pub signature: Vec<u8>,
}

/// Runs exchanges for one connection.
pub struct Exchanger {
    pub(super) side: Side,
    algorithms: Algorithms,
    pub(super) host_keys: Vec<PrivateKey>,
    state: State,
    pub(super) identification: [Vec<u8>; 2],
    pub(super) kexinit: [Vec<u8>; 2],
    session_id: Option<Vec<u8>>,
    strict: bool,
    peer_wants_ext_info: bool,
    pub(super) choice: Option<Choice>,
    drop_guess: bool,
    pub(super) share: Option<Box<dyn ClientShare>>,
    pub(super) group: Option<Group>,
    pub(super) host_key_blob: Option<Vec<u8>>,
    host_key_verified: Option<HostKeyVerified>,
    completed: bool,
    pending: Option<(SendKeys, ReceiveKeys)>,
    receive: Option<ReceiveKeys>,
    /// Where a tracer finds what an exchange computed.
    pub(crate) watch: Hook<KexWatch>,
}

/// Index of a side in the pairs above.
pub(super) const fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

impl Exchanger {
    /// For a connection whose own identification string is `identification`.
    pub fn new(side: Side, mut algorithms: Algorithms, host_keys: Vec<PrivateKey>) -> Self {
        if side == Side::Server {
            let can = |name: &String| {
                host_keys.iter().any(|k| k.public().signature_algorithms().contains(&name.as_str()))
            };
            algorithms.host_key.retain(can);
        }
        Self {
            side,
            algorithms,
            host_keys,
            state: State::Idle,
            identification: [Vec::new(), Vec::new()],
            kexinit: [Vec::new(), Vec::new()],
            session_id: None,
            strict: false,
            peer_wants_ext_info: false,
            choice: None,
            drop_guess: false,
            share: None,
            group: None,
            host_key_blob: None,
            host_key_verified: None,
            completed: false,
            pending: None,
            receive: None,
            watch: Hook::new(),
        }
    }

    /// Records an identification string, without its line end.
    pub fn set_identification(&mut self, of: Side, identification: Vec<u8>) {
        if let Some(slot) = self.identification.get_mut(index(of)) {
            *slot = identification;
        }
    }

    /// Whether our KEXINIT is out and our NEWKEYS is not: the gate for everything else.
    pub const fn gate_closed(&self) -> bool {
        !matches!(self.state, State::Idle | State::KeysSent) || self.session_id.is_none()
    }

    /// Whether the peer's KEXINIT was seen and its NEWKEYS was not.
    pub const fn peer_exchanging(&self) -> bool {
        self.state.peer_exchanging()
    }

    /// Whether no exchange is in progress.
    pub const fn idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Whether the answer about the host key is awaited.
    pub const fn awaits_host_key(&self) -> bool {
        matches!(self.state, State::HostKey)
    }

    /// Whether strict key exchange is in force.
    pub const fn strict(&self) -> bool {
        self.strict
    }

    /// Whether the peer asked for EXT_INFO.
    pub const fn peer_wants_ext_info(&self) -> bool {
        self.peer_wants_ext_info
    }

    /// The session identifier: H of the first exchange.
    pub fn session_id(&self) -> Option<&[u8]> {
        self.session_id.as_deref()
    }

    /// The names agreed on, once they are.
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.choice.as_ref().map(|c| c.names(self.strict))
    }

    /// The client's and the server's KEXINIT; empty as long as there is none.
    pub(crate) const fn offers(&self) -> &[Vec<u8>; 2] {
        &self.kexinit
    }

    /// How the shares of the method agreed on travel.
    pub(crate) fn family_of_choice(&self) -> Option<&Exchange> {
        self.choice.as_ref().map(|choice| &choice.method.exchange)
    }

    /// The host key of the connection, once its signature was checked.
    pub fn host_key_blob(&self) -> Option<&[u8]> {
        self.host_key_blob.as_deref()
    }

    /// Server: the answer to a client that asks for proofs of our host keys; nothing for a
    /// request that is refused.
    pub fn prove_host_keys(&self, request: &[u8]) -> Option<Vec<u8>> {
        let algorithm = self.choice.as_ref().map(|choice| choice.host_key.as_str())?;
        host_key_proof::prove(&self.host_keys, self.session_id.as_deref()?, algorithm, request)
    }

    fn family(&self) -> Family {
        match self.choice.as_ref().map(|c| c.method.exchange) {
            Some(Exchange::Gex { .. }) => Family::GroupExchange,
            _ => Family::TwoMessages,
        }
    }

    /// The only place where the state changes.
    pub(super) fn step(&mut self, event: Event) -> Result<()> {
        let next = next(self.side, self.family(), self.state, event);
        self.state = next.ok_or(match event {
            Event::Message(got) => Error::Inappropriate { got, phase: "this step of the exchange" },
            Event::PeerInit => Error::Inappropriate { got: 20, phase: "a key exchange" },
            Event::PeerNewKeys => {
                Error::Inappropriate { got: 21, phase: "this step of the exchange" }
            }
            Event::Begin | Event::HostKeyAccepted => Error::Internal("exchange out of step"),
        })?;
        Ok(())
    }

    /// Starts an exchange: the payload of our KEXINIT.
    ///
    /// # Errors
    /// [`Error::Internal`] when one is in progress already.
    pub fn begin(&mut self, entropy: &mut Entropy) -> Result<Vec<u8>> {
        self.step(Event::Begin)?;
        let mut cookie = [0; 16];
        entropy.fill(Purpose::Cookie, &mut cookie);
        let first = self.session_id.is_none();
        let payload = negotiate::kexinit(self.side, &self.algorithms, cookie, first);
        if let Some(slot) = self.kexinit.get_mut(index(self.side)) {
            slot.clone_from(&payload);
        }
        Ok(payload)
    }

    /// A message of the exchange. `sequence` is its packet's number.
    ///
    /// # Errors
    /// Whatever is wrong with the message, its moment, or the shares and signature in it.
    pub fn handle(
        &mut self,
        payload: &[u8],
        sequence: u32,
        entropy: &mut Entropy,
    ) -> Result<Vec<Output>> {
        let number = payload.first().copied().unwrap_or_default();
        match number {
            20 => self.peer_init(payload, sequence, entropy),
            21 => self.peer_new_keys(payload),
            _ if self.drop_guess => {
                self.drop_guess = false;
                Ok(Vec::new())
            }
            _ => match self.side {
                Side::Client => self.client_message(number, payload, entropy),
                Side::Server => self.server_message(number, payload, entropy),
            },
        }
    }

    fn peer_init(
        &mut self,
        payload: &[u8],
        sequence: u32,
        entropy: &mut Entropy,
    ) -> Result<Vec<Output>> {
        let theirs = KexInit::decode(payload).map_err(|e| Error::decode("SSH_MSG_KEXINIT", e))?;
        let mut outputs = Vec::new();
        if self.state.peer_exchanging() {
            return Err(Error::Inappropriate { got: 20, phase: "a key exchange" });
        }
        if self.state == State::Idle {
            outputs.push(Output::Send(self.begin(entropy)?));
        }
        if self.session_id.is_none() {
            self.read_markers(&theirs, sequence)?;
        }
        let choice = negotiate::negotiate(self.side, &self.algorithms, &theirs)?;
        self.drop_guess = choice.drop_guess;
        self.choice = Some(choice);
        if let Some(slot) = self.kexinit.get_mut(index(self.side.peer())) {
            *slot = payload.to_vec();
        }
        self.step(Event::PeerInit)?;
        if self.side == Side::Client {
            outputs.push(Output::Send(self.client_start(entropy)?));
        }
        Ok(outputs)
    }

    /// The markers count in the first KEXINIT only. Strict key exchange (see PROTOCOL.md) also
    /// asks that this KEXINIT was the peer's very first packet.
    fn read_markers(&mut self, theirs: &KexInit<'_>, sequence: u32) -> Result<()> {
        let (strict, ext_info) = match self.side {
            Side::Client => (negotiate::STRICT_S, negotiate::EXT_INFO_S),
            Side::Server => (negotiate::STRICT_C, negotiate::EXT_INFO_C),
        };
        self.strict = negotiate::has_marker(theirs, strict);
        self.peer_wants_ext_info = negotiate::has_marker(theirs, ext_info);
        if self.strict && sequence != 0 {
            return Err(Error::PeerMisbehaved(
                "strict key exchange: KEXINIT was not the first packet",
            ));
        }
        Ok(())
    }

    fn peer_new_keys(&mut self, payload: &[u8]) -> Result<Vec<Output>> {
        crate::messages::kex::NewKeys::decode(payload)
            .map_err(|e| Error::decode("SSH_MSG_NEWKEYS", e))?;
        self.step(Event::PeerNewKeys)?;
        let keys = self.receive.take().ok_or(Error::Internal("no keys for NEWKEYS"))?;
        Ok(alloc::vec![Output::ReceiveNewKeys(keys), Output::Complete(self.complete()?)])
    }

    /// The proof that the first exchange is over; a client has none without a verified host key.
    fn complete(&mut self) -> Result<Option<ExchangeComplete>> {
        if self.completed {
            return Ok(None);
        }
        let verified = self.host_key_verified.take();
        if self.side == Side::Client && verified.is_none() {
            return Err(Error::Internal("an exchange ended without a verified host key"));
        }
        self.completed = true;
        Ok(Some(ExchangeComplete { _host_key: verified }))
    }

    /// H, the session identifier, and the keys of both directions.
    pub(super) fn derive_keys(
        &mut self,
        k_s: &[u8],
        client_share: &[u8],
        server_share: &[u8],
        k: &SharedSecret,
    ) -> Result<Vec<u8>> {
        let choice = self.choice.as_ref().ok_or(Error::Internal("no algorithms"))?;
        let hash = choice.method.hash;
        let group = self.group.take();
        let method = match (choice.method.exchange, &group) {
            (Exchange::Ecdh { .. }, _) => {
                MethodInputs::Ecdh { q_c: client_share, q_s: server_share }
            }
            (Exchange::Dh { .. }, _) => MethodInputs::Dh { e: client_share, f: server_share },
            (Exchange::Gex { .. }, Some(Group { min, n, max, p, g })) => MethodInputs::Gex {
                min: *min,
                n: *n,
                max: *max,
                p,
                g,
                e: client_share,
                f: server_share,
            },
            (Exchange::Gex { .. }, None) => return Err(Error::Internal("no group")),
        };
        let [v_c, v_s] = &self.identification;
        let [i_c, i_s] = &self.kexinit;
        let inputs = HashInputs { v_c, v_s, i_c, i_s, k_s, method, k };
        let h = exchange_hash(hash, &inputs);
        let first = self.session_id.is_none();
        // "The exchange hash H from the first key exchange is additionally used as the session
        // identifier" RFC 4253 section 7.2
        let id = self.session_id.get_or_insert_with(|| h.clone());
        let c2s = direction_keys(hash, k, &h, id, *b"ACE", &choice.client_to_server);
        let s2c = direction_keys(hash, k, &h, id, *b"BDF", &choice.server_to_client);
        if let Some(watch) = self.watch.get_mut() {
            let keys = c2s.lettered(*b"ACE").into_iter().chain(s2c.lettered(*b"BDF")).collect();
            let mut report = KexReport::new(choice.method, &inputs, &h, id, keys);
            report.first = first;
            watch.report = Some(report);
        }
        let (send, receive) = match self.side {
            Side::Client => (c2s, s2c),
            Side::Server => (s2c, c2s),
        };
        let sealer = send.sealer().ok_or(Error::Internal("a cipher refused its keys"))?;
        let opener = receive.opener().ok_or(Error::Internal("a cipher refused its keys"))?;
        self.pending = Some((
            SendKeys { sealer, zlib: send.choice.zlib },
            ReceiveKeys { opener, zlib: receive.choice.zlib },
        ));
        Ok(h)
    }

    /// NEWKEYS goes out: our sending keys are used at once, the receiving ones at the peer's.
    pub(super) fn send_new_keys(&mut self) -> Result<Output> {
        let (send, receive) = self.pending.take().ok_or(Error::Internal("no keys to send"))?;
        self.receive = Some(receive);
        Ok(Output::SendNewKeys(send))
    }

    /// The host key was accepted: NEWKEYS may go out.
    ///
    /// # Errors
    /// [`Error::Internal`] when nothing was asked.
    pub fn host_key_accepted(&mut self, verified: HostKeyVerified) -> Result<Vec<Output>> {
        self.step(Event::HostKeyAccepted)?;
        self.host_key_verified = Some(verified);
        Ok(alloc::vec![self.send_new_keys()?])
    }
}

/// Derived keys of one direction beside the algorithms they are for.
struct DerivedKeys<'a> {
    iv: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
    mac_key: Zeroizing<Vec<u8>>,
    choice: &'a DirectionChoice,
}

/// RFC 4253 section 7.2; `letters` are those of IV, encryption key and integrity key.
fn direction_keys<'a>(
    hash: HashAlgorithm,
    k: &SharedSecret,
    h: &[u8],
    session_id: &[u8],
    letters: [u8; 3],
    choice: &'a DirectionChoice,
) -> DerivedKeys<'a> {
    let [iv, key, mac] = letters;
    let mac_len = choice.mac.map_or(0, |m| m.key_len);
    DerivedKeys {
        iv: derive(hash, k, h, session_id, iv, choice.cipher.iv_len),
        key: derive(hash, k, h, session_id, key, choice.cipher.key_len),
        mac_key: derive(hash, k, h, session_id, mac, mac_len),
        choice,
    }
}

impl DerivedKeys<'_> {
    fn keys(&self) -> DirectionKeys<'_> {
        DirectionKeys { iv: &self.iv, key: &self.key, mac_key: &self.mac_key }
    }

    fn lettered(&self, letters: [u8; 3]) -> [DerivedKey; 3] {
        let [iv, key, mac] = letters;
        let copy = |letter, key: &Zeroizing<Vec<u8>>| DerivedKey { letter, key: key.clone() };
        [copy(iv, &self.iv), copy(key, &self.key), copy(mac, &self.mac_key)]
    }

    fn sealer(&self) -> Option<Box<dyn Sealer>> {
        (self.choice.cipher.sealer)(&self.keys(), self.choice.mac)
    }

    fn opener(&self) -> Option<Box<dyn Opener>> {
        (self.choice.cipher.opener)(&self.keys(), self.choice.mac)
    }
}

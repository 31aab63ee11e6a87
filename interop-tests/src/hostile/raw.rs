//! A peer made by hand: it exchanges keys like any other and then puts on the wire whatever a
//! test asks for, properly sealed or not. It checks nothing of what it receives.

use crate::sim::setup;
use std::collections::VecDeque;
use tssh_transport::Side;
use tssh_transport::cipher::{
    DirectionKeys, Opener, Sealer, cipher, mac, none_opener, none_sealer,
};
use tssh_transport::entropy::{Entropy, Purpose};
use tssh_transport::kex::exchange_hash::{HashInputs, MethodInputs, exchange_hash};
use tssh_transport::kex::key_derivation::derive;
use tssh_transport::kex::method::{ClientShare, Exchange, Method, SharedSecret, method};
use tssh_transport::key::PrivateKey;
use tssh_transport::messages::kex::{KexEcdhInit, KexEcdhReply, KexInit};
use tssh_transport::wire::{Message, Writer};

/// What the peer offers in its KEXINIT.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Key exchange methods and markers, as on the wire.
    pub kex: String,
    /// The cipher of both directions.
    pub cipher: &'static str,
    /// The MAC of both directions.
    pub mac: &'static str,
    /// Compression of both directions; what is sent compressed, a test compresses itself.
    pub compression: &'static str,
    /// Claims that the first packet of the exchange follows.
    pub guesses: bool,
}

/// The peer.
pub struct Raw {
    /// The part it plays.
    pub side: Side,
    /// What its next KEXINIT says.
    pub offer: Offer,
    entropy: Entropy,
    /// Signs for a server, and says who a client is.
    pub key: PrivateKey,
    sealer: Box<dyn Sealer>,
    opener: Box<dyn Opener>,
    /// The sequence number of the next packet that goes out.
    pub sent: u32,
    /// The same of the next one that comes.
    pub received: u32,
    inbox: Vec<u8>,
    head: Option<u32>,
    identification: Option<Vec<u8>>,
    /// All payloads that came and were not looked at.
    pub payloads: VecDeque<Vec<u8>>,
    ours: Vec<u8>,
    theirs: Vec<u8>,
    share: Option<Box<dyn ClientShare>>,
    /// A server's answer to the share that came.
    pub reply: Option<Vec<u8>>,
    next_sealer: Option<Box<dyn Sealer>>,
    next_opener: Option<Box<dyn Opener>>,
    /// H of the first key exchange.
    pub session_id: Option<Vec<u8>>,
    /// Whether sequence numbers start again at its NEWKEYS.
    pub resets_sent: bool,
    resets_received: bool,
    /// Whether it goes on without listening where it cannot follow, as after breaking the key
    /// exchange itself; otherwise that is a failed test.
    pub forgiving: bool,
    /// It does not listen any more.
    pub lost: bool,
}

const IDENTIFICATION: &str = "SSH-2.0-raw";

fn curve() -> &'static Method {
    method("curve25519-sha256").expect("in the table")
}

impl Raw {
    /// Nothing was said yet.
    #[must_use]
    pub fn new(side: Side, offer: Offer, key: PrivateKey) -> Self {
        let marker = if side.is_client() { "kex-strict-c" } else { "kex-strict-s" };
        let strict = offer.kex.contains(marker);
        Self {
            side,
            resets_sent: strict,
            resets_received: strict,
            forgiving: false,
            lost: false,
            offer,
            entropy: setup::entropy(99, 0),
            key,
            sealer: none_sealer(),
            opener: none_opener(),
            sent: 0,
            received: 0,
            inbox: Vec::new(),
            head: None,
            identification: None,
            payloads: VecDeque::new(),
            ours: Vec::new(),
            theirs: Vec::new(),
            share: None,
            reply: None,
            next_sealer: None,
            next_opener: None,
            session_id: None,
        }
    }

    /// The identification line.
    #[must_use]
    pub fn hello() -> Vec<u8> {
        format!("{IDENTIFICATION}\r\n").into_bytes()
    }

    /// A payload as a packet, as it should be.
    pub fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        let block = self.sealer.block_len().max(8);
        let outside = if self.sealer.length_is_aligned() { 4 } else { 0 };
        let used = outside + 1 + payload.len();
        let padding = match block - used % block {
            n if n < 4 => n + block,
            n => n,
        };
        let length = 1 + payload.len() + padding;
        let rest = [payload, &vec![0; padding]].concat();
        self.frame(length as u32, padding as u8, &rest)
    }

    /// Length and padding length as asked for, and whatever follows, sealed.
    pub fn frame(&mut self, length: u32, padding: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = length.to_be_bytes().to_vec();
        packet.push(padding);
        packet.extend(rest);
        packet.resize(packet.len() + self.sealer.tag_len(), 0);
        assert!(self.sealer.seal(self.sent, &mut packet), "as large as it says");
        self.sent = self.sent.wrapping_add(1);
        packet
    }

    /// The payload of the next KEXINIT.
    pub fn kexinit(&mut self) -> Vec<u8> {
        let Offer { kex, cipher, mac, compression, guesses } = self.offer.clone();
        let key = "ssh-ed25519";
        let cookie = [7; 16];
        let message = KexInit::new(
            cookie,
            &kex,
            key,
            cipher,
            cipher,
            mac,
            mac,
            compression,
            compression,
            "",
            "",
            guesses,
            0,
        );
        self.ours = message.payload();
        self.ours.clone()
    }

    /// A client's share.
    pub fn share(&mut self) -> Vec<u8> {
        let Exchange::Ecdh { start, .. } = curve().exchange else { panic!("no curve") };
        let share = start(self.entropy.stream(Purpose::Ephemeral));
        let payload = KexEcdhInit::new(share.public()).payload();
        self.share = Some(share);
        payload
    }

    /// NEWKEYS as a packet; what follows is sealed with the new keys.
    pub fn new_keys(&mut self) -> Vec<u8> {
        let packet = self.packet(&[21]);
        self.change_sealer();
        packet
    }

    /// What follows is sealed with the new keys.
    pub fn change_sealer(&mut self) {
        self.sealer = self.next_sealer.take().expect("keys were agreed on");
        if self.resets_sent {
            self.sent = 0;
        }
    }

    /// Takes bytes that the other end sent.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.lost {
            return;
        }
        self.inbox.extend(bytes);
        if self.identification.is_none() {
            let Some(at) = self.inbox.iter().position(|b| *b == b'\n') else { return };
            let line: Vec<u8> = self.inbox.drain(..=at).collect();
            self.identification = Some(line.trim_ascii_end().to_vec());
        }
        while let Some(payload) = self.open() {
            if self.look_at(&payload).is_none() {
                self.loses("an exchange that was not agreed on");
            }
            self.payloads.push_back(payload);
        }
    }

    fn loses(&mut self, what: &str) {
        assert!(self.forgiving, "the peer cannot follow: {what}");
        self.lost = true;
    }

    /// Whether keys were agreed on that NEWKEYS would bring into use.
    pub fn may_change_keys(&self) -> bool {
        self.next_sealer.is_some()
    }

    /// Says something else than [`Raw::kexinit`] made up.
    pub fn offers(&mut self, kexinit: &[u8]) {
        self.ours = kexinit.to_vec();
    }

    fn open(&mut self) -> Option<Vec<u8>> {
        let head = self.opener.head_len();
        if self.lost || self.inbox.len() < head {
            return None;
        }
        let sequence = self.received;
        let length = match self.head {
            Some(length) => length,
            None => self.opener.open_length(sequence, &mut self.inbox[..head]),
        };
        self.head = Some(length);
        let end = 4 + length as usize + self.opener.tag_len();
        if self.inbox.len() < end {
            return None;
        }
        let mut packet: Vec<u8> = self.inbox.drain(..end).collect();
        if self.opener.open(sequence, &mut packet).is_err() {
            self.loses("a packet that does not open");
            return None;
        }
        self.head = None;
        self.received = self.received.wrapping_add(1);
        let payload_end = 4 + length as usize - usize::from(packet[4]);
        Some(packet[5..payload_end].to_vec())
    }

    /// Takes part in a key exchange; nothing where it makes no sense.
    fn look_at(&mut self, payload: &[u8]) -> Option<()> {
        match (self.side, payload.first()?) {
            (_, 20) => self.theirs = payload.to_vec(),
            (Side::Server, 30) => {
                let Exchange::Ecdh { respond, .. } = curve().exchange else { return None };
                let theirs = KexEcdhInit::decode(payload).ok()?.q_c;
                let stream = self.entropy.stream(Purpose::Ephemeral);
                let (share, k) = respond(stream, theirs).ok()?;
                let k_s = self.key.public().blob();
                let h = self.agree(&k_s, theirs, &share, &k)?;
                let signature = self.key.sign("ssh-ed25519", &h).ok()?;
                self.reply = Some(KexEcdhReply::new(&k_s, &share, &signature).payload());
            }
            (Side::Client, 31) if self.share.is_some() => {
                let reply = KexEcdhReply::decode(payload).ok()?;
                let share = self.share.take()?;
                let ours = share.public().to_vec();
                let k = share.agree(reply.q_s).ok()?;
                self.agree(reply.k_s, &ours, reply.q_s, &k)?;
            }
            (_, 21) => {
                self.opener = self.next_opener.take()?;
                if self.resets_received {
                    self.received = 0;
                }
            }
            _ => {}
        }
        Some(())
    }

    /// H; the keys of both directions wait for the two NEWKEYS.
    fn agree(&mut self, k_s: &[u8], q_c: &[u8], q_s: &[u8], k: &SharedSecret) -> Option<Vec<u8>> {
        let client = self.side.is_client();
        let identification = self.identification.clone()?;
        let ours = IDENTIFICATION.as_bytes();
        let (v_c, v_s) =
            if client { (ours, &identification[..]) } else { (&identification[..], ours) };
        let (i_c, i_s) =
            if client { (&self.ours, &self.theirs) } else { (&self.theirs, &self.ours) };
        let method = MethodInputs::Ecdh { q_c, q_s };
        let hash = curve().hash;
        let h = exchange_hash(hash, &HashInputs { v_c, v_s, i_c, i_s, k_s, method, k });
        let id = self.session_id.get_or_insert_with(|| h.clone()).clone();
        let row = cipher(self.offer.cipher).expect("a cipher");
        let mac = if row.aead { None } else { Some(mac(self.offer.mac).expect("a MAC")) };
        let material = |letters: &[u8; 3]| {
            let lengths = [row.iv_len, row.key_len, mac.map_or(0, |m| m.key_len)];
            let pairs = letters.iter().zip(lengths);
            pairs.map(|(letter, n)| derive(hash, k, &h, &id, *letter, n)).collect::<Vec<_>>()
        };
        let (c2s, s2c) = (material(b"ACE"), material(b"BDF"));
        let (send, receive) = if client { (c2s, s2c) } else { (s2c, c2s) };
        fn keys<T: std::ops::Deref<Target = Vec<u8>>>(m: &[T]) -> DirectionKeys<'_> {
            DirectionKeys { iv: &m[0], key: &m[1], mac_key: &m[2] }
        }
        self.next_sealer = (row.sealer)(&keys(&send), mac);
        self.next_opener = (row.opener)(&keys(&receive), mac);
        Some(h)
    }

    /// A signed request to log in as `user`.
    pub fn signed_request(&self, user: &[u8]) -> Vec<u8> {
        let mut request = Vec::new();
        let mut w = Writer::new(&mut request);
        w.byte(50);
        w.string(user);
        w.string(b"ssh-connection");
        w.string(b"publickey");
        w.boolean(true);
        w.string(b"ssh-ed25519");
        w.string(&self.key.public().blob());
        let mut data = Vec::new();
        Writer::new(&mut data).string(self.session_id.as_deref().expect("a session"));
        data.extend(&request);
        let signature = self.key.sign("ssh-ed25519", &data).expect("it signs");
        Writer::new(&mut request).string(&signature);
        request
    }

    /// The numbers of what came and was not looked at; it is looked at now.
    pub fn numbers(&mut self) -> Vec<u8> {
        self.payloads.drain(..).map(|payload| payload[0]).collect()
    }
}

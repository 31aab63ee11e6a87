//! A server made by hand on the parts of the core, with room for one fault.
//!
//! It takes bytes and gives bytes. It exchanges keys as anybody does, lets whoever comes log in,
//! answers every command with the same few packets, asks for new keys between them, and ends. It
//! checks nothing and does nothing else, so nothing is to be had from it. Every fault stands in
//! one place here, at the wire; what judges it is a client as it is used every day.

use super::exchange::{self, Keys};
use super::faults::Fault;
use std::io;
use tssh_connection::messages::{ChannelClose, ChannelData, ChannelEof};
use tssh_transport::cipher::{Opener, Sealer, none_opener, none_sealer};
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::key::PrivateKey;
use tssh_transport::messages::number::name;
use tssh_transport::messages::transport::Disconnect;
use tssh_transport::text::one_line;
use tssh_transport::wire::{Message as _, Reader, Writer};

/// Bytes of data in each packet of the answer: with three bytes of padding they fill blocks.
const DATA_BYTES: usize = 1011;
/// What the last packet of the answer ends with.
pub const LAST: &[u8] = b"and that is all of it\n";
/// What a peer without regard for windows sends at once: so many windows, within bounds.
const BURST_WINDOWS: usize = 4;
const BURST_BYTES: std::ops::RangeInclusive<usize> = 8 << 20..=64 << 20;
/// The largest packet that is taken, RFC 4253 section 6.1.
const PACKET_BYTES_MAX: usize = 256 << 10;
/// Packets whose names are kept; a session has about thirty.
const STORY_MAX: usize = 256;
/// Longest text of a client's that is kept.
const WORDS_BYTES_MAX: usize = 256;
/// A byte of a packet with data that is encrypted, and no length.
const FLIPPED_BYTE: usize = 40;

/// Packets of one kind that passed one behind the other, and whether the fault is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    pub from_client: bool,
    pub number: u8,
    pub times: u32,
    pub faulty: bool,
}

/// What the peer saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub story: Vec<Passed>,
    /// The client's SSH_MSG_DISCONNECT: reason and words.
    pub farewell: Option<(u32, String)>,
    /// The fault went out.
    pub planted: bool,
    /// Why this client has nothing to fear of it.
    pub unconcerned: Option<&'static str>,
    /// Bytes of data that went out, and whether that is all of them.
    pub sent: u64,
    pub given: bool,
    /// The client had all, and closed the channel or the connection as one does.
    pub finished: bool,
}

/// The client's end of the channel.
struct Channel {
    number: u32,
    first_window: usize,
    window: u64,
    packet: usize,
}

/// How far the answer to the command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Awaited,
    FirstHalf,
    SecondHalf,
    /// Bytes beyond all windows are still to come.
    Burst(usize),
    Given,
}

/// The server.
pub struct Peer {
    fault: Option<Fault>,
    pub(super) entropy: Entropy,
    pub(super) host_key: PrivateKey,
    pub(super) other_key: PrivateKey,
    sealer: Box<dyn Sealer>,
    opener: Box<dyn Opener>,
    next_opener: Option<Box<dyn Opener>>,
    sent: u32,
    received: u32,
    inbox: Vec<u8>,
    head: Option<u32>,
    /// The packet of the client's that came last, as it was on the wire.
    last_wire: Vec<u8>,
    pub(super) v_c: Option<Vec<u8>>,
    pub(super) i_c: Vec<u8>,
    pub(super) i_s: Vec<u8>,
    pub(super) ciphers: [&'static str; 2],
    pub(super) session_id: Option<Vec<u8>>,
    pub(super) exchanges: u32,
    exchanging: bool,
    skips_guess: bool,
    strict: bool,
    wants_ext_info: bool,
    channel: Option<Channel>,
    answer: Answer,
    held: Vec<u8>,
    out: Vec<u8>,
    report: Report,
}

impl Peer {
    /// A peer that has said who it is and what it can do.
    pub fn new(fault: Option<Fault>, seed: &[u8; SEED_BYTES], host_key: PrivateKey) -> Self {
        let mut entropy = Entropy::from_seed(seed);
        let other_key = PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper));
        let mut new = Self {
            fault,
            entropy,
            host_key,
            other_key,
            sealer: none_sealer(),
            opener: none_opener(),
            next_opener: None,
            sent: 0,
            received: 0,
            inbox: Vec::new(),
            head: None,
            last_wire: Vec::new(),
            v_c: None,
            i_c: Vec::new(),
            i_s: Vec::new(),
            ciphers: [""; 2],
            session_id: None,
            exchanges: 0,
            exchanging: false,
            skips_guess: false,
            strict: false,
            wants_ext_info: false,
            channel: None,
            answer: Answer::Awaited,
            held: Vec::new(),
            out: format!("{}\r\n", exchange::IDENTIFICATION).into_bytes(),
            report: Report::default(),
        };
        new.send_kexinit();
        new
    }

    /// Whether its fault is this one.
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What it saw.
    pub fn report(&self) -> Report {
        self.report.clone()
    }

    /// Whether it sends without regard for the client's window.
    pub const fn is_bursting(&self) -> bool {
        matches!(self.answer, Answer::Burst(_))
    }

    /// What is to be sent now.
    pub fn transmit(&mut self) -> Vec<u8> {
        if let Answer::Burst(left) = self.answer {
            let piece = self.channel.as_ref().map_or(1, |channel| channel.packet).min(left);
            self.send_data(&vec![b'.'; piece]);
            let used_up = self.channel.as_ref().is_some_and(|channel| channel.window == 0);
            if used_up && !self.report.planted {
                self.planted();
            }
            self.answer = Answer::Burst(left - piece);
            if left == piece {
                self.finish();
            }
        }
        std::mem::take(&mut self.out)
    }

    /// Takes bytes of the client's.
    ///
    /// # Errors
    /// What nobody can follow.
    pub fn receive(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inbox.extend_from_slice(bytes);
        if self.v_c.is_none() {
            let Some(at) = self.inbox.iter().position(|byte| *byte == b'\n') else {
                return Ok(());
            };
            let line: Vec<u8> = self.inbox.drain(..=at).collect();
            self.v_c = Some(line.trim_ascii_end().to_vec());
        }
        while let Some(payload) = self.open()? {
            self.message(&payload)?;
        }
        Ok(())
    }

    fn open(&mut self) -> io::Result<Option<Vec<u8>>> {
        let head = self.opener.head_len();
        if self.inbox.len() < head {
            return Ok(None);
        }
        let sequence = self.received;
        let length = match self.head {
            Some(length) => length,
            None => self.opener.open_length(sequence, &mut self.inbox[..head]),
        };
        self.head = Some(length);
        let end = 4 + length as usize + self.opener.tag_len();
        if end > PACKET_BYTES_MAX {
            return Err(strange("a packet that is too long"));
        }
        if self.inbox.len() < end {
            return Ok(None);
        }
        let mut packet: Vec<u8> = self.inbox.drain(..end).collect();
        self.last_wire.clone_from(&packet);
        self.opener
            .open(sequence, &mut packet)
            .map_err(|_| strange("a packet that does not open"))?;
        self.head = None;
        self.received = self.received.wrapping_add(1);
        let padding = usize::from(packet.get(4).copied().unwrap_or_default());
        let payload = packet.get(5..(4 + length as usize).saturating_sub(padding));
        let payload = payload.filter(|payload| !payload.is_empty());
        Ok(Some(payload.ok_or_else(|| strange("an empty packet"))?.to_vec()))
    }

    fn message(&mut self, payload: &[u8]) -> io::Result<()> {
        let number = payload[0];
        self.note(true, number);
        match number {
            1 => {
                if let Ok(farewell) = Disconnect::decode(payload) {
                    let words = one_line(farewell.description, WORDS_BYTES_MAX);
                    let orderly = farewell.reason_code == DisconnectReason::ByApplication.code();
                    self.report.finished |= orderly && self.answer == Answer::Given;
                    self.report.farewell = Some((farewell.reason_code, words));
                }
            }
            5 => self.send(&[&[6][..], &payload[1..]].concat()),
            20 => self.kexinit(payload)?,
            30..=49 if self.skips_guess => self.skips_guess = false,
            30 => self.share(payload)?,
            21 => self.new_keys()?,
            50 => self.send(&[52]),
            80 => {
                let mut r = Reader::new(payload.get(1..).unwrap_or_default());
                if r.string("name").is_ok() && r.boolean("want reply") == Ok(true) {
                    self.send(&[82]);
                }
            }
            90 => self.open_channel(payload)?,
            98 => self.request(payload)?,
            97 => {
                self.report.finished |= self.answer == Answer::Given;
                self.end_channel();
            }
            2..=4 | 7 | 93..=96 => {}
            _ => {
                let sequence = self.received.wrapping_sub(1);
                self.send(&[&[3][..], &sequence.to_be_bytes()].concat());
            }
        }
        Ok(())
    }

    fn send_kexinit(&mut self) {
        let (hashed, sent) = exchange::kexinit(self);
        self.i_s = hashed;
        let altered = self.i_s != sent;
        self.exchanging = true;
        self.send(&sent);
        if altered {
            self.planted();
        }
    }

    fn kexinit(&mut self, payload: &[u8]) -> io::Result<()> {
        if !self.exchanging {
            self.send_kexinit();
        }
        self.i_c = payload.to_vec();
        let offer = exchange::Offer::read(self, payload)?;
        (self.skips_guess, self.ciphers) = (offer.guessed_wrong, offer.ciphers);
        if self.exchanges == 0 {
            self.strict = offer.strict;
            self.wants_ext_info = offer.wants_ext_info;
            self.unless_concerned(&offer);
        }
        if self.has(Fault::Terrapin) && self.exchanges == 0 {
            // Whoever is on the way puts it in; the server's own count knows nothing of it.
            self.send(&[2, 0, 0, 0, 0]);
            self.sent = self.sent.wrapping_sub(1);
            self.planted();
        }
        Ok(())
    }

    /// Leaves out a fault that this client has nothing to fear of.
    fn unless_concerned(&mut self, offer: &exchange::Offer) {
        self.report.unconcerned = match self.fault {
            Some(Fault::Terrapin) if !offer.has_chacha20() => {
                Some("it does not use chacha20-poly1305")
            }
            Some(Fault::NoReset) if !offer.strict => Some("it does no strict key exchange"),
            _ => return,
        };
        self.fault = None;
    }

    /// The client's share is answered, and our keys change.
    fn share(&mut self, payload: &[u8]) -> io::Result<()> {
        let (reply, Keys { sealer, opener, planted }) = exchange::reply(self, payload)?;
        self.send(&reply);
        if planted {
            self.planted();
        }
        if self.has(Fault::EarlySuccess) && self.exchanges == 0 {
            self.send(&[52]);
            self.planted();
        }
        self.send(&[21]);
        self.sealer = sealer;
        self.next_opener = Some(opener);
        match self.strict && self.has(Fault::NoReset) {
            true => self.planted(),
            false if self.strict => self.sent = 0,
            false => {}
        }
        if self.wants_ext_info && self.exchanges == 0 {
            let kept = self.out.len();
            let mut extensions = vec![7, 0, 0, 0, 1];
            let mut w = Writer::new(&mut extensions);
            w.string(b"server-sig-algs");
            w.string(b"ssh-ed25519");
            self.send(&extensions);
            if self.has(Fault::Terrapin) {
                // And this is what was put in for: the first packet under keys is cut off.
                self.out.truncate(kept);
            }
        }
        self.exchanging = false;
        self.exchanges += 1;
        Ok(())
    }

    fn new_keys(&mut self) -> io::Result<()> {
        self.opener = self.next_opener.take().ok_or_else(|| strange("NEWKEYS without keys"))?;
        if self.strict {
            self.received = 0;
        }
        if self.answer == Answer::FirstHalf {
            self.answer = Answer::SecondHalf;
            if self.has(Fault::Window) {
                let window = self.channel.as_ref().map_or(0, |channel| channel.first_window);
                let burst = window.saturating_mul(BURST_WINDOWS);
                let burst = burst.clamp(*BURST_BYTES.start(), *BURST_BYTES.end());
                self.answer = Answer::Burst(burst);
            } else {
                self.finish();
            }
        }
        Ok(())
    }

    fn open_channel(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut r = Reader::new(payload.get(1..).unwrap_or_default());
        let bad = |_| strange("an open that cannot be read");
        let _kind = r.string("channel type").map_err(bad)?;
        let number = r.uint32("sender channel").map_err(bad)?;
        let window = r.uint32("initial window size").map_err(bad)?;
        let packet = r.uint32("maximum packet size").map_err(bad)?;
        if u64::from(window) < 4 * DATA_BYTES as u64 || (packet as usize) < 2 * DATA_BYTES {
            return Err(strange("a window that is too small for the answer"));
        }
        self.channel = Some(Channel {
            number,
            first_window: window as usize,
            window: window.into(),
            packet: (packet as usize).min(32 << 10),
        });
        let fields = [number, 0, 1 << 20, 32 << 10].map(u32::to_be_bytes).concat();
        self.send(&[&[91][..], &fields].concat());
        Ok(())
    }

    /// Any command has the same answer; everything else is refused.
    fn request(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut r = Reader::new(payload.get(5..).unwrap_or_default());
        let bad = |_| strange("a request that cannot be read");
        let kind = r.string("request type").map_err(bad)?;
        let want_reply = r.boolean("want reply").map_err(bad)?;
        let starts = matches!(kind, b"exec" | b"shell") && self.answer == Answer::Awaited;
        let number = self.channel.as_ref().map_or(0, |channel| channel.number).to_be_bytes();
        if starts && self.has(Fault::Reflection) {
            // The request itself comes back, as it was on the wire.
            let reflected = self.last_wire.clone();
            self.out.extend_from_slice(&reflected);
            self.note(false, 98);
            self.planted();
        }
        if want_reply {
            self.send(&[&[if starts { 99 } else { 100 }][..], &number].concat());
        }
        if starts {
            self.first_half();
        }
        Ok(())
    }

    /// Two packets of data, and the wish for new keys.
    fn first_half(&mut self) {
        self.answer = Answer::FirstHalf;
        self.send_first();
        self.send_data(&[b'2'; DATA_BYTES]);
        if self.has(Fault::Reorder) {
            let first = std::mem::take(&mut self.held);
            self.out.extend_from_slice(&first);
            self.planted();
        } else if self.has(Fault::SameNumber) {
            self.planted();
        }
        self.send_kexinit();
    }

    /// The first packet of data, in which most faults are.
    fn send_first(&mut self) {
        let data = [b'1'; DATA_BYTES];
        let kept = self.out.len();
        match self.fault {
            Some(Fault::ShortPadding) => {
                let payload = self.data(&data, 0);
                let packet = self.packet(&payload, Some(3));
                self.out.extend_from_slice(&packet);
                self.note(false, 94);
            }
            Some(Fault::UnknownChannel) => {
                let payload = self.data(&data, 1);
                self.send(&payload);
            }
            _ => self.send_data(&data),
        }
        match self.fault {
            Some(Fault::BitFlip) => {
                if let Some(byte) = self.out.get_mut(kept + FLIPPED_BYTE) {
                    *byte ^= 1;
                }
            }
            Some(Fault::Replay) => {
                self.out.extend_from_within(kept..);
                self.note(false, 94);
            }
            Some(Fault::ShortPadding | Fault::UnknownChannel) => {}
            Some(Fault::Reorder) => {
                self.held = self.out.split_off(kept);
                return;
            }
            Some(Fault::SameNumber) => {
                self.sent = self.sent.wrapping_sub(1);
                return;
            }
            _ => return,
        }
        self.planted();
    }

    /// The last words, and the end.
    fn finish(&mut self) {
        self.send_data(LAST);
        let Some(number) = self.channel.as_ref().map(|channel| channel.number) else { return };
        self.send(&ChannelEof::new(number).payload());
        let mut status = vec![98];
        let mut w = Writer::new(&mut status);
        w.uint32(number);
        w.string(b"exit-status");
        w.boolean(false);
        w.uint32(0);
        self.send(&status);
        self.answer = Answer::Given;
        self.report.given = true;
        self.end_channel();
    }

    fn end_channel(&mut self) {
        if let Some(channel) = self.channel.take() {
            self.send(&ChannelClose::new(channel.number).payload());
        }
    }

    /// Data for the client's channel, or for one whose number is larger.
    fn data(&self, data: &[u8], beyond: u32) -> Vec<u8> {
        let number = self.channel.as_ref().map_or(0, |channel| channel.number);
        ChannelData::new(number.wrapping_add(beyond), data).payload()
    }

    fn send_data(&mut self, data: &[u8]) {
        let payload = self.data(data, 0);
        if let Some(channel) = &mut self.channel {
            channel.window = channel.window.saturating_sub(data.len() as u64);
        }
        self.report.sent += data.len() as u64;
        self.send(&payload);
    }

    fn send(&mut self, payload: &[u8]) {
        let packet = self.packet(payload, None);
        self.out.extend_from_slice(&packet);
        self.note(false, payload[0]);
    }

    /// A payload as a packet, with so much padding as there has to be, or is asked for.
    fn packet(&mut self, payload: &[u8], padding: Option<usize>) -> Vec<u8> {
        let block = self.sealer.block_len().max(8);
        let outside = if self.sealer.length_is_aligned() { 4 } else { 0 };
        let over = block - (outside + 1 + payload.len()) % block;
        let padding = padding.unwrap_or(if over < 4 { over + block } else { over });
        let length = 1 + payload.len() + padding;
        let mut packet = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        packet.push(u8::try_from(padding).unwrap_or(u8::MAX));
        packet.extend_from_slice(payload);
        packet.resize(4 + length + self.sealer.tag_len(), 0);
        // It is as large as it says, so it is sealed.
        let _ = self.sealer.seal(self.sent, &mut packet);
        self.sent = self.sent.wrapping_add(1);
        packet
    }

    /// The packet that went out last has the fault.
    fn planted(&mut self) {
        self.report.planted = true;
        let Some(last) = self.report.story.iter_mut().rev().find(|p| !p.from_client) else {
            return;
        };
        let number = last.number;
        if last.faulty {
            return;
        }
        if last.times == 1 {
            last.faulty = true;
            return;
        }
        last.times -= 1;
        self.report.story.push(Passed { from_client: false, number, times: 1, faulty: true });
    }

    fn note(&mut self, from_client: bool, number: u8) {
        let new = Passed { from_client, number, times: 1, faulty: false };
        let room = self.report.story.len() < STORY_MAX;
        match self.report.story.last_mut() {
            Some(last) if Passed { times: 1, ..*last } == new => last.times += 1,
            _ if room => self.report.story.push(new),
            _ => {}
        }
    }
}

impl Passed {
    /// One line.
    pub fn text(&self) -> String {
        let way =
            if self.from_client { "client ──▶ server" } else { "client ◀── server" };
        let name = match self.number {
            30 => "SSH_MSG_KEX_ECDH_INIT",
            31 => "SSH_MSG_KEX_ECDH_REPLY",
            number => name(number),
        };
        let mark = if self.faulty { "  <- here" } else { "" };
        let times = if self.times > 1 { format!(", {} times", self.times) } else { String::new() };
        format!("  {way} {name} ({}){times}{mark}\n", self.number)
    }
}

/// A client that nobody can follow.
pub fn strange(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the client sent {what}"))
}

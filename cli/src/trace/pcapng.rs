//! The trace as a capture: packets in TCP that nobody sent, one segment each, so that Wireshark
//! needs neither a privilege nor luck with where the network cut the stream.
//!
//! With secrets in the trace a Decryption Secrets Block stands before the packets of each key
//! exchange, and the capture opens decrypted.

use super::Face;
use super::keylog;
use tssh_transport::trace::{Event, KeyLog, Kind, Map, Value};
use zeroize::Zeroizing;

/// Most bytes of one segment: an IPv4 packet cannot be longer than 65,535.
const SEGMENT_BYTES_MAX: usize = 60_000;
/// Packets that wait for their secrets; a key exchange takes a few kilobytes.
const HELD_BYTES_MAX: usize = 8 * 1024 * 1024;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const SECRETS: u32 = 0x0a;
/// Secrets of SSH, as Wireshark and the format's draft have it.
const SSH_KEY_LOG: u32 = 0x5353_484b;
const ETHERNET: u16 = 1;

/// Addresses that are for documentation only (RFC 5737).
const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [192, 0, 2, 2];
const CLIENT_PORT: u16 = 50_022;
const SERVER_PORT: u16 = 22;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PUSH: u8 = 8;
const ACK: u8 = 16;

/// The face.
#[derive(Debug, Default)]
pub struct Capture {
    /// When the trace began, in microseconds of the epoch.
    started: u64,
    at: u64,
    /// Sequence numbers of client and server.
    next: [u32; 2],
    /// Blocks that wait for a key exchange's secrets.
    held: Option<Vec<u8>>,
    /// The trace shows secrets.
    secrets: bool,
    identification: u16,
}

impl Face for Capture {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        let v = &event.values;
        self.at = self.started.saturating_add(event.at.as_micros());
        match event.kind {
            Kind::Header => self.begin(v, out),
            Kind::Ident | Kind::Packet => {
                if self.secrets && v.number("msg") == 20 && self.held.is_none() {
                    self.held = Some(Vec::new());
                }
                let mut held = self.held.take();
                self.carry(v, held.as_mut().unwrap_or(out));
                self.held = held;
                if self.held.as_ref().is_some_and(|held| held.len() > HELD_BYTES_MAX) {
                    self.release(out);
                }
            }
            Kind::Kex if self.secrets => {
                if let Some(log) = key_log(v) {
                    secrets_block(&keylog::lines(&log), out);
                }
                self.release(out);
            }
            Kind::Summary => {
                self.release(out);
                self.segment(false, FIN | ACK, &[], out);
                self.segment(true, FIN | ACK, &[], out);
                self.segment(false, ACK, &[], out);
            }
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(out);
    }
}

/// The key log's view of an exchange, where its secrets are there.
fn key_log(v: &Map) -> Option<KeyLog> {
    let inputs = v.list("inputs").iter().filter_map(Value::as_map);
    let k = inputs.into_iter().find(|input| input.text("name") == "K")?;
    let encoded = k.get("hex")?.as_bytes()?;
    let scalar = v.get("scalar").and_then(Value::as_map).map(|scalar| scalar.bytes("hex"));
    let scalar = scalar.filter(|scalar| !scalar.is_empty());
    Some(KeyLog::new(v.bytes("cookie").to_vec(), scalar, &encoded, k.text("type")))
}

/// One block: its type and length, what it holds, and its length again.
fn block(kind: u32, content: &[u8], out: &mut Vec<u8>) {
    let padded = content.len().next_multiple_of(4);
    let length = u32::try_from(padded + 12).unwrap_or(u32::MAX);
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(content);
    out.resize(out.len() + padded - content.len(), 0);
    out.extend_from_slice(&length.to_le_bytes());
}

fn secrets_block(lines: &str, out: &mut Vec<u8>) {
    let mut content = Zeroizing::new(Vec::with_capacity(lines.len() + 8));
    content.extend_from_slice(&SSH_KEY_LOG.to_le_bytes());
    content.extend_from_slice(&u32::try_from(lines.len()).unwrap_or(u32::MAX).to_le_bytes());
    content.extend_from_slice(lines.as_bytes());
    block(SECRETS, &content, out);
}

/// The Internet checksum of RFC 1071 over several parts of even length but the last.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap_or(0)
}

impl Capture {
    fn begin(&mut self, v: &Map, out: &mut Vec<u8>) {
        self.started = v.number("started_us");
        self.at = self.started;
        self.secrets = v.text("secrets") == "shown";
        let mut section = Vec::new();
        section.extend_from_slice(&0x1a2b_3c4du32.to_le_bytes());
        section.extend_from_slice(&1u16.to_le_bytes());
        section.extend_from_slice(&0u16.to_le_bytes());
        // The section's length is not known.
        section.extend_from_slice(&u64::MAX.to_le_bytes());
        block(SECTION, &section, out);
        let mut interface = Vec::new();
        interface.extend_from_slice(&ETHERNET.to_le_bytes());
        interface.extend_from_slice(&[0; 6]);
        block(INTERFACE, &interface, out);
        self.segment(true, SYN, &[], out);
        self.segment(false, SYN | ACK, &[], out);
        self.segment(true, ACK, &[], out);
    }

    /// The bytes of an event, in one segment where that is possible.
    fn carry(&mut self, v: &Map, out: &mut Vec<u8>) {
        let wire = v.bytes("wire");
        for part in wire.chunks(SEGMENT_BYTES_MAX) {
            self.segment(v.text("dir") != "s2c", PUSH | ACK, part, out);
        }
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        if let Some(held) = self.held.take() {
            out.extend_from_slice(&held);
        }
    }

    /// One TCP segment in IPv4 in Ethernet, its checksums and numbers as they would be.
    fn segment(&mut self, from_client: bool, flags: u8, data: &[u8], out: &mut Vec<u8>) {
        let (us, peer) = if from_client { (0, 1) } else { (1, 0) };
        let (from, to) = if from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let (from_port, to_port) = match from_client {
            true => (CLIENT_PORT, SERVER_PORT),
            false => (SERVER_PORT, CLIENT_PORT),
        };
        let acknowledged = if flags & ACK == 0 { 0 } else { self.next[peer] };
        let mut tcp = Vec::with_capacity(20);
        tcp.extend_from_slice(&from_port.to_be_bytes());
        tcp.extend_from_slice(&to_port.to_be_bytes());
        tcp.extend_from_slice(&self.next[us].to_be_bytes());
        tcp.extend_from_slice(&acknowledged.to_be_bytes());
        tcp.extend_from_slice(&[5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        let length = u16::try_from(tcp.len() + data.len()).unwrap_or(u16::MAX);
        let pseudo = [&from[..], &to[..], &[0, 6], &length.to_be_bytes()].concat();
        let sum = checksum(&[&pseudo, &tcp, data]);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());

        let total = length.saturating_add(20);
        self.identification = self.identification.wrapping_add(1);
        let mut ip = vec![0x45, 0];
        ip.extend_from_slice(&total.to_be_bytes());
        ip.extend_from_slice(&self.identification.to_be_bytes());
        // Not to be cut; 64 hops; TCP.
        ip.extend_from_slice(&[0x40, 0, 64, 6, 0, 0]);
        ip.extend_from_slice(&from);
        ip.extend_from_slice(&to);
        let sum = checksum(&[&ip]);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());

        // Locally administered addresses: 1 is the client's, 2 the server's.
        let mac = |end: usize| [2, 0, 0, 0, 0, u8::from(end == 1) + 1];
        let frame = [&mac(peer)[..], &mac(us), &[8, 0], &ip, &tcp, data].concat();
        let mut content = Vec::with_capacity(frame.len() + 20);
        content.extend_from_slice(&0u32.to_le_bytes());
        content.extend_from_slice(&u32::try_from(self.at >> 32).unwrap_or(0).to_le_bytes());
        let low = u32::try_from(self.at & u64::from(u32::MAX)).unwrap_or(0);
        content.extend_from_slice(&low.to_le_bytes());
        let frame_len = u32::try_from(frame.len()).unwrap_or(u32::MAX).to_le_bytes();
        content.extend_from_slice(&frame_len);
        content.extend_from_slice(&frame_len);
        content.extend_from_slice(&frame);
        block(PACKET, &content, out);

        let counted = u32::from(flags & (SYN | FIN) != 0);
        let sent = u32::try_from(data.len()).unwrap_or(0) + counted;
        self.next[us] = self.next[us].wrapping_add(sent);
    }
}

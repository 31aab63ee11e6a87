//! RFC 4253 sections 4.2 and 6: identification strings, packets in each mode, compression.

use super::cursor::Cursor;
use tssh_transport::cipher::{DirectionKeys, Sealer, cipher, mac, none_opener, none_sealer};
use tssh_transport::compression::{Deflater, Inflater};
use tssh_transport::limits::{INFLATED_BYTES_MAX, PACKET_LENGTH_MAX};
use tssh_transport::packet::Inbound;
use tssh_transport::version::{Identification, Line};
use tssh_transport::{Error, Side};

/// The lines before and with the identification string. The first byte says whose they are.
pub fn identification(data: &[u8]) {
    let mut data = Cursor::new(data);
    let side = if data.byte().is_multiple_of(2) { Side::Client } else { Side::Server };
    let mut unread = data.rest();
    let mut reader = Identification::default();
    let mut read = 0;
    loop {
        match reader.look(side, unread) {
            Ok(Line::Prelude { consumed }) => {
                assert!(side.is_client(), "a server takes no lines before it");
                unread = unread.get(consumed..).expect("no more than there is");
                read += consumed;
                assert!(read <= 128 * 1024, "lines without end");
            }
            Ok(Line::Identification { consumed, identification }) => {
                assert!(consumed <= 255 && identification.len() < consumed);
                assert!(identification.starts_with(b"SSH-"));
                assert!(!identification.iter().any(|b| *b < b' ' || *b == 0x7f));
                return;
            }
            Ok(Line::Incomplete) | Err(_) => return,
        }
    }
}

/// A peer's packets: what it means, and the bytes.
struct Peer {
    sealer: Box<dyn Sealer>,
    sequence: u32,
    stream: Vec<u8>,
    /// Payloads that must come out, in their order, as long as nothing was tampered with.
    meant: Vec<Vec<u8>>,
    /// What follows need not come out.
    tampered: bool,
}

impl Peer {
    fn honest(&mut self, payload: &[u8]) {
        let block = self.sealer.block_len().max(8);
        let outside = if self.sealer.length_is_aligned() { 4 } else { 0 };
        let padding = match block - (outside + 1 + payload.len()) % block {
            n if n < 4 => n + block,
            n => n,
        };
        let length = u32::try_from(1 + payload.len() + padding).expect("a short packet");
        let rest = [payload, &vec![0xaa; padding]].concat();
        self.frame(length, u8::try_from(padding).expect("at most two blocks"), &rest);
        if !self.tampered {
            self.meant.push(payload.to_vec());
        }
    }

    /// Any length and padding length, with a valid tag where the mode can make one.
    fn frame(&mut self, length: u32, padding: u8, rest: &[u8]) {
        let mut packet = length.to_be_bytes().to_vec();
        packet.push(padding);
        packet.extend(rest);
        packet.resize(packet.len() + self.sealer.tag_len(), 0);
        // What cannot be sealed goes out as it is.
        let _ = self.sealer.seal(self.sequence, &mut packet);
        self.sequence = self.sequence.wrapping_add(1);
        self.stream.extend(packet);
    }
}

/// Carries out the orders of an input with a sealer and an opener of the same keys.
fn packets(data: &[u8], cipher_name: &str, mac_name: &str) {
    let key = [7; 64];
    let (sealer, opener) = if cipher_name.is_empty() {
        (none_sealer(), none_opener())
    } else {
        let row = cipher(cipher_name).expect("a cipher");
        let mac = mac(mac_name);
        let mac_key = &key[..mac.map_or(0, |mac| mac.key_len)];
        let keys = DirectionKeys { iv: &key[..row.iv_len], key: &key[..row.key_len], mac_key };
        let (sealer, opener) = ((row.sealer)(&keys, mac), (row.opener)(&keys, mac));
        (sealer.expect("keys of the right size"), opener.expect("keys of the right size"))
    };
    let mut orders = Cursor::new(data);
    let (manner, piece) = (orders.byte(), usize::from(orders.byte()).max(1));
    let mut peer =
        Peer { sealer, sequence: 0, stream: Vec::new(), meant: Vec::new(), tampered: false };
    while !orders.is_empty() && peer.stream.len() < 16 * 1024 {
        match orders.byte() % 6 {
            0 | 1 => peer.honest(orders.counted()),
            2 => {
                peer.tampered = true;
                let (length, padding) = (orders.word(), orders.byte());
                peer.frame(length, padding, orders.counted());
            }
            3 => {
                peer.tampered = true;
                peer.stream.extend(orders.counted());
            }
            4 if !peer.tampered && !peer.stream.is_empty() => {
                // Which packet that is, is not known here: from now on all of them are suspect,
                // and those before it are looked at by the inputs without this order.
                peer.tampered = true;
                peer.meant.clear();
                let at = usize::from(orders.short()) % peer.stream.len();
                peer.stream[at] ^= 1 << (orders.byte() % 8);
            }
            _ => {
                let size = usize::from(orders.short()) % 8192;
                peer.honest(&vec![orders.byte(); size]);
            }
        }
    }
    let mut inbound = Inbound::new();
    if manner & 1 == 1 {
        inbound.allow_large_packets();
    }
    inbound.change_keys(opener, true);
    opened(&mut inbound, &peer, piece);
}

fn opened(inbound: &mut Inbound, peer: &Peer, piece: usize) {
    let mut meant = peer.meant.iter();
    for piece in peer.stream.chunks(piece) {
        inbound.space(piece.len())[..piece.len()].copy_from_slice(piece);
        inbound.received(piece.len());
        loop {
            match inbound.next_packet() {
                Ok(None) => break,
                Ok(Some(range)) => {
                    let payload = inbound.payload(&range);
                    assert!(!payload.is_empty(), "a payload has a number at least");
                    match meant.next() {
                        Some(meant) => assert!(payload == meant, "another payload"),
                        None => assert!(peer.tampered, "a packet that nobody sent"),
                    }
                }
                Err(error) => {
                    assert!(!matches!(error, Error::Internal(_)), "{error}");
                    let legal = meant.next().is_none_or(|meant| meant.is_empty());
                    assert!(peer.tampered || legal, "an honest packet is refused: {error}");
                    return;
                }
            }
        }
        assert!(inbound.unread().len() <= PACKET_LENGTH_MAX as usize + 1024);
    }
    assert!(peer.tampered || meant.next().is_none(), "a packet was lost");
}

/// chacha20-poly1305@openssh.com.
pub fn chacha20_poly1305(data: &[u8]) {
    packets(data, "chacha20-poly1305@openssh.com", "");
}

/// aes128-gcm@openssh.com.
pub fn aes_gcm(data: &[u8]) {
    packets(data, "aes128-gcm@openssh.com", "");
}

/// aes128-ctr, encrypt then MAC.
pub fn aes_ctr_etm(data: &[u8]) {
    packets(data, "aes128-ctr", "hmac-sha2-256-etm@openssh.com");
}

/// aes128-ctr, encrypt and MAC.
pub fn aes_ctr_mac(data: &[u8]) {
    packets(data, "aes128-ctr", "hmac-sha2-512");
}

/// Before the first NEWKEYS.
pub fn clear(data: &[u8]) {
    packets(data, "", "");
}

/// Compressed payloads of one stream, each behind its length in one byte; and what was compressed
/// comes out as it was.
pub fn inflate(data: &[u8]) {
    let mut orders = Cursor::new(data);
    let (mut inflater, mut out) = (Inflater::new(), Vec::new());
    while !orders.is_empty() {
        out.clear();
        let outcome = inflater.inflate(orders.counted(), &mut out);
        assert!(out.len() <= INFLATED_BYTES_MAX, "{} bytes", out.len());
        match outcome {
            Ok(()) => {}
            Err(Error::Compression(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
    for payload in data.chunks(1000) {
        let mut packed = Vec::new();
        deflater.deflate(payload, &mut packed).expect("it compresses");
        out.clear();
        inflater.inflate(&packed, &mut out).expect("our own data");
        assert!(out == payload, "another payload");
    }
}

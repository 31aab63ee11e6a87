//! TCP out of frames: who talks to whom, and the bytes of each direction in order.

use super::frames::Frame;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Connections that are followed at once; a capture of a busy link has more, mostly not SSH.
const CONNECTIONS_MAX: usize = 4096;
/// Bytes that may wait for a segment that is missing, in one direction.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Segments that may.
const WAITING_SEGMENTS_MAX: usize = 8192;
/// Headers of IPv6 before TCP.
const EXTENSIONS_MAX: u32 = 8;

const ETHERNET: u32 = 1;
const NULL: u32 = 0;
const LOOP: u32 = 108;
const RAW: [u32; 4] = [12, 101, 228, 229];
const COOKED: u32 = 113;
const COOKED_2: u32 = 276;

const SYN: u8 = 2;
const ACK: u8 = 16;

/// One segment.
#[derive(Debug, PartialEq, Eq)]
struct Segment<'a> {
    from: SocketAddr,
    to: SocketAddr,
    seq: u32,
    flags: u8,
    data: &'a [u8],
}

/// Bytes of one connection that are in order now.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which connection, from 0, in the order of their first segments.
    pub connection: usize,
    /// Whether the client sent them.
    pub from_client: bool,
    /// The bytes; empty where a gap will never be filled, as bytes are missing.
    pub bytes: Vec<u8>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// The IP packet within a frame.
fn ip(frame: &Frame) -> Option<&[u8]> {
    let bytes = &frame.bytes[..];
    match frame.link {
        ETHERNET => {
            let mut at = 12;
            // Tags of virtual networks.
            while matches!(u16_at(bytes, at)?, 0x8100 | 0x88a8) {
                at += 4;
            }
            matches!(u16_at(bytes, at)?, 0x0800 | 0x86dd).then(|| bytes.get(at + 2..)).flatten()
        }
        NULL | LOOP => bytes.get(4..),
        COOKED => bytes.get(16..),
        COOKED_2 => bytes.get(20..),
        link if RAW.contains(&link) => Some(bytes),
        _ => None,
    }
}

fn segment(frame: &Frame) -> Option<Segment<'_>> {
    let packet = ip(frame)?;
    let (from, to, tcp) = match packet.first()? >> 4 {
        4 => {
            let head = usize::from(packet.first()? & 15) * 4;
            // A fragment has its own place; nobody cuts TCP that way any more.
            if *packet.get(9)? != 6 || u16_at(packet, 6)? & 0x3fff != 0 {
                return None;
            }
            let total = match usize::from(u16_at(packet, 2)?) {
                // The network card cut it later.
                0 => packet.len(),
                total => total.min(packet.len()),
            };
            let address = |at: usize| -> Option<IpAddr> {
                let four: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
                Some(Ipv4Addr::from(four).into())
            };
            (address(12)?, address(16)?, packet.get(head..total)?)
        }
        6 => {
            let address = |at: usize| -> Option<IpAddr> {
                let sixteen: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
                Some(Ipv6Addr::from(sixteen).into())
            };
            let total = match usize::from(u16_at(packet, 4)?) {
                0 => packet.len(),
                payload => (payload + 40).min(packet.len()),
            };
            let (mut next, mut at) = (*packet.get(6)?, 40);
            for _ in 0..EXTENSIONS_MAX {
                if !matches!(next, 0 | 43 | 60) {
                    break;
                }
                next = *packet.get(at)?;
                at += usize::from(*packet.get(at + 1)?) * 8 + 8;
            }
            if next != 6 {
                return None;
            }
            (address(8)?, address(24)?, packet.get(at..total)?)
        }
        _ => return None,
    };
    let head = usize::from(tcp.get(12)? >> 4) * 4;
    Some(Segment {
        from: SocketAddr::new(from, u16_at(tcp, 0)?),
        to: SocketAddr::new(to, u16_at(tcp, 2)?),
        seq: u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?),
        flags: *tcp.get(13)?,
        data: tcp.get(head.max(20)..).unwrap_or_default(),
    })
}

/// One direction.
#[derive(Debug, Default)]
struct Direction {
    /// The sequence number of the first byte.
    start: Option<u32>,
    /// Bytes that were handed on.
    done: u64,
    waiting: BTreeMap<u64, Vec<u8>>,
    waiting_bytes: usize,
    lost: bool,
}

impl Direction {
    /// Takes a segment and gives what is in order now; none where the stream cannot go on.
    fn take(&mut self, seq: u32, syn: bool, data: &[u8]) -> Option<Vec<u8>> {
        let first = if syn { seq.wrapping_add(1) } else { seq };
        let start = *self.start.get_or_insert(first);
        // Its place in the stream: the one nearest to what is awaited.
        let awaited = start.wrapping_add(u32::try_from(self.done & 0xffff_ffff).unwrap_or(0));
        let ahead = first.wrapping_sub(awaited);
        let at = match i32::try_from(ahead) {
            Ok(_) => self.done.saturating_add(u64::from(ahead)),
            Err(_) => self.done.checked_sub(u64::from(ahead.wrapping_neg()))?,
        };
        self.hold(at, data);
        let mut out = Vec::new();
        while let Some((&at, _)) = self.waiting.first_key_value() {
            if at > self.done {
                break;
            }
            let Some((_, bytes)) = self.waiting.pop_first() else { break };
            self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes.len());
            let known = usize::try_from(self.done - at).unwrap_or(usize::MAX);
            let new = bytes.get(known..).unwrap_or_default();
            self.done = self.done.saturating_add(u64::try_from(new.len()).unwrap_or(0));
            out.extend_from_slice(new);
        }
        Some(out)
    }

    fn hold(&mut self, at: u64, data: &[u8]) {
        let longer = self.waiting.get(&at).is_none_or(|held| held.len() < data.len());
        if data.is_empty() || !longer {
            return;
        }
        self.waiting_bytes = self.waiting_bytes.saturating_add(data.len());
        if let Some(old) = self.waiting.insert(at, data.to_vec()) {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(old.len());
        }
    }

    /// Whether more waits than a missing segment explains.
    fn overflows(&self) -> bool {
        self.waiting_bytes > WAITING_BYTES_MAX || self.waiting.len() > WAITING_SEGMENTS_MAX
    }
}

/// One connection.
#[derive(Debug)]
struct Connection {
    client: SocketAddr,
    server: SocketAddr,
    directions: [Direction; 2],
}

/// All connections of a capture.
#[derive(Debug, Default)]
pub struct Streams {
    connections: Vec<Connection>,
    /// The newest connection between two ends.
    by_ends: BTreeMap<(SocketAddr, SocketAddr), usize>,
}

impl Streams {
    /// Client and server of a connection.
    #[must_use]
    pub fn ends(&self, connection: usize) -> Option<(SocketAddr, SocketAddr)> {
        self.connections.get(connection).map(|one| (one.client, one.server))
    }

    /// The next frame; what it brings, if anything.
    pub fn frame(&mut self, frame: &Frame) -> Option<Piece> {
        let segment = segment(frame)?;
        let syn = segment.flags & SYN != 0;
        let connection = self.find(&segment)?;
        let one = self.connections.get_mut(connection)?;
        let from_client = one.client == segment.from;
        let direction = one.directions.get_mut(usize::from(!from_client))?;
        if direction.lost {
            return None;
        }
        let bytes = direction.take(segment.seq, syn, segment.data).unwrap_or_default();
        if bytes.is_empty() && direction.overflows() {
            direction.lost = true;
            direction.waiting.clear();
            return Some(Piece { connection, from_client, bytes });
        }
        (!bytes.is_empty()).then_some(Piece { connection, from_client, bytes })
    }

    fn find(&mut self, segment: &Segment<'_>) -> Option<usize> {
        let (from, to) = (segment.from, segment.to);
        let ends = if from < to { (from, to) } else { (to, from) };
        let opens = segment.flags & (SYN | ACK) == SYN;
        let known = self.by_ends.get(&ends).copied();
        let used = |at: usize| {
            self.connections
                .get(at)
                .is_some_and(|one| one.directions.iter().any(|direction| direction.done > 0))
        };
        if let Some(at) = known.filter(|at| !(opens && used(*at))) {
            return Some(at);
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            return None;
        }
        // Where the beginning is missing the lower port is the server's.
        let answers = segment.flags & (SYN | ACK) == SYN | ACK;
        let client_sent = opens || (!answers && from.port() > to.port());
        let (client, server) = if client_sent { (from, to) } else { (to, from) };
        self.connections.push(Connection { client, server, directions: Default::default() });
        let at = self.connections.len() - 1;
        self.by_ends.insert(ends, at);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(direction: &mut Direction, seq: u32, data: &[u8]) -> Vec<u8> {
        direction.take(seq, false, data).unwrap_or_default()
    }

    #[test]
    fn segments_come_in_any_order_twice_and_over_the_wrap() {
        let mut direction = Direction::default();
        let start = u32::MAX - 3;
        assert!(direction.take(start - 1, true, b"").unwrap().is_empty());
        assert!(taken(&mut direction, start.wrapping_add(6), b"ghi").is_empty());
        assert_eq!(taken(&mut direction, start, b"abc"), b"abc");
        assert!(taken(&mut direction, start, b"abc").is_empty());
        assert_eq!(taken(&mut direction, start.wrapping_add(1), b"bcdef"), b"defghi");
        assert!(taken(&mut direction, start.wrapping_sub(9), b"old").is_empty());
        assert_eq!(direction.waiting_bytes, 0);
    }

    #[test]
    fn a_gap_is_not_waited_for_without_bound() {
        let mut direction = Direction::default();
        taken(&mut direction, 0, b"x");
        for n in 1..=u32::try_from(WAITING_SEGMENTS_MAX).unwrap() + 1 {
            taken(&mut direction, n * 10, b"later");
        }
        assert!(direction.overflows());
    }
}

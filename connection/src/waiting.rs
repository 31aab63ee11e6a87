//! Data that waits for its consumer in the packets it came in.
//!
//! One read of the SSH socket brings several packets of a busy channel. Copied into its ring they
//! would each be moved once more before they are written. So they stay where they were decrypted,
//! and the consumer is shown all of them at once: one vectored write for a whole read. What is not
//! taken by the time the receive buffer is needed again moves to the ring.

use crate::channel::{ChannelKey, RecvRing};
use crate::connection::Connection;
use crate::data_path::Arrived;
use crate::event::Stream;
use crate::limits;
use tssh_transport::PayloadRange;

/// Data of one packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    channel: ChannelKey,
    stream: Stream,
    range: PayloadRange,
    /// Offset in the payload of the first byte that was not taken.
    at: usize,
    len: usize,
}

impl Piece {
    /// Where its payload lies.
    pub(crate) const fn range(&self) -> &PayloadRange {
        &self.range
    }

    /// Its bytes, of the payload it stands in.
    pub(crate) fn of<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        payload.get(self.at..).and_then(|rest| rest.get(..self.len)).unwrap_or_default()
    }
}

impl Connection {
    /// Lets the `len` bytes that arrived wait in their packet; `false` where they cannot, because
    /// the payload is not in the receive buffer, or because there are too many already.
    pub(crate) fn wait_in_packet(
        &mut self,
        arrived: &Arrived,
        range: PayloadRange,
        len: usize,
    ) -> bool {
        if !range.in_place() || self.pieces.len() >= limits::PIECES_MAX {
            return false;
        }
        let Arrived { channel, stream, at, .. } = *arrived;
        let Some(found) = self.table.get_mut(channel) else { return false };
        found.ring_mut(stream).lend(len);
        self.pieces.push(Piece { channel, stream, range, at, len });
        true
    }

    /// Data behind what waits in packets: it waits too, or all of it moves to the rings.
    pub(crate) fn wait_behind<'a>(
        &mut self,
        arrived: &Arrived,
        range: PayloadRange,
        payload: impl Fn(&PayloadRange) -> &'a [u8],
    ) {
        let bytes = payload(&range).get(arrived.at..).unwrap_or_default();
        if self.wait_in_packet(arrived, range, bytes.len()) {
            return;
        }
        self.move_to_rings(&payload);
        self.settle(arrived.channel, arrived.stream, 0, bytes);
    }

    /// Moves what waits in packets to the rings; to be called before the receive buffer changes.
    pub(crate) fn move_to_rings<'a>(&mut self, payload: impl Fn(&PayloadRange) -> &'a [u8]) {
        let Self { pieces, table, .. } = self;
        for piece in pieces.drain(..) {
            let Some(channel) = table.get_mut(piece.channel) else { continue };
            let limit = usize::try_from(channel.recv.target()).unwrap_or(usize::MAX);
            let ring = channel.ring_mut(piece.stream);
            // What was abandoned is not lent any more.
            if ring.take_back(piece.len) {
                ring.push(piece.of(payload(&piece.range)), limit);
            }
        }
    }

    /// What waits for the consumer of a stream, in packets and behind its ring.
    pub(crate) fn pieces(&self, key: ChannelKey, stream: Stream) -> impl Iterator<Item = &Piece> {
        let lent = self.ring(key, stream).is_some_and(RecvRing::is_lent);
        let named = move |piece: &&Piece| piece.channel == key && piece.stream == stream;
        self.pieces.iter().filter(named).filter(move |_| lent)
    }

    /// The consumer took the first `n` bytes that wait in packets.
    pub(crate) fn taken_of_pieces(&mut self, key: ChannelKey, stream: Stream, mut n: usize) {
        self.pieces.retain_mut(|piece| {
            if piece.channel != key || piece.stream != stream {
                return true;
            }
            let taken = n.min(piece.len);
            n = n.saturating_sub(taken);
            piece.at = piece.at.saturating_add(taken);
            piece.len = piece.len.saturating_sub(taken);
            piece.len > 0
        });
    }
}

//! One direction of a byte stream as TCP gives it: in order, complete, but late and in pieces.

use super::random::Rng;
use std::collections::VecDeque;

/// How bad a direction is.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Least time from one end to the other, in microseconds.
    pub latency_micros: u64,
    /// Most that is added to it at random.
    pub jitter_micros: u64,
    /// Bytes that fit between the two ends; a writer has to wait beyond that.
    pub capacity_bytes: usize,
    /// Most bytes that one read gives.
    pub chunk_bytes_max: usize,
    /// Whether a write may take a part of what would fit.
    pub partial_writes: bool,
    /// How often in a thousand steps the direction stands still for a while.
    pub stalls_per_mille: u64,
    /// Longest such while, in microseconds.
    pub stall_micros_max: u64,
}

/// One direction.
#[derive(Debug)]
pub struct Pipe {
    faults: Faults,
    rng: Rng,
    /// When each piece arrives, and the piece.
    pieces: VecDeque<(u64, Vec<u8>)>,
    bytes: usize,
    /// Nothing overtakes: no piece arrives before the one written before it.
    last_due: u64,
    stalled_until: u64,
}

impl Pipe {
    /// An empty direction.
    #[must_use]
    pub const fn new(faults: Faults, rng: Rng) -> Self {
        Self { faults, rng, pieces: VecDeque::new(), bytes: 0, last_due: 0, stalled_until: 0 }
    }

    /// Whether nothing is under way.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// When something can be read next.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.pieces.front().map(|(due, _)| (*due).max(self.stalled_until))
    }

    /// Perhaps begins to stand still.
    pub fn maybe_stall(&mut self, now: u64) {
        if self.rng.below(1000) < self.faults.stalls_per_mille {
            self.stalled_until = now + self.rng.size(self.faults.stall_micros_max);
        }
    }

    /// Ends all standing still.
    pub const fn calm(&mut self) {
        self.stalled_until = 0;
    }

    /// Takes bytes from a writer; says how many.
    pub fn write(&mut self, bytes: &[u8], now: u64, calm: bool) -> usize {
        let room = self.faults.capacity_bytes.saturating_sub(self.bytes);
        let mut n = bytes.len().min(room);
        if self.faults.partial_writes && !calm {
            n = self.rng.index(n + 1);
        }
        if n > 0 {
            let late = self.faults.latency_micros + self.rng.below(self.faults.jitter_micros + 1);
            self.last_due = self.last_due.max(now + late);
            self.pieces.push_back((self.last_due, bytes[..n].to_vec()));
            self.bytes += n;
        }
        n
    }

    /// How many bytes the next read gives at most, cut somewhere at random.
    pub fn next_read(&mut self, calm: bool) -> usize {
        let max = self.faults.chunk_bytes_max;
        if calm { max.max(64 * 1024) } else { self.rng.size(max as u64) as usize }
    }

    /// Gives a reader what has arrived, as much as fits; says how much.
    pub fn read(&mut self, space: &mut [u8], now: u64) -> usize {
        let mut done = 0;
        if now < self.stalled_until {
            return 0;
        }
        while let Some((due, piece)) = self.pieces.front_mut() {
            let n = piece.len().min(space.len() - done);
            if *due > now || n == 0 {
                break;
            }
            space[done..done + n].copy_from_slice(&piece[..n]);
            piece.drain(..n);
            done += n;
            self.bytes -= n;
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_late_in_pieces_and_in_order() {
        let faults = Faults {
            latency_micros: 10,
            jitter_micros: 100,
            capacity_bytes: 50,
            chunk_bytes_max: 7,
            partial_writes: true,
            stalls_per_mille: 100,
            stall_micros_max: 1000,
        };
        let mut pipe = Pipe::new(faults, Rng::new(3));
        let sent: Vec<u8> = (0..200).collect();
        let (mut at, mut got, mut now) = (0, Vec::<u8>::new(), 0);
        while got.len() < sent.len() {
            pipe.maybe_stall(now);
            at += pipe.write(&sent[at..], now, false);
            assert!(at - got.len() <= 50, "no more is under way than fits");
            let mut space = vec![0; pipe.next_read(false)];
            let n = pipe.read(&mut space, now);
            got.extend(&space[..n]);
            now = pipe.next_due().unwrap_or(now).max(now + 1);
        }
        assert_eq!(got, sent);
        assert!(pipe.is_empty());
    }
}

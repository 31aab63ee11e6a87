//! How data moves: packets and rings to endpoints, endpoints to packets.
//!
//! The data of one read of the SSH socket is written once all its packets are open, in one
//! vectored write for each channel: every write wakes the reader at the other end.

use crate::core::pump::{Kind, PumpEvent};
use crate::driver::carrier::Carrier;
use crate::driver::slot::{Filled, STREAMS, Slot, Wrote};
use crate::driver::timed_stack::{Delivery, Next};
use crate::limits::PIECES_PER_WRITE;
use std::io::IoSlice;
use tssh_connection::{ChannelKey, Stream};
use tssh_transport::Error;

impl Carrier {
    /// Takes the next packets as far as the next one that concerns the application; `false` when
    /// there are no more.
    ///
    /// # Errors
    /// What ends the connection.
    pub(crate) fn advance(&mut self) -> Result<bool, Error> {
        loop {
            let Self { stack, slots, dirty, .. } = self;
            let next = stack.next(|key, _| {
                let Some(slot) = slots.get_mut(key.index()).and_then(Option::as_mut) else {
                    return Delivery::Gather;
                };
                if !slot.dirty {
                    slot.dirty = true;
                    dirty.push(key);
                }
                slot.delivery()
            })?;
            self.timers.awaits_server(self.stack.awaits_server(), self.stack.now());
            match next {
                Next::Idle => return Ok(false),
                Next::Data => {}
                Next::Event(event) => self.on_event(event),
            }
            if !self.events.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Writes the rings of the channels that ask for it; `true` where something moved.
    pub(crate) fn flush_outputs(&mut self) -> bool {
        let mut moved = false;
        let dirty = std::mem::take(&mut self.dirty);
        for key in &dirty {
            if let Some(slot) = self.slot(*key) {
                slot.dirty = false;
                if slot.negotiating {
                    moved |= self.negotiate(*key);
                }
            }
            for stream in STREAMS {
                moved |= self.flush_ring(*key, stream);
            }
            self.discard(*key);
            self.check_drained(*key);
        }
        // The list's memory is used again, unless a write has already begun the next one.
        if self.dirty.is_empty() {
            self.dirty = dirty;
            self.dirty.clear();
        }
        moved
    }

    fn flush_ring(&mut self, key: ChannelKey, stream: Stream) -> bool {
        let mut moved = false;
        loop {
            let Self { stack, slots, ready, .. } = self;
            let slot = slots.get_mut(key.index()).and_then(Option::as_mut);
            let Some(slot) = slot.filter(|slot| slot.key == key) else { return moved };
            if slot.pump.discards() {
                return moved;
            }
            let mut pieces = [IoSlice::new(&[]); PIECES_PER_WRITE];
            let mut count: usize = 0;
            for (place, bytes) in pieces.iter_mut().zip(stack.waiting(key, stream)) {
                *place = IoSlice::new(bytes);
                count = count.saturating_add(1);
            }
            let pieces = pieces.get(..count).unwrap_or_default();
            if pieces.is_empty() {
                return moved;
            }
            match slot.write(stream, ready, pieces) {
                Wrote::Bytes(n) => stack.drained(key, stream, n),
                Wrote::Pending => return moved,
                Wrote::Failed => {
                    self.write_failed(key);
                    return true;
                }
            }
            moved = true;
        }
    }

    /// Gives turns: each reads an endpoint straight into the packets to be sent. `true` where any
    /// came of it.
    ///
    /// # Errors
    /// What ends the connection.
    pub(crate) fn send_turns(&mut self) -> Result<bool, Error> {
        let mut moved = false;
        while let Some(turn) = self.stack.next_turn() {
            let key = turn.channel;
            if !self.may_send(key) {
                continue;
            }
            let mut filled = Filled::NotAsked;
            let Self { stack, slots, ready, .. } = self;
            let slot = slots.get_mut(key.index()).and_then(Option::as_mut);
            let Some(slot) = slot.filter(|slot| slot.key == key && slot.pump.reads()) else {
                continue;
            };
            stack.send_data(key, turn.stream, |areas| {
                filled = slot.fill(turn.stream, ready, areas);
                if let Filled::Bytes(n) = filled { n } else { 0 }
            })?;
            match filled {
                Filled::Bytes(n) => {
                    moved = true;
                    self.keys_sent(key, n)?;
                }
                Filled::NotAsked => {}
                Filled::Pending => self.keys_sent(key, 0)?,
                Filled::Failed if slot.pump.kind() == Kind::Socket => {
                    self.step(key, PumpEvent::ReadFailed);
                }
                Filled::End | Filled::Failed => {
                    if slot.inputs_ended() {
                        self.step(key, PumpEvent::ReadEnd);
                    }
                }
            }
        }
        Ok(moved)
    }

    fn write_failed(&mut self, key: ChannelKey) {
        self.step(key, PumpEvent::WriteFailed);
        self.discard(key);
    }

    /// Throws away what waits for an endpoint that takes nothing any more. It counts as taken: a
    /// session goes on, and its window must not fill up for ever.
    fn discard(&mut self, key: ChannelKey) {
        if !self.slot(key).is_some_and(|slot| slot.pump.discards()) {
            return;
        }
        for stream in STREAMS {
            loop {
                let n = self.stack.ring(key, stream).len();
                if n == 0 {
                    break;
                }
                self.stack.drained(key, stream, n);
            }
        }
    }

    pub(crate) fn check_drained(&mut self, key: ChannelKey) {
        let drains = |slot: &mut Slot| slot.attached() && slot.pump.drains();
        if self.slot(key).is_some_and(drains)
            && STREAMS.into_iter().all(|stream| self.stack.ring(key, stream).is_empty())
        {
            self.step(key, PumpEvent::Drained);
        }
    }
}

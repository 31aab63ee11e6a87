//! How data moves: packets to endpoints, rings to endpoints, endpoints to packets.

use crate::core::pump::{Kind, PumpEvent};
use crate::driver::carrier::Carrier;
use crate::driver::ready::ReadyList;
use crate::driver::slot::{Filled, STREAMS, Slot, Wrote};
use crate::driver::timed_stack::Next;
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
            let mut failed = false;
            let Self { stack, slots, ready, dirty, round, .. } = self;
            let next = stack.next(|key, stream, bytes| {
                let Some(slot) = slots.get_mut(key.index()).and_then(Option::as_mut) else {
                    return 0;
                };
                let (n, wrote) = deliver(slot, ready, *round, stream, bytes);
                failed = wrote == Wrote::Failed;
                if n < bytes.len() && !failed && !slot.dirty {
                    slot.dirty = true;
                    dirty.push(key);
                }
                n
            })?;
            self.timers.awaits_server(self.stack.awaits_server(), self.stack.now());
            match next {
                Next::Idle => return Ok(false),
                Next::Data(key) if failed => self.write_failed(key),
                Next::Data(_) => {}
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
            let bytes = stack.ring(key, stream);
            if bytes.is_empty() || slot.pump.discards() {
                return moved;
            }
            match slot.write(stream, ready, bytes) {
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

    /// Gives turns: each reads an endpoint straight into the packet to be sent. `true` where a
    /// packet came of it.
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
            stack.send_data(key, turn.stream, |area| {
                filled = slot.fill(turn.stream, ready, area);
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

/// Writes the first delivery of a round straight from the packet; what is not taken goes to the
/// channel's ring. Those that follow in the same round wait there, so that a run of them costs two
/// writes and not one each: every write wakes the reader at the other end.
fn deliver(
    slot: &mut Slot,
    ready: &ReadyList,
    round: u64,
    stream: Stream,
    bytes: &[u8],
) -> (usize, Wrote) {
    if slot.pump.discards() {
        return (bytes.len(), Wrote::Pending);
    }
    if slot.written_in == round {
        return (0, Wrote::Pending);
    }
    slot.written_in = round;
    match slot.write(stream, ready, bytes) {
        Wrote::Bytes(n) => (n, Wrote::Bytes(n)),
        wrote => (0, wrote),
    }
}

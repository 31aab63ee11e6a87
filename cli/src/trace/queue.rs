//! What a session writes down, on its way to the disk: a bounded queue with a thread at its end.
//!
//! Where the disk does not keep up the session waits a moment, and where that does not help the
//! writing ends, with one line, and the session goes on.

use super::alarm::Alarm;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What may wait for the disk, in bytes: some seconds of a busy session.
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long the session waits for a disk that has stopped taking anything.
const STALL: Duration = Duration::from_secs(2);
/// How long a session waits for the disk in all: one that is slow for good ends what is written,
/// and does not slow the session for good.
const WAITED_MAX: Duration = Duration::from_secs(10);
/// How long the end of the session waits for what is still to be written.
const GOODBYE: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    /// How long the session has waited for the disk by now.
    waited: Duration,
    /// How the connection ended, once it did.
    ended: Option<String>,
    /// Nothing is written any more.
    broken: bool,
    /// The writer is through.
    done: bool,
}

/// What waits for the disk.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// What is written: "trace".
    what: &'static str,
    program: &'static str,
    /// Rings when something is not written.
    alarm: Alarm,
}

/// What the writer gets.
#[derive(Debug)]
pub enum Taken<'a, T> {
    /// The next thing.
    Item(T),
    /// The last thing came before; how the connection ended.
    End(&'a str),
}

impl<T> Queue<T> {
    /// An empty queue.
    #[must_use]
    pub const fn new(what: &'static str, program: &'static str, alarm: Alarm) -> Self {
        let items = VecDeque::new();
        let waited = Duration::ZERO;
        let state = State { items, bytes: 0, waited, ended: None, broken: false, done: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), what, program, alarm }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State<T>>,
        time: Duration,
    ) -> MutexGuard<'a, State<T>> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Called by the session; `bytes` is what the item takes.
    pub fn push(&self, item: T, bytes: usize) {
        let mut state = self.lock();
        let mut stalled = Duration::ZERO;
        while state.bytes > QUEUE_BYTES_MAX && !state.broken {
            let left = WAITED_MAX.saturating_sub(state.waited).min(STALL.saturating_sub(stalled));
            if left.is_zero() {
                state.broken = true;
                state.items.clear();
                let (program, what) = (self.program, self.what);
                crate::log::show(format_args!(
                    "{program}: the {what} ends here: the disk is too slow\r\n"
                ));
                self.alarm.ring();
                break;
            }
            let (began, waiting) = (Instant::now(), state.bytes);
            state = self.wait(state, left);
            state.waited += began.elapsed();
            // Where it has taken something, slow as it is, the moment begins anew.
            let moved = state.bytes < waiting;
            stalled = if moved { Duration::ZERO } else { stalled + began.elapsed() };
        }
        if state.broken {
            return;
        }
        state.bytes += bytes;
        state.items.push_back((item, bytes));
        drop(state);
        self.changed.notify_all();
    }

    /// The connection is over; waits until everything is written, unless that takes too long.
    pub fn close(&self, ended: &str) {
        let mut state = self.lock();
        state.ended = Some(ended.to_owned());
        self.changed.notify_all();
        let deadline = Instant::now() + GOODBYE;
        while !state.done && !state.broken {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let (program, what) = (self.program, self.what);
                crate::log::show(format_args!(
                    "{program}: the {what} is incomplete: the disk is too slow\r\n"
                ));
                self.alarm.ring();
                break;
            }
            state = self.wait(state, left);
        }
    }

    /// Hands everything to `write` until the end; false from it says that nothing can be written
    /// any more.
    pub fn drain(&self, mut write: impl FnMut(Taken<'_, T>) -> bool) {
        loop {
            let mut state = self.lock();
            while state.items.is_empty() && state.ended.is_none() && !state.broken {
                state = self.wait(state, Duration::from_secs(60));
            }
            let items = std::mem::take(&mut state.items);
            let ended = state.ended.clone().filter(|_| items.is_empty());
            let broken = state.broken;
            drop(state);
            let mut useful = true;
            for (item, bytes) in items {
                useful = useful && write(Taken::Item(item));
                self.lock().bytes -= bytes;
                self.changed.notify_all();
            }
            if let Some(ended) = &ended {
                useful = write(Taken::End(ended));
            }
            if !useful {
                self.alarm.ring();
            }
            let mut state = self.lock();
            state.broken |= !useful;
            state.done |= ended.is_some() || broken;
            let done = state.done || state.broken;
            drop(state);
            self.changed.notify_all();
            if done {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody takes anything out: the writing ends, nothing waits for ever, and memory is bounded.
    #[test]
    fn a_disk_that_takes_nothing_ends_the_writing() {
        let alarm = Alarm::default();
        let queue = Queue::new("trace", "tssh", alarm.clone());
        let begun = Instant::now();
        for n in 0..200 {
            queue.push(n, 1024 * 1024);
        }
        assert!(begun.elapsed() < STALL * 3);
        let state = queue.lock();
        assert!(state.broken && state.items.is_empty());
        drop(state);
        assert!(alarm.has_rung());
        queue.close("over");
    }

    /// A disk that always takes a little does not slow a session for ever.
    #[test]
    fn a_session_waits_no_longer_than_its_time_in_all() {
        let alarm = Alarm::default();
        let queue = Queue::new("trace", "tssh", alarm.clone());
        queue.push(0, QUEUE_BYTES_MAX);
        queue.push(1, 1);
        assert!(!queue.lock().broken && !alarm.has_rung());
        queue.lock().waited = WAITED_MAX;
        queue.push(2, 1);
        assert!(queue.lock().broken && alarm.has_rung());
    }
}

//! The recorder's log: lines in the order of the calls.

use super::format::hex;
use crate::time::Timestamp;
use alloc::boxed::Box;
use alloc::format;

/// A recording stops growing here; sessions of the test corpus are far smaller.
const LOG_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How much of a packet is shown: enough for the fields that have names.
const PACKET_HEAD_BYTES: usize = 64;

/// What a call for the next thing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// An event, a payload, data.
    Something,
    /// Nothing until more goes in.
    Nothing,
    /// The error that ends the connection.
    Failure,
}

impl Came {
    /// What a result of such a call amounts to.
    #[must_use]
    pub const fn of<T, E>(result: &Result<Option<T>, E>) -> Self {
        match result {
            Ok(Some(_)) => Self::Something,
            Ok(None) => Self::Nothing,
            Err(_) => Self::Failure,
        }
    }
}

/// A layer's calls for the next thing, while they repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Calls {
    layer: char,
    at: Timestamp,
    came: Came,
    count: u32,
}

/// Takes the lines of one session, in order, and hands each to its sink.
pub struct Log {
    sink: Box<dyn FnMut(&str) + Send>,
    calls: Option<Calls>,
    bytes: usize,
}

impl core::fmt::Debug for Log {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// A log that hands each line to `sink`, with its line end. The sink learns secrets: whoever
    /// has the lines and the seed can read the session.
    #[must_use]
    pub fn new(sink: Box<dyn FnMut(&str) + Send>) -> Self {
        Self { sink, calls: None, bytes: 0 }
    }

    /// A call with its arguments, already as text.
    pub fn line(&mut self, call: &str, arguments: &str) {
        self.flush();
        self.push(call, arguments);
    }

    /// A call with bytes.
    pub fn bytes(&mut self, call: &str, bytes: &[u8]) {
        self.line(call, &hex(bytes));
    }

    /// A call for the next thing at `now`. What repeats becomes one line: a count where something
    /// came, nothing at all where nothing came again and no time has passed.
    pub fn next(&mut self, layer: char, at: Timestamp, came: Came) {
        if let Some(calls) = &mut self.calls
            && (calls.layer, calls.at, calls.came) == (layer, at, came)
        {
            calls.count = calls.count.saturating_add(1);
            return;
        }
        self.flush();
        self.calls = Some(Calls { layer, at, came, count: 1 });
    }

    /// A packet that was opened (`in`) or is about to be sealed (`out`): its length and its first
    /// bytes. For a listing that people read; a replay has no use for it.
    pub fn packet(&mut self, direction: &str, payload: &[u8]) {
        let head = payload.get(..PACKET_HEAD_BYTES).unwrap_or(payload);
        self.line(&format!("t {direction}"), &format!("{} {}", payload.len(), hex(head)));
    }

    fn flush(&mut self) {
        let Some(Calls { layer, at, came, count }) = self.calls.take() else { return };
        let at = at.as_micros();
        match came {
            Came::Something => self.push(&format!("{layer} next"), &format!("{at} {count}")),
            Came::Nothing => self.push(&format!("{layer} idle"), &format!("{at}")),
            Came::Failure => self.push(&format!("{layer} failed"), &format!("{at}")),
        }
    }

    fn push(&mut self, call: &str, arguments: &str) {
        let separator = if arguments.is_empty() { "" } else { " " };
        let line = format!("{call}{separator}{arguments}\n");
        self.bytes = self.bytes.saturating_add(line.len());
        if self.bytes <= LOG_BYTES_MAX {
            (self.sink)(&line);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

//! Signals that end the program, unless whoever started it wants them ignored.
//!
//! Before login such a signal has its usual effect, and the program ends by it, but with the
//! terminal in order. Whoever waits for us must see that, and a handler cannot be taken back in
//! safe Rust: so the process becomes a fresh one, without handlers, that sends itself the signal.

use crate::exit::{Fatal, OWN_FAILURE, Result, os_words};
use rustix::process::{Signal as Number, getpid, kill_process};
use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for a signal that ends the program.
pub struct Endings {
    signals: Vec<(i32, Signal)>,
}

impl Endings {
    /// Takes over the signals that are not ignored: `nohup` and shells in the background rely on
    /// it.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn listen() -> Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = ignored_mask(&status);
        let kinds = [
            SignalKind::hangup(),
            SignalKind::interrupt(),
            SignalKind::quit(),
            SignalKind::terminate(),
        ];
        let mut signals = Vec::new();
        for kind in kinds {
            let number = kind.as_raw_value();
            if ignored >> (number - 1) & 1 == 1 {
                continue;
            }
            let stream = signal(kind).map_err(|error| {
                Fatal::new(format!("cannot watch signal {number}: {}", os_words(&error)))
            })?;
            signals.push((number, stream));
        }
        Ok(Self { signals })
    }

    /// The number of the next signal.
    pub async fn next(&mut self) -> i32 {
        std::future::poll_fn(|cx| {
            for (number, stream) in &mut self.signals {
                if let Poll::Ready(Some(())) = stream.poll_recv(cx) {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Has a write beyond the limit on the size of a file (`ulimit -f`) fail, where it would end the
/// program and leave the terminal as it is. Does nothing outside a runtime.
pub fn survive_file_limit() {
    if tokio::runtime::Handle::try_current().is_ok() {
        // The handler stays when the stream goes. Without one it is as it was.
        let _stream = signal(SignalKind::from_raw(Number::XFSZ.as_raw()));
    }
}

/// The name of a process that is to end by a signal.
const NAME: &str = "tssh: signalled";

/// Ends this process by a signal. Everything must be in order: nothing is dropped.
///
/// It returns only where that is not possible, with the status of a failure.
#[must_use]
pub fn die_of(number: i32) -> u8 {
    let mut fresh = Command::new("/proc/self/exe");
    // Where it fails there is nothing better than the status.
    let _error = fresh.arg0(NAME).arg(number.to_string()).exec();
    OWN_FAILURE
}

/// The other half of [`die_of`]: what the program does first.
pub fn carry_out() {
    let mut words = std::env::args_os();
    if words.next().is_none_or(|name| name != OsStr::new(NAME)) {
        return;
    }
    let number = words.next().and_then(|word| word.to_str()?.parse().ok());
    if let Some(signal) = number.and_then(Number::from_named_raw) {
        let _ = kill_process(getpid(), signal);
    }
}

/// The `SigIgn` mask of `/proc/self/status`; nothing where there is none.
fn ignored_mask(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_mask_is_read() {
        let status = "Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n";
        assert_eq!(super::ignored_mask(status), 0x1001);
        assert_eq!(super::ignored_mask(""), 0);
    }
}

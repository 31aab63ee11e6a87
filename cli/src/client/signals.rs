//! Signals that end the program, unless whoever started it wants them ignored.

use crate::exit::{Fatal, Result, os_words};
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

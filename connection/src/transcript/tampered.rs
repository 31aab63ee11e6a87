//! A recorded session run again with some of the peer's bits turned over: where and by which rule
//! is the change refused?

use super::replay::{Replayed, Seen, sorted};
use crate::stack::Stack;
use alloc::vec::Vec;
use tssh_transport::transcript::{Layer as _, Line, ReadFault, Transcript};
use tssh_transport::{Error, Timestamp};

/// What is changed of what the peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tampering {
    /// Which byte of the peer's stream.
    pub offset: u64,
    /// Which bits of it.
    pub mask: u8,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Tampered {
    /// What refused it.
    pub error: Option<Error>,
    /// Whether everything that we sent is what was recorded, to the last byte.
    pub same: bool,
}

/// Runs the session with the change. As long as nothing differs commands are given as they were;
/// those that have lost their meaning by then change nothing.
///
/// # Errors
/// A transcript that cannot be read.
pub fn replay_tampered(
    transcript: &Transcript<'_>,
    stack: Stack,
    tampering: Tampering,
    observer: &mut dyn FnMut(Seen<'_>),
) -> Result<Tampered, ReadFault> {
    let (lines, accepts) = sorted(transcript);
    let replayed = Replayed { stack, accepts, observer, loose: true, asked: false };
    let result = Tampered { error: None, same: true };
    let mut run = Run { replayed, tampering, at: 0, result };
    for line in &lines {
        // After an error there is only what was still to be sent.
        if run.result.error.is_none() || line.call == "t transmitted" {
            run.line(line)?;
        }
    }
    Ok(run.result)
}

struct Run<'a> {
    replayed: Replayed<'a>,
    tampering: Tampering,
    /// Bytes of the peer so far.
    at: u64,
    result: Tampered,
}

impl Run<'_> {
    fn line(&mut self, line: &Line<'_>) -> Result<(), ReadFault> {
        match line.call {
            "t received" => {
                let mut bytes = line.bytes()?;
                let inside = self.tampering.offset.checked_sub(self.at);
                let inside = inside.and_then(|offset| usize::try_from(offset).ok());
                if let Some(byte) = inside.and_then(|offset| bytes.get_mut(offset)) {
                    *byte ^= self.tampering.mask;
                }
                let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.at = self.at.saturating_add(len);
                self.replayed.receive(&bytes);
            }
            "t transmitted" => self.transmitted(&line.bytes()?),
            "c next" => {
                let [at, count] = line.numbers()?;
                for _ in 0..count {
                    if !self.look(at) {
                        break;
                    }
                }
            }
            "c idle" | "c failed" => {
                let [at] = line.numbers()?;
                self.look(at);
            }
            "c answer" if !core::mem::take(&mut self.replayed.asked) => {}
            _ => {
                // What does not fit any more is no command.
                if let Ok(Err(error)) = self.replayed.command(line)
                    && !matches!(error, Error::Internal(_))
                {
                    self.result.error = Some(error);
                }
            }
        }
        Ok(())
    }

    fn look(&mut self, at: u64) -> bool {
        match self.replayed.next(Timestamp::from_micros(at)) {
            Ok(Ok(something)) => something,
            Ok(Err(error)) => {
                self.result.error = Some(error);
                false
            }
            Err(_) => false,
        }
    }

    fn transmitted(&mut self, recorded: &[u8]) {
        let now: Vec<u8> = self.replayed.transmit().to_vec();
        let n = now.len().min(recorded.len());
        self.result.same &= now.get(..recorded.len()) == Some(recorded);
        self.replayed.transmitted(n);
    }
}

//! A recorded session run again through a fresh [`Transport`].

use super::format::{Line, ReadFault, Transcript, config};
use super::play::{Chunks, Layer, Played, play};
use crate::disconnect::DisconnectReason;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::time::Timestamp;
use crate::transport::Transport;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Where a replay went another way than the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch(pub String);

impl From<ReadFault> for Mismatch {
    fn from(fault: ReadFault) -> Self {
        Self(fault.0)
    }
}

impl core::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Mismatch {}

/// Replays the transport's lines and compares every byte that goes out.
///
/// # Errors
/// The first line where the replay differs, or a transcript that cannot be read.
pub fn replay_transport(text: &str, chunks: Chunks) -> Result<Played, Mismatch> {
    let transcript = Transcript::parse(text)?;
    let entropy = Entropy::from_seed(&transcript.seed()?);
    let at = Timestamp::default();
    let transport = Transport::new(transcript.side()?, config(&transcript)?, entropy, at)
        .map_err(|e| Mismatch(format!("the transport cannot start: {e}")))?;
    let is_call = |call: &str| call.starts_with("t ") && !matches!(call, "t in" | "t out");
    let own = transcript.lines().iter().copied().filter(|line| is_call(line.call));
    play(&mut Replayed(transport), &own.collect::<Vec<_>>(), chunks)
}

struct Replayed(Transport);

impl Layer for Replayed {
    const LETTER: char = 't';

    fn receive(&mut self, bytes: &[u8]) {
        if let Some(space) = self.0.receive_space(bytes.len()).get_mut(..bytes.len()) {
            space.copy_from_slice(bytes);
        }
        self.0.received(bytes.len());
    }

    fn transmit(&self) -> &[u8] {
        self.0.transmit()
    }

    fn transmitted(&mut self, n: usize) {
        self.0.transmitted(n);
    }

    fn next(&mut self, at: Timestamp) -> Result<Result<bool, Error>, Mismatch> {
        Ok(self.0.next(at).map(|incoming| incoming.is_some()))
    }

    fn command(&mut self, line: &Line<'_>) -> Result<Result<(), Error>, Mismatch> {
        let transport = &mut self.0;
        Ok(match line.call {
            "t send" => transport.sender().send(&line.bytes()?),
            "t data" => return self.data(line),
            "t sent" => {
                transport.data_sent();
                Ok(())
            }
            "t hostkey" => {
                let [accept, at] = line.numbers()?;
                transport.answer_host_key(accept != 0, Timestamp::from_micros(at))
            }
            "t authenticated" => {
                transport.authenticated();
                Ok(())
            }
            "t rekey" => {
                transport.request_rekey();
                Ok(())
            }
            "t deadline" => {
                let [at] = line.numbers()?;
                transport.handle_deadline(Timestamp::from_micros(at))
            }
            "t disconnect" => {
                let (reason, text) = disconnect(line)?;
                transport.disconnect(reason, &text)
            }
            "t end" => {
                transport.end();
                Ok(())
            }
            _ => return Err(line.fault("is a call that this version does not know").into()),
        })
    }
}

impl Replayed {
    fn data(&mut self, line: &Line<'_>) -> Result<Result<(), Error>, Mismatch> {
        let bytes = line.bytes()?;
        let mut sender = self.0.sender();
        let grant = sender.grant(bytes.len());
        let mut grant = grant.ok_or_else(|| line.fault("finds the gate closed"))?;
        if let Some(area) = grant.payload().get_mut(..bytes.len()) {
            area.copy_from_slice(&bytes);
        }
        Ok(grant.commit(bytes.len()))
    }
}

/// Reason and text of a `disconnect` line.
///
/// # Errors
/// Where it has neither.
pub fn disconnect(line: &Line<'_>) -> Result<(DisconnectReason, String), Mismatch> {
    let (code, text) = line.arguments.split_once(' ').unwrap_or_default();
    let reason = code.parse().ok().and_then(DisconnectReason::from_code);
    let reason = reason.ok_or_else(|| line.fault("has no reason code"))?;
    let text = super::unhex(text).and_then(|text| String::from_utf8(text).ok());
    Ok((reason, text.ok_or_else(|| line.fault("has no text"))?))
}

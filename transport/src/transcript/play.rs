//! The lines of a transcript played through a layer, with the inbound stream cut as recorded, into
//! single bytes, or joined.
//!
//! What goes out may depend on packets and commands, and never on how the byte stream was cut. So
//! a command is given after the same packets as it was recorded, and between two commands the
//! bytes come in any pieces.

use super::format::Line;
use super::log::Came;
use super::replay::Mismatch;
use crate::error::Error;
use crate::time::Timestamp;
use alloc::format;
use alloc::vec::Vec;

/// How the inbound stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunks {
    /// As it was read from the socket.
    Recorded,
    /// Into single bytes, with a look for the next packet after each.
    SingleBytes,
    /// All that came between two commands as one block.
    Blocks,
}

impl Chunks {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Recorded, Self::SingleBytes, Self::Blocks];
}

/// A layer that lines are played through.
pub trait Layer {
    /// The letter that its lines start with.
    const LETTER: char;

    /// Takes bytes of the peer.
    fn receive(&mut self, bytes: &[u8]);
    /// The bytes that wait for the socket.
    fn transmit(&self) -> &[u8];
    /// The socket took `n` of them.
    fn transmitted(&mut self, n: usize);
    /// Looks for the next thing and deals with it; whether there was one.
    ///
    /// # Errors
    /// The protocol's error where there was one, as the outer result a replay that went another
    /// way.
    fn next(&mut self, at: Timestamp) -> Result<Result<bool, Error>, Mismatch>;
    /// Any other line.
    ///
    /// # Errors
    /// As [`Layer::next`].
    fn command(&mut self, line: &Line<'_>) -> Result<Result<(), Error>, Mismatch>;
}

/// What came of playing.
#[derive(Debug, Default)]
pub struct Played {
    /// Bytes that went out, equal to those recorded.
    pub out: Vec<u8>,
    /// The error that ended the session, if one did.
    pub error: Option<Error>,
}

/// Plays the lines through the layer and compares every byte that goes out.
///
/// # Errors
/// The first line where something differs.
pub fn play<L: Layer>(
    layer: &mut L,
    lines: &[Line<'_>],
    chunks: Chunks,
) -> Result<Played, Mismatch> {
    let mut player =
        Player { layer, single: false, pending: Vec::new(), played: Played::default() };
    player.single = chunks == Chunks::SingleBytes;
    if chunks == Chunks::Blocks {
        for segment in lines.chunk_by(|a, b| is_soft::<L>(a) && is_soft::<L>(b)) {
            for line in joined(segment) {
                player.line(&line)?;
            }
        }
    } else {
        for line in lines {
            player.line(line)?;
        }
    }
    Ok(player.played)
}

/// Lines that are no commands.
fn is_soft<L: Layer>(line: &Line<'_>) -> bool {
    let own = line.call.strip_prefix(L::LETTER);
    matches!(line.call, "t received" | "t transmitted")
        || own.is_some_and(|call| matches!(call, " next" | " idle" | " failed"))
}

/// The lines between two commands with all bytes first, and without looks in vain before the last.
fn joined<'a>(segment: &[Line<'a>]) -> Vec<Line<'a>> {
    let pick = |call: &str| segment.iter().copied().filter(|l| l.call == call).collect::<Vec<_>>();
    let mut looks: Vec<Line<'a>> =
        segment.iter().copied().filter(|l| !l.call.starts_with("t rec")).collect();
    looks.retain(|l| l.call != "t transmitted");
    let last = looks.len().saturating_sub(1);
    let kept =
        looks.into_iter().enumerate().filter(|(i, l)| *i == last || !l.call.ends_with("idle"));
    let mut out = pick("t received");
    out.extend(kept.map(|(_, line)| line));
    out.extend(pick("t transmitted"));
    out
}

struct Player<'l, L> {
    layer: &'l mut L,
    single: bool,
    /// Bytes that came and have not been handed on, when they go in one by one.
    pending: Vec<u8>,
    played: Played,
}

impl<L: Layer> Player<'_, L> {
    fn line(&mut self, line: &Line<'_>) -> Result<(), Mismatch> {
        let own = line.call.strip_prefix(L::LETTER);
        match (line.call, own) {
            ("t received", _) if self.single => {
                self.pending.extend(line.bytes()?);
                Ok(())
            }
            ("t received", _) => {
                self.layer.receive(&line.bytes()?);
                Ok(())
            }
            ("t transmitted", _) => self.transmitted(line),
            (_, Some(" next")) => {
                let [at, count] = line.numbers()?;
                (0..count).try_for_each(|_| self.look(line, at, Came::Something))
            }
            (_, Some(" idle")) => {
                let [at] = line.numbers()?;
                self.look(line, at, Came::Nothing)
            }
            (_, Some(" failed")) => {
                let [at] = line.numbers()?;
                self.look(line, at, Came::Failure)
            }
            _ => {
                if let Err(error) = self.layer.command(line)? {
                    self.played.error = Some(error);
                }
                Ok(())
            }
        }
    }

    /// Looks for the next thing. One by one, bytes go in as far as they are needed for something
    /// to come, or all of them where nothing is to come.
    fn look(&mut self, line: &Line<'_>, at: u64, expected: Came) -> Result<(), Mismatch> {
        let at = Timestamp::from_micros(at);
        let mut pending = core::mem::take(&mut self.pending).into_iter();
        let came = loop {
            let came = match self.layer.next(at)? {
                Ok(true) => Came::Something,
                Ok(false) => Came::Nothing,
                Err(error) => {
                    self.played.error = Some(error);
                    Came::Failure
                }
            };
            if came != Came::Nothing {
                break came;
            }
            match pending.next() {
                Some(byte) => self.layer.receive(&[byte]),
                None => break came,
            }
        };
        self.pending = pending.collect();
        if came == expected {
            return Ok(());
        }
        let error = self.played.error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
        Err(line.fault(&format!("came to {came:?}{error}")).into())
    }

    fn transmitted(&mut self, line: &Line<'_>) -> Result<(), Mismatch> {
        let recorded = line.bytes()?;
        let now = self.layer.transmit();
        if now.get(..recorded.len()) != Some(&recorded[..]) {
            let same = now.iter().zip(&recorded).take_while(|(a, b)| a == b).count();
            let offset = self.played.out.len().saturating_add(same);
            return Err(line.fault(&format!("differs at byte {offset} of the stream")).into());
        }
        self.layer.transmitted(recorded.len());
        self.played.out.extend_from_slice(&recorded);
        Ok(())
    }
}

//! `--replay FILE`: a recorded session run again, offline, by the client that connects otherwise.
//!
//! Every byte that goes out is compared with what went out then. `--stop-at` shows where the
//! protocol stands behind a packet, `--flip` turns one bit of what the server sent over and tells
//! which rule refuses that, and `--trace` writes the session down once more.

mod watch;

use super::outputs::Outputs;
use super::{TraceOptions, file, header};
use crate::exit::{Fatal, Result, os_words};
use crate::log;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tssh_connection::Stack;
use tssh_connection::transcript::{Tampered, Tampering, new_stack, observe_stack, replay_tampered};
use tssh_transport::Error;
use tssh_transport::text::one_line;
use tssh_transport::trace::{Policy, Redactor, Tracer};
use tssh_transport::transcript::{Chunks, Mismatch, Played, Transcript, unhex};
use watch::{Span, Watch};
use zeroize::Zeroizing;

/// The most that a recording can be.
const FILE_BYTES_MAX: u64 = 300 * 1024 * 1024;
/// Longest text of a peer that is shown.
const TEXT_BYTES_MAX: usize = 1024;
/// Status of a replay that is not the session that was recorded.
const DIFFERENT: u8 = 1;
/// What keeps the marks of a replay's secrets the same from run to run and apart from all others.
const MARK_LABEL: &[u8] = b"tssh replay: marks of secrets";

/// The bytes that went out, or where they differ from those recorded.
type Outcome = std::result::Result<Played, Mismatch>;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// The recording.
    pub path: PathBuf,
    /// `--stop-at`.
    pub stop_at: Option<u64>,
    /// `--flip`.
    pub flip: Option<Flip>,
    /// `--trace`.
    pub trace: TraceOptions,
}

/// One bit of one packet of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flip {
    /// The packet's number; 0 is all that comes before the first one.
    pub packet: u64,
    /// The byte of the packet, from 0.
    pub offset: u64,
    /// The bit, from 0.
    pub bit: u8,
}

impl Flip {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let packet = parts.next()?.parse().ok()?;
        let offset = parts.next()?.parse().ok()?;
        let bit = parts.next().map_or(Some(0), |bit| bit.parse().ok().filter(|bit| *bit < 8))?;
        parts.next().is_none().then_some(Self { packet, offset, bit })
    }
}

impl Replay {
    /// A replay of that file.
    #[must_use]
    pub fn of(path: PathBuf) -> Self {
        Self { path, ..Self::default() }
    }

    /// Takes one long option. False where it is none of ours.
    ///
    /// # Errors
    /// A value that is missing or wrong.
    pub fn take(
        &mut self,
        name: &str,
        attached: Option<&str>,
        next: &mut dyn FnMut() -> Option<String>,
    ) -> Result<bool> {
        if !["stop-at", "flip"].contains(&name) {
            return Ok(false);
        }
        let value = attached.map(str::to_owned).or_else(next).unwrap_or_default();
        if name == "stop-at" {
            let number = value.parse().ok().filter(|number| *number > 0);
            let fault = || Fatal::usage("--stop-at takes the number of a packet, from 1");
            self.stop_at = Some(number.ok_or_else(fault)?);
        } else {
            let fault = || {
                Fatal::usage(
                    "--flip takes PACKET:BYTE or PACKET:BYTE:BIT: bytes from 0, bits from 0 to 7",
                )
            };
            self.flip = Some(Flip::parse(&value).ok_or_else(fault)?);
        }
        Ok(true)
    }

    /// Does it and gives the exit status.
    ///
    /// # Errors
    /// A file that cannot be read or is no recording, a packet that is not there.
    pub fn run(&self) -> Result<u8> {
        let text = read(&self.path)?;
        let transcript = Transcript::parse(&text).map_err(|fault| self.fault(&fault.0))?;
        match self.flip {
            None => self.same(&transcript),
            Some(flip) => {
                let quiet = Self { trace: TraceOptions::default(), ..self.clone() };
                let (_, watch) = quiet.play(&transcript)?;
                let span = watch.find(flip.packet, transcript.side().is_ok_and(|s| s.is_client()));
                self.flipped(&transcript, flip, &span.map_err(|words| self.fault(&words))?, &watch)
            }
        }
    }

    fn fault(&self, words: &str) -> Fatal {
        let words = one_line(words.as_bytes(), TEXT_BYTES_MAX);
        Fatal::usage(format!("tssh: {}: {words}", self.path.display()))
    }

    /// The session as it was recorded.
    fn same(&self, transcript: &Transcript<'_>) -> Result<u8> {
        let (played, watch) = self.play(transcript)?;
        let mut text = watch.listing(self.stop_at);
        if let Some(number) = self.stop_at {
            text.push_str(&watch.state().ok_or_else(|| {
                self.fault(&format!("it has {} packets, and no number {number}", watch.packets()))
            })?);
        }
        let status = match played {
            Ok(played) => {
                let _ = writeln!(
                    text,
                    "identical: {} packets, {} bytes sent as they were recorded",
                    watch.packets(),
                    played.out.len()
                );
                0
            }
            Err(mismatch) => {
                let words = one_line(mismatch.0.as_bytes(), TEXT_BYTES_MAX);
                let _ = writeln!(text, "NOT identical: {words}");
                DIFFERENT
            }
        };
        show(&text)?;
        if transcript.lines().last().is_none_or(|line| line.call != "f ended")
            && transcript.value("ended").is_err()
        {
            let path = self.path.display();
            log::show(format_args!("tssh: {path}: the recording was cut short\n"));
        }
        Ok(status)
    }

    /// Plays it: what came of it, and what was seen.
    fn play(&self, transcript: &Transcript<'_>) -> Result<(Outcome, Watch)> {
        let (stack, shared) = self.prepare(transcript)?;
        let played = observe_stack(transcript, stack, Chunks::Recorded, &mut |_| {});
        let ended = match &played {
            Ok(_) => ended(transcript),
            Err(mismatch) => format!("the replay went another way: {}", mismatch.0),
        };
        Ok((played, finished(&shared, &ended)))
    }

    /// A stack as it was then, and what sees its events.
    fn prepare(&self, transcript: &Transcript<'_>) -> Result<(Stack, Arc<Mutex<Watch>>)> {
        let mut stack = new_stack(transcript).map_err(|fault| self.fault(&fault.0))?;
        let mut files = Vec::new();
        for (format, path) in &self.trace.files {
            let fatal = |text: String| Fatal::usage(format!("tssh: {text}"));
            if self.trace.secrets {
                file::check_folder(path).map_err(fatal)?;
            }
            let file = file::create(path, file::Keep::Nothing).map_err(fatal)?;
            files.push((*format, path.clone(), file));
        }
        let mut outputs = Outputs::new("tssh", files);
        let mut first = header(stack.side(), &self.trace, transcript.value("user").unwrap_or(""));
        let started = transcript.value("started_us").ok().and_then(|value| value.parse().ok());
        first.values.set("started_us", started.unwrap_or(0u64));
        let cap = transcript.value("packet_max").ok().and_then(|value| value.parse::<u64>().ok());
        first.values.set("packet_cap", cap);
        first.values.set("note", "a recorded session that was run again; times are those of then");
        outputs.event(&first);
        let shared = Arc::new(Mutex::new(Watch::new(outputs, self.stop_at)));
        let sink = Arc::clone(&shared);
        let policy = Policy { secrets: self.trace.secrets, names: self.trace.names };
        let seed = transcript.seed().map_err(|fault| self.fault(&fault.0))?;
        let key = Sha256::new().chain_update(MARK_LABEL).chain_update(seed).finalize();
        let redactor = Redactor::new(policy, key.into());
        stack.trace(Box::new(Tracer::new(
            Some(Box::new(move |event| {
                sink.lock().unwrap_or_else(PoisonError::into_inner).event(&event);
            })),
            redactor,
        )));
        Ok((stack, shared))
    }

    /// The session with one bit of the peer's turned over.
    fn flipped(
        &self,
        transcript: &Transcript<'_>,
        flip: Flip,
        span: &Span,
        recorded: &Watch,
    ) -> Result<u8> {
        if flip.offset >= span.len {
            let words = format!("packet {} has {} bytes", flip.packet, span.len);
            return Err(self.fault(&words));
        }
        let (stack, shared) = self.prepare(transcript)?;
        let offset = span.off.saturating_add(flip.offset);
        let tampering = Tampering { offset, mask: 1 << flip.bit };
        let result = replay_tampered(transcript, stack, tampering, &mut |_| {});
        let result = result.map_err(|fault| self.fault(&fault.0))?;
        let watch = finished(
            &shared,
            &result.error.as_ref().map_or_else(
                || "with the recording".to_owned(),
                |error| one_line(error.to_string().as_bytes(), TEXT_BYTES_MAX),
            ),
        );
        let mut text = format!(
            "flipped: bit {} of byte {} of packet {} ({}), byte {offset} of the stream\n",
            flip.bit, flip.offset, flip.packet, span.name
        );
        let unchanged = result.same && watch.packets() == recorded.packets();
        if unchanged {
            let why = match span.is_padding(flip.offset) {
                true => "padding before encryption, which nothing protects: RFC 4253 section 6",
                false => "nothing that was sent or opened is another",
            };
            let _ = writeln!(text, "not refused: {why}");
        } else {
            let _ = writeln!(text, "{}", verdict(&result, flip, &watch));
        }
        show(&text)?;
        Ok(if unchanged { 0 } else { DIFFERENT })
    }
}

/// Where and by which rule the change is refused.
fn verdict(result: &Tampered, flip: Flip, watch: &Watch) -> String {
    let Some(error) = &result.error else {
        let (rule, section) = match flip.packet {
            0 => ("the identification string has no end", "4253#4.2"),
            _ => ("its length field claims bytes that never come", "4253#6"),
        };
        return format!(
            "refused: packet {} is never complete: {rule}{}",
            flip.packet,
            cite(section)
        );
    };
    let at = watch.last_of_peer;
    // What cannot even be cut out or opened is no packet yet.
    let unopened = matches!(
        error,
        Error::PacketLength(_) | Error::Padding | Error::Compression(_) | Error::Identification(_)
    );
    let place = match (unopened, at) {
        (true, 0) => "before the first packet".to_owned(),
        (true, at) => format!("behind packet {at}"),
        (false, at) => format!("at packet {at}"),
    };
    let words = one_line(error.to_string().as_bytes(), TEXT_BYTES_MAX);
    let section = match error.section() {
        "" => watch.section_of_peer.as_str(),
        section => section,
    };
    format!("refused {place}: {words}{}", cite(section))
}

fn cite(section: &str) -> String {
    match section.split_once('#') {
        Some((rfc, section)) => format!(" [RFC {rfc} section {section}]"),
        None => String::new(),
    }
}

/// Takes the watch out, now that the stack is gone, and ends its files.
fn finished(shared: &Mutex<Watch>, ended: &str) -> Watch {
    let mut watch = shared.lock().unwrap_or_else(PoisonError::into_inner);
    watch.end(ended);
    std::mem::take(&mut *watch)
}

/// How the recorded session ended.
fn ended(transcript: &Transcript<'_>) -> String {
    let last = transcript.lines().iter().rev().find(|line| line.call == "f ended");
    let words = last.and_then(|line| unhex(line.arguments));
    let words = words.map(|words| one_line(&words, TEXT_BYTES_MAX));
    words.unwrap_or_else(|| transcript.value("ended").unwrap_or("cut short").to_owned())
}

fn show(text: &str) -> Result<()> {
    log::out(text).map_err(|error| Fatal::usage(format!("tssh: {}", os_words(&error))))
}

/// The whole lines of a file.
fn read(path: &Path) -> Result<Zeroizing<String>> {
    let fault = |words: &str| Fatal::usage(format!("tssh: {}: {words}", path.display()));
    let file = File::open(path).map_err(|error| fault(&os_words(&error)))?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| fault(&os_words(&error)))?;
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    text.truncate(whole);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_flip() {
        let flip = |packet, offset, bit| Some(Flip { packet, offset, bit });
        assert_eq!(Flip::parse("3:17"), flip(3, 17, 0));
        assert_eq!(Flip::parse("0:4:7"), flip(0, 4, 7));
        for bad in ["", "3", "3:", ":3", "3:1:8", "3:1:0:0", "-1:0", "a:0"] {
            assert_eq!(Flip::parse(bad), None, "{bad}");
        }
    }
}

//! A recorded session run again through a fresh [`Stack`].

use super::answer;
use super::call::stream_name;
use super::header::new_stack;
use crate::channel::ChannelKey;
use crate::connection::decode;
use crate::delivery::Happening;
use crate::event::{Event, Stream, Turn};
use crate::messages::{
    ChannelOpen, ChannelRequest, ChannelRequestMsg, GlobalRequest, GlobalRequestMsg, OpenFailure,
    OpenKind,
};
use crate::stack::{Answer, Stack};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tssh_transport::transcript::{
    Chunks, Layer, Line, Log, Mismatch, Played, ReadFault, Transcript, disconnect, play, unhex,
};
use tssh_transport::userauth::AuthEvent;
use tssh_transport::{Error, Timestamp};

/// What passes by while a session is replayed, in its order.
#[derive(Debug)]
pub enum Seen<'a> {
    /// The stack gave an event.
    Event(&'a Event),
    /// The stack gave data.
    Data {
        /// The channel it is for.
        channel: ChannelKey,
        /// The stream of that channel.
        stream: Stream,
        /// The data.
        bytes: &'a [u8],
        /// How many bytes of it were taken at once.
        accepted: usize,
    },
    /// A command is about to be given, or a line of a layer above follows.
    Line(&'a Line<'a>),
}

/// Replays a session through a stack and compares every byte that goes out.
///
/// # Errors
/// The first line where the replay differs, or a transcript that cannot be read.
pub fn replay_connection(text: &str, chunks: Chunks) -> Result<Played, Mismatch> {
    observe_connection(text, chunks, None, &mut |_| {})
}

/// As [`replay_connection`], and shows everything that passes by. A log gets the lines of the
/// replay itself, packets included.
///
/// # Errors
/// As [`replay_connection`].
pub fn observe_connection(
    text: &str,
    chunks: Chunks,
    log: Option<Log>,
    observer: &mut dyn FnMut(Seen<'_>),
) -> Result<Played, Mismatch> {
    let transcript = Transcript::parse(text)?;
    let mut stack = new_stack(&transcript)?;
    if let Some(log) = log {
        stack.record(log);
    }
    observe_stack(&transcript, stack, chunks, observer)
}

/// As [`observe_connection`], through a stack that was made for it.
///
/// # Errors
/// As [`replay_connection`].
pub fn observe_stack(
    transcript: &Transcript<'_>,
    stack: Stack,
    chunks: Chunks,
    observer: &mut dyn FnMut(Seen<'_>),
) -> Result<Played, Mismatch> {
    let (lines, accepts) = sorted(transcript);
    let mut replayed = Replayed { stack, accepts, observer, loose: false, asked: false };
    let played = play(&mut replayed, &lines, chunks)?;
    match replayed.accepts.front() {
        Some(line) => Err(line.fault("never came").into()),
        None => Ok(played),
    }
}

/// The lines that are played, and those that say what was taken of each delivery.
pub(super) fn sorted<'a>(transcript: &Transcript<'a>) -> (Vec<Line<'a>>, VecDeque<Line<'a>>) {
    let (mut lines, mut accepts) = (Vec::new(), VecDeque::new());
    for line in transcript.lines() {
        match line.call {
            "c accept" => accepts.push_back(*line),
            "t received" | "t transmitted" => lines.push(*line),
            call if call.starts_with("t ") => {}
            _ => lines.push(*line),
        }
    }
    (lines, accepts)
}

/// The recorded answers to questions, in their order.
pub struct Answers<'a>(alloc::vec::IntoIter<Line<'a>>);

impl<'a> Answers<'a> {
    /// Those of a transcript.
    #[must_use]
    pub fn of(transcript: &Transcript<'a>) -> Self {
        let lines = transcript.lines().iter().copied().filter(|line| line.call == "c answer");
        Self(lines.collect::<Vec<_>>().into_iter())
    }
}

impl Iterator for Answers<'_> {
    type Item = Answer;

    /// The next answer; none where the transcript holds no more that can be read.
    fn next(&mut self) -> Option<Answer> {
        answer::read(&self.0.next()?).ok()
    }
}

pub(super) struct Replayed<'a> {
    pub(super) stack: Stack,
    /// What was taken of each delivery, in their order.
    pub(super) accepts: VecDeque<Line<'a>>,
    pub(super) observer: &'a mut dyn FnMut(Seen<'_>),
    /// The peer sends something else than it did, so deliveries may be other ones.
    pub(super) loose: bool,
    /// A question came that was not answered yet.
    pub(super) asked: bool,
}

/// How much was taken of a delivery.
fn taken(line: Option<Line<'_>>, channel: ChannelKey, stream: Stream) -> Result<usize, Mismatch> {
    let line = line.ok_or_else(|| Mismatch("more data came than was recorded".into()))?;
    let mut words = Words::of(&line);
    if (words.channel()?, words.stream()?) != (channel, stream) {
        return Err(line.fault("finds another channel").into());
    }
    Ok(words.size()?)
}

/// Whether an event waits for an answer.
const fn is_question(event: &Event) -> bool {
    matches!(event, Event::HostKey(_) | Event::Auth(AuthEvent::Question(_)))
}

/// A channel's name in a line: `INDEX.GENERATION`.
#[must_use]
pub fn channel_name(key: ChannelKey) -> String {
    format!("{}.{}", key.number(), key.generation())
}

/// The words of a line, read one after another.
struct Words<'a, 'b> {
    line: &'b Line<'a>,
    words: core::str::Split<'a, char>,
}

impl<'a, 'b> Words<'a, 'b> {
    fn of(line: &'b Line<'a>) -> Self {
        Self { line, words: line.arguments.split(' ') }
    }

    fn word(&mut self) -> Result<&'a str, ReadFault> {
        self.words.next().ok_or_else(|| self.line.fault("is too short"))
    }

    fn number(&mut self) -> Result<u64, ReadFault> {
        self.word()?.parse().map_err(|_| self.line.fault("lacks a number"))
    }

    fn channel(&mut self) -> Result<ChannelKey, ReadFault> {
        let (index, generation) = self.word()?.split_once('.').unwrap_or_default();
        let key = index.parse().ok().zip(generation.parse().ok());
        let key = key.map(|(index, generation)| ChannelKey::new(index, generation));
        key.ok_or_else(|| self.line.fault("lacks a channel"))
    }

    fn stream(&mut self) -> Result<Stream, ReadFault> {
        let word = self.word()?;
        let stream = [Stream::Data, Stream::Stderr].into_iter().find(|s| stream_name(*s) == word);
        stream.ok_or_else(|| self.line.fault("lacks a stream"))
    }

    fn size(&mut self) -> Result<usize, ReadFault> {
        usize::try_from(self.number()?).map_err(|_| self.line.fault("has too large a number"))
    }

    fn bytes(&mut self) -> Result<Vec<u8>, ReadFault> {
        unhex(self.word()?).ok_or_else(|| self.line.fault("is not in hexadecimal digits"))
    }

    fn text(&mut self) -> Result<String, ReadFault> {
        String::from_utf8(self.bytes()?).map_err(|_| self.line.fault("has no text"))
    }
}

impl Layer for Replayed<'_> {
    const LETTER: char = 'c';

    fn receive(&mut self, bytes: &[u8]) {
        if let Some(space) = self.stack.receive_space(bytes.len()).get_mut(..bytes.len()) {
            space.copy_from_slice(bytes);
        }
        self.stack.received(bytes.len());
    }

    fn transmit(&self) -> &[u8] {
        self.stack.transmit()
    }

    fn transmitted(&mut self, n: usize) {
        self.stack.transmitted(n);
    }

    fn next(&mut self, at: Timestamp) -> Result<Result<bool, Error>, Mismatch> {
        let delivery = match self.stack.next(at) {
            Err(error) => return Ok(Err(error)),
            Ok(None) => return Ok(Ok(false)),
            Ok(Some(Happening::Event(event))) => {
                self.asked |= is_question(&event);
                (self.observer)(Seen::Event(&event));
                return Ok(Ok(true));
            }
            Ok(Some(Happening::Data(delivery))) => delivery,
        };
        let (channel, stream) = (delivery.channel(), delivery.stream());
        let accepted = match taken(self.accepts.pop_front(), channel, stream) {
            // What nobody took then is taken whole.
            Err(_) if self.loose => delivery.bytes().len(),
            taken => taken?,
        };
        (self.observer)(Seen::Data { channel, stream, bytes: delivery.bytes(), accepted });
        delivery.accept(accepted);
        Ok(Ok(true))
    }

    fn command(&mut self, line: &Line<'_>) -> Result<Result<(), Error>, Mismatch> {
        (self.observer)(Seen::Line(line));
        let Some(call) = line.call.strip_prefix("c ") else { return Ok(Ok(())) };
        let mut words = Words::of(line);
        match call {
            "want" | "turn" | "data" | "empty" | "drained" => self.data_command(call, &mut words),
            "answer" => Ok(self.stack.answer(answer::read(line)?)),
            "deadline" => Ok(self.stack.handle_deadline(Timestamp::from_micros(words.number()?))),
            "rekey" => {
                self.stack.request_rekey();
                Ok(Ok(()))
            }
            "ping" => Ok(self.stack.ping(&words.bytes()?).map(|_| ())),
            "debug" => Ok(self.stack.debug(&words.text()?)),
            "disconnect" => {
                let (reason, text) = disconnect(line)?;
                self.stack.disconnect(reason, &text);
                Ok(Ok(()))
            }
            _ => self.channel_command(call, &mut words).map(Ok),
        }
    }
}

impl Replayed<'_> {
    fn data_command(
        &mut self,
        call: &str,
        words: &mut Words<'_, '_>,
    ) -> Result<Result<(), Error>, Mismatch> {
        let (channel, stream) = (words.channel()?, words.stream()?);
        match call {
            "want" => self.stack.want_send(channel, stream),
            "drained" => self.stack.drained(channel, stream, words.size()?),
            "turn" => {
                let recorded = Turn { channel, stream, max: words.size()? };
                let turn = self.stack.next_turn();
                if turn != Some(recorded) {
                    return Err(words.line.fault(&format!("came to {turn:?}")).into());
                }
            }
            "empty" => return Ok(self.stack.send_data(channel, stream, |_| 0).map(|_| ())),
            _ => {
                let data = words.bytes()?;
                let sent = self.stack.send_data(channel, stream, |areas| areas.put(&data));
                if sent.as_ref().is_ok_and(|sent| *sent != data.len()) {
                    return Err(words.line.fault("finds no room").into());
                }
                return Ok(sent.map(|_| ()));
            }
        }
        Ok(Ok(()))
    }

    /// What a local caller may get wrong is no part of a replay: the same call with the same error
    /// changes nothing.
    fn channel_command(&mut self, call: &str, words: &mut Words<'_, '_>) -> Result<(), Mismatch> {
        let stack = &mut self.stack;
        let _ = match call {
            "open" => return self.open(words),
            "accept-open" => stack.accept_open(words.channel()?),
            "refuse-open" => {
                let (channel, code) = (words.channel()?, words.number()?);
                let reason = OpenFailure::ALL.into_iter().find(|r| u64::from(r.code()) == code);
                let reason = reason.ok_or_else(|| words.line.fault("has no reason code"))?;
                stack.refuse_open(channel, reason, &words.text()?)
            }
            "eof" => stack.send_eof(words.channel()?),
            "close" => stack.close(words.channel()?),
            "reply" => stack.reply_request(words.channel()?, words.number()? != 0),
            "reply-global" => stack.reply_global(words.number()? != 0, &words.bytes()?),
            "request" => {
                let (channel, message) = (words.channel()?, words.bytes()?);
                let message: ChannelRequestMsg<'_> = decode(&message).map_err(unreadable)?;
                let request = ChannelRequest::decode(&message).map_err(unreadable)?;
                stack.request(channel, request, message.want_reply).map(|_| ())
            }
            "global" => {
                let message = words.bytes()?;
                let message: GlobalRequestMsg<'_> = decode(&message).map_err(unreadable)?;
                let request = GlobalRequest::decode(&message).map_err(unreadable)?;
                stack.global_request(request, message.want_reply).map(|_| ())
            }
            _ => {
                return Err(words.line.fault("is a call that this version does not know").into());
            }
        };
        Ok(())
    }

    fn open(&mut self, words: &mut Words<'_, '_>) -> Result<(), Mismatch> {
        let (recorded, message) = (words.word()?, words.bytes()?);
        let message: ChannelOpen<'_> = decode(&message).map_err(unreadable)?;
        let opened = self.stack.open(OpenKind::decode(&message).map_err(unreadable)?);
        let opened = opened.map_or("-".into(), channel_name);
        if opened == recorded {
            return Ok(());
        }
        Err(words.line.fault(&format!("opened {opened}")).into())
    }
}

fn unreadable(error: Error) -> Mismatch {
    Mismatch(format!("a command cannot be read: {error}"))
}

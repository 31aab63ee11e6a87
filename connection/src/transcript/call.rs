//! The calls of a [`Stack`] as lines.

use super::answer;
use super::replay::channel_name;
use crate::channel::ChannelKey;
use crate::event::{Stream, Turn};
use crate::messages::{ChannelRequest, GlobalRequest, OpenFailure, OpenKind};
use crate::stack::{Answer, Stack};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use tssh_transport::Timestamp;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::transcript::{Log, hex};

/// A call that changes something, apart from those that move bytes and from `next`.
pub(crate) enum Call<'a> {
    Accept(ChannelKey, Stream, usize),
    Drained(ChannelKey, Stream, usize),
    WantSend(ChannelKey, Stream),
    Turn(Turn),
    /// Data, or that there was none.
    Data(ChannelKey, Stream, &'a [u8]),
    Open(Option<ChannelKey>, &'a OpenKind),
    AcceptOpen(ChannelKey),
    RefuseOpen(ChannelKey, OpenFailure, &'a str),
    SendEof(ChannelKey),
    Close(ChannelKey),
    Request(ChannelKey, &'a ChannelRequest, bool),
    ReplyRequest(ChannelKey, bool),
    GlobalRequest(&'a GlobalRequest, bool),
    ReplyGlobal(bool, &'a [u8]),
    Answer(&'a Answer),
    Deadline(Timestamp),
    Rekey,
    Ping(&'a [u8]),
    Debug(&'a str),
    Disconnect(DisconnectReason, &'a str),
}

/// A stream's name in a line.
pub(super) const fn stream_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Data => "data",
        Stream::Stderr => "stderr",
    }
}

impl Call<'_> {
    fn line(&self) -> (&'static str, String) {
        let channel = channel_name;
        let on = |key: &ChannelKey, stream: &Stream| {
            format!("{} {}", channel(*key), stream_name(*stream))
        };
        match self {
            Self::Accept(key, stream, n) => ("c accept", format!("{} {n}", on(key, stream))),
            Self::Drained(key, stream, n) => ("c drained", format!("{} {n}", on(key, stream))),
            Self::WantSend(key, stream) => ("c want", on(key, stream)),
            Self::Turn(Turn { channel, stream, max }) => {
                ("c turn", format!("{} {max}", on(channel, stream)))
            }
            Self::Data(key, stream, []) => ("c empty", on(key, stream)),
            Self::Data(key, stream, data) => {
                ("c data", format!("{} {}", on(key, stream), hex(data)))
            }
            Self::Open(key, kind) => {
                let mut message = Vec::new();
                kind.encode(0, 0, 0, &mut message);
                let key = key.map_or("-".to_string(), channel);
                ("c open", format!("{key} {}", hex(&message)))
            }
            Self::AcceptOpen(key) => ("c accept-open", channel(*key)),
            Self::RefuseOpen(key, reason, text) => {
                let text = hex(text.as_bytes());
                ("c refuse-open", format!("{} {} {text}", channel(*key), reason.code()))
            }
            Self::SendEof(key) => ("c eof", channel(*key)),
            Self::Close(key) => ("c close", channel(*key)),
            Self::Request(key, request, want_reply) => {
                let mut message = Vec::new();
                request.encode(key.number(), *want_reply, &mut message);
                ("c request", format!("{} {}", channel(*key), hex(&message)))
            }
            Self::ReplyRequest(key, ok) => {
                ("c reply", format!("{} {}", channel(*key), u8::from(*ok)))
            }
            Self::GlobalRequest(request, want_reply) => {
                let mut message = Vec::new();
                request.encode(*want_reply, &mut message);
                ("c global", hex(&message))
            }
            Self::ReplyGlobal(ok, data) => {
                ("c reply-global", format!("{} {}", u8::from(*ok), hex(data)))
            }
            Self::Answer(answer) => ("c answer", answer::write(answer)),
            Self::Deadline(at) => ("c deadline", format!("{}", at.as_micros())),
            Self::Rekey => ("c rekey", String::new()),
            Self::Ping(data) => ("c ping", hex(data)),
            Self::Debug(text) => ("c debug", hex(text.as_bytes())),
            Self::Disconnect(reason, text) => {
                ("c disconnect", format!("{} {}", reason.code(), hex(text.as_bytes())))
            }
        }
    }

    /// Writes the line.
    pub(crate) fn note(&self, log: Option<&mut Log>) {
        if let Some(log) = log {
            let (call, arguments) = self.line();
            log.line(call, &arguments);
        }
    }
}

impl Stack {
    /// Starts a recording; to be called before anything else happens. It ends with the stack.
    pub fn record(&mut self, log: Log) {
        self.transport().record(log);
    }

    /// The recording, for the layers above to add their lines.
    pub const fn log(&mut self) -> Option<&mut Log> {
        self.transport().log()
    }

    pub(crate) fn note(&mut self, call: &Call<'_>) {
        call.note(self.log());
    }
}

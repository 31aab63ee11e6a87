//! What the connection layer tells a tracer: the shapes of its messages, channels, windows, and
//! the steps of authentication that the stack passes on.

mod flows;
mod shapes;

pub use flows::Flows;
pub use shapes::shape;

use crate::channel::ChannelKey;
use crate::connection::Connection;
use crate::stack::Stack;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use tssh_transport::text::one_line;
use tssh_transport::trace::{Hook, Kind, Map, Tracer};
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion};

/// Longest text of a peer in an event.
const TEXT_BYTES_MAX: usize = 1024;

/// Events that wait for the stack to hand them to the tracer; a call makes a few at most.
pub(crate) type Pending = Hook<Vec<(Kind, Map)>>;

/// Whose data a window is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// What we may send.
    We,
    /// What the peer may send.
    Peer,
}

impl Connection {
    /// A channel's life went on.
    pub(crate) fn trace_channel(&mut self, key: ChannelKey, what: &'static str) {
        self.trace_channel_with(key, what, |map| map);
    }

    /// As [`Connection::trace_channel`], with what there is to say beside it.
    pub(crate) fn trace_channel_with(
        &mut self,
        key: ChannelKey,
        what: &'static str,
        more: impl FnOnce(Map) -> Map,
    ) {
        let Some(pending) = self.trace.get_mut() else { return };
        let Some(channel) = self.table.get(key) else { return };
        let rfc = match what {
            "eof sent" | "eof received" | "close sent" | "close received" | "freed" => "4254#5.3",
            _ => "4254#5.1",
        };
        let values = Map::new()
            .with("channel", key.number())
            .with("peer_channel", channel.peer)
            .with("what", what)
            .with("opened_by", if channel.ours { "us" } else { "peer" });
        pending.push((Kind::Channel, more(values).with("rfc", rfc)));
    }

    /// A window shrank or grew by `n` bytes.
    pub(crate) fn trace_window(
        &mut self,
        key: ChannelKey,
        sender: Sender,
        op: &'static str,
        n: u32,
    ) {
        let Some(pending) = self.trace.get_mut() else { return };
        let Some(channel) = self.table.get(key) else { return };
        let left = match sender {
            Sender::We => channel.send.available(),
            Sender::Peer => channel.recv.granted(),
        };
        let client_sends = self.side.is_client() == (sender == Sender::We);
        let values = Map::new()
            .with("channel", key.number())
            .with("dir", if client_sends { "c2s" } else { "s2c" })
            .with("op", op)
            .with("bytes", n)
            .with("left", left)
            .with("rfc", "4254#5.2");
        pending.push((Kind::Window, values));
    }
}

impl Stack {
    /// Tells `tracer` of everything that happens on this connection. To be called before the
    /// first byte is read or sent.
    pub fn trace(&mut self, mut tracer: Box<Tracer>) {
        tracer.set_upper(shape);
        self.transport().trace(tracer);
    }

    /// Bounds the packets of channels, in both directions, below what the protocol allows.
    pub const fn cap_packets(&mut self, bytes: u32) {
        self.packet_max = Some(bytes);
    }

    /// Hands the tracer what the connection layer noted.
    #[inline]
    pub(crate) fn tell_tracer(&mut self) {
        if self.transport().traces() {
            self.hand_over();
        }
    }

    /// Apart, as it has to cost nothing where nobody listens.
    #[cold]
    fn hand_over(&mut self) {
        let Ok(connection) = self.connection() else { return };
        let Some(pending) = connection.trace.get_mut() else { return };
        let pending = core::mem::take(pending);
        let Some(tracer) = self.transport().tracer() else { return };
        for (kind, values) in pending {
            tracer.emit(kind, values);
        }
    }

    /// Authentication came a step further.
    pub(crate) fn trace_auth(&mut self, event: &AuthEvent) {
        if let Some(tracer) = self.transport().tracer() {
            tracer.emit(Kind::Auth, auth_event(event));
        }
    }

    /// Whoever decides about authentication decided.
    pub(crate) fn trace_answer(&mut self, answer: &AuthAnswer) {
        if let Some(tracer) = self.transport().tracer() {
            tracer.emit(Kind::Auth, auth_answer(answer));
        }
    }
}

fn auth(step: &'static str, rfc: &'static str) -> Map {
    Map::new().with("step", step).with("rfc", rfc)
}

fn shown(text: &str) -> String {
    one_line(text.as_bytes(), TEXT_BYTES_MAX)
}

fn auth_event(event: &AuthEvent) -> Map {
    match event {
        AuthEvent::Banner(text) => auth("banner", "4252#5.4").with("text", shown(text)),
        AuthEvent::Success(_) => auth("success", "4252#5.1"),
        AuthEvent::Question(AuthQuestion::ChooseMethod { methods, partial_success, .. }) => {
            let step = match (methods, partial_success) {
                (None, _) => "nothing tried yet",
                (Some(_), true) => "partial success",
                (Some(_), false) => "failure",
            };
            auth(step, "4252#5.1").with("can_continue", methods.as_deref().map(shown))
        }
        AuthEvent::Question(AuthQuestion::Sign { algorithm, .. }) => {
            auth("key accepted, signature wanted", "4252#7").with("algorithm", shown(algorithm))
        }
        AuthEvent::Question(AuthQuestion::Prompts { prompts, .. }) => {
            auth("prompts", "4256#3.2").with("prompts", prompts.len())
        }
        AuthEvent::Question(AuthQuestion::ChangePassword { .. }) => {
            auth("password expired", "4252#8")
        }
        _ => auth("decision wanted", "4252#5"),
    }
}

fn auth_answer(answer: &AuthAnswer) -> Map {
    match answer {
        AuthAnswer::Attempt(attempt) => {
            let (method, rfc) = match attempt {
                Attempt::None => ("none", "4252#5.2"),
                Attempt::PublicKey { .. } => ("publickey", "4252#7"),
                Attempt::Password(_) => ("password", "4252#8"),
                Attempt::KeyboardInteractive { .. } => ("keyboard-interactive", "4256#3.1"),
            };
            let values = auth("try", rfc).with("method", method);
            match attempt {
                Attempt::PublicKey { algorithm, probe, .. } => {
                    values.with("algorithm", shown(algorithm)).with("probe", *probe)
                }
                _ => values,
            }
        }
        AuthAnswer::Signature(_) => auth("signed", "4252#7"),
        AuthAnswer::CannotSign => auth("no signature", "4252#7"),
        AuthAnswer::Responses(responses) => {
            auth("answers", "4256#3.4").with("answers", responses.len())
        }
        AuthAnswer::NewPassword { .. } => auth("new password", "4252#8"),
        AuthAnswer::GiveUp => auth("give up", "4252#5"),
        AuthAnswer::Accept => auth("accept", "4252#5.1"),
        AuthAnswer::Partial { methods } => {
            auth("accept, more needed", "4252#5.1").with("can_continue", methods.to_string())
        }
        AuthAnswer::Reject => auth("reject", "4252#5.1"),
        AuthAnswer::Prompts { .. } => auth("ask", "4256#3.2"),
        AuthAnswer::Expired { .. } => auth("password expired", "4252#8"),
    }
}

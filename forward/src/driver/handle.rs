//! What an application may do: at once with a [`Control`], from elsewhere with a [`Handle`].

use crate::core::address::{DynamicForward, LocalForward, RemoteForward};
use crate::core::keystrokes::Keystrokes;
use crate::core::policy::{PermitOpen, Policy};
use crate::core::pump::{Kind, Pump, PumpEvent};
use crate::driver::carrier::Carrier;
use crate::driver::endpoint::Endpoints;
use crate::driver::event::{AppEvent, ForwardId, ForwardInfo};
use crate::driver::forwards::ListenOptions;
use crate::driver::slot::{Owner, Slot};
use std::fmt;
use tokio::sync::{mpsc, oneshot};
use tssh_connection::{
    Answer, ChannelKey, ChannelRequest, GlobalRequest, LocalError, OpenFailure, OpenKind,
    RequestTag,
};
use tssh_transport::Timestamp;
use tssh_transport::disconnect::DisconnectReason;

pub(crate) type Call = Box<dyn FnOnce(&mut Control<'_>) + Send>;

/// Reaches a connection's task from other tasks and threads. Bounded: whoever asks too fast waits.
#[derive(Clone)]
pub struct Handle {
    calls: mpsc::Sender<Call>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// The connection is over, or its queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleError {
    /// The connection's task is gone.
    Ended,
    /// Too many calls wait ([`COMMANDS_MAX`](crate::limits::COMMANDS_MAX)).
    Full,
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "the connection has ended",
            Self::Full => "too many calls wait for the connection",
        })
    }
}

impl std::error::Error for HandleError {}

impl Handle {
    pub(crate) const fn new(calls: mpsc::Sender<Call>) -> Self {
        Self { calls }
    }

    /// Has `call` run within the connection's task, and gives back what it returns; waits while
    /// the queue is full.
    ///
    /// # Errors
    /// [`HandleError::Ended`].
    pub async fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Control<'_>) -> R + Send + 'static,
    ) -> Result<R, HandleError> {
        let (reply, answer) = oneshot::channel();
        let call: Call = Box::new(move |control| {
            // Whoever asked may have lost interest; the call has happened all the same.
            let _ = reply.send(call(control));
        });
        self.calls.send(call).await.map_err(|_| HandleError::Ended)?;
        answer.await.map_err(|_| HandleError::Ended)
    }

    /// Has `call` run within the connection's task, and does not wait.
    ///
    /// # Errors
    /// [`HandleError::Ended`] and [`HandleError::Full`]; then `call` is dropped.
    pub fn post(
        &self,
        call: impl FnOnce(&mut Control<'_>) + Send + 'static,
    ) -> Result<(), HandleError> {
        self.calls.try_send(Box::new(call)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => HandleError::Full,
            mpsc::error::TrySendError::Closed(_) => HandleError::Ended,
        })
    }
}

/// The connection, from within its task.
pub struct Control<'a> {
    pub(crate) carrier: &'a mut Carrier,
}

impl fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}

impl Control<'_> {
    /// A handle for other tasks.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.carrier.handle()
    }

    /// The driver's time: microseconds since it began.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.carrier.now()
    }

    /// Answers a question of the protocol. An answer that does not fit ends the connection.
    pub fn answer(&mut self, answer: Answer) {
        self.carrier.answer(answer);
    }

    /// The session identifier, once there is one.
    #[must_use]
    pub fn session_id(&self) -> Option<&[u8]> {
        self.carrier.stack.session_id()
    }

    /// Sets what the peer may forward through us from now on: a server knows it once it knows
    /// the user.
    pub fn set_policy(&mut self, policy: Policy) {
        self.carrier.policy = policy;
    }

    /// Opens a channel and joins it to `endpoints`, which are read from when the peer has
    /// confirmed it. `Opened` or `OpenFailed` follows as an event, and later
    /// [`AppEvent::ChannelClosed`](crate::driver::AppEvent::ChannelClosed).
    ///
    /// # Errors
    /// [`LocalError`]; the endpoints are let go.
    pub fn open(&mut self, kind: OpenKind, endpoints: Endpoints) -> Result<ChannelKey, LocalError> {
        let pump = match kind {
            OpenKind::Session => Kind::Session,
            _ => Kind::Socket,
        };
        let channel = self.carrier.stack.open(kind)?;
        let mut slot = Slot::new(channel, Owner::Application, Pump::opening(pump), Some(endpoints));
        slot.patient = true;
        self.carrier.insert(slot);
        Ok(channel)
    }

    /// Opens a session channel, see [`Control::open`].
    ///
    /// # Errors
    /// [`LocalError`]; the endpoints are let go.
    pub fn open_session(&mut self, endpoints: Endpoints) -> Result<ChannelKey, LocalError> {
        self.open(OpenKind::Session, endpoints)
    }

    /// Opens a channel for a connection that was accepted elsewhere: the display or the agent that
    /// a server stands in for. It counts among
    /// [`forwarded_connections`](Control::forwarded_connections), and
    /// [`AppEvent::ForwardFailed`](crate::driver::AppEvent::ForwardFailed) or
    /// [`AppEvent::ForwardClosed`](crate::driver::AppEvent::ForwardClosed) tells of its end.
    ///
    /// # Errors
    /// [`LocalError`]; the endpoints are let go.
    pub fn open_forwarded(
        &mut self,
        kind: OpenKind,
        endpoints: Endpoints,
    ) -> Result<ChannelKey, LocalError> {
        let channel = self.carrier.stack.open(kind)?;
        let pump = Pump::opening(Kind::Socket);
        self.carrier.insert(Slot::new(channel, Owner::Forwarder, pump, Some(endpoints)));
        Ok(channel)
    }

    /// Accepts a channel of the peer's that is no session, and joins it to `endpoints`. It counts
    /// among [`forwarded_connections`](Control::forwarded_connections), and
    /// [`AppEvent::ForwardClosed`](crate::driver::AppEvent::ForwardClosed) tells of its end.
    ///
    /// # Errors
    /// [`LocalError`]; the endpoints are let go.
    pub fn accept_open(
        &mut self,
        channel: ChannelKey,
        endpoints: Endpoints,
    ) -> Result<(), LocalError> {
        self.carrier.stack.accept_open(channel)?;
        let pump = Pump::open(Kind::Socket);
        self.carrier.insert(Slot::new(channel, Owner::Forwarder, pump, Some(endpoints)));
        Ok(())
    }

    /// Has the application called with
    /// [`AppEvent::Reminded`](crate::driver::AppEvent::Reminded) of `subject`: for work that was
    /// done elsewhere and that the application goes on from.
    pub fn remind(&mut self, subject: u32) {
        self.carrier.events.push_back(AppEvent::Reminded(subject));
    }

    /// Accepts a session channel of the peer's. What it sends is kept, within its window, until
    /// [`Control::attach`].
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn accept_session(&mut self, channel: ChannelKey) -> Result<(), LocalError> {
        self.carrier.stack.accept_open(channel)?;
        let slot = Slot::new(channel, Owner::Application, Pump::open(Kind::Session), None);
        self.carrier.insert(slot);
        Ok(())
    }

    /// Refuses a channel of the peer's.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn refuse_open(
        &mut self,
        channel: ChannelKey,
        reason: OpenFailure,
        text: &str,
    ) -> Result<(), LocalError> {
        self.carrier.stack.refuse_open(channel, reason, text)
    }

    /// Joins an accepted channel to its streams.
    ///
    /// # Errors
    /// [`LocalError::UnknownChannel`] where it is over already; the endpoints are let go.
    pub fn attach(&mut self, channel: ChannelKey, endpoints: Endpoints) -> Result<(), LocalError> {
        self.carrier.attach(channel, endpoints)
    }

    /// Nothing follows what the channel's inputs still hold: when they have come to their ends
    /// the channel gets its EOF and its CLOSE. The word for a process that has ended, once its
    /// exit status is sent.
    pub fn finish(&mut self, channel: ChannelKey) {
        self.carrier.step(channel, PumpEvent::Finish);
    }

    /// Closes a channel, whatever its inputs still hold.
    pub fn close(&mut self, channel: ChannelKey) {
        self.carrier.abandon(channel);
    }

    /// Sends a request about a channel; its reply follows as an event.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn request(
        &mut self,
        channel: ChannelKey,
        request: ChannelRequest,
        want_reply: bool,
    ) -> Result<RequestTag, LocalError> {
        self.carrier.stack.request(channel, request, want_reply)
    }

    /// Answers the oldest unanswered request of the peer's about a channel.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn reply_request(&mut self, channel: ChannelKey, ok: bool) -> Result<(), LocalError> {
        self.carrier.stack.reply_request(channel, ok)
    }

    /// Sends a global request; its reply follows as an event.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn global_request(
        &mut self,
        request: GlobalRequest,
        want_reply: bool,
    ) -> Result<RequestTag, LocalError> {
        self.carrier.stack.global_request(request, want_reply)
    }

    /// Sets where SOCKS clients of the far side may have us connect to (`PermitRemoteOpen`).
    pub fn set_permit_remote_open(&mut self, permit: PermitOpen) {
        self.carrier.forwards.permit_remote_open = permit;
    }

    /// Starts a local forward; `Listening` or `ListenFailed` follows as an event.
    pub fn listen_local(&mut self, forward: LocalForward, how: ListenOptions) -> ForwardId {
        self.carrier.listen_local(forward, how)
    }

    /// Starts a SOCKS proxy whose connections leave from the far side; `Listening` or
    /// `ListenFailed` follows as an event.
    pub fn listen_dynamic(&mut self, forward: DynamicForward, how: ListenOptions) -> ForwardId {
        self.carrier.listen_dynamic(forward, how)
    }

    /// Asks the peer to listen; `RemoteListening` or `RemoteFailed` follows as an event.
    pub fn request_remote(&mut self, forward: RemoteForward) -> ForwardId {
        self.carrier.request_remote(forward)
    }

    /// Ends a forward; connections that were accepted live on. `Cancelled` follows as an event.
    /// `false` where there is no such forward.
    pub fn cancel(&mut self, forward: ForwardId) -> bool {
        self.carrier.cancel(forward)
    }

    /// Our forwards that stand or are being set up, in the order in which they were asked for.
    #[must_use]
    pub fn forwards(&self) -> Vec<ForwardInfo> {
        self.carrier.forwards.list()
    }

    /// Number of forwarded connections that are not over.
    #[must_use]
    pub const fn forwarded_connections(&self) -> usize {
        self.carrier.forwarded_connections()
    }

    /// Asks for an echo of `data`; `Pong` follows as an event. Whether the peer does such a thing.
    pub fn ping(&mut self, data: &[u8]) -> bool {
        match self.carrier.stack.ping(data) {
            Ok(sent) => sent,
            Err(error) => {
                self.carrier.fail(error);
                false
            }
        }
    }

    /// Sends what is typed into a session at the ticks of a clock, with chaff between, where the
    /// peer takes it. Whether it does.
    pub fn obscure_keystrokes(&mut self, session: ChannelKey, keys: Keystrokes) -> bool {
        let taken = self.carrier.stack.takes_pings();
        if taken {
            self.carrier.keystrokes = Some((session, keys));
        }
        taken
    }

    /// Starts a key exchange.
    pub fn request_rekey(&mut self) {
        self.carrier.stack.request_rekey();
    }

    /// Tells whoever uses the other end something: SSH_MSG_DEBUG, to be displayed.
    pub fn debug(&mut self, text: &str) {
        if let Err(error) = self.carrier.stack.debug(text) {
            self.carrier.fail(error);
        }
    }

    /// Ends the connection: tells the peer, hands over what is still to be written, within
    /// [`CLOSE_GRACE`](crate::limits::CLOSE_GRACE), and lets [`run`](crate::driver::run) return
    /// [`Ended::Finished`](crate::Ended::Finished).
    pub fn disconnect(&mut self, reason: DisconnectReason, text: &str) {
        self.carrier.disconnect(reason, text);
    }
}

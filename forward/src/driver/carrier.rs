//! Everything of one connection but its SSH socket and its application: the stack, the channels'
//! slots, and what follows from each event.

use crate::core::keystrokes::{CHAFF, Keystrokes, Tick};
use crate::core::local::open_failed;
use crate::core::policy::Policy;
use crate::core::pump::{Action, End, PumpEvent};
use crate::core::socks::Failure;
use crate::driver::dial::Jobs;
use crate::driver::endpoint::Endpoints;
use crate::driver::event::AppEvent;
use crate::driver::forwards::Forwards;
use crate::driver::handle::Handle;
use crate::driver::ready::{ReadyList, Token};
use crate::driver::slot::{Owner, STREAMS, Slot};
use crate::driver::timed_stack::TimedStack;
use crate::driver::timers::Timers;
use crate::error::Ended;
use crate::limits::{CLOSE_GRACE, DIALS_MAX, DRAIN_AFTER_CLOSE, NEGOTIATIONS_MAX};
use std::collections::VecDeque;
use std::time::Duration;
use tssh_connection::{
    Answer, ChannelEvent, ChannelKey, ChannelRequest, Event, GlobalRequest, LocalError, RequestTag,
    Stream,
};
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::userauth::AuthEvent;
use tssh_transport::{Error, Timestamp};

/// The connection is ending: how, and until when its last bytes may take.
pub(crate) struct Ending {
    pub(crate) ended: Ended,
    pub(crate) by: Timestamp,
}

pub(crate) struct Carrier {
    pub(crate) stack: TimedStack,
    pub(crate) ready: ReadyList,
    /// By number of channel; bounded by the connection layer's table.
    pub(crate) slots: Vec<Option<Slot>>,
    /// Channels whose rings are to be written in this round, each once.
    pub(crate) dirty: Vec<ChannelKey>,
    /// Channels that drain against time.
    timed: Vec<ChannelKey>,
    pub(crate) jobs: Jobs,
    /// SOCKS clients of ours that have yet to say what they want.
    pub(crate) negotiations: Jobs,
    pub(crate) forwards: Forwards,
    pub(crate) policy: Policy,
    pub(crate) timers: Timers,
    /// For the application; taken after each packet, so that it stays short.
    pub(crate) events: VecDeque<AppEvent>,
    /// Keepalives whose reply has not come; the timers bound their number.
    alive_tags: VecDeque<RequestTag>,
    pub(crate) ending: Option<Ending>,
    pub(crate) forwarded: usize,
    /// The peer knows `eow@openssh.com`; others have been seen to end the session over it.
    peer_knows_eow: bool,
    /// The clock of the keystrokes of one session.
    pub(crate) keystrokes: Option<(ChannelKey, Keystrokes)>,
    handle: Handle,
}

impl Carrier {
    pub(crate) fn new(stack: TimedStack, timers: Timers, policy: Policy, handle: Handle) -> Self {
        Self {
            stack,
            ready: ReadyList::default(),
            slots: Vec::new(),
            dirty: Vec::new(),
            timed: Vec::new(),
            jobs: Jobs::new(Token::Job, DIALS_MAX),
            negotiations: Jobs::new(Token::Negotiation, NEGOTIATIONS_MAX),
            forwards: Forwards::default(),
            policy,
            timers,
            events: VecDeque::new(),
            alive_tags: VecDeque::new(),
            ending: None,
            forwarded: 0,
            peer_knows_eow: false,
            keystrokes: None,
            handle,
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.stack.now()
    }

    pub(crate) const fn forwarded_connections(&self) -> usize {
        self.forwarded
    }

    /// A new round begins.
    pub(crate) fn begin_round(&mut self, now: Timestamp) {
        self.stack.tick(now);
    }

    pub(crate) fn slot(&mut self, key: ChannelKey) -> Option<&mut Slot> {
        self.slots.get_mut(key.index())?.as_mut().filter(|slot| slot.key == key)
    }

    fn key_at(&self, index: usize) -> Option<ChannelKey> {
        Some(self.slots.get(index)?.as_ref()?.key)
    }

    pub(crate) fn insert(&mut self, slot: Slot) {
        let (index, key) = (slot.key.index(), slot.key);
        if self.slots.len() <= index {
            self.slots.resize_with(index.saturating_add(1), || None);
        }
        if slot.owner == Owner::Forwarder {
            self.forwarded = self.forwarded.saturating_add(1);
        }
        #[cfg(feature = "transcript")]
        self.stack.note_line(
            "f slot",
            key,
            format_args!("{:?} {:?}", slot.pump.kind(), slot.pump.end()),
        );
        if let Some(place) = self.slots.get_mut(index) {
            *place = Some(slot);
        }
        self.start_reading(key);
    }

    pub(crate) fn attach(&mut self, key: ChannelKey, to: Endpoints) -> Result<(), LocalError> {
        let slot = self.slot(key).ok_or(LocalError::UnknownChannel)?;
        slot.attach(to);
        self.start_reading(key);
        self.mark_dirty(key);
        Ok(())
    }

    /// Asks for turns for whatever can be read; an endpoint without inputs has ended already.
    fn start_reading(&mut self, key: ChannelKey) {
        let Some(slot) = self.slots.get(key.index()).and_then(Option::as_ref) else { return };
        if !slot.attached() || !slot.pump.reads() {
            return;
        }
        for stream in slot.readable() {
            self.stack.want_send(key, stream);
        }
        if slot.inputs_ended() {
            self.step(key, PumpEvent::ReadEnd);
        }
    }

    /// Ends the channel, whatever its endpoint still holds.
    pub(crate) fn abandon(&mut self, key: ChannelKey) {
        let Some(slot) = self.slot(key) else { return };
        slot.stop_reading();
        self.step(key, PumpEvent::Finish);
        self.step(key, PumpEvent::ReadEnd);
    }

    /// Something became ready.
    pub(crate) fn on_token(&mut self, token: Token) {
        match token {
            Token::Input(index) => self.on_readable(index, Stream::Data),
            Token::ErrorInput(index) => self.on_readable(index, Stream::Stderr),
            Token::Output(index) => self.on_writable(index, Stream::Data),
            Token::ErrorOutput(index) => self.on_writable(index, Stream::Stderr),
            Token::Listener(index) => self.accept(index),
            Token::Job(index) => self.jobs.poll(index, &self.ready),
            Token::Negotiation(index) => self.negotiations.poll(index, &self.ready),
            Token::SshRead | Token::SshWrite | Token::Commands | Token::Alarm => {}
        }
    }

    fn on_readable(&mut self, index: usize, stream: Stream) {
        let Some(key) = self.key_at(index) else { return };
        if self.slot(key).is_some_and(|slot| slot.pump.reads()) {
            self.stack.want_send(key, stream);
        }
    }

    fn on_writable(&mut self, index: usize, stream: Stream) {
        let Some(key) = self.key_at(index) else { return };
        let Some(slot) = self.slot(key) else { return };
        slot.writable(stream);
        if slot.shutting {
            self.shut_down(key);
        } else {
            self.mark_dirty(key);
        }
    }

    fn shut_down(&mut self, key: ChannelKey) {
        let Some(slot) = self.slots.get_mut(key.index()).and_then(Option::as_mut) else { return };
        slot.shutting = !slot.shut_down(&self.ready);
    }

    fn mark_dirty(&mut self, key: ChannelKey) {
        let Some(slot) = self.slot(key) else { return };
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(key);
        }
    }

    pub(crate) fn on_event(&mut self, event: Event) {
        let now = self.now();
        match &event {
            Event::PeerIdentification(text) => {
                self.timers.identified();
                self.peer_knows_eow = text.contains("OpenSSH") || text.contains("tssh");
            }
            Event::HostKey(_) | Event::Auth(AuthEvent::Question(_)) => self.timers.question(now),
            Event::Exchanged { .. } => self.timers.exchanged(now),
            Event::Authenticated { .. } => self.timers.authenticated(now),
            _ => {}
        }
        match event {
            Event::Channel(event) => self.on_channel_event(event),
            event => self.events.push_back(AppEvent::Protocol(event)),
        }
    }

    fn on_channel_event(&mut self, event: ChannelEvent) {
        match event {
            ChannelEvent::OpenRequest { channel, kind } => self.on_open(channel, kind),
            ChannelEvent::Unsolicited { kind } => {
                self.events.push_back(AppEvent::Unsolicited { kind: kind.name().to_owned() });
            }
            ChannelEvent::Opened { channel } => {
                if let Some(slot) = self.slot(channel) {
                    slot.answer_socks(Ok(()));
                }
                self.step(channel, PumpEvent::Opened);
                self.tell(channel, event);
                self.start_reading(channel);
            }
            ChannelEvent::OpenFailed { channel, reason, ref description } => {
                self.open_refused(channel, reason, description);
                self.tell(channel, event);
                self.step(channel, PumpEvent::OpenFailed);
            }
            ChannelEvent::Eof { channel } => {
                self.step(channel, PumpEvent::PeerEof);
                if self.slot(channel).is_some_and(|slot| slot.negotiating) {
                    self.mark_dirty(channel);
                }
                self.check_drained(channel);
            }
            ChannelEvent::Closed { channel } => {
                self.step(channel, PumpEvent::PeerClose);
                if self.slot(channel).is_some_and(|slot| !slot.attached()) {
                    // Nobody will take what waits.
                    self.step(channel, PumpEvent::Deadline);
                }
                self.check_drained(channel);
            }
            ChannelEvent::Request { channel, request: ChannelRequest::Eow, .. } => {
                self.step(channel, PumpEvent::PeerEow);
                if let Some(slot) = self.slot(channel) {
                    slot.stop_reading();
                }
            }
            ChannelEvent::Request { channel, want_reply, .. } => {
                let ours = self.slot(channel).is_none_or(|slot| slot.owner == Owner::Forwarder);
                if ours && want_reply {
                    // A forwarded connection knows no requests.
                    let _ = self.stack.reply_request(channel, false);
                }
                self.tell(channel, event);
            }
            ChannelEvent::RequestReply { channel, .. } => self.tell(channel, event),
            ChannelEvent::GlobalRequest { request, want_reply } if forwards(&request) => {
                self.peers_request(request, want_reply);
            }
            ChannelEvent::GlobalRequest { want_reply, .. } => {
                if want_reply {
                    // Keepalives get the answer they ask for; what else there is we do not serve.
                    let _ = self.stack.reply_global(false, &[]);
                }
                self.events.push_back(AppEvent::Protocol(Event::Channel(event)));
            }
            ChannelEvent::GlobalReply { tag, ok, ref data } => {
                if self.alive_tags.front() == Some(&tag) {
                    self.alive_tags.pop_front();
                } else if !self.remote_replied(tag, ok, data) {
                    self.events.push_back(AppEvent::Protocol(Event::Channel(event)));
                }
            }
            event => self.events.push_back(AppEvent::Protocol(Event::Channel(event))),
        }
    }

    /// The peer refused a channel: a forwarded connection has failed.
    fn open_refused(&mut self, channel: ChannelKey, reason: u32, description: &str) {
        let text = open_failed(channel.index(), reason, description);
        let Some(slot) = self.slot(channel) else { return };
        if slot.owner == Owner::Forwarder {
            slot.answer_socks(Err(Failure::of_open(reason, description)));
            self.events.push_back(AppEvent::ForwardFailed { channel: Some(channel), text });
        }
    }

    /// Passes on an event about a channel of the application's.
    fn tell(&mut self, channel: ChannelKey, event: ChannelEvent) {
        if self.slot(channel).is_some_and(|slot| slot.owner == Owner::Application) {
            self.events.push_back(AppEvent::Protocol(Event::Channel(event)));
        }
    }

    /// Moves a pump and does what follows. A forwarded connection has a pump of its own:
    /// "closing a session channel does not in any way imply that forwarded connections should be
    /// closed" (RFC 4254 section 7.2).
    pub(crate) fn step(&mut self, key: ChannelKey, event: PumpEvent) {
        let Some(slot) = self.slot(key) else { return };
        let actions = slot.pump.step(event);
        #[cfg(feature = "transcript")]
        self.stack.note_line("f pump", key, format_args!("{event:?}"));
        for action in actions.iter() {
            self.act(key, action);
        }
    }

    fn act(&mut self, key: ChannelKey, action: Action) {
        let peer_knows_eow = self.peer_knows_eow;
        let Some(slot) = self.slot(key) else { return };
        match action {
            // A channel that is gone needs neither.
            Action::SendEof => {
                let _ = self.stack.send_eof(key);
            }
            Action::Close => {
                let _ = self.stack.close(key);
            }
            Action::SendEow if peer_knows_eow => {
                let _ = self.stack.request(key, ChannelRequest::Eow, false);
            }
            Action::SendEow => {}
            Action::StopReading => slot.stop_reading(),
            Action::ShutDown => self.shut_down(key),
            Action::Drop => slot.release(false),
            Action::Reset => slot.release(true),
            Action::ArmDeadline if slot.patient => {}
            Action::ArmDeadline => self.drain_until(key, DRAIN_AFTER_CLOSE),
            Action::Free => self.free(key),
        }
    }

    /// Gives a channel so long, from now.
    pub(crate) fn drain_until(&mut self, key: ChannelKey, time: Duration) {
        let by = self.now().after(time);
        let Some(slot) = self.slot(key) else { return };
        if slot.drain_by.replace(by).is_none() {
            self.timed.push(key);
        }
    }

    /// Gives it all the time there is.
    pub(crate) fn drain_freely(&mut self, key: ChannelKey) {
        if self.slot(key).is_some_and(|slot| slot.drain_by.take().is_some()) {
            self.timed.retain(|timed| *timed != key);
        }
    }

    fn free(&mut self, key: ChannelKey) {
        let slot = self.slots.get_mut(key.index()).and_then(Option::take);
        let Some(slot) = slot else { return };
        if slot.drain_by.is_some() {
            self.timed.retain(|timed| *timed != key);
        }
        self.stack.over(key);
        self.keystrokes.take_if(|(session, _)| *session == key);
        self.events.push_back(match slot.owner {
            Owner::Application => AppEvent::ChannelClosed { channel: key },
            Owner::Forwarder => {
                self.forwarded = self.forwarded.saturating_sub(1);
                AppEvent::ForwardClosed { channel: key }
            }
        });
    }

    pub(crate) fn answer(&mut self, answer: Answer) {
        let now = self.now();
        self.timers.answered(now);
        let answered = self.stack.answer(answer);
        self.timers.awaits_server(self.stack.awaits_server(), now);
        match answered {
            Ok(()) => {}
            // An answer that nobody asked for: the stack goes on, but the application is lost.
            Err(error @ Error::Internal(text)) => {
                if self.ending.is_none() {
                    self.stack.disconnect(DisconnectReason::ByApplication, text);
                }
                self.fail(error);
            }
            Err(error) => self.fail(error),
        }
    }

    /// The protocol ends the connection. The stack has left a word for the peer, where there is
    /// something to tell.
    pub(crate) fn fail(&mut self, error: Error) {
        self.end(Ended::Protocol(error));
    }

    pub(crate) fn disconnect(&mut self, reason: DisconnectReason, text: &str) {
        if self.ending.is_none() {
            self.stack.disconnect(reason, text);
            self.end(Ended::Finished);
        }
    }

    /// The connection ends as soon as its last bytes are out.
    pub(crate) fn end(&mut self, ended: Ended) {
        let by = self.now().after(CLOSE_GRACE);
        if self.ending.is_none() {
            self.forwards.clear();
            self.ending = Some(Ending { ended, by });
        }
    }

    /// Whether an endpoint has yet to take what came for it.
    pub(crate) fn holds_output(&self) -> bool {
        self.slots.iter().flatten().any(|slot| {
            slot.attached() && STREAMS.into_iter().any(|s| !self.stack.ring(slot.key, s).is_empty())
        })
    }

    /// Whether every channel has ended at both ends, and what is left of one or more is to reach
    /// the user's side: the connection has nothing to do with that any more.
    pub(crate) fn only_delivers(&self) -> bool {
        let mut slots = self.slots.iter().flatten().peekable();
        slots.peek().is_some()
            && slots.all(|slot| slot.patient && slot.pump.end() == End::PeerClosed)
    }

    /// Asks the peer for a sign of life.
    pub(crate) fn ask_alive(&mut self) {
        let request = tssh_connection::GlobalRequest::KeepAlive;
        // Where too many requests wait, one of those will be the sign of life.
        if let Ok(tag) = self.stack.global_request(request, true) {
            self.alive_tags.push_back(tag);
        }
    }

    /// The earliest moment at which a channel or a listener wants to be looked at.
    pub(crate) fn deadline(&mut self) -> Option<Timestamp> {
        let keys = self.keystrokes.as_ref().and_then(|(_, keys)| keys.deadline());
        let others = [self.forwards.deadline(), self.stack.idle_deadline(), keys];
        let mut earliest = others.into_iter().flatten().min();
        for key in &self.timed {
            let slot = self.slots.get(key.index()).and_then(Option::as_ref);
            let by = slot.and_then(|slot| slot.drain_by);
            earliest = [earliest, by].into_iter().flatten().min();
        }
        earliest
    }

    /// Whether a session's input may be read now; where not, its turn comes with a tick.
    pub(crate) fn may_send(&mut self, key: ChannelKey) -> bool {
        let now = self.now();
        let keys = self.keystrokes.as_mut().filter(|(session, _)| *session == key);
        keys.is_none_or(|(_, keys)| keys.may_send(now))
    }

    /// So many bytes of a session's input left in one packet.
    ///
    /// # Errors
    /// What ends the connection.
    pub(crate) fn keys_sent(&mut self, key: ChannelKey, bytes: usize) -> Result<(), Error> {
        let now = self.now();
        let Some((session, keys)) = &mut self.keystrokes else { return Ok(()) };
        if *session == key && keys.sent(bytes, now) == Tick::Chaff {
            self.stack.ping(CHAFF)?;
        }
        Ok(())
    }

    /// A tick of the keystrokes' clock, where one is due.
    fn tick(&mut self) -> Result<(), Error> {
        let now = self.now();
        let Some((session, keys)) = &mut self.keystrokes else { return Ok(()) };
        match keys.tick(now) {
            Tick::Nothing => {}
            Tick::Keys => self.stack.want_send(*session, Stream::Data),
            Tick::Chaff => {
                self.stack.ping(CHAFF)?;
            }
        }
        Ok(())
    }

    /// Time has passed: channels that drained too long or were idle, listeners that rested long
    /// enough, keystrokes.
    ///
    /// # Errors
    /// What ends the connection.
    pub(crate) fn on_time(&mut self) -> Result<(), Error> {
        let now = self.now();
        self.tick()?;
        for key in self.stack.expired() {
            self.events.push_back(AppEvent::ChannelIdle { channel: key });
            self.abandon(key);
        }
        let late = |slot: &Slot| slot.drain_by.is_some_and(|by| by <= now);
        let slots = &self.slots;
        let timed = self.timed.iter().copied();
        let over: Vec<ChannelKey> = timed
            .filter(|key| slots.get(key.index()).and_then(Option::as_ref).is_none_or(late))
            .collect();
        for key in over {
            if self.slot(key).is_some_and(|slot| slot.negotiating) {
                self.abandon(key);
            }
            self.step(key, PumpEvent::Deadline);
        }
        for index in self.forwards.rested(now) {
            self.accept(index);
        }
        Ok(())
    }
}

/// Whether a global request is about a forward, and so for us to decide.
const fn forwards(request: &GlobalRequest) -> bool {
    matches!(
        request,
        GlobalRequest::TcpipForward { .. }
            | GlobalRequest::CancelTcpipForward { .. }
            | GlobalRequest::StreamlocalForward { .. }
            | GlobalRequest::CancelStreamlocalForward { .. }
    )
}

//! The application of one side: what it makes of events.

use super::checkers::{Decision, Ledger, Outcome, ensure};
use super::random::Rng;
use super::swarm::Manner;
use std::collections::{BTreeMap, VecDeque};
use tssh_connection::{
    ChannelEvent, ChannelKey, ChannelRequest, DataDelivery, Event, GlobalRequest, OpenKind,
    RequestTag, Stack, Stream,
};

/// Both streams of a channel.
pub(super) const STREAMS: [Stream; 2] = [Stream::Data, Stream::Stderr];
/// What tells a session channel's number to the other end, as the name of a variable.
pub(super) const SESSION_ID: &[u8] = b"SIM_CHANNEL";

/// How a consumer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// All that comes.
    Eager,
    /// Now some, now none.
    Slow,
    /// Nothing.
    Paused,
}

/// One channel as its application sees it.
#[derive(Debug)]
pub(super) struct Chan {
    /// Its name in the ledger; a session channel of the peer gets one with its first request.
    pub(super) id: Option<u64>,
    pub(super) session: bool,
    pub(super) ours: bool,
    /// Both ends know of it.
    pub(super) open: bool,
    /// Bytes to send.
    pub(super) pending: [u64; 2],
    /// The stack was told of nothing to send, or has found nothing.
    pub(super) dry: [bool; 2],
    pub(super) eof_wanted: bool,
    pub(super) eof_sent: bool,
    pub(super) eof_seen: bool,
    /// Our close was asked for.
    pub(super) closing: bool,
    /// The peer's came.
    pub(super) closed: bool,
    pub(super) pace: Pace,
    /// Our requests that wait for a reply, and what it will be.
    pub(super) expected: VecDeque<(RequestTag, bool)>,
    /// The peer's requests that wait for ours.
    pub(super) undecided: VecDeque<bool>,
    /// Requests of ours, and of the peer, that reach an application.
    pub(super) asked: u32,
    heard: u32,
    /// A program was asked for; whether there can be no other one.
    pub(super) program: Option<bool>,
}

impl Chan {
    fn new(id: Option<u64>, session: bool, ours: bool) -> Self {
        Self {
            id,
            session,
            ours,
            open: false,
            pending: [0; 2],
            dry: [true; 2],
            eof_wanted: false,
            eof_sent: false,
            eof_seen: false,
            closing: false,
            closed: false,
            pace: Pace::Eager,
            expected: VecDeque::new(),
            undecided: VecDeque::new(),
            asked: 0,
            heard: 0,
            program: None,
        }
    }

    /// Whether there may be more to send. A session channel has to tell its name first.
    pub(super) const fn takes_more(&self) -> bool {
        let early = self.ours && !self.session;
        let ended = self.eof_wanted || self.closing || self.closed;
        !ended && (self.open || early) && self.id.is_some()
    }

    /// Whether the other end takes what we send on a stream: programs write to stderr, and
    /// nothing else does.
    pub(super) const fn has_consumer(&self, stream: usize) -> bool {
        stream == 0 || (self.session && !self.ours)
    }
}

/// The index of a stream.
pub(super) const fn at(stream: Stream) -> usize {
    match stream {
        Stream::Data => 0,
        Stream::Stderr => 1,
    }
}

/// The application of one side.
#[derive(Debug)]
pub struct App {
    /// 0 for the client, 1 for the server.
    pub(super) side: usize,
    pub(super) manner: Manner,
    pub(super) rng: Rng,
    pub(super) chans: BTreeMap<ChannelKey, Chan>,
    /// Opens of the peer that nobody has decided.
    pub(super) asked: VecDeque<ChannelKey>,
    /// Our global requests that wait for a reply, and what it will be.
    pub(super) expected: VecDeque<(RequestTag, bool, Vec<u8>)>,
    /// The peer's global requests that wait for ours.
    pub(super) undecided: VecDeque<(bool, Vec<u8>)>,
    /// Global requests that reach the peer's application, in order; the peer's end compares.
    pub(super) globals_sent: VecDeque<(GlobalRequest, bool)>,
    /// Global requests that the peer's application has heard, not compared yet.
    pub(super) globals_heard: VecDeque<(GlobalRequest, bool)>,
    /// What the peer has asked us to forward to it: TCP/IP, and sockets of the file system.
    pub(super) forwards: [bool; 2],
    pub(super) pings: VecDeque<Vec<u8>>,
    pub(super) ready: bool,
    pub(super) opened: u32,
    pub(super) written: u64,
    pub(super) rekeys: u32,
    pub(super) serial: u32,
    pub(super) exchanges: u64,
}

impl App {
    /// An application that has done nothing yet.
    #[must_use]
    pub const fn new(side: usize, manner: Manner, rng: Rng) -> Self {
        Self {
            side,
            manner,
            rng,
            chans: BTreeMap::new(),
            asked: VecDeque::new(),
            expected: VecDeque::new(),
            undecided: VecDeque::new(),
            globals_sent: VecDeque::new(),
            globals_heard: VecDeque::new(),
            forwards: [false; 2],
            pings: VecDeque::new(),
            ready: false,
            opened: 0,
            written: 0,
            rekeys: 0,
            serial: 0,
            exchanges: 0,
        }
    }

    /// Whether it is logged in.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }

    /// The index of the other side.
    pub(super) const fn peer(&self) -> usize {
        1 - self.side
    }

    fn chan(&mut self, key: ChannelKey) -> Outcome<&mut Chan> {
        self.chans.get_mut(&key).ok_or_else(|| format!("{key:?} is no channel of ours"))
    }

    /// Takes what is due of new data.
    ///
    /// # Errors
    /// It is not what the other end sent.
    pub fn deliver(&mut self, delivery: DataDelivery<'_>, ledger: &mut Ledger) -> Outcome {
        let (key, stream, peer) = (delivery.channel(), delivery.stream(), self.peer());
        let len = delivery.bytes().len();
        let (slow, percent) = (self.rng.index(len + 1), self.rng.chance(50));
        let chan = self.chan(key)?;
        let id = chan.id.ok_or("data on a channel before the request that names it")?;
        ensure(!chan.closing, || format!("channel {id}: data for a consumer that is gone"))?;
        ledger.may_arrive(id, peer)?;
        ledger.compare(id, peer, stream, delivery.bytes())?;
        let n = match chan.pace {
            Pace::Eager => len,
            Pace::Slow if percent => slow,
            Pace::Slow | Pace::Paused => 0,
        };
        ledger.count("deliveries", 1);
        ledger.count("deliveries cut short", u64::from(n < len));
        ledger.taken(id, peer, stream, n as u64)?;
        delivery.accept(n);
        Ok(())
    }

    /// Takes an event that is not about logging in.
    ///
    /// # Errors
    /// It contradicts what the other end did.
    pub fn on_event(&mut self, event: Event, stack: &mut Stack, ledger: &mut Ledger) -> Outcome {
        match event {
            Event::Authenticated { user, .. } => {
                self.ready = true;
                ensure(user == super::setup::USER, || format!("logged in as {user}"))
            }
            Event::Exchanged { first, .. } => {
                let expected = self.exchanges == 0;
                self.exchanges += 1;
                ledger.count("key exchanges", 1);
                ensure(first == expected, || "a first key exchange that is none".to_owned())
            }
            Event::Pong(data) => {
                ledger.count("pongs", 1);
                let sent = self.pings.pop_front();
                ensure(sent.as_ref() == Some(&data), || format!("pong to {sent:?} is {data:?}"))
            }
            Event::Channel(event) => self.on_channel_event(event, stack, ledger),
            Event::Unimplemented(n) => Err(format!("packet {n} was not understood")),
            _ => Ok(()),
        }
    }

    fn on_channel_event(
        &mut self,
        event: ChannelEvent,
        stack: &mut Stack,
        ledger: &mut Ledger,
    ) -> Outcome {
        match event {
            ChannelEvent::OpenRequest { channel, kind } => self.open_came(channel, &kind, ledger),
            ChannelEvent::Opened { channel } => {
                let chan = self.chan(channel)?;
                ensure(!chan.closing && !chan.open, || format!("{channel:?} opened late"))?;
                chan.open = true;
                let id = chan.id.ok_or("a channel of ours without a name")?;
                ledger.answered(id, None)?;
                if chan.session { self.name_session(channel, id, stack, ledger) } else { Ok(()) }
            }
            ChannelEvent::OpenFailed { channel, reason, description } => {
                let chan = self.chans.remove(&channel);
                let chan = chan.ok_or_else(|| format!("{channel:?} failed and is none"))?;
                let id = chan.id.ok_or("a channel of ours without a name")?;
                ledger.answered(id, Some((reason, &description)))?;
                ledger.forget(id);
                Ok(())
            }
            ChannelEvent::Eof { channel } => {
                let peer = self.peer();
                let chan = self.chan(channel)?;
                chan.eof_seen = true;
                chan.id.map_or(Ok(()), |id| ledger.eof_seen(id, peer))
            }
            ChannelEvent::Closed { channel } => self.close_came(channel, stack, ledger),
            ChannelEvent::Request { channel, request, want_reply } => {
                self.request_came(channel, &request, want_reply, ledger)
            }
            ChannelEvent::RequestReply { channel, tag, ok } => {
                let next = self.chan(channel)?.expected.pop_front();
                ledger.count("channel replies", 1);
                ensure(next == Some((tag, ok)), || {
                    format!("{channel:?}: reply {:?} where {next:?} was due", (tag, ok))
                })
            }
            ChannelEvent::GlobalRequest { request, want_reply } => {
                self.global_came(request, want_reply, ledger);
                Ok(())
            }
            ChannelEvent::GlobalReply { tag, ok, data } => {
                let next = self.expected.pop_front();
                ledger.count("global replies", 1);
                let same = next.as_ref().is_some_and(|(t, o, d)| (*t, *o, d) == (tag, ok, &data));
                ensure(same, || format!("reply {:?} where {next:?} was due", (tag, ok, &data)))
            }
            // A client hears of opens that nobody asked for, which have been refused.
            ChannelEvent::Unsolicited { kind } => ensure(self.side == 0 && kind.forwards(), || {
                format!("side {} was warned of {kind:?}", self.side)
            }),
            event => Err(format!("an event that nobody expects: {event:?}")),
        }
    }

    fn open_came(&mut self, key: ChannelKey, kind: &OpenKind, ledger: &mut Ledger) -> Outcome {
        let session = *kind == OpenKind::Session;
        let id = name_of(kind);
        ensure(session || id.is_some(), || format!("an open that nobody sent: {kind:?}"))?;
        if let Some(id) = id {
            ledger.surfaced(id, kind)?;
        }
        let chan = self.new_chan(id, session, false);
        let before = self.chans.insert(key, chan);
        ensure(before.is_none(), || format!("{key:?} is in use"))?;
        self.asked.push_back(key);
        Ok(())
    }

    pub(super) fn new_chan(&mut self, id: Option<u64>, session: bool, ours: bool) -> Chan {
        let slow = self.rng.chance(self.manner.slow_percent);
        let pace = *self.rng.pick(&[Pace::Slow, Pace::Paused]);
        Chan { pace: if slow { pace } else { Pace::Eager }, ..Chan::new(id, session, ours) }
    }

    /// The first request on a session channel says which one it is.
    fn name_session(
        &mut self,
        key: ChannelKey,
        id: u64,
        stack: &mut Stack,
        ledger: &mut Ledger,
    ) -> Outcome {
        let value = id.to_string().into_bytes();
        let request = ChannelRequest::Env { name: SESSION_ID.to_vec(), value };
        self.ask(key, request, true, stack, ledger)
    }

    /// Asks something about an open channel.
    pub(super) fn ask(
        &mut self,
        key: ChannelKey,
        request: ChannelRequest,
        surfaces: bool,
        stack: &mut Stack,
        ledger: &mut Ledger,
    ) -> Outcome {
        let (side, want_reply) = (self.side, self.rng.chance(60));
        let chan = self.chan(key)?;
        let id = chan.id.ok_or("a request on a channel without a name")?;
        let Ok(tag) = stack.request(key, request.clone(), want_reply) else {
            ledger.count("requests refused locally", 1);
            return Ok(());
        };
        let ok = surfaces && ledger.verdict(&[id, side as u64, u64::from(chan.asked)]);
        if want_reply {
            chan.expected.push_back((tag, ok));
        }
        if !surfaces {
            return Ok(());
        }
        // Both ends count only what reaches the application.
        chan.asked += 1;
        if matches!(request, ChannelRequest::Exec { .. }) {
            chan.program = Some(ok || !want_reply);
        }
        ledger.asked(id, side, request, want_reply)
    }

    fn request_came(
        &mut self,
        key: ChannelKey,
        request: &ChannelRequest,
        want_reply: bool,
        ledger: &mut Ledger,
    ) -> Outcome {
        let peer = self.peer();
        let chan = self.chan(key)?;
        ensure(!chan.closing, || format!("{key:?}: a request after our close"))?;
        if let (None, ChannelRequest::Env { name, value }) = (chan.id, request) {
            ensure(name == SESSION_ID, || format!("{key:?}: not named"))?;
            let id = String::from_utf8_lossy(value).parse().map_err(|e| format!("{e}"))?;
            ledger.surfaced(id, &OpenKind::Session)?;
            chan.id = Some(id);
        }
        let id = chan.id.ok_or("a request on a channel before the one that names it")?;
        ledger.heard(id, peer, request, want_reply)?;
        let heard = chan.heard;
        chan.heard += 1;
        if want_reply {
            let ok = ledger.verdict(&[id, peer as u64, u64::from(heard)]);
            chan.undecided.push_back(ok);
        }
        Ok(())
    }

    fn close_came(&mut self, key: ChannelKey, stack: &Stack, ledger: &mut Ledger) -> Outcome {
        let peer = self.peer();
        let chan = self.chan(key)?;
        chan.pending = [0; 2];
        chan.open = false;
        if let Some(id) = chan.id {
            ledger.close_seen(id, peer)?;
        }
        chan.closed = true;
        self.asked.retain(|k| *k != key);
        self.remove_if_over(key, stack, ledger)
    }

    /// After the peer's CLOSE, and once all that it sent is taken, the channel is over.
    pub(super) fn remove_if_over(
        &mut self,
        key: ChannelKey,
        stack: &Stack,
        ledger: &mut Ledger,
    ) -> Outcome {
        let peer = self.peer();
        let chan = self.chan(key)?;
        let empty = STREAMS.iter().all(|stream| stack.ring(key, *stream).is_empty());
        if !chan.closed || !(chan.closing || empty) {
            return Ok(());
        }
        let chan = self.chans.remove(&key);
        match chan.and_then(|chan| chan.id) {
            Some(id) => ledger.gone(id, peer),
            None => Ok(()),
        }
    }

    fn global_came(&mut self, request: GlobalRequest, want_reply: bool, ledger: &mut Ledger) {
        ledger.count("global requests", 1);
        self.forwards[0] |= matches!(request, GlobalRequest::TcpipForward { .. });
        self.forwards[1] |= matches!(request, GlobalRequest::StreamlocalForward { .. });
        if want_reply {
            let n = match &request {
                GlobalRequest::TcpipForward { port, .. } => *port,
                _ => 0,
            };
            self.undecided.push_back(global_verdict(n, ledger));
        }
        self.globals_heard.push_back((request, want_reply));
    }

    /// Compares what this side has asked of the connection with what the other has heard.
    ///
    /// # Errors
    /// It is not the same in the same order.
    pub fn compare_globals(&mut self, peer: &mut Self) -> Outcome {
        while let Some(heard) = peer.globals_heard.pop_front() {
            let sent = self.globals_sent.pop_front();
            ensure(sent.as_ref() == Some(&heard), || {
                format!("{heard:?} came where {sent:?} was sent")
            })?;
        }
        Ok(())
    }

    /// Decides what the peer opens.
    pub(super) fn decide_open(
        &mut self,
        key: ChannelKey,
        accept: bool,
        stack: &mut Stack,
        ledger: &mut Ledger,
    ) -> Outcome {
        let chan = self.chan(key)?;
        let id = chan.id;
        let decision = if accept {
            chan.open = true;
            stack.accept_open(key).map_err(|e| format!("accept: {e}"))?;
            Decision::Accepted
        } else {
            let (reason, text) = (tssh_connection::OpenFailure::ConnectFailed, "no, not today");
            self.chans.remove(&key);
            stack.refuse_open(key, reason, text).map_err(|e| format!("refuse: {e}"))?;
            Decision::Refused(reason.code(), text.to_owned())
        };
        id.map_or(Ok(()), |id| ledger.decided(id, decision))
    }
}

/// The answer that a request for forwarding gets, known to both ends.
pub(super) fn global_verdict(n: u32, ledger: &Ledger) -> (bool, Vec<u8>) {
    let ok = ledger.verdict(&[0x910b, u64::from(n)]);
    let data = if ok { n.to_be_bytes().to_vec() } else { Vec::new() };
    (ok, data)
}

/// The name in the ledger that an open carries.
fn name_of(kind: &OpenKind) -> Option<u64> {
    let text = match kind {
        OpenKind::DirectTcpip { host, .. } => host,
        OpenKind::ForwardedTcpip { address, .. } => address,
        OpenKind::DirectStreamlocal { path } | OpenKind::ForwardedStreamlocal { path } => path,
        _ => return None,
    };
    text.strip_prefix("sim-")?.parse().ok()
}

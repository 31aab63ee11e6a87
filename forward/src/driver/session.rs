//! The loop: one task that owns the SSH socket and every endpoint of one connection.
//!
//! ```text
//! ready list -> calls -> read the SSH socket once -> packets, each to its endpoint
//!   -> rings -> turns, each from its endpoint -> write the SSH socket once -> sleep
//! ```

use crate::core::idle::{ChannelTimeouts, Idle};
use crate::core::policy::Policy;
use crate::driver::carrier::Carrier;
use crate::driver::clock::{Alarm, Clock};
use crate::driver::event::{AppEvent, Application};
use crate::driver::gather::{Gather, LowWater};
use crate::driver::handle::{Call, Control, Handle};
use crate::driver::ready::Token;
use crate::driver::text::error_text;
use crate::driver::timed_stack::TimedStack;
use crate::driver::timers::{Expired, Timers, Waits};
use crate::error::{Ended, Wait};
use crate::limits::{
    COMMANDS_MAX, COMMANDS_PER_ROUND, LAST_WORDS, ROUNDS_PER_WAKE, SSH_READ_BYTES,
    SSH_READ_FIRST_BYTES,
};
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tssh_connection::Stack;
use tssh_transport::{Error, Timestamp};

/// What a driver is told beside its stack.
#[derive(Debug, Default)]
pub struct DriverOptions {
    /// The peer's name for messages about it.
    pub host: String,
    /// How long to wait for what.
    pub waits: Waits,
    /// What the peer may forward through us.
    pub policy: Policy,
    /// How long channels may be idle.
    pub channel_timeouts: ChannelTimeouts,
    /// The socket's own mark, where it has one.
    pub low_water: Option<LowWater>,
}

/// Runs one connection to its end, in this task. Dropping the future drops every socket.
pub async fn run<S, A>(socket: S, stack: Stack, app: A, options: DriverOptions) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    A: Application,
{
    let mut driver = Driver::new(socket, stack, app, options);
    // The loop caps its own work and gives way by itself; the runtime's budget would cut batches.
    tokio::task::unconstrained(async move {
        loop {
            match std::future::poll_fn(|cx| driver.turn(cx)).await {
                Some(ended) => return ended,
                None => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

struct Driver<S, A> {
    socket: S,
    app: A,
    carrier: Carrier,
    calls: mpsc::Receiver<Call>,
    calls_ready: bool,
    clock: Clock,
    alarm: Alarm,
    host: String,
    tokens: Vec<Token>,
    read_waker: Waker,
    write_waker: Waker,
    calls_waker: Waker,
    alarm_waker: Waker,
    readable: bool,
    /// Room to lend for one read: it doubles when a read has filled it.
    read_bytes: usize,
    gather: Gather,
    low_water: Option<LowWater>,
    writable: bool,
    /// Writing failed. What the peer said before it left is still read, to its end, or to the time
    /// given here at the latest.
    write_error: Option<(String, Timestamp)>,
    /// Nothing can be read or written any more.
    dead: bool,
    /// The peer has left after all channels had ended; what came before is still on its way to
    /// where it belongs. This is how the connection ends should nobody end it first.
    left: Option<Ended>,
}

impl<S, A> Driver<S, A>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    A: Application,
{
    fn new(socket: S, stack: Stack, app: A, options: DriverOptions) -> Self {
        let (sender, calls) = mpsc::channel(COMMANDS_MAX);
        let clock = Clock::start();
        let timers = Timers::new(options.waits, clock.now());
        let stack = TimedStack::new(stack, Idle::new(options.channel_timeouts));
        let mut carrier = Carrier::new(stack, timers, options.policy, Handle::new(sender));
        carrier.events.push_back(AppEvent::Started);
        Self {
            socket,
            app,
            calls,
            calls_ready: true,
            clock,
            alarm: Alarm::new(clock),
            host: options.host,
            tokens: Vec::new(),
            read_waker: carrier.ready.waker(Token::SshRead),
            write_waker: carrier.ready.waker(Token::SshWrite),
            calls_waker: carrier.ready.waker(Token::Commands),
            alarm_waker: carrier.ready.waker(Token::Alarm),
            readable: true,
            read_bytes: SSH_READ_FIRST_BYTES,
            gather: Gather::default(),
            low_water: options.low_water,
            writable: true,
            write_error: None,
            dead: false,
            left: None,
            carrier,
        }
    }

    /// Works until nothing moves, and then sleeps; `None` asks to give way to others.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        for _ in 0..ROUNDS_PER_WAKE {
            self.carrier.begin_round(self.clock.now());
            let moved = match self.round() {
                Ok(moved) => moved,
                Err(error) => {
                    self.carrier.fail(error);
                    true
                }
            };
            if let Some(ended) = self.ended() {
                return Poll::Ready(Some(ended));
            }
            if !moved {
                self.set_alarm();
                if self.carrier.ready.sleep(cx.waker()) {
                    return Poll::Pending;
                }
            }
        }
        self.set_alarm();
        Poll::Ready(None)
    }

    /// One round; `true` where something moved.
    fn round(&mut self) -> Result<bool, Error> {
        let mut moved = self.take_tokens()?;
        if self.carrier.ending.is_some() {
            moved |= self.carrier.flush_outputs();
            return Ok(self.write_ssh() | moved);
        }
        moved |= self.take_calls();
        moved |= self.read_ssh();
        self.gather_on_time();
        self.advance()?;
        moved |= self.carrier.flush_outputs();
        moved |= self.carrier.jobs_done();
        moved |= self.carrier.send_turns()?;
        // What all of this left to say goes out with it.
        self.advance()?;
        if self.carrier.stack.take_urgent() {
            self.gather(Gather::stop);
        }
        moved |= self.write_ssh();
        let now = self.carrier.now();
        if let Some((text, _)) = self.write_error.take_if(|(_, by)| *by <= now) {
            self.peer_left(Ended::Socket(text));
        }
        if !self.carrier.only_delivers()
            && let Some(ended) = self.left.take()
        {
            self.carrier.end(ended);
        }
        Ok(moved)
    }

    fn take_tokens(&mut self) -> Result<bool, Error> {
        let mut tokens = std::mem::take(&mut self.tokens);
        self.carrier.ready.take(&mut tokens);
        let any = !tokens.is_empty();
        let mut alarm = false;
        for token in tokens.drain(..) {
            match token {
                Token::SshRead => self.readable = true,
                Token::SshWrite => self.writable = true,
                Token::Commands => self.calls_ready = true,
                Token::Alarm => alarm = true,
                token => self.carrier.on_token(token),
            }
        }
        self.tokens = tokens;
        if alarm {
            // It may have been set anew since; what is due is looked at in any case.
            let _ = self.alarm.rings(&mut Context::from_waker(&self.alarm_waker));
            self.on_time()?;
        }
        Ok(any)
    }

    fn take_calls(&mut self) -> bool {
        let mut any = false;
        for _ in 0..COMMANDS_PER_ROUND {
            if !self.calls_ready {
                return any;
            }
            match self.calls.poll_recv(&mut Context::from_waker(&self.calls_waker)) {
                Poll::Ready(Some(call)) => call(&mut Control { carrier: &mut self.carrier }),
                // It cannot close: the carrier holds a sender.
                Poll::Ready(None) | Poll::Pending => self.calls_ready = false,
            }
            any = true;
            self.tell();
        }
        any
    }

    /// Handles packets and tells the application, packet by packet.
    fn advance(&mut self) -> Result<(), Error> {
        self.tell();
        while self.carrier.ending.is_none() && self.carrier.advance()? {
            self.tell();
        }
        self.tell();
        Ok(())
    }

    fn tell(&mut self) {
        while let Some(event) = self.carrier.events.pop_front() {
            self.app.event(event, &mut Control { carrier: &mut self.carrier });
        }
    }

    fn read_ssh(&mut self) -> bool {
        if !self.readable || self.dead || !self.carrier.stack.wants_read() {
            return false;
        }
        let (mut outcome, mut lent) = (None, 0);
        let Self { carrier, socket, read_waker, .. } = self;
        let n = carrier.stack.receive(self.read_bytes, |space| {
            lent = space.len();
            if space.is_empty() {
                return 0;
            }
            let mut buffer = ReadBuf::new(space);
            let mut cx = Context::from_waker(read_waker);
            outcome = Some(Pin::new(socket).poll_read(&mut cx, &mut buffer));
            buffer.filled().len()
        });
        match outcome {
            None => return false,
            Some(Poll::Pending) => {
                self.readable = false;
                self.gather.empty(self.carrier.now());
                return false;
            }
            Some(Poll::Ready(Ok(()))) if n > 0 => {
                if n == lent {
                    self.read_bytes = self.read_bytes.saturating_mul(2).min(SSH_READ_BYTES);
                }
                let now = self.carrier.now();
                self.carrier.timers.heard(now);
                self.gather(|gather| gather.read(n, now));
                return true;
            }
            Some(Poll::Ready(Ok(()))) => self.peer_left(Ended::Protocol(Error::ConnectionClosed)),
            // Nothing was read, and nothing is wrong.
            Some(Poll::Ready(Err(error))) if error.kind() == ErrorKind::Interrupted => return true,
            Some(Poll::Ready(Err(error))) => self.peer_left(Ended::Socket(error_text(&error))),
        }
        true
    }

    /// Asks when to be woken, and arranges for it.
    fn gather(&mut self, ask: impl FnOnce(&mut Gather) -> Option<usize>) {
        if let Some(low_water) = &self.low_water
            && let Some(bytes) = ask(&mut self.gather)
            && !low_water.set(bytes)
        {
            // Where it can be raised it can be lowered.
            self.low_water = None;
            self.gather = Gather::default();
        }
    }

    /// Whether more has been waited for long enough shows once what is there has been read.
    fn gather_on_time(&mut self) {
        let reads = self.carrier.stack.wants_read();
        if self.dead || !reads || !self.readable {
            let now = self.carrier.now();
            self.gather(|gather| gather.on_time(now, !reads));
        }
    }

    /// The peer is gone. A server may leave at once when the last channel has ended: that is no
    /// failure, however long the user's side takes for the last bytes.
    fn peer_left(&mut self, ended: Ended) {
        self.dead = true;
        self.write_error = None;
        if self.carrier.only_delivers() {
            // Whoever came to one of the forwards now would get nowhere.
            self.carrier.forwards.clear();
            self.left = Some(ended);
        } else {
            self.carrier.end(ended);
        }
    }

    fn write_ssh(&mut self) -> bool {
        let mut moved = false;
        while self.writable && !self.dead && self.write_error.is_none() {
            let bytes = self.carrier.stack.transmit();
            if bytes.is_empty() {
                break;
            }
            let mut cx = Context::from_waker(&self.write_waker);
            match Pin::new(&mut self.socket).poll_write(&mut cx, bytes) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    self.carrier.stack.transmitted(n);
                    moved = true;
                }
                Poll::Ready(Ok(_)) => self.write_failed("write returned 0".to_owned()),
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::Interrupted => {
                    // Nothing was written; the next round tries again.
                    moved = true;
                    break;
                }
                Poll::Ready(Err(error)) => self.write_failed(error_text(&error)),
                Poll::Pending => self.writable = false,
            }
        }
        if moved {
            // A buffering socket passes on what it holds; TCP has nothing to do here.
            let mut cx = Context::from_waker(&self.write_waker);
            let _ = Pin::new(&mut self.socket).poll_flush(&mut cx);
        }
        let stack = &self.carrier.stack;
        let stuck = !stack.transmit().is_empty() && !stack.wants_read();
        self.carrier.timers.stuck(stuck, moved, self.carrier.now());
        moved
    }

    /// A peer that left has closed both directions, if not at the same moment: a program behind two
    /// pipes closes one after the other. Its last words and the end of them say more than the
    /// failure here does.
    fn write_failed(&mut self, text: String) {
        self.write_error = Some((text, self.carrier.now().after(LAST_WORDS)));
    }

    /// The end, once the last bytes are out or their time is over.
    fn ended(&mut self) -> Option<Ended> {
        let ending = self.carrier.ending.as_ref()?;
        let gone = self.dead || self.write_error.is_some();
        let unsent = !gone && !self.carrier.stack.transmit().is_empty();
        let late = ending.by <= self.carrier.now();
        if !late && (unsent || self.carrier.holds_output()) {
            return None;
        }
        let mut cx = Context::from_waker(Waker::noop());
        // TCP does it at once; for what does not, the drop that follows has to do.
        let _ = Pin::new(&mut self.socket).poll_shutdown(&mut cx);
        self.carrier.ending.take().map(|ending| ending.ended)
    }

    fn set_alarm(&mut self) {
        // The times are those of a peer.
        if self.left.is_some() {
            return;
        }
        let ending = self.carrier.ending.as_ref().map(|ending| ending.by);
        let unheard = self.write_error.as_ref().map(|(_, by)| *by);
        let times = [self.carrier.stack.deadline(), self.carrier.timers.deadline(), ending];
        // At the end nothing is gathered any more, and nobody would look.
        let gathers = self.gather.deadline().filter(|_| ending.is_none());
        let more = [self.carrier.deadline(), unheard, gathers];
        let earliest = times.into_iter().chain(more).flatten().min();
        if let Some(deadline) = earliest {
            self.alarm.set(deadline, &mut Context::from_waker(&self.alarm_waker));
        }
    }

    fn on_time(&mut self) -> Result<(), Error> {
        let now = self.carrier.now();
        if self.carrier.ending.is_some() || self.left.is_some() {
            return Ok(());
        }
        if self.carrier.stack.deadline().is_some_and(|deadline| deadline <= now) {
            self.carrier.stack.handle_deadline()?;
        }
        self.carrier.on_time()?;
        let wait = match self.carrier.timers.expired(now) {
            None => return Ok(()),
            Some(Expired::AskAlive) => {
                self.carrier.ask_alive();
                return Ok(());
            }
            Some(Expired::Identification) => Wait::Identification,
            Some(Expired::Exchange) => Wait::Exchange,
            Some(Expired::AuthSilence) => Wait::Authentication,
            Some(Expired::LoginGrace) => Wait::LoginGrace,
            Some(Expired::Dead) => Wait::Keepalive,
            Some(Expired::Stalled) => Wait::Stall,
        };
        // A peer that is silent or reads nothing would not read our last words either.
        self.dead = true;
        self.carrier.end(Ended::TimedOut { wait, host: self.host.clone() });
        Ok(())
    }
}

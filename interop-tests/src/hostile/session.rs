//! A session whose peer breaks rules at random under valid protection, and what must hold in it.
//!
//! Everything follows from the side of the stack and one number, so that a failure is repeated by
//! them.

use super::fight::{Fight, MODES, Setup, USER};
use super::mutate::damage;
use super::raw::Raw;
use super::script::{self, Known};
use crate::sim::random::{Rng, hash};
use nix::time::{ClockId, clock_gettime};
use std::collections::VecDeque;
use std::time::Duration;
use tssh_connection::{ChannelEvent, ChannelKey, Event, OpenFailure, Stream};
use tssh_transport::messages::transport::{ServiceAccept, ServiceRequest};
use tssh_transport::wire::Message;
use tssh_transport::{Error, Result, Side, limits};

/// What came of a session.
#[derive(Debug)]
pub struct Report {
    /// What ended it; none where it lived to the end of its script.
    pub error: Option<Error>,
    /// Whether somebody was logged in.
    pub logged_in: bool,
    /// Packets that the peer sent, and how many of them were not as they should be.
    pub packets: u32,
    /// See `packets`.
    pub broken: u32,
    /// The most CPU time that one packet cost.
    pub slowest: Duration,
}

/// From when on rules are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Exchange,
    Login,
    Connection,
}

struct Session {
    fight: Fight,
    rng: Rng,
    known: Known,
    keys: Vec<ChannelKey>,
    history: VecDeque<Vec<u8>>,
    held: Option<Vec<u8>>,
    /// Of a hundred packets, how many are broken, and from which stage on.
    percent: u64,
    from: Stage,
    stage: Stage,
    asked: bool,
    report: Report,
}

/// Payloads that are remembered to be sent again.
const HISTORY_MAX: usize = 16;

/// Plays the session of this number against a stack of this side.
///
/// # Panics
/// Where the stack does something that it must not, whatever the peer does.
#[must_use]
pub fn play(victim: Side, number: u64) -> Report {
    let mut rng = Rng::new(hash(&[u64::from(victim.is_client()), number]));
    let strict = rng.chance(80);
    let base = if strict { Setup::new(victim) } else { Setup::lenient(victim) };
    let setup = Setup { mode: *rng.pick(&MODES), ..base };
    let mut fight = Fight::new(&setup);
    fight.raw.forgiving = true;
    fight.accepts = if rng.chance(80) { usize::MAX } else { rng.index(2000) };
    let from = [Stage::Exchange, Stage::Login, Stage::Connection, Stage::Connection];
    let mut session = Session {
        fight,
        percent: [3, 10, 30][rng.index(3)],
        from: from[rng.index(4)],
        stage: Stage::Exchange,
        rng,
        known: Known::default(),
        keys: Vec::new(),
        history: VecDeque::new(),
        held: None,
        asked: false,
        report: Report {
            error: None,
            logged_in: false,
            packets: 0,
            broken: 0,
            slowest: Duration::ZERO,
        },
    };
    session.report.error = session.run().err();
    session.finish()
}

/// The time that this thread has run.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock of this thread");
    now.into()
}

impl Session {
    fn run(&mut self) -> Result<()> {
        self.feed(&Raw::hello())?;
        self.exchange()?;
        self.stage = Stage::Login;
        self.log_in()?;
        self.stage = Stage::Connection;
        for _ in 0..self.rng.between(1, 60) {
            if self.rng.chance(3) {
                self.exchange()?;
            } else {
                let peer = self.fight.raw.side;
                let message = script::message(peer, &mut self.known, &mut self.rng);
                self.send(message)?;
            }
            self.react()?;
            if self.rng.chance(30) {
                self.act()?;
            }
        }
        Ok(())
    }

    fn exchange(&mut self) -> Result<()> {
        let mut kexinit = self.fight.raw.kexinit();
        if self.stage >= self.from && self.rng.chance(self.percent) {
            // Both ends hash what was sent, so that the exchange may go on with it.
            damage(&mut kexinit, &mut self.rng);
            self.fight.raw.offers(&kexinit);
        }
        self.send(kexinit)?;
        let share = match self.fight.raw.side {
            Side::Client => Some(self.fight.raw.share()),
            Side::Server => self.fight.raw.reply.take(),
        };
        if let Some(share) = share {
            self.send(share)?;
        }
        self.send(vec![21])?;
        if self.fight.raw.may_change_keys() {
            self.fight.raw.change_sealer();
        }
        Ok(())
    }

    fn log_in(&mut self) -> Result<()> {
        match self.fight.raw.side {
            Side::Client => {
                self.send(ServiceRequest::new(b"ssh-userauth").payload())?;
                if self.fight.raw.session_id.is_some() {
                    let request = self.fight.raw.signed_request(USER.as_bytes());
                    self.send(request)?;
                }
            }
            Side::Server => {
                self.send(ServiceAccept::new(b"ssh-userauth").payload())?;
                self.send(vec![52])?;
            }
        }
        self.react()
    }

    /// Sends a message, or what chance makes of it.
    fn send(&mut self, mut payload: Vec<u8>) -> Result<()> {
        let breaks = self.stage >= self.from && self.rng.chance(self.percent);
        self.report.broken += u32::from(breaks);
        if !breaks {
            return self.deliver(&payload);
        }
        match self.rng.below(16) {
            0 => Ok(()),
            1 => {
                self.deliver(&payload)?;
                self.deliver(&payload)
            }
            2 => {
                self.held = Some(payload);
                Ok(())
            }
            3 if !self.history.is_empty() => {
                let old = self.rng.index(self.history.len());
                let old = self.history[old].clone();
                self.deliver(&old)?;
                self.deliver(&payload)
            }
            4 => {
                let length = self.rng.size(1 << 32) as u32;
                let padding = self.rng.draw() as u8;
                let packet = self.fight.raw.frame(length, padding, &payload);
                self.feed(&packet)
            }
            5 => {
                let mut packet = self.fight.raw.packet(&payload);
                let at = self.rng.index(packet.len());
                packet[at] ^= 1 << self.rng.below(8);
                self.feed(&packet)
            }
            6 => {
                let packet = self.fight.raw.packet(&[]);
                self.feed(&packet)?;
                self.deliver(&payload)
            }
            n => {
                for _ in 0..=n % 3 {
                    damage(&mut payload, &mut self.rng);
                }
                self.deliver(&payload)
            }
        }
    }

    fn deliver(&mut self, payload: &[u8]) -> Result<()> {
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(payload.to_vec());
        let packet = self.fight.raw.packet(payload);
        self.feed(&packet)?;
        let held = self.held.take();
        held.map_or(Ok(()), |held| {
            let packet = self.fight.raw.packet(&held);
            self.feed(&packet)
        })
    }

    /// Gives the stack the bytes of one packet, in one piece or in several.
    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.report.packets += 1;
        let pieces = if self.rng.chance(80) { 1 } else { 1 + self.rng.index(8) };
        let before = cpu();
        let outcome = bytes.chunks(bytes.len().div_ceil(pieces)).try_for_each(|piece| {
            // A driver does not read what is not wanted.
            if self.fight.victim.wants_read() { self.fight.feed(piece) } else { Ok(()) }
        });
        self.report.slowest = self.report.slowest.max(cpu().saturating_sub(before));
        let waiting = self.fight.victim.transmit().len();
        assert!(waiting <= limits::PENDING_BYTES_MAX, "{waiting} bytes wait to be sent");
        self.listen();
        outcome
    }

    /// What the peer learns from what it was sent.
    fn listen(&mut self) {
        for payload in self.fight.raw.payloads.drain(..) {
            self.asked |= payload.first() == Some(&50);
            self.known.heard(&payload);
        }
    }

    /// The layer above answers what it is asked.
    fn react(&mut self) -> Result<()> {
        for event in std::mem::take(&mut self.fight.events) {
            match event {
                Event::Authenticated { user, keys } => self.logged_in(&user, &keys),
                Event::Channel(event) => self.on_channel(event),
                _ => {}
            }
        }
        self.settle()
    }

    fn settle(&mut self) -> Result<()> {
        let outcome = self.fight.run();
        self.fight.collect();
        self.listen();
        outcome
    }

    /// A login is one that was earned.
    fn logged_in(&mut self, user: &str, keys: &[Vec<u8>]) {
        assert_eq!(user, USER);
        assert!(!self.report.logged_in, "logged in twice");
        self.report.logged_in = true;
        let raw = &self.fight.raw;
        match raw.side {
            Side::Client => assert_eq!(keys, [raw.key.public().blob()], "another key signed"),
            Side::Server => assert!(self.asked || raw.lost, "nothing was asked for"),
        }
    }

    fn on_channel(&mut self, event: ChannelEvent) {
        assert!(self.report.logged_in, "nobody is logged in: {event:?}");
        let (victim, rng) = (&mut self.fight.victim, &mut self.rng);
        // What the peer has closed meanwhile cannot be answered, and says so.
        let _ = match event {
            ChannelEvent::OpenRequest { channel, .. } => {
                self.keys.push(channel);
                match rng.below(10) {
                    0 => Ok(()),
                    1 => victim.refuse_open(channel, OpenFailure::ConnectFailed, "no"),
                    _ => victim.accept_open(channel),
                }
            }
            ChannelEvent::Request { channel, want_reply: true, .. } if rng.chance(90) => {
                victim.reply_request(channel, rng.chance(50))
            }
            ChannelEvent::GlobalRequest { want_reply: true, .. } if rng.chance(90) => {
                victim.reply_global(rng.chance(50), b"\0\0\x10\0")
            }
            _ => Ok(()),
        };
    }

    /// The layer above does something of its own.
    fn act(&mut self) -> Result<()> {
        let (victim, rng) = (&mut self.fight.victim, &mut self.rng);
        let own = victim.side();
        let key = (!self.keys.is_empty()).then(|| *rng.pick(&self.keys));
        match (rng.below(12), key) {
            (0 | 1, _) => self.keys.extend(victim.open(script::kind(own, rng))),
            (2, _) => drop(victim.global_request(script::global(rng), rng.chance(80))),
            (3, _) if rng.chance(30) => victim.request_rekey(),
            (3, _) => {
                let micros = self.fight.now.as_micros() + rng.size(100_000_000);
                self.fight.now = tssh_transport::Timestamp::from_micros(micros);
                if victim.deadline().is_some_and(|at| at <= self.fight.now) {
                    victim.handle_deadline(self.fight.now)?;
                }
            }
            (4, _) => drop(victim.ping(b"x")?),
            (5 | 6, Some(key)) => {
                victim.want_send(key, Stream::Data);
                for _ in 0..8 {
                    let Some(turn) = victim.next_turn() else { break };
                    let most = rng.size(40_000) as usize;
                    victim.send_data(turn.channel, turn.stream, |area| area.len().min(most))?;
                }
            }
            (7, Some(key)) => drop(victim.send_eof(key)),
            (8, Some(key)) => drop(victim.close(key)),
            (9, Some(key)) => drop(victim.request(key, script::request(rng), rng.chance(70))),
            (_, Some(key)) => {
                let waiting = victim.ring(key, Stream::Data).len();
                victim.drained(key, Stream::Data, waiting);
            }
            _ => {}
        }
        self.settle()
    }

    /// After an error nothing more is read, said or told.
    fn finish(mut self) -> Report {
        if let Some(error) = &self.report.error {
            assert!(!matches!(error, Error::Internal(_)), "{error}");
            assert!(!self.fight.victim.wants_read(), "reads on after {error}");
            assert_eq!(self.fight.victim.deadline(), None, "something is due after {error}");
            let told = self.fight.events.len();
            assert_eq!(self.fight.run(), Ok(()), "a second error");
            let more = self.fight.events.get(told..).unwrap_or_default();
            let steps = more.iter().all(|event| matches!(event, Event::Note(_)));
            assert!(steps, "news after {error}: {more:?}");
        }
        self.report
    }
}

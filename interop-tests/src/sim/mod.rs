//! A client and a server in one process, in virtual time, over a link that does what TCP may do.
//!
//! Everything follows from a seed: the features of the run ([`swarm`]), what the link does
//! ([`link`]), and what the applications at both ends do. A run is a few storms, in which anything
//! may happen, each followed by a calm, in which nothing new is begun and everything that was
//! begun must come to its end. What both ends must agree on is kept outside of both
//! ([`checkers`]). A failure names the seed and the step; the seed alone repeats it:
//!
//! ```sh
//! TSSH_SIM_SEED=123 cargo test -p tssh-interop-tests --test sim
//! ```

pub mod actions;
pub mod app;
pub mod checkers;
pub mod link;
pub mod random;
pub mod setup;
pub mod swarm;

use actions::Mode;
use app::App;
use checkers::{Ledger, Outcome, ensure};
use link::Pipe;
use random::{Rng, hash};
use std::collections::BTreeMap;
use std::fmt;
use swarm::Features;
use tssh_connection::{Event, Happening, Stack};
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::{Error, Side, Timestamp};

/// Steps of one calm: far more than any run takes to come to rest.
const CALM_STEPS_MAX: u64 = 200_000;
/// Bytes that may ever wait for a socket: the marks of the transport, one key exchange, and the
/// answers to what was read at a time.
const BACKLOG_BYTES_MAX: usize = 1024 * 1024;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What happened how often.
    pub seen: BTreeMap<&'static str, u64>,
    /// A digest of all bytes that went over the link: equal runs have equal ones.
    pub digest: u64,
}

/// A run that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Repeats it.
    pub seed: u64,
    /// When it failed.
    pub step: u64,
    /// Virtual time then, in microseconds.
    pub micros: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, micros, what } = self;
        write!(f, "seed {seed}, step {step}, after {micros} us: {what}")
    }
}

struct End {
    stack: Stack,
    app: App,
    /// The open question, until somebody answers it.
    question: Option<Event>,
    failures: u32,
}

struct Sim {
    seed: u64,
    rng: Rng,
    features: Features,
    ends: [End; 2],
    /// By the index of the side that writes.
    pipes: [Pipe; 2],
    ledger: Ledger,
    now: u64,
    step: u64,
    digest: u64,
}

/// Runs a seed.
///
/// # Errors
/// The first check that failed.
pub fn run(seed: u64) -> Result<Report, Failure> {
    run_with(seed, Features::of(seed))
}

/// Runs a seed with given features.
///
/// # Errors
/// The first check that failed.
pub fn run_with(seed: u64, features: Features) -> Result<Report, Failure> {
    let mut sim = Sim::new(seed, features);
    match sim.play() {
        Ok(()) => Ok(Report { seen: sim.ledger.seen, digest: sim.digest }),
        Err(what) => Err(Failure { seed, step: sim.step, micros: sim.now, what }),
    }
}

impl Sim {
    fn new(seed: u64, features: Features) -> Self {
        let rng = |label| Rng::new(hash(&[seed, label]));
        let [client, server] = setup::stacks(seed, &features);
        let end = |side: usize, stack| {
            let app = App::new(side, features.manners[side].clone(), rng(10 + side as u64));
            let failures = if features.failed_logins { 1 + rng(20).below(3) as u32 } else { 0 };
            End { stack, app, question: None, failures }
        };
        let ends = [end(0, client), end(1, server)];
        let pipe = |side: usize| Pipe::new(features.faults[side].clone(), rng(30 + side as u64));
        let pipes = [pipe(0), pipe(1)];
        let (now, step, digest) = (0, 0, 0);
        let ledger = Ledger::new(seed);
        Self { seed, rng: rng(40), features, ends, pipes, ledger, now, step, digest }
    }

    fn play(&mut self) -> Outcome {
        if self.features.calm_login {
            self.calm(Mode::Calm)?;
            self.check_calm()?;
        }
        for storm in 0..self.features.storms {
            for _ in 0..self.features.steps {
                self.storm_step()?;
            }
            if self.features.abrupt_end && storm + 1 == self.features.storms {
                return self.end_abruptly();
            }
            self.calm(Mode::Calm)?;
            self.check_calm()?;
        }
        self.calm(Mode::Finish)?;
        self.check_calm()?;
        self.ledger.all_over()?;
        self.end_in_order()
    }

    fn storm_step(&mut self) -> Outcome {
        self.step += 1;
        self.now += self.rng.below(self.features.step_micros_max + 1);
        if self.rng.chance(self.features.crossing_percent) {
            for end in &mut self.ends {
                end.app.rekey(&mut end.stack);
            }
        }
        for pipe in &mut self.pipes {
            pipe.maybe_stall(self.now);
        }
        let first = self.rng.index(2);
        for side in [first, 1 - first] {
            if !self.rng.chance(self.features.absent_percent) {
                self.turn(side, Mode::Storm)?;
            }
        }
        self.check()
    }

    /// Goes on until nothing moves any more.
    fn calm(&mut self, mode: Mode) -> Outcome {
        self.pipes.iter_mut().for_each(Pipe::calm);
        for _ in 0..CALM_STEPS_MAX {
            self.step += 1;
            let moved = self.turn(0, mode)? | self.turn(1, mode)?;
            self.check()?;
            if moved {
                continue;
            }
            match self.pipes.iter().filter_map(Pipe::next_due).min() {
                Some(due) => self.now = self.now.max(due),
                None => return Ok(()),
            }
        }
        Err(format!("no rest after {CALM_STEPS_MAX} steps"))
    }

    /// One turn of one side, in the order of a driver; whether anything moved.
    fn turn(&mut self, side: usize, mode: Mode) -> Outcome<bool> {
        let calm = mode != Mode::Storm;
        let end = &mut self.ends[side];
        let mut moved = end.app.act(&mut end.stack, &mut self.ledger, mode)?;
        moved |= self.answer(side, calm)?;
        self.meet_deadline(side)?;
        if !calm && self.rng.chance(20) {
            moved |= self.send(side, calm)?;
        }
        moved |= self.read(side, calm)?;
        moved |= self.pump(side, calm)?;
        moved |= self.send(side, calm)?;
        moved |= self.pump(side, calm)?;
        Ok(self.write(side, calm)? || moved)
    }

    /// Gives a few turns, or all that are to be had.
    fn send(&mut self, side: usize, calm: bool) -> Outcome<bool> {
        let turns = if calm { u64::MAX } else { self.rng.below(8) };
        for n in 0..turns {
            let end = &mut self.ends[side];
            if !end.app.send(&mut end.stack, &mut self.ledger, calm)? {
                return Ok(n > 0);
            }
        }
        Ok(turns > 0)
    }

    fn answer(&mut self, side: usize, calm: bool) -> Outcome<bool> {
        let wait = self.features.slow_answers && !calm && self.rng.chance(70);
        let end = &mut self.ends[side];
        let Some(question) = end.question.take_if(|_| !wait) else { return Ok(false) };
        let answer = setup::answer(self.seed, question, &mut end.failures)?;
        let answer = answer.map_err(|event| format!("no question: {event:?}"))?;
        end.stack.answer(answer).map_err(|e| format!("side {side}: {e}"))?;
        Ok(true)
    }

    fn meet_deadline(&mut self, side: usize) -> Outcome {
        let (now, stack) = (Timestamp::from_micros(self.now), &mut self.ends[side].stack);
        if stack.deadline().is_none_or(|at| at > now) {
            return Ok(());
        }
        self.ledger.count("deadlines", 1);
        stack.handle_deadline(now).map_err(|e| format!("side {side}: {e}"))?;
        // A driver would come back at once, and for ever.
        let still = stack.deadline().is_some_and(|at| at <= now);
        ensure(!still, || format!("side {side}: a deadline that was met stands"))
    }

    fn read(&mut self, side: usize, calm: bool) -> Outcome<bool> {
        let reads = if calm { 64 } else { self.rng.below(4) };
        let mut moved = false;
        for _ in 0..reads {
            let (stack, pipe) = (&mut self.ends[side].stack, &mut self.pipes[1 - side]);
            if !stack.wants_read() {
                self.ledger.count("reads put off", 1);
                break;
            }
            let max = pipe.next_read(calm);
            let space = stack.receive_space(max);
            let n = pipe.read(&mut space[..max], self.now);
            stack.received(n);
            if n == 0 {
                break;
            }
            moved = true;
            self.pump(side, calm)?;
        }
        Ok(moved)
    }

    /// Takes what happened, all of it or, as a driver does that bounds its work, a part.
    fn pump(&mut self, side: usize, calm: bool) -> Outcome<bool> {
        let most = if calm || self.rng.chance(80) { u64::MAX } else { self.rng.below(5) };
        let now = Timestamp::from_micros(self.now);
        for n in 0..most {
            let End { stack, app, question, .. } = &mut self.ends[side];
            let Some(taken) = take(stack, app, &mut self.ledger, now)? else { return Ok(n > 0) };
            let Some(event) = taken else { continue };
            if is_question(&event) {
                ensure(question.is_none(), || format!("two questions: {event:?}"))?;
                *question = Some(event);
                continue;
            }
            app.on_event(event, stack, &mut self.ledger)?;
        }
        Ok(true)
    }

    fn write(&mut self, side: usize, calm: bool) -> Outcome<bool> {
        let stack = &mut self.ends[side].stack;
        let bytes = stack.transmit();
        ensure(bytes.len() <= BACKLOG_BYTES_MAX, || {
            format!("side {side}: {} bytes wait for the socket", bytes.len())
        })?;
        let n = self.pipes[side].write(bytes, self.now, calm);
        // A look at both ends of each write is enough to tell two runs apart.
        let ends = [bytes.first(), bytes.get(n.wrapping_sub(1))].map(|b| b.copied().unwrap_or(0));
        self.digest = hash(&[self.digest, n as u64, u64::from(ends[0]), u64::from(ends[1])]);
        stack.transmitted(n);
        Ok(n > 0)
    }

    /// What must hold after every step.
    fn check(&mut self) -> Outcome {
        for side in [0, 1] {
            let (held, memory) =
                (self.ledger.outstanding(side), self.features.manners[side].channel_memory);
            ensure(held <= memory, || {
                format!("side {side}: {held} bytes on their way into windows of {memory} in all")
            })?;
            let count = self.ends[side].stack.channel_count();
            let most = self.features.manners[side].channels_max;
            ensure(count <= most, || format!("side {side}: {count} channels, more than {most}"))?;
        }
        let [client, server] = &mut self.ends;
        client.app.compare_globals(&mut server.app)?;
        server.app.compare_globals(&mut client.app)
    }

    /// What must hold after a calm: all has arrived, nothing stands still.
    fn check_calm(&mut self) -> Outcome {
        for (side, end) in self.ends.iter().enumerate() {
            ensure(end.stack.transmit().is_empty(), || format!("side {side}: bytes wait"))?;
            ensure(end.stack.wants_read(), || format!("side {side} does not read"))?;
            end.app.all_done(&end.stack)?;
        }
        self.ledger.all_arrived()
    }

    /// The client ends the connection once nothing is left of it.
    fn end_in_order(&mut self) -> Outcome {
        for (side, end) in self.ends.iter().enumerate() {
            let count = end.stack.channel_count();
            ensure(count == 0, || format!("side {side}: {count} channels are left"))?;
        }
        self.disconnect(0)
    }

    /// One side ends the connection in the middle of everything.
    fn end_abruptly(&mut self) -> Outcome {
        self.ledger.count("abrupt ends", 1);
        let side = self.rng.index(2);
        // Before it knows whom it speaks to, it may not say goodbye.
        if self.ends[side].app.is_ready() { self.disconnect(side) } else { Ok(()) }
    }

    /// DISCONNECT must reach the other side behind all that was sent before it.
    fn disconnect(&mut self, side: usize) -> Outcome {
        let (reason, text) = (DisconnectReason::ByApplication, "the end\u{7}");
        self.ends[side].stack.disconnect(reason, text);
        let by = if side == 0 { Side::Client } else { Side::Server };
        let description = "the end\\007".to_owned();
        let expected = Error::Disconnected { by, reason: reason.code(), description }.to_string();
        let expected = format!("side {}: {expected}", 1 - side);
        self.pipes.iter_mut().for_each(Pipe::calm);
        for _ in 0..CALM_STEPS_MAX {
            self.step += 1;
            let wrote = self.write(side, true)?;
            match self.survive(1 - side) {
                Err(what) => return ensure(what == expected, || what),
                Ok(moved) if moved || wrote => {}
                Ok(_) => match self.pipes[side].next_due() {
                    Some(due) => self.now = self.now.max(due),
                    None => break,
                },
            }
        }
        Err(format!("side {}: nobody told it of the end", 1 - side))
    }

    /// A turn of a side whose peer takes nothing any more.
    fn survive(&mut self, side: usize) -> Outcome<bool> {
        let End { stack, app, .. } = &mut self.ends[side];
        let mut moved = app.act(stack, &mut self.ledger, Mode::Calm)?;
        stack.transmitted(stack.transmit().len());
        moved |= self.answer(side, true)?;
        moved |= self.pump(side, true)?;
        Ok(self.read(side, true)? || moved)
    }
}

/// What happened next: data goes to its consumer, an event to the caller.
fn take(
    stack: &mut Stack,
    app: &mut App,
    ledger: &mut Ledger,
    now: Timestamp,
) -> Outcome<Option<Option<Event>>> {
    let side = app.side;
    match stack.next(now).map_err(|e| format!("side {side}: {e}"))? {
        None => Ok(None),
        Some(Happening::Event(event)) => Ok(Some(Some(event))),
        Some(Happening::Data(delivery)) => app.deliver(delivery, ledger).map(|()| Some(None)),
    }
}

fn is_question(event: &Event) -> bool {
    use tssh_transport::userauth::AuthEvent;
    matches!(event, Event::HostKey(_) | Event::Auth(AuthEvent::Question(_)))
}

//! Many sessions, and what came of them.

use super::session::{Report, play};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;
use tssh_transport::{Error, Side};

/// How often the session with the dearest packet so far is played again.
const AGAIN: u32 = 3;

/// What came of sessions of one side.
#[derive(Debug)]
pub struct Tally {
    side: Side,
    /// How many there were.
    pub sessions: u64,
    /// In how many of them somebody logged in.
    pub logged_in: u64,
    packets: u64,
    broken: u64,
    /// The most CPU time that one packet cost, and in which session.
    pub slowest: (Duration, u64),
    /// What ended them, by the kind of rule, and how often.
    ends: BTreeMap<String, u64>,
}

impl Tally {
    /// None yet.
    #[must_use]
    pub fn new(side: Side) -> Self {
        let (sessions, logged_in, packets, broken) = (0, 0, 0, 0);
        let (slowest, ends) = ((Duration::ZERO, 0), BTreeMap::new());
        Self { side, sessions, logged_in, packets, broken, slowest, ends }
    }

    /// Plays the session of this number.
    ///
    /// # Panics
    /// Where it does; the number is printed.
    pub fn play(&mut self, number: u64) {
        let report = self.watched(number);
        self.sessions += 1;
        self.logged_in += u64::from(report.logged_in);
        self.packets += u64::from(report.packets);
        self.broken += u64::from(report.broken);
        if report.slowest > self.slowest.0 {
            // A busy machine makes a packet dearer than it is, but not each time.
            let again = (0..AGAIN).map(|_| self.watched(number).slowest);
            let slowest = again.min().map_or(report.slowest, |again| again.min(report.slowest));
            self.slowest = self.slowest.max((slowest, number));
        }
        *self.ends.entry(kind(report.error.as_ref())).or_default() += 1;
    }
}

impl Tally {
    fn watched(&self, number: u64) -> Report {
        // Nothing is used after a panic.
        let report = catch_unwind(AssertUnwindSafe(|| play(self.side, number)));
        report.unwrap_or_else(|panic| {
            println!("session {number} of {:?} fails", self.side);
            resume_unwind(panic)
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, sessions, logged_in, packets, broken, slowest, ends } = self;
        writeln!(f, "{side:?}: {sessions} sessions, in {logged_in} somebody logged in")?;
        writeln!(f, "{packets} packets, {broken} of them broken")?;
        writeln!(f, "the dearest packet: {:?} of CPU time, session {}", slowest.0, slowest.1)?;
        ends.iter().try_for_each(|(end, n)| writeln!(f, "{n:8}  {end}"))
    }
}

fn kind(error: Option<&Error>) -> String {
    let Some(error) = error else { return "lives to the end".to_owned() };
    match error {
        Error::PeerMisbehaved(rule) | Error::LimitReached(rule) | Error::KeyExchange(rule) => rule,
        Error::PeerIncompatible { list, .. } => list,
        Error::Inappropriate { phase, .. } => phase,
        Error::Decode { message, error } => return format!("{message}: {}", error.field),
        Error::Identification(_) => "identification",
        Error::PacketLength(_) => "packet length",
        Error::Padding => "padding",
        Error::MacIncorrect => "integrity",
        Error::Disconnected { .. } => "disconnected by the peer",
        Error::TimedOut(_) => "timed out",
        _ => "something else",
    }
    .to_owned()
}

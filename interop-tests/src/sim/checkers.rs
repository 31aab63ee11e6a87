//! What both ends must agree on, kept outside of both.
//!
//! The ledger knows of each channel what was asked, decided, sent and taken at either end. Every
//! entry is made by one end and compared by the other, so an error in code that both ends share
//! is noticed as well.

use super::random::{difference, hash};
use std::collections::{BTreeMap, VecDeque};
use tssh_connection::{ChannelRequest, OpenKind, Stream};

/// A check that failed, in words.
pub type Outcome<T = ()> = Result<T, String>;

/// Fails with words unless something holds.
///
/// # Errors
/// The words.
pub fn ensure(holds: bool, words: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(words()) }
}

/// One stream in one direction.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// What the content follows from.
    pub key: u64,
    /// Bytes that its source has sent.
    pub sent: u64,
    /// Bytes that its consumer has taken.
    pub taken: u64,
}

/// One direction of a channel.
#[derive(Debug, Clone, Default)]
pub struct Direction {
    flows: [Flow; 2],
    /// The source asked for EOF, before it asked for the close.
    eof_sent: bool,
    eof_seen: bool,
    /// The source asked for the close.
    close_sent: bool,
    close_seen: bool,
    /// The consumer is through with the channel.
    gone: bool,
    /// Requests on their way, in order: those that reach the application at the other end.
    requests: VecDeque<Asked>,
}

/// A request, whether it wants a reply, and how much of each stream was sent before it.
type Asked = (ChannelRequest, bool, [u64; 2]);

/// What became of an open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It was taken.
    Accepted,
    /// It was refused, with reason and text.
    Refused(u32, String),
}

/// One channel.
#[derive(Debug, Clone)]
pub struct Entry {
    kind: OpenKind,
    surfaced: bool,
    decision: Option<Decision>,
    answered: bool,
    /// By the index of the side that sends.
    directions: [Direction; 2],
}

/// All channels of a run, and what it has seen so far.
#[derive(Debug)]
pub struct Ledger {
    seed: u64,
    entries: BTreeMap<u64, Entry>,
    /// Bytes sent and not taken, by the index of the side that takes.
    outstanding: [u64; 2],
    /// What happened, for the test to see that everything did.
    pub seen: BTreeMap<&'static str, u64>,
}

const fn at(stream: Stream) -> usize {
    match stream {
        Stream::Data => 0,
        Stream::Stderr => 1,
    }
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, entries: BTreeMap::new(), outstanding: [0; 2], seen: BTreeMap::new() }
    }

    /// Counts something that happened.
    pub fn count(&mut self, what: &'static str, n: u64) {
        *self.seen.entry(what).or_default() += n;
    }

    /// The answer that a request gets, known to both ends.
    #[must_use]
    pub fn verdict(&self, parts: &[u64]) -> bool {
        !hash(&[&[self.seed, 0x0a5c], parts].concat()).is_multiple_of(4)
    }

    fn entry(&mut self, id: u64) -> Outcome<&mut Entry> {
        self.entries.get_mut(&id).ok_or_else(|| format!("channel {id}: nobody opened it"))
    }

    /// A channel is opened.
    pub fn opened(&mut self, id: u64, kind: OpenKind) {
        let flow = |side: u64, stream: u64| {
            let key = hash(&[self.seed, id, side, stream]);
            Flow { key, ..Flow::default() }
        };
        let direction = |side| {
            let flows = [flow(side, 0), flow(side, 1)];
            Direction { flows, ..Direction::default() }
        };
        let directions = [direction(0), direction(1)];
        let (surfaced, decision, answered) = (false, None, false);
        self.entries.insert(id, Entry { kind, surfaced, decision, answered, directions });
        self.count("opens", 1);
    }

    /// The other end hears of it.
    ///
    /// # Errors
    /// It is another one, or it was heard of before.
    pub fn surfaced(&mut self, id: u64, kind: &OpenKind) -> Outcome {
        let entry = self.entry(id)?;
        ensure(entry.kind == *kind, || format!("channel {id}: {kind:?} is not {:?}", entry.kind))?;
        ensure(!entry.surfaced, || format!("channel {id}: heard of twice"))?;
        entry.surfaced = true;
        Ok(())
    }

    /// The other end decides.
    ///
    /// # Errors
    /// It did before.
    pub fn decided(&mut self, id: u64, decision: Decision) -> Outcome {
        let entry = self.entry(id)?;
        let before = entry.decision.replace(decision);
        ensure(before.is_none(), || format!("channel {id}: decided twice"))
    }

    /// The opener hears of the decision: `failed` has reason and text of a refusal.
    ///
    /// # Errors
    /// It is not what was decided, or comes twice.
    pub fn answered(&mut self, id: u64, failed: Option<(u32, &str)>) -> Outcome {
        let what = if failed.is_some() { "refusals" } else { "confirmations" };
        self.count(what, 1);
        let entry = self.entry(id)?;
        ensure(!entry.answered, || format!("channel {id}: answered twice"))?;
        entry.answered = true;
        let unknown = matches!(entry.kind, OpenKind::Unknown(_));
        let session = entry.kind == OpenKind::Session;
        let as_decided = match (&entry.decision, failed) {
            (Some(Decision::Accepted), None) => true,
            (Some(Decision::Refused(reason, text)), Some(failed)) => failed == (*reason, text),
            // A session tells which one it is only once it is open.
            (None, None) => session,
            (None, Some((reason, _))) => {
                let possible = if unknown { 3..=3 } else { 1..=4 };
                !entry.surfaced && possible.contains(&reason)
            }
            _ => false,
        };
        let decision = entry.decision.clone();
        ensure(as_decided, || format!("channel {id}: {failed:?} follows {decision:?}"))
    }

    /// The stream that `side` sends on a channel, for its source.
    ///
    /// # Errors
    /// No such channel.
    pub fn source(&mut self, id: u64, side: usize, stream: Stream) -> Outcome<&Flow> {
        Ok(&self.entry(id)?.directions[side].flows[at(stream)])
    }

    /// `side` sent `n` bytes; `wanted` says whether anybody takes them at the other end.
    ///
    /// # Errors
    /// After EOF or CLOSE nothing may be sent.
    pub fn sent(&mut self, id: u64, side: usize, stream: Stream, n: u64, wanted: bool) -> Outcome {
        let direction = &mut self.entry(id)?.directions[side];
        let ended = direction.eof_sent || direction.close_sent;
        ensure(!ended, || format!("channel {id}: {n} bytes sent after the end"))?;
        if wanted {
            direction.flows[at(stream)].sent += n;
            if !direction.gone {
                self.outstanding[1 - side] += n;
            }
        }
        self.count("bytes sent", n);
        Ok(())
    }

    /// Compares what came from `side` with what it sends, behind what was taken so far.
    ///
    /// # Errors
    /// It differs, is more than was sent, or comes after EOF or CLOSE.
    pub fn compare(&mut self, id: u64, side: usize, stream: Stream, bytes: &[u8]) -> Outcome {
        let direction = &self.entry(id)?.directions[side];
        let flow = &direction.flows[at(stream)];
        let end = flow.taken + bytes.len() as u64;
        ensure(end <= flow.sent, || {
            format!("channel {id}: {end} bytes arrived of {} that were sent", flow.sent)
        })?;
        match difference(flow.key, flow.taken, bytes) {
            None => Ok(()),
            Some(offset) => Err(format!("channel {id} {stream:?}: byte {offset} is wrong")),
        }
    }

    /// New data came from `side`.
    ///
    /// # Errors
    /// It came after EOF or CLOSE.
    pub fn may_arrive(&mut self, id: u64, side: usize) -> Outcome {
        let direction = &self.entry(id)?.directions[side];
        ensure(!direction.eof_seen, || format!("channel {id}: data after EOF"))?;
        ensure(!direction.close_seen, || format!("channel {id}: data after CLOSE"))
    }

    /// The consumer took `n` bytes that `side` sent.
    ///
    /// # Errors
    /// No such channel.
    pub fn taken(&mut self, id: u64, side: usize, stream: Stream, n: u64) -> Outcome {
        let direction = &mut self.entry(id)?.directions[side];
        direction.flows[at(stream)].taken += n;
        self.outstanding[1 - side] -= n;
        Ok(())
    }

    /// `side` wants EOF.
    ///
    /// # Errors
    /// No such channel.
    pub fn eof_sent(&mut self, id: u64, side: usize) -> Outcome {
        self.entry(id)?.directions[side].eof_sent = true;
        self.count("half-closes", 1);
        Ok(())
    }

    /// EOF came from `side`.
    ///
    /// # Errors
    /// It did not send it, or it came before.
    pub fn eof_seen(&mut self, id: u64, side: usize) -> Outcome {
        let direction = &mut self.entry(id)?.directions[side];
        ensure(direction.eof_sent, || format!("channel {id}: EOF that was not sent"))?;
        ensure(!direction.eof_seen, || format!("channel {id}: EOF twice"))?;
        direction.eof_seen = true;
        Ok(())
    }

    /// `side` wants to close.
    ///
    /// # Errors
    /// No such channel.
    pub fn close_sent(&mut self, id: u64, side: usize) -> Outcome {
        self.entry(id)?.directions[side].close_sent = true;
        self.count("closes", 1);
        Ok(())
    }

    /// CLOSE came from `side`.
    ///
    /// # Errors
    /// It came before, neither end wanted it, or an EOF that was sent before it did not come.
    pub fn close_seen(&mut self, id: u64, side: usize) -> Outcome {
        let entry = self.entry(id)?;
        let wanted = entry.directions.iter().any(|direction| direction.close_sent);
        ensure(wanted, || format!("channel {id}: CLOSE that nobody asked for"))?;
        let discards = entry.directions[1 - side].close_sent;
        let direction = &mut entry.directions[side];
        ensure(!direction.close_seen, || format!("channel {id}: CLOSE twice"))?;
        direction.close_seen = true;
        let eof_lost = direction.eof_sent && !direction.eof_seen && !discards;
        ensure(!eof_lost, || format!("channel {id}: CLOSE came, and EOF before it did not"))
    }

    /// The end that takes what `side` sends is through with the channel.
    ///
    /// # Errors
    /// It has not taken all, and did not close before.
    pub fn gone(&mut self, id: u64, side: usize) -> Outcome {
        let entry = self.entry(id)?;
        let discards = entry.directions[1 - side].close_sent;
        let direction = &mut entry.directions[side];
        direction.gone = true;
        let left: u64 = direction.flows.iter().map(|flow| flow.sent - flow.taken).sum();
        self.outstanding[1 - side] -= left;
        ensure(left == 0 || discards, || format!("channel {id}: {left} bytes were lost"))?;
        let entry = self.entry(id)?;
        // A session that closed before it could tell its name has none at the other end.
        let nameless = entry.kind == OpenKind::Session && !entry.surfaced;
        let all = entry.directions.iter().all(|direction| direction.gone);
        if all || nameless {
            let unread = entry.directions.iter().enumerate().filter(|(_, d)| !d.gone);
            for (source, direction) in unread.map(|(i, d)| (i, d.clone())).collect::<Vec<_>>() {
                let left: u64 = direction.flows.iter().map(|flow| flow.sent - flow.taken).sum();
                self.outstanding[1 - source] -= left;
            }
            self.entries.remove(&id);
            self.count("channels over", 1);
        }
        Ok(())
    }

    /// A channel that never came to be.
    pub fn forget(&mut self, id: u64) {
        self.entries.remove(&id);
    }

    /// `side` asks something that reaches the other end's application.
    ///
    /// # Errors
    /// No such channel.
    pub fn asked(&mut self, id: u64, side: usize, request: ChannelRequest, reply: bool) -> Outcome {
        let direction = &mut self.entry(id)?.directions[side];
        let [data, stderr] = &direction.flows;
        direction.requests.push_back((request, reply, [data.sent, stderr.sent]));
        Ok(())
    }

    /// A request came from `side`.
    ///
    /// # Errors
    /// It is not the next one.
    pub fn heard(
        &mut self,
        id: u64,
        side: usize,
        request: &ChannelRequest,
        reply: bool,
    ) -> Outcome {
        self.count("channel requests", 1);
        let direction = &mut self.entry(id)?.directions[side];
        let next = direction.requests.pop_front();
        let same = next.as_ref().is_some_and(|(r, w, _)| r == request && *w == reply);
        ensure(same, || format!("channel {id}: {request:?} came where {next:?} was sent"))?;
        let before = next.map(|(.., before)| before).unwrap_or_default();
        let overtaken = direction.flows.iter().zip(before).any(|(flow, n)| flow.taken > n);
        ensure(!overtaken, || format!("channel {id}: data overtook {request:?}"))
    }

    /// Bytes sent to `side` that its applications have not taken.
    #[must_use]
    pub const fn outstanding(&self, side: usize) -> u64 {
        self.outstanding[side]
    }

    /// After everything came to rest with all consumers reading: what still is under way.
    ///
    /// # Errors
    /// The first thing that is.
    pub fn all_arrived(&self) -> Outcome {
        for (id, entry) in &self.entries {
            for (side, direction) in entry.directions.iter().enumerate() {
                let live = !direction.gone && !entry.directions[1 - side].close_sent;
                for flow in direction.flows.iter().filter(|_| live) {
                    ensure(flow.sent == flow.taken, || {
                        let (sent, taken) = (flow.sent, flow.taken);
                        format!("channel {id}: {taken} bytes of {sent} arrived from side {side}")
                    })?;
                }
                ensure(!live || direction.requests.is_empty(), || {
                    format!("channel {id}: requests of side {side} did not arrive")
                })?;
                ensure(!live || direction.eof_sent == direction.eof_seen, || {
                    format!("channel {id}: EOF of side {side} did not arrive")
                })?;
                ensure(!direction.close_sent || direction.close_seen, || {
                    format!("channel {id}: CLOSE of side {side} did not arrive")
                })?;
            }
        }
        Ok(())
    }

    /// After everything was closed: nothing is left.
    ///
    /// # Errors
    /// The first channel that is.
    pub fn all_over(&self) -> Outcome {
        match self.entries.first_key_value() {
            None => ensure(self.outstanding == [0; 2], || "bytes are left over".to_owned()),
            Some((id, entry)) => Err(format!("channel {id} is left over: {entry:?}")),
        }
    }
}

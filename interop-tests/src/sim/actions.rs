//! The application of one side: what it does of its own accord.

use super::app::{App, Chan, Pace, STREAMS, at, global_verdict};
use super::checkers::{Ledger, Outcome, ensure};
use super::swarm::Action;
use tssh_connection::{ChannelKey, ChannelRequest, GlobalRequest, OpenKind, Stack, Stream};

/// What a turn is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Anything may happen.
    Storm,
    /// Nothing new is begun, and all that was begun must end.
    Calm,
    /// And all channels are closed.
    Finish,
}

/// Pings at a time: their echoes are held back while keys are exchanged, within a bound.
const PINGS_MAX: usize = 8;

impl App {
    /// Does something.
    ///
    /// # Errors
    /// A check that failed.
    pub fn act(&mut self, stack: &mut Stack, ledger: &mut Ledger, mode: Mode) -> Outcome<bool> {
        if !self.ready {
            return Ok(false);
        }
        if mode != Mode::Storm {
            return self.wind_down(stack, ledger, mode == Mode::Finish);
        }
        for _ in 0..self.rng.below(4) {
            let mut ticket = self.rng.below(self.manner.weights.iter().sum());
            let weights = Action::ALL.iter().zip(self.manner.weights);
            for (action, weight) in weights {
                if ticket < weight {
                    self.take(*action, stack, ledger)?;
                    break;
                }
                ticket -= weight;
            }
        }
        Ok(true)
    }

    fn take(&mut self, action: Action, stack: &mut Stack, ledger: &mut Ledger) -> Outcome {
        match action {
            Action::Open => self.open(stack, ledger),
            Action::Write => self.write(stack),
            Action::HalfClose => self.half_close(),
            Action::Close => self.close_one(stack, ledger),
            Action::Pace => {
                let pace = *self.rng.pick(&[Pace::Eager, Pace::Slow, Pace::Paused]);
                if let Some((_, chan)) = self.any_chan() {
                    chan.pace = pace;
                }
                Ok(())
            }
            Action::Drain => self.drain_some(stack, ledger),
            Action::Request => {
                let key = self.any_chan().map(|(key, _)| key);
                let Some(key) = key else { return Ok(()) };
                (0..self.burst()).try_for_each(|_| self.request(key, stack, ledger))
            }
            Action::Global => (0..self.burst()).try_for_each(|_| self.global(stack, ledger)),
            Action::Decide => self.decide(stack, ledger),
            Action::Rekey => {
                self.rekey(stack);
                Ok(())
            }
            Action::Ping => self.ping(stack),
            Action::Resume => {
                if let Some((key, _)) = self.any_chan() {
                    self.resume(key, stack);
                }
                self.end_what_is_sent(stack, ledger).map(drop)
            }
        }
    }

    fn any_chan(&mut self) -> Option<(ChannelKey, &mut Chan)> {
        let at = self.rng.index(self.chans.len());
        self.chans.iter_mut().nth(at).map(|(key, chan)| (*key, chan))
    }

    fn open(&mut self, stack: &mut Stack, ledger: &mut Ledger) -> Outcome {
        if self.opened >= self.manner.opens {
            return Ok(());
        }
        let id = u64::from(self.opened) * 2 + self.side as u64;
        let (mut kind, port) = (self.rng.below(20), self.rng.below(100_000) as u32);
        let [tcp, unix] = self.forwards;
        if self.side == 1 && kind > 1 {
            // Now and then what nobody asked for.
            kind = if self.rng.chance(5) {
                kind
            } else {
                4 - 2 * u64::from(unix && (!tcp || kind < 10))
            };
            if !tcp && !unix && kind > 1 && !self.rng.chance(5) {
                return Ok(());
            }
        }
        let name = format!("sim-{id}");
        let (originator_address, originator_port) = ("::1".to_owned(), port / 2);
        let kind = match (self.side, kind) {
            (_, 0) => OpenKind::Unknown("sim@example.org".to_owned()),
            (0, 1..=7) => OpenKind::Session,
            (0, 8..=10) => OpenKind::DirectStreamlocal { path: name },
            (0, _) => {
                OpenKind::DirectTcpip { host: name, port, originator_address, originator_port }
            }
            (_, 1) => OpenKind::Session,
            (_, 2..=3) => OpenKind::ForwardedStreamlocal { path: name },
            _ => {
                let address = name;
                OpenKind::ForwardedTcpip { address, port, originator_address, originator_port }
            }
        };
        let session = kind == OpenKind::Session;
        let Ok(key) = stack.open(kind.clone()) else {
            ledger.count("opens refused locally", 1);
            return Ok(());
        };
        self.opened += 1;
        ledger.opened(id, kind);
        let chan = self.new_chan(Some(id), session, true);
        let before = self.chans.insert(key, chan);
        ensure(before.is_none(), || format!("{key:?} is in use"))
    }

    /// More to send, on a channel that may still be opening.
    fn write(&mut self, stack: &mut Stack) -> Outcome {
        let left = self.manner.bytes.saturating_sub(self.written);
        let n = self.rng.size(self.manner.write_bytes_max).min(left);
        let (stderr, stray) = (self.rng.chance(30), self.manner.stray_data);
        // Most of the time there is one that can be written to.
        let first = self.rng.index(self.chans.len());
        let ready = |(_, chan): &(&ChannelKey, &Chan)| chan.takes_more();
        let (before, after) = (self.chans.iter().take(first), self.chans.iter().skip(first));
        let found = after.chain(before).find(ready).map(|(key, _)| *key);
        let Some(key) = found.filter(|_| n > 0) else { return Ok(()) };
        let Some(chan) = self.chans.get_mut(&key) else { return Ok(()) };
        let stream = usize::from(stderr && (chan.has_consumer(1) || stray));
        chan.pending[stream] += n;
        if chan.dry[stream] {
            chan.dry[stream] = false;
            stack.want_send(key, STREAMS[stream]);
        }
        self.written += n;
        Ok(())
    }

    fn resume(&mut self, key: ChannelKey, stack: &mut Stack) {
        let Some(chan) = self.chans.get_mut(&key) else { return };
        for stream in [0, 1] {
            if chan.dry[stream] && chan.pending[stream] > 0 {
                chan.dry[stream] = false;
                stack.want_send(key, STREAMS[stream]);
            }
        }
    }

    fn half_close(&mut self) -> Outcome {
        if let Some((_, chan)) = self.any_chan() {
            chan.eof_wanted |= chan.id.is_some() && !chan.closing && !chan.closed;
        }
        Ok(())
    }

    /// EOF wherever it is wanted and all is sent.
    fn end_what_is_sent(&mut self, stack: &mut Stack, ledger: &mut Ledger) -> Outcome<bool> {
        let mut some = false;
        for (key, chan) in &mut self.chans {
            let sent = chan.eof_wanted && !chan.eof_sent && chan.pending == [0; 2];
            let Some(id) = chan.id.filter(|_| sent && !chan.closing && !chan.closed) else {
                continue;
            };
            stack.send_eof(*key).map_err(|e| format!("EOF on channel {id}: {e}"))?;
            ledger.eof_sent(id, self.side)?;
            chan.eof_sent = true;
            some = true;
        }
        Ok(some)
    }

    fn close_one(&mut self, stack: &mut Stack, ledger: &mut Ledger) -> Outcome {
        match self.any_chan() {
            Some((key, _)) => self.close(key, stack, ledger),
            None => Ok(()),
        }
    }

    /// Closes, whatever is going on; what nobody has decided cannot be closed.
    fn close(&mut self, key: ChannelKey, stack: &mut Stack, ledger: &mut Ledger) -> Outcome {
        let side = self.side;
        let Some(chan) = self.chans.get_mut(&key) else { return Ok(()) };
        let undecided = !chan.ours && !chan.open && !chan.closed;
        let Some(id) = chan.id.filter(|_| !undecided && !chan.closing) else { return Ok(()) };
        stack.close(key).map_err(|e| format!("close of channel {id}: {e}"))?;
        ledger.close_sent(id, side)?;
        chan.closing = true;
        chan.open = false;
        chan.pending = [0; 2];
        chan.undecided.clear();
        self.remove_if_over(key, stack, ledger)
    }

    /// Takes some of what waits in a ring.
    fn drain_some(&mut self, stack: &mut Stack, ledger: &mut Ledger) -> Outcome {
        let stream = *self.rng.pick(&STREAMS);
        let max = self.rng.size(100_000) as usize;
        let Some((key, chan)) = self.any_chan() else { return Ok(()) };
        if chan.pace == Pace::Paused {
            return Ok(());
        }
        self.drain(key, stream, max, stack, ledger)?;
        self.remove_if_over(key, stack, ledger)
    }

    fn drain(
        &mut self,
        key: ChannelKey,
        stream: Stream,
        max: usize,
        stack: &mut Stack,
        ledger: &mut Ledger,
    ) -> Outcome {
        let front = stack.ring(key, stream);
        let n = front.len().min(max);
        if n == 0 {
            return Ok(());
        }
        let id = self.chans.get(&key).and_then(|chan| chan.id);
        let id = id.ok_or("bytes wait on a channel without a name")?;
        ledger.compare(id, self.peer(), stream, &front[..n])?;
        ledger.taken(id, self.peer(), stream, n as u64)?;
        ledger.count("bytes drained", n as u64);
        stack.drained(key, stream, n);
        Ok(())
    }

    /// How many at a time: mostly one, now and then more than may be unanswered.
    fn burst(&mut self) -> u64 {
        let many = self.manner.burst > 1 && self.rng.chance(10);
        if many { self.rng.between(1, self.manner.burst) } else { 1 }
    }

    fn request(&mut self, key: ChannelKey, stack: &mut Stack, ledger: &mut Ledger) -> Outcome {
        let (kind, n) = (self.rng.below(9), self.serial);
        let text = n.to_string();
        let Some(chan) = self.chans.get(&key) else { return Ok(()) };
        if !chan.open || chan.id.is_none() {
            return Ok(());
        }
        use ChannelRequest as R;
        let program = R::Exec { command: text.clone().into_bytes() };
        let size = (n, n / 2, 0, 0);
        let (request, surfaces) = match (chan.session, chan.ours, kind) {
            (_, _, 0) => (R::Other { name: "sim@example.org".to_owned(), data: vec![7] }, false),
            (false, ..) | (_, _, 1) => (R::Eow, true),
            (true, true, 2) if chan.program.is_none() => (program, true),
            (true, true, 2) if chan.program == Some(true) => (program, false),
            (true, true, 3) => {
                let (cols, rows, wpx, hpx) = size;
                (R::Pty { term: text, cols, rows, wpx, hpx, modes: vec![0] }, true)
            }
            (true, true, 4) => (R::Signal { name: text }, true),
            (true, true, 5..=6) => {
                let (cols, rows, wpx, hpx) = size;
                (R::WindowChange { cols, rows, wpx, hpx }, true)
            }
            (true, true, _) => (R::Env { name: text.into_bytes(), value: vec![0xff] }, true),
            (true, false, 2..=4) => (R::ExitStatus(n), true),
            (true, false, 5..=6) => (R::XonXoff { client_can_do: n.is_multiple_of(2) }, true),
            (true, false, _) => {
                let message = text.clone();
                (R::ExitSignal { name: text, core_dumped: false, message }, true)
            }
        };
        self.serial += 1;
        self.ask(key, request, surfaces, stack, ledger)
    }

    fn global(&mut self, stack: &mut Stack, ledger: &mut Ledger) -> Outcome {
        let (kind, n, want_reply) = (self.rng.below(8), self.serial, self.rng.chance(70));
        let address = "localhost".to_owned();
        use GlobalRequest as G;
        let (request, surfaces) = match (self.side, kind) {
            (_, 0) => (G::KeepAlive, false),
            (_, 1) => (G::Other { name: "sim@example.org".to_owned(), data: vec![1, 2] }, false),
            (0, 2) => (G::CancelTcpipForward { address, port: n }, true),
            (0, 3..=4) => (G::StreamlocalForward { path: n.to_string() }, true),
            (0, _) => (G::TcpipForward { address, port: n }, true),
            _ => (G::HostKeys(vec![0, 0, 0, 0]), false),
        };
        let Ok(tag) = stack.global_request(request.clone(), want_reply) else {
            ledger.count("requests refused locally", 1);
            return Ok(());
        };
        self.serial += 1;
        if want_reply {
            let port = if let G::TcpipForward { port, .. } = request { port } else { 0 };
            let nothing = (false, Vec::new());
            let (ok, data) = if surfaces { global_verdict(port, ledger) } else { nothing };
            self.expected.push_back((tag, ok, data));
        }
        if surfaces {
            self.globals_sent.push_back((request, want_reply));
        }
        Ok(())
    }

    /// Answers one thing that was asked.
    fn decide(&mut self, stack: &mut Stack, ledger: &mut Ledger) -> Outcome {
        let accept = self.rng.chance(85);
        match self.rng.below(3) {
            0 => {
                let at = self.rng.index(self.asked.len());
                match self.asked.remove(at) {
                    Some(key) => self.decide_open(key, accept, stack, ledger),
                    None => Ok(()),
                }
            }
            1 => self.decide_global(stack).map(drop),
            _ => match self.any_chan() {
                Some((key, _)) => self.decide_request(key, stack).map(drop),
                None => Ok(()),
            },
        }
    }

    fn decide_global(&mut self, stack: &mut Stack) -> Outcome<bool> {
        let Some((ok, data)) = self.undecided.pop_front() else { return Ok(false) };
        stack.reply_global(ok, &data).map_err(|e| format!("global reply: {e}"))?;
        Ok(true)
    }

    fn decide_request(&mut self, key: ChannelKey, stack: &mut Stack) -> Outcome<bool> {
        let Some(chan) = self.chans.get_mut(&key) else { return Ok(false) };
        if chan.closed || chan.closing {
            chan.undecided.clear();
        }
        let Some(ok) = chan.undecided.pop_front() else { return Ok(false) };
        stack.reply_request(key, ok).map_err(|e| format!("{key:?}: reply: {e}"))?;
        Ok(true)
    }

    /// Asks for new keys, while that was not asked for too often.
    pub fn rekey(&mut self, stack: &mut Stack) {
        if self.ready && self.rekeys < self.manner.rekeys {
            self.rekeys += 1;
            stack.request_rekey();
        }
    }

    fn ping(&mut self, stack: &mut Stack) -> Outcome {
        if self.pings.len() >= PINGS_MAX {
            return Ok(());
        }
        let data = vec![self.serial as u8; self.rng.index(200)];
        self.serial += 1;
        if stack.ping(&data).map_err(|e| format!("ping: {e}"))? {
            self.pings.push_back(data);
        }
        Ok(())
    }

    /// One turn of a calm: everything that waits for the application is done; whether anything
    /// was.
    fn wind_down(&mut self, stack: &mut Stack, ledger: &mut Ledger, finish: bool) -> Outcome<bool> {
        let mut some = false;
        while let Some(key) = self.asked.pop_front() {
            self.decide_open(key, true, stack, ledger)?;
            some = true;
        }
        while self.decide_global(stack)? {
            some = true;
        }
        let keys: Vec<ChannelKey> = self.chans.keys().copied().collect();
        for key in keys {
            while self.decide_request(key, stack)? {
                some = true;
            }
            if let Some(chan) = self.chans.get_mut(&key) {
                chan.pace = Pace::Eager;
            }
            self.resume(key, stack);
            for stream in STREAMS {
                while !stack.ring(key, stream).is_empty() {
                    self.drain(key, stream, usize::MAX, stack, ledger)?;
                    some = true;
                }
            }
            self.remove_if_over(key, stack, ledger)?;
            if finish {
                some |= self.finish(key, stack, ledger)?;
            }
        }
        Ok(self.end_what_is_sent(stack, ledger)? || some)
    }

    /// Ends a channel in good order: EOF, and the close once both ends are at theirs.
    fn finish(&mut self, key: ChannelKey, stack: &mut Stack, ledger: &mut Ledger) -> Outcome<bool> {
        let Some(chan) = self.chans.get_mut(&key) else { return Ok(false) };
        chan.eof_wanted |= chan.id.is_some() && !chan.closing && !chan.closed;
        if chan.eof_sent && chan.eof_seen && !chan.closing && !chan.closed {
            self.close(key, stack, ledger)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Sends one packet, if a turn is to be had.
    ///
    /// # Errors
    /// A check that failed.
    pub fn send(&mut self, stack: &mut Stack, ledger: &mut Ledger, calm: bool) -> Outcome<bool> {
        let Some(turn) = stack.next_turn() else { return Ok(false) };
        let (key, stream) = (turn.channel, at(turn.stream));
        let stingy = self.manner.small_sends && !calm;
        let (skip, few) = (stingy && self.rng.chance(20), self.rng.size(turn.max as u64));
        let chan = self.chans.get_mut(&key);
        let chan = chan.ok_or_else(|| format!("a turn for {key:?}, which is over"))?;
        let id = chan.id.ok_or("a turn for a channel without a name")?;
        ensure(!chan.closing && !chan.closed && !chan.eof_sent, || {
            format!("channel {id}: a turn after the end")
        })?;
        let flow = ledger.source(id, self.side, turn.stream)?;
        let (content, offset) = (flow.key, flow.sent);
        let (mut lent, mut filled) = (0, None);
        let sent = stack.send_data(key, turn.stream, |areas| {
            lent = areas.pieces().next().map_or(0, |first| first.len());
            let mut n = chan.pending[stream].min(areas.len() as u64);
            if stingy {
                n = if skip { 0 } else { n.min(few) };
            }
            let mut bytes = vec![0; n as usize];
            super::random::fill(content, offset, &mut bytes);
            filled = Some(areas.put(&bytes));
            n as usize
        });
        let sent = sent.map_err(|e| format!("channel {id}: send: {e}"))?;
        ensure(filled == Some(sent) && lent == turn.max, || {
            format!("channel {id}: a turn for {} lent {lent}, of {filled:?} sent {sent}", turn.max)
        })?;
        chan.pending[stream] -= sent as u64;
        chan.dry[stream] = sent == 0;
        let wanted = chan.has_consumer(stream);
        if sent > 0 {
            ledger.sent(id, self.side, turn.stream, sent as u64, wanted)?;
        }
        Ok(true)
    }

    /// After a calm: whether anything that this side began has not ended.
    ///
    /// # Errors
    /// The first thing that has not.
    pub fn all_done(&self, stack: &Stack) -> Outcome {
        let side = self.side;
        ensure(self.ready, || format!("side {side} is not logged in"))?;
        ensure(self.expected.is_empty(), || {
            format!("side {side}: global replies are missing: {:?}", self.expected)
        })?;
        ensure(self.globals_sent.is_empty(), || {
            format!("side {side}: global requests are lost: {:?}", self.globals_sent)
        })?;
        ensure(self.pings.is_empty(), || format!("side {side}: pongs are missing"))?;
        for (key, chan) in &self.chans {
            let done = chan.open
                && chan.pending == [0; 2]
                && chan.expected.is_empty()
                && !chan.closing
                && chan.eof_wanted == chan.eof_sent;
            ensure(done, || format!("side {side}: {key:?} stands still: {chan:?}"))?;
        }
        let (here, there) = (self.chans.len(), stack.channel_count());
        ensure(here == there, || format!("side {side}: {there} channels where {here} are"))
    }
}

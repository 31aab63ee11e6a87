//! One channel in the driver's table: its endpoint, its pump, and what each stream waits for.

use crate::core::pump::Pump;
use crate::core::socks::{Failure, Request};
use crate::driver::endpoint::Endpoints;
use crate::driver::ready::{ReadyList, Token};
use crate::driver::timed_stack::Delivery;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker};
use tssh_connection::{Areas, ChannelKey, Stream};
use tssh_transport::Timestamp;

/// Normal and extended data, in this order, wherever both are walked through.
pub(crate) const STREAMS: [Stream; 2] = [Stream::Data, Stream::Stderr];

/// Who asked for the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The application; it hears what happens to the channel.
    Application,
    /// A forward of ours or of the peer's.
    Forwarder,
}

/// What a read into a grant gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// Nothing was asked: there was no room.
    NotAsked,
    /// So many bytes.
    Bytes(usize),
    /// Nothing now; the waker is set.
    Pending,
    /// The end.
    End,
    /// A failure.
    Failed,
}

/// What a write gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrote {
    Bytes(usize),
    Pending,
    Failed,
}

#[derive(Default)]
struct Side {
    waker: Option<Waker>,
    /// Inputs: the end was read. Outputs: the last write was refused and its waker is set.
    stopped: bool,
}

/// One channel.
pub(crate) struct Slot {
    pub(crate) key: ChannelKey,
    pub(crate) owner: Owner,
    pub(crate) pump: Pump,
    endpoints: Option<Endpoints>,
    inputs: [Side; 2],
    outputs: [Side; 2],
    /// It stands in the list of channels whose ring is to be written.
    pub(crate) dirty: bool,
    /// The endpoint still has to be told that no more follows.
    pub(crate) shutting: bool,
    /// The end of the time for draining.
    pub(crate) drain_by: Option<Timestamp>,
    /// It may drain for ever: a pager in front of a human takes its time.
    pub(crate) patient: bool,
    /// Bytes that go to the peer before what the endpoint has to say.
    pub(crate) greeting: Vec<u8>,
    /// The peer's end of it is still saying what it wants.
    pub(crate) negotiating: bool,
    /// A SOCKS client of ours waits for an answer to this.
    pub(crate) socks: Option<Box<Request>>,
    /// A SOCKS client was told that its target was not reached: a reset would take that back.
    answered: bool,
}

const fn index(stream: Stream) -> usize {
    match stream {
        Stream::Data => 0,
        Stream::Stderr => 1,
    }
}

fn side(sides: &mut [Side; 2], stream: Stream) -> &mut Side {
    let [normal, extended] = sides;
    match stream {
        Stream::Data => normal,
        Stream::Stderr => extended,
    }
}

impl Slot {
    pub(crate) fn new(
        key: ChannelKey,
        owner: Owner,
        pump: Pump,
        endpoints: Option<Endpoints>,
    ) -> Self {
        Self {
            key,
            owner,
            pump,
            endpoints,
            inputs: Default::default(),
            outputs: Default::default(),
            dirty: false,
            shutting: false,
            drain_by: None,
            patient: false,
            greeting: Vec::new(),
            negotiating: false,
            socks: None,
            answered: false,
        }
    }

    /// Tells a SOCKS client what has become of its request. The socket is fresh, so that the few
    /// bytes of the answer find room; where they do not the client is gone.
    pub(crate) fn answer_socks(&mut self, outcome: Result<(), Failure>) {
        let (Some(request), Some(endpoints)) = (self.socks.take(), &mut self.endpoints) else {
            return;
        };
        let answer = match outcome {
            Ok(()) => request.granted(),
            Err(failure) => request.failed(failure),
        };
        let mut cx = Context::from_waker(Waker::noop());
        let written = endpoints.poll_write(false, &mut cx, &[IoSlice::new(&answer)]);
        self.answered = outcome.is_err();
        if !matches!(written, Poll::Ready(Ok(n)) if n == answer.len()) {
            endpoints.stop_reading();
        }
    }

    /// Joins the streams to a channel that was accepted before they existed.
    pub(crate) fn attach(&mut self, endpoints: Endpoints) {
        self.endpoints = Some(endpoints);
    }

    /// Whether there is something to read from and write to.
    pub(crate) const fn attached(&self) -> bool {
        self.endpoints.is_some()
    }

    /// The streams that may be read now.
    pub(crate) fn readable(&self) -> impl Iterator<Item = Stream> + '_ {
        let endpoints = self.endpoints.as_ref().filter(|_| self.pump.reads());
        STREAMS.into_iter().filter(move |stream| {
            endpoints.is_some_and(|e| e.has_input(*stream == Stream::Stderr))
                && !self.inputs.get(index(*stream)).is_none_or(|input| input.stopped)
        })
    }

    /// Whether every input has come to its end.
    pub(crate) fn inputs_ended(&self) -> bool {
        self.attached() && self.pump.reads() && self.readable().next().is_none()
    }

    /// Reads one stream straight into `areas`, which are parts of the packets to be sent.
    pub(crate) fn fill(
        &mut self,
        stream: Stream,
        ready: &ReadyList,
        areas: &mut Areas<'_>,
    ) -> Filled {
        let extended = stream == Stream::Stderr;
        let slot = self.key.index();
        let token = if extended { Token::ErrorInput(slot) } else { Token::Input(slot) };
        if !extended && !self.greeting.is_empty() {
            let n = areas.put(&self.greeting);
            self.greeting.drain(..n);
            return Filled::Bytes(n);
        }
        let input = side(&mut self.inputs, stream);
        let Some(endpoints) = self.endpoints.as_mut().filter(|_| !input.stopped) else {
            return Filled::Pending;
        };
        let waker = input.waker.get_or_insert_with(|| ready.waker(token));
        match endpoints.poll_read(extended, &mut Context::from_waker(waker), areas) {
            Poll::Pending => Filled::Pending,
            Poll::Ready(Ok(0)) => {
                input.stopped = true;
                Filled::End
            }
            Poll::Ready(Ok(n)) => Filled::Bytes(n),
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                waker.wake_by_ref();
                Filled::Pending
            }
            Poll::Ready(Err(_)) => {
                input.stopped = true;
                Filled::Failed
            }
        }
    }

    /// What becomes of data that comes now.
    pub(crate) fn delivery(&self) -> Delivery {
        if self.pump.discards() {
            Delivery::Discard
        } else if self.attached() && !self.negotiating {
            Delivery::Write
        } else {
            Delivery::Gather
        }
    }

    /// Writes some of the bytes of `pieces`.
    pub(crate) fn write(
        &mut self,
        stream: Stream,
        ready: &ReadyList,
        pieces: &[IoSlice<'_>],
    ) -> Wrote {
        let extended = stream == Stream::Stderr;
        let slot = self.key.index();
        let token = if extended { Token::ErrorOutput(slot) } else { Token::Output(slot) };
        let output = side(&mut self.outputs, stream);
        let Some(endpoints) = self.endpoints.as_mut().filter(|_| !output.stopped) else {
            return Wrote::Pending;
        };
        let waker = output.waker.get_or_insert_with(|| ready.waker(token));
        match endpoints.poll_write(extended, &mut Context::from_waker(waker), pieces) {
            Poll::Pending => {
                output.stopped = true;
                Wrote::Pending
            }
            Poll::Ready(Ok(0)) => Wrote::Failed,
            Poll::Ready(Ok(n)) => Wrote::Bytes(n),
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                output.stopped = true;
                waker.wake_by_ref();
                Wrote::Pending
            }
            Poll::Ready(Err(_)) => Wrote::Failed,
        }
    }

    /// The stream takes bytes again, its waker said.
    pub(crate) fn writable(&mut self, stream: Stream) {
        side(&mut self.outputs, stream).stopped = false;
    }

    /// Tells the endpoint that no more follows; `true` once it knows.
    pub(crate) fn shut_down(&mut self, ready: &ReadyList) -> bool {
        let Some(endpoints) = &mut self.endpoints else { return true };
        let token = Token::Output(self.key.index());
        let waker =
            side(&mut self.outputs, Stream::Data).waker.get_or_insert_with(|| ready.waker(token));
        endpoints.shut_down(&mut Context::from_waker(waker)).is_ready()
    }

    /// Reads no more.
    pub(crate) fn stop_reading(&mut self) {
        if let Some(endpoints) = &mut self.endpoints {
            endpoints.stop_reading();
        }
    }

    /// Lets go of the endpoint.
    pub(crate) fn release(&mut self, with_reset: bool) {
        if let Some(endpoints) = self.endpoints.take()
            && with_reset
            && !self.answered
        {
            endpoints.reset();
        }
    }
}

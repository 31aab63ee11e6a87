//! A stream beneath the driver, and one beneath a channel, of which each operation fails once, in
//! each way that sockets have: what can be gone on from is gone on from, everything else ends the
//! connection with the system's words, and in no case is a byte wrong.

#![forbid(unsafe_code)]

mod common;

use common::*;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tssh_connection::OpenKind;
use tssh_forward::Ended;
use tssh_forward::driver::{AppEvent, DriverOptions, Endpoints, Handle, ListenOptions};

/// Longer than any machine takes for what a test moves.
const PATIENCE: Duration = Duration::from_secs(60);
const BYTES: usize = 100_000;

/// What happens to one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It fails, and nothing was done.
    Error(ErrorKind),
    /// It is not ready after all, and then it is.
    NotReady,
    /// It moves one byte.
    OneByte,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read,
    Write,
    Flush,
}

/// One fault, or the same one at each operation.
#[derive(Debug, Clone, Copy)]
struct Plan {
    operation: Operation,
    fault: Fault,
    /// Which of the operations; none for all of them.
    at: Option<usize>,
}

/// A stream that follows a plan.
struct Faulty<S> {
    inner: S,
    plan: Plan,
    count: Arc<AtomicUsize>,
    /// Not ready was said, so the next one is.
    rested: bool,
}

impl<S> Faulty<S> {
    fn new(inner: S, plan: Plan) -> (Self, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        (Self { inner, plan, count: Arc::clone(&count), rested: false }, count)
    }

    /// The fault of this operation.
    fn fault(&mut self, operation: Operation) -> Option<Fault> {
        if self.plan.operation != operation {
            return None;
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let always = self.plan.at.is_none();
        if always && self.plan.fault == Fault::NotReady {
            self.rested = !self.rested;
            return self.rested.then_some(Fault::NotReady);
        }
        (always || self.plan.at == Some(number)).then_some(self.plan.fault)
    }

    /// The fault's outcome, where nothing is to be moved.
    fn outcome<T>(fault: Option<Fault>, cx: &Context<'_>) -> Option<Poll<io::Result<T>>> {
        match fault? {
            Fault::Error(kind) => Some(Poll::Ready(Err(kind.into()))),
            Fault::NotReady => {
                cx.waker().wake_by_ref();
                Some(Poll::Pending)
            }
            Fault::OneByte => None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Faulty<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let fault = self.fault(Operation::Read);
        if let Some(outcome) = Self::outcome(fault, cx) {
            return outcome;
        }
        if fault.is_none() {
            return Pin::new(&mut self.inner).poll_read(cx, buffer);
        }
        let mut one = [0];
        let mut small = ReadBuf::new(&mut one);
        let polled = Pin::new(&mut self.inner).poll_read(cx, &mut small);
        buffer.put_slice(small.filled());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Faulty<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let fault = self.fault(Operation::Write);
        if let Some(outcome) = Self::outcome(fault, cx) {
            return outcome;
        }
        let bytes = if fault.is_some() { &bytes[..bytes.len().min(1)] } else { bytes };
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let fault = self.fault(Operation::Flush);
        if let Some(outcome) = Self::outcome(fault, cx) {
            return outcome;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

type Socket = Faulty<DuplexStream>;

/// The two ends of a connection, of which the client's follows the plan.
fn sockets(plan: Plan) -> ((Socket, Socket), Arc<AtomicUsize>) {
    let (a, b) = tokio::io::duplex(20_001);
    let (client, count) = Faulty::new(a, plan);
    let never = Plan { operation: Operation::Flush, fault: Fault::OneByte, at: None };
    ((client, Faulty::new(b, never).0), count)
}

/// What came of a transfer: the bytes that came back, and how the client's connection ended.
struct Came {
    back: Vec<u8>,
    ended: Option<Ended>,
    /// Operations of the kind that the plan is about.
    operations: usize,
}

/// Sends `data` through a forward whose client's socket follows the plan, to an echo and back.
async fn transfer(plan: Plan, data: &[u8]) -> Came {
    let echo = echo_server().await;
    let ((a, b), count) = sockets(plan);
    let started = start(a, client_stack(), DriverOptions::default(), nothing());
    let (mut seen, handle, mut task) = started;
    let server = start(b, server_stack(), server_options(), nothing());
    let came = |back, ended| Came { back, ended, operations: count.load(Ordering::Relaxed) };
    // Before the login is over there is nothing to transfer.
    let handle = tokio::select! {
        Ok(handle) = handle => handle,
        ended = &mut task => return came(Vec::new(), Some(ended.unwrap())),
    };
    let Some(address) = listening(&handle, &mut seen, echo).await else {
        return came(Vec::new(), Some(task.await.unwrap()));
    };
    let back = echoed(address, data).await;
    let ended = if back == data { None } else { Some(task.await.unwrap()) };
    drop(server);
    came(back, ended)
}

/// Listens for a forward to `target`; nothing where the connection is gone before.
async fn listening(handle: &Handle, seen: &mut Seen, target: SocketAddr) -> Option<SocketAddr> {
    let forward = local_forward("127.0.0.1", 0, target);
    let how = ListenOptions::default();
    handle.call(move |control| control.listen_local(forward, how)).await.ok()?;
    loop {
        if let AppEvent::Listening { addresses, .. } = seen.recv().await? {
            return addresses.first().copied();
        }
    }
}

/// What an echo gives back before the connection ends, however it does.
async fn echoed(address: SocketAddr, data: &[u8]) -> Vec<u8> {
    let Ok(stream) = TcpStream::connect(address).await else { return Vec::new() };
    let (mut from, mut to) = stream.into_split();
    let data = data.to_vec();
    let sending = tokio::spawn(async move {
        // The connection may be gone: that is what is tested.
        let _ = to.write_all(&data).await;
        let _ = to.shutdown().await;
    });
    let mut back = Vec::new();
    let mut piece = [0; 8192];
    while let Ok(n @ 1..) = from.read(&mut piece).await {
        back.extend_from_slice(&piece[..n]);
    }
    sending.await.unwrap();
    back
}

/// How many operations of a kind an undisturbed transfer takes.
async fn operations(operation: Operation, data: &[u8]) -> usize {
    let never = Plan { operation, fault: Fault::OneByte, at: Some(usize::MAX) };
    let came = transfer(never, data).await;
    assert!(came.back == data);
    came.operations
}

/// Numbers below `count`: all of the first ones, and some of those behind.
fn places(count: usize) -> impl Iterator<Item = usize> {
    (0..count).filter(|n| *n < 12 || n.is_multiple_of(7)).take(40)
}

#[tokio::test]
async fn what_passes_by_itself_is_waited_for_and_no_byte_is_lost() {
    let data = noise(11, BYTES);
    let harmless = [Fault::NotReady, Fault::OneByte, Fault::Error(ErrorKind::Interrupted)];
    let mut faults = 0;
    for operation in [Operation::Read, Operation::Write] {
        let count = operations(operation, &data).await;
        for fault in harmless {
            for at in places(count) {
                let plan = Plan { operation, fault, at: Some(at) };
                let came = tokio::time::timeout(PATIENCE, transfer(plan, &data)).await;
                let came = came.unwrap_or_else(|_| panic!("it hangs: {plan:?}"));
                assert!(came.back == data, "{plan:?}: {} bytes, {:?}", came.back.len(), came.ended);
                faults += 1;
            }
        }
    }
    println!("{faults} faults");
    assert!(faults > 60, "{faults}");
}

#[tokio::test]
async fn every_operation_may_move_one_byte_or_be_late() {
    let data = noise(12, 5000);
    for operation in [Operation::Read, Operation::Write] {
        for fault in [Fault::OneByte, Fault::NotReady] {
            let plan = Plan { operation, fault, at: None };
            let came = tokio::time::timeout(PATIENCE, transfer(plan, &data)).await;
            let came = came.unwrap_or_else(|_| panic!("it hangs: {plan:?}"));
            assert!(came.back == data, "{plan:?}: {} bytes, {:?}", came.back.len(), came.ended);
        }
    }
}

#[tokio::test]
async fn a_socket_that_fails_ends_the_connection_with_its_words_and_no_byte_is_wrong() {
    let data = noise(13, BYTES);
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted, ErrorKind::BrokenPipe];
    let mut faults = 0;
    for operation in [Operation::Read, Operation::Write] {
        let count = operations(operation, &data).await;
        for (at, kind) in places(count).zip(kinds.into_iter().cycle()) {
            let plan = Plan { operation, fault: Fault::Error(kind), at: Some(at) };
            let came = tokio::time::timeout(PATIENCE, transfer(plan, &data)).await;
            let came = came.unwrap_or_else(|_| panic!("it hangs: {plan:?}"));
            assert!(data.starts_with(&came.back), "{plan:?}: a byte is wrong");
            faults += 1;
            // Where all had come back before the fault, nothing need have been noticed.
            let Some(ended) = came.ended else { continue };
            let words = io::Error::from(kind).to_string();
            assert_eq!(ended, Ended::Socket(words), "{plan:?}");
        }
    }
    println!("{faults} faults");
    assert!(faults > 20, "{faults}");
}

#[tokio::test]
async fn a_channels_stream_that_is_disturbed_loses_and_doubles_nothing() {
    let data = noise(14, 60_000);
    let harmless = [Fault::NotReady, Fault::OneByte, Fault::Error(ErrorKind::Interrupted)];
    for operation in [Operation::Read, Operation::Write, Operation::Flush] {
        for fault in harmless {
            for at in (0..12).map(Some).chain([None]) {
                // One that never works is none that is disturbed.
                if at.is_none() && matches!(fault, Fault::Error(_)) {
                    continue;
                }
                let plan = Plan { operation, fault, at };
                let back = tokio::time::timeout(PATIENCE, joined(plan, &data)).await;
                let back = back.unwrap_or_else(|_| panic!("it hangs: {plan:?}"));
                assert!(back == data, "{plan:?}: {} bytes of {}", back.len(), data.len());
            }
        }
    }
}

/// Sends `data` through a channel whose stream at the client follows the plan, and back.
async fn joined(plan: Plan, data: &[u8]) -> Vec<u8> {
    let echo = echo_server().await;
    let (ours, stream) = tokio::io::duplex(7001);
    let endpoints = Endpoints::whole(Faulty::new(ours, plan).0);
    let client = (DriverOptions::default(), nothing());
    let (client, _server) =
        pair_over(tokio::io::duplex(30_000), client, (server_options(), nothing())).await;
    let kind = OpenKind::DirectTcpip {
        host: echo.ip().to_string(),
        port: u32::from(echo.port()),
        originator_address: "127.0.0.1".to_owned(),
        originator_port: 1,
    };
    client.handle.call(move |control| control.open(kind, endpoints)).await.unwrap().unwrap();
    let (mut from, mut to) = tokio::io::split(stream);
    let len = data.len();
    let data = data.to_vec();
    let sending = tokio::spawn(async move {
        to.write_all(&data).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let mut back = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match from.read(&mut back[filled..]).await {
            Ok(n @ 1..) => filled += n,
            _ => break,
        }
    }
    back.truncate(filled);
    sending.await.unwrap();
    back
}

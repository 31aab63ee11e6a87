//! A socket whose inbound bytes can be held back, so that our KEXINIT can be made to cross the
//! peer's.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// The peer has nothing more to say when it was silent for so long.
const QUIET: Duration = Duration::from_millis(400);
/// How many bytes are read at a time while they are held back.
const PIECE: usize = 4096;

#[derive(Default)]
struct Gate {
    closed: bool,
    /// What came while it was closed; the peer's window bounds it.
    bytes: Vec<u8>,
    waiting: Option<Waker>,
    /// Told whenever something was kept.
    more: Arc<Notify>,
}

/// The socket.
pub struct Held {
    stream: TcpStream,
    gate: Hold,
}

/// Holds back and lets go.
#[derive(Clone, Default)]
pub struct Hold(Arc<Mutex<Gate>>);

/// A socket, and its hold.
#[must_use]
pub fn held(stream: TcpStream) -> (Held, Hold) {
    let gate = Hold::default();
    (Held { stream, gate: gate.clone() }, gate)
}

impl Hold {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.lock().expect("no holder of the lock panics")
    }

    /// From now on what comes is kept.
    pub fn close(&self) {
        self.gate().closed = true;
    }

    /// Everything goes on, what was kept first.
    pub fn open(&self) {
        let mut gate = self.gate();
        gate.closed = false;
        if let Some(waker) = gate.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until so many bytes are kept and nothing more has come for a while; gives their
    /// number.
    pub async fn until_quiet(&self, least: usize) -> usize {
        let more = Arc::clone(&self.gate().more);
        loop {
            let before = self.gate().bytes.len();
            let quiet = tokio::time::timeout(QUIET, more.notified()).await.is_err();
            if quiet && before >= least {
                return before;
            }
        }
    }
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let hold = self.gate.clone();
        let mut gate = hold.gate();
        gate.waiting = Some(cx.waker().clone());
        while gate.closed {
            let mut piece = [0; PIECE];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
            if piece.filled().is_empty() {
                // The end is told once the gate opens.
                return Poll::Pending;
            }
            gate.bytes.extend_from_slice(piece.filled());
            gate.more.notify_one();
        }
        if gate.bytes.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let n = gate.bytes.len().min(buf.remaining());
        buf.put_slice(&gate.bytes[..n]);
        gate.bytes.drain(..n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

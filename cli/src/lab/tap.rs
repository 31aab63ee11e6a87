//! A tap on the SSH connection: what somebody on the way could have written down.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that are kept, in both directions together; what comes later is counted only.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// What passed.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    /// The first bytes, as they came.
    pub bytes: Vec<u8>,
    /// Bytes from the client to the server.
    pub to_server: u64,
    /// Bytes from the server to the client.
    pub to_client: u64,
}

impl Passed {
    /// Whether a text is among the bytes that were kept.
    pub fn shows(&self, text: &str) -> bool {
        self.bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT_BYTES_MAX.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// What passed so far, for whoever looks.
pub type Seen = Arc<Mutex<Passed>>;

/// The server's end of the connection, with the tap on it.
pub struct Tap {
    stream: TcpStream,
    seen: Seen,
}

impl Tap {
    pub const fn new(stream: TcpStream, seen: Seen) -> Self {
        Self { stream, seen }
    }

    fn note(&self, act: impl FnOnce(&mut Passed)) {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = &buffer.filled()[before..];
        self.note(|passed| {
            passed.to_server += read.len() as u64;
            passed.keep(read);
        });
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.note(|passed| {
            passed.to_client += written as u64;
            passed.keep(&bytes[..written]);
        });
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

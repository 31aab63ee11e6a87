//! The end of a program's output, held back until its exit status has been told.
//!
//! A client may answer our EOF with CLOSE when it has ended its own half, as ssh does for the
//! sessions that share its connection; and nothing can be told on a channel that is closed. A
//! program's output ends a moment before the program does.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::Sleep;

/// How long an end is held back: programs that close their output and go on are few, and whoever
/// reads from one learns of it this much later.
const HELD_MAX: Duration = Duration::from_secs(2);

/// A stream whose end comes after `told`.
pub struct LastWord<S> {
    stream: S,
    told: Option<oneshot::Receiver<()>>,
    end: Option<(io::Result<()>, Pin<Box<Sleep>>)>,
}

impl<S> LastWord<S> {
    /// Holds the end of `stream` back until the other half of `told` is gone.
    pub const fn new(stream: S, told: oneshot::Receiver<()>) -> Self {
        Self { stream, told: Some(told), end: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LastWord<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.end.is_none() {
            let before = buffer.filled().len();
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buffer));
            if read.is_ok() && (buffer.filled().len() > before || buffer.remaining() == 0) {
                return Poll::Ready(read);
            }
            this.end = Some((read, Box::pin(tokio::time::sleep(HELD_MAX))));
        }
        if let (Some(told), Some((_, late))) = (&mut this.told, &mut this.end) {
            if Pin::new(told).poll(cx).is_pending() && late.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.told = None;
        }
        // The next read, if there is one, finds the end again.
        Poll::Ready(this.end.take().map_or(Ok(()), |(end, _)| end))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LastWord<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn the_end_waits_for_the_word_and_not_for_ever() {
        let (tell, told) = oneshot::channel();
        let mut stream = LastWord::new(&b"out"[..], told);
        let mut out = [0; 8];
        assert_eq!(stream.read(&mut out).await.unwrap(), 3);
        tokio::select! {
            biased;
            _ = stream.read(&mut out) => panic!("an end before the word"),
            () = std::future::ready(()) => {}
        }
        drop(tell);
        assert_eq!(stream.read(&mut out).await.unwrap(), 0);

        let (_tell, told) = oneshot::channel();
        let mut stream = LastWord::new(&b""[..], told);
        let begun = tokio::time::Instant::now();
        assert_eq!(stream.read(&mut out).await.unwrap(), 0);
        assert!(begun.elapsed() >= HELD_MAX);
    }
}

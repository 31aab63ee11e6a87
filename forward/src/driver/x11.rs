//! The endpoint of an `x11` channel: a connection to the X server, behind the check of the first
//! words.

use crate::core::x11::{Cookie, Fault, Progress, SetUp};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::Zeroizing;

/// Told once, when an X client is not let through.
type OnFault = Box<dyn FnOnce(&Fault) + Send>;

enum State {
    /// The first words are not complete.
    Words(SetUp),
    /// They go out. Only when all are out the last piece of them counts as written: so it is
    /// offered again, and its writer waits as for any other.
    Introducing { words: Zeroizing<Vec<u8>>, written: usize, owed: usize },
    /// Bytes pass untouched.
    Open,
    /// Not let through.
    Refused,
}

/// A stream to an X server that takes the words of an X client who knows the right cookie only.
/// Until then, and of anybody else, no byte reaches the X server.
pub struct X11Stream<S> {
    server: S,
    state: State,
    on_fault: Option<OnFault>,
    reader: Option<Waker>,
}

impl<S> std::fmt::Debug for X11Stream<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("X11Stream")
    }
}

impl<S> X11Stream<S> {
    /// Will let through who says `fake`, and introduce it to `server` with `real`; `on_fault` is
    /// called, once, for anybody else.
    #[must_use]
    pub fn new(
        server: S,
        fake: Cookie,
        real: Cookie,
        on_fault: impl FnOnce(&Fault) + Send + 'static,
    ) -> Self {
        let state = State::Words(SetUp::new(fake, real));
        Self { server, state, on_fault: Some(Box::new(on_fault)), reader: None }
    }

    fn refuse(&mut self, fault: &Fault) -> io::Error {
        self.state = State::Refused;
        if let Some(tell) = self.on_fault.take() {
            tell(fault);
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        refused()
    }
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "X11 connection rejected")
}

impl<S: AsyncRead + Unpin> AsyncRead for X11Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if matches!(self.state, State::Refused) {
            return Poll::Ready(Err(refused()));
        }
        let read = Pin::new(&mut self.server).poll_read(cx, buffer);
        if read.is_pending() && !matches!(self.state, State::Open) {
            self.reader = Some(cx.waker().clone());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for X11Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Open => return Pin::new(&mut this.server).poll_write(cx, bytes),
                State::Refused => return Poll::Ready(Err(refused())),
                State::Words(set_up) => match set_up.feed(bytes) {
                    Ok(Progress::More) => return Poll::Ready(Ok(bytes.len())),
                    Ok(Progress::Ready { taken, words }) => {
                        this.state = State::Introducing { words, written: 0, owed: taken };
                    }
                    Err(fault) => return Poll::Ready(Err(this.refuse(&fault))),
                },
                State::Introducing { words, written, owed } => {
                    let rest = words.get(*written..).unwrap_or_default();
                    if rest.is_empty() {
                        let owed = (*owed).min(bytes.len());
                        this.state = State::Open;
                        return Poll::Ready(Ok(owed));
                    }
                    let n = ready!(Pin::new(&mut this.server).poll_write(cx, rest))?;
                    if n == 0 {
                        return Poll::Ready(Ok(0));
                    }
                    *written = written.saturating_add(n);
                }
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.server).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.server).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::Mutex;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    const FAKE: [u8; 16] = [0xf0; 16];
    const REAL: [u8; 16] = *b"the real cookie!";

    type Faults = Arc<Mutex<Vec<Fault>>>;

    fn stream(room: usize) -> (X11Stream<DuplexStream>, DuplexStream, Faults) {
        let (near, server) = duplex(room);
        let faults = Faults::default();
        let told = Arc::clone(&faults);
        let tell = move |fault: &Fault| told.lock().unwrap().push(fault.clone());
        (X11Stream::new(near, Cookie::new(FAKE), Cookie::new(REAL), tell), server, faults)
    }

    fn words(data: &[u8; 16]) -> Vec<u8> {
        [&b"l\0\x0b\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-1\0\0"[..], data].concat()
    }

    /// S60: an X server that takes a byte at a time still gets all of it, and nothing twice.
    #[tokio::test]
    async fn the_words_reach_a_slow_server_once() {
        let (mut stream, mut server, faults) = stream(1);
        let said = [&words(&FAKE)[..], b"and more"].concat();
        let writing = async {
            stream.write_all(&said).await.unwrap();
            stream.shutdown().await.unwrap();
            stream
        };
        let mut got = Vec::new();
        let (_stream, read) = tokio::join!(writing, server.read_to_end(&mut got));
        read.unwrap();
        assert_eq!(got, [&words(&REAL)[..], b"and more"].concat());
        assert!(faults.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_the_server_says_passes() {
        let (mut stream, mut server, _) = stream(64);
        stream.write_all(&words(&FAKE)).await.unwrap();
        server.write_all(b"welcome").await.unwrap();
        let mut got = [0; 7];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"welcome");
    }

    /// S60: whoever says the wrong cookie gets nothing through, in either direction.
    #[tokio::test]
    async fn a_wrong_cookie_reaches_nobody() {
        let (stream, mut server, faults) = stream(64);
        let (mut reading, mut writing) = tokio::io::split(stream);
        let waiting = tokio::spawn(async move {
            let mut byte = [0];
            reading.read(&mut byte).await.map_err(|e| e.kind())
        });
        writing.write_all(b"l\0\x0b\0").await.unwrap();
        let rest = &words(&[7; 16])[4..];
        assert!(writing.write_all(rest).await.is_err());
        assert!(writing.write_all(b"x").await.is_err());
        assert_eq!(waiting.await.unwrap(), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(*faults.lock().unwrap(), [Fault::WrongCookie]);
        drop(writing);
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert!(got.is_empty(), "{got:?}");
    }
}

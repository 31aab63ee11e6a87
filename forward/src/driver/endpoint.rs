//! What a channel is joined to: a socket, or the streams of a session.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A stream that is read and written: a socket, a terminal, an in-memory pipe.
pub trait Endpoint: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Endpoint for T {}

/// A stream that is read.
pub type Input = Box<dyn AsyncRead + Unpin + Send>;
/// A stream that is written.
pub type Output = Box<dyn AsyncWrite + Unpin + Send>;

enum Main {
    Tcp(TcpStream),
    Whole(Box<dyn Endpoint>),
    Split { input: Option<Input>, output: Option<Output> },
}

/// The streams of one channel: one to be read, one to be written, and one more for the extended
/// data of RFC 4254 section 5.2, which a client writes and a server reads.
pub struct Endpoints {
    main: Main,
    reading: bool,
    error_input: Option<Input>,
    error_output: Option<Output>,
}

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Endpoints")
    }
}

impl Endpoints {
    fn new(main: Main) -> Self {
        Self { main, reading: true, error_input: None, error_output: None }
    }

    /// A TCP connection. Nagle's delay is switched off: the driver batches by itself.
    #[must_use]
    pub fn tcp(stream: TcpStream) -> Self {
        // Where the option is refused the connection still works.
        let _ = stream.set_nodelay(true);
        Self::new(Main::Tcp(stream))
    }

    /// One stream for both directions, such as a terminal.
    #[must_use]
    pub fn whole(stream: impl Endpoint + 'static) -> Self {
        Self::new(Main::Whole(Box::new(stream)))
    }

    /// Two streams. No input means an end at once; no output means that what the peer sends is
    /// thrown away.
    #[must_use]
    pub fn split(input: Option<Input>, output: Option<Output>) -> Self {
        Self::new(Main::Split { input, output })
    }

    /// With a stream whose bytes are sent as extended data (a server's stderr of a process).
    #[must_use]
    pub fn with_error_input(mut self, input: Input) -> Self {
        self.error_input = Some(input);
        self
    }

    /// With a stream for the extended data that comes (a client's stderr).
    #[must_use]
    pub fn with_error_output(mut self, output: Output) -> Self {
        self.error_output = Some(output);
        self
    }

    /// Whether there is a stream to read, per kind of data.
    pub(crate) fn has_input(&self, extended: bool) -> bool {
        if extended {
            return self.error_input.is_some();
        }
        self.reading && !matches!(&self.main, Main::Split { input: None, .. })
    }

    /// Reads into `buffer`; 0 bytes are the end.
    pub(crate) fn poll_read(
        &mut self,
        extended: bool,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = match (extended, &mut self.main) {
            (true, _) => match &mut self.error_input {
                Some(input) => Pin::new(input).poll_read(cx, &mut buffer),
                None => Poll::Ready(Ok(())),
            },
            (false, Main::Tcp(stream)) => Pin::new(stream).poll_read(cx, &mut buffer),
            (false, Main::Whole(stream)) => Pin::new(stream).poll_read(cx, &mut buffer),
            (false, Main::Split { input: Some(input), .. }) => {
                Pin::new(input).poll_read(cx, &mut buffer)
            }
            (false, Main::Split { input: None, .. }) => Poll::Ready(Ok(())),
        };
        ready!(read)?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Writes some of the bytes of `pieces`, in their order. Where there is no stream for them they
    /// count as written.
    pub(crate) fn poll_write(
        &mut self,
        extended: bool,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = pieces.iter().map(|piece| piece.len()).fold(0, usize::saturating_add);
        match (extended, &mut self.main) {
            (true, _) => match &mut self.error_output {
                Some(output) => write_through(output, cx, pieces),
                None => Poll::Ready(Ok(all)),
            },
            (false, Main::Tcp(stream)) => Pin::new(stream).poll_write_vectored(cx, pieces),
            (false, Main::Whole(stream)) => write_through(stream, cx, pieces),
            (false, Main::Split { output: Some(output), .. }) => write_through(output, cx, pieces),
            (false, Main::Split { output: None, .. }) => Poll::Ready(Ok(all)),
        }
    }

    /// Lets go of what is read, so that a process that still writes learns of it.
    pub(crate) fn stop_reading(&mut self) {
        self.reading = false;
        self.error_input = None;
        if let Main::Split { input, .. } = &mut self.main {
            *input = None;
        }
    }

    /// Says that no more will be written. A pipe is closed for that.
    pub(crate) fn shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = match &mut self.main {
            Main::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Main::Whole(stream) => Pin::new(stream).poll_shutdown(cx),
            Main::Split { output: Some(output), .. } => Pin::new(output).poll_shutdown(cx),
            Main::Split { output: None, .. } => Poll::Ready(Ok(())),
        };
        if let (Poll::Ready(_), Main::Split { output, .. }) = (&done, &mut self.main) {
            *output = None;
        }
        done
    }

    /// Lets go of everything; a TCP peer is told with a reset that its bytes went nowhere.
    pub(crate) fn reset(self) {
        if let Main::Tcp(stream) = &self.main {
            // Where the option is refused the close is an ordinary one.
            let _ = stream.set_zero_linger();
        }
    }
}

/// Writes and, where the stream buffers by itself, passes on what it holds: nobody else would.
fn write_through<W: AsyncWrite + Unpin + ?Sized>(
    stream: &mut W,
    cx: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let written = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, pieces))?;
    // Not ready means that the stream keeps the bytes and this waker; the next write or the
    // shutdown passes them on at the latest. A fault is theirs to tell, too: told here it would say
    // that the bytes were not written, and they would be written twice.
    let _ = Pin::new(stream).poll_flush(cx);
    Poll::Ready(Ok(written))
}

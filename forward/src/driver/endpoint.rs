//! What a channel is joined to: a socket, or the streams of a session.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tssh_connection::Areas;
use tssh_connection::limits::RUN_PACKETS;

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
    /// The last read filled its room, so that there may be more than fits one packet.
    fast: bool,
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
        Self { main, reading: true, fast: false, error_input: None, error_output: None }
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

    /// Reads into `areas`, of most streams only into the first of them; 0 bytes are the end.
    pub(crate) fn poll_read(
        &mut self,
        extended: bool,
        cx: &mut Context<'_>,
        areas: &mut Areas<'_>,
    ) -> Poll<io::Result<usize>> {
        let several = self.fast && areas.pieces().nth(1).is_some();
        if let (false, true, Main::Tcp(stream)) = (extended, several, &self.main) {
            let read = ready!(read_vectored(stream, cx, areas))?;
            self.fast = read == areas.len();
            return Poll::Ready(Ok(read));
        }
        let first = areas.pieces().next().unwrap_or_default();
        let room = first.len();
        let mut buffer = ReadBuf::new(first);
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
        let read = buffer.filled().len();
        if !extended {
            self.fast = read == room;
        }
        Poll::Ready(Ok(read))
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

/// One read into all of the areas.
fn read_vectored(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    areas: &mut Areas<'_>,
) -> Poll<io::Result<usize>> {
    let room = areas.len();
    let mut pieces: [IoSliceMut<'_>; RUN_PACKETS] =
        std::array::from_fn(|_| IoSliceMut::new(&mut []));
    let mut count: usize = 0;
    for (place, piece) in pieces.iter_mut().zip(areas.pieces()) {
        *place = IoSliceMut::new(piece);
        count = count.saturating_add(1);
    }
    let pieces = pieces.get_mut(..count).unwrap_or_default();
    loop {
        ready!(stream.poll_read_ready(cx))?;
        let mut short = None;
        let read = stream.try_io(Interest::READABLE, || match stream.try_read_vectored(pieces) {
            // All that was there: said to be as good as a read that would block, it saves that one.
            Ok(n) if n > 0 && n < room => {
                short = Some(n);
                Err(io::ErrorKind::WouldBlock.into())
            }
            read => read,
        });
        match (short, read) {
            (Some(n), _) => return Poll::Ready(Ok(n)),
            // It was not ready after all; the next look says so, and sets the waker.
            (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            (None, read) => return Poll::Ready(read),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    /// One read into as many areas of ten bytes; what it gave.
    async fn read(endpoint: &mut Endpoints, areas: usize) -> io::Result<Vec<u8>> {
        let mut room = vec![[0; 10]; areas];
        let read = poll_fn(|cx| {
            let mut areas = Areas::new(room.iter_mut().map(|area| &mut area[..]));
            endpoint.poll_read(false, cx, &mut areas)
        });
        let n = read.await?;
        Ok(room.concat()[..n].to_vec())
    }

    #[tokio::test]
    async fn a_fast_stream_is_read_into_several_packets_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut endpoint = Endpoints::tcp(listener.accept().await.unwrap().0);
        let bytes: Vec<u8> = (0..97).collect();
        far.write_all(&bytes).await.unwrap();
        let mut came = Vec::new();
        // The first shows that there is more; one packet's room is one read of one packet.
        for (areas, expected) in [(4, 10), (1, 10), (4, 40), (4, 37)] {
            let piece = read(&mut endpoint, areas).await.unwrap();
            assert_eq!(piece.len(), expected);
            came.extend(piece);
        }
        assert_eq!(came, bytes);
        // It was not filled: back to one at a time, and nothing is missed while nothing is there.
        let (piece, sent) = tokio::join!(read(&mut endpoint, 4), far.write_all(&[7; 25]));
        sent.unwrap();
        assert_eq!(piece.unwrap(), [7; 10]);
        assert_eq!(read(&mut endpoint, 4).await.unwrap(), [7; 15]);
        far.write_all(&[8; 10]).await.unwrap();
        assert_eq!(read(&mut endpoint, 4).await.unwrap(), [8; 10]);
        // A short read into one area ends it too.
        let (piece, sent) = tokio::join!(read(&mut endpoint, 1), far.write_all(&[9; 3]));
        sent.unwrap();
        assert_eq!(piece.unwrap(), [9; 3]);
        far.write_all(&[2; 20]).await.unwrap();
        assert_eq!(read(&mut endpoint, 4).await.unwrap(), [2; 10]);
        assert_eq!(read(&mut endpoint, 4).await.unwrap(), [2; 10]);
        far.write_all(&[1; 10]).await.unwrap();
        assert_eq!(read(&mut endpoint, 4).await.unwrap(), [1; 10]);
        drop(far);
        assert!(read(&mut endpoint, 4).await.unwrap().is_empty(), "the end, by a read of several");
    }
}

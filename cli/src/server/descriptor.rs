//! A descriptor that is neither a socket nor one of our own pipes, as a stream: the master of a
//! terminal, or what the server was started with.
//!
//! tokio's own type for that has become unsafe to make. Its pipe ends do the same for any
//! descriptor that can be waited for, so they are used here, without the check that it is a pipe.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};

/// Two descriptors, one to read and one to write.
#[derive(Debug)]
pub struct Descriptors {
    input: Receiver,
    output: Sender,
}

impl Descriptors {
    /// Joins them; both are switched to not wait. Within a runtime.
    ///
    /// # Errors
    /// One of them is a file, which cannot be waited for.
    pub fn new(input: OwnedFd, output: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&input, true)?;
        rustix::io::ioctl_fionbio(&output, true)?;
        Ok(Self {
            input: Receiver::from_owned_fd_unchecked(input)?,
            output: Sender::from_owned_fd_unchecked(output)?,
        })
    }
}

impl AsyncRead for Descriptors {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.input.poll_read_ready(cx))?;
            // A terminal hands out less than it holds, so a short read is no sign that it is
            // empty: only a read that would wait is.
            match self.input.try_read(buffer.initialize_unfilled()) {
                Ok(n) => {
                    buffer.advance(n);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Every process has let go of the terminal: that is how one ends.
                Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Descriptors {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.output.poll_write_ready(cx))?;
            match self.output.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: the end of the client's input is no key press on a terminal, as in sshd, and
    /// what the server was started with is closed by its own end.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

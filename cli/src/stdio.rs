//! Standard input, output and error as streams of the driver.
//!
//! A read or write must never make the whole connection wait. A descriptor is shared with other
//! programs, so its own non-blocking mode is left alone where possible: pipes and terminals are
//! opened a second time, which makes a mode of our own. What cannot be opened again (a socket, a
//! terminal of another user) is switched, as ssh does, and switched back at the end. Files and
//! devices that are always ready are read and written at once.

use rustix::fs::{FileType, OFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe;

/// Descriptors whose mode was switched: at most the three standard ones.
static SWITCHED: Mutex<Vec<(OwnedFd, OFlags)>> = Mutex::new(Vec::new());

/// Gives descriptors that were switched their mode back; every way out of the program calls it.
pub fn restore_all() {
    let mut switched = SWITCHED.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some((fd, flags)) = switched.pop() {
        // Somebody else may have closed it in the meantime.
        let _ = rustix::fs::fcntl_setfl(&fd, flags);
    }
}

/// Standard input as a stream.
#[derive(Debug)]
pub struct StandardInput(Kind<pipe::Receiver>);

/// Standard output or standard error as a stream.
#[derive(Debug)]
pub struct StandardOutput(Kind<pipe::Sender>);

#[derive(Debug)]
enum Kind<T> {
    /// Says when it is ready.
    Polled(T),
    /// Is always ready.
    Always(OwnedFd),
}

impl<T> Kind<T> {
    /// tokio's pipes take any descriptor that can be waited for, terminals and sockets too.
    fn of(
        fd: BorrowedFd<'_>,
        access: OFlags,
        polled: impl FnOnce(OwnedFd) -> io::Result<T>,
    ) -> io::Result<Self> {
        let stat = rustix::fs::fstat(fd)?;
        let own = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Directory => {
                return Ok(Self::Always(fd.try_clone_to_owned()?));
            }
            // The controlling end of a terminal would become one of a new terminal.
            FileType::CharacterDevice if !is_terminal_master(stat.st_rdev) => reopen(fd, access),
            FileType::Fifo => reopen(fd, access),
            _ => None,
        };
        let own = own.map_or_else(|| switch(fd), Ok)?;
        let clone = own.try_clone()?;
        match polled(own) {
            Ok(polled) => Ok(Self::Polled(polled)),
            // Devices such as /dev/null cannot be waited for, and need not be.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Ok(Self::Always(clone))
            }
            Err(error) => Err(error),
        }
    }
}

impl StandardInput {
    /// Standard input. Within a runtime.
    ///
    /// # Errors
    /// It is closed.
    pub fn open() -> io::Result<Self> {
        Self::of(io::stdin().as_fd())
    }

    fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let polled = pipe::Receiver::from_owned_fd_unchecked;
        Kind::of(fd, OFlags::RDONLY, polled).map(Self)
    }
}

impl StandardOutput {
    /// Standard output. Within a runtime.
    ///
    /// # Errors
    /// It is closed.
    pub fn open() -> io::Result<Self> {
        Self::of(io::stdout().as_fd())
    }

    /// Standard error. Within a runtime.
    ///
    /// # Errors
    /// It is closed.
    pub fn open_error() -> io::Result<Self> {
        Self::of(io::stderr().as_fd())
    }

    fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let polled = pipe::Sender::from_owned_fd_unchecked;
        Kind::of(fd, OFlags::WRONLY, polled).map(Self)
    }
}

fn is_terminal_master(device: u64) -> bool {
    // /dev/ptmx is 5:2 on every Linux.
    (rustix::fs::major(device), rustix::fs::minor(device)) == (5, 2)
}

/// The same pipe or device with a mode of its own; nothing where that is not allowed.
fn reopen(fd: BorrowedFd<'_>, access: OFlags) -> Option<OwnedFd> {
    use std::os::fd::AsRawFd as _;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, rustix::fs::Mode::empty()).ok()
}

fn switch(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let own = fd.try_clone_to_owned()?;
    let flags = rustix::fs::fcntl_getfl(&own)?;
    if !flags.contains(OFlags::NONBLOCK) {
        let keep = own.try_clone()?;
        SWITCHED.lock().unwrap_or_else(PoisonError::into_inner).push((keep, flags));
        rustix::fs::fcntl_setfl(&own, flags | OFlags::NONBLOCK)?;
    }
    Ok(own)
}

impl AsyncRead for StandardInput {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Always(fd) => {
                let n = rustix::io::read(fd, buf.initialize_unfilled())?;
                buf.advance(n);
                Poll::Ready(Ok(()))
            }
            Kind::Polled(stream) => match Pin::new(stream).poll_read(cx, buf) {
                // A terminal whose other end is gone says so with an error; it is the end.
                Poll::Ready(Err(error)) if is_hang_up(&error) => Poll::Ready(Ok(())),
                other => other,
            },
        }
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

impl AsyncWrite for StandardOutput {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Always(fd) => Poll::Ready(Ok(rustix::io::write(fd, bytes)?)),
            Kind::Polled(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::block_on;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[test]
    fn a_pipe_is_waited_for_and_its_own_mode_stays() {
        let (reader, writer) = std::io::pipe().unwrap();
        block_on(async {
            let mut input = StandardInput::of(reader.as_fd()).unwrap();
            let mut output = StandardOutput::of(writer.as_fd()).unwrap();
            assert!(!rustix::fs::fcntl_getfl(&reader).unwrap().contains(OFlags::NONBLOCK));
            let data = vec![7; 300_000];
            let mut back = vec![0; data.len()];
            let (written, read) =
                tokio::join!(output.write_all(&data), input.read_exact(&mut back));
            written.unwrap();
            read.unwrap();
            assert_eq!(data, back);
            drop((output, writer));
            assert_eq!(input.read(&mut back).await.unwrap(), 0, "the end arrives");
        });
    }

    #[test]
    fn a_socket_is_switched_and_switched_back() {
        let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
        block_on(async {
            let mut input = StandardInput::of(a.as_fd()).unwrap();
            assert!(rustix::fs::fcntl_getfl(&a).unwrap().contains(OFlags::NONBLOCK));
            let mut output = StandardOutput::of(b.as_fd()).unwrap();
            output.write_all(b"x").await.unwrap();
            let mut byte = [0];
            assert_eq!(input.read(&mut byte).await.unwrap(), 1);
        });
        restore_all();
        assert!(!rustix::fs::fcntl_getfl(&a).unwrap().contains(OFlags::NONBLOCK));
        assert!(!rustix::fs::fcntl_getfl(&b).unwrap().contains(OFlags::NONBLOCK));
    }

    #[test]
    fn files_and_devices_are_always_ready() {
        block_on(async {
            let null = std::fs::File::open("/dev/null").unwrap();
            let mut input = StandardInput::of(null.as_fd()).unwrap();
            assert_eq!(input.read(&mut [0; 4]).await.unwrap(), 0);
            let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
            let file = std::fs::File::open(manifest).unwrap();
            let mut input = StandardInput::of(file.as_fd()).unwrap();
            let mut text = String::new();
            input.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, std::fs::read_to_string(manifest).unwrap());
        });
    }
}

//! Standard input, output and error as streams of the driver: our own, or those that a client of a
//! shared connection has passed to us.
//!
//! A read or write must never make the whole connection wait. A descriptor is shared with other
//! programs, so its own non-blocking mode is left alone where possible: pipes and terminals are
//! opened a second time, which makes a mode of our own, and sockets are asked each time not to
//! wait. What is left (a terminal of another user) is switched, as ssh does, and switched back at
//! the end. Files and devices that are always ready are read and written at once.

use rustix::fs::{FileType, OFlags};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::unix::pipe;

/// Our own descriptors whose mode was switched: at most the three standard ones.
static SWITCHED: Mutex<Vec<Switched>> = Mutex::new(Vec::new());

/// Gives descriptors that were switched their mode back; every way out of the program calls it.
pub fn restore_all() {
    SWITCHED.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// A descriptor in another mode than it was found in; dropping it goes back.
#[derive(Debug)]
struct Switched {
    fd: OwnedFd,
    flags: OFlags,
}

impl Drop for Switched {
    fn drop(&mut self) {
        // Somebody else may have closed it in the meantime.
        let _ = rustix::fs::fcntl_setfl(&self.fd, self.flags);
    }
}

/// Standard input as a stream.
#[derive(Debug)]
pub struct StandardInput {
    kind: Kind<pipe::Receiver>,
    /// Streams that were passed together may be one and the same: none goes back to the mode that
    /// it was found in before all of them are through.
    _switched: Option<Arc<Vec<Switched>>>,
}

/// Standard output or standard error as a stream.
#[derive(Debug)]
pub struct StandardOutput {
    kind: Kind<pipe::Sender>,
    _switched: Option<Arc<Vec<Switched>>>,
}

/// The streams that a client of a shared connection has passed to us.
#[derive(Debug)]
pub struct Passed {
    /// Its standard input.
    pub input: StandardInput,
    /// Its standard output.
    pub output: StandardOutput,
    /// Its standard error, where there is a session.
    pub error: Option<StandardOutput>,
}

impl Passed {
    /// Takes over descriptors; their modes are restored when the last stream is dropped. Within a
    /// runtime.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(input: &OwnedFd, output: &OwnedFd, error: Option<&OwnedFd>) -> io::Result<Self> {
        let mut switched = Vec::new();
        let input = StandardInput::kind(input.as_fd(), &mut switched)?;
        let output = StandardOutput::kind(output.as_fd(), &mut switched)?;
        let error = error.map(|fd| StandardOutput::kind(fd.as_fd(), &mut switched));
        let error = error.transpose()?;
        let switched = (!switched.is_empty()).then(|| Arc::new(switched));
        let writing = |kind| StandardOutput { kind, _switched: switched.clone() };
        Ok(Self {
            output: writing(output),
            error: error.map(writing),
            input: StandardInput { kind: input, _switched: switched.clone() },
        })
    }
}

#[derive(Debug)]
enum Kind<T> {
    /// Says when it is ready.
    Polled(T),
    /// Is always ready.
    Always(OwnedFd),
    /// Says when it is ready, and is asked each time not to wait.
    Socket(AsyncFd<OwnedFd>),
}

impl<T> Kind<T> {
    /// tokio's pipes take any descriptor that can be waited for, terminals too.
    fn of(
        fd: BorrowedFd<'_>,
        access: OFlags,
        switched: &mut Vec<Switched>,
        polled: impl FnOnce(OwnedFd) -> io::Result<T>,
    ) -> io::Result<Self> {
        let stat = rustix::fs::fstat(fd)?;
        let own = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Directory => {
                return Ok(Self::Always(fd.try_clone_to_owned()?));
            }
            FileType::Socket => {
                let interest = match access.contains(OFlags::WRONLY) {
                    true => Interest::WRITABLE,
                    false => Interest::READABLE,
                };
                return watched(fd.try_clone_to_owned()?, interest).map(Self::Socket);
            }
            // The controlling end of a terminal would become one of a new terminal.
            FileType::CharacterDevice if !is_terminal_master(stat.st_rdev) => reopen(fd, access),
            FileType::Fifo => reopen(fd, access),
            _ => None,
        };
        let own = own.map_or_else(|| switch(fd, switched), Ok)?;
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
        let mut switched = SWITCHED.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { kind: Self::kind(fd, &mut switched)?, _switched: None })
    }

    fn kind(fd: BorrowedFd<'_>, switched: &mut Vec<Switched>) -> io::Result<Kind<pipe::Receiver>> {
        Kind::of(fd, OFlags::RDONLY, switched, pipe::Receiver::from_owned_fd_unchecked)
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
        let mut switched = SWITCHED.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { kind: Self::kind(fd, &mut switched)?, _switched: None })
    }

    fn kind(fd: BorrowedFd<'_>, switched: &mut Vec<Switched>) -> io::Result<Kind<pipe::Sender>> {
        Kind::of(fd, OFlags::WRONLY, switched, pipe::Sender::from_owned_fd_unchecked)
    }
}

/// Writes what can be written at once, and leaves out the rest: for a word to somebody whose
/// stream nobody may wait for.
pub fn write_now(fd: &OwnedFd, bytes: &[u8]) {
    let Ok(stat) = rustix::fs::fstat(fd) else { return };
    // It is only a word.
    let _ = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => send(fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
        FileType::RegularFile => rustix::io::write(fd, bytes),
        _ => match reopen(fd.as_fd(), OFlags::WRONLY) {
            Some(own) => rustix::io::write(own, bytes),
            None => Ok(0),
        },
    };
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

/// A descriptor that tokio waits for.
#[allow(
    deprecated,
    reason = "unsound for values whose descriptor is not their own; an OwnedFd owns its, and the \
              new function has to be called in unsafe code"
)]
fn watched(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, interest)
}

fn switch(fd: BorrowedFd<'_>, switched: &mut Vec<Switched>) -> io::Result<OwnedFd> {
    let own = fd.try_clone_to_owned()?;
    let flags = rustix::fs::fcntl_getfl(&own)?;
    if !flags.contains(OFlags::NONBLOCK) {
        switched.push(Switched { fd: own.try_clone()?, flags });
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
        match &mut self.kind {
            Kind::Always(fd) => {
                let n = rustix::io::read(fd, buf.initialize_unfilled())?;
                buf.advance(n);
                Poll::Ready(Ok(()))
            }
            Kind::Socket(fd) => loop {
                let mut ready = ready!(fd.poll_read_ready(cx))?;
                let room = buf.initialize_unfilled();
                let read = |fd: &AsyncFd<OwnedFd>| {
                    let (n, _) = recv(fd.get_ref(), &mut *room, RecvFlags::DONTWAIT)?;
                    Ok(n)
                };
                if let Ok(read) = ready.try_io(read) {
                    buf.advance(read?);
                    return Poll::Ready(Ok(()));
                }
            },
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
        match &mut self.kind {
            Kind::Always(fd) => Poll::Ready(Ok(rustix::io::write(fd, bytes)?)),
            Kind::Socket(fd) => loop {
                let mut ready = ready!(fd.poll_write_ready(cx))?;
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                let write = |fd: &AsyncFd<OwnedFd>| Ok(send(fd.get_ref(), bytes, flags)?);
                if let Ok(written) = ready.try_io(write) {
                    return Poll::Ready(written);
                }
            },
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

    fn is_nonblocking(fd: impl AsFd) -> bool {
        rustix::fs::fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
    }

    #[test]
    fn a_socket_is_waited_for_and_its_own_mode_stays() {
        let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
        block_on(async {
            let mut input = StandardInput::of(a.as_fd()).unwrap();
            let mut output = StandardOutput::of(b.as_fd()).unwrap();
            assert!(!is_nonblocking(&a) && !is_nonblocking(&b));
            let data = vec![7; 900_000];
            let mut back = vec![0; data.len()];
            let (written, read) =
                tokio::join!(output.write_all(&data), input.read_exact(&mut back));
            written.unwrap();
            read.unwrap();
            assert_eq!(data, back);
            assert!(!is_nonblocking(&a) && !is_nonblocking(&b));
        });
    }

    /// The controlling end of a terminal can be switched only, and three streams may be one.
    #[test]
    fn passed_streams_go_back_when_the_last_one_is_dropped() {
        use rustix::pty::{OpenptFlags, openpt};
        block_on(async {
            let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
            let Passed { input, output, error } = Passed::new(&end, &end, Some(&end)).unwrap();
            assert!(is_nonblocking(&end));
            drop(input);
            drop(error);
            assert!(is_nonblocking(&end), "another stream is in use");
            drop(output);
            assert!(!is_nonblocking(&end));
        });
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

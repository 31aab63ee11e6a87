//! One end of a control socket: messages, and descriptors that travel beside them.

use super::messages::{Fault, length};
use crate::exit::os_words;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Why nothing more comes of a control socket.
#[derive(Debug)]
pub enum SocketFault {
    /// The other end has closed it, or is gone.
    Closed,
    /// The operating system's word.
    Io(io::Error),
    /// What came is no message.
    Message(Fault),
    /// A byte that should have brought a descriptor did not.
    NoDescriptor,
}

impl fmt::Display for SocketFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // ssh's words, which come from an errno of its own choice.
            Self::Closed => f.write_str("Broken pipe"),
            Self::Io(error) => f.write_str(&os_words(error)),
            Self::Message(fault) => fault.fmt(f),
            Self::NoDescriptor => f.write_str("did not receive file descriptors"),
        }
    }
}

impl From<io::Error> for SocketFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl From<Fault> for SocketFault {
    fn from(fault: Fault) -> Self {
        Self::Message(fault)
    }
}

/// One end of a control socket.
#[derive(Debug)]
pub struct Wire {
    stream: UnixStream,
    /// What has come of the next message, its length included.
    partial: Vec<u8>,
}

impl Wire {
    /// Takes over a connected socket.
    #[must_use]
    pub const fn new(stream: UnixStream) -> Self {
        Self { stream, partial: Vec::new() }
    }

    /// The socket, for another protocol.
    #[must_use]
    pub fn into_stream(self) -> UnixStream {
        self.stream
    }

    /// The body of the next message. It may be given up on at any time, and asked again.
    ///
    /// # Errors
    /// [`SocketFault`]: the socket is of no more use.
    pub async fn receive(&mut self) -> Result<Vec<u8>, SocketFault> {
        loop {
            let whole = match self.partial.first_chunk::<4>() {
                // The length is refused before room is made for it.
                Some(head) => length(*head)?.saturating_add(4),
                None => 4,
            };
            if self.partial.len() >= whole {
                let mut message = std::mem::take(&mut self.partial);
                message.drain(..4);
                return Ok(message);
            }
            self.read_up_to(whole).await?;
        }
    }

    /// Reads once, and never past `whole` bytes: what follows may carry a descriptor, which an
    /// ordinary read would lose.
    async fn read_up_to(&mut self, whole: usize) -> Result<(), SocketFault> {
        let mut piece = [0; 4096];
        let want = whole.saturating_sub(self.partial.len()).min(piece.len());
        let Some(room) = piece.get_mut(..want) else { return Ok(()) };
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(room) {
                Ok(0) => return Err(SocketFault::Closed),
                Ok(n) => {
                    self.partial.extend_from_slice(room.get(..n).unwrap_or_default());
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`SocketFault`].
    pub async fn send(&self, message: &[u8]) -> Result<(), SocketFault> {
        let mut left = message;
        while !left.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(left) {
                Ok(n) => left = left.get(n..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Passes a descriptor on, beside a byte that says nothing.
    ///
    /// # Errors
    /// [`SocketFault`].
    pub async fn send_descriptor(&self, fd: BorrowedFd<'_>) -> Result<(), SocketFault> {
        let fds = [fd];
        let sent = self.stream.async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            beside.push(SendAncillaryMessage::ScmRights(&fds));
            let flags = SendFlags::NOSIGNAL;
            Ok(sendmsg(self.stream.as_fd(), &[IoSlice::new(&[0])], &mut beside, flags)?)
        });
        sent.await?;
        Ok(())
    }

    /// Takes a descriptor that was passed.
    ///
    /// # Errors
    /// [`SocketFault`].
    pub async fn receive_descriptor(&self) -> Result<OwnedFd, SocketFault> {
        let received = self.stream.async_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut beside = RecvAncillaryBuffer::new(&mut space);
            let mut byte = [0];
            let flags = RecvFlags::CMSG_CLOEXEC;
            let mut into = [IoSliceMut::new(&mut byte)];
            let taken = recvmsg(self.stream.as_fd(), &mut into, &mut beside, flags)?;
            let mut passed = None;
            for message in beside.drain() {
                if let RecvAncillaryMessage::ScmRights(fds) = message {
                    // One for each byte; what is beyond that is closed here.
                    passed = fds.last().or(passed);
                }
            }
            Ok((taken.bytes, passed))
        });
        match received.await? {
            (0, _) => Err(SocketFault::Closed),
            (_, passed) => passed.ok_or(SocketFault::NoDescriptor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mux::messages::{ClientMessage, Request};
    use crate::test_support::block_on;
    use std::io::{Read as _, Write as _};

    fn pair() -> (Wire, Wire) {
        let (a, b) = UnixStream::pair().unwrap();
        (Wire::new(a), Wire::new(b))
    }

    #[test]
    fn messages_and_descriptors_arrive_in_order() {
        block_on(async {
            let (client, mut master) = pair();
            let (mut reader, writer) = io::pipe().unwrap();
            let asked = ClientMessage::Request { id: 1, request: Request::AliveCheck };
            client.send(&ClientMessage::Hello.encode()).await.unwrap();
            client.send(&asked.encode()).await.unwrap();
            client.send_descriptor(writer.as_fd()).await.unwrap();
            client.send(&ClientMessage::Hello.encode()).await.unwrap();
            drop(writer);
            let next = async |master: &mut Wire| {
                ClientMessage::decode(&master.receive().await.unwrap()).unwrap()
            };
            assert_eq!(next(&mut master).await, ClientMessage::Hello);
            assert_eq!(next(&mut master).await, asked);
            let fd = master.receive_descriptor().await.unwrap();
            assert_eq!(next(&mut master).await, ClientMessage::Hello);
            std::fs::File::from(fd).write_all(b"passed").unwrap();
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "passed");
        });
    }

    #[test]
    fn an_end_a_length_and_a_byte_without_a_descriptor_are_faults() {
        block_on(async {
            let (client, mut master) = pair();
            client.send(&[0, 0, 0]).await.unwrap();
            drop(client);
            assert!(matches!(master.receive().await, Err(SocketFault::Closed)));
            let (client, mut master) = pair();
            client.send(&[0x7f, 0xff, 0xff, 0xff, 1]).await.unwrap();
            let fault = master.receive().await;
            assert!(matches!(fault, Err(SocketFault::Message(Fault::TooLong(_)))), "{fault:?}");
            let (client, master) = pair();
            client.send(&[0]).await.unwrap();
            let fault = master.receive_descriptor().await;
            assert!(matches!(fault, Err(SocketFault::NoDescriptor)), "{fault:?}");
        });
    }

    /// A message of length 0 is a message, whose body lacks even its type.
    #[test]
    fn an_empty_message_is_no_message_yet_one_read() {
        block_on(async {
            let (client, mut master) = pair();
            client.send(&[0; 4]).await.unwrap();
            let body = master.receive().await.unwrap();
            assert!(body.is_empty() && ClientMessage::decode(&body).is_err());
        });
    }
}

//! The floor of a client with many connections on one stream: a relay that puts all of them on
//! one, without SSH and without a cipher. The far end makes frames as sshd cuts its packets.
//!
//! A frame is a connection's number, a length and as many bytes; one without bytes is the end of
//! a direction. There are no windows: who reads slowly holds up all, and in a measurement nobody
//! does. A connection that fails to be made or written to ends the whole.

use std::collections::HashMap;
use std::io::{self, ErrorKind, IoSlice};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Number and length.
const HEAD_BYTES: usize = 8;
/// What the far end reads of a connection before it is another's turn, as sshd does.
const FAR_PIECE_BYTES: usize = 32 * 1024;
/// What the near end reads at once: as four of those, which sshd passes on in one go.
const NEAR_PIECE_BYTES: usize = 4 * FAR_PIECE_BYTES;
/// Room for what the stream brings; a frame fits in.
const STREAM_BYTES: usize = 256 * 1024;
/// Frames that leave with one call at most: one of each connection, in all rows.
const FRAMES_AT_ONCE: usize = 64;

/// A frame on its way out, and the way of its room back to the connection.
struct Frame {
    bytes: Vec<u8>,
    back: mpsc::Sender<Vec<u8>>,
}

/// One end: what leaves, and where what comes goes to.
struct Trunk {
    frames: mpsc::Sender<Frame>,
    open: Mutex<HashMap<u32, Arc<OwnedWriteHalf>>>,
    piece_bytes: usize,
}

/// The end where a client is, until the process is ended: takes connections at `listen`, for the
/// other end at `middle`.
///
/// # Errors
/// When a port cannot be had or the stream breaks.
pub fn near(listen: u16, middle: u16) -> io::Result<()> {
    runtime()?.block_on(async {
        let stream = connect(middle).await?;
        let listener = listener(listen).await?;
        let (trunk, from) = Trunk::on(stream, NEAR_PIECE_BYTES)?;
        let accept = async {
            for number in 0.. {
                trunk.begin(number, listener.accept().await?.0)?;
            }
            Ok(())
        };
        tokio::select! {
            outcome = accept => outcome,
            outcome = receive(Arc::clone(&trunk), from, None) => outcome,
        }
    })
}

/// The end where a server is, until the stream ends: taken at `listen`, its connections go to
/// `target`.
///
/// # Errors
/// When a port cannot be had or the stream breaks.
pub fn far(listen: u16, target: u16) -> io::Result<()> {
    runtime()?.block_on(async {
        let stream = listener(listen).await?.accept().await?.0;
        let (trunk, from) = Trunk::on(stream, FAR_PIECE_BYTES)?;
        receive(trunk, from, Some(target)).await
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

async fn connect(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await
}

async fn listener(port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("ready");
    Ok(listener)
}

impl Trunk {
    /// What leaves goes to `stream`; what comes from it is for [`receive`] to take apart.
    fn on(stream: TcpStream, piece_bytes: usize) -> io::Result<(Arc<Self>, OwnedReadHalf)> {
        stream.set_nodelay(true)?;
        let (from, to) = stream.into_split();
        let (frames, leaving) = mpsc::channel(FRAMES_AT_ONCE);
        tokio::spawn(send(to, leaving));
        Ok((Arc::new(Self { frames, open: Mutex::default(), piece_bytes }), from))
    }

    /// A connection's way to the stream begins, and that from it.
    fn begin(self: &Arc<Self>, number: u32, stream: TcpStream) -> io::Result<Arc<OwnedWriteHalf>> {
        stream.set_nodelay(true)?;
        let (from, to) = stream.into_split();
        let to = Arc::new(to);
        self.open().insert(number, Arc::clone(&to));
        tokio::spawn(carry(Arc::clone(self), number, from));
        Ok(to)
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<OwnedWriteHalf>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a connection sends, piece by piece; the next is read when the last has left.
async fn carry(trunk: Arc<Trunk>, number: u32, mut from: OwnedReadHalf) -> io::Result<()> {
    let (back, mut room) = mpsc::channel(1);
    let mut bytes = Vec::with_capacity(HEAD_BYTES + trunk.piece_bytes);
    loop {
        bytes.clear();
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        // One that is reset has ended too.
        let taken = from.read_buf(&mut bytes).await.unwrap_or(0);
        let length = u32::try_from(taken).map_err(io::Error::other)?;
        bytes[4..HEAD_BYTES].copy_from_slice(&length.to_be_bytes());
        let frame = Frame { bytes, back: back.clone() };
        trunk.frames.send(frame).await.map_err(io::Error::other)?;
        bytes = room.recv().await.ok_or(ErrorKind::BrokenPipe)?;
        if taken == 0 {
            return Ok(());
        }
    }
}

/// Writes what has gathered with one call.
async fn send(to: OwnedWriteHalf, mut leaving: mpsc::Receiver<Frame>) -> io::Result<()> {
    let mut frames = Vec::with_capacity(FRAMES_AT_ONCE);
    while leaving.recv_many(&mut frames, FRAMES_AT_ONCE).await > 0 {
        let mut slices: Vec<_> = frames.iter().map(|frame| IoSlice::new(&frame.bytes)).collect();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            match to.try_write_vectored(rest) {
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => to.writable().await?,
                Err(error) => return Err(error),
            }
        }
        for frame in frames.drain(..) {
            // A connection that is gone needs no room.
            let _ = frame.back.send(frame.bytes).await;
        }
    }
    Ok(())
}

/// Takes the stream apart. A number that is new is a connection to `target`.
async fn receive(
    trunk: Arc<Trunk>,
    mut from: OwnedReadHalf,
    target: Option<u16>,
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(STREAM_BYTES);
    while from.read_buf(&mut bytes).await? > 0 {
        let mut used = 0;
        while let Some((number, data)) = bytes.get(used..).and_then(frame) {
            used += HEAD_BYTES + data.len();
            if data.is_empty() {
                // Dropped, it ends its direction.
                trunk.open().remove(&number);
                continue;
            }
            let known = trunk.open().get(&number).cloned();
            let to = match (known, target) {
                (Some(to), _) => to,
                (None, Some(target)) => trunk.begin(number, connect(target).await?)?,
                (None, None) => continue,
            };
            write_all(&to, data).await?;
        }
        bytes.drain(..used);
    }
    Ok(())
}

/// The first frame, if all of it is there.
fn frame(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let data = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((u32::from_be_bytes(*number), data))
}

async fn write_all(to: &OwnedWriteHalf, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match to.try_write(data) {
            Ok(written) => data = &data[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => to.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openssh::free_port;
    use crate::toys::{Service, Toy};
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    const LIMIT: Duration = Duration::from_secs(20);

    /// As soon as the near end listens, which is when it has the far one.
    fn connected(port: u16) -> TcpStream {
        let begun = Instant::now();
        loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(stream) => return stream,
                Err(error) => assert!(begun.elapsed() < LIMIT, "{error}"),
            }
            thread::yield_now();
        }
    }

    #[test]
    fn connections_keep_apart_on_one_stream() {
        let service = Service::start(Toy::Echo);
        let (entry, middle, target) = (free_port(), free_port(), service.port());
        // Both last as long as this process.
        thread::spawn(move || far(middle, target));
        let until = Instant::now() + LIMIT;
        thread::spawn(move || {
            while near(entry, middle).is_err() && Instant::now() < until {
                thread::yield_now();
            }
        });
        let streams: Vec<TcpStream> = (0..3).map(|_| connected(entry)).collect();
        thread::scope(|scope| {
            for (number, mut stream) in (0u8..).zip(streams) {
                scope.spawn(move || {
                    let sent: Vec<u8> = (0..300_000u32).map(|at| number ^ at as u8).collect();
                    let mut writer = stream.try_clone().unwrap();
                    let whole = sent.clone();
                    let writing = thread::spawn(move || {
                        writer.write_all(&whole).unwrap();
                        writer.shutdown(Shutdown::Write).unwrap();
                    });
                    let mut got = Vec::new();
                    stream.set_read_timeout(Some(LIMIT)).unwrap();
                    stream.read_to_end(&mut got).unwrap();
                    writing.join().unwrap();
                    assert!(got == sent, "{number}: {} bytes came", got.len());
                });
            }
        });
    }
}

//! The floor of a client with many connections on one stream: a relay that puts all of them on
//! one, sealed with a cipher of SSH's, and without the rest of SSH. The far end makes frames as
//! sshd cuts its packets; those of the near end are longer, which is cheaper than SSH can be.
//!
//! A frame is a length, a connection's number, as many bytes and a tag; one without bytes is the
//! end of a direction. The key is no secret. There are no windows: who reads slowly holds up all,
//! and in a measurement nobody does. A connection that fails to be made or written to ends the
//! whole.

use std::collections::HashMap;
use std::io::{self, ErrorKind, IoSlice};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tssh_transport::cipher::{
    CipherAlgorithm, DirectionKeys, LENGTH_BYTES, Opener, Sealer, cipher,
};

/// Length and number.
const HEAD_BYTES: usize = LENGTH_BYTES + 4;
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
    sealing: Mutex<Sealing>,
    open: Mutex<HashMap<u32, Arc<OwnedWriteHalf>>>,
    piece_bytes: usize,
}

/// How frames are sealed, in the order in which they leave.
struct Sealing {
    sealer: Box<dyn Sealer>,
    sequence: u32,
}

/// The end where a client is, until the process is ended: takes connections at `listen`, for the
/// other end at `middle`. What goes between the two is sealed with `cipher`.
///
/// # Errors
/// When there is no such cipher or it needs a MAC, a port cannot be had or the stream breaks.
pub fn near(listen: u16, middle: u16, cipher: &str) -> io::Result<()> {
    runtime()?.block_on(async {
        let stream = connect(middle).await?;
        let listener = listener(listen).await?;
        let (trunk, from) = Trunk::on(stream, cipher, NEAR_PIECE_BYTES)?;
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
/// As [`near`].
pub fn far(listen: u16, target: u16, cipher: &str) -> io::Result<()> {
    runtime()?.block_on(async {
        let stream = listener(listen).await?.accept().await?.0;
        let (trunk, from) = Trunk::on(stream, cipher, FAR_PIECE_BYTES)?;
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
    fn on(stream: TcpStream, name: &str, piece_bytes: usize) -> io::Result<(Arc<Self>, Stream)> {
        stream.set_nodelay(true)?;
        let (from, to) = stream.into_split();
        let (frames, leaving) = mpsc::channel(FRAMES_AT_ONCE);
        let (sealer, opener) = cipher(name).and_then(ends).ok_or(ErrorKind::InvalidInput)?;
        tokio::spawn(send(to, leaving));
        let sealing = Mutex::new(Sealing { sealer, sequence: 0 });
        let trunk = Self { frames, sealing, open: Mutex::default(), piece_bytes };
        Ok((Arc::new(trunk), Stream { from, opener, sequence: 0 }))
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

    /// Makes a frame of what will be in it, with room for its length in front: while it is still
    /// in the cache.
    fn seal(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut sealing = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        let Sealing { sealer, sequence } = &mut *sealing;
        let length = u32::try_from(bytes.len() - LENGTH_BYTES).map_err(io::Error::other)?;
        bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        bytes.resize(bytes.len() + sealer.tag_len(), 0);
        let sealed = sealer.seal(*sequence, bytes);
        *sequence = sequence.wrapping_add(1);
        sealed.then_some(()).ok_or_else(|| ErrorKind::InvalidInput.into())
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<OwnedWriteHalf>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both directions with the same key.
fn ends(row: &CipherAlgorithm) -> Option<(Box<dyn Sealer>, Box<dyn Opener>)> {
    let zeros = [0; 64];
    let keys = DirectionKeys {
        iv: zeros.get(..row.iv_len)?,
        key: zeros.get(..row.key_len)?,
        mac_key: &[],
    };
    Some(((row.sealer)(&keys, None)?, (row.opener)(&keys, None)?))
}

/// What a connection sends, piece by piece; the next is read when the last has left.
async fn carry(trunk: Arc<Trunk>, number: u32, mut from: OwnedReadHalf) -> io::Result<()> {
    let (back, mut room) = mpsc::channel(1);
    let mut bytes = Vec::with_capacity(HEAD_BYTES + trunk.piece_bytes);
    loop {
        bytes.clear();
        bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        bytes.extend_from_slice(&number.to_be_bytes());
        // One that is reset has ended too.
        let mut piece = (&mut from).take(trunk.piece_bytes as u64);
        let taken = piece.read_buf(&mut bytes).await.unwrap_or(0);
        // From here to where it is sent nothing waits, so that it leaves in its turn.
        let place = trunk.frames.reserve().await.map_err(io::Error::other)?;
        trunk.seal(&mut bytes)?;
        place.send(Frame { bytes, back: back.clone() });
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

/// What comes, and how it is opened.
struct Stream {
    from: OwnedReadHalf,
    opener: Box<dyn Opener>,
    sequence: u32,
}

/// Takes the stream apart. A number that is new is a connection to `target`.
async fn receive(trunk: Arc<Trunk>, mut stream: Stream, target: Option<u16>) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(STREAM_BYTES);
    while stream.from.read_buf(&mut bytes).await? > 0 {
        let mut used = 0;
        while let Some(length) = stream.frame_bytes(&mut bytes[used..]) {
            let (number, data) = stream.open(&mut bytes[used..used + length])?;
            used += length;
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

impl Stream {
    /// How long the first frame is, if all of it is there.
    fn frame_bytes(&mut self, bytes: &mut [u8]) -> Option<usize> {
        let head = bytes.get_mut(..self.opener.head_len())?;
        let length = usize::try_from(self.opener.open_length(self.sequence, head)).ok()?;
        let whole = LENGTH_BYTES + length + self.opener.tag_len();
        (bytes.len() >= whole).then_some(whole)
    }

    /// What is in a frame: whose, and the data.
    fn open<'a>(&mut self, frame: &'a mut [u8]) -> io::Result<(u32, &'a [u8])> {
        let opened = self.opener.open(self.sequence, frame);
        opened.map_err(|_| io::Error::other("a frame that is not the other end's"))?;
        self.sequence = self.sequence.wrapping_add(1);
        let content = frame.get(LENGTH_BYTES..frame.len() - self.opener.tag_len());
        let (number, data) = content
            .and_then(|content| content.split_first_chunk())
            .ok_or(ErrorKind::InvalidData)?;
        Ok((u32::from_be_bytes(*number), data))
    }
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
        for cipher in ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
            keep_apart(cipher);
        }
        assert!(cipher("aes256-ctr").and_then(ends).is_none(), "it needs a MAC");
    }

    fn keep_apart(cipher: &'static str) {
        let service = Service::start(Toy::Echo);
        let (entry, middle, target) = (free_port(), free_port(), service.port());
        // Both last as long as this process.
        thread::spawn(move || far(middle, target, cipher));
        let until = Instant::now() + LIMIT;
        thread::spawn(move || {
            while near(entry, middle, cipher).is_err() && Instant::now() < until {
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

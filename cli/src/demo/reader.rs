//! The mail reader of the demonstration: it knows nothing of the tunnel.

use sha2::{Digest, Sha256};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Round trips whose median is shown.
const PINGS: usize = 501;
const BLOCK_BYTES: usize = 256 * 1024;

/// What a session showed.
pub struct Session {
    /// The service's first line.
    pub greeting: String,
    /// Median time of a NOOP and its answer.
    pub round_trip: Duration,
    /// Bytes of the fetched message.
    pub bytes: u64,
    /// How long they took.
    pub took: Duration,
    /// SHA-256 of what arrived.
    pub digest: [u8; 32],
}

fn unexpected(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected answer: {what}"))
}

/// Reads mail at `address`.
///
/// # Errors
/// Whatever goes wrong with the connection or the service's answers.
pub async fn read_mail(address: SocketAddr) -> io::Result<Session> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(BLOCK_BYTES, stream);
    let mut greeting = String::new();
    stream.read_line(&mut greeting).await?;
    command(&mut stream, "a1", "LOGIN reader secret").await?;
    command(&mut stream, "a2", "SELECT INBOX").await?;
    let mut times = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        let start = Instant::now();
        command(&mut stream, "a3", "NOOP").await?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let round_trip = times[PINGS / 2];
    let start = Instant::now();
    let (bytes, digest) = fetch(&mut stream).await?;
    let took = start.elapsed();
    command(&mut stream, "a5", "LOGOUT").await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    let greeting = greeting.trim_end().to_owned();
    Ok(Session { greeting, round_trip, bytes, took, digest })
}

/// Sends one command and reads to its tagged answer, which must be OK.
async fn command(stream: &mut BufReader<TcpStream>, tag: &str, text: &str) -> io::Result<()> {
    stream.write_all(format!("{tag} {text}\r\n").as_bytes()).await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(answer) = line.strip_prefix(tag) {
            let ok = answer.starts_with(" OK");
            return if ok { Ok(()) } else { Err(unexpected(line.trim_end())) };
        }
    }
}

async fn fetch(stream: &mut BufReader<TcpStream>) -> io::Result<(u64, [u8; 32])> {
    stream.write_all(b"a4 FETCH 1 BODY[]\r\n").await?;
    let mut head = String::new();
    stream.read_line(&mut head).await?;
    let size = head.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let size = size.and_then(|(digits, _)| digits.parse::<u64>().ok());
    let size = size.ok_or_else(|| unexpected(head.trim_end()))?;
    let (mut left, mut hash) = (size, Sha256::new());
    while left > 0 {
        let block = stream.fill_buf().await?;
        if block.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let n = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        hash.update(&block[..n]);
        stream.consume(n);
        left -= n as u64;
    }
    let mut tail = String::new();
    stream.read_line(&mut tail).await?;
    stream.read_line(&mut tail).await?;
    if !tail.ends_with("a4 OK done\r\n") {
        return Err(unexpected(tail.trim_end()));
    }
    Ok((size, hash.finalize().into()))
}

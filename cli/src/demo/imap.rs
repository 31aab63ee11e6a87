//! A toy IMAP service: enough of RFC 3501 for a mail reader that logs in, opens a mailbox and
//! fetches one very large message.

use sha2::{Digest, Sha256};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Longest command line that is read.
const LINE_BYTES_MAX: u64 = 1024;
/// The message is made and sent in blocks of this size.
const BLOCK_BYTES: usize = 64 * 1024;

/// Bytes that repeat only after 2^64 blocks: a counter in front of a fixed text, so that lost,
/// doubled or swapped blocks change the checksum.
pub struct Message {
    block: Vec<u8>,
    counter: u64,
    left: u64,
}

impl Message {
    /// The message with `bytes` bytes.
    pub fn new(bytes: u64) -> Self {
        let text = b"From: a friend\r\nSubject: the very large message\r\n\r\n";
        let block = text.iter().copied().cycle().take(BLOCK_BYTES).collect();
        Self { block, counter: 0, left: bytes }
    }

    /// The next piece; empty at the end.
    pub fn next_block(&mut self) -> &[u8] {
        self.block[..8].copy_from_slice(&self.counter.to_be_bytes());
        self.counter += 1;
        let n = usize::try_from(self.left).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        self.left -= n as u64;
        &self.block[..n]
    }

    /// SHA-256 of all of it.
    pub fn digest(bytes: u64) -> [u8; 32] {
        let (mut message, mut hash) = (Self::new(bytes), Sha256::new());
        loop {
            let block = message.next_block();
            if block.is_empty() {
                return hash.finalize().into();
            }
            hash.update(block);
        }
    }
}

/// Serves one connection after the other, for ever.
pub async fn serve(listener: TcpListener, message_bytes: u64) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // What went wrong with one mail reader is no business of the next.
            let _ = converse(stream, message_bytes).await;
        }
    }
}

async fn converse(stream: TcpStream, message_bytes: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK toy IMAP4rev1 service ready\r\n").await?;
    loop {
        let mut line = String::new();
        let mut bounded = tokio::io::AsyncReadExt::take(&mut stream, LINE_BYTES_MAX);
        if bounded.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut words = line.split_ascii_whitespace();
        let tag = words.next().unwrap_or("*").to_owned();
        let command = words.next().unwrap_or_default().to_ascii_uppercase();
        match command.as_str() {
            "LOGIN" => {}
            "SELECT" => stream.write_all(b"* 1 EXISTS\r\n").await?,
            "NOOP" => {}
            "FETCH" => fetch(&mut stream, message_bytes).await?,
            "LOGOUT" => {
                stream.write_all(b"* BYE until next time\r\n").await?;
                stream.write_all(format!("{tag} OK done\r\n").as_bytes()).await?;
                return stream.shutdown().await;
            }
            _ => {
                stream.write_all(format!("{tag} BAD unknown command\r\n").as_bytes()).await?;
                continue;
            }
        }
        stream.write_all(format!("{tag} OK done\r\n").as_bytes()).await?;
    }
}

async fn fetch(stream: &mut BufReader<TcpStream>, message_bytes: u64) -> io::Result<()> {
    let head = format!("* 1 FETCH (BODY[] {{{message_bytes}}}\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut message = Message::new(message_bytes);
    loop {
        let block = message.next_block();
        if block.is_empty() {
            return stream.write_all(b")\r\n").await;
        }
        stream.write_all(block).await?;
    }
}

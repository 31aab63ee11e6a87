//! Bytes that cost next to nothing to make and to check, so that a measurement measures the
//! tunnel.
//!
//! A stream repeats a table whose length is a prime: whatever is lost, doubled or swapped in
//! pieces of packets or windows shows, as every piece has its own content. Streams begin at
//! places of their own in the table, so bytes that cross over show as well.

use crate::pattern::Pattern;
use std::io::{self, Read, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The largest prime below 1 MiB.
const TABLE_BYTES: usize = 1_048_573;
/// How far apart two streams begin; a prime as well.
const STRIDE: u64 = 131_101;
/// Most that is written or read at once.
const PIECE_BYTES: usize = 256 * 1024;

fn table() -> &'static [u8] {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    TABLE.get_or_init(|| Pattern::bytes(7, TABLE_BYTES))
}

/// A place in the table.
struct Place(usize);

impl Place {
    fn of(stream: u64) -> Self {
        Self((stream.wrapping_mul(STRIDE) % TABLE_BYTES as u64) as usize)
    }

    /// The bytes from here on, at most `most`, without turning over the end of the table.
    fn ahead(&self, most: usize) -> &'static [u8] {
        let rest = table().get(self.0..).unwrap_or_default();
        rest.get(..most).unwrap_or(rest)
    }

    fn advance(&mut self, n: usize) {
        self.0 = (self.0 + n) % TABLE_BYTES;
    }
}

/// Writes the first `bytes` of a stream, or, while `go_on` holds, without end; counts them.
///
/// # Errors
/// Those of the writer.
pub fn send(
    to: &mut impl Write,
    stream: u64,
    bytes: Option<u64>,
    go_on: &AtomicBool,
    count: &AtomicU64,
) -> io::Result<()> {
    let (mut place, mut sent) = (Place::of(stream), 0);
    while go_on.load(Ordering::Relaxed) {
        let left = bytes.map_or(u64::MAX, |bytes| bytes - sent);
        let most = PIECE_BYTES.min(usize::try_from(left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(());
        }
        let taken = to.write(place.ahead(most))?;
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        place.advance(taken);
        sent += taken as u64;
        count.fetch_add(taken as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Reads and checks `bytes` of a stream, or all until its end; counts them.
///
/// # Errors
/// Those of the reader; bytes that are none of the stream's, or too few.
pub fn receive(
    from: &mut impl Read,
    stream: u64,
    bytes: Option<u64>,
    count: &AtomicU64,
) -> io::Result<()> {
    let (mut place, mut got, mut piece) = (Place::of(stream), 0, vec![0; PIECE_BYTES]);
    loop {
        let left = bytes.map_or(u64::MAX, |bytes| bytes - got);
        let most = PIECE_BYTES.min(usize::try_from(left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(());
        }
        let taken = from.read(&mut piece[..most])?;
        if taken == 0 && bytes.is_some() {
            return Err(io::Error::other(format!("the stream ended after {got} bytes")));
        } else if taken == 0 {
            return Ok(());
        }
        let mut fresh = &piece[..taken];
        while !fresh.is_empty() {
            let expected = place.ahead(fresh.len());
            let (here, rest) = fresh.split_at(expected.len());
            if here != expected {
                return Err(io::Error::other(format!("other bytes came, after {got}")));
            }
            place.advance(here.len());
            fresh = rest;
        }
        got += taken as u64;
        count.fetch_add(taken as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_accepted_and_nothing_else() {
        let (go_on, count) = (AtomicBool::new(true), AtomicU64::new(0));
        let bytes = TABLE_BYTES as u64 * 2 + 5;
        let mut sent = Vec::new();
        send(&mut sent, 3, Some(bytes), &go_on, &count).unwrap();
        assert_eq!((sent.len() as u64, count.load(Ordering::Relaxed)), (bytes, bytes));
        receive(&mut sent.as_slice(), 3, Some(bytes), &count).unwrap();
        receive(&mut sent.as_slice(), 3, None, &count).unwrap();
        receive(&mut sent.as_slice(), 4, Some(bytes), &count).unwrap_err();
        receive(&mut &sent[..sent.len() - 1], 3, Some(bytes), &count).unwrap_err();
        // A packet of data is missing.
        let lost = [&sent[..32_768], &sent[65_536..]].concat();
        receive(&mut lost.as_slice(), 3, None, &count).unwrap_err();
    }
}

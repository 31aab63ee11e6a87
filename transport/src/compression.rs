//! Compression, zlib@openssh.com: the zlib stream of RFC 4253 section 6.2, begun only after
//! authentication. One context for each direction, new with each key exchange.
//!
//! What comes in is bounded twice, because a packet that grows a thousandfold is not the only
//! trap. Output is bounded by [`INFLATED_BYTES_MAX`], block by block and before it is kept. A
//! peer can also send nothing but empty blocks: they grow to nothing, ten bits each, and each
//! makes the receiver set up decoding tables, more than 200,000 times in the largest packet. So
//! blocks are bounded by [`INFLATED_BLOCKS_MAX`].

use crate::error::Error;
use crate::limits::{INFLATED_BLOCKS_MAX, INFLATED_BYTES_MAX};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use miniz_oxide::DataFormat;
use miniz_oxide::deflate::CompressionLevel;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// zlib's default, and what OpenSSH uses.
const LEVEL: CompressionLevel = CompressionLevel::DefaultLevel;
/// The farthest that deflate can refer back, RFC 1951 section 2.
const WINDOW_BYTES: usize = 32 * 1024;

/// The sending half.
pub struct Deflater(Box<CompressorOxide>);

impl Default for Deflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Deflater {
    /// A new context; it sends the header of the zlib stream with the first payload.
    #[must_use]
    pub fn new() -> Self {
        Self(Box::new(CompressorOxide::with_format_and_level(DataFormat::Zlib, LEVEL)))
    }

    /// Appends one compressed payload to `out`, flushed so that the peer can read all of it. For
    /// bytes that do not compress that is a few more than `payload` has.
    ///
    /// # Errors
    /// [`Error::Internal`]: the compressor refused a call, which it has no reason to do.
    pub fn deflate(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let (status, taken) = compress_to_output(&mut self.0, payload, TDEFLFlush::Sync, |bytes| {
            out.extend_from_slice(bytes);
            true
        });
        if status == TDEFLStatus::Okay && taken == payload.len() {
            Ok(())
        } else {
            Err(Error::Internal("the compressor stopped"))
        }
    }
}

/// The receiving half.
pub struct Inflater {
    state: Box<DecompressorOxide>,
    /// The last [`WINDOW_BYTES`] of output, as a ring: what later packets may refer to.
    window: Box<[u8]>,
    /// Where the next byte goes in it.
    at: usize,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// A new context.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Box::default(), window: vec![0; WINDOW_BYTES].into_boxed_slice(), at: 0 }
    }

    /// Appends the payload that `data`, one packet's compressed payload, holds to `out`: at most
    /// [`INFLATED_BYTES_MAX`] bytes from at most [`INFLATED_BLOCKS_MAX`] blocks.
    ///
    /// # Errors
    /// [`Error::Compression`] where a bound is passed, the data is no deflate data, or the stream
    /// ends, which in SSH it never does. The context is of no use after that.
    pub fn inflate(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        const FLAGS: u32 = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
            | inflate_flags::TINFL_FLAG_IGNORE_ADLER32
            | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT
            | inflate_flags::TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY;
        let mut rest = data;
        let mut room = INFLATED_BYTES_MAX;
        let mut blocks = INFLATED_BLOCKS_MAX;
        loop {
            let (status, taken, made) =
                decompress(&mut self.state, rest, &mut self.window, self.at, FLAGS);
            let end = self.at.saturating_add(made);
            let (Some(left), Some(fresh)) = (rest.get(taken..), self.window.get(self.at..end))
            else {
                return Err(Error::Internal("the decompressor miscounted"));
            };
            room = room
                .checked_sub(made)
                .ok_or(Error::Compression("a packet inflates to more than 256 KiB"))?;
            out.extend_from_slice(fresh);
            rest = left;
            self.at = end % WINDOW_BYTES;
            match status {
                TINFLStatus::NeedsMoreInput => return Ok(()),
                TINFLStatus::HasMoreOutput if taken != 0 || made != 0 => {}
                TINFLStatus::BlockBoundary => {
                    blocks = blocks
                        .checked_sub(1)
                        .ok_or(Error::Compression("too many blocks in one packet"))?;
                }
                TINFLStatus::Done => return Err(Error::Compression("the zlib stream ended")),
                _ => return Err(Error::Compression("invalid deflate data")),
            }
        }
    }
}

#[cfg(test)]
mod tests;

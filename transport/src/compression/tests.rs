use super::*;
use miniz_oxide::deflate::compress_to_vec_zlib;
use proptest::prelude::*;
use std::string::String;

/// Appends bits as deflate packs them: from the lowest of each byte.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for i in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            let bit = u8::try_from(value >> i & 1).unwrap();
            *self.bytes.last_mut().unwrap() |= bit << self.used;
            self.used = (self.used + 1) % 8;
        }
    }

    /// A fixed-code block with nothing in it: not final, type 1, end of block.
    fn empty_block(&mut self) {
        self.put(0b010, 3);
        self.put(0, 7);
    }
}

/// A stream header, then `count` empty blocks.
fn empty_blocks(count: usize) -> Vec<u8> {
    let mut bits = Bits { bytes: alloc::vec![0x78, 0x9c], used: 0 };
    (0..count).for_each(|_| bits.empty_block());
    // What does not fill a byte must start no further block: type 3 would, but needs two bits.
    bits.bytes
}

fn inflated(inflater: &mut Inflater, data: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    inflater.inflate(data, &mut out).map(|()| out)
}

fn deflated(deflater: &mut Deflater, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    deflater.deflate(payload, &mut out).unwrap();
    out
}

/// The context is passed on: the same payload costs less the second time.
#[test]
fn payloads_round_trip_one_by_one() {
    let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
    let text: Vec<u8> =
        (0..200_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut sizes = Vec::new();
    for payload in [&text[..], &text, b"", b"x", &[0; 32_768], &text] {
        let wire = deflated(&mut deflater, payload);
        sizes.push(wire.len());
        assert!(inflated(&mut inflater, &wire).unwrap() == payload);
    }
    assert!(sizes[0] > text.len() && sizes[1] < 40 && sizes[4] < 100, "{sizes:?}");
}

/// What does not compress grows by a few bytes only, so a packet of the largest payload still
/// fits; and the largest payload of all is taken.
#[test]
fn the_largest_payload_passes() {
    let mut x = 1_u32;
    let mut noise = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x.to_le_bytes()[1]
    };
    let payload: Vec<u8> = (0..INFLATED_BYTES_MAX).map(|_| noise()).collect();
    let wire = deflated(&mut Deflater::new(), &payload);
    assert!(wire.len() < payload.len() + 200, "{}", wire.len());
    assert!(inflated(&mut Inflater::new(), &wire).unwrap() == payload);
}

/// One byte too many is refused, and so is a bomb, with no more kept than the bound.
#[test]
fn output_is_bounded() {
    for excess in [1, 10 << 20] {
        let wire = deflated(&mut Deflater::new(), &alloc::vec![0; INFLATED_BYTES_MAX + excess]);
        assert!(wire.len() < 64 * 1024);
        let mut out = Vec::new();
        let error = Inflater::new().inflate(&wire, &mut out).unwrap_err();
        assert_eq!(error, Error::Compression("a packet inflates to more than 256 KiB"));
        assert!(out.len() <= INFLATED_BYTES_MAX);
        assert!(out.capacity() <= 2 * INFLATED_BYTES_MAX, "doubling is the most a Vec adds");
    }
}

/// Blocks with nothing in them are bounded too, packet by packet.
#[test]
fn blocks_are_bounded() {
    let mut inflater = Inflater::new();
    let most = empty_blocks(INFLATED_BLOCKS_MAX as usize);
    assert_eq!(inflated(&mut inflater, &most), Ok(Vec::new()));
    assert_eq!(inflated(&mut inflater, &most[2..]), Ok(Vec::new()), "each packet counts anew");
    let more = empty_blocks(INFLATED_BLOCKS_MAX as usize + 1);
    let error = Error::Compression("too many blocks in one packet");
    assert_eq!(inflated(&mut Inflater::new(), &more), Err(error));
}

#[test]
fn what_is_no_stream_is_refused() {
    let invalid = Error::Compression("invalid deflate data");
    assert_eq!(inflated(&mut Inflater::new(), b"\x79\x9c"), Err(invalid.clone()), "header check");
    assert_eq!(inflated(&mut Inflater::new(), b"\x78\x9c\x06"), Err(invalid), "block type 3");
    let ended = compress_to_vec_zlib(b"all there is", 6);
    let error = Error::Compression("the zlib stream ended");
    assert_eq!(inflated(&mut Inflater::new(), &ended), Err(error));
}

/// zlib itself, with the partial flush that OpenSSH uses: "hello hello hello\n" and then
/// "hello again\n" in one stream.
#[test]
fn partial_flush_of_zlib() {
    let mut inflater = Inflater::new();
    let first = b"\x78\x9c\xca\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x5c\x00\x01";
    let second = b"\x04\x61\x27\xa6\x27\x66\xe6\x71\x01\x04";
    assert_eq!(inflated(&mut inflater, first).unwrap(), b"hello hello hello\n");
    assert_eq!(inflated(&mut inflater, second).unwrap(), b"hello again\n");
}

proptest! {
    /// Any payloads, in any number, come out as they went in.
    #[test]
    fn any_payloads(payloads in proptest::collection::vec("[a-d]{0,300}", 1..8)) {
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
        for payload in payloads {
            let wire = deflated(&mut deflater, payload.as_bytes());
            let back = inflated(&mut inflater, &wire).unwrap();
            prop_assert_eq!(String::from_utf8(back).unwrap(), payload);
        }
    }

    /// Bytes from anywhere: an answer within bounds, whatever they are.
    #[test]
    fn noise(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let data = [b"\x78\x9c", &noise[..]].concat();
        let mut out = Vec::new();
        let _ = Inflater::new().inflate(&data, &mut out);
        prop_assert!(out.len() <= INFLATED_BYTES_MAX);
    }
}

//! chacha20-poly1305@openssh.com, as OpenSSH's PROTOCOL.chacha20poly1305 describes it.
//!
//! It is not the AEAD of RFC 8439. The nonce is the sequence number as a 64-bit big-endian
//! number, beside a 64-bit block counter. There are two keys: one encrypts the four length bytes
//! alone, so that a receiver can learn the length before it may trust anything; the other
//! encrypts the rest from block 1 on, and its block 0 is the Poly1305 key. The tag covers length
//! and rest as they are on the wire, without padding and without lengths of its own.
//!
//! ```text
//! packet_length | padding_length payload padding | tag
//!  length_key,0 |  payload_key, from block 1     |
//!  <------- Poly1305, key = payload_key, 0 ----->|
//! ```
//!
//! Nothing is kept between packets: key and sequence number give all.

use super::{BadTag, CipherAlgorithm, DirectionKeys, LENGTH_BYTES, Layout, Opener, Sealer};
use super::{MacAlgorithm, split_tag};
use alloc::boxed::Box;
use chacha20::cipher::inout::InOutBuf;
use chacha20::cipher::{Block, KeyIvInit, StreamCipherCore};
use chacha20::{ChaCha20LegacyCore, Key, LegacyNonce};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

const KEY_BYTES: usize = 64;
const TAG_BYTES: usize = 16;
const BLOCK_BYTES: usize = 64;

/// Blocks of key stream made in one go at the start of a packet: the Poly1305 key and the first
/// 15 blocks of data. It is the width of the widest backend of `chacha20`, so that a small packet
/// enters the vector code once instead of twice, and a large one loses nothing.
const FIRST_BLOCKS: usize = 16;
/// What every vector backend makes for the price of one block: no fewer are asked for.
const VECTOR_BLOCKS: usize = 4;

type StreamBlock = Block<ChaCha20LegacyCore>;
type OneTimeKey = poly1305::Key;

/// The row of the cipher table.
pub const CHACHA20_POLY1305: CipherAlgorithm = CipherAlgorithm {
    name: "chacha20-poly1305@openssh.com",
    key_len: KEY_BYTES,
    iv_len: 0,
    aead: true,
    sealer: |keys, mac| Some(Box::new(ChaCha20Poly1305::new(keys, mac)?)),
    opener: |keys, mac| Some(Box::new(ChaCha20Poly1305::new(keys, mac)?)),
};

/// Either direction: they differ in the order of two steps only.
struct ChaCha20Poly1305 {
    /// K_2 of OpenSSH's note, the first half of the key material.
    payload_key: Zeroizing<[u8; 32]>,
    /// K_1, the second half.
    length_key: Zeroizing<[u8; 32]>,
}

impl ChaCha20Poly1305 {
    fn new(keys: &DirectionKeys<'_>, _mac: Option<&'static MacAlgorithm>) -> Option<Self> {
        let (payload_key, rest) = keys.key.split_first_chunk()?;
        let (length_key, rest) = rest.split_first_chunk()?;
        let keys = Self {
            payload_key: Zeroizing::new(*payload_key),
            length_key: Zeroizing::new(*length_key),
        };
        rest.is_empty().then_some(keys)
    }

    /// The four length bytes, encrypted or decrypted: block 0 under the length key.
    fn crypt_length(&self, sequence: u32, field: [u8; LENGTH_BYTES]) -> [u8; LENGTH_BYTES] {
        let mut stream = key_stream(&self.length_key, sequence);
        let mut block = StreamBlock::default();
        stream.write_keystream_block(&mut block);
        let mask = block.first_chunk().map_or(0, |mask| u32::from_be_bytes(*mask));
        (u32::from_be_bytes(field) ^ mask).to_be_bytes()
    }

    /// What the payload key gives for a packet with `data_len` bytes behind its length: the
    /// one-time key, which is the start of block 0, and the stream from block 1 on. Both stay in
    /// `first`, in the caller's frame, so that neither need be moved.
    fn start<'a>(
        &self,
        sequence: u32,
        data_len: usize,
        first: &'a mut [StreamBlock; FIRST_BLOCKS],
    ) -> (&'a mut OneTimeKey, PayloadStream<'a>) {
        let mut stream = key_stream(&self.payload_key, sequence);
        let wanted = data_len.div_ceil(BLOCK_BYTES).saturating_add(1).min(FIRST_BLOCKS);
        let wanted = wanted.next_multiple_of(VECTOR_BLOCKS);
        stream.write_keystream_blocks(first.get_mut(..wanted).unwrap_or_default());
        let [key_block, blocks @ ..] = first;
        (key_block.split_ref_mut().0, PayloadStream { stream, blocks })
    }
}

/// The cipher of one packet at its block 0. State is made for each packet, from key and nonce:
/// that is 64 bytes to set and nothing to compute.
fn key_stream(key: &[u8; 32], sequence: u32) -> ChaCha20LegacyCore {
    let nonce = LegacyNonce::from(u64::from(sequence).to_be_bytes());
    ChaCha20LegacyCore::new(<&Key>::from(key), &nonce)
}

/// The tag of `content`, which is the packet as it is on the wire, up to the tag; the key is
/// erased. Whole blocks go through `update`, which takes four at a time; only a rest of fewer than
/// 16 bytes needs the unpadded form.
fn tag_of(key: &mut OneTimeKey, content: &[u8]) -> poly1305::Tag {
    let mut poly = Poly1305::new(key);
    key.zeroize();
    let (blocks, rest) = poly1305::Block::slice_as_chunks(content);
    poly.update(blocks);
    poly.compute_unpadded(rest)
}

/// The payload key's stream from block 1 on.
struct PayloadStream<'a> {
    /// Its first blocks: at least as many as the packet needs, or all there is room for.
    blocks: &'a [StreamBlock],
    /// What comes after those.
    stream: ChaCha20LegacyCore,
}

impl PayloadStream<'_> {
    /// Encrypts or decrypts `data`. False where the stream cannot be that long, which would take
    /// 2^64 blocks.
    fn crypt(self, data: &mut [u8]) -> bool {
        let Self { blocks, stream } = self;
        let at = data.len().min(blocks.len().saturating_mul(BLOCK_BYTES));
        let Some((head, tail)) = data.split_at_mut_checked(at) else {
            return false;
        };
        for (bytes, mask) in head.chunks_mut(BLOCK_BYTES).zip(blocks) {
            for (byte, mask) in bytes.iter_mut().zip(mask) {
                *byte ^= mask;
            }
        }
        tail.is_empty() || stream.try_apply_keystream_partial(InOutBuf::from(tail)).is_ok()
    }
}

impl Layout for ChaCha20Poly1305 {
    fn block_len(&self) -> usize {
        8
    }
    fn length_is_aligned(&self) -> bool {
        false
    }
    fn tag_len(&self) -> usize {
        TAG_BYTES
    }
}

impl Sealer for ChaCha20Poly1305 {
    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> bool {
        let Some((content, tag)) = split_tag(packet, TAG_BYTES) else {
            return false;
        };
        let Some((length, data)) = content.split_first_chunk_mut() else {
            return false;
        };
        let mut first = [StreamBlock::default(); FIRST_BLOCKS];
        let (key, stream) = self.start(sequence, data.len(), &mut first);
        *length = self.crypt_length(sequence, *length);
        if !stream.crypt(data) {
            return false;
        }
        tag.copy_from_slice(&tag_of(key, content));
        true
    }
}

impl Opener for ChaCha20Poly1305 {
    fn head_len(&self) -> usize {
        LENGTH_BYTES
    }

    fn open_length(&mut self, sequence: u32, head: &mut [u8]) -> u32 {
        head.first_chunk()
            .map_or(u32::MAX, |field| u32::from_be_bytes(self.crypt_length(sequence, *field)))
    }

    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), BadTag> {
        let (content, tag) = split_tag(packet, TAG_BYTES).ok_or(BadTag)?;
        let data_len = content.len().saturating_sub(LENGTH_BYTES);
        let mut first = [StreamBlock::default(); FIRST_BLOCKS];
        let (key, stream) = self.start(sequence, data_len, &mut first);
        if !bool::from(tag_of(key, content).as_slice().ct_eq(tag)) {
            return Err(BadTag);
        }
        let data = content.get_mut(LENGTH_BYTES..).ok_or(BadTag)?;
        stream.crypt(data).then_some(()).ok_or(BadTag)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::hex;
    use super::super::{DirectionKeys, cipher};
    use super::*;
    use chacha20::cipher::{StreamCipher, StreamCipherSeek};
    use chacha20::{ChaCha20, ChaCha20Legacy};
    use std::vec::Vec;

    /// Appendix A of draft-ietf-sshm-chacha20-poly1305-04: key, plaintext, and the bytes sent
    /// with sequence number 7.
    const KEY: &str = "8bbff6855fc102338c373e73aac0c914f076a905b2444a32eecaffeae22becc5\
                       e9b7a7a5825a8249346ec1c28301cf394543fc7569887d76e168f37562ac0740";
    const PLAIN: &str = "00000048065e00000000000000384c6f72656d20697073756d20646f6c6f7220\
                         73697420616d65742c20636f6e7365637465747572206164697069736963696e\
                         6720656c69744e43e804dc6c";
    const SENT: &str = "2c3ecce4a5bc05895bf07a7ba956b6c68829ac7c83b780b7000ecde745afc705\
                        bbc378ce03a280236b87b53bed5839662302b164b6286a48cd1e097138e3cb90\
                        9b8b2b829dd18d2a35ff82d995349e855bf02c298ef775f2d1a7e8b8";

    #[test]
    fn packet_of_the_draft() {
        let row = cipher("chacha20-poly1305@openssh.com").unwrap();
        let keys = DirectionKeys { iv: &[], key: &hex(KEY), mac_key: &[] };
        let (plain, sent) = (hex(PLAIN), hex(SENT));
        let mut packet = plain.clone();
        packet.resize(sent.len(), 0);
        assert!((row.sealer)(&keys, None).unwrap().seal(7, &mut packet));
        assert_eq!(packet, sent);
        let mut opener = (row.opener)(&keys, None).unwrap();
        assert_eq!(opener.open_length(7, &mut packet[..4]), 0x48);
        assert_eq!(packet, sent, "the head is left as it came");
        assert_eq!(opener.open(7, &mut packet), Ok(()));
        assert_eq!(packet[4..plain.len()], plain[4..]);
    }

    /// The same construction from the primitives, one stream call for everything.
    fn independent(key: &[u8; 64], sequence: u32, plain: &[u8]) -> Vec<u8> {
        let nonce = u64::from(sequence).to_be_bytes();
        let mut out = plain.to_vec();
        ChaCha20Legacy::new_from_slices(&key[32..], &nonce).unwrap().apply_keystream(&mut out[..4]);
        let mut payload = ChaCha20Legacy::new_from_slices(&key[..32], &nonce).unwrap();
        let mut one_time = [0; 32];
        payload.apply_keystream(&mut one_time);
        payload.seek(64_u64);
        payload.apply_keystream(&mut out[4..]);
        let tag = Poly1305::new(&one_time.into()).compute_unpadded(&out);
        out.extend_from_slice(&tag);
        out
    }

    /// Every length around the seams: one block, one vector, the first blocks, the largest packet.
    #[test]
    fn agrees_with_the_primitives_at_every_length() {
        let key: [u8; 64] = core::array::from_fn(|i| u8::try_from(i * 3).unwrap());
        let keys = DirectionKeys { iv: &[], key: &key, mac_key: &[] };
        let mut sealer = (CHACHA20_POLY1305.sealer)(&keys, None).unwrap();
        let lengths = (1..=1200).chain([2047, 2048, 2049, 32_768, 35_000, 262_144]);
        for (sequence, data_len) in (u32::MAX - 600..=u32::MAX).chain(0..).zip(lengths) {
            let plain: Vec<u8> = (0..data_len + 4).map(|i| (i * 7 % 251) as u8).collect();
            let mut packet = plain.clone();
            packet.extend([0; TAG_BYTES]);
            assert!(sealer.seal(sequence, &mut packet));
            assert!(packet == independent(&key, sequence, &plain), "{data_len} bytes");
        }
    }

    /// RFC 8439 section 2.3.2: block function; its nonce holds our 64-bit nonce and the upper half
    /// of our counter.
    #[test]
    fn primitives_are_those_of_rfc_8439() {
        let key: [u8; 32] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        let nonce = hex("000000090000004a00000000");
        let mut block = [0; 64];
        let mut stream = ChaCha20::new_from_slices(&key, &nonce).unwrap();
        stream.seek(64_u32);
        stream.apply_keystream(&mut block);
        let expected = "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e\
                        d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e";
        assert_eq!(block[..], hex(expected));
        // The first word of that nonce is the upper word of the block counter of ours.
        let mut legacy = ChaCha20LegacyCore::new_from_slices(&key, &nonce[4..]).unwrap();
        let mut same = StreamBlock::default();
        legacy.set_block_pos(0x0900_0000 << 32 | 1);
        legacy.write_keystream_block(&mut same);
        assert_eq!(same[..], block);
        // Section 2.5.2: Poly1305.
        let key = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
        let mut key = OneTimeKey::try_from(&key[..]).unwrap();
        let tag = tag_of(&mut key, b"Cryptographic Forum Research Group");
        assert_eq!(tag[..], hex("a8061dc1305136c6c22b8baf0c0127a9"));
        assert_eq!(key[..], [0; 32], "a one-time key is erased when it was used");
    }
}

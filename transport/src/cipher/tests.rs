//! What every mode must do: round trips, and refusal of anything that was changed.

use super::*;
use proptest::prelude::*;
use std::string::String;
use std::vec;
use std::vec::Vec;

/// Bytes of a hexadecimal literal.
pub(super) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    let digit = |b: u8| char::from(b).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

/// A mode: a cipher, and a MAC where it needs one.
type Mode = (&'static CipherAlgorithm, Option<&'static MacAlgorithm>);

fn modes() -> Vec<Mode> {
    let with_mac = |row: &'static CipherAlgorithm| MACS.iter().map(move |mac| (row, Some(mac)));
    let (aead, other): (Vec<_>, Vec<_>) = CIPHERS.iter().partition(|row| row.aead);
    let aead = aead.into_iter().map(|row| (row, None));
    aead.chain(other.into_iter().flat_map(with_mac)).collect()
}

fn name(mode: Mode) -> String {
    std::format!("{} {}", mode.0.name, mode.1.map_or("", |mac| mac.name))
}

fn pair((row, mac): Mode) -> (Box<dyn Sealer>, Box<dyn Opener>) {
    let bytes: Vec<u8> = (1..=200).collect();
    let mac_key = &bytes[100..100 + mac.map_or(0, |mac| mac.key_len)];
    let keys =
        DirectionKeys { iv: &bytes[80..80 + row.iv_len], key: &bytes[..row.key_len], mac_key };
    ((row.sealer)(&keys, mac).unwrap(), (row.opener)(&keys, mac).unwrap())
}

/// A packet with `payload_len` bytes of payload, padded by the rule, and room for the tag.
fn packet(layout: &(impl Layout + ?Sized), payload_len: usize) -> Vec<u8> {
    let block = layout.block_len();
    let outside = if layout.length_is_aligned() { 0 } else { LENGTH_BYTES };
    let unpadded = LENGTH_BYTES + 1 + payload_len - outside;
    let padding = block + 4 - (unpadded + 4) % block;
    let length = 1 + payload_len + padding;
    let mut packet = u32::try_from(length).unwrap().to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap());
    packet.extend((0..payload_len + padding).map(|i| (i * 37 % 256) as u8));
    assert_eq!((packet.len() - outside) % block, 0);
    packet.resize(packet.len() + layout.tag_len(), 0);
    packet
}

/// Opens as the packet layer does: the head, then the whole, whose length the head must give.
fn open(opener: &mut dyn Opener, sequence: u32, packet: &mut [u8]) -> Result<(), BadTag> {
    let head = opener.head_len();
    let length = opener.open_length(sequence, &mut packet[..head]);
    let whole = u64::from(length) + (LENGTH_BYTES + opener.tag_len()) as u64;
    if whole != packet.len() as u64 { Err(BadTag) } else { opener.open(sequence, packet) }
}

#[test]
fn tables_are_consistent() {
    assert_eq!(modes().len(), 3 + 3 * 6);
    for row in CIPHERS {
        assert!(core::ptr::eq(cipher(row.name).unwrap(), row));
    }
    for row in MACS {
        assert!(core::ptr::eq(mac(row.name).unwrap(), row));
        assert_eq!(row.etm, row.name.ends_with("-etm@openssh.com"));
    }
    assert!(cipher("none").is_none() && mac("none").is_none() && cipher("").is_none());
    for mode in modes() {
        let (sealer, opener) = pair(mode);
        assert_eq!(sealer.tag_len(), opener.tag_len());
        assert_eq!(sealer.block_len(), opener.block_len());
        let block = if mode.0.name.starts_with("chacha20") { 8 } else { 16 };
        assert_eq!(sealer.block_len(), block, "{}", name(mode));
        assert_eq!(sealer.length_is_aligned(), opener.length_is_aligned());
        assert_eq!(opener.head_len() > LENGTH_BYTES, opener.length_is_aligned());
        assert_eq!(mode.1.map_or(16, |mac| mac.tag_len), sealer.tag_len());
    }
}

#[test]
fn round_trips_in_every_mode() {
    for mode in modes() {
        let (mut sealer, mut opener) = pair(mode);
        let mut sequence = u32::MAX - 20;
        for payload_len in (1..=70).chain([1023, 1024, 1025, 32_768]) {
            let plain = packet(sealer.as_ref(), payload_len);
            let content_len = plain.len() - sealer.tag_len();
            let mut sent = plain.clone();
            assert!(sealer.seal(sequence, &mut sent));
            assert_ne!(sent[LENGTH_BYTES..content_len], plain[LENGTH_BYTES..content_len]);
            assert_eq!(open(opener.as_mut(), sequence, &mut sent), Ok(()), "{}", name(mode));
            let opened = &sent[LENGTH_BYTES..content_len];
            assert!(*opened == plain[LENGTH_BYTES..content_len], "{} {payload_len}", name(mode));
            sequence = sequence.wrapping_add(1);
        }
    }
}

#[test]
fn cleartext_is_left_alone() {
    let (mut sealer, mut opener) = (none_sealer(), none_opener());
    let plain = packet(sealer.as_ref(), 9);
    let mut sent = plain.clone();
    assert!(sealer.seal(0, &mut sent));
    assert_eq!(open(opener.as_mut(), 0, &mut sent), Ok(()));
    assert_eq!(sent, plain);
    assert_eq!(sent.len() % 8, 0);
}

/// Every single flipped bit of a small packet, tag and length field included.
#[test]
fn every_flipped_bit_is_refused() {
    for mode in modes() {
        let (mut sealer, opener) = pair(mode);
        let mut sent = packet(sealer.as_ref(), 3);
        assert!(sealer.seal(5, &mut sent));
        drop(opener);
        for bit in 0..sent.len() * 8 {
            let (_, mut opener) = pair(mode);
            let mut changed = sent.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let opened = open(opener.as_mut(), 5, &mut changed);
            assert_eq!(opened, Err(BadTag), "{} bit {bit}", name(mode));
        }
    }
}

/// A refused packet was not decrypted where the mode can tell before, or is cleared.
#[test]
fn a_refused_packet_leaves_no_plaintext() {
    for mode in modes().into_iter().filter(|mode| mode.1.is_none_or(|mac| mac.etm)) {
        let (mut sealer, mut opener) = pair(mode);
        let mut sent = packet(sealer.as_ref(), 100);
        assert!(sealer.seal(5, &mut sent));
        *sent.last_mut().unwrap() ^= 1;
        let before = sent.clone();
        assert_eq!(open(opener.as_mut(), 5, &mut sent), Err(BadTag));
        let content = &sent[LENGTH_BYTES..sent.len() - opener.tag_len()];
        let cleared = content.iter().all(|byte| *byte == 0);
        assert!(sent == before || cleared, "{}", name(mode));
    }
}

/// GCM counts for itself (its own test covers order); every other mode takes the number given.
#[test]
fn another_sequence_number_is_refused() {
    for mode in modes().into_iter().filter(|mode| !mode.0.name.contains("gcm")) {
        for sequence in [0, 1, 6, 0x0500_0000, u32::MAX] {
            let (mut sealer, mut opener) = pair(mode);
            let mut sent = packet(sealer.as_ref(), 3);
            assert!(sealer.seal(5, &mut sent));
            assert_eq!(open(opener.as_mut(), sequence, &mut sent), Err(BadTag), "{}", name(mode));
        }
    }
}

/// The two directions have keys of their own: what one sealed, the other does not open.
#[test]
fn another_key_is_refused() {
    for mode in modes() {
        let (mut sealer, _) = pair(mode);
        let mut sent = packet(sealer.as_ref(), 3);
        assert!(sealer.seal(5, &mut sent));
        let (row, mac) = mode;
        let mac_key = vec![1; mac.map_or(0, |mac| mac.key_len)];
        let keys = DirectionKeys {
            iv: &vec![1; row.iv_len],
            key: &vec![1; row.key_len],
            mac_key: &mac_key,
        };
        let mut opener = (row.opener)(&keys, mac).unwrap();
        assert_eq!(open(opener.as_mut(), 5, &mut sent), Err(BadTag));
    }
}

/// Buffers with no room for a length, a byte and a tag: refused, not touched, no panic.
#[test]
fn short_buffers_are_refused() {
    let check = |mut sealer: Box<dyn Sealer>, mut opener: Box<dyn Opener>| {
        for n in 0..=LENGTH_BYTES + sealer.tag_len() {
            let mut short = vec![0; n];
            assert!(!sealer.seal(0, &mut short));
            assert_eq!(opener.open(0, &mut short), Err(BadTag));
            assert_eq!(short, vec![0; n]);
        }
        assert_eq!(opener.open_length(0, &mut [0; 3]), u32::MAX);
    };
    for mode in modes() {
        let (sealer, opener) = pair(mode);
        check(sealer, opener);
    }
    check(none_sealer(), none_opener());
}

/// Keys one byte short or long, of those that the mode uses at all.
#[test]
fn keys_of_another_length_are_refused() {
    for (row, mac) in modes() {
        let asked = [row.iv_len, row.key_len, mac.map_or(0, |mac| mac.key_len)];
        for (i, delta) in (0..3).flat_map(|i| [(i, 1), (i, -1)]).filter(|(i, _)| asked[*i] != 0) {
            let mut given = asked;
            given[i] = given[i].checked_add_signed(delta).unwrap();
            let [iv, key, mac_key] = given.map(|n| vec![1; n]);
            let keys = DirectionKeys { iv: &iv, key: &key, mac_key: &mac_key };
            assert!((row.sealer)(&keys, mac).is_none(), "{} {given:?}", row.name);
            assert!((row.opener)(&keys, mac).is_none(), "{} {given:?}", row.name);
        }
    }
}

/// Keys are erased when a mode is dropped; the bounds hold for what each mode stores.
#[test]
fn keys_are_erased_on_drop() {
    fn erased<T: zeroize::ZeroizeOnDrop>() {}
    erased::<zeroize::Zeroizing<[u8; 32]>>();
    erased::<chacha20::ChaCha20LegacyCore>();
    erased::<::aes_gcm::Aes128Gcm>();
    erased::<::aes_gcm::Aes256Gcm>();
    erased::<ctr::Ctr128BE<aes::Aes128>>();
    erased::<ctr::Ctr128BE<aes::Aes192>>();
    erased::<ctr::Ctr128BE<aes::Aes256>>();
    // `hmac` says nothing of itself, but all it stores are two states of these.
    erased::<sha1::Sha1>();
    erased::<sha2::Sha256>();
    erased::<sha2::Sha512>();
}

proptest! {
    /// Bytes from anywhere: a refusal, whatever they are.
    #[test]
    fn noise_is_refused(mut noise in proptest::collection::vec(any::<u8>(), 16..300)) {
        for mode in modes() {
            let (_, mut opener) = pair(mode);
            let head = opener.head_len();
            opener.open_length(7, &mut noise[..head]);
            prop_assert_eq!(opener.open(7, &mut noise), Err(BadTag));
        }
    }
}

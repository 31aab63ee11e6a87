//! What sealing and opening one packet costs: `cargo bench -p tssh-transport --bench ciphers`.

#![forbid(unsafe_code)]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use tssh_transport::cipher::{CIPHERS, CipherAlgorithm, DirectionKeys, LENGTH_BYTES, MacAlgorithm};
use tssh_transport::cipher::{Opener, Sealer, mac};

/// Payloads of a keystroke, of an interactive program, and of bulk data.
const SIZES: [usize; 4] = [64, 1024, 16 * 1024, 32 * 1024];
/// The MAC of ciphers that need one: the first that is offered.
const MAC: &str = "hmac-sha2-256-etm@openssh.com";

fn main() {
    divan::main();
}

fn halves(row: &CipherAlgorithm) -> (Box<dyn Sealer>, Box<dyn Opener>) {
    let mac_row: Option<&'static MacAlgorithm> = if row.aead { None } else { mac(MAC) };
    let zeros = [0; 64];
    let keys = DirectionKeys {
        iv: &zeros[..row.iv_len],
        key: &zeros[..row.key_len],
        mac_key: &zeros[..mac_row.map_or(0, |mac| mac.key_len)],
    };
    let halves = (row.sealer)(&keys, mac_row).zip((row.opener)(&keys, mac_row));
    halves.expect("keys as long as the row asks")
}

/// An unsealed packet with `size` bytes behind its length.
fn packet(size: usize, tag: usize) -> Vec<u8> {
    let length = u32::try_from(size).expect("a packet's size");
    let mut packet = vec![0; LENGTH_BYTES + size + tag];
    packet[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    packet
}

fn names() -> impl Iterator<Item = &'static str> {
    CIPHERS.iter().map(|row| row.name)
}

fn row(name: &str) -> &'static CipherAlgorithm {
    CIPHERS.iter().find(|row| row.name == name).expect("a name of the table")
}

#[divan::bench(args = names(), consts = SIZES)]
fn seal<const SIZE: usize>(bencher: Bencher<'_, '_>, name: &str) {
    let (mut sealer, _) = halves(row(name));
    let mut packet = packet(SIZE, sealer.tag_len());
    bencher.counter(BytesCount::new(SIZE)).bench_local(|| {
        packet[..LENGTH_BYTES].copy_from_slice(&u32::try_from(SIZE).unwrap_or(0).to_be_bytes());
        assert!(sealer.seal(black_box(7), &mut packet), "room for a tag");
    });
}

/// The counters of both halves go on together, so each packet is sealed first, untimed.
#[divan::bench(args = names(), consts = SIZES)]
fn open<const SIZE: usize>(bencher: Bencher<'_, '_>, name: &str) {
    let (mut sealer, opener) = halves(row(name));
    let opener = std::cell::RefCell::new(opener);
    let fresh = packet(SIZE, sealer.tag_len());
    let sealed = || {
        let mut packet = fresh.clone();
        assert!(sealer.seal(7, &mut packet), "room for a tag");
        packet
    };
    bencher.counter(BytesCount::new(SIZE)).with_inputs(sealed).bench_local_refs(|packet| {
        let mut opener = opener.borrow_mut();
        let head = opener.head_len();
        black_box(opener.open_length(7, &mut packet[..head]));
        opener.open(7, packet).expect("a packet that was sealed so");
    });
}

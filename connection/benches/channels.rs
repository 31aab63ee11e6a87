//! What channels cost, through both stacks with the cipher included:
//! `cargo bench -p tssh-connection --bench channels`.

#![forbid(unsafe_code)]

mod joined;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use joined::{Chosen, Joined};

const CHOSEN: Chosen = Chosen { kex: "curve25519-sha256", cipher: "aes128-gcm@openssh.com" };
const MIB: u64 = 1 << 20;

fn main() {
    divan::main();
}

/// From the identification strings to a user who is logged in, both ends.
#[divan::bench(args = [
    "curve25519-sha256", "mlkem768x25519-sha256", "sntrup761x25519-sha512",
])]
fn handshake(bencher: Bencher<'_, '_>, kex: &'static str) {
    bencher.bench_local(|| Joined::handshake(Chosen { kex, ..CHOSEN }, 0));
}

/// One channel opened and closed, beside others that stay.
#[divan::bench(args = [0, 1000])]
fn open_and_close(bencher: Bencher<'_, '_>, others: usize) {
    let mut joined = Joined::handshake(CHOSEN, 0);
    for _ in 0..others {
        joined.open();
    }
    bencher.counter(ItemsCount::new(1u64)).bench_local(|| {
        let channel = joined.open();
        joined.close(channel);
    });
}

/// Bulk data from client to server, fairly over the channels.
#[divan::bench(args = [1, 8, 64], consts = [0, 1])]
fn upload<const CIPHER: usize>(bencher: Bencher<'_, '_>, channels: usize) {
    let cipher = ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"][CIPHER];
    let mut joined = Joined::handshake(Chosen { cipher, ..CHOSEN }, 0);
    let channels: Vec<_> = (0..channels).map(|_| joined.open()).collect();
    bencher.counter(BytesCount::new(4 * MIB)).bench_local(|| joined.upload(&channels, 4 * MIB));
}

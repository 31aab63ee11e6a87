//! What the key exchange methods cost: `cargo bench -p tssh-transport --bench kex`.

#![forbid(unsafe_code)]

use divan::{Bencher, black_box};
use std::cell::RefCell;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES, Stream};
use tssh_transport::kex::method::{ClientShare, Exchange, METHODS, Response, method};
use tssh_transport::key::PrivateKey;

fn main() {
    divan::main();
}

fn entropy() -> Entropy {
    Entropy::from_seed(&[7; SEED_BYTES])
}

/// Methods with a share on each side; in group exchange the server names the group first.
fn names() -> impl Iterator<Item = &'static str> {
    let plain = METHODS.iter().filter(|row| !matches!(row.exchange, Exchange::Gex { .. }));
    plain.map(|row| row.name)
}

type Start = fn(&mut Stream) -> Box<dyn ClientShare>;
type Respond = fn(&mut Stream, &[u8]) -> Response;

fn functions(name: &str) -> (Start, Respond) {
    match method(name).expect("a name of the table").exchange {
        Exchange::Ecdh { start, respond } | Exchange::Dh { start, respond } => (start, respond),
        Exchange::Gex { .. } => unreachable!("left out by name"),
    }
}

/// The client's share.
#[divan::bench(args = names())]
fn start(bencher: Bencher<'_, '_>, name: &str) {
    let (start, _) = functions(name);
    let mut entropy = entropy();
    bencher.bench_local(|| black_box(start(entropy.stream(Purpose::Ephemeral))));
}

/// The server's share and secret.
#[divan::bench(args = names())]
fn respond(bencher: Bencher<'_, '_>, name: &str) {
    let (start, respond) = functions(name);
    let mut entropy = entropy();
    let share = start(entropy.stream(Purpose::Ephemeral));
    bencher.bench_local(|| respond(entropy.stream(Purpose::Ephemeral), share.public()).is_ok());
}

/// The client's secret.
#[divan::bench(args = names())]
fn agree(bencher: Bencher<'_, '_>, name: &str) {
    let (start, respond) = functions(name);
    let entropy = RefCell::new(entropy());
    let both = || {
        let mut entropy = entropy.borrow_mut();
        let share = start(entropy.stream(Purpose::Ephemeral));
        let answer = respond(entropy.stream(Purpose::Ephemeral), share.public());
        let Ok((answer, _)) = answer else { panic!("a share of our own was refused") };
        (share, answer)
    };
    bencher
        .with_inputs(both)
        .bench_local_values(|(share, answer)| black_box(share.agree(&answer).is_ok()));
}

/// A signature of the host's or the user's key.
#[divan::bench]
fn sign_ed25519(bencher: Bencher<'_, '_>) {
    let key = PrivateKey::generate_ed25519(entropy().stream(Purpose::Upper));
    bencher.bench_local(|| key.sign("ssh-ed25519", black_box(b"an exchange hash")).is_ok());
}

/// Its verification.
#[divan::bench]
fn verify_ed25519(bencher: Bencher<'_, '_>) {
    let key = PrivateKey::generate_ed25519(entropy().stream(Purpose::Upper));
    let signature = key.sign("ssh-ed25519", b"an exchange hash").expect("a signature");
    let public = key.public();
    bencher.bench_local(|| {
        public.verify("ssh-ed25519", black_box(b"an exchange hash"), &signature).is_ok()
    });
}

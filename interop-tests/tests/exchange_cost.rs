//! No message of a key exchange costs much CPU time, whichever method a peer asks for.

#![forbid(unsafe_code)]

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;
use tssh_connection::{
    Answer, ClientConfig, ConnectionConfig, Event, Happening, ServerConfig, Stack,
};
use tssh_transport::algorithms::Algorithms;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::kex::method::METHODS;
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::PrivateKey;
use tssh_transport::userauth::ServerAuthConfig;
use tssh_transport::{Side, Timestamp, TransportConfig};

/// For one message, in a build in which only the primitives are optimised.
const CPU_MAX: Duration = Duration::from_millis(50);
/// The same over finite fields, the largest group among them.
const FINITE_FIELD_CPU_MAX: Duration = Duration::from_millis(150);
/// A busy machine makes a message dearer than it is, but not each time.
const TRIES: u8 = 4;
/// More than an exchange says at once.
const READ_BYTES: usize = 64 * 1024;

fn stack(kex: &str, side: Side) -> Stack {
    let entropy = Entropy::from_seed(&[if side.is_client() { 1 } else { 2 }; SEED_BYTES]);
    let host_key =
        PrivateKey::generate_ed25519(Entropy::from_seed(&[3; SEED_BYTES]).stream(Purpose::Upper));
    let mut algorithms = Algorithms::default_for(side, true);
    algorithms.kex = vec![kex.to_owned()];
    let transport = TransportConfig {
        identification: "SSH-2.0-cost".to_owned(),
        algorithms,
        rekey: RekeyLimits::default(),
        host_keys: if side.is_client() { Vec::new() } else { vec![host_key] },
        server_sig_algs: Vec::new(),
    };
    let (connection, now) = (ConnectionConfig::default(), Timestamp::default());
    match side {
        Side::Client => {
            let user = "somebody".to_owned();
            Stack::client(ClientConfig { transport, user, connection }, entropy, now)
        }
        Side::Server => {
            let auth = ServerAuthConfig::default();
            Stack::server(ServerConfig { transport, auth, connection }, entropy, now)
        }
    }
    .expect("a stack")
}

/// The time that this thread has run.
fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock of this thread").into()
}

/// One step of a stack, and whether keys were exchanged in it.
fn step(stack: &mut Stack) -> Option<bool> {
    let event = match stack.next(Timestamp::default()).expect("no error")? {
        Happening::Event(event) => event,
        Happening::Data(_) => panic!("data before a login"),
    };
    if matches!(event, Event::HostKey(_)) {
        stack.answer(Answer::HostKey(true)).expect("an open question");
    }
    Some(matches!(event, Event::Exchanged { .. }))
}

/// What the dearest messages of a whole exchange cost that come at once, to either side.
fn dearest(kex: &str) -> Duration {
    let mut ends = [stack(kex, Side::Client), stack(kex, Side::Server)];
    let (mut dearest, mut exchanged) = (Duration::ZERO, 0);
    loop {
        let mut moved = false;
        for at in [0, 1] {
            let bytes = ends[at].transmit().to_vec();
            ends[at].transmitted(bytes.len());
            let other = &mut ends[1 - at];
            other.receive_space(READ_BYTES)[..bytes.len()].copy_from_slice(&bytes);
            other.received(bytes.len());
            moved |= !bytes.is_empty();
            let before = cpu();
            while let Some(done) = step(other) {
                exchanged += usize::from(done);
            }
            dearest = dearest.max(cpu().saturating_sub(before));
        }
        if !moved {
            assert_eq!(exchanged, 2, "{kex}: both sides have new keys");
            return dearest;
        }
    }
}

#[test]
fn no_message_of_an_exchange_is_dear() {
    for method in METHODS {
        let cost = (0..TRIES).map(|_| dearest(method.name)).min().expect("a try");
        let finite = method.name.starts_with("diffie-hellman-");
        let most = if finite { FINITE_FIELD_CPU_MAX } else { CPU_MAX };
        println!("{:<40} {cost:?}", method.name);
        assert!(cost <= most, "{}: {cost:?} for a message", method.name);
    }
}

//! The two stacks of a run, and the answers to their questions.

use super::random::hash;
use super::swarm::Features;
use tssh_connection::{Answer, ClientConfig, ConnectionConfig, Event, ServerConfig, Stack};
use tssh_transport::algorithms::Algorithms;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::PrivateKey;
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion, ServerAuthConfig};
use tssh_transport::{Side, Timestamp, TransportConfig};

/// Who logs in.
pub const USER: &str = "somebody";

/// Entropy that follows from a seed and a label.
#[must_use]
pub fn entropy(seed: u64, label: u64) -> Entropy {
    let mut bytes = [0; SEED_BYTES];
    for (i, chunk) in bytes.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&hash(&[seed, label, i as u64]).to_le_bytes());
    }
    Entropy::from_seed(&bytes)
}

/// An ed25519 key that follows from a seed and a label.
#[must_use]
pub fn key(seed: u64, label: u64) -> PrivateKey {
    PrivateKey::generate_ed25519(entropy(seed, label).stream(Purpose::Upper))
}

const CLIENT: u64 = 1;
const SERVER: u64 = 2;
const HOST_KEY: u64 = 3;
const USER_KEY: u64 = 4;
const WRONG_KEY: u64 = 5;

fn transport(seed: u64, features: &Features, side: Side) -> TransportConfig {
    let manner = &features.manners[usize::from(!side.is_client())];
    let one = |name: &str| vec![name.to_owned()];
    let client = side.is_client();
    TransportConfig {
        identification: "SSH-2.0-tssh_sim".to_owned(),
        algorithms: Algorithms {
            kex: one(features.kex),
            host_key: one("ssh-ed25519"),
            cipher: one(features.cipher),
            mac: one(features.mac),
            compression: one(features.compression),
        },
        rekey: RekeyLimits {
            bytes: manner.rekey_bytes,
            packets: manner.rekey_packets,
            interval: manner.rekey_interval,
        },
        host_keys: if client { Vec::new() } else { vec![key(seed, HOST_KEY)] },
        server_sig_algs: one("ssh-ed25519"),
    }
}

/// Client and server of a run.
///
/// # Panics
/// Where one of them cannot be made, which has no reason.
#[must_use]
pub fn stacks(seed: u64, features: &Features) -> [Stack; 2] {
    let connection = |side: usize| ConnectionConfig {
        channel_memory: features.manners[side].channel_memory,
        channel_window: features.manners[side].channel_window,
        channels_max: features.manners[side].channels_max,
        ..ConnectionConfig::default()
    };
    let client = ClientConfig {
        transport: transport(seed, features, Side::Client),
        user: USER.to_owned(),
        connection: connection(0),
    };
    let server = ServerConfig {
        transport: transport(seed, features, Side::Server),
        auth: ServerAuthConfig::default(),
        connection: connection(1),
    };
    let now = Timestamp::default();
    let client = Stack::client(client, entropy(seed, CLIENT), now).expect("a client");
    let server = Stack::server(server, entropy(seed, SERVER), now).expect("a server");
    [client, server]
}

/// The answer to an event that is a question, and the event back where it is none. `failures`
/// says how many attempts to log in are to fail before one succeeds, and is counted down.
///
/// # Errors
/// A question that nothing in a run can raise.
pub fn answer(
    seed: u64,
    event: Event,
    failures: &mut u32,
) -> Result<Result<Answer, Event>, String> {
    let question = match event {
        Event::HostKey(question) => {
            let ours = question.blob == key(seed, HOST_KEY).public().blob();
            return Ok(Ok(Answer::HostKey(ours)));
        }
        Event::Auth(AuthEvent::Question(question)) => question,
        event => return Ok(Err(event)),
    };
    Ok(Ok(Answer::Auth(match question {
        AuthQuestion::ChooseMethod { .. } => {
            let label = if *failures > 0 { WRONG_KEY } else { USER_KEY };
            let probe = failures.is_multiple_of(2) && *failures > 0;
            let odd_one = *failures == 3;
            *failures = failures.saturating_sub(1);
            let blob = key(seed, label).public().blob();
            let algorithm = "ssh-ed25519".to_owned();
            AuthAnswer::Attempt(match odd_one {
                true => Attempt::None,
                false => Attempt::PublicKey { blob, algorithm, probe },
            })
        }
        AuthQuestion::Sign { blob, algorithm, data } => {
            let label = [USER_KEY, WRONG_KEY].into_iter();
            let mut keys = label.map(|label| key(seed, label));
            let key = keys.find(|key| key.public().blob() == blob).ok_or("a key of nobody")?;
            AuthAnswer::Signature(key.sign(&algorithm, &data).map_err(|e| format!("{e:?}"))?)
        }
        AuthQuestion::CheckKey { user, blob, .. } => {
            let ours = user == USER && blob == key(seed, USER_KEY).public().blob();
            if ours { AuthAnswer::Accept } else { AuthAnswer::Reject }
        }
        question => return Err(format!("nothing can raise {question:?}")),
    })))
}

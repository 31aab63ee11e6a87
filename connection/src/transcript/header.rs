//! A stack's configuration in a transcript's header.

use crate::connection::ConnectionConfig;
use crate::stack::{ClientConfig, ServerConfig, Stack};
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write as _;
use tssh_transport::entropy::{Entropy, SEED_BYTES};
use tssh_transport::transcript::{self, Line, Mismatch, ReadFault, Transcript, hex, unhex};
use tssh_transport::userauth::ServerAuthConfig;
use tssh_transport::{Side, Timestamp};

const CHANNEL_WINDOW: &str = "channel_window";
const HOST_KEYS: &str = "host_keys_told";
const HOST_BOUND: &str = "host_bound";
const PACKET_MAX: &str = "packet_max";

/// The header of a client's recording.
#[must_use]
pub fn client_header(config: &ClientConfig, seed: &[u8; SEED_BYTES]) -> String {
    let mut out = transcript::header(Side::Client, seed, &config.transport, &[]);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "user {}", config.user);
    write_connection(&mut out, &config.connection);
    out
}

/// The header of a server's recording. `host_key_files` are the texts that the server's keys were
/// read from.
#[must_use]
pub fn server_header(
    config: &ServerConfig,
    seed: &[u8; SEED_BYTES],
    host_key_files: &[alloc::vec::Vec<u8>],
) -> String {
    let auth = &config.auth;
    let mut out = transcript::header(Side::Server, seed, &config.transport, host_key_files);
    let banner = auth.banner.as_ref().map_or(".".to_string(), |banner| hex(banner.as_bytes()));
    // Writing to a String cannot fail.
    let _ = writeln!(out, "auth_methods {}", auth.methods);
    let _ = writeln!(out, "auth_banner {banner}");
    let _ = writeln!(out, "auth_failures {}", auth.max_failures);
    let _ = writeln!(out, "auth_algorithms {}.", auth.signature_algorithms.join(","));
    let _ = writeln!(out, "auth_ask_none {}", u8::from(auth.ask_none));
    write_connection(&mut out, &config.connection);
    out
}

fn write_connection(out: &mut String, config: &ConnectionConfig) {
    let _ = writeln!(out, "channels {} {}", config.channel_memory, config.channels_max);
    if let Some(bytes) = config.channel_window {
        let _ = writeln!(out, "{CHANNEL_WINDOW} {bytes}");
    }
    if config.host_keys {
        let _ = writeln!(out, "{HOST_KEYS} 1");
    }
}

/// What is set on a stack after it is made. A header without these lines has none of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// [`Stack::allow_host_bound`].
    pub host_bound: bool,
    /// [`Stack::cap_packets`].
    pub packet_max: Option<u32>,
}

/// The header's lines for them.
#[must_use]
pub fn settings_header(settings: &Settings) -> String {
    let mut out = String::new();
    if settings.host_bound {
        let _ = writeln!(out, "{HOST_BOUND} 1");
    }
    if let Some(bytes) = settings.packet_max {
        let _ = writeln!(out, "{PACKET_MAX} {bytes}");
    }
    out
}

/// A number that is there only where it was set.
fn optional(transcript: &Transcript<'_>, key: &'static str) -> Result<Option<u64>, ReadFault> {
    match transcript.value(key) {
        Ok(_) => numbers(transcript, key).map(|[number]| Some(number)),
        Err(_) => Ok(None),
    }
}

fn numbers<const N: usize>(
    transcript: &Transcript<'_>,
    key: &'static str,
) -> Result<[u64; N], ReadFault> {
    Line { number: 0, call: key, arguments: transcript.value(key)? }.numbers()
}

fn auth(transcript: &Transcript<'_>) -> Result<ServerAuthConfig, ReadFault> {
    let banner = transcript.value("auth_banner")?;
    let [failures] = numbers(transcript, "auth_failures")?;
    let [ask_none] = numbers(transcript, "auth_ask_none")?;
    let text = |digits| unhex(digits).and_then(|bytes| String::from_utf8(bytes).ok());
    let algorithms = transcript.value("auth_algorithms")?.trim_end_matches('.');
    let algorithms = algorithms.split(',').filter(|name| !name.is_empty());
    Ok(ServerAuthConfig {
        methods: transcript.value("auth_methods")?.to_string(),
        banner: text(banner).filter(|_| banner != "."),
        max_failures: u32::try_from(failures).unwrap_or(u32::MAX),
        signature_algorithms: algorithms.map(ToString::to_string).collect(),
        ask_none: ask_none != 0,
    })
}

/// The stack that a transcript begins with.
///
/// # Errors
/// Where the header does not describe one.
pub fn new_stack(transcript: &Transcript<'_>) -> Result<Stack, Mismatch> {
    let entropy = Entropy::from_seed(&transcript.seed()?);
    let transport = transcript::config(transcript)?;
    let [channel_memory, channels_max] = numbers(transcript, "channels")?;
    let channels_max = usize::try_from(channels_max).unwrap_or(usize::MAX);
    let channel_window =
        optional(transcript, CHANNEL_WINDOW)?.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
    let host_keys = optional(transcript, HOST_KEYS)?.is_some();
    let connection = ConnectionConfig { channel_memory, channel_window, channels_max, host_keys };
    let now = Timestamp::default();
    let stack = match transcript.side()? {
        Side::Client => {
            let user = transcript.value("user")?.to_string();
            Stack::client(ClientConfig { transport, user, connection }, entropy, now)
        }
        Side::Server => {
            let auth = auth(transcript)?;
            Stack::server(ServerConfig { transport, auth, connection }, entropy, now)
        }
    };
    let failed = |error| Mismatch(format!("the stack cannot start: {error}"));
    let mut stack = stack.map_err(failed)?;
    if optional(transcript, HOST_BOUND)?.is_some() {
        stack.allow_host_bound();
    }
    if let Some(bytes) = optional(transcript, PACKET_MAX)? {
        stack.cap_packets(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
    Ok(stack)
}

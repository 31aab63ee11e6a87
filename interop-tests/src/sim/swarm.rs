//! Which features a run has: switched by its seed, so that each run is narrow and many runs
//! together are wide. A test that always does a little of everything rarely does much of one
//! thing, and bugs hide where one thing is done a lot.

use super::link::Faults;
use super::random::Rng;
use core::time::Duration;

/// What an application may do, as the index of its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Open a channel.
    Open,
    /// Have more to send on a channel.
    Write,
    /// End a direction once all is sent.
    HalfClose,
    /// Close a channel, whatever it is doing.
    Close,
    /// Read faster or slower.
    Pace,
    /// Take some of what waits.
    Drain,
    /// Ask something about a channel.
    Request,
    /// Ask something of the connection.
    Global,
    /// Answer something that was asked.
    Decide,
    /// Exchange keys now.
    Rekey,
    /// Measure a round trip.
    Ping,
    /// Have something to send again where a turn was let pass.
    Resume,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Open,
        Self::Write,
        Self::HalfClose,
        Self::Close,
        Self::Pace,
        Self::Drain,
        Self::Request,
        Self::Global,
        Self::Decide,
        Self::Rekey,
        Self::Ping,
        Self::Resume,
    ];
}

/// What one side does, and with what limits.
#[derive(Debug, Clone)]
pub struct Manner {
    /// New keys after this many bytes.
    pub rekey_bytes: u64,
    /// New keys after this many packets.
    pub rekey_packets: u64,
    /// New keys after this long.
    pub rekey_interval: Duration,
    /// Sum of the receive windows.
    pub channel_memory: u64,
    /// The size of every receive window, where one is chosen.
    pub channel_window: Option<u32>,
    /// Most channels at a time.
    pub channels_max: usize,
    /// Channels that it opens in all.
    pub opens: u32,
    /// Bytes that it has to send in all.
    pub bytes: u64,
    /// Most bytes that a stream gets to send at a time.
    pub write_bytes_max: u64,
    /// Exchanges of keys that it asks for in all, and so many pings at a time.
    pub rekeys: u32,
    /// How often each action is taken, in the order of [`Action::ALL`].
    pub weights: [u64; 12],
    /// How many of a hundred consumers begin slow.
    pub slow_percent: u64,
    /// Most requests that are sent at a time.
    pub burst: u64,
    /// Whether turns are sometimes let pass or used for a few bytes only.
    pub small_sends: bool,
    /// Whether stray data goes out on streams that have no consumer.
    pub stray_data: bool,
}

/// All that distinguishes one run from another, apart from the dice.
#[derive(Debug, Clone)]
pub struct Features {
    /// Key exchange method.
    pub kex: &'static str,
    /// Cipher.
    pub cipher: &'static str,
    /// MAC.
    pub mac: &'static str,
    /// Compression.
    pub compression: &'static str,
    /// The two directions, client to server first.
    pub faults: [Faults; 2],
    /// The two sides, client first.
    pub manners: [Manner; 2],
    /// Steps of one storm.
    pub steps: u64,
    /// Storms, each followed by a calm in which everything must arrive.
    pub storms: u32,
    /// Most time that a step takes, in microseconds.
    pub step_micros_max: u64,
    /// How often in a hundred steps a side is not heard of.
    pub absent_percent: u64,
    /// How often in a hundred steps both sides begin an exchange of keys at once.
    pub crossing_percent: u64,
    /// Whether nothing happens until both sides are logged in.
    pub calm_login: bool,
    /// Whether attempts to log in fail before one succeeds.
    pub failed_logins: bool,
    /// Whether answers to questions take a while.
    pub slow_answers: bool,
    /// Whether the connection ends in the middle of everything.
    pub abrupt_end: bool,
}

/// The default sum of receive windows, in KiB.
const MEMORY: u64 = 32 * 1024;

const CIPHERS: [&str; 6] = [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
];
const MACS: [&str; 4] = [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
];

impl Features {
    /// The features of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::new(super::random::hash(&[seed, 0xfea7]));
        let rng = &mut rng;
        let hybrid = rng.chance(10);
        let compressed = rng.chance(20);
        let busy = *rng.pick(&[1, 1, 4]);
        let steps = rng.between(100, 500) * busy;
        // A re-exchange that takes two minutes is given up, and rightly so: a whole run takes less.
        let micros = *rng.pick(&[20_000, 1_000_000, 30_000_000]);
        let manners = [manner(rng), manner(rng)];
        // With dice of its own, so that everything else stays what it was for the seed.
        let mut windows = Rng::new(super::random::hash(&[seed, 0x7769_6e64]));
        let manners =
            manners.map(|manner| Manner { channel_window: window(&mut windows), ..manner });
        Self {
            kex: if hybrid { "mlkem768x25519-sha256" } else { "curve25519-sha256" },
            cipher: *rng.pick(&CIPHERS),
            mac: *rng.pick(&MACS),
            compression: if compressed { "zlib@openssh.com" } else { "none" },
            faults: [faults(rng, micros), faults(rng, micros)],
            manners,
            steps,
            storms: rng.between(1, 2) as u32,
            step_micros_max: 2 * micros / steps,
            calm_login: rng.chance(80),
            absent_percent: *rng.pick(&[0, 20, 60]),
            crossing_percent: *rng.pick(&[0, 0, 1, 3]),
            failed_logins: rng.chance(20),
            slow_answers: rng.chance(30),
            abrupt_end: rng.chance(10),
        }
    }
}

/// Faults of a link that is used for so many microseconds.
fn faults(rng: &mut Rng, micros: u64) -> Faults {
    let stalls = rng.chance(30);
    // A slow link that is also narrow would take minutes for what waits before a key exchange.
    let small = if micros > 10_000_000 { 8 } else { 1 };
    Faults {
        latency_micros: rng.size(micros / 100) - 1,
        jitter_micros: rng.size(micros / 100) - 1,
        capacity_bytes: *rng.pick(&[small, 8, 64, 256, 1024]) * 1024,
        chunk_bytes_max: *rng.pick(&[17, 1000, 16 * 1024, 256 * 1024]),
        partial_writes: rng.chance(50),
        stalls_per_mille: if stalls { rng.between(1, 30) } else { 0 },
        stall_micros_max: micros / 8,
    }
}

/// The size of every receive window of one side, in most runs none.
fn window(rng: &mut Rng) -> Option<u32> {
    rng.chance(20).then(|| *rng.pick(&[4, 32, 100, 2048, 16 * 1024]) * 1024)
}

fn manner(rng: &mut Rng) -> Manner {
    let rekeys = rng.chance(50);
    let rekey_bytes = if rekeys { *rng.pick(&[1, 2000, 64 * 1024, 64 * 1024]) } else { 1 << 30 };
    let rekey_packets = if rng.chance(10) { rng.between(1, 40) } else { 1 << 30 };
    let tiny = rekey_bytes < 10_000 || rekey_packets < 10;
    let by_time = rng.chance(30);
    let many = rng.chance(15);
    let mut weights = [20, 120, 4, 2, 15, 60, 40, 20, 80, 5, 10, 60];
    for weight in &mut weights[..10] {
        *weight *= *rng.pick(&[0, 1, 1, 1, 3]);
    }
    if rng.chance(80) {
        // What there is to close and to read has to be opened and written first.
        weights[Action::Open as usize] = weights[Action::Open as usize].max(20);
        weights[Action::Write as usize] = weights[Action::Write as usize].max(120);
    }
    // Without this nothing that was asked would ever come to anything.
    weights[Action::Decide as usize] = weights[Action::Decide as usize].max(10);
    if many {
        weights[Action::Open as usize] = 300;
    }
    Manner {
        rekey_bytes,
        rekey_packets,
        rekey_interval: Duration::from_secs(if by_time { rng.between(4, 20) } else { 3600 }),
        channel_memory: *rng.pick(&[16, 64, 256, 1024, 4096, MEMORY, MEMORY, MEMORY]) * 1024,
        channel_window: None,
        channels_max: *rng.pick(&[3, 20, 8192, 8192, 8192, 8192, 8192, 8192]),
        opens: if many { 300 } else { rng.between(1, 30) as u32 },
        bytes: if tiny { 60_000 } else { *rng.pick(&[50_000, 500_000, 3_000_000]) },
        write_bytes_max: *rng.pick(&[100, 5000, 100_000, 1_000_000]),
        rekeys: *rng.pick(&[0, 2, 12]),
        weights,
        slow_percent: *rng.pick(&[0, 30, 100]),
        burst: *rng.pick(&[1, 1, 1, 100]),
        small_sends: rng.chance(50),
        stray_data: rng.chance(15),
    }
}

//! Real servers of Debian's packages as the far end of a forward: each on a promised port of
//! 127.0.0.1, with its files in a folder of its own, ready when it is returned and ended when
//! dropped.
//!
//! Started as root, those that refuse to serve as root serve as `nobody`.

mod dovecot;
mod nginx;
mod redis;
mod smtp;

pub use dovecot::{Dovecot, PASSWORD, USER};
pub use nginx::Nginx;
pub use redis::Redis;
pub use smtp::Smtp;

use crate::openssh::program_path;
use crate::process::{PATIENCE, Process};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// How long a server that does not listen yet is watched for its end before the next try.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Which of these programs the machine lacks, and how it gets them.
#[must_use]
pub fn missing(programs: &[&str]) -> Option<String> {
    let lacking: Vec<&str> =
        programs.iter().copied().filter(|program| !program_path(program).exists()).collect();
    (!lacking.is_empty())
        .then(|| format!("{} not installed (./test installs it)", lacking.join(", ")))
}

/// Waits until the server takes connections on its port.
///
/// # Panics
/// With its output when it ends, or takes none in time.
#[track_caller]
fn await_port(process: &mut Process, port: u16) {
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let ended = process.wait_for_exit(BETWEEN_TRIES).is_some();
        assert!(!ended && begun.elapsed() < PATIENCE, "no server: {}", process.output());
    }
}

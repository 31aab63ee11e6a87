//! CPU milliseconds of a client from its start to the end of a remote `true`: tssh against ssh,
//! the same server, key and algorithms, interleaved in one run.
//!
//! `cargo run --release -p tssh-interop-tests --bin login-cpu -- [LOGINS] [ROUNDS] [--bar RATIO]`
//!
//! Needs Debian's openssh-server and openssh-client. With a bar, the exit status is 1 when the
//! median ratio is above it.

#![forbid(unsafe_code)]

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use tssh_interop_tests::measure::{Asked, median};
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::tssh::{client_command, tssh_binary};

/// The same work for both: one elliptic curve, one cipher with hardware behind it.
const OPTIONS: [&str; 4] =
    ["-o", "KexAlgorithms=curve25519-sha256", "-c", "aes128-gcm@openssh.com"];

fn main() -> ExitCode {
    let asked = Asked::read(std::env::args().skip(1));
    let Some(asked) = asked.filter(|asked| asked.numbers.len() <= 2) else {
        eprintln!("usage: login-cpu [LOGINS] [ROUNDS] [--bar RATIO]");
        return ExitCode::from(2);
    };
    let logins = asked.numbers.first().copied().unwrap_or(20);
    let rounds = asked.numbers.get(1).copied().unwrap_or(7);
    let server = Server::with_lines(&[]);
    let clients = [PathBuf::from("/usr/bin/ssh"), tssh_binary()];
    let mut costs = [Vec::new(), Vec::new()];
    for client in &clients {
        // Once for the caches.
        log_in(client, &server);
    }
    for _ in 0..rounds {
        for (client, costs) in clients.iter().zip(&mut costs) {
            let before = children_ms();
            for _ in 0..logins {
                log_in(client, &server);
            }
            costs.push((children_ms() - before) / logins as f64);
        }
    }
    let [ssh, tssh] = costs;
    let ratio = median(ssh.iter().zip(&tssh).map(|(a, b)| b / a).collect());
    println!("{logins} logins, {rounds} rounds; client CPU milliseconds to a remote `true`");
    println!("ssh {:.2}, tssh {:.2}: {ratio:.2}x", median(ssh), median(tssh));
    asked.verdict(&[ratio])
}

/// One login with a key, a remote `true`, and the end.
fn log_in(client: &Path, server: &Server) {
    let mut command = client_command(client, server, &OPTIONS, &["true"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let output = command.output().expect("run a client");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}", client.display());
}

/// User and system time of all children that have ended and were waited for: the server has not.
fn children_ms() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the times of children");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros as f64 / 1000.0
}

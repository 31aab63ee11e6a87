//! Bulk data: speed, CPU time and memory.

use super::crypto;
use super::peers::{Dialect, Pair};
use super::stream;
use super::target::{DOWN_OFFSET, GOOD, Target, Way, begin, expect_good};
use super::tunnel::{Manner, Tunnel};
use super::{Sample, sample};
use crate::measure::machine_seconds;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

const GIB: f64 = 1024.0 * MIB;
const MIB: f64 = 1024.0 * 1024.0;

/// What is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bulk {
    /// Where it flows.
    pub way: Way,
    /// Over how many connections at once.
    pub streams: u64,
    /// Bytes each way, all connections together.
    pub bytes: u64,
}

/// Carries it once.
///
/// # Errors
/// What went wrong: other bytes, too few, none at all.
pub fn measure(pair: &Pair, manner: &Manner, bulk: Bulk) -> Result<Sample, String> {
    let target = Target::start();
    let tunnel = Tunnel::start(pair, manner, target.port())?;
    let each = bulk.bytes / bulk.streams;
    let mut connections = Vec::new();
    for number in 0..bulk.streams {
        let mut connection = tunnel.connect()?;
        begin(&mut connection, number, bulk.way, each).map_err(|error| error.to_string())?;
        connections.push(connection);
    }
    let barrier = Barrier::new(connections.len() + 1);
    let (client, server) = (tunnel.client_cpu(), tunnel.server_cpu());
    let (ready, machine) = (tunnel.server_ready(), machine_seconds());
    let wall = std::thread::scope(|scope| {
        let threads: Vec<_> = (0u64..)
            .zip(connections)
            .map(|(number, connection)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    carry(connection, number, bulk.way, each)
                })
            })
            .collect();
        let begun = Instant::now();
        barrier.wait();
        for thread in threads {
            let outcome = thread.join().map_err(|_| "a thread of the load failed".to_owned())?;
            outcome.map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(begun.elapsed().as_secs_f64())
    })?;
    let (client, server) = (tunnel.client_cpu() - client, tunnel.server_cpu() - server);
    let (machine, ready) = (machine_seconds() - machine, tunnel.server_ready() - ready);
    let both = if bulk.way == Way::Both { 2.0 } else { 1.0 };
    let carried = (each * bulk.streams) as f64 * both;
    let [client_peak, server_peak] = tunnel.peaks_kib();
    let mut values = sample([
        ("client_cpu_s_per_gib", client / carried * GIB),
        ("server_cpu_s_per_gib", server / carried * GIB),
        ("speed_mib_per_s", carried / MIB / wall),
        ("busy_cores", machine / wall),
        ("server_ready", ready / wall),
        ("client_peak_mib", client_peak / 1024.0),
        ("server_peak_mib", server_peak / 1024.0),
    ]);
    // The trunk has sealed and opened what it carried.
    if pair.client.dialect == Dialect::Trunk {
        values.insert("bound_cpu_s_per_gib", client / carried * GIB);
        values.insert("bound_server_cpu_s_per_gib", server / carried * GIB);
    } else if pair.is_relay()
        && let Some(crypto) = crypto::seconds_per_gib(manner.algorithms, bulk.way)
    {
        values.insert("crypto_s_per_gib", crypto);
        values.insert("bound_cpu_s_per_gib", crypto + client / carried * GIB);
        if let Some(crypto) = crypto::seconds_per_gib(manner.algorithms, bulk.way.turned()) {
            values.insert("bound_server_cpu_s_per_gib", crypto + server / carried * GIB);
        }
    }
    Ok(values)
}

/// One connection of the load, from the moment on at which all begin.
fn carry(mut connection: TcpStream, number: u64, way: Way, bytes: u64) -> io::Result<()> {
    let (go_on, sent, got) = (AtomicBool::new(true), AtomicU64::new(0), AtomicU64::new(0));
    if way == Way::Down {
        connection.write_all(&[GOOD])?;
    }
    let sender = way.sends().then(|| connection.try_clone()).transpose()?;
    std::thread::scope(|scope| {
        let (go_on, sent) = (&go_on, &sent);
        let sending = sender.map(|mut to| {
            scope.spawn(move || stream::send(&mut to, number, Some(bytes), go_on, sent))
        });
        if way.receives() {
            stream::receive(&mut connection, number + DOWN_OFFSET, Some(bytes), &got)?;
        }
        match sending.map(|thread| thread.join()) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome.and_then(|()| expect_good(&mut connection)),
            Some(Err(_)) => Err(io::Error::other("a thread of the load failed")),
        }
    })?;
    connection.shutdown(Shutdown::Write)
}

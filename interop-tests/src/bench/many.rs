//! Many connections: short ones, and many that stay.

use super::peers::Pair;
use super::tunnel::{Manner, Tunnel};
use super::{Sample, sample};
use crate::measure::machine_seconds;
use crate::toys::{Service, Toy};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How many are opened at a time where many stay: less than listeners queue.
const OPENERS: u64 = 64;

/// Opens, uses and closes so many connections, `at_once` of them beside each other.
///
/// # Errors
/// What went wrong.
pub fn short(pair: &Pair, manner: &Manner, count: u64, at_once: u64) -> Result<Sample, String> {
    let service = Service::start(Toy::Echo);
    let tunnel = Tunnel::start(pair, manner, service.port())?;
    exchange(&mut tunnel.connect()?, 0).map_err(|error| error.to_string())?;
    let (client, server, begun) = (tunnel.client_cpu(), tunnel.server_cpu(), Instant::now());
    let machine = machine_seconds();
    spread(count, at_once, &|number| {
        let mut connection = tunnel.connect()?;
        let exchanged = exchange(&mut connection, number).and_then(|()| finish(&mut connection));
        exchanged.map_err(|error| error.to_string())
    })?;
    let (wall, machine) = (begun.elapsed().as_secs_f64(), machine_seconds() - machine);
    let (client, server) = (tunnel.client_cpu() - client, tunnel.server_cpu() - server);
    Ok(sample([
        ("rate_per_s", count as f64 / wall),
        ("busy_cores", machine / wall),
        ("client_cpu_us_each", client * 1e6 / count as f64),
        ("server_cpu_us_each", server * 1e6 / count as f64),
    ]))
}

/// Opens so many connections and keeps them; each has carried a few bytes both ways.
///
/// # Errors
/// What went wrong.
pub fn kept(pair: &Pair, manner: &Manner, count: u64) -> Result<Sample, String> {
    let service = Service::start(Toy::Echo);
    let tunnel = Tunnel::start(pair, manner, service.port())?;
    exchange(&mut tunnel.connect()?, 0).map_err(|error| error.to_string())?;
    let [client_before, server_before] = tunnel.residents_kib();
    let (cpu, begun) = (tunnel.client_cpu(), Instant::now());
    let connections = spread(count, OPENERS, &|number| {
        let mut connection = tunnel.connect()?;
        exchange(&mut connection, number).map_err(|error| error.to_string())?;
        Ok(connection)
    })?;
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), tunnel.client_cpu() - cpu);
    let [client, server] = tunnel.residents_kib();
    for (number, mut connection) in (0u64..).zip(connections) {
        exchange(&mut connection, number).map_err(|error| error.to_string())?;
    }
    let count = count as f64;
    Ok(sample([
        ("rate_per_s", count / wall),
        ("client_kib_each", (client - client_before) / count),
        ("server_kib_each", (server - server_before) / count),
        ("client_cpu_us_each", cpu * 1e6 / count),
    ]))
}

/// One idle tunnel that has carried a few bytes.
///
/// # Errors
/// What went wrong.
pub fn idle(pair: &Pair, manner: &Manner) -> Result<Sample, String> {
    let service = Service::start(Toy::Echo);
    let tunnel = Tunnel::start(pair, manner, service.port())?;
    exchange(&mut tunnel.connect()?, 0).map_err(|error| error.to_string())?;
    let [client, server] = tunnel.peaks_kib();
    Ok(sample([("client_peak_mib", client / 1024.0), ("server_peak_mib", server / 1024.0)]))
}

/// Does `work` for every number below `count` on so many threads; all that it yields.
fn spread<T: Send>(
    count: u64,
    threads: u64,
    work: &(impl Fn(u64) -> Result<T, String> + Sync),
) -> Result<Vec<T>, String> {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return Ok::<_, String>(done);
                        }
                        done.push(work(number)?);
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            let done = thread.join().map_err(|_| "a thread of the load failed".to_owned())?;
            all.extend(done?);
        }
        Ok(all)
    })
}

/// A few bytes there and back, different ones for each number.
fn exchange(connection: &mut TcpStream, number: u64) -> io::Result<()> {
    let (sent, mut answer) = (number.to_be_bytes(), [0; 8]);
    connection.write_all(&sent)?;
    connection.read_exact(&mut answer)?;
    if answer == sent { Ok(()) } else { Err(io::Error::other("another answer came")) }
}

/// The end of a connection, from both sides.
fn finish(connection: &mut TcpStream) -> io::Result<()> {
    connection.shutdown(Shutdown::Write)?;
    match connection.read(&mut [0; 8])? {
        0 => Ok(()),
        _ => Err(io::Error::other("more came than was sent")),
    }
}

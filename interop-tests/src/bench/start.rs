//! From the start of a client to what it was started for.

use super::peers::{Pair, Task, command};
use super::tunnel::{Manner, Tunnel};
use super::wire::Wire;
use super::{Sample, sample};
use crate::measure::{children_seconds, median, tree_cpu_seconds};
use crate::toys::{Service, Toy};
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Instant;

/// A remote `true`, so many times: wall time, and CPU of client and server.
///
/// # Errors
/// What went wrong.
pub fn login(pair: &Pair, manner: &Manner, logins: u32) -> Result<Sample, String> {
    if pair.is_relay() {
        return Err(super::report::NOT_APPLICABLE.to_owned());
    }
    let server = pair.host.start();
    let wire = manner.wire.map(|length| Wire::to(server.port(), length));
    let port = wire.as_ref().map_or(server.port(), Wire::port);
    let once = || {
        let task = Task::Run("true");
        let mut line = command(&pair.client, &server, port, manner.algorithms, &task)?;
        line.stdin(Stdio::null()).stdout(Stdio::null());
        let begun = Instant::now();
        let output = line.output().map_err(|error| error.to_string())?;
        let wall = begun.elapsed().as_secs_f64();
        if output.status.success() {
            return Ok(wall);
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    };
    // Once for the caches.
    once()?;
    let pid = server.process().pid();
    let (client_before, server_before) = (children_seconds(), tree_cpu_seconds(pid));
    let walls = (0..logins).map(|_| once()).collect::<Result<Vec<f64>, String>>()?;
    let client = children_seconds() - client_before;
    let server = tree_cpu_seconds(pid) - server_before;
    let each = 1000.0 / f64::from(logins);
    Ok(sample([
        ("wall_ms", median(&walls).unwrap_or_default() * 1000.0),
        ("client_cpu_ms", client * each),
        ("server_cpu_ms", server * each),
    ]))
}

/// From the start of a client with a forward to the first byte that has come back through it.
///
/// # Errors
/// What went wrong.
pub fn first_byte(pair: &Pair, manner: &Manner) -> Result<Sample, String> {
    let service = Service::start(Toy::Echo);
    let tunnel = Tunnel::start(pair, manner, service.port())?;
    let mut connection = tunnel.connect()?;
    connection.write_all(b"x").map_err(|error| error.to_string())?;
    connection.read_exact(&mut [0]).map_err(|error| error.to_string())?;
    let wall = tunnel.started().elapsed().as_secs_f64();
    Ok(sample([("wall_ms", wall * 1000.0), ("client_cpu_ms", tunnel.client_cpu() * 1000.0)]))
}

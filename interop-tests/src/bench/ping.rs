//! How long one byte takes there and back, alone and beside bulk data.

use super::peers::{Dialect, Pair};
use super::stream;
use super::target::{DOWN_OFFSET, GOOD, Target, Way, begin};
use super::tunnel::{Manner, Tunnel};
use super::{Sample, sample};
use crate::measure::quantile;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Pings of an idle tunnel.
const IDLE_PINGS: usize = 4000;
/// Those that come first fill caches and windows, and are not counted.
const WARM_UP_PINGS: usize = 100;
/// How long bulk data flows before pings begin, and while they are sent.
const BULK_WARM_UP: Duration = Duration::from_millis(300);
const BULK_TIME: Duration = Duration::from_millis(1500);
/// Beside bulk data a ping is sent so often, and not when the last has come back: a tunnel whose
/// pings are faster would have more of them to carry, at the cost of its own bulk data.
const PING_EVERY: Duration = Duration::from_millis(5);
/// A ping's bytes: a keystroke's size.
const PING_BYTES: usize = 16;
/// The streams' numbers: any two.
const PING_STREAM: u64 = 1;
const BULK_STREAM: u64 = 2;

/// Measures pings once, with bulk data beside them when a way is given.
///
/// # Errors
/// What went wrong.
pub fn measure(pair: &Pair, manner: &Manner, beside: Option<Way>) -> Result<Sample, String> {
    let target = Target::start();
    let tunnel = Tunnel::start(pair, manner, target.port())?;
    let Some(way) = beside else {
        return idle(&tunnel, &mut pings_of(&tunnel)?).map_err(|error| error.to_string());
    };
    let through = |other: &Tunnel| {
        let mut ping = pings_of(other)?;
        beside_bulk(&tunnel, &mut ping, way).map_err(|error| error.to_string())
    };
    let mut values = through(&tunnel)?;
    if !pair.is_relay() {
        // A relay of its own shares nothing with the transfer but the processors. What the tunnel
        // does beside a ping of its own it still does: it has carried one not two seconds ago.
        let relay = Tunnel::relay(Dialect::Relay, &pair.relay, manner, target.port())?;
        let apart = through(&relay)?;
        values.extend(apart.get("p50_us").map(|p50| ("apart_p50_us", *p50)));
    }
    Ok(values)
}

fn pings_of(tunnel: &Tunnel) -> Result<TcpStream, String> {
    let mut ping = tunnel.connect()?;
    begin(&mut ping, PING_STREAM, Way::Echo, 0).map_err(|error| error.to_string())?;
    Ok(ping)
}

fn idle(tunnel: &Tunnel, ping: &mut TcpStream) -> io::Result<Sample> {
    for _ in 0..WARM_UP_PINGS {
        once(ping)?;
    }
    let (client, server) = (tunnel.client_cpu(), tunnel.server_cpu());
    let micros = (0..IDLE_PINGS).map(|_| once(ping)).collect::<io::Result<Vec<f64>>>()?;
    let (client, server) = (tunnel.client_cpu() - client, tunnel.server_cpu() - server);
    let mut values = times(&micros);
    values.insert("client_cpu_us_each", client * 1e6 / IDLE_PINGS as f64);
    values.insert("server_cpu_us_each", server * 1e6 / IDLE_PINGS as f64);
    Ok(values)
}

fn beside_bulk(tunnel: &Tunnel, ping: &mut TcpStream, way: Way) -> io::Result<Sample> {
    let mut bulk = tunnel.connect().map_err(io::Error::other)?;
    begin(&mut bulk, BULK_STREAM, way, 0)?;
    let (go_on, count) = (AtomicBool::new(true), AtomicU64::new(0));
    let end = bulk.try_clone()?;
    std::thread::scope(|scope| {
        let flowing = scope.spawn(|| flow(bulk, way, &go_on, &count));
        let pings = ping_for(ping, BULK_WARM_UP).and_then(|_| {
            let (before, begun) = (count.load(Ordering::Relaxed), Instant::now());
            let micros = ping_for(ping, BULK_TIME)?;
            let carried = (count.load(Ordering::Relaxed) - before) as f64;
            let mut values = times(&micros);
            let speed = carried / f64::from(1 << 20) / begun.elapsed().as_secs_f64();
            values.insert("speed_mib_per_s", speed);
            Ok(values)
        });
        go_on.store(false, Ordering::Relaxed);
        // A reader has no flag to look at, and a writer may be waiting.
        let _ = end.shutdown(Shutdown::Both);
        let flowed = flowing.join().map_err(|_| io::Error::other("a thread of the load failed"))?;
        // What the end of the connection itself breaks is no fault; other bytes are.
        match flowed {
            Err(error) if error.kind() == io::ErrorKind::Other => Err(error),
            _ => pings,
        }
    })
}

fn flow(mut bulk: TcpStream, way: Way, go_on: &AtomicBool, count: &AtomicU64) -> io::Result<()> {
    if way.sends() {
        return stream::send(&mut bulk, BULK_STREAM, None, go_on, count);
    }
    bulk.write_all(&[GOOD])?;
    stream::receive(&mut bulk, BULK_STREAM + DOWN_OFFSET, None, count)
}

fn ping_for(ping: &mut TcpStream, time: Duration) -> io::Result<Vec<f64>> {
    let (mut next, mut micros) = (Instant::now(), Vec::new());
    let end = next + time;
    while next < end {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        micros.push(once(ping)?);
        next = (next + PING_EVERY).max(Instant::now());
    }
    Ok(micros)
}

/// Microseconds of one ping.
fn once(ping: &mut TcpStream) -> io::Result<f64> {
    let (sent, mut answer) = ([0x5a; PING_BYTES], [0; PING_BYTES]);
    let begun = Instant::now();
    ping.write_all(&sent)?;
    ping.read_exact(&mut answer)?;
    let micros = begun.elapsed().as_secs_f64() * 1e6;
    if answer == sent { Ok(micros) } else { Err(io::Error::other("another answer came")) }
}

fn times(micros: &[f64]) -> Sample {
    let at = |part| quantile(micros, part).unwrap_or_default();
    sample([("p50_us", at(0.5)), ("p99_us", at(0.99))])
}

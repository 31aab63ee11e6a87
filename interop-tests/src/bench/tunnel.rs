//! A client that holds one forward to the target, and what it and its server use.

use super::peers::{Algorithms, Dialect, Forward, Kind, Pair, Task, command};
use super::wire::{Length, Wire};
use super::{relay, trunk};
use crate::measure::{
    cpu_seconds, peak_kib, resident_kib, tree_cpu_seconds, tree_kib, tree_ready_seconds,
};
use crate::openssh::{Server, free_port};
use crate::process::Process;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A client that is not listening by then has failed.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Between two looks at whether it listens: short beside what a start takes.
const START_STEP: Duration = Duration::from_micros(500);
/// Nothing that is measured stands still so long.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// The words with which `bench` becomes a relay, or an end of the trunk:
/// `--relay LISTEN TARGET CIPHER`.
const RELAY_WORD: &str = "--relay";
const NEAR_WORD: &str = "--trunk-near";
const FAR_WORD: &str = "--trunk-far";

/// How a tunnel is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manner {
    /// Which forward.
    pub forward: Forward,
    /// Algorithms to ask for.
    pub algorithms: Algorithms,
    /// The wire between client and server, where there is one.
    pub wire: Option<Length>,
}

/// A tunnel in use. What is named first ends first.
pub struct Tunnel {
    client: Process,
    _wire: Option<Wire>,
    far: Far,
    entry: u16,
    socks_target: Option<u16>,
    started: Instant,
}

enum Far {
    Server(Server),
    Relay(Process),
}

impl Tunnel {
    /// Starts client and server and waits for nothing: [`Tunnel::connect`] does.
    ///
    /// # Errors
    /// What this pair cannot do.
    pub fn start(pair: &Pair, manner: &Manner, target: u16) -> Result<Self, String> {
        if pair.host.kind == Kind::Relay {
            return Self::relay(pair.client.dialect, &pair.relay, manner, target);
        }
        let entry = free_port();
        let server = pair.host.start();
        let wire = manner.wire.map(|length| Wire::to(server.port(), length));
        let port = wire.as_ref().map_or(server.port(), Wire::port);
        let task = Task::Forward { forward: manner.forward, entry, target };
        let mut line = command(&pair.client, &server, port, manner.algorithms, &task)?;
        let started = Instant::now();
        let client = Process::spawn(&mut line);
        let socks_target = (manner.forward == Forward::Dynamic).then_some(target);
        Ok(Self { client, _wire: wire, far: Far::Server(server), entry, socks_target, started })
    }

    /// Starts a relay, or a trunk: both ends are `program`.
    ///
    /// # Errors
    /// What it cannot do, or that it did not start.
    pub fn relay(
        dialect: Dialect,
        program: &Path,
        manner: &Manner,
        target: u16,
    ) -> Result<Self, String> {
        let [near_word, far_word] = match dialect {
            Dialect::Trunk => [NEAR_WORD, FAR_WORD],
            _ => [RELAY_WORD; 2],
        };
        if manner.forward != Forward::Local {
            return Err(super::report::NOT_APPLICABLE.to_owned());
        }
        let (entry, middle) = (free_port(), free_port());
        // The trunk seals as the tunnel beside it does; the relay has no use for a cipher.
        let cipher = manner.algorithms.cipher.unwrap_or_default();
        let far = end(program, far_word, middle, target, cipher);
        let wire = manner.wire.map(|length| Wire::to(middle, length));
        // The nearer one must find the farther one there.
        let ready = far.stdout.wait_for("ready", START_LIMIT);
        let started = Instant::now();
        let onward = wire.as_ref().map_or(middle, Wire::port);
        let client = end(program, near_word, entry, onward, cipher);
        let far = Far::Relay(far);
        let tunnel = Self { client, _wire: wire, far, entry, socks_target: None, started };
        if ready { Ok(tunnel) } else { Err("a relay did not start".to_owned()) }
    }

    /// A connection through the tunnel, as soon as it listens.
    ///
    /// # Errors
    /// With the client's output when it does not come to that.
    pub fn connect(&self) -> Result<TcpStream, String> {
        let start = Instant::now();
        let stream = loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, self.entry)) {
                Ok(stream) => break stream,
                Err(error) if start.elapsed() > START_LIMIT => {
                    return Err(format!("{error}; {}", self.client.output().trim()));
                }
                Err(_) => std::thread::sleep(START_STEP),
            }
        };
        self.prepare(stream).map_err(|error| format!("{error}; {}", self.client.output().trim()))
    }

    fn prepare(&self, mut stream: TcpStream) -> io::Result<TcpStream> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_LIMIT))?;
        stream.set_write_timeout(Some(SILENCE_LIMIT))?;
        if let Some(port) = self.socks_target {
            socks(&mut stream, port)?;
        }
        Ok(stream)
    }

    /// When the client was started.
    #[must_use]
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// CPU seconds of the client so far.
    #[must_use]
    pub fn client_cpu(&self) -> f64 {
        tree_cpu_seconds(self.client.pid())
    }

    /// CPU seconds of the server so far, all its processes.
    #[must_use]
    pub fn server_cpu(&self) -> f64 {
        match &self.far {
            Far::Server(server) => tree_cpu_seconds(server.process().pid()),
            Far::Relay(process) => cpu_seconds(process.pid()),
        }
    }

    /// Seconds in which the server had work so far, on a processor or waiting for one: all its
    /// threads, of which one carries the data.
    #[must_use]
    pub fn server_ready(&self) -> f64 {
        tree_ready_seconds(self.server_pid())
    }

    /// Most memory of client and server so far, in KiB.
    #[must_use]
    pub fn peaks_kib(&self) -> [f64; 2] {
        [self.client.pid(), self.server_pid()].map(|pid| tree_kib(pid, peak_kib))
    }

    /// Memory of client and server now, in KiB.
    #[must_use]
    pub fn residents_kib(&self) -> [f64; 2] {
        [self.client.pid(), self.server_pid()].map(|pid| tree_kib(pid, resident_kib))
    }

    fn server_pid(&self) -> u32 {
        match &self.far {
            Far::Server(server) => server.process().pid(),
            Far::Relay(process) => process.pid(),
        }
    }
}

/// As much of SOCKS 5 as a connection to a port of 127.0.0.1 needs.
fn socks(stream: &mut TcpStream, port: u16) -> io::Result<()> {
    let [high, low] = port.to_be_bytes();
    stream.write_all(&[5, 1, 0])?;
    let mut choice = [0; 2];
    stream.read_exact(&mut choice)?;
    stream.write_all(&[5, 1, 0, 1, 127, 0, 0, 1, high, low])?;
    let mut reply = [0; 10];
    stream.read_exact(&mut reply)?;
    match reply {
        [5, 0, ..] => Ok(()),
        other => Err(io::Error::other(format!("SOCKS says {other:?}"))),
    }
}

/// What this program can become: with the port to listen on, the next one, and a cipher.
pub type Become = fn(u16, u16, &str) -> io::Result<()>;

/// What the program does with one of these words.
#[must_use]
pub fn relay_of(word: &str) -> Option<Become> {
    match word {
        RELAY_WORD => Some(|listen, target, _| relay::serve(listen, target)),
        NEAR_WORD => Some(trunk::near),
        FAR_WORD => Some(trunk::far),
        _ => None,
    }
}

fn end(program: &Path, word: &str, listen: u16, target: u16, cipher: &str) -> Process {
    let mut line = Command::new(program);
    Process::spawn(line.args([word, &listen.to_string(), &target.to_string(), cipher]))
}

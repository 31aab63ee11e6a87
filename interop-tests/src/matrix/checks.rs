//! What is asked of each pair. A check yields why it failed, and never waits without a limit.

use super::client::{Ask, Client, REKEY_BYTES};
use super::server::{Rekey, Running};
use super::work::Work;
use super::{Check, last_words};
use crate::pattern::{Pattern, hex};
use crate::ports::free_port;
use crate::process::Process;
use crate::sockets::listening;
use crate::toys::{Service, Toy};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long one step of a check may take. The longest takes two seconds on a quiet machine.
const LIMIT: Duration = Duration::from_secs(60);

/// How often is looked whether somebody listens, where no event tells.
const LOOK: Duration = Duration::from_millis(20);

const MIB: usize = 1024 * 1024;

/// What `cat` carries.
const CAT_BYTES: usize = 8 * MIB;

// Each renewal comes some packets late, and still the last one is far from the end.
const _: () = assert!(CAT_BYTES as u64 % REKEY_BYTES > REKEY_BYTES / 2);

/// The stream that the service at the far end of a forward sends.
const FAR: Toy = Toy::Cross { seed: 77, bytes: MIB as u64 };

/// How often keys are exchanged at least where they are renewed after each of 8 MiB: at the
/// beginning, and three times more.
const EXCHANGES_MIN: usize = 4;

/// What ssh, sshd, tssh and tsshd log when keys come into force.
const NEW_KEYS: &str = "SSH2_MSG_NEWKEYS received";

/// Connections at once.
const TEN: u64 = 10;

/// A client and a server.
pub struct Pair<'a> {
    /// The client.
    pub client: &'a Client,
    /// Keys and files.
    pub work: &'a Work,
    /// The server.
    pub running: &'a Running,
    /// Whether both can pass on the end of one direction alone.
    pub half_close: bool,
    /// The seed of what we send; 1 but where the bytes are to be wrong.
    pub seed: u64,
}

/// Makes one check.
///
/// # Errors
/// Why it failed.
pub fn run(check: Check, pair: &Pair<'_>) -> Result<(), String> {
    match check {
        Check::Exec => exec(pair),
        Check::Cat => cat(pair, Rekey::Default),
        Check::Local => local(pair, 1),
        Check::Ten => local(pair, TEN),
        Check::Remote => remote(pair),
        Check::Dynamic => dynamic(pair),
        Check::Stdio => stdio(pair),
        Check::ClientRekey => rekeyed(pair, Rekey::Often),
        Check::ServerRekey => rekeyed(pair, Rekey::Default),
    }
}

impl Pair<'_> {
    fn command(&self, ask: Ask<'_>, rekey: Rekey) -> Command {
        self.client.command(self.work, &self.running.endpoint, ask, rekey)
    }

    fn sent(&self, bytes: usize) -> Vec<u8> {
        Pattern::bytes(self.seed, bytes)
    }

    /// Why something failed, with what both programs said.
    fn blame(&self, what: &str, client: &Process) -> String {
        let server = self.running.last_words();
        format!("{what}; client: {}; server: {server}", last_words(client))
    }

    /// Starts a client that holds a forward, and waits until the forward is there.
    fn hold(&self, ask: Ask<'_>) -> Result<Process, String> {
        let mut process = Process::spawn(&mut self.command(ask, Rekey::Default));
        let ready = if self.running.endpoint.runs_commands || !self.client.logs_keys() {
            process.stdout.wait_for("ready", LIMIT)
        } else {
            let (Ask::Local(port, _) | Ask::Remote(port, _) | Ask::Dynamic(port)) = ask else {
                return Err("no forward was asked for".to_owned());
            };
            listens(&mut process, port)
        };
        if ready { Ok(process) } else { Err(self.blame("no forward", &process)) }
    }

    /// Ends a client that holds a forward, which must then end by itself.
    fn let_go(&self, mut process: Process) -> Result<(), String> {
        process.close_stdin();
        // A peer whose connections never end does not end either.
        if !self.half_close || !self.running.endpoint.runs_commands {
            return Ok(());
        }
        match process.wait_for_exit(LIMIT) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.blame(&format!("the client ended with {status}"), &process)),
            None => Err(self.blame("the client does not end with its input", &process)),
        }
    }
}

/// Both outputs and the status, and an end that the command sees.
fn exec(pair: &Pair<'_>) -> Result<(), String> {
    let command = "echo out; echo err >&2; wc -c; exit 7";
    let command = if pair.half_close { command } else { "echo out; echo err >&2; exit 7" };
    let mut process = Process::spawn(&mut pair.command(Ask::Exec(command), Rekey::Default));
    if pair.half_close {
        process.send(b"12345");
        process.close_stdin();
    }
    let status = process.wait_for_exit(LIMIT).ok_or_else(|| pair.blame("no end", &process))?;
    let _ = process.stdout.wait_end(LIMIT) && process.stderr.wait_end(LIMIT);
    let (out, err) = (process.stdout.text(), process.stderr.text());
    if status.code() != Some(7) {
        return Err(pair.blame(&format!("{status} in place of 7"), &process));
    }
    let expected = if pair.half_close { "out\n5\n" } else { "out\n" };
    if out != expected || !err.contains("err") {
        return Err(format!("stdout {out:?}, stderr {err:?}"));
    }
    Ok(())
}

/// 8 MiB there and back at once; returns the client, which has ended.
fn cat_process(pair: &Pair<'_>, rekey: Rekey) -> Result<Process, String> {
    // Where the end of our direction is not passed on, the command counts for itself.
    let counted = format!("head -c {CAT_BYTES}");
    let command = if pair.half_close { "cat" } else { &counted };
    let mut process = Process::spawn(&mut pair.command(Ask::Exec(command), rekey));
    let sent = pair.sent(CAT_BYTES);
    let mut stdin = process.stdin.take().ok_or("no standard input")?;
    let copy = sent.clone();
    let half_close = pair.half_close;
    // A client that reads no more must not keep us.
    let writer = std::thread::spawn(move || {
        let written = stdin.write_all(&copy);
        // Ends standard input, unless the peer would take that for the end of everything.
        written.map(|()| (!half_close).then_some(stdin))
    });
    let came = process.stdout.wait(LIMIT, |bytes| bytes.len() >= CAT_BYTES);
    if !came {
        let bytes = process.stdout.bytes().len();
        return Err(pair.blame(&format!("{bytes} bytes of {CAT_BYTES} came back"), &process));
    }
    drop(writer.join().map_err(|_| "the writer died")?);
    match process.wait_for_exit(LIMIT) {
        Some(status) if status.success() => {}
        status => return Err(pair.blame(&format!("ended with {status:?}"), &process)),
    }
    let _ = process.stdout.wait_end(LIMIT) && process.stderr.wait_end(LIMIT);
    if process.stdout.bytes() != sent {
        return Err("other bytes came back".to_owned());
    }
    Ok(process)
}

fn cat(pair: &Pair<'_>, rekey: Rekey) -> Result<(), String> {
    cat_process(pair, rekey).map(drop)
}

/// The same, and keys were renewed on the way, as every end says that tells.
fn rekeyed(pair: &Pair<'_>, rekey: Rekey) -> Result<(), String> {
    let before = pair.running.logged(NEW_KEYS);
    let process = cat_process(pair, rekey)?;
    let logged = pair.running.logged(NEW_KEYS);
    let by_server = logged.zip(before).map(|(after, before)| after - before);
    let by_client =
        pair.client.logs_keys().then(|| process.stderr.text().matches(NEW_KEYS).count());
    // A server that is not OpenSSH's or ours logs no such thing.
    let by_server = by_server.filter(|count| *count > 0 || by_client.is_none());
    for (who, count) in [("server", by_server), ("client", by_client)] {
        if count.is_some_and(|count| count < EXCHANGES_MIN) {
            return Err(format!("{} key exchanges, says the {who}", count.unwrap_or(0)));
        }
    }
    Ok(())
}

fn local(pair: &Pair<'_>, connections: u64) -> Result<(), String> {
    let service = service(pair)?;
    let listen = free_port();
    let process = pair.hold(Ask::Local(listen, service.port()))?;
    let done = std::thread::scope(|scope| {
        let each: Vec<_> = (0..connections)
            .map(|number| scope.spawn(move || converse(dial(listen)?, pair, number)))
            .collect();
        // All of them end before the first failure is told.
        let done: Vec<_> = each.into_iter().map(|thread| thread.join()).collect();
        done.into_iter().try_for_each(|done| done.unwrap_or(Err("a thread died".to_owned())))
    });
    done.map_err(|error| pair.blame(&error, &process))?;
    pair.let_go(process)
}

fn remote(pair: &Pair<'_>) -> Result<(), String> {
    let service = service(pair)?;
    let listen = free_port();
    let process = pair.hold(Ask::Remote(listen, service.port()))?;
    let at = pair.running.endpoint.address;
    let done = dial_at(at, listen).and_then(|stream| converse(stream, pair, 0));
    done.map_err(|error| pair.blame(&error, &process))?;
    pair.let_go(process)
}

fn dynamic(pair: &Pair<'_>) -> Result<(), String> {
    let service = service(pair)?;
    let listen = free_port();
    let process = pair.hold(Ask::Dynamic(listen))?;
    let to = (pair.running.endpoint.our_address, service.port());
    let stream = dial(listen).and_then(|stream| socks(stream, to));
    let done = stream.and_then(|stream| converse(stream, pair, 0));
    done.map_err(|error| pair.blame(&error, &process))?;
    pair.let_go(process)
}

/// RFC 1928, as far as it is needed for one connection without a name.
fn socks(mut stream: TcpStream, to: (Ipv4Addr, u16)) -> Result<TcpStream, String> {
    let text = |error: std::io::Error| format!("SOCKS: {error}");
    stream.write_all(&[5, 1, 0]).map_err(text)?;
    let mut method = [0; 2];
    stream.read_exact(&mut method).map_err(text)?;
    let address = to.0.octets();
    let request = [&[5, 1, 0, 1], address.as_slice(), &to.1.to_be_bytes()].concat();
    stream.write_all(&request).map_err(text)?;
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).map_err(text)?;
    if method != [5, 0] || reply[..4] != [5, 0, 0, 1] {
        return Err(format!("SOCKS: {method:?} {reply:?}"));
    }
    Ok(stream)
}

fn stdio(pair: &Pair<'_>) -> Result<(), String> {
    let service = service(pair)?;
    let ask = Ask::Stdio(service.port());
    let mut process = Process::spawn(&mut pair.command(ask, Rekey::Default));
    let sent = pair.sent(MIB);
    let expected = expected(pair, &Pattern::bytes(1, MIB));
    let mut stdin = process.stdin.take().ok_or("no standard input")?;
    let writer = std::thread::spawn(move || stdin.write_all(&sent).map(|()| stdin));
    if !pair.half_close && process.stdout.wait(LIMIT, |bytes| bytes.len() >= expected.len()) {
        return same(&process.stdout.bytes(), &expected);
    }
    // Closes standard input, which the service waits for.
    drop(writer.join().map_err(|_| "the writer died")?);
    let ended = process.stdout.wait_end(LIMIT);
    let done = same(&process.stdout.bytes(), &expected);
    let done = if ended { done } else { Err("the connection does not end".to_owned()) };
    done.map_err(|error| pair.blame(&error, &process))?;
    process.wait_for_exit(LIMIT).map(drop).ok_or("the client does not end".to_owned())
}

/// The service at the far end.
fn service(pair: &Pair<'_>) -> Result<Service, String> {
    let listener = TcpListener::bind((pair.running.endpoint.our_address, 0));
    let listener = listener.map_err(|error| format!("a service of ours: {error}"))?;
    Ok(Service::start_on(if pair.half_close { FAR } else { Toy::Echo }, listener))
}

/// Connects to a port of this machine.
fn dial(port: u16) -> Result<TcpStream, String> {
    dial_at(Ipv4Addr::LOCALHOST, port)
}

fn dial_at(address: Ipv4Addr, port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((address, port));
    let stream = stream.map_err(|error| format!("connect to the forward: {error}"))?;
    let limited = stream.set_read_timeout(Some(LIMIT));
    limited.and_then(|()| stream.set_write_timeout(Some(LIMIT))).map_err(|e| e.to_string())?;
    Ok(stream)
}

/// Whether somebody comes to listen at a port of this machine before `process` ends.
#[must_use]
pub fn listens(process: &mut Process, port: u16) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if !listening(port).is_empty() {
            return true;
        }
        if process.wait_for_exit(LOOK).is_some() {
            return false;
        }
    }
    false
}

/// What the service answers to `sent`, all of it.
fn expected(pair: &Pair<'_>, sent: &[u8]) -> Vec<u8> {
    let Toy::Cross { seed, bytes } = FAR else { return sent.to_vec() };
    if !pair.half_close {
        return sent.to_vec();
    }
    let mut all = Pattern::bytes(seed, usize::try_from(bytes).unwrap_or(MIB));
    // Its last line comes only when it has seen our end.
    let line = format!("{} {}\n", sent.len(), hex(&Sha256::digest(sent)));
    all.extend_from_slice(line.as_bytes());
    all
}

/// Sends 1 MiB while the service sends its own, ends our direction, and compares what came.
fn converse(mut stream: TcpStream, pair: &Pair<'_>, number: u64) -> Result<(), String> {
    let sent = Pattern::bytes(pair.seed + number, MIB);
    let expected = expected(pair, &Pattern::bytes(1 + number, MIB));
    let mut writer = stream.try_clone().map_err(|e| e.to_string())?;
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            writer.write_all(&sent)?;
            if pair.half_close { writer.shutdown(Shutdown::Write) } else { Ok(()) }
        });
        let mut came = Vec::new();
        let read = if pair.half_close {
            stream.read_to_end(&mut came).map(drop)
        } else {
            came.resize(expected.len(), 0);
            stream.read_exact(&mut came)
        };
        let written = writing.join().map_err(|_| "the writer died")?;
        read.map_err(|error| format!("{error} after {} bytes", came.len()))?;
        written.map_err(|error| format!("sending: {error}"))?;
        same(&came, &expected)
    })
}

fn same(came: &[u8], expected: &[u8]) -> Result<(), String> {
    if came == expected {
        return Ok(());
    }
    let at = came.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(came.len());
    Err(format!("{} bytes of {} came, wrong from byte {at}", came.len(), expected.len()))
}

//! A client, as a process of its own, against the peer made by hand.

use super::WORDS_BYTES_MAX;
use super::faults::Fault;
use super::peer::{LAST, Peer, Report};
use crate::lab::stage::{Memory, seed};
use crate::lab::toys::{PATIENCE, named};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::ffi::OsString;
use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tssh_transport::entropy::{Entropy, Purpose};
use tssh_transport::key::PrivateKey;
use tssh_transport::text::one_line;

/// How long the peer waits for a client that reads nothing before it has the client's output read.
const STALL: Duration = Duration::from_secs(2);
/// How often that may happen.
const STALLS_MAX: u32 = 10;
/// How long the report of a peer may be behind the end of its client.
const LATE: Duration = Duration::from_secs(2);
/// Bytes of a client's messages that are kept.
const MESSAGES_BYTES_MAX: u64 = 64 << 10;
/// The end of its output that is kept.
const TAIL_BYTES: usize = 64;
/// What stands for the port in a command line of somebody's own.
pub const PORT_MARK: &str = "{port}";

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The client's exit status; none where a signal ended it.
    pub status: Option<i32>,
    pub signal: Option<i32>,
    /// It did not end by itself.
    pub too_long: bool,
    /// Bytes that it wrote to standard output.
    pub bytes: u64,
    /// All of the answer came out of it.
    pub whole: bool,
    /// The last line that it had to say.
    pub words: String,
    pub report: Report,
}

/// Runs `words` against a peer with that fault.
pub fn against(fault: Option<Fault>, words: &[OsString]) -> io::Result<Outcome> {
    let host_key =
        PrivateKey::generate_ed25519(Entropy::from_seed(&seed()?).stream(Purpose::Upper));
    let line = format!("S {}\n", host_key.public().to_line());
    let known_hosts = Memory::new(line.as_bytes())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let peer = Peer::new(fault, &seed()?, host_key);
    let (tell, told) = sync_channel(1);
    let (release, held) = sync_channel(1);
    let at_end = release.clone();
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    named("peer", move || {
        // A client that never comes is seen by the report that never comes.
        if let Ok((stream, _)) = listener.accept()
            && !ended.load(Ordering::SeqCst)
        {
            let _ = tell.send(serve(stream, peer, release));
        }
    })?;
    let mut outcome = client(words, port, &known_hosts, Held { held, at_end })?;
    // A peer whose client never came need not wait any more; any other one has its client.
    over.store(true, Ordering::SeqCst);
    let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    outcome.report = told.recv_timeout(LATE).unwrap_or_default();
    Ok(outcome)
}

/// Runs `words` as they are.
pub fn alone(words: &[OsString]) -> io::Result<Outcome> {
    let (at_end, held) = sync_channel(1);
    // Nobody holds it up.
    let _ = at_end.try_send(());
    end(spawned(words)?, Held { held, at_end })
}

/// When a client's output is read: when somebody says so, at the latest at its end.
struct Held {
    held: Receiver<()>,
    at_end: SyncSender<()>,
}

/// The peer's end of the connection, until the client is done with it.
fn serve(mut stream: TcpStream, mut peer: Peer, release: SyncSender<()>) -> Report {
    // Errors of the socket are the client's end, whatever they are.
    let _ = talk(&mut stream, &mut peer, &release);
    peer.report()
}

fn talk(stream: &mut TcpStream, peer: &mut Peer, release: &SyncSender<()>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut piece = vec![0; 32 << 10];
    let mut out = Vec::new();
    let mut stalls = 0;
    loop {
        if out.is_empty() {
            out = peer.transmit();
        }
        let report = peer.report();
        let over = report.farewell.is_some();
        if over {
            // Nobody listens any more.
            out.clear();
        }
        if over || report.planted && !peer.is_bursting() {
            // Nobody needs to be held up any more; the other end may have gone.
            let _ = release.try_send(());
        }
        let ready = wait(stream, !out.is_empty())?;
        if ready.is_empty() {
            stalls += 1;
            if stalls > STALLS_MAX {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let _ = release.try_send(());
        }
        if ready.contains(PollFlags::OUT) {
            match stream.write(&out) {
                Ok(n) => drop(out.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // It may have said why it went.
                Err(_) => out.clear(),
            }
        }
        if ready.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            let n = stream.read(&mut piece)?;
            if n == 0 {
                return Ok(());
            }
            peer.receive(&piece[..n])?;
        }
    }
}

/// Waits until the socket can be read, or written where that is wanted; no flag where nothing
/// happens for a while.
fn wait(stream: &TcpStream, writes: bool) -> io::Result<PollFlags> {
    let wanted = if writes { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    let mut polled = [PollFd::new(stream, wanted)];
    let limit = Timespec { tv_sec: STALL.as_secs().cast_signed(), tv_nsec: 0 };
    match poll(&mut polled, Some(&limit)) {
        Err(error) => Err(error.into()),
        Ok(_) => Ok(polled[0].revents()),
    }
}

/// Runs a client against the port; its output is read when `held` says so.
fn client(words: &[OsString], port: u16, known_hosts: &Memory, held: Held) -> io::Result<Outcome> {
    let mark = |word: &OsString| word.to_str().is_some_and(|word| word.contains(PORT_MARK));
    let mut all: Vec<OsString> = words.to_vec();
    if words.iter().any(mark) {
        for word in &mut all {
            if let Some(text) = word.to_str() {
                *word = text.replace(PORT_MARK, &port.to_string()).into();
            }
        }
    } else {
        all.extend(ssh_words(port, known_hosts).into_iter().map(OsString::from));
    }
    end(spawned(&all)?, held)
}

/// What a client with ssh's command line is told: where the peer is, and nothing of the user's.
fn ssh_words(port: u16, known_hosts: &Memory) -> Vec<String> {
    let mut words: Vec<String> = ["-F", "none", "-p"].map(str::to_owned).into();
    words.push(port.to_string());
    let known_hosts = format!("UserKnownHostsFile={}", known_hosts.path_for_others());
    for option in [
        &known_hosts,
        "GlobalKnownHostsFile=none",
        "HostKeyAlias=S",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "IdentityFile=none",
        "BatchMode=yes",
        "RequestTTY=no",
    ] {
        words.extend(["-o".to_owned(), option.to_owned()]);
    }
    words.extend(["student@127.0.0.1", "anything"].map(str::to_owned));
    words
}

fn spawned(words: &[OsString]) -> io::Result<Child> {
    let (program, words) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!(
                "cannot run {}: {error}",
                one_line(program.as_encoded_bytes(), WORDS_BYTES_MAX)
            ),
        )
    })
}

/// Waits for the end of a client.
fn end(mut child: Child, Held { held, at_end }: Held) -> io::Result<Outcome> {
    let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut messages = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (tell_out, out_told) = sync_channel(1);
    named("output", move || {
        // Either word of the peer's, or its end.
        let _ = held.recv_timeout(PATIENCE);
        let _ = tell_out.send(drain(out));
    })?;
    let (tell, told) = sync_channel(1);
    named("messages", move || {
        let mut text = Vec::new();
        // What is beyond, or cannot be read, is not shown.
        let _ = (&mut messages).take(MESSAGES_BYTES_MAX).read_to_end(&mut text);
        let _ = io::copy(&mut messages, &mut io::sink());
        let _ = tell.send(String::from_utf8_lossy(&text).into_owned());
    })?;
    let handle = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    let limit = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    let too_long = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&limit)) == Ok(0);
    if too_long {
        child.kill()?;
    }
    let status = child.wait()?;
    // The output thread may have gone on long ago.
    let _ = at_end.try_send(());
    let (bytes, tail) = out_told.recv_timeout(PATIENCE).unwrap_or_default();
    let messages = told.recv_timeout(LATE).unwrap_or_default();
    let words = messages.lines().rev().map(str::trim).find(|line| !line.is_empty());
    Ok(Outcome {
        status: status.code(),
        signal: status.signal(),
        too_long,
        bytes,
        whole: tail.ends_with(LAST),
        words: words.unwrap_or_default().to_owned(),
        report: Report::default(),
    })
}

/// How many bytes there were, and the last of them.
fn drain(mut out: impl Read) -> (u64, Vec<u8>) {
    let (mut bytes, mut tail) = (0, Vec::new());
    let mut piece = vec![0; 64 << 10];
    // A pipe that fails has ended.
    while let Ok(n @ 1..) = out.read(&mut piece) {
        bytes += n as u64;
        tail.extend_from_slice(&piece[..n]);
        let surplus = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..surplus);
    }
    (bytes, tail)
}

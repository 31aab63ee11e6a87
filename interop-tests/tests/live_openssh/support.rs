//! What the tests of this folder share.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::Path;
use tssh_interop_tests::openssh::{self, Server};
use tssh_interop_tests::pattern::{Pattern, hex};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{client_command, tssh_binary};

/// One mebibyte.
pub const MIB: u64 = 1024 * 1024;

/// Whether `test` cannot run for want of OpenSSH; says so when it cannot.
pub fn lacks_openssh(test: &str) -> bool {
    let Some(reason) = openssh::missing() else { return false };
    skip(test, &reason);
    true
}

/// Whether `test` cannot run for want of a user with a password; says so when it cannot.
pub fn lacks_guests(test: &str) -> bool {
    if lacks_openssh(test) {
        return true;
    }
    let Err(reason) = openssh::can_make_guests() else { return false };
    skip(test, &reason);
    true
}

/// A client that stays logged in and holds one local forward open.
pub struct Forward {
    /// The client.
    pub process: Process,
    /// The local port of the forward.
    pub port: u16,
}

impl Forward {
    /// Logs in with the client under test and forwards a free local port to `target`.
    #[track_caller]
    pub fn start(server: &Server, options: &[&str], target: u16) -> Self {
        Self::start_with(&tssh_binary(), server, options, target)
    }

    /// The same with another client.
    #[track_caller]
    pub fn start_with(program: &Path, server: &Server, options: &[&str], target: u16) -> Self {
        let port = openssh::free_port();
        let spec = format!("127.0.0.1:{port}:127.0.0.1:{target}");
        let mut all = vec!["-L", spec.as_str(), "-o", "ExitOnForwardFailure=yes"];
        all.extend(options);
        // The listener is there before the command is asked for, and the command ends with its
        // standard input.
        let mut command = client_command(program, server, &all, &["echo ready; cat"]);
        let process = Process::spawn(&mut command);
        let ready = process.stdout.wait_for("ready", PATIENCE);
        assert!(ready, "no login: {}\nserver: {}", process.output(), server.log());
        Self { process, port }
    }

    /// A connection through the forward.
    #[track_caller]
    pub fn connect(&self) -> TcpStream {
        connect(self.port)
    }

    /// Ends the client the orderly way: every forward must be done by then.
    #[track_caller]
    pub fn finish(mut self) {
        self.process.finish(PATIENCE).expect_code(0);
    }
}

/// A connection to a port of 127.0.0.1, whose reads and writes end after [`PATIENCE`].
#[track_caller]
pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to a forward");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit for reads");
    stream.set_write_timeout(Some(PATIENCE)).expect("a limit for writes");
    stream
}

/// Sends `bytes` bytes of the pattern of `seed` to a sink, ends that direction, and checks the
/// sink's answer, which comes back on the direction that is still open.
#[track_caller]
pub fn push(mut stream: TcpStream, seed: u64, bytes: u64) {
    send_pattern(&mut stream, seed, bytes);
    stream.shutdown(Shutdown::Write).expect("end of our direction");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer of the sink");
    assert_eq!(answer, format!("{bytes} {}\n", Pattern::digest(seed, bytes)));
}

/// Writes `bytes` bytes of the pattern of `seed`.
#[track_caller]
pub fn send_pattern(stream: &mut TcpStream, seed: u64, bytes: u64) {
    let mut pattern = Pattern::new(seed);
    let mut piece = vec![0; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let take = left.min(piece.len() as u64) as usize;
        pattern.fill(&mut piece[..take]);
        stream.write_all(&piece[..take]).expect("send through the forward");
        left -= take as u64;
    }
}

/// Reads a source to its end and compares it with the pattern of `seed`.
#[track_caller]
pub fn pull(mut stream: TcpStream, seed: u64, bytes: u64) {
    use sha2::Digest;
    let mut digest = sha2::Sha256::new();
    let mut total = 0;
    let mut piece = vec![0; 256 * 1024];
    loop {
        let taken = stream.read(&mut piece).expect("read through the forward");
        if taken == 0 {
            break;
        }
        digest.update(&piece[..taken]);
        total += taken as u64;
    }
    assert_eq!(total, bytes, "bytes that arrived");
    assert_eq!(hex(&digest.finalize()), Pattern::digest(seed, bytes), "digest of what arrived");
}

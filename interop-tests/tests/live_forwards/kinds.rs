//! The same bytes through every kind of forward: TCP and Unix sockets on either side of `-L` and
//! `-R`, SOCKS at either end, and standard input and output.

use crate::support::{Pair, STRICT, connect, each_pair};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::pattern::{Pattern, sha256_hex};
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::client_command;

each_pair! {
    every_kind_carries_the_same_bytes: TsshSshd SshTsshd TsshTsshd;
    every_kind_with_new_keys_meanwhile: TsshSshd TsshTsshd;
    either_side_may_close_early: TsshSshd SshTsshd TsshTsshd;
    standard_streams_carry_the_same_bytes: TsshSshd SshTsshd TsshTsshd;
    a_path_on_the_server_is_reached_by_standard_streams: TsshTsshd;
}

/// What goes each way.
const BYTES: usize = 10 * 1024 * 1024;

/// A stream with two directions that end apart.
trait Duplex: Read + Write + Send + Sized + 'static {
    fn again(&self) -> Self;
    fn end(&self);
}

impl Duplex for TcpStream {
    fn again(&self) -> Self {
        self.try_clone().expect("a second handle")
    }
    fn end(&self) {
        self.shutdown(Shutdown::Write).expect("end our direction");
    }
}

impl Duplex for UnixStream {
    fn again(&self) -> Self {
        self.try_clone().expect("a second handle")
    }
    fn end(&self) {
        self.shutdown(Shutdown::Write).expect("end our direction");
    }
}

/// Writes the pattern in pieces of 1 byte to 64 KiB.
fn write_pieces(to: &mut impl Write, seed: u64, bytes: usize) {
    let data = Pattern::bytes(seed, bytes);
    let (mut at, mut step) = (0, 0usize);
    while at < bytes {
        // 1, 2, 4, ... 65536 bytes, and again.
        let piece = (1 << (step % 17)).min(bytes - at);
        to.write_all(&data[at..at + piece]).expect("send a piece");
        (at, step) = (at + piece, step + 1);
    }
}

/// S01, S12: bytes both ways at once, unchanged, and an end in our direction that leaves the
/// other one open: the echo ends only after it.
#[track_caller]
fn echoed<S: Duplex>(kind: &str, mut stream: S, bytes: usize) {
    let mut writing = stream.again();
    let sender = std::thread::spawn(move || {
        write_pieces(&mut writing, 7, bytes);
        writing.end();
    });
    let mut back = Vec::with_capacity(bytes);
    stream.read_to_end(&mut back).unwrap_or_else(|error| panic!("{kind}: {error}"));
    sender.join().expect("the sender");
    assert_eq!(back.len(), bytes, "{kind}");
    assert_eq!(sha256_hex(&back), Pattern::digest(7, bytes as u64), "{kind}");
}

/// An echo service on a Unix socket; its thread ends with the process, as the listener's does.
fn unix_echo(path: &Path) {
    let listener = UnixListener::bind(path).expect("a socket for the echo");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut back = stream.again();
                let _ = std::io::copy(&mut stream, &mut back);
                let _ = back.shutdown(Shutdown::Write);
            });
        }
    });
}

fn unix(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("connect to a forwarded socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit for reads");
    stream.set_write_timeout(Some(PATIENCE)).expect("a limit for writes");
    stream
}

/// Asks a SOCKS 5 proxy on `port` for a port of `localhost`, by name.
fn socks(port: u16, target: u16) -> TcpStream {
    let mut stream = connect(port);
    stream.write_all(&[5, 1, 0]).expect("a greeting");
    stream.read_exact(&mut [0; 2]).expect("a method");
    let mut request = vec![5, 1, 0, 3, 9];
    request.extend(b"localhost");
    request.extend(target.to_be_bytes());
    stream.write_all(&request).expect("a request");
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer[1], 0, "the proxy reached the target");
    stream
}

/// Holds every kind of forward at once and sends `bytes` through each.
#[track_caller]
fn every_kind(pair: Pair, options: &[&str], bytes: usize) {
    let (server, folder) = (pair.server(&["AllowTcpForwarding yes"]), Scratch::new());
    let echo = Service::start(Toy::Echo);
    let target = folder.join("echo");
    unix_echo(&target);
    let place = |name: &str| -> PathBuf { folder.join(name) };
    let (tcp, path) = (format!("localhost:{}", echo.port()), target.display().to_string());
    let (near, far) = ([free_port(), free_port()], [free_port(), free_port()]);
    let (dynamic, remote_socks) = (free_port(), free_port());
    let mut all: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
    for (option, ports) in [("-L", near), ("-R", far)] {
        let [one, two] = ports;
        all.push(format!("{option}{one}:{tcp}"));
        all.push(format!("{option}{two}:{path}"));
        let unix = |n: u8| place(&format!("{option}{n}")).display().to_string();
        all.push(format!("{option}{}:{tcp}", unix(1)));
        all.push(format!("{option}{}:{path}", unix(2)));
    }
    all.extend([format!("-D{dynamic}"), format!("-R{remote_socks}"), STRICT.to_owned()]);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let holder = pair.hold(&server, &all);
    for (option, ports) in [("-L", near), ("-R", far)] {
        echoed(&format!("{option} TCP to TCP"), connect(ports[0]), bytes);
        echoed(&format!("{option} TCP to Unix"), connect(ports[1]), bytes);
        echoed(&format!("{option} Unix to TCP"), unix(&place(&format!("{option}1"))), bytes);
        echoed(&format!("{option} Unix to Unix"), unix(&place(&format!("{option}2"))), bytes);
    }
    echoed("-D", socks(dynamic, echo.port()), bytes);
    echoed("-R SOCKS", socks(remote_socks, echo.port()), bytes);
    holder.finish();
    if pair.client_is_ours() {
        assert!(!place("-L1").exists() && !place("-L2").exists(), "sockets go with their forwards");
    }
}

/// S01, S12, S31, S32, S56: 10 MiB each way through every kind of forward, all of which are held
/// by one client.
fn every_kind_carries_the_same_bytes(pair: Pair) {
    every_kind(pair, &[], BYTES);
}

/// S01: the same while keys are exchanged every 256 KiB.
fn every_kind_with_new_keys_meanwhile(pair: Pair) {
    every_kind(pair, &["-oRekeyLimit=256K"], BYTES);
}

/// S09: a client that goes away in the middle of an answer, and a server that has said all it has
/// to say, end their connections and nothing else: the session can end.
fn either_side_may_close_early(pair: Pair) {
    let server = pair.server(&[]);
    let source = Service::start(Toy::Source { seed: 3, bytes: 1 << 30 });
    let farewell = Service::start(Toy::Farewell);
    for service in [source.port(), farewell.port()] {
        let (local, remote, dynamic) = (free_port(), free_port(), free_port());
        let forwards = [
            format!("-L{local}:127.0.0.1:{service}"),
            format!("-R{remote}:127.0.0.1:{service}"),
            format!("-D{dynamic}"),
        ];
        let [one, two, three] = forwards.each_ref().map(String::as_str);
        let holder = pair.hold(&server, &[one, two, three, STRICT]);
        for mut stream in [connect(local), connect(remote), socks(dynamic, service)] {
            if service == farewell.port() {
                let mut said = String::new();
                stream.read_to_string(&mut said).expect("all that it says");
                assert_eq!(said, "goodbye\n");
            } else {
                stream.read_exact(&mut [0; 1000]).expect("some of it");
            }
        }
        holder.finish();
    }
}

/// A client whose standard streams are one connection to `target`.
fn stdio(pair: Pair, server: &Server, target: &str) -> Process {
    let mut command = client_command(&pair.client(), server, &["-W", target], &[]);
    Process::spawn(&mut command)
}

#[track_caller]
fn stdio_echoed(mut process: Process, bytes: usize) {
    let data = Pattern::bytes(9, bytes);
    process.send(&data);
    process.close_stdin();
    let done = process.finish(PATIENCE);
    done.expect_code(0);
    assert!(process.stdout.bytes() == data, "what came back is what was sent");
}

/// S01: `-W`, with the end of standard input as a half-close.
fn standard_streams_carry_the_same_bytes(pair: Pair) {
    let (server, echo) = (pair.server(&[]), Service::start(Toy::Echo));
    // More than a pipe holds would wait for a reader that is this test itself.
    stdio_echoed(stdio(pair, &server, &format!("localhost:{}", echo.port())), 32 * 1024);
    let (source, bytes) = (Service::start(Toy::Source { seed: 4, bytes: BYTES as u64 }), BYTES);
    let mut process = stdio(pair, &server, &format!("127.0.0.1:{}", source.port()));
    process.close_stdin();
    process.finish(PATIENCE).expect_code(0);
    let got = process.stdout.bytes();
    assert_eq!((got.len(), sha256_hex(&got)), (bytes, Pattern::digest(4, bytes as u64)));
}

/// Beyond ssh 9.2: `-W` with a path.
fn a_path_on_the_server_is_reached_by_standard_streams(pair: Pair) {
    let (server, folder) = (pair.server(&[]), Scratch::new());
    let path = folder.join("echo");
    unix_echo(&path);
    stdio_echoed(stdio(pair, &server, path.to_str().expect("UTF-8")), 1000);
}

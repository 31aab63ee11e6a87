//! Readers that read nothing, at both ends, slow nothing else: no other connection, no keepalive,
//! no change of keys.

use crate::support::{Pair, STRICT, connect, each_pair};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};
use tssh_interop_tests::pattern::Pattern;
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::toys::{Service, Toy};

each_pair! {
    stalled_readers_slow_nothing: TsshSshd SshTsshd TsshTsshd;
}

/// What a reader that reads nothing is offered: more than any window.
const OFFERED: u64 = 64 * 1024 * 1024;
/// What one exchange beside them carries, there and back: enough for a change of keys.
const BESIDE: usize = 512 * 1024;
/// How long exchanges go on: more silent seconds than [`ALIVE`] would forgive.
const LONG: Duration = Duration::from_secs(4);
/// What the slowest of them may take on a busy machine, which is less than any limit of the
/// connection.
const SLOWEST: Duration = Duration::from_secs(15);
const ALIVE: [&str; 2] = ["-oServerAliveInterval=1", "-oServerAliveCountMax=2"];
/// More than one, though bytes that were in flight may count for the old keys.
const CHANGES: usize = 4;

/// Four connections whose near side reads nothing and four whose far side reads nothing; beside
/// them one is echoed for longer than an unanswered keepalive would be forgiven, with new keys
/// each 256 KiB.
fn stalled_readers_slow_nothing(pair: Pair) {
    let server = pair.server(&["LogLevel DEBUG1"]);
    let source = Service::start(Toy::Source { seed: 1, bytes: OFFERED });
    let (stalled, echo) = (Service::start(Toy::Stalled), Service::start(Toy::Echo));
    let ports = [free_port(), free_port(), free_port()];
    let forwards = [(ports[0], &source), (ports[1], &stalled), (ports[2], &echo)]
        .map(|(port, service)| format!("-L{port}:127.0.0.1:{}", service.port()));
    let mut options = vec![STRICT, "-oRekeyLimit=256K", "-oKexAlgorithms=curve25519-sha256", "-v"];
    options.extend(ALIVE);
    options.extend(forwards.iter().map(String::as_str));
    let holder = pair.hold(&server, &options);
    let near: Vec<TcpStream> = (0..4).map(|_| unread(ports[0])).collect();
    let far: Vec<TcpStream> = (0..4).map(|_| filled(ports[1])).collect();
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < LONG || rounds < CHANGES {
        let round = Instant::now();
        echoed(ports[2], rounds as u64);
        assert!(round.elapsed() < SLOWEST, "round {rounds} took {:?}", round.elapsed());
        rounds += 1;
    }
    let said = holder.process.stderr.text();
    assert!(!said.contains("not responding"), "{said}");
    // Both programs say it once for each exchange, the first one included.
    let exchanges = said.matches("SSH2_MSG_NEWKEYS sent").count();
    assert!(exchanges > CHANGES, "{exchanges} key exchanges in {rounds} rounds: {said}");
    // The client would wait for what a service that reads nothing has not yet taken.
    drop((near, far, holder));
}

/// A connection whose first byte has come, and of which nothing more is read.
fn unread(port: u16) -> TcpStream {
    let mut stream = connect(port);
    stream.read_exact(&mut [0]).expect("the first byte");
    stream
}

/// A connection that takes no more: all between here and a service that reads nothing is full.
fn filled(port: u16) -> TcpStream {
    let mut stream = connect(port);
    stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a limit for writes");
    let piece = [0; 64 * 1024];
    let mut taken = 0;
    while let Ok(more) = stream.write(&piece) {
        taken += more as u64;
        assert!(taken < 2 * OFFERED, "more was buffered than any window allows");
    }
    stream
}

fn echoed(port: u16, seed: u64) {
    let mut stream = connect(port);
    let sent = Pattern::bytes(seed, BESIDE);
    let mut writing = stream.try_clone().expect("a second handle of the stream");
    let copy = sent.clone();
    let sender = std::thread::spawn(move || {
        writing.write_all(&copy).expect("send");
        writing.shutdown(Shutdown::Write).expect("end our direction");
    });
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("the echo to its end");
    sender.join().expect("all was sent");
    assert!(got == sent, "another echo");
}

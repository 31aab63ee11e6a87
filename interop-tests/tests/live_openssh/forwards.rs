//! `-L`: bytes, ends, many connections, slow readers, and new keys while data flows.

use crate::algorithms::LOG;
use crate::support::{Forward, MIB, connect, lacks_openssh, pull, push, send_pattern};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::pattern::Pattern;
use tssh_interop_tests::process::{PATIENCE, raise_open_files};
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::tssh_binary;

/// What the transfers of every run carry; `./test --full` carries 1 GiB.
pub const BULK: u64 = 64 * MIB;

#[test]
fn a_server_that_speaks_first_is_heard() {
    if lacks_openssh("forwards::a_server_that_speaks_first_is_heard") {
        return;
    }
    let server = Server::with_lines(&[]);
    let imap = Service::start(Toy::Imap);
    let forward = Forward::start(&server, &[], imap.port());
    let mut stream = forward.connect();
    let mut lines = BufReader::new(stream.try_clone().expect("a copy of the socket")).lines();
    let mut line = || lines.next().expect("a line").expect("a whole line");
    assert_eq!(line(), "* OK IMAP4rev1 toy service ready");
    stream.write_all(b"a1 LOGIN user secret\r\n").expect("log in");
    assert_eq!(line(), "a1 OK done");
    stream.write_all(b"a2 LOGOUT\r\n").expect("log out");
    assert_eq!(line(), "* BYE toy service");
    assert_eq!(line(), "a2 OK done");
    assert!(lines.next().is_none(), "the service ended the connection");
    drop((lines, stream));
    forward.finish();
}

#[test]
fn bulk_arrives_byte_for_byte_each_way() {
    if lacks_openssh("forwards::bulk_arrives_byte_for_byte_each_way") {
        return;
    }
    both_ways(&Server::with_lines(&[]), &[], BULK);
}

/// So much up, then so much down, then both at once.
#[track_caller]
pub fn both_ways(server: &Server, options: &[&str], bytes: u64) {
    up_and_down(&tssh_binary(), server, options, bytes);
    let sink = Service::start(Toy::Sink);
    let up = Forward::start(server, options, sink.port());
    let source = Service::start(Toy::Source { seed: 2, bytes });
    let down = Forward::start(server, options, source.port());
    let stream = up.connect();
    let sender = std::thread::spawn(move || push(stream, 3, bytes / 4));
    pull(down.connect(), 2, bytes);
    sender.join().expect("the sender's checks hold");
    up.finish();
    down.finish();
}

/// So much up and the same down again through one connection, both at once.
#[track_caller]
fn echo_at_once(server: &Server, options: &[&str], bytes: u64) {
    let echo = Service::start(Toy::Echo);
    let forward = Forward::start(server, options, echo.port());
    let stream = forward.connect();
    let mut writing = stream.try_clone().expect("a second handle of the stream");
    let sender = std::thread::spawn(move || {
        let mut pattern = Pattern::new(6);
        let mut block = vec![0; 64 * 1024];
        for _ in 0..bytes / block.len() as u64 {
            pattern.fill(&mut block);
            writing.write_all(&block).expect("write to the tunnel");
        }
        writing.shutdown(Shutdown::Write).expect("end the upload");
    });
    pull(stream, 6, bytes);
    sender.join().expect("the sender's checks hold");
    forward.finish();
}

/// So much up through one client, then so much down through another.
#[track_caller]
pub fn up_and_down(program: &Path, server: &Server, options: &[&str], bytes: u64) {
    let sink = Service::start(Toy::Sink);
    let up = Forward::start_with(program, server, options, sink.port());
    push(up.connect(), 4, bytes);
    up.finish();
    let source = Service::start(Toy::Source { seed: 5, bytes });
    let down = Forward::start_with(program, server, options, source.port());
    pull(down.connect(), 5, bytes);
    down.finish();
}

/// What `64K` means, in bytes of one direction.
const REKEY_LIMIT: u64 = 64 * 1024;

#[test]
fn new_keys_every_64_kib_asked_for_by_the_client() {
    if lacks_openssh("forwards::new_keys_every_64_kib_asked_for_by_the_client") {
        return;
    }
    rekeys(&Server::with_lines(&[LOG]), &["-o", "RekeyLimit=64K"]);
}

#[test]
fn new_keys_every_64_kib_asked_for_by_the_server() {
    if lacks_openssh("forwards::new_keys_every_64_kib_asked_for_by_the_server") {
        return;
    }
    rekeys(&Server::with_lines(&[LOG, "RekeyLimit 64K"]), &[]);
}

/// 64 MiB each way, both at once, with new keys all the while: 10 to 15 s without optimisation.
#[track_caller]
fn rekeys(server: &Server, options: &[&str]) {
    // The cheapest exchange: thousands of them are the point, not their cost.
    let mut all = vec!["-o", "KexAlgorithms=curve25519-sha256"];
    all.extend(options);
    echo_at_once(server, &all, BULK);
    // Each change of keys starts both directions' counts again. With both at the same pace a
    // change is due whenever each has carried the limit; with one after the other, twice as
    // often. Half of the lower number, because what is in flight when an exchange begins still
    // passes under the old keys. OpenSSH logs each change.
    let due = BULK / REKEY_LIMIT;
    let changes = server.log().matches("rekey out after").count() as u64;
    assert!(changes >= due / 2, "{changes} changes of keys where {due} are due");
}

#[test]
fn the_client_may_end_first_and_still_listen() {
    if lacks_openssh("forwards::the_client_may_end_first_and_still_listen") {
        return;
    }
    let server = Server::with_lines(&[]);
    let sink = Service::start(Toy::Sink);
    let forward = Forward::start(&server, &[], sink.port());
    // The sink answers only after it has seen the end.
    push(forward.connect(), 6, MIB);
    push(forward.connect(), 7, 0);
    forward.finish();
}

#[test]
fn the_server_may_end_first_and_still_listen() {
    if lacks_openssh("forwards::the_server_may_end_first_and_still_listen") {
        return;
    }
    let server = Server::with_lines(&[]);
    let farewell = Service::start(Toy::Farewell);
    let forward = Forward::start(&server, &[], farewell.port());
    let mut stream = forward.connect();
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("all that the server says");
    assert_eq!(said, "goodbye\n");
    send_pattern(&mut stream, 8, MIB);
    stream.shutdown(Shutdown::Write).expect("end of our direction");
    assert_eq!(farewell.report(), format!("{MIB} {}", Pattern::digest(8, MIB)));
    forward.finish();
}

/// Connections that are open at the same moment through one forward.
const CONNECTIONS: usize = 1000;

#[test]
fn a_thousand_connections_are_all_echoed() {
    if lacks_openssh("forwards::a_thousand_connections_are_all_echoed") {
        return;
    }
    // Both ends of each connection, and room for the rest of this process.
    raise_open_files(4 * CONNECTIONS as u64);
    let server = Server::with_lines(&[]);
    let echo = Service::start(Toy::Echo);
    let forward = Forward::start(&server, &[], echo.port());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime for the connections");
    let port = forward.port;
    let work = async move {
        let mut tasks = tokio::task::JoinSet::new();
        let all_open = std::sync::Arc::new(tokio::sync::Barrier::new(CONNECTIONS));
        for seed in 0..CONNECTIONS {
            let all_open = all_open.clone();
            tasks.spawn(async move {
                let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
                let mut stream = stream.expect("connect to the forward");
                let sent = Pattern::bytes(seed as u64, 3000);
                let mut got = vec![0; sent.len()];
                stream.write_all(&sent).await.expect("send");
                stream.read_exact(&mut got).await.expect("hear the echo");
                assert!(got == sent, "connection {seed} heard something else");
                all_open.wait().await;
                stream.write_all(&sent).await.expect("send again");
                stream.shutdown().await.expect("end our direction");
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.expect("hear the rest");
                assert!(rest == sent, "connection {seed} heard something else at its end");
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("the checks of one connection hold");
        }
    };
    let limit = PATIENCE * 2;
    let done = runtime.block_on(async { tokio::time::timeout(limit, work).await });
    done.expect("all connections end in time");
    assert_eq!(echo.accepted(), CONNECTIONS as u64);
    forward.finish();
}

#[test]
fn a_stopped_reader_holds_back_nobody_else() {
    if lacks_openssh("forwards::a_stopped_reader_holds_back_nobody_else") {
        return;
    }
    let server = Server::with_lines(&[]);
    let source = Service::start(Toy::Source { seed: 9, bytes: BULK });
    let forward = Forward::start(&server, &[], source.port());
    let start = Instant::now();
    pull(forward.connect(), 9, BULK);
    let alone = start.elapsed();
    let before = forward.process.resident_kib();
    // Eight readers that stop at once, each offered 64 MiB: unbounded buffering would show.
    let stopped: Vec<TcpStream> = (0..8).map(|_| forward.connect()).collect();
    for mut stream in &stopped {
        let mut first = [0];
        stream.read_exact(&mut first).expect("the first byte");
    }
    let start = Instant::now();
    for _ in 0..3 {
        pull(forward.connect(), 9, BULK);
    }
    // Three times as much as alone, and as long again for what else the machine does.
    let (beside, most) = (start.elapsed(), alone * 6 + Duration::from_secs(2));
    assert!(beside < most, "{beside:?} beside stopped readers, {alone:?} for a third alone");
    let grown = forward.process.resident_kib().saturating_sub(before);
    // At most a window of 2 MiB each: 16 MiB. As much again for what the allocator keeps of rings
    // that grew by doubling, and 8 MiB for the buffers of the busy connections beside them.
    assert!(grown < 40 * 1024, "memory grew by {grown} KiB behind stopped readers");
    // What was held back is still whole.
    let mut kept = stopped.into_iter().next().expect("a stopped reader");
    let mut rest = Vec::new();
    kept.read_to_end(&mut rest).expect("the rest");
    assert_eq!(rest.len() as u64, BULK - 1);
    drop(kept);
    forward.finish();
}

#[test]
fn a_stopped_service_holds_back_nobody_else() {
    if lacks_openssh("forwards::a_stopped_service_holds_back_nobody_else") {
        return;
    }
    let server = Server::with_lines(&[]);
    let stalled = Service::start(Toy::Stalled);
    let sink = Service::start(Toy::Sink);
    let extra = tssh_interop_tests::openssh::free_port();
    let spec = format!("127.0.0.1:{extra}:127.0.0.1:{}", stalled.port());
    let forward = Forward::start(&server, &["-L", &spec], sink.port());
    let mut stream = connect(extra);
    stream.set_nonblocking(true).expect("a socket that does not block");
    push(forward.connect(), 10, MIB);
    // Fill everything between here and the service that never reads, while others go on.
    let piece = [0; 64 * 1024];
    let mut taken = 0;
    for round in 0..16 {
        while let Ok(more) = stream.write(&piece) {
            taken += more;
            assert!(taken < 256 * MIB as usize, "more was buffered than any window allows");
        }
        push(forward.connect(), round, MIB);
    }
    assert!(taken > 0);
}

//! A session through a relay that keeps every byte, with a forward that carries data both ways.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use tssh::trace::json::parse;
use tssh_interop_tests::openssh::{self, KeyKind, Server, ServerOptions, keygen};
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{Finished, PATIENCE, Process};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{bare_command, tssh_binary, with};
use tssh_transport::trace::{Event, Kind, Value};

/// What the session carries.
pub const MARKER: &[u8] = b"Marker-Of-The-Session-Data-7391";
/// Bytes that the forward carries each way.
pub const TRANSFER: usize = 30_000;

/// Whether the test cannot run.
pub fn lacks_openssh(test: &str) -> bool {
    openssh::missing().inspect(|reason| skip(test, reason)).is_some()
}

/// Passes bytes on and keeps them.
pub struct Relay {
    /// Where it listens.
    pub port: u16,
    taken: Receiver<[JoinHandle<Vec<u8>>; 2]>,
}

impl Relay {
    /// In front of the server at `port`, for one connection.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let (give, taken) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let (client, _) = listener.accept().expect("the client");
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server");
            let clone = |stream: &TcpStream| stream.try_clone().expect("the same socket");
            let up = pass(clone(&client), clone(&server));
            let down = pass(server, client);
            // A test that asks for nothing has gone.
            let _ = give.send([up, down]);
        });
        Self { port: own, taken }
    }

    /// The bytes of client and server, once both are done.
    pub fn bytes(self) -> [Vec<u8>; 2] {
        let taken = self.taken.recv_timeout(PATIENCE).expect("a connection");
        taken.map(|side| side.join().expect("a relay that ends"))
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        let mut piece = [0; 16 * 1024];
        // A reset is an end as well.
        while let Ok(n @ 1..) = from.read(&mut piece) {
            seen.extend_from_slice(&piece[..n]);
            if to.write_all(&piece[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
        seen
    })
}

/// A server with an RSA host key, which old tsharks can read past, and an RSA key to log in with.
pub fn server(lines: &[&str]) -> (Server, PathBuf) {
    let options =
        ServerOptions { host_keys: vec![KeyKind::Rsa], ..ServerOptions::with_lines(lines) };
    let server = Server::start(&options);
    let key = server.folder().join("rsa_user_key");
    server.authorize(&keygen(&key, KeyKind::Rsa, ""));
    (server, key)
}

/// A session that is over.
pub struct Done {
    /// What the client said.
    pub finished: Finished,
    /// The bytes of client and server.
    pub wire: [Vec<u8>; 2],
    /// The port that the forward led to.
    pub target: u16,
}

/// Logs in through a relay with `options`, sends [`TRANSFER`] bytes through a forward to an echo
/// service and back, runs a command, and ends.
#[track_caller]
pub fn session(server: &Server, key: &Path, options: &[&str], command: &str) -> Done {
    session_of(TRANSFER, server, key, options, command)
}

/// As [`session`], with so many bytes there and back.
#[track_caller]
pub fn session_of(
    bytes: usize,
    server: &Server,
    key: &Path,
    options: &[&str],
    command: &str,
) -> Done {
    let relay = Relay::to(server.port());
    let (echo, port) = (Service::start(Toy::Echo), free_port());
    let relay_port = relay.port.to_string();
    let forward = format!("{port}:127.0.0.1:{}", echo.port());
    let alias = format!("HostKeyAlias=[127.0.0.1]:{}", server.port());
    let mut all = vec!["-p", &relay_port, "-L", &forward, "-o", &alias];
    all.extend(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
    all.extend(options);
    let mut line = bare_command(&tssh_binary(), server, &all);
    line.arg("-i").arg(key).arg("127.0.0.1").arg(format!("echo ready; {command}; cat"));
    let mut process = Process::spawn(&mut line);
    let ready = process.stdout.wait_for("ready", PATIENCE);
    assert!(ready, "{}\nserver: {}", process.output(), server.log());
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the forward");
    let data: Vec<u8> = MARKER.iter().copied().cycle().take(bytes).collect();
    let mut back = vec![0; data.len()];
    stream.write_all(&data).expect("data on its way");
    stream.read_exact(&mut back).expect("data back");
    assert!(back == data, "the echo is not the data");
    drop(stream);
    let finished = process.finish(PATIENCE);
    finished.expect_code(0);
    Done { finished, wire: relay.bytes(), target: echo.port() }
}

/// The events of a trace in JSON lines.
#[track_caller]
pub fn events(path: &Path) -> Vec<Event> {
    let text = std::fs::read_to_string(path).expect("a trace");
    let events: Vec<Event> = text
        .lines()
        .map(|line| parse(line).unwrap_or_else(|fault| panic!("{fault}: {line}")))
        .collect();
    for (n, event) in events.iter().enumerate() {
        assert_eq!(event.n, u64::try_from(n).expect("a number"), "an event is missing");
    }
    assert_eq!(events.first().map(|event| event.kind), Some(Kind::Header));
    assert_eq!(events.last().map(|event| event.kind), Some(Kind::Summary));
    events
}

/// The fields of a packet.
pub fn fields(event: &Event) -> Vec<&tssh_transport::trace::Map> {
    event.values.list("fields").iter().filter_map(Value::as_map).collect()
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// Runs tssh with these words alone.
pub fn tssh(words: &[&str]) -> Finished {
    tssh_interop_tests::process::run(Command::new(tssh_binary()).args(words))
}

/// `--OPTION=PATH`.
pub fn option(name: &str, path: &Path) -> String {
    with(name, path).into_string().expect("a path that is text")
}

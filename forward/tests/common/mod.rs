//! Two drivers in one process, and the applications behind them.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tssh_connection::{Answer, ClientConfig, ConnectionConfig, Event, ServerConfig, Stack};
use tssh_forward::Ended;
use tssh_forward::core::address::{Listen, LocalForward, Target};
use tssh_forward::core::policy::Policy;
use tssh_forward::driver::{
    AppEvent, Application, Control, DriverOptions, Handle, ListenOptions, run,
};
use tssh_transport::algorithms::Algorithms;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::PrivateKey;
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion, ServerAuthConfig};
use tssh_transport::{Side, Timestamp, TransportConfig};

/// More than any test causes.
const EVENTS_MAX: usize = 65_536;

/// What an application saw, for the test to look at.
pub type Seen = mpsc::Receiver<AppEvent>;
/// What it does about an event beyond logging in.
pub type React = Box<dyn FnMut(&AppEvent, &mut Control<'_>) + Send>;

/// Answers what a login needs, hands over a handle, and passes everything on.
pub struct Probe {
    seen: mpsc::Sender<AppEvent>,
    handle: Option<tokio::sync::oneshot::Sender<Handle>>,
    react: React,
}

impl Application for Probe {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        (self.react)(&event, control);
        match &event {
            AppEvent::Protocol(Event::HostKey(_)) => control.answer(Answer::HostKey(true)),
            AppEvent::Protocol(Event::Auth(AuthEvent::Question(question))) => {
                let answer = match question {
                    AuthQuestion::ChooseMethod { .. } => AuthAnswer::Attempt(Attempt::None),
                    _ => AuthAnswer::Accept,
                };
                control.answer(Answer::Auth(answer));
            }
            AppEvent::Protocol(Event::Authenticated { .. }) => {
                if let Some(handle) = self.handle.take() {
                    let _ = handle.send(control.handle());
                }
            }
            _ => {}
        }
        match self.seen.try_send(event) {
            // A test that has seen enough drops its end.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(_)) => panic!("more events than tests expect"),
        }
    }
}

/// One end of a connection, running.
pub struct End {
    pub handle: Handle,
    pub seen: Seen,
    pub task: JoinHandle<Ended>,
}

impl End {
    /// The next event that `pick` wants.
    pub async fn wait_for<T>(&mut self, mut pick: impl FnMut(AppEvent) -> Option<T>) -> T {
        loop {
            let event = self.seen.recv().await.expect("the connection lives");
            if let Some(found) = pick(event) {
                return found;
            }
        }
    }

    /// Starts a local forward to `target` on a free loopback port, and gives its IPv4 address.
    pub async fn forward(&mut self, target: SocketAddr) -> SocketAddr {
        let forward = local_forward("127.0.0.1", 0, target);
        self.handle.call(move |c| c.listen_local(forward, ListenOptions::default())).await.unwrap();
        self.wait_for(|event| match event {
            AppEvent::Listening { addresses, .. } => addresses.first().copied(),
            _ => None,
        })
        .await
    }
}

pub fn local_forward(bind: &str, port: u16, target: SocketAddr) -> LocalForward {
    LocalForward {
        listen: Listen::Tcp { bind: Some(bind.to_owned()), port },
        target: Target::Tcp { host: target.ip().to_string(), port: target.port() },
    }
}

fn entropy(seed: u8) -> Entropy {
    Entropy::from_seed(&[seed; SEED_BYTES])
}

fn transport(side: Side, rekey: RekeyLimits) -> TransportConfig {
    let mut algorithms = Algorithms::default_for(side, true);
    // The fastest of them: what is tested here is not the key exchange.
    algorithms.kex = vec!["curve25519-sha256".to_owned()];
    let key = PrivateKey::generate_ed25519(entropy(9).stream(Purpose::Upper));
    TransportConfig {
        identification: "SSH-2.0-tssh_test".to_owned(),
        algorithms,
        rekey,
        host_keys: if side.is_client() { Vec::new() } else { vec![key] },
        server_sig_algs: vec!["ssh-ed25519".to_owned()],
    }
}

pub fn client_stack() -> Stack {
    client_stack_with(RekeyLimits::default())
}

pub fn client_stack_with(rekey: RekeyLimits) -> Stack {
    let config = ClientConfig {
        transport: transport(Side::Client, rekey),
        user: "user".to_owned(),
        connection: ConnectionConfig::default(),
    };
    Stack::client(config, entropy(1), Timestamp::default()).unwrap()
}

pub fn server_stack() -> Stack {
    server_stack_with(RekeyLimits::default())
}

pub fn server_stack_with(rekey: RekeyLimits) -> Stack {
    let auth = ServerAuthConfig { ask_none: true, ..ServerAuthConfig::default() };
    let config = ServerConfig {
        transport: transport(Side::Server, rekey),
        connection: ConnectionConfig::default(),
        auth,
    };
    Stack::server(config, entropy(2), Timestamp::default()).unwrap()
}

type Started = (Seen, tokio::sync::oneshot::Receiver<Handle>, JoinHandle<Ended>);

pub fn start<S>(socket: S, stack: Stack, options: DriverOptions, react: React) -> Started
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, seen) = mpsc::channel(EVENTS_MAX);
    let (give, handle) = tokio::sync::oneshot::channel();
    let app = Probe { seen: sender, handle: Some(give), react };
    (seen, handle, tokio::spawn(run(socket, stack, app, options)))
}

pub fn nothing() -> React {
    Box::new(|_, _| {})
}

pub fn server_options() -> DriverOptions {
    DriverOptions { policy: Policy::server(), ..DriverOptions::default() }
}

/// A client and a server, logged in, over any pair of streams.
pub async fn pair_over<S>(
    (a, b): (S, S),
    client: (DriverOptions, React),
    server: (DriverOptions, React),
) -> (End, End)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client_seen, client_handle, client_task) = start(a, client_stack(), client.0, client.1);
    let (server_seen, server_handle, server_task) = start(b, server_stack(), server.0, server.1);
    let client = End { handle: client_handle.await.unwrap(), seen: client_seen, task: client_task };
    let server = End { handle: server_handle.await.unwrap(), seen: server_seen, task: server_task };
    (client, server)
}

/// A client and a server that both exchange keys after so many bytes.
pub async fn pair_that_rekeys(bytes: u64) -> (End, End) {
    let rekey = || RekeyLimits { bytes, ..RekeyLimits::default() };
    let (a, b) = tcp_pair().await;
    let client = start(a, client_stack_with(rekey()), DriverOptions::default(), nothing());
    let server = start(b, server_stack_with(rekey()), server_options(), nothing());
    let end =
        async |(seen, handle, task): Started| End { handle: handle.await.unwrap(), seen, task };
    tokio::join!(end(client), end(server))
}

/// The same over loopback TCP with nothing out of the ordinary.
pub async fn pair() -> (End, End) {
    let sockets = tcp_pair().await;
    let client = (DriverOptions::default(), nothing());
    pair_over(sockets, client, (server_options(), nothing())).await
}

pub async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connect = TcpStream::connect(listener.local_addr().unwrap());
    let (a, b) = tokio::join!(connect, listener.accept());
    let (a, b) = (a.unwrap(), b.unwrap().0);
    a.set_nodelay(true).unwrap();
    b.set_nodelay(true).unwrap();
    (a, b)
}

/// A server that sends back what it gets, and its end after the other's.
pub async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                // A reset by the test is the test's business.
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.shutdown().await;
            });
        }
    });
    address
}

/// A listener for one connection.
pub async fn target() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Bytes that differ from place to place: an xorshift of the seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out
}

/// Sends `data` in pieces of varying size and reads what comes back to the end.
pub async fn round_trip(address: SocketAddr, data: Vec<u8>) -> Vec<u8> {
    let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    let len = data.len();
    let sending = tokio::spawn(async move {
        let (mut at, mut piece) = (0, 1);
        while at < data.len() {
            let end = (at + piece).min(data.len());
            to.write_all(&data[at..end]).await.unwrap();
            at = end;
            piece = piece % 65_536 * 3 + 1;
        }
        to.shutdown().await.unwrap();
    });
    let mut back = Vec::with_capacity(len);
    from.read_to_end(&mut back).await.unwrap();
    sending.await.unwrap();
    back
}

//! A peer that is logged in and asks without end, against the driver with all its sockets: what
//! it costs is bounded, and the session still answers.
//!
//! One test in a process of its own: it measures the memory of the process. What the peer sends is
//! made by hand and sealed properly, so that nothing of ours keeps it within bounds.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::net::TcpListener;
use tssh_connection::messages::{ChannelClose, ChannelData, GlobalRequestMsg, RequestSuccess};
use tssh_connection::{GlobalRequest, OpenKind};
use tssh_forward::core::address::{Listen, RemoteForward, Target};
use tssh_forward::core::policy::{GatewayPorts, Policy};
use tssh_forward::driver::{AppEvent, Application, Control, DriverOptions, Handle, run};
use tssh_interop_tests::hostile::fight::Fight;
use tssh_interop_tests::hostile::raw::Raw;
use tssh_transport::Side;
use tssh_transport::messages::transport::Ping;
use tssh_transport::wire::Message;

/// What one flood may add to the memory of the process, the peer's half included: the sums of
/// windows, tables and sockets that the limits allow, and far less than what was asked for.
const GROWTH_MAX: usize = 48 * 1024 * 1024;
/// Longer than any flood takes.
const PATIENCE: Duration = Duration::from_secs(120);
const MANY: u32 = 20_000;

/// Counts what it is told, and keeps nothing.
struct Counter {
    told: Arc<AtomicUsize>,
    handle: Option<tokio::sync::oneshot::Sender<Handle>>,
}

impl Application for Counter {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        self.told.fetch_add(1, Ordering::Relaxed);
        if let (AppEvent::Started, Some(handle)) = (&event, self.handle.take()) {
            let _ = handle.send(control.handle());
        }
    }
}

/// The peer, and the driver it is connected to.
struct Siege {
    raw: Raw,
    reads: ReadHalf<DuplexStream>,
    writes: WriteHalf<DuplexStream>,
    handle: Handle,
    told: Arc<AtomicUsize>,
    /// How often each message came.
    counts: BTreeMap<u8, u32>,
    /// The numbers of channels that the driver has confirmed.
    open: Vec<u32>,
    requests: u32,
}

impl Siege {
    async fn new(victim: Side, policy: Policy) -> Self {
        let Fight { raw, victim, .. } = Fight::connected(victim);
        let (socket, theirs) = tokio::io::duplex(256 * 1024);
        let told = Arc::new(AtomicUsize::new(0));
        let (give, handle) = tokio::sync::oneshot::channel();
        let app = Counter { told: Arc::clone(&told), handle: Some(give) };
        let options = DriverOptions { policy, ..DriverOptions::default() };
        tokio::spawn(run(theirs, victim, app, options));
        let handle = handle.await.expect("it runs");
        let (counts, open) = (BTreeMap::new(), Vec::new());
        let (reads, writes) = tokio::io::split(socket);
        Self { raw, reads, writes, handle, told, counts, open, requests: 0 }
    }

    fn count(&self, number: u8) -> u32 {
        self.counts.get(&number).copied().unwrap_or(0)
    }

    fn look(&mut self, bytes: &[u8]) {
        self.raw.receive(bytes);
        for payload in self.raw.payloads.drain(..) {
            *self.counts.entry(payload[0]).or_default() += 1;
            match payload[0] {
                91 => self.open.push(u32::from_be_bytes(payload[5..9].try_into().expect("four"))),
                80 => self.requests += 1,
                _ => {}
            }
        }
    }

    /// Sends a payload, and takes what comes meanwhile.
    async fn send(&mut self, payload: &[u8]) {
        let packet = self.raw.packet(payload);
        let (mut at, mut buffer) = (0, vec![0; 64 * 1024]);
        while at < packet.len() {
            tokio::select! {
                wrote = self.writes.write(&packet[at..]) => at += wrote.expect("it lives"),
                read = self.reads.read(&mut buffer) => {
                    let n = read.expect("it lives");
                    assert_ne!(n, 0, "the connection ended");
                    self.look(&buffer[..n]);
                }
            }
        }
    }

    /// Takes what comes until `done` says that it is enough.
    async fn take_until(&mut self, done: impl Fn(&Self) -> bool) {
        let mut buffer = vec![0; 64 * 1024];
        while !done(self) {
            let n = self.reads.read(&mut buffer).await.expect("it lives");
            assert_ne!(n, 0, "the connection ended: {:?}", self.counts);
            self.look(&buffer[..n]);
        }
    }

    /// The session still answers.
    async fn answers(&mut self) {
        let pongs = self.count(193);
        self.send(&Ping::new(b"alive?").payload()).await;
        self.take_until(|siege| siege.count(193) > pongs).await;
    }

    /// Sends many, waits for as many answers of the kinds given, and says what it cost.
    async fn flood(
        &mut self,
        name: &str,
        many: u32,
        answers: &[u8],
        payload: impl Fn(u32) -> Vec<u8>,
    ) {
        let before = memory();
        let answered = |siege: &Self| answers.iter().map(|a| siege.count(*a)).sum::<u32>();
        let already = answered(self);
        let flood = async {
            for n in 0..many {
                self.send(&payload(n)).await;
            }
            if !answers.is_empty() {
                self.take_until(|siege| answered(siege) >= already + many).await;
            }
            self.answers().await;
        };
        tokio::time::timeout(PATIENCE, flood).await.unwrap_or_else(|_| panic!("{name}: stuck"));
        let grown = memory().saturating_sub(before);
        println!("{name}: {} KiB, {:?}", grown / 1024, self.counts);
        assert!(grown < GROWTH_MAX, "{name}: {grown} bytes more");
    }
}

/// The memory of this process that is in use.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.split_ascii_whitespace().next().and_then(|n| n.parse::<usize>().ok()).expect("KiB") * 1024
}

fn open(kind: &OpenKind, number: u32) -> Vec<u8> {
    let mut payload = Vec::new();
    kind.encode(number, 1 << 20, 1 << 15, &mut payload);
    payload
}

fn direct(host: &str, port: u32) -> OpenKind {
    OpenKind::DirectTcpip {
        host: host.to_owned(),
        port,
        originator_address: "192.0.2.1".to_owned(),
        originator_port: 1,
    }
}

fn forwarded(port: u32) -> OpenKind {
    OpenKind::ForwardedTcpip {
        address: "localhost".to_owned(),
        port,
        originator_address: "192.0.2.1".to_owned(),
        originator_port: 1,
    }
}

fn ask(request: &GlobalRequest, want_reply: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    request.encode(want_reply, &mut payload);
    payload
}

fn listen(address: &str, port: u32) -> GlobalRequest {
    GlobalRequest::TcpipForward { address: address.to_owned(), port }
}

async fn floods_of_a_server() {
    let policy = Policy { gateway_ports: GatewayPorts::ClientSpecified, ..Policy::server() };
    let mut siege = Siege::new(Side::Server, policy).await;
    let s = &mut siege;
    // Port 1 is listened on by nobody: every one is dialled, and refused.
    s.flood("opens that fail", MANY, &[92], |n| open(&direct("127.0.0.1", 1), n)).await;
    s.flood("opens of no port", MANY, &[92], |n| open(&direct("127.0.0.1", 65_536 + n), n)).await;
    let long = "h".repeat(30_000);
    s.flood("opens of long names", 5_000, &[92], |n| open(&direct(&long, 1), n)).await;
    let path = OpenKind::DirectStreamlocal { path: long.clone() };
    s.flood("opens of long paths", 5_000, &[92], |n| open(&path, n)).await;
    s.flood("opens of no kind", MANY, &[92], |n| open(&OpenKind::AuthAgent, n)).await;

    let cancel = |n| GlobalRequest::CancelTcpipForward { address: "localhost".to_owned(), port: n };
    s.flood("cancels", MANY, &[81, 82], |n| ask(&cancel(n), true)).await;
    s.flood("cancels without reply", MANY, &[], |n| ask(&cancel(n), false)).await;
    s.flood("no listening side", MANY, &[81, 82], |n| ask(&listen("\0", n), true)).await;
    s.flood("long ones", 5_000, &[81, 82], |n| ask(&listen(&long, n % 65_536), true)).await;
    // Each is looked up, one after another, and the ones that want no reply wait.
    let name = "no-such-host.invalid";
    s.flood("looked up", 2_000, &[], |n| ask(&listen(name, n), false)).await;
    let unknown = |_| GlobalRequestMsg::new(b"x@example.org", true, &[0; 1000]).payload();
    s.flood("unknown requests", MANY, &[82], unknown).await;
    s.flood("listening sides", 5_000, &[81, 82], |_| ask(&listen("127.0.0.1", 0), true)).await;
    assert!(s.count(81) >= 100, "the first ones are served");
    assert!(s.count(81) <= 1024, "the others are not");
}

/// Channels that are opened, as far as there are descriptors, and closed again.
async fn channels_of_a_server() {
    let target = TcpListener::bind("127.0.0.1:0").await.expect("a target");
    let port = u32::from(target.local_addr().expect("its address").port());
    let mut siege = Siege::new(Side::Server, Policy::server()).await;
    // Each is let go at once, so that there is room for the next.
    let accepting = tokio::spawn(async move { while target.accept().await.is_ok() {} });
    for _ in 0..3 {
        siege.flood("opens", 10_000, &[91, 92], |n| open(&direct("127.0.0.1", port), n)).await;
        let open = std::mem::take(&mut siege.open);
        assert!(!open.is_empty());
        for number in open {
            siege.send(&ChannelClose::new(number).payload()).await;
        }
        siege.answers().await;
        let left = siege.handle.call(|c| c.forwarded_connections()).await.expect("it lives");
        assert_eq!(left, 0, "nothing is left of them");
    }
    accepting.abort();
}

async fn floods_of_a_client() {
    let mut siege = Siege::new(Side::Client, Policy::default()).await;
    let s = &mut siege;
    let kinds = [
        ("unasked connections", forwarded(1)),
        ("unasked paths", OpenKind::ForwardedStreamlocal { path: "/a".to_owned() }),
        ("unasked agents", OpenKind::AuthAgent),
        ("unasked sessions", OpenKind::Session),
        ("connections to here", direct("127.0.0.1", 1)),
    ];
    for (name, kind) in kinds {
        s.flood(name, MANY, &[92], |n| open(&kind, n)).await;
    }
    let listening = |_| ask(&listen("localhost", 2001), true);
    s.flood("listening sides", MANY, &[82], listening).await;

    // Two remote forwards: one to a port that nobody listens on, one that speaks SOCKS.
    for (port, target) in
        [(2001, Some(Target::Tcp { host: "127.0.0.1".to_owned(), port: 1 })), (2002, None)]
    {
        let forward = RemoteForward { listen: Listen::Tcp { bind: None, port }, target };
        let requests = s.requests;
        s.handle.call(move |c| c.request_remote(forward)).await.expect("it lives");
        s.take_until(|siege| siege.requests > requests).await;
        s.send(&RequestSuccess::new(&[]).payload()).await;
    }
    s.flood("other ports", MANY, &[92], |n| open(&forwarded(3000 + n), n)).await;
    s.flood("a target that refuses", MANY, &[92], |n| open(&forwarded(2001), n)).await;
    // As many as there are channels say nothing; the others are turned away.
    s.flood("silent SOCKS clients", 10_000, &[91, 92], |n| open(&forwarded(2002), n)).await;
    let silent = std::mem::take(&mut s.open);
    assert!(silent.len() >= 5_000, "{}", silent.len());
    for number in &silent {
        s.send(&ChannelClose::new(*number).payload()).await;
    }
    s.answers().await;
    tokio::time::timeout(PATIENCE, churn(s)).await.expect("clients that leave hold up nobody");
}

/// SOCKS clients that ask and leave: neither they nor the connections that are made for them stay.
async fn churn(siege: &mut Siege) {
    let before = memory();
    let mut request = vec![5, 1, 0, 5, 1, 0, 3, 9];
    request.extend(b"localhost\0\x01");
    for n in 0..10_000 {
        siege.send(&open(&forwarded(2002), n)).await;
        siege.take_until(|siege| !siege.open.is_empty()).await;
        let number = siege.open.pop().expect("it is open");
        siege.send(&ChannelData::new(number, &request).payload()).await;
        siege.send(&ChannelClose::new(number).payload()).await;
    }
    siege.answers().await;
    let grown = memory().saturating_sub(before);
    println!("SOCKS clients that leave: {} KiB", grown / 1024);
    assert!(grown < GROWTH_MAX, "{grown} bytes more");
    assert!(siege.told.load(Ordering::Relaxed) > 0);
}

/// "A flood of opens, requests or refused opens costs bounded memory": of every kind, and the
/// session answers after each.
#[test]
fn floods_cost_bounded_memory_and_the_session_answers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        floods_of_a_server().await;
        channels_of_a_server().await;
        floods_of_a_client().await;
    });
}

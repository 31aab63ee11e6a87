//! Thousands of connections through one SSH connection: all at once, and one after the other.

use crate::support::{Holder, Pair, STRICT, each_pair};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::pattern::Pattern;
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{PATIENCE, Process, Usage, raise_open_files};
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::client_command;

/// Connections that are open at the same moment.
const AT_ONCE: usize = 5000;
/// Connections that come and go afterwards, so many at a time.
const AFTERWARDS: usize = 10_000;
const AT_A_TIME: usize = 100;
/// One process of tests holds both ends of [`AT_ONCE`] connections, and its hard limit of open
/// files may leave room for one such test at a time.
static ALONE: Mutex<()> = Mutex::new(());
/// What one of our programs may use more for each channel that is open but idle.
const KIB_PER_CHANNEL: u64 = 4;
/// What the allocator may keep of what thousands of channels once needed, and what was not yet
/// touched when the first measure was taken.
const SLACK_KIB: u64 = 8 * 1024;

each_pair! {
    five_thousand_at_once: TsshSshd SshTsshd TsshTsshd;
    more_than_the_soft_limit: TsshSshd;
}

/// S14: 5,000 channels are open at once and all echo; 10,000 connections later, descriptors and
/// memory are where they were.
fn five_thousand_at_once(pair: Pair) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Both ends of each connection, and room for the rest of this process.
    raise_open_files(4 * AT_ONCE as u64);
    let server = pair.server(&[]);
    let echo = Service::start(Toy::Echo);
    let port = free_port();
    let forward = format!("-L{port}:127.0.0.1:{}", echo.port());
    let holder = pair.hold(&server, &["-oExitOnForwardFailure=yes", &forward]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime for the connections");
    runtime.block_on(in_time(come_and_go(port, AT_A_TIME)));
    settle(&holder, &server, None);
    let start = usage(&holder, &server);
    let open = runtime.block_on(in_time(all_at_once(port, || usage(&holder, &server))));
    for (ours, before, during) in
        [(pair.client_is_ours(), start.0, open.0), (pair.server_is_ours(), start.1, open.1)]
    {
        assert!(during.files >= before.files + AT_ONCE, "{before:?} {during:?}");
        let grown = during.resident_kib.saturating_sub(before.resident_kib);
        let each = grown as f64 / AT_ONCE as f64;
        assert!(!ours || grown <= KIB_PER_CHANNEL * AT_ONCE as u64, "{pair:?}: {each} KiB each");
    }
    for _ in 0..AFTERWARDS / AT_A_TIME {
        runtime.block_on(in_time(come_and_go(port, AT_A_TIME)));
    }
    assert_eq!(echo.accepted(), (AT_ONCE + AFTERWARDS + AT_A_TIME) as u64);
    settle(&holder, &server, Some(start));
    let end = usage(&holder, &server);
    for (ours, before, after) in
        [(pair.client_is_ours(), start.0, end.0), (pair.server_is_ours(), start.1, end.1)]
    {
        let most = before.resident_kib + SLACK_KIB;
        assert!(!ours || after.resident_kib <= most, "{pair:?}: {before:?} {after:?}");
    }
    holder.finish();
}

/// A soft limit that a shell may have set, and that a client without forwards is far below.
const SOFT_LIMIT: &str = "40";

/// The client may open as many files as the hard limit lets it; the programs that it runs get what
/// it was started with.
fn more_than_the_soft_limit(pair: Pair) {
    // ssh stays within the soft limit.
    if !pair.client_is_ours() {
        return;
    }
    let (server, echo, port) = (pair.server(&[]), Service::start(Toy::Echo), free_port());
    let forward = format!("-L{port}:127.0.0.1:{}", echo.port());
    let limited = |options: &[&str], command: &[&str]| {
        let line = client_command(&pair.client(), &server, options, command);
        let mut shell = Command::new("sh");
        let script = format!("ulimit -S -n {SOFT_LIMIT}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script]).arg(line.get_program()).args(line.get_args());
        shell.env("HOME", server.folder().path()).env_remove("SSH_AUTH_SOCK");
        Process::spawn(&mut shell)
    };
    let mut client = limited(&[&forward, STRICT], &["echo ready; cat"]);
    assert!(client.stdout.wait_for("ready", PATIENCE), "{}", client.output());
    let mut streams: Vec<_> = (0..AT_A_TIME).map(|_| crate::support::connect(port)).collect();
    for stream in &mut streams {
        stream.write_all(b"x").expect("send");
        stream.read_exact(&mut [0]).expect("hear the echo");
    }
    drop(streams);
    client.finish(PATIENCE).expect_code(0);
    let shown = "-oProxyCommand=sh -c 'echo limit $(ulimit -S -n) >&2'";
    let done = limited(&[shown], &["true"]).finish(PATIENCE);
    done.expect_code(255).expect_stderr(&format!("limit {SOFT_LIMIT}\n"));
}

fn usage(holder: &Holder, server: &Server) -> (Usage, Usage) {
    (holder.process.tree_usage(), server.process().tree_usage())
}

/// Waits until both sides have closed what their peers have closed: they have as many descriptors
/// as in `before`, or, without that, the number changes no more.
#[track_caller]
fn settle(holder: &Holder, server: &Server, before: Option<(Usage, Usage)>) {
    let files = |(client, server): (Usage, Usage)| (client.files, server.files);
    let begun = Instant::now();
    let mut last = before;
    loop {
        let now = usage(holder, server);
        if last.is_some_and(|last| files(last) == files(now)) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "descriptors: {:?}, now {:?}", last, now);
        last = before.or(Some(now));
        // Nothing tells that another process has closed something: it has a moment for it.
        assert!(!holder.process.stdout.wait(Duration::from_millis(50), |_| false));
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE * 2, work).await.expect("all connections end in time")
}

/// Opens all, hears each one's echo, measures, hears each one's echo again, and ends all.
async fn all_at_once(port: u16, measure: impl Fn() -> (Usage, Usage)) -> (Usage, Usage) {
    let mut tasks = JoinSet::new();
    // ssh lets the kernel hold 128 connections that it has not yet taken.
    let opening = Arc::new(Semaphore::new(100));
    let barriers = [(); 2].map(|()| Arc::new(Barrier::new(AT_ONCE + 1)));
    for seed in 0..AT_ONCE {
        let [all_open, measured] = barriers.clone();
        let opening = opening.clone();
        tasks.spawn(async move {
            let turn = opening.acquire().await;
            let mut stream = echoed(port, seed).await;
            drop(turn);
            all_open.wait().await;
            measured.wait().await;
            exchange(&mut stream, seed + 1).await;
            finish(stream).await;
        });
    }
    let [all_open, measured] = barriers;
    all_open.wait().await;
    let result = measure();
    measured.wait().await;
    while let Some(done) = tasks.join_next().await {
        done.expect("the checks of one connection hold");
    }
    result
}

async fn come_and_go(port: u16, connections: usize) {
    let mut tasks = JoinSet::new();
    for seed in 0..connections {
        tasks.spawn(async move { finish(echoed(port, seed).await).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("the checks of one connection hold");
    }
}

async fn echoed(port: u16, seed: usize) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connect");
    exchange(&mut stream, seed).await;
    stream
}

async fn exchange(stream: &mut TcpStream, seed: usize) {
    let sent = Pattern::bytes(seed as u64, 100);
    stream.write_all(&sent).await.expect("send");
    let mut got = [0; 100];
    stream.read_exact(&mut got).await.expect("hear the echo");
    assert!(got[..] == sent[..], "connection {seed} heard something else");
}

async fn finish(mut stream: TcpStream) {
    stream.shutdown().await.expect("end our direction");
    assert_eq!(stream.read(&mut [0]).await.expect("the other's end"), 0);
}

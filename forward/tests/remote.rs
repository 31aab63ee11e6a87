//! Remote, dynamic and Unix forwards from end to end: two drivers and real sockets.

#![forbid(unsafe_code)]

mod common;

use common::*;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tssh_forward::core::address::{DynamicForward, Listen, LocalForward, RemoteForward, Target};
use tssh_forward::core::policy::{Permit, PermitOpen};
use tssh_forward::core::services::Services;
use tssh_forward::driver::{AppEvent, Forward, ForwardId, ListenOptions};

const MIB: usize = 1024 * 1024;

fn tcp(bind: &str, port: u16) -> Listen {
    Listen::Tcp { bind: Some(bind.to_owned()), port }
}

fn to(address: SocketAddr) -> Target {
    Target::Tcp { host: address.ip().to_string(), port: address.port() }
}

/// A path of the test's own, gone when it is over.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        let file = format!("tssh-forward-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    fn text(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Asks the server to listen; the forward and its port, or nothing where it refuses.
async fn remote(
    client: &mut End,
    listen: Listen,
    target: Option<Target>,
) -> Option<(ForwardId, u16)> {
    let forward = RemoteForward { listen, target };
    client.handle.call(move |c| c.request_remote(forward)).await.unwrap();
    client
        .wait_for(|event| match event {
            AppEvent::RemoteListening { forward, port } => Some(Some((forward, port.unwrap_or(0)))),
            AppEvent::RemoteFailed { .. } => Some(None),
            _ => None,
        })
        .await
}

async fn dynamic(client: &mut End) -> SocketAddr {
    let forward = DynamicForward { listen: tcp("127.0.0.1", 0) };
    client.handle.call(move |c| c.listen_dynamic(forward, ListenOptions::default())).await.unwrap();
    client
        .wait_for(|event| match event {
            AppEvent::Listening { addresses, .. } => addresses.first().copied(),
            _ => None,
        })
        .await
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[tokio::test]
async fn a_remote_forward_carries_both_ways_and_ends_when_it_is_cancelled() {
    let (mut client, _server) = pair().await;
    let target = to(echo_server().await);
    let (id, port) = remote(&mut client, tcp("localhost", 0), Some(target)).await.unwrap();
    assert_ne!(port, 0);
    let data = noise(1, 10 * MIB);
    assert!(round_trip(local(port), data.clone()).await == data);
    let forwards = client.handle.call(|c| c.forwards()).await.unwrap();
    let [only] = &forwards[..] else { panic!("{forwards:?}") };
    assert!(only.up && only.id == id);
    assert!(matches!(&only.forward, Forward::Remote(r) if r.listen == tcp("localhost", port)));

    let open = TcpStream::connect(local(port)).await.unwrap();
    assert!(client.handle.call(move |c| c.cancel(id)).await.unwrap());
    let ok = client.wait_for(|event| match event {
        AppEvent::Cancelled { ok, .. } => Some(ok),
        _ => None,
    });
    assert!(ok.await);
    assert!(TcpStream::connect(local(port)).await.is_err(), "nobody listens any more");
    drop(open);
    assert!(client.handle.call(|c| c.forwards().is_empty()).await.unwrap());
    assert!(!client.handle.call(move |c| c.cancel(id)).await.unwrap(), "it is gone");
}

#[tokio::test]
async fn a_busy_port_is_refused_whole_and_the_next_request_still_answered() {
    let (mut client, _server) = pair().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let target = Some(to(local(9)));
    assert_eq!(remote(&mut client, tcp("localhost", port), target.clone()).await, None);
    // The half that was free was let go again.
    assert!(std::net::TcpListener::bind(("::1", port)).is_ok());
    assert!(remote(&mut client, tcp("localhost", 0), target).await.is_some());
}

#[tokio::test]
async fn a_remote_target_that_refuses_ends_the_connection_and_is_told() {
    let (mut client, _server) = pair().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_, port) = remote(&mut client, tcp("localhost", 0), Some(to(gone))).await.unwrap();
    let mut stream = TcpStream::connect(local(port)).await.unwrap();
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{read:?}");
    let text = client.wait_for(|event| match event {
        AppEvent::ForwardFailed { text, .. } => Some(text),
        _ => None,
    });
    assert!(text.await.ends_with("Connection refused"));
}

#[tokio::test]
async fn unix_sockets_stand_on_either_side_of_either_kind() {
    let (mut client, _server) = pair().await;
    let echo = echo_server().await;
    let (near, middle, far) = (Path::new("near"), Path::new("middle"), Path::new("far"));
    // path there -> TCP here, then path here -> that path.
    let listen = Listen::Unix(far.text());
    let (id, _) = remote(&mut client, listen, Some(to(echo))).await.unwrap();
    let forward =
        LocalForward { listen: Listen::Unix(near.text()), target: Target::Unix(far.text()) };
    client.handle.call(move |c| c.listen_local(forward, ListenOptions::default())).await.unwrap();
    client.wait_for(|e| matches!(e, AppEvent::Listening { .. }).then_some(())).await;
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&near.0).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");

    let mut stream = UnixStream::connect(&near.0).await.unwrap();
    let data = noise(3, MIB);
    let (mut from, mut to) = stream.split();
    let sending = async {
        to.write_all(&data).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let (_, read) = tokio::join!(sending, from.read_to_end(&mut back));
    read.unwrap();
    assert!(back == data);

    client.handle.call(move |c| c.cancel(id)).await.unwrap();
    client.wait_for(|e| matches!(e, AppEvent::Cancelled { ok: true, .. }).then_some(())).await;
    assert!(!far.0.exists(), "the file goes with the listener");

    // A file that is no socket is never removed.
    std::fs::write(&middle.0, "precious").unwrap();
    assert_eq!(remote(&mut client, Listen::Unix(middle.text()), None).await, None);
    assert_eq!(std::fs::read_to_string(&middle.0).unwrap(), "precious");
}

async fn ask(proxy: SocketAddr, target: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    stream.write_all(&[5, 1, 0]).await.unwrap();
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [5, 0]);
    let mut request = vec![5, 1, 0, 3, 9];
    request.extend(b"localhost");
    request.extend(target.port().to_be_bytes());
    stream.write_all(&request).await.unwrap();
    stream
}

async fn through(mut stream: TcpStream) {
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..2], [5, 0]);
    let data = noise(4, MIB);
    let (mut from, mut to) = stream.split();
    let sending = async {
        to.write_all(&data).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let (_, read) = tokio::join!(sending, from.read_to_end(&mut back));
    read.unwrap();
    assert!(back == data);
}

async fn refused(mut stream: TcpStream, code: u8) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.get(..2), Some(&[5, code][..]), "{answer:?}");
}

#[tokio::test]
async fn a_socks_client_here_reaches_what_it_names_there() {
    let (mut client, _server) = pair().await;
    let proxy = dynamic(&mut client).await;
    let echo = echo_server().await;
    through(ask(proxy, echo).await).await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    refused(ask(proxy, gone).await, 5).await;
    // One that says nothing holds back nobody.
    let _silent = TcpStream::connect(proxy).await.unwrap();
    through(ask(proxy, echo).await).await;
}

#[tokio::test]
async fn a_socks_client_there_reaches_what_it_names_here() {
    let (mut client, _server) = pair().await;
    let echo = echo_server().await;
    let permit = Permit::parse(&format!("localhost:{}", echo.port()), &Services::default());
    let permit = PermitOpen::Only(vec![permit.unwrap()]);
    client.handle.call(move |c| c.set_permit_remote_open(permit)).await.unwrap();
    let (_, port) = remote(&mut client, tcp("localhost", 0), None).await.unwrap();
    through(ask(local(port), echo).await).await;
    // PermitRemoteOpen.
    refused(ask(local(port), local(9)).await, 2).await;
    // What comes in one piece with the request is data.
    let mut stream = TcpStream::connect(local(port)).await.unwrap();
    let mut all = vec![5, 1, 0, 5, 1, 0, 3, 9];
    all.extend(b"localhost");
    all.extend(echo.port().to_be_bytes());
    all.extend(b"early");
    stream.write_all(&all).await.unwrap();
    let mut back = [0; 17];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back[12..], b"early");
}

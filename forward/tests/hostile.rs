//! A peer that is logged in and means harm: opens that nobody asked for, hosts and ports that are
//! none, clients that never say what they want.

#![forbid(unsafe_code)]

mod common;

use common::*;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tssh_connection::{ChannelEvent, Event, GlobalRequest, OpenKind};
use tssh_forward::core::address::{DynamicForward, Listen, RemoteForward, Target};
use tssh_forward::core::policy::{ListenPermit, Permit, PermitListen, PermitOpen, Policy};
use tssh_forward::core::services::Services;
use tssh_forward::driver::{AppEvent, DriverOptions, Endpoints, ForwardId, ListenOptions};
use tssh_forward::limits::{HOST_BYTES_MAX, NEGOTIATIONS_MAX, SOCKET_PATH_BYTES_MAX};

const PROHIBITED: &str = "open failed: administratively prohibited";

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn to(address: SocketAddr) -> Target {
    Target::Tcp { host: address.ip().to_string(), port: address.port() }
}

fn forwarded(address: &str, port: u32) -> OpenKind {
    let (originator_address, originator_port) = ("\x1b[2J\nnobody".to_owned(), u32::MAX);
    OpenKind::ForwardedTcpip {
        address: address.to_owned(),
        port,
        originator_address,
        originator_port,
    }
}

fn direct(host: &str, port: u32) -> OpenKind {
    let (originator_address, originator_port) = ("o".repeat(100_000), u32::MAX);
    OpenKind::DirectTcpip { host: host.to_owned(), port, originator_address, originator_port }
}

/// Opens a channel as nobody does, and gives the words of its refusal.
async fn refused(end: &mut End, kind: OpenKind) -> String {
    let open = move |c: &mut tssh_forward::driver::Control<'_>| {
        c.open_forwarded(kind, Endpoints::split(None, None)).is_ok()
    };
    assert!(end.handle.call(open).await.unwrap());
    end.wait_for(|event| match event {
        AppEvent::ForwardFailed { text, .. } => Some(text),
        _ => None,
    })
    .await
}

/// The kind of the open that was refused.
async fn warned(end: &mut End) -> String {
    end.wait_for(|event| match event {
        AppEvent::Unsolicited { kind } => Some(kind),
        _ => None,
    })
    .await
}

/// Asks the server to listen on loopback; the forward and its port.
async fn remote(client: &mut End, target: Option<Target>) -> (ForwardId, u16) {
    let listen = Listen::Tcp { bind: None, port: 0 };
    let forward = RemoteForward { listen, target };
    client.handle.call(move |c| c.request_remote(forward)).await.unwrap();
    client
        .wait_for(|event| match event {
            AppEvent::RemoteListening { forward, port } => Some((forward, port.unwrap_or(0))),
            AppEvent::RemoteFailed { .. } => panic!("the server does not listen"),
            _ => None,
        })
        .await
}

/// Sends a global request as it stands, and gives whether it succeeded.
async fn asks(client: &mut End, request: GlobalRequest) -> bool {
    let sent = client.handle.call(move |c| c.global_request(request, true)).await.unwrap();
    let asked = sent.unwrap();
    client
        .wait_for(|event| match event {
            AppEvent::Protocol(Event::Channel(ChannelEvent::GlobalReply { tag, ok, .. }))
                if tag == asked =>
            {
                Some(ok)
            }
            _ => None,
        })
        .await
}

async fn cancelled(client: &mut End, id: ForwardId) -> bool {
    assert!(client.handle.call(move |c| c.cancel(id)).await.unwrap());
    client
        .wait_for(|event| match event {
            AppEvent::Cancelled { ok, .. } => Some(ok),
            _ => None,
        })
        .await
}

async fn pair_with(policy: Policy) -> (End, End) {
    let client = (DriverOptions::default(), nothing());
    let server = (DriverOptions { policy, ..DriverOptions::default() }, nothing());
    pair_over(tcp_pair().await, client, server).await
}

async fn round_trips(address: SocketAddr) {
    let data = noise(1, 100_000);
    assert!(round_trip(address, data.clone()).await == data);
}

/// S36, S65: with nothing asked for, nothing is taken, of any kind.
#[tokio::test]
async fn opens_that_nobody_asked_for_are_refused_and_told() {
    let (mut client, mut server) = pair().await;
    let x11 = OpenKind::X11 { originator_address: "::1".to_owned(), originator_port: 1 };
    let path = "/run/a".to_owned();
    for kind in [
        forwarded("localhost", 22),
        OpenKind::ForwardedStreamlocal { path },
        x11,
        OpenKind::AuthAgent,
    ] {
        let name = kind.name().to_owned();
        let text = refused(&mut server, kind).await;
        assert!(text.contains(PROHIBITED), "{name}: {text}");
        assert!(warned(&mut client).await.starts_with(&name), "{name}");
    }
    for kind in [OpenKind::Session, direct("localhost", 22)] {
        assert!(refused(&mut server, kind).await.contains(PROHIBITED));
    }
    // The other way round: a client has no listening sides that a server could have asked for.
    for kind in [forwarded("localhost", 22), OpenKind::AuthAgent] {
        let text = refused(&mut client, kind).await;
        assert!(text.contains("open failed: unknown channel type"), "{text}");
    }
    let port = client.forward(echo_server().await).await;
    round_trips(port).await;
}

/// S36: one forward opens the door for itself alone, and no longer than it lives.
#[tokio::test]
async fn a_forward_admits_its_own_connections_and_only_while_it_stands() {
    let (mut client, mut server) = pair().await;
    let target = to(echo_server().await);
    let (id, port) = remote(&mut client, Some(target.clone())).await;
    let number = u32::from(port);
    for kind in [
        forwarded("localhost", number + 1),
        forwarded("localhost", number + 65_536),
        forwarded("localhost", 0),
        forwarded("", number),
        forwarded("127.0.0.1", number),
        forwarded("localhost\0", number),
        forwarded("LOCALHOST", number),
        OpenKind::ForwardedStreamlocal { path: format!("localhost:{port}") },
    ] {
        let text = refused(&mut server, kind).await;
        assert!(text.contains(PROHIBITED), "{text}");
        let kind = warned(&mut client).await;
        assert!(!kind.contains('\x1b') && !kind.contains('\n'), "{kind}");
    }
    round_trips(local(port)).await;

    assert!(cancelled(&mut client, id).await);
    let text = refused(&mut server, forwarded("localhost", number)).await;
    assert!(text.contains(PROHIBITED), "after the cancel: {text}");
    warned(&mut client).await;

    // A server that knows nothing of the forward any more may not open its channels either.
    let (id, port) = remote(&mut client, Some(target)).await;
    let (address, number) = ("localhost".to_owned(), u32::from(port));
    let request = GlobalRequest::CancelTcpipForward { address, port: number };
    assert!(asks(&mut client, request).await);
    assert!(!cancelled(&mut client, id).await, "the server has forgotten it");
    let text = refused(&mut server, forwarded("localhost", number)).await;
    assert!(text.contains(PROHIBITED), "after a cancel that failed: {text}");
    warned(&mut client).await;
    assert!(client.handle.call(|c| c.forwards().is_empty()).await.unwrap());
}

/// What a server tells of who connected reaches no terminal as it is.
#[tokio::test]
async fn an_originator_is_told_on_one_line_and_printable() {
    let (mut client, server) = pair().await;
    let (_, port) = remote(&mut client, Some(to(echo_server().await))).await;
    let kind = forwarded("localhost", u32::from(port));
    let open = move |c: &mut tssh_forward::driver::Control<'_>| {
        c.open_forwarded(kind, Endpoints::split(None, None)).is_ok()
    };
    assert!(server.handle.call(open).await.unwrap());
    let from = client.wait_for(|event| match event {
        AppEvent::ForwardAsked { originator, .. } => Some(originator),
        _ => None,
    });
    assert_eq!(from.await.unwrap(), format!("\\033[2J\\012nobody port {}", u32::MAX));
}

/// S51: ports beyond 65,535 and hosts that mean one thing to the rule and another to the system.
#[tokio::test]
async fn odd_targets_never_slip_past_permit_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = u32::from(listener.local_addr().unwrap().port());
    let permit = Permit::parse(&format!("127.0.0.1:{port}"), &Services::default()).unwrap();
    let only = Policy { permit_open: PermitOpen::Only(vec![permit]), ..Policy::server() };
    let long = "1".repeat(HOST_BYTES_MAX + 1);
    let never = [
        ("127.0.0.1", port + 65_536),
        ("127.0.0.1", u32::MAX),
        ("127.0.0.1", 0),
        ("", port),
        ("\0", port),
        ("127.0.0.1\0", port),
        ("127.0.0.1\0.example.org", port),
        ("127.0.0.1\n", port),
        (long.as_str(), port),
    ];
    // Names that a resolver takes for the permitted address, and a rule must not.
    let not_as_written = [
        ("localhost", port),
        ("127.1", port),
        ("0x7f.0.0.1", port),
        ("2130706433", port),
        ("127.0.0.1.", port),
        (" 127.0.0.1", port),
        ("127.0.0.1 ", port),
        ("[127.0.0.1]", port),
        ("::ffff:127.0.0.1", port),
        ("*", port),
        ("127.0.0.?", port),
    ];
    for (policy, hosts) in [
        (Policy::server(), &never[..]),
        (only.clone(), &never[..]),
        (only.clone(), &not_as_written[..]),
    ] {
        let (mut client, mut server) = pair_with(policy).await;
        for (host, port) in hosts {
            let text = refused(&mut client, direct(host, *port)).await;
            assert!(text.contains(PROHIBITED), "{host:?} {port}: {text}");
            let told = server.wait_for(|event| match event {
                AppEvent::ForwardServed { originator, outcome, .. } => Some((originator, outcome)),
                _ => None,
            });
            let (originator, outcome) = told.await;
            assert!(outcome.is_err());
            assert!(originator.unwrap().0.len() <= HOST_BYTES_MAX, "no log is flooded");
        }
        for path in ["", "\0", "/tmp/a\0b", &"p".repeat(SOCKET_PATH_BYTES_MAX + 1)] {
            let kind = OpenKind::DirectStreamlocal { path: path.to_owned() };
            assert!(refused(&mut client, kind).await.contains(PROHIBITED), "{path:?}");
        }
    }
    // The one that is permitted works, and is the only one that ever came.
    let (mut client, _server) = pair_with(only).await;
    let near = client.forward(listener.local_addr().unwrap()).await;
    let stream = TcpStream::connect(near).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    drop((stream, far));
    let waiting = std::future::poll_fn(|cx| std::task::Poll::Ready(listener.poll_accept(cx)));
    assert!(waiting.await.is_pending(), "nothing else connected");
}

/// S51: the same for listening sides.
#[tokio::test]
async fn odd_listening_sides_never_slip_past_permit_listen() {
    // Bound, so that no other test gets the port, and listened on by nobody.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind(local(0)).unwrap();
    let port = held.local_addr().unwrap().port();
    let wanted = u32::from(port);
    let permit = ListenPermit::parse(&format!("localhost:{port}"), &Services::default()).unwrap();
    let only = Policy { permit_listen: PermitListen::Only(vec![permit]), ..Policy::server() };
    let long = "a".repeat(100_000);
    let never = [
        ("localhost", wanted + 65_536),
        ("localhost", 65_536),
        ("localhost", u32::MAX),
        ("localhost\0", wanted),
        ("\0", wanted),
        ("local\nhost", wanted),
        (long.as_str(), wanted),
    ];
    let not_as_written = [
        ("", wanted),
        ("127.0.0.1", wanted),
        ("LOCALHOST", wanted),
        ("*", wanted),
        ("localhost", 0),
    ];
    for (policy, sides) in
        [(Policy::server(), &never[..]), (only.clone(), &never[..]), (only, &not_as_written[..])]
    {
        let (mut client, _server) = pair_with(policy).await;
        for (address, port) in sides {
            let address = (*address).to_owned();
            let request = GlobalRequest::TcpipForward { address: address.clone(), port: *port };
            assert!(!asks(&mut client, request).await, "{address:?} {port}");
            // Nor is there anything to cancel.
            let request = GlobalRequest::CancelTcpipForward { address, port: *port };
            assert!(!asks(&mut client, request).await);
        }
        for path in ["", "/tmp/a\0b", &"p".repeat(100_000)] {
            let request = GlobalRequest::StreamlocalForward { path: path.to_owned() };
            assert!(!asks(&mut client, request).await, "{path:?}");
            let request = GlobalRequest::CancelStreamlocalForward { path: path.to_owned() };
            assert!(!asks(&mut client, request).await, "{path:?}");
        }
        assert!(TcpStream::connect(local(port)).await.is_err(), "nobody listens");
    }
}

/// S56: silent clients of a SOCKS proxy are turned away past the limit, hold back nothing else,
/// and make room when they leave.
#[tokio::test]
async fn clients_that_never_say_what_they_want_hold_back_nobody() {
    let (mut client, _server) = pair().await;
    let echo = echo_server().await;
    let listen = Listen::Tcp { bind: Some("127.0.0.1".to_owned()), port: 0 };
    let forward = DynamicForward { listen };
    client.handle.call(move |c| c.listen_dynamic(forward, ListenOptions::default())).await.unwrap();
    let proxy = client
        .wait_for(|event| match event {
            AppEvent::Listening { addresses, .. } => addresses.first().copied(),
            _ => None,
        })
        .await;
    let mut silent = Vec::new();
    for n in 0..NEGOTIATIONS_MAX {
        let mut stream = TcpStream::connect(proxy).await.unwrap();
        // Some begin and do not go on.
        let words: &[u8] = [&[][..], &[5], &[5, 2, 0], &[4, 1, 0, 80, 0, 0, 0, 1, b'u']][n % 4];
        stream.write_all(words).await.unwrap();
        silent.push(stream);
    }
    let mut late = TcpStream::connect(proxy).await.unwrap();
    let mut rest = Vec::new();
    let _ = late.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    let text = client.wait_for(|event| match event {
        AppEvent::ForwardFailed { text, .. } => Some(text),
        _ => None,
    });
    assert!(text.await.contains("a SOCKS client was turned away"));
    let port = client.forward(echo).await;
    round_trips(port).await;
    assert_eq!(client.handle.call(|c| c.forwarded_connections()).await.unwrap(), 0);

    // Their ends are seen in some order or other, so a client may have to come again.
    drop(silent);
    let mut request = vec![4, 1];
    request.extend(echo.port().to_be_bytes());
    request.extend([127, 0, 0, 1, 0]);
    loop {
        let mut stream = TcpStream::connect(proxy).await.unwrap();
        let mut answer = [0; 8];
        if stream.write_all(&request).await.is_err()
            || stream.read_exact(&mut answer).await.is_err()
        {
            continue;
        }
        assert_eq!(answer[..2], [0, 90]);
        stream.write_all(b"still here").await.unwrap();
        let mut back = [0; 10];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"still here");
        return;
    }
}

/// The whole of a SOCKS client's words and its end may come at once: the end is kept for later.
/// One that ends too early is let go at once.
#[tokio::test]
async fn the_end_of_a_remote_socks_client_comes_after_its_words() {
    let (mut client, _server) = pair().await;
    let echo = echo_server().await;
    let (_, port) = remote(&mut client, None).await;
    let mut stream = TcpStream::connect(local(port)).await.unwrap();
    let mut all = vec![4, 1];
    all.extend(echo.port().to_be_bytes());
    all.extend(b"\x7f\0\0\x01me\0all that I have to say");
    stream.write_all(&all).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, b"\0\x5a\0\0\0\0\0\0all that I have to say");

    for words in [&[][..], &[5], &[5, 1, 0, 5, 1], b"\x04\x01\0\x50\x7f\0\0\x01me"] {
        let mut stream = TcpStream::connect(local(port)).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.len() <= 2, "{rest:?}");
        client.wait_for(|e| matches!(e, AppEvent::ForwardClosed { .. }).then_some(())).await;
    }
}

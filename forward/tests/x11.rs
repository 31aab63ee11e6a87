//! An X client on the server's side and an X server on the client's: what passes on the way.

#![forbid(unsafe_code)]

mod common;

use common::*;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tssh_connection::{ChannelEvent, ChannelRequest, Event, OpenKind};
use tssh_forward::core::x11::{COOKIE_PROTOCOL, Cookie};
use tssh_forward::driver::{AppEvent, DriverOptions, Endpoints, X11Stream};

const FAKE: [u8; 16] = [0xf0; 16];
const REAL: [u8; 16] = *b"the real cookie!";

fn words(cookie: &[u8; 16]) -> Vec<u8> {
    let header = b"B\0\0\x0b\0\0\0\x12\0\x10\0\0";
    [&header[..], COOKIE_PROTOCOL.as_bytes(), &[0, 0], cookie].concat()
}

/// Everything that the far side says and gets to see.
type Seen = Arc<Mutex<Vec<u8>>>;

struct Pair {
    client: End,
    server: End,
    /// Ends of the connections that the client made to its X server.
    displays: tokio::sync::mpsc::Receiver<DuplexStream>,
}

/// A client that asked for X11 forwarding and joins what the server opens to its X server.
async fn pair(seen: &Seen) -> Pair {
    let (give, displays) = tokio::sync::mpsc::channel(8);
    let serve: React = Box::new(move |event, control| {
        let AppEvent::Protocol(Event::Channel(ChannelEvent::OpenRequest { channel, kind })) = event
        else {
            return;
        };
        assert_eq!(kind.name(), "x11");
        let (near, far) = duplex(4096);
        let stream = X11Stream::new(near, Cookie::new(FAKE), Cookie::new(REAL), |_| {});
        control.accept_open(*channel, Endpoints::whole(stream)).unwrap();
        give.try_send(far).unwrap();
    });
    let seen = Arc::clone(seen);
    let accept: React = Box::new(move |event, control| match event {
        AppEvent::Protocol(Event::Channel(ChannelEvent::OpenRequest { channel, .. })) => {
            control.accept_session(*channel).unwrap();
        }
        AppEvent::Protocol(Event::Channel(ChannelEvent::Request { channel, request, .. })) => {
            let mut payload = Vec::new();
            request.encode(0, true, &mut payload);
            seen.lock().unwrap().extend(payload);
            control.reply_request(*channel, true).unwrap();
        }
        _ => {}
    });
    let sides = ((DriverOptions::default(), serve), (server_options(), accept));
    let (mut client, server) = pair_over(tcp_pair().await, sides.0, sides.1).await;
    let session =
        |c: &mut tssh_forward::driver::Control<'_>| c.open_session(Endpoints::split(None, None));
    let session = client.handle.call(session).await.unwrap().unwrap();
    client
        .wait_for(|event| match event {
            AppEvent::Protocol(Event::Channel(ChannelEvent::Opened { .. })) => Some(()),
            _ => None,
        })
        .await;
    let request = ChannelRequest::X11Req {
        single_connection: false,
        protocol: COOKIE_PROTOCOL.to_owned(),
        cookie: Cookie::new(FAKE).hex().to_string(),
        screen: 0,
    };
    client.handle.call(move |c| c.request(session, request, true)).await.unwrap().unwrap();
    client
        .wait_for(|event| match event {
            AppEvent::Protocol(Event::Channel(ChannelEvent::RequestReply { ok, .. })) => Some(ok),
            _ => None,
        })
        .await;
    Pair { client, server, displays }
}

/// A program at the far side that connects to its display.
async fn x_client(pair: &Pair, seen: &Seen) -> Program {
    let (near, far) = duplex(4096);
    let kind = OpenKind::X11 { originator_address: "127.0.0.1".to_owned(), originator_port: 1 };
    let endpoints = Endpoints::whole(far);
    pair.server.handle.call(move |c| c.open_forwarded(kind, endpoints)).await.unwrap().unwrap();
    Program { stream: near, seen: Arc::clone(seen) }
}

struct Program {
    stream: DuplexStream,
    seen: Seen,
}

impl Program {
    async fn say(&mut self, bytes: &[u8]) {
        self.seen.lock().unwrap().extend_from_slice(bytes);
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn hear(&mut self, n: usize) -> Vec<u8> {
        let mut bytes = vec![0; n];
        self.stream.read_exact(&mut bytes).await.unwrap();
        self.seen.lock().unwrap().extend_from_slice(&bytes);
        bytes
    }
}

/// S60: the far side sees the fake cookie alone, the X server the real one alone, and a client
/// with another cookie is cut off while its neighbour goes on.
#[tokio::test]
async fn the_real_cookie_stays_at_home() {
    let seen = Seen::default();
    let mut pair = pair(&seen).await;
    let mut first = x_client(&pair, &seen).await;
    first.say(&words(&FAKE)[..13]).await;
    let mut display = pair.displays.recv().await.unwrap();
    first.say(&words(&FAKE)[13..]).await;
    let mut got = vec![0; 48];
    display.read_exact(&mut got).await.unwrap();
    assert_eq!(got, words(&REAL));

    let mut second = x_client(&pair, &seen).await;
    second.say(&words(&[9; 16])).await;
    let mut refusing = pair.displays.recv().await.unwrap();
    let mut nothing = Vec::new();
    refusing.read_to_end(&mut nothing).await.unwrap();
    assert!(nothing.is_empty());
    let mut end = Vec::new();
    second.stream.read_to_end(&mut end).await.unwrap();
    assert!(end.is_empty());

    display.write_all(b"welcome").await.unwrap();
    assert_eq!(first.hear(7).await, b"welcome");
    first.say(b"draw").await;
    let mut drawn = [0; 4];
    display.read_exact(&mut drawn).await.unwrap();
    assert_eq!(&drawn, b"draw");

    let seen = seen.lock().unwrap().clone();
    let holds = |what: &[u8]| seen.windows(what.len()).any(|window| window == what);
    assert!(holds(&FAKE) && holds(Cookie::new(FAKE).hex().as_bytes()));
    assert!(!holds(&REAL) && !holds(Cookie::new(REAL).hex().as_bytes()));
    assert_eq!(pair.client.handle.call(|c| c.forwarded_connections()).await.unwrap(), 1);
    drop((display, first));
    let closed = |event| matches!(event, AppEvent::ForwardClosed { .. }).then_some(());
    for _ in 0..2 {
        pair.client.wait_for(closed).await;
    }
    assert_eq!(pair.client.handle.call(|c| c.forwarded_connections()).await.unwrap(), 0);
}

/// What went on elsewhere gives the application its turn.
#[tokio::test]
async fn an_application_is_reminded() {
    let mut pair = pair(&Seen::default()).await;
    pair.client.handle.call(|c| c.remind(7)).await.unwrap();
    let subject = pair.client.wait_for(|event| match event {
        AppEvent::Reminded(subject) => Some(subject),
        _ => None,
    });
    assert_eq!(subject.await, 7);
}

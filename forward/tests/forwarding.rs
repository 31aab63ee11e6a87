//! A local forward from end to end: application client, two drivers, application server.

#![forbid(unsafe_code)]

mod common;

use common::*;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tssh_connection::Event;
use tssh_forward::Ended;
use tssh_forward::core::address::{Listen, LocalForward, Target};
use tssh_forward::core::policy::{Permit, PermitOpen, Policy};
use tssh_forward::core::services::Services;
use tssh_forward::driver::{AppEvent, DriverOptions, ListenOptions};
use tssh_transport::disconnect::DisconnectReason;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn ten_mebibytes_come_back_unchanged_over_tcp() {
    let (mut client, _server) = pair().await;
    let port = client.forward(echo_server().await).await;
    let data = noise(1, 10 * MIB);
    assert!(round_trip(port, data.clone()).await == data);
}

#[tokio::test]
async fn the_same_over_an_in_memory_stream_that_takes_odd_amounts() {
    let sockets = tokio::io::duplex(70_001);
    let client = (DriverOptions::default(), nothing());
    let (mut client, _server) = pair_over(sockets, client, (server_options(), nothing())).await;
    let port = client.forward(echo_server().await).await;
    let data = noise(2, 10 * MIB);
    assert!(round_trip(port, data.clone()).await == data);
}

#[tokio::test]
async fn the_same_with_new_keys_every_64_kibibytes() {
    let (mut client, _server) = pair_that_rekeys(64 * 1024).await;
    let port = client.forward(echo_server().await).await;
    let data = noise(7, 4 * MIB);
    assert!(round_trip(port, data.clone()).await == data);
    let mut exchanges = 0;
    while let Ok(event) = client.seen.try_recv() {
        let again =
            |e: &AppEvent| matches!(e, AppEvent::Protocol(Event::Exchanged { first: false, .. }));
        exchanges += usize::from(again(&event));
    }
    assert!(exchanges >= 32, "{exchanges} exchanges in 8 MiB");
}

#[tokio::test]
async fn a_client_that_half_closes_still_gets_its_answer() {
    let (mut client, _server) = pair().await;
    let (listener, address) = target().await;
    let port = client.forward(address).await;
    let mut near = TcpStream::connect(port).await.unwrap();
    near.write_all(b"query").await.unwrap();
    near.shutdown().await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let mut query = Vec::new();
    far.read_to_end(&mut query).await.unwrap();
    assert_eq!(query, b"query");
    far.write_all(b"answer after the end").await.unwrap();
    drop(far);
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"answer after the end");
    client.wait_for(|e| matches!(e, AppEvent::ForwardClosed { .. }).then_some(())).await;
}

#[tokio::test]
async fn a_server_that_half_closes_still_gets_the_rest() {
    let (mut client, mut server) = pair().await;
    let (listener, address) = target().await;
    let port = client.forward(address).await;
    let mut near = TcpStream::connect(port).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    far.write_all(b"greeting").await.unwrap();
    far.shutdown().await.unwrap();
    let mut greeting = Vec::new();
    near.read_to_end(&mut greeting).await.unwrap();
    assert_eq!(greeting, b"greeting");
    let rest = noise(3, 3 * MIB);
    near.write_all(&rest).await.unwrap();
    drop(near);
    let mut received = Vec::new();
    far.read_to_end(&mut received).await.unwrap();
    assert!(received == rest);
    for end in [&mut client, &mut server] {
        end.wait_for(|e| matches!(e, AppEvent::ForwardClosed { .. }).then_some(())).await;
    }
    let left = client.handle.call(|c| c.forwarded_connections()).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_reset_at_one_end_reaches_the_other_and_frees_the_channel() {
    let (mut client, _server) = pair().await;
    let (listener, address) = target().await;
    let port = client.forward(address).await;
    let near = TcpStream::connect(port).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    near.set_zero_linger().unwrap();
    drop(near);
    let mut nothing = Vec::new();
    // An end or a reset: either way the target learns of it.
    let _ = far.read_to_end(&mut nothing).await;
    drop(far);
    client.wait_for(|e| matches!(e, AppEvent::ForwardClosed { .. }).then_some(())).await;
}

/// Writes until nothing moves any more, and gives the sum.
async fn write_until_stuck(stream: &mut TcpStream) -> usize {
    let block = noise(4, 256 * 1024);
    let mut sum = 0;
    loop {
        let write = stream.write(&block);
        match tokio::time::timeout(std::time::Duration::from_secs(1), write).await {
            Ok(n) => sum += n.unwrap(),
            Err(_) => return sum,
        }
    }
}

#[tokio::test]
async fn a_stopped_reader_holds_back_itself_alone_and_memory_is_bounded() {
    let (mut client, _server) = pair().await;
    let (listener, address) = target().await;
    let stopped = client.forward(address).await;
    let _near = TcpStream::connect(stopped).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let sum = write_until_stuck(&mut far).await;
    // The window, which nothing has made grow, and what two kernels' socket buffers hold.
    assert!(sum < 24 * MIB, "{sum} bytes taken for a reader that reads nothing");

    let echo = client.forward(echo_server().await).await;
    let data = noise(5, 10 * MIB);
    assert!(round_trip(echo, data.clone()).await == data);
}

#[tokio::test]
async fn a_thousand_connections_at_once_each_get_their_own_bytes() {
    let (mut client, _server) = pair().await;
    let port = client.forward(echo_server().await).await;
    let mut streams = Vec::new();
    for n in 0..1000_u32 {
        let mut stream = TcpStream::connect(port).await.unwrap();
        stream.write_all(&n.to_be_bytes()).await.unwrap();
        streams.push(stream);
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        let mut token = [0; 4];
        stream.read_exact(&mut token).await.unwrap();
        assert_eq!(u32::from_be_bytes(token), u32::try_from(n).unwrap());
    }
    let open = client.handle.call(|c| c.forwarded_connections()).await.unwrap();
    assert_eq!(open, 1000);
    drop(streams);
    for _ in 0..1000 {
        client.wait_for(|e| matches!(e, AppEvent::ForwardClosed { .. }).then_some(())).await;
    }
}

async fn failure(client: &mut End, port: SocketAddr) -> String {
    let mut near = TcpStream::connect(port).await.unwrap();
    let mut nothing = Vec::new();
    // It ends with no data, by a reset.
    let _ = near.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
    client
        .wait_for(|event| match event {
            AppEvent::ForwardFailed { text, .. } => Some(text),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_refusing_target_is_told_in_the_words_of_ssh_and_the_tunnel_stays() {
    let (mut client, _server) = pair().await;
    // A port that the kernel chose and that was let go may be another test's by then.
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let port = client.forward(nobody).await;
    for _ in 0..2 {
        let text = failure(&mut client, port).await;
        assert_eq!(text, "channel 0: open failed: connect failed: Connection refused");
    }
}

#[tokio::test]
async fn an_unknown_name_is_told_in_the_words_of_the_resolver() {
    let (mut client, _server) = pair().await;
    let forward = LocalForward {
        listen: Listen::Tcp { bind: Some("127.0.0.1".to_owned()), port: 0 },
        target: Target::Tcp { host: "no-such-host.invalid".to_owned(), port: 1 },
    };
    client.handle.call(move |c| c.listen_local(forward, ListenOptions::default())).await.unwrap();
    let port = client
        .wait_for(|event| match event {
            AppEvent::Listening { addresses, .. } => addresses.first().copied(),
            _ => None,
        })
        .await;
    let text = failure(&mut client, port).await;
    // Without any network the resolver has other words for it.
    let words = ["Name or service not known", "Temporary failure in name resolution"];
    let known = words.map(|w| format!("channel 0: open failed: connect failed: {w}"));
    assert!(known.contains(&text), "{text}");
}

/// S47: a target that listens on one family only is found.
#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    let (mut client, _server) = pair().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forward = LocalForward {
        listen: Listen::Tcp { bind: Some("127.0.0.1".to_owned()), port: 0 },
        target: Target::Tcp {
            host: "localhost".to_owned(),
            port: listener.local_addr().unwrap().port(),
        },
    };
    client.handle.call(move |c| c.listen_local(forward, ListenOptions::default())).await.unwrap();
    let port = client
        .wait_for(|event| match event {
            AppEvent::Listening { addresses, .. } => addresses.first().copied(),
            _ => None,
        })
        .await;
    let _near = TcpStream::connect(port).await.unwrap();
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn what_the_policy_forbids_is_refused_without_a_dial() {
    let permit = Permit::parse("127.0.0.1:1", &Services::default()).unwrap();
    let policy = Policy { permit_open: PermitOpen::Only(vec![permit]), ..Policy::server() };
    let options = DriverOptions { policy, ..DriverOptions::default() };
    let client = (DriverOptions::default(), nothing());
    let sockets = tcp_pair().await;
    let (mut client, mut server) = pair_over(sockets, client, (options, nothing())).await;
    let port = client.forward(echo_server().await).await;
    let text = failure(&mut client, port).await;
    assert_eq!(text, "channel 0: open failed: administratively prohibited: open failed");
    let outcome = server
        .wait_for(|event| match event {
            AppEvent::ForwardServed { outcome, .. } => Some(outcome),
            _ => None,
        })
        .await;
    assert!(outcome.is_err());
}

#[tokio::test]
async fn a_busy_port_is_told_in_the_words_of_ssh() {
    let (mut client, _server) = pair().await;
    let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = busy.local_addr().unwrap().port();
    let target = echo_server().await;
    let only = local_forward("127.0.0.1", port, target);
    client.handle.call(move |c| c.listen_local(only, ListenOptions::default())).await.unwrap();
    let (faults, text) = client
        .wait_for(|event| match event {
            AppEvent::ListenFailed { faults, text, .. } => Some((faults, text)),
            _ => None,
        })
        .await;
    let lines: Vec<String> = faults.iter().filter(|f| f.last).map(ToString::to_string).collect();
    assert_eq!(lines, [format!("bind [127.0.0.1]:{port}: Address already in use")]);
    let words = format!("channel_setup_fwd_listener_tcpip: cannot listen to port: {port}");
    assert_eq!(text, words);

    // With one family busy the other is listened on, and the fault is told.
    let both = LocalForward {
        listen: Listen::Tcp { bind: None, port },
        target: Target::Tcp { host: "localhost".to_owned(), port: target.port() },
    };
    client.handle.call(move |c| c.listen_local(both, ListenOptions::default())).await.unwrap();
    let (addresses, faults) = client
        .wait_for(|event| match event {
            AppEvent::Listening { addresses, faults, .. } => Some((addresses, faults)),
            _ => None,
        })
        .await;
    assert_eq!(addresses, [format!("[::1]:{port}").parse().unwrap()]);
    assert_eq!(faults.len(), 1);
}

#[tokio::test]
async fn a_restart_can_listen_again_at_once() {
    let target = echo_server().await;
    let (mut client, _server) = pair().await;
    let port = client.forward(target).await;
    let data = noise(6, 1000);
    assert_eq!(round_trip(port, data.clone()).await, data);
    client.task.abort();
    let _ = client.task.await;
    let (mut again, _server) = pair().await;
    let forward = local_forward("127.0.0.1", port.port(), target);
    again.handle.call(move |c| c.listen_local(forward, ListenOptions::default())).await.unwrap();
    let addresses = again
        .wait_for(|event| match event {
            AppEvent::Listening { addresses, .. } => Some(addresses),
            AppEvent::ListenFailed { text, .. } => panic!("{text}"),
            _ => None,
        })
        .await;
    assert_eq!(addresses, [port]);
}

#[tokio::test]
async fn a_forward_that_stops_listening_keeps_its_connections() {
    let (mut client, _server) = pair().await;
    let target = echo_server().await;
    let forward = local_forward("127.0.0.1", 0, target);
    let id = client
        .handle
        .call(move |c| c.listen_local(forward, ListenOptions::default()))
        .await
        .unwrap();
    let port = client
        .wait_for(|event| match event {
            AppEvent::Listening { addresses, .. } => addresses.first().copied(),
            _ => None,
        })
        .await;
    let mut stream = TcpStream::connect(port).await.unwrap();
    client.wait_for(|e| matches!(e, AppEvent::ForwardAsked { .. }).then_some(())).await;
    client.handle.call(move |c| c.cancel(id)).await.unwrap();
    assert!(TcpStream::connect(port).await.is_err());
    stream.write_all(b"still here").await.unwrap();
    let mut back = [0; 10];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"still here");
}

#[tokio::test]
async fn an_orderly_end_tells_the_peer_and_closes_every_socket() {
    let (mut client, server) = pair().await;
    let port = client.forward(echo_server().await).await;
    let mut near = TcpStream::connect(port).await.unwrap();
    near.write_all(b"x").await.unwrap();
    near.read_u8().await.unwrap();
    let reason = DisconnectReason::ByApplication;
    client.handle.call(move |c| c.disconnect(reason, "disconnected by user")).await.unwrap();
    assert_eq!(client.task.await.unwrap(), Ended::Finished);
    let Ended::Protocol(error) = server.task.await.unwrap() else { panic!("no protocol end") };
    assert_eq!(error.to_string(), "disconnected, reason 11: disconnected by user");
    let mut rest = Vec::new();
    // The end or a reset.
    let _ = near.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

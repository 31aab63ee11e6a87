//! A session recorded at both ends and run again, with the inbound stream cut in every way.

use super::stack::{Peer, Setup, channel, settle};
use super::support::direct;
use crate::event::{ChannelEvent, Stream};
use crate::messages::{ChannelRequest, GlobalRequest, OpenFailure, OpenKind};
use crate::transcript::{Seen, observe_connection, replay_connection};
use std::boxed::Box;
use std::collections::{BTreeMap, VecDeque};
use std::format;
use std::string::{String, ToString};
use std::sync::{Arc, Mutex};
use std::vec;
use tssh_transport::transcript::{Chunks, Log, replay_transport};

/// Everything that a session can do, with new keys in between.
fn recorded() -> [String; 2] {
    // A replay with windows of another size would announce something else.
    let setup = Setup { rekey_bytes: [50_000; 2], window: Some(90_000), ..Setup::default() };
    let (mut client, mut server) = (Peer::client(&setup), Peer::server(&setup));
    let lines = [&mut client, &mut server].map(|peer| {
        let lines = Arc::new(Mutex::new(format!("{}\n", peer.header(&setup))));
        let sink = Arc::clone(&lines);
        peer.stack.record(Log::new(Box::new(move |line| sink.lock().unwrap().push_str(line))));
        lines
    });
    let (c, s) = (&mut client, &mut server);
    settle(c, s, 1000).unwrap();
    let (shell_c, shell_s) = channel(c, s, OpenKind::Session);
    let (tcp_c, tcp_s) = channel(c, s, direct());
    c.stack.request(shell_c, ChannelRequest::Shell, true).unwrap();
    let forward = GlobalRequest::TcpipForward { address: String::new(), port: 0 };
    c.stack.global_request(forward, true).unwrap();
    settle(c, s, 1000).unwrap();
    s.stack.reply_request(shell_s, true).unwrap();
    s.stack.reply_global(true, &[0, 0, 4, 4]).unwrap();
    c.accept = 700;
    let mut down = BTreeMap::from([
        (shell_s, VecDeque::from(vec![1; 80_000])),
        (tcp_s, VecDeque::from(vec![2; 80_000])),
    ]);
    s.stack.want_send(shell_s, Stream::Stderr);
    s.stack.want_send(tcp_s, Stream::Data);
    for _ in 0..9 {
        s.send_all(&mut down);
        settle(c, s, 1000).unwrap();
    }
    for (key, stream) in [(shell_c, Stream::Stderr), (tcp_c, Stream::Data)] {
        while !c.stack.ring(key, stream).is_empty() {
            c.stack.drained(key, stream, 999);
        }
    }
    let refused = c.stack.open(direct()).unwrap();
    settle(c, s, 1000).unwrap();
    let asked = s.events.iter().find_map(|event| match event {
        ChannelEvent::OpenRequest { channel, .. } => Some(*channel),
        _ => None,
    });
    s.stack.refuse_open(asked.unwrap(), OpenFailure::ConnectFailed, "no").unwrap();
    s.stack.send_eof(tcp_s).unwrap();
    s.stack.close(shell_s).unwrap();
    settle(c, s, 1000).unwrap();
    assert!(c.stack.close(refused).is_err());
    c.stack.close(tcp_c).unwrap();
    settle(c, s, 1000).unwrap();
    assert!(c.exchanges > 2);
    drop((client, server));
    lines.map(|lines| lines.lock().unwrap().clone())
}

#[test]
fn a_session_replays_bit_for_bit_however_it_is_cut() {
    for text in recorded() {
        let mut out = None;
        for chunks in Chunks::ALL {
            let mut events = 0;
            let mut count = |seen: Seen<'_>| events += usize::from(matches!(seen, Seen::Event(_)));
            let played = observe_connection(&text, chunks, None, &mut count);
            let played = played.unwrap_or_else(|fault| panic!("{chunks:?}: {fault}"));
            assert_eq!(played.error, None);
            assert!(events > 5, "{events}");
            let transport = replay_transport(&text, chunks);
            let transport = transport.unwrap_or_else(|fault| panic!("{chunks:?}: {fault}"));
            assert_eq!(transport.out, played.out);
            assert_eq!(*out.get_or_insert(played.out), transport.out);
        }
    }
}

#[test]
fn the_size_of_windows_is_part_of_a_recording() {
    let [client, server] = recorded();
    assert!(client.contains("\nchannel_window 90000\n"));
    assert!(!server.contains("channel_window"), "not where none was chosen");
    let changed = client.replacen("channel_window 90000\n", "", 1);
    let fault = replay_connection(&changed, Chunks::Recorded).unwrap_err().to_string();
    assert!(fault.contains("differs"), "{fault}");
}

#[test]
fn a_replay_that_differs_names_the_line() {
    let [client, _] = recorded();
    let line = client.lines().find(|line| line.starts_with("c open 0.0 ")).unwrap();
    let changed = client.replacen(line, &line.replace("0.0", "3.0"), 1);
    let fault = replay_connection(&changed, Chunks::Recorded).unwrap_err().to_string();
    assert!(fault.contains("c open") && fault.contains("opened 0.0"), "{fault}");
    let line = client.lines().find(|line| line.starts_with("c request ")).unwrap();
    let changed = client.replacen(&format!("{line}\n"), "", 1);
    let fault = replay_connection(&changed, Chunks::Recorded).unwrap_err().to_string();
    assert!(fault.contains("t transmitted") && fault.contains("differs"), "{fault}");
}

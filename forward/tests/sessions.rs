//! Session channels: their streams, their exit status, their end.

#![forbid(unsafe_code)]

mod common;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tssh_connection::{ChannelEvent, ChannelKey, ChannelRequest, Event};
use tssh_forward::Ended;
use tssh_forward::driver::{AppEvent, DriverOptions, Endpoints};
use tssh_transport::Error;

/// The near ends of what a process would have: its stdin to read, its stdout and stderr to write.
struct Process {
    stdin: DuplexStream,
    stdout: DuplexStream,
    stderr: DuplexStream,
}

fn process() -> (Process, Endpoints) {
    let (stdin, far_stdin) = duplex(4096);
    let (stdout, far_stdout) = duplex(4096);
    let (stderr, far_stderr) = duplex(4096);
    let input: tssh_forward::driver::Input = Box::new(far_stdout);
    let output: tssh_forward::driver::Output = Box::new(far_stdin);
    let endpoints =
        Endpoints::split(Some(input), Some(output)).with_error_input(Box::new(far_stderr));
    (Process { stdin, stdout, stderr }, endpoints)
}

/// What a user would have: a keyboard to type on, a screen and an error log to read.
struct Terminal {
    keyboard: DuplexStream,
    screen: DuplexStream,
    errors: DuplexStream,
}

fn terminal() -> (Terminal, Endpoints) {
    let (keyboard, far_keyboard) = duplex(4096);
    let (screen, far_screen) = duplex(4096);
    let (errors, far_errors) = duplex(4096);
    let input: tssh_forward::driver::Input = Box::new(far_keyboard);
    let output: tssh_forward::driver::Output = Box::new(far_screen);
    let endpoints =
        Endpoints::split(Some(input), Some(output)).with_error_output(Box::new(far_errors));
    (Terminal { keyboard, screen, errors }, endpoints)
}

struct Session {
    client: End,
    server: End,
    terminal: Terminal,
    process: Process,
    far: ChannelKey,
}

/// A session in which `command` runs.
async fn session() -> Session {
    let accept: React = Box::new(|event, control| {
        if let AppEvent::Protocol(Event::Channel(ChannelEvent::OpenRequest { channel, .. })) = event
        {
            control.accept_session(*channel).unwrap();
        }
    });
    let client = (DriverOptions::default(), nothing());
    let server = (server_options(), accept);
    let (mut client, mut server) = pair_over(tcp_pair().await, client, server).await;
    let (terminal, endpoints) = terminal();
    let near = client.handle.call(move |c| c.open_session(endpoints)).await.unwrap().unwrap();
    client
        .wait_for(|event| match event {
            AppEvent::Protocol(Event::Channel(ChannelEvent::Opened { channel })) => {
                assert_eq!(channel, near);
                Some(())
            }
            _ => None,
        })
        .await;
    let exec = ChannelRequest::Exec { command: b"command".to_vec() };
    client.handle.call(move |c| c.request(near, exec, true)).await.unwrap().unwrap();
    let far = server
        .wait_for(|event| match event {
            AppEvent::Protocol(Event::Channel(ChannelEvent::Request { channel, .. })) => {
                Some(channel)
            }
            _ => None,
        })
        .await;
    let (process, endpoints) = process();
    server
        .handle
        .call(move |c| {
            c.attach(far, endpoints).unwrap();
            c.reply_request(far, true).unwrap();
        })
        .await
        .unwrap();
    Session { client, server, terminal, process, far }
}

impl Session {
    /// The process ends: its pipes close, then its status is told.
    async fn exit(&mut self, status: u32) {
        let far = self.far;
        self.server
            .handle
            .call(move |c| {
                c.request(far, ChannelRequest::ExitStatus(status), false).unwrap();
                c.finish(far);
            })
            .await
            .unwrap();
    }
}

fn exit_status(event: AppEvent) -> Option<u32> {
    match event {
        AppEvent::Protocol(Event::Channel(ChannelEvent::Request {
            request: ChannelRequest::ExitStatus(status),
            ..
        })) => Some(status),
        _ => None,
    }
}

fn closed(event: AppEvent) -> Option<()> {
    matches!(event, AppEvent::ChannelClosed { .. }).then_some(())
}

#[tokio::test]
async fn streams_reach_their_counterparts_and_the_status_follows() {
    let mut session = session().await;
    session.terminal.keyboard.write_all(b"typed").await.unwrap();
    session.terminal.keyboard.shutdown().await.unwrap();
    let mut typed = Vec::new();
    session.process.stdin.read_to_end(&mut typed).await.unwrap();
    assert_eq!(typed, b"typed");
    session.process.stdout.write_all(b"output").await.unwrap();
    session.process.stderr.write_all(b"complaint").await.unwrap();
    session.process.stdout.shutdown().await.unwrap();
    session.process.stderr.shutdown().await.unwrap();
    session.exit(3).await;
    let (mut output, mut errors) = (Vec::new(), [0; 9]);
    session.terminal.screen.read_to_end(&mut output).await.unwrap();
    session.terminal.errors.read_exact(&mut errors).await.unwrap();
    assert_eq!((&output[..], &errors[..]), (&b"output"[..], &b"complaint"[..]));
    assert_eq!(session.client.wait_for(exit_status).await, 3);
    session.client.wait_for(closed).await;
    session.server.wait_for(closed).await;
}

#[tokio::test]
async fn a_channel_is_over_only_when_its_output_was_taken() {
    let mut session = session().await;
    let output = noise(1, 1_000_000);
    let mut stdout = std::mem::replace(&mut session.process.stdout, duplex(1).0);
    let written = output.clone();
    let writing = tokio::spawn(async move {
        stdout.write_all(&written).await.unwrap();
    });
    session.process.stderr.shutdown().await.unwrap();
    writing.await.unwrap();
    let far = session.far;
    let finish = session.server.handle.call(move |c| {
        c.request(far, ChannelRequest::ExitStatus(0), false).unwrap();
        c.finish(far);
    });
    finish.await.unwrap();
    // The server is through with it before the client has read a byte.
    session.server.wait_for(closed).await;
    assert_eq!(session.client.wait_for(exit_status).await, 0);
    let mut shown = Vec::new();
    while shown.len() < output.len() {
        assert!(!matches!(session.client.seen.try_recv(), Ok(AppEvent::ChannelClosed { .. })));
        let at = shown.len();
        shown.resize((at + 100_000).min(output.len()), 0);
        session.terminal.screen.read_exact(&mut shown[at..]).await.unwrap();
    }
    assert!(shown == output);
    session.client.wait_for(closed).await;
}

/// As tinyssh does: it leaves with the CLOSE of its only channel.
#[tokio::test]
async fn a_server_that_leaves_with_the_last_channel_takes_nothing_along() {
    let mut session = session().await;
    let output = noise(1, 1_000_000);
    session.process.stderr.shutdown().await.unwrap();
    let mut stdout = std::mem::replace(&mut session.process.stdout, duplex(1).0);
    let written = output.clone();
    tokio::spawn(async move { stdout.write_all(&written).await }).await.unwrap().unwrap();
    session.exit(0).await;
    session.server.wait_for(closed).await;
    assert_eq!(session.client.wait_for(exit_status).await, 0);
    session.server.task.abort();
    let _ = session.server.task.await;
    let mut shown = vec![0; output.len()];
    session.terminal.screen.read_exact(&mut shown).await.unwrap();
    assert!(shown == output);
    // It ends as if the server were still there: the application hears of the channel's end first.
    session.client.wait_for(closed).await;
    let ended = session.client.task.await.unwrap();
    assert!(matches!(ended, Ended::Protocol(Error::ConnectionClosed) | Ended::Socket(_)));
}

#[tokio::test]
async fn a_screen_that_is_gone_stops_the_process_and_not_the_session() {
    let mut session = session().await;
    session.terminal.screen = duplex(1).0;
    let block = noise(2, 4096);
    // The process learns of it as from a broken pipe.
    while session.process.stdout.write_all(&block).await.is_ok() {}
    session.process.stderr.shutdown().await.unwrap_or_default();
    session.exit(141).await;
    assert_eq!(session.client.wait_for(exit_status).await, 141);
    session.client.wait_for(closed).await;
}

#[tokio::test]
async fn input_that_comes_before_the_process_is_kept_for_it() {
    let mut session = session().await;
    let typed = noise(3, 200_000);
    let mut keyboard = session.terminal.keyboard;
    let sent = typed.clone();
    let typing = tokio::spawn(async move {
        keyboard.write_all(&sent).await.unwrap();
    });
    let mut read = Vec::new();
    session.process.stdin.read_to_end(&mut read).await.unwrap();
    assert!(read == typed);
    typing.await.unwrap();
    drop((session.process.stdout, session.process.stderr));
    let far = session.far;
    session.server.handle.call(move |c| c.finish(far)).await.unwrap();
    session.client.wait_for(closed).await;
}

#[tokio::test]
async fn a_session_that_the_client_gives_up_is_closed_at_both_ends() {
    let mut session = session().await;
    session
        .client
        .handle
        .call(move |c| {
            c.disconnect(tssh_transport::disconnect::DisconnectReason::ByApplication, "enough")
        })
        .await
        .unwrap();
    let mut rest = Vec::new();
    session.process.stdin.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}

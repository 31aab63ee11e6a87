//! Waits that end, in virtual time.

#![forbid(unsafe_code)]

mod common;

use common::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy_bidirectional, duplex};
use tokio::sync::mpsc;
use tssh_connection::{Answer, Event, Happening, Stack};
use tssh_forward::driver::{AppEvent, Application, Control, DriverOptions, Keepalive, Waits, run};
use tssh_forward::{Ended, Wait};
use tssh_transport::Timestamp;
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent};

fn options(waits: Waits) -> DriverOptions {
    DriverOptions { host: "example.org".to_owned(), waits, ..DriverOptions::default() }
}

const fn seconds(n: u64) -> Option<Duration> {
    Some(Duration::from_secs(n))
}

fn timed_out(wait: Wait) -> Ended {
    Ended::TimedOut { wait, host: "example.org".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_given_up() {
    let (near, _far) = duplex(65_536);
    let waits = Waits { exchange: seconds(10), ..Waits::default() };
    let (_seen, _handle, task) = start(near, client_stack(), options(waits), nothing());
    let before = tokio::time::Instant::now();
    let ended = task.await.unwrap();
    assert_eq!(ended, timed_out(Wait::Identification));
    assert_eq!(ended.to_string(), "Connection timed out during banner exchange");
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_server_grants_its_clients_so_much_time() {
    let (near, _far) = duplex(65_536);
    let waits = Waits { login_grace: seconds(120), ..Waits::default() };
    let (_seen, _handle, task) = start(near, server_stack(), options(waits), nothing());
    assert_eq!(task.await.unwrap(), timed_out(Wait::LoginGrace));
}

/// Two streams that talk to each other until the cut.
fn cuttable() -> (DuplexStream, DuplexStream, mpsc::Sender<()>) {
    let (a, mut near) = duplex(65_536);
    let (mut far, b) = duplex(65_536);
    let (cut, mut wait) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => {}
            _ = wait.recv() => {}
        }
        // Nothing is closed: the wire is cut, and nobody says so.
        std::future::pending::<()>().await;
        drop((near, far));
    });
    (a, b, cut)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_died_silently_is_noticed() {
    let (a, b, cut) = cuttable();
    let keepalive = Keepalive { interval: Duration::from_secs(15), count_max: 3 };
    let waits = Waits { keepalive: Some(keepalive), ..Waits::default() };
    let client = (options(waits), nothing());
    let (client, _server) = pair_over((a, b), client, (server_options(), nothing())).await;
    // For ten minutes the server answers.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!client.task.is_finished());
    cut.send(()).await.unwrap();
    let before = tokio::time::Instant::now();
    let ended = client.task.await.unwrap();
    assert_eq!(ended.to_string(), "Timeout, server example.org not responding.");
    let silent = before.elapsed().as_secs();
    assert!((45..=75).contains(&silent), "{silent} s");
}

fn next_event(stack: &mut Stack) -> Option<Event> {
    match stack.next(Timestamp::default()).unwrap() {
        Some(Happening::Event(event)) => Some(event),
        _ => None,
    }
}

/// A client that asks for echoes and reads none of them.
async fn talk_without_listening(mut socket: DuplexStream) {
    let mut stack = client_stack();
    let mut open = false;
    loop {
        if open {
            stack.ping(&[7; 30_000]).unwrap();
        }
        while !stack.transmit().is_empty() {
            let n = socket.write(stack.transmit()).await.unwrap();
            stack.transmitted(n);
        }
        if !open {
            let space = stack.receive_space(4096);
            let n = socket.read(space).await.unwrap();
            stack.received(n);
        }
        while let Some(event) = next_event(&mut stack) {
            match event {
                Event::HostKey(_) => stack.answer(Answer::HostKey(true)).unwrap(),
                Event::Auth(AuthEvent::Question(_)) => {
                    let none = AuthAnswer::Attempt(Attempt::None);
                    stack.answer(Answer::Auth(none)).unwrap();
                }
                Event::Authenticated { .. } => open = true,
                _ => {}
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_while_it_asks_is_given_up() {
    let (a, b) = duplex(65_536);
    let talking = tokio::spawn(talk_without_listening(a));
    let before = tokio::time::Instant::now();
    let (_seen, _handle, server) = start(b, server_stack(), options(Waits::default()), nothing());
    assert_eq!(server.await.unwrap(), timed_out(Wait::Stall));
    assert_eq!(before.elapsed().as_secs(), tssh_forward::limits::STALL.as_secs());
    talking.abort();
}

/// Thinks for an hour about each question.
struct Slow;

impl Application for Slow {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        let answer = match event {
            AppEvent::Protocol(Event::HostKey(_)) => Answer::HostKey(true),
            AppEvent::Protocol(Event::Auth(AuthEvent::Question(_))) => {
                Answer::Auth(AuthAnswer::Attempt(Attempt::None))
            }
            _ => return,
        };
        let handle = control.handle();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            handle.call(move |c| c.answer(answer)).await.unwrap();
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_human_may_think_for_hours_and_a_silent_server_may_not() {
    let (a, b, cut) = cuttable();
    let waits = Waits { exchange: seconds(10), auth_silence: seconds(30), ..Waits::default() };
    let client = tokio::spawn(run(a, client_stack(), Slow, options(waits)));
    let (mut seen, handle, _server) = start(b, server_stack(), server_options(), nothing());
    handle.await.unwrap();
    loop {
        let event = seen.recv().await.unwrap();
        if matches!(event, AppEvent::Protocol(Event::Authenticated { .. })) {
            break;
        }
    }
    assert!(!client.is_finished());

    // The same with a server that falls silent while the client thinks.
    drop(cut);
    let (a, b, cut) = cuttable();
    let client = tokio::spawn(run(a, client_stack(), Slow, options(waits)));
    let (mut seen, _handle, _server) = start(b, server_stack(), server_options(), nothing());
    loop {
        if matches!(seen.recv().await.unwrap(), AppEvent::Protocol(Event::Exchanged { .. })) {
            break;
        }
    }
    cut.send(()).await.unwrap();
    assert_eq!(client.await.unwrap(), timed_out(Wait::Authentication));
}

/// A client whose peer takes nothing any more; the other end of what it reads.
fn unheard() -> (tokio::task::JoinHandle<Ended>, DuplexStream) {
    let (reads, far) = duplex(65_536);
    let (writes, _) = duplex(65_536);
    let socket = tokio::io::join(reads, writes);
    let (_seen, _handle, task) =
        start(socket, client_stack(), options(Waits::default()), nothing());
    (task, far)
}

/// A program behind two pipes that ends closes one before the other: it has closed the
/// connection, whichever of the two is seen first.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_more_and_ends_has_closed_the_connection() {
    let (task, mut far) = unheard();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!task.is_finished());
    far.write_all(b"not a banner\r\n").await.unwrap();
    drop(far);
    let ended = task.await.unwrap();
    assert_eq!(ended, Ended::Protocol(tssh_transport::Error::ConnectionClosed), "{ended}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_more_is_not_waited_for_long() {
    let before = tokio::time::Instant::now();
    let (task, _far) = unheard();
    let ended = task.await.unwrap();
    assert!(matches!(ended, Ended::Socket(_)), "{ended}");
    assert_eq!(before.elapsed().as_secs(), 1);
}

//! Sessions within a master's connection.

use super::{Shared, lacks_openssh, pairs};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::toys::{Service, Toy};

/// Streams, exit status, variables and subsystems are the session's own.
#[test]
fn a_session_is_like_one_of_its_own() {
    if lacks_openssh("mux::sessions::a_session_is_like_one_of_its_own") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &["-oSendEnv=TSSH_*"]);
        let mut process = Process::spawn(
            shared
                .command(
                    &["-oSendEnv=TSSH_A", "-oSetEnv=TSSH_B=two"],
                    &["cat; echo $TSSH_A $TSSH_B; echo apart >&2; exit 7"],
                )
                .env("TSSH_A", "one"),
        );
        process.send(b"typed\n");
        let done = process.finish(PATIENCE);
        done.expect_code(7).expect_stderr("apart\n");
        assert_eq!(done.text(), "typed\none two\n");
        // Nothing is read with -n, and what is large arrives whole.
        let large = shared.run(&["-n"], &["cat; head -c 3000000 /dev/zero"]);
        assert_eq!(large.expect_code(0).stdout.len(), 3_000_000);
        shared.run(&[], &["kill -9 $$"]).expect_code(255);
        shared.run(&["-s"], &["no-such-subsystem"]).expect_code(255);
        shared.finish();
    }
}

/// Two at once end as their own commands do, whichever ends first.
#[test]
fn sessions_at_the_same_time() {
    if lacks_openssh("mux::sessions::sessions_at_the_same_time") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let start = |status: u32| {
            let command = format!("echo in; cat; exit {status}");
            let process = Process::spawn(&mut shared.command(&[], &[&command]));
            assert!(process.stdout.wait_for("in\n", PATIENCE), "{}", process.output());
            process
        };
        let (mut first, mut second) = (start(3), start(44));
        second.send(b"b");
        second.finish(PATIENCE).expect_code(44);
        first.send(b"a");
        let done = first.finish(PATIENCE);
        assert_eq!(done.expect_code(3).text(), "in\na");
        shared.finish();
    }
}

/// A master whose own session is over serves its clients to their end.
#[test]
fn a_master_waits_for_its_clients() {
    if lacks_openssh("mux::sessions::a_master_waits_for_its_clients") {
        return;
    }
    for (master, client) in pairs() {
        let mut shared = Shared::start(&master, &client, &[]);
        let mut session = Process::spawn(&mut shared.command(&[], &["echo in; cat; exit 4"]));
        assert!(session.stdout.wait_for("in\n", PATIENCE), "{}", session.output());
        shared.master.close_stdin();
        assert!(shared.master.stdout.wait_for("over", PATIENCE), "{}", shared.master.output());
        session.send(b"still here");
        let done = session.finish(PATIENCE);
        assert_eq!(done.expect_code(4).text(), "in\nstill here");
        shared.finish();
    }
}

/// The terminal is the client's: its modes, its size, and its way back.
#[test]
fn a_terminal_of_the_client() {
    if lacks_openssh("mux::sessions::a_terminal_of_the_client") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let command = "stty size; trap 'stty size; exit 5' WINCH; echo armed; \
                       while :; do sleep 0.05; done";
        let mut terminal = Terminal::start(&shared.command(&["-t"], &[command]), 80, 24);
        terminal.expect("24 80");
        terminal.expect("armed");
        assert!(!terminal.echoes(), "keys go to the far side as they are");
        terminal.resize(100, 30);
        terminal.expect("30 100");
        terminal.expect("Shared connection to 127.0.0.1 closed.");
        assert_eq!(terminal.process.wait_for_exit(PATIENCE).and_then(|s| s.code()), Some(5));
        assert!(terminal.echoes(), "the terminal is as it was");
        shared.finish();
    }
}

/// `~.` ends the session, and nobody else's.
#[test]
fn an_escape_sequence_ends_the_session_alone() {
    if lacks_openssh("mux::sessions::an_escape_sequence_ends_the_session_alone") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let mut terminal = Terminal::start(&shared.command(&["-t"], &["echo in; cat"]), 80, 24);
        terminal.expect("in");
        terminal.type_in("\r~?");
        terminal.expect("Supported escape sequences:");
        terminal.type_in("\r~.");
        terminal.expect("Shared connection to 127.0.0.1 closed.");
        assert_eq!(terminal.process.wait_for_exit(PATIENCE).and_then(|s| s.code()), Some(255));
        assert_eq!(shared.run(&[], &["echo alive"]).expect_code(0).text(), "alive\n");
        shared.finish();
    }
}

/// A client that is killed takes its session along.
#[test]
fn a_client_that_is_killed_ends_its_session() {
    if lacks_openssh("mux::sessions::a_client_that_is_killed_ends_its_session") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let fifo = shared.server.folder().join("fifo");
        let command = format!("mkfifo {0}; echo in; cat; echo over > {0}", fifo.display());
        let session = Process::spawn(&mut shared.command(&[], &[&command]));
        assert!(session.stdout.wait_for("in\n", PATIENCE), "{}", session.output());
        drop(session);
        assert_eq!(std::fs::read_to_string(&fifo).expect("a word"), "over\n");
        shared.finish();
    }
}

/// `-W`, and a target that refuses.
#[test]
fn standard_streams_as_a_connection() {
    if lacks_openssh("mux::sessions::standard_streams_as_a_connection") {
        return;
    }
    let echo = Service::start(Toy::Echo);
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let target = format!("-W127.0.0.1:{}", echo.port());
        let mut process = Process::spawn(&mut shared.command(&[&target], &[]));
        process.send(b"there and back");
        assert!(process.stdout.wait_for("there and back", PATIENCE), "{}", process.output());
        process.finish(PATIENCE).expect_code(0);
        let refused = shared.run(&["-W127.0.0.1:1"], &[]);
        let words = "Stdio forwarding request failed: Session open refused by peer";
        refused.expect_code(255).expect_stderr(words);
        shared.finish();
    }
}

/// `-f` returns once the session is there, which goes on. (ssh 9.2 stays until its end.)
#[test]
fn a_session_in_the_background() {
    if lacks_openssh("mux::sessions::a_session_in_the_background") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        if shared.client_is_ssh() {
            continue;
        }
        let fifo = shared.server.folder().join("fifo");
        let command =
            format!("mkfifo {0}.a {0}.b; read word < {0}.a; echo $word > {0}.b", fifo.display());
        // Who is in the background holds the streams, so only the status is waited for.
        let mut started = Process::spawn(&mut shared.command(&["-f"], &[&command]));
        assert_eq!(started.wait_for_exit(PATIENCE).and_then(|status| status.code()), Some(0));
        let made = format!("until [ -p {0}.b ]; do sleep 0.05; done", fifo.display());
        shared.run(&[], &[&made]).expect_code(0);
        std::fs::write(fifo.with_extension("a"), "later\n").expect("a word to the command");
        let back = std::fs::read_to_string(fifo.with_extension("b")).expect("a word back");
        assert_eq!(back, "later\n");
        shared.finish();
    }
}

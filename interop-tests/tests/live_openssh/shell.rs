//! An interactive session on a pseudoterminal.

use crate::support::lacks_openssh;
use std::path::Path;
use std::time::Duration;
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::process::PATIENCE;
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::tssh::{client_command, tssh, tssh_binary};

#[test]
fn a_shell_runs_on_a_terminal_of_its_own() {
    if lacks_openssh("shell::a_shell_runs_on_a_terminal_of_its_own") {
        return;
    }
    a_shell_runs(&tssh_binary(), &Server::with_lines(&[]));
}

/// Logs in to a shell, looks at the terminal from there, leaves, and finds the terminal as it
/// was.
pub fn a_shell_runs(program: &Path, server: &Server) {
    let mut terminal = Terminal::start(&client_command(program, server, &[], &[]), 97, 31);
    assert!(terminal.echoes(), "a fresh terminal echoes");
    terminal.type_in("echo mark$((40+2)); stty size; exec sh\n");
    terminal.expect("mark42");
    terminal.expect("31 97");
    assert!(!terminal.echoes(), "raw while the session lasts");
    terminal.type_in("exit 7\n");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end after exit");
    assert_eq!(status.code(), Some(7), "{}", terminal.screen.text());
    assert!(terminal.echoes(), "restored afterwards");
}

#[test]
fn a_new_size_reaches_the_other_side() {
    if lacks_openssh("shell::a_new_size_reaches_the_other_side") {
        return;
    }
    let server = Server::with_lines(&[]);
    let remote = "echo started; while test \"$(stty size)\" != '50 132'; do read -r x; done; \
                  echo changed";
    let command = client_command(&tssh_binary(), &server, &["-t"], &[remote]);
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.expect("started");
    terminal.resize(132, 50);
    // The new size and a typed line take different ways to the client, so one line may be early.
    let seen = (0..300).any(|_| {
        terminal.type_in("\n");
        terminal.screen.wait_for("changed", Duration::from_millis(200))
    });
    assert!(seen, "{}", terminal.screen.text());
}

#[test]
fn a_terminal_is_restored_when_the_client_is_ended() {
    if lacks_openssh("shell::a_terminal_is_restored_when_the_client_is_ended") {
        return;
    }
    let server = Server::with_lines(&[]);
    let command = client_command(&tssh_binary(), &server, &["-t"], &["echo started; cat"]);
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.expect("started");
    assert!(!terminal.echoes(), "raw while the session lasts");
    // The server goes away; the client must leave the terminal as it found it.
    drop(server);
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end without a server");
    assert_eq!(status.code(), Some(255), "{}", terminal.screen.text());
    assert!(terminal.echoes(), "restored afterwards");
}

#[test]
fn a_command_gets_a_terminal_only_when_asked_for() {
    if lacks_openssh("shell::a_command_gets_a_terminal_only_when_asked_for") {
        return;
    }
    let server = Server::with_lines(&[]);
    let command = "test -t 1 && echo terminal || echo pipe";
    assert_eq!(tssh(&server, &[], &[command]).text(), "pipe\n");
    assert_eq!(tssh(&server, &["-tt"], &[command]).text(), "terminal\r\n");
    assert_eq!(tssh(&server, &["-T"], &[command]).text(), "pipe\n");
}

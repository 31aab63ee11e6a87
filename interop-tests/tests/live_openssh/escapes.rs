//! Escape sequences of an interactive session.

use crate::support::{connect, lacks_openssh};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use tssh_interop_tests::openssh::{Server, ServerOptions, free_port};
use tssh_interop_tests::process::PATIENCE;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{client_command, is_stand_in, tssh_binary};

/// A shell on a terminal, at its prompt.
fn shell(server: &Server, options: &[&str]) -> Terminal {
    let mut all = vec!["-t"];
    all.extend(options);
    let command = client_command(&tssh_binary(), server, &all, &["PS1= exec sh"]);
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.type_in("echo mark$((40+2))\r");
    terminal.expect("mark42");
    terminal
}

#[test]
fn a_dot_ends_the_connection_and_restores_the_terminal() {
    if lacks_openssh("escapes::a_dot_ends_the_connection_and_restores_the_terminal") {
        return;
    }
    let server = Server::with_lines(&[]);
    let mut terminal = shell(&server, &[]);
    assert!(!terminal.echoes(), "raw while the session lasts");
    terminal.type_in("\r~.");
    terminal.expect("Connection to 127.0.0.1 closed.");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(255), "{}", terminal.screen.text());
    assert!(terminal.echoes(), "restored afterwards");
}

#[test]
fn a_server_that_is_silent_does_not_keep_the_user() {
    if lacks_openssh("escapes::a_server_that_is_silent_does_not_keep_the_user") {
        return;
    }
    let server = Server::with_lines(&[]);
    let mut terminal = shell(&server, &[]);
    server.process().signal_all(rustix::process::Signal::STOP);
    terminal.type_in("\r~.");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(255), "{}", terminal.screen.text());
    assert!(terminal.echoes(), "restored afterwards");
}

#[test]
fn help_and_list_are_shown() {
    if lacks_openssh("escapes::help_and_list_are_shown") {
        return;
    }
    let server = Server::with_lines(&[]);
    let echo = Service::start(Toy::Echo);
    let port = free_port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", echo.port());
    let mut terminal = shell(&server, &["-L", &spec]);
    let mut stream = connect(port);
    stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0])).expect("an echo");
    terminal.type_in("\r~?");
    terminal.expect("Supported escape sequences:\r\n ~.   - terminate connection");
    terminal.type_in("\r~#");
    terminal.expect("The following connections are open:\r\n  #");
    terminal.expect(" client-session");
    let target = format!("127.0.0.1 port {}", echo.port());
    terminal.expect(&format!(" direct-tcpip: listening port {port} for {target}, connect from "));
    if !is_stand_in() {
        // OpenSSH has it from version 10.1 on.
        terminal.type_in("\r~I");
        terminal.expect("Connection information for 127.0.0.1 pid ");
        terminal.expect(&format!("  connection 127.0.0.1 port {}", server.port()));
        terminal.expect("  kexalgorithm ");
        terminal.expect("  forwarded connections 1\r\n");
    }
    // What is no sequence goes to the far side, and so does the character when typed twice.
    terminal.type_in("~R\recho ~~x | tr x y; exit 3\r");
    terminal.type_in("\r");
    drop(stream);
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(3), "{}", terminal.screen.text());
}

#[test]
fn a_break_reaches_the_server() {
    if lacks_openssh("escapes::a_break_reaches_the_server") {
        return;
    }
    let server = Server::start(&ServerOptions::with_lines(&["LogLevel DEBUG1"]));
    let mut terminal = shell(&server, &[]);
    terminal.type_in("\r~B");
    server.expect_log("session_input_channel_req: session 0 req break");
    terminal.type_in("exit 4\r");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(4), "{}", terminal.screen.text());
}

#[test]
fn the_command_line_adds_and_takes_away_forwards() {
    if lacks_openssh("escapes::the_command_line_adds_and_takes_away_forwards") {
        return;
    }
    let server = Server::with_lines(&[]);
    let mut closed = shell(&server, &[]);
    closed.type_in("\r~C");
    closed.expect("commandline disabled");
    drop(closed);

    let echo = Service::start(Toy::Echo);
    let port = free_port();
    let options = ["-o", "EnableEscapeCommandline=yes", "-o", "ExitOnForwardFailure=yes"];
    let mut terminal = shell(&server, &options);
    let mut commands = 0;
    let mut command = |line: &str, answer: &str| {
        commands += 1;
        terminal.type_in("\r~C");
        let prompts = |bytes: &[u8]| bytes.windows(5).filter(|w| w == b"ssh> ").count();
        assert!(terminal.screen.wait(PATIENCE, |bytes| prompts(bytes) == commands), "a prompt");
        terminal.type_in(&format!("{line}\r"));
        terminal.expect(answer);
    };
    command(&format!("-L 127.0.0.1:{port}:127.0.0.1:{}", echo.port()), "Forwarding port.");
    let mut stream = connect(port);
    stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0])).expect("an echo");
    command(&format!("-KL 127.0.0.1:{port}"), "Canceled forwarding.");
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "it still listens");
    command("-KL 1", "Unknown port forwarding.");
    command("nonsense", "Invalid command.");
    command("-L x", "Bad local forwarding specification.");
    // A port that is taken is told of, and is no reason to end.
    let busy = format!("-L 127.0.0.1:{}:127.0.0.1:1", server.port());
    command(&busy, "Port forwarding failed.");
    command("h", "Commands:");
    // What was open goes on.
    stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0])).expect("an echo");
    drop(stream);
    terminal.type_in("\rexit 6\r");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(6), "{}", terminal.screen.text());
}

/// S48: `~.` also ends the waiting for connections, where the terminal edits lines again.
#[test]
fn a_dot_ends_the_waiting() {
    const NAME: &str = "escapes::a_dot_ends_the_waiting";
    if lacks_openssh(NAME) {
        return;
    }
    if is_stand_in() {
        return skip(NAME, "ssh waits in silence and reads nothing");
    }
    let server = Server::with_lines(&[]);
    let echo = Service::start(Toy::Echo);
    let port = free_port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", echo.port());
    let mut terminal = shell(&server, &["-L", &spec]);
    let mut stream = connect(port);
    stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0])).expect("an echo");
    terminal.type_in("exit 5\r");
    terminal.expect("Waiting for forwarded connections to terminate...");
    terminal.expect("#1 direct-tcpip");
    assert!(terminal.echoes(), "the terminal is as it was");
    terminal.type_in("~.\n");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(255), "{}", terminal.screen.text());
}

#[test]
fn a_signal_restores_the_terminal() {
    if lacks_openssh("escapes::a_signal_restores_the_terminal") {
        return;
    }
    let server = Server::with_lines(&[]);
    let terminal = shell(&server, &[]);
    assert!(!terminal.echoes(), "raw while the session lasts");
    // The whole group: the client and `setsid`, which started it.
    terminal.process.signal_all(rustix::process::Signal::TERM);
    assert!(terminal.screen.wait_end(PATIENCE), "somebody still holds the terminal");
    assert!(terminal.echoes(), "restored afterwards");
}

/// S48: `~&` gives the terminal back; what is forwarded goes on.
#[test]
fn forwarded_connections_go_on_in_the_background() {
    if lacks_openssh("escapes::forwarded_connections_go_on_in_the_background") {
        return;
    }
    let server = Server::with_lines(&[]);
    let echo = Service::start(Toy::Echo);
    let port = free_port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", echo.port());
    let client = client_command(&tssh_binary(), &server, &["-t", "-L", &spec], &["PS1= exec sh"]);
    // A shell in between, as a user has it: the terminal is its, not the client's.
    let mut command = Command::new("sh");
    command.args(["-c", "\"$@\"; echo \"status $?\"; read line", "sh"]);
    command.arg(client.get_program()).args(client.get_args());
    for (name, value) in client.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.type_in("echo mark$((40+2))\r");
    terminal.expect("mark42");
    let mut stream = connect(port);
    let mut echoes = || {
        stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0])).expect("an echo");
    };
    echoes();
    terminal.type_in("\r~&");
    terminal.expect("~& [backgrounded]");
    terminal.expect("status 0");
    assert!(terminal.echoes(), "the terminal is as it was");
    echoes();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "it still listens");
    terminal.type_in("\r");
    terminal.process.wait_for_exit(PATIENCE).expect("an end of the shell");
    if !is_stand_in() {
        // ssh goes down with the terminal that it has left.
        echoes();
    }
}

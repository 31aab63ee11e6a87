//! `-f`: to the background once logged in and all forwards stand, and how such a run ends.

use crate::support::{connect, lacks_openssh};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use tssh_interop_tests::openssh::{KeyKind, Server, free_port, keygen};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{bare_command, client_command, is_stand_in, tssh_binary};

/// A client in the background, ended when dropped.
struct Daemon {
    pid: Pid,
    handle: OwnedFd,
}

impl Daemon {
    /// The one process with `mark` on its command line.
    #[track_caller]
    fn find(mark: &str) -> Self {
        let all = std::fs::read_dir("/proc").expect("a list of processes").flatten();
        let found: Vec<Pid> = all
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
                let line = std::fs::read(entry.path().join("cmdline")).ok()?;
                String::from_utf8_lossy(&line).contains(mark).then_some(pid)
            })
            .collect();
        let [pid] = found.as_slice() else { panic!("{mark}: {found:?}") };
        let handle = pidfd_open(*pid, PidfdFlags::empty()).expect("a handle of the process");
        Self { pid: *pid, handle }
    }

    /// Waits for its end.
    #[track_caller]
    fn wait(&self) {
        let limit = Timespec::try_from(PATIENCE).expect("a limit of seconds");
        let mut polled = [PollFd::new(&self.handle, PollFlags::IN)];
        let ended = poll(&mut polled, Some(&limit)).expect("wait for a process");
        assert_eq!(ended, 1, "still there");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

fn is_echoed(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).expect("write through the forward");
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).expect("read through the forward");
    assert_eq!(back, text);
}

/// S44: `-fN` returns when the forward stands, and holds none of the caller's streams.
#[test]
fn the_caller_goes_on_when_the_forward_stands() {
    if lacks_openssh("background::the_caller_goes_on_when_the_forward_stands") {
        return;
    }
    let server = Server::with_lines(&[]);
    let echo = Service::start(Toy::Echo);
    let port = free_port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", echo.port());
    let mut command = client_command(&tssh_binary(), &server, &["-fN", "-L", &spec], &[]);
    let mut process = Process::spawn(&mut command);
    process.finish(PATIENCE).expect_code(0);
    assert!(process.stdout.wait_end(PATIENCE) && process.stderr.wait_end(PATIENCE));
    let mut stream = connect(port);
    is_echoed(&mut stream, b"at once");
    let daemon = Daemon::find(&spec);
    kill_process(daemon.pid, Signal::TERM).expect("end the tunnel");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    daemon.wait();
}

/// S44: with `ExitOnForwardFailure` a busy port is a failure, and no process is left.
#[test]
fn a_failed_forward_fails_and_leaves_nothing() {
    if lacks_openssh("background::a_failed_forward_fails_and_leaves_nothing") {
        return;
    }
    let server = Server::with_lines(&[]);
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = busy.local_addr().expect("its address").port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:1");
    let options = ["-fN", "-o", "ExitOnForwardFailure=yes", "-L", &spec];
    let mut process = Process::spawn(&mut client_command(&tssh_binary(), &server, &options, &[]));
    let done = process.finish(PATIENCE);
    done.expect_code(255)
        .expect_stderr(&format!("bind [127.0.0.1]:{port}: Address already in use"));
    // Whoever is left would hold them.
    assert!(process.stdout.wait_end(PATIENCE) && process.stderr.wait_end(PATIENCE));
}

/// S45: the tunnel outlives its command as long as a connection is open, and no longer.
#[test]
fn the_sleep_idiom_ends_with_command_and_connection() {
    if lacks_openssh("background::the_sleep_idiom_ends_with_command_and_connection") {
        return;
    }
    let server = Server::with_lines(&[]);
    let echo = Service::start(Toy::Echo);
    // The command ends when the test says so, in place of a number of seconds.
    let fifo = server.folder().join("gate");
    run(Command::new("mkfifo").arg(&fifo)).expect_code(0);
    let port = free_port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", echo.port());
    let wait = format!("cat {}; echo ended", fifo.display());
    let mut command = client_command(&tssh_binary(), &server, &["-f", "-L", &spec], &[&wait]);
    let mut process = Process::spawn(&mut command);
    assert_eq!(process.wait_for_exit(PATIENCE).and_then(|status| status.code()), Some(0));
    let daemon = Daemon::find(&spec);
    let mut stream = connect(port);
    is_echoed(&mut stream, b"during the command");
    std::fs::write(&fifo, "the command's\n").expect("end the command");
    assert!(process.stdout.wait_for("ended", PATIENCE), "the command's output comes through");
    is_echoed(&mut stream, b"after the command");
    stream.shutdown(Shutdown::Write).expect("end the connection");
    assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
    daemon.wait();
}

#[test]
fn questions_are_asked_before() {
    if lacks_openssh("background::questions_are_asked_before") {
        return;
    }
    let server = Server::with_lines(&[]);
    let key = server.folder().join("locked");
    server.authorize(&keygen(&key, KeyKind::Ed25519, "open sesame"));
    let port = free_port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", server.port());
    let mut command = bare_command(&tssh_binary(), &server, &["-fN", "-L", &spec]);
    command.arg("-i").arg(&key).arg("127.0.0.1");
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.expect("Enter passphrase for key");
    terminal.type_in("open sesame\r");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("the caller goes on");
    assert_eq!(status.code(), Some(0), "{}", terminal.screen.text());
    // The terminal is gone, the tunnel is not.
    drop(terminal);
    let daemon = Daemon::find(&spec);
    let mut greeting = [0; 4];
    connect(port).read_exact(&mut greeting).expect("the server behind the tunnel");
    assert_eq!(&greeting, b"SSH-");
    drop(daemon);
}

#[test]
fn a_shell_does_not_go_to_the_background() {
    let done = crate::errors::alone(&["-f", "127.0.0.1"]);
    done.expect_code(255);
    done.expect_stderr("Cannot fork into background without a command to execute.");
}

/// S45: `--one-shot` is the old `ssh2 -fo`: the tunnel ends with its first connection.
#[test]
fn one_shot_ends_with_its_first_connection() {
    const NAME: &str = "background::one_shot_ends_with_its_first_connection";
    if lacks_openssh(NAME) {
        return;
    }
    if is_stand_in() {
        return skip(NAME, "ssh has no such option");
    }
    let server = Server::with_lines(&[]);
    let echo = Service::start(Toy::Echo);
    let port = free_port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", echo.port());
    let options = ["--one-shot", "-v", "-L", &spec];
    let mut process = Process::spawn(&mut client_command(&tssh_binary(), &server, &options, &[]));
    assert!(process.stderr.wait_for("Entering interactive session.", PATIENCE));
    let mut stream = connect(port);
    is_echoed(&mut stream, b"once");
    drop(stream);
    process.finish(PATIENCE).expect_code(0);
}

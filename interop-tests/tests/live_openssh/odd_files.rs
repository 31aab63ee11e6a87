//! Files that are no files, and text that is not UTF-8.

use crate::support::lacks_openssh;
use rustix::process::Signal;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{client_command, tssh_binary, with};

/// A pipe that nobody writes to keeps the client waiting, as it does ssh; a signal ends the wait.
#[test]
fn a_signal_ends_the_wait_for_a_pipe() {
    if lacks_openssh("odd_files::a_signal_ends_the_wait_for_a_pipe") {
        return;
    }
    let server = Server::with_lines(&[]);
    let pipe = server.folder().join("pipe");
    run(Command::new("mkfifo").arg("-m").arg("600").arg(&pipe)).expect_code(0);
    let cases = ["UserKnownHostsFile=", "IdentityFile=", "CertificateFile=", "RevokedHostKeys="];
    let commands = cases.map(|option| {
        let option = with(option, &pipe).into_string().expect("a path in UTF-8");
        client_command(&tssh_binary(), &server, &["-o", &option], &["true"])
    });
    let mut config = Command::new(tssh_binary());
    config.arg("-F").arg(&pipe).args(["-o", "ConnectTimeout=1", "127.0.0.1", "true"]);
    for mut command in commands.into_iter().chain([config]) {
        let mut process = Process::spawn(&mut command);
        let _writer = writer(&pipe);
        process.signal(Signal::TERM);
        let ended = process.wait_for_exit(PATIENCE);
        assert!(ended.is_some(), "{command:?}: {}", process.output());
    }
}

/// A writer of the pipe that writes nothing. It gets past opening it once there is a reader.
fn writer(pipe: &Path) -> Process {
    let mut command = Command::new("sh");
    let process = Process::spawn(command.args(["-c", "exec 3>\"$0\"; echo open; cat"]).arg(pipe));
    assert!(process.stdout.wait_for("open", PATIENCE), "nobody reads {}", pipe.display());
    process
}

#[test]
fn a_configuration_may_come_through_a_pipe() {
    let mut command = Command::new(tssh_binary());
    command.args(["-G", "-F", "/dev/stdin", "h"]);
    let mut process = Process::spawn(&mut command);
    process.send(b"Host h\n  Port 77\n");
    process.close_stdin();
    let done = process.finish(PATIENCE);
    assert!(done.expect_code(0).text().contains("\nport 77\n"), "{}", done.text());
    let mut command = Command::new(tssh_binary());
    let done = run(command.args(["-G", "-F", "/dev/null", "h"]));
    assert!(done.expect_code(0).text().contains("\nport 22\n"));
}

#[test]
fn the_words_of_a_command_may_be_in_any_encoding() {
    if lacks_openssh("odd_files::the_words_of_a_command_may_be_in_any_encoding") {
        return;
    }
    let server = Server::with_lines(&[]);
    let mut command = client_command(&tssh_binary(), &server, &[], &["printf", "%s"]);
    let done = run(command.arg(OsStr::from_bytes(b"'caf\xe9 \xff'")));
    assert_eq!(done.expect_code(0).stdout, b"caf\xe9 \xff");
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_place() {
    if tssh_interop_tests::tssh::is_stand_in() {
        let name = "odd_files::text_that_is_not_utf8_is_refused_with_its_place";
        return tssh_interop_tests::skip::skip(name, "ssh takes it as it is");
    }
    let folder = Scratch::new();
    let file = folder.write("config", b"# caf\xe9\nHost h\n  User caf\xe9\n");
    let mut command = Command::new(tssh_binary());
    let done = run(command.arg("-G").arg("-F").arg(&file).arg("h"));
    let place = format!("{} line 3: the line is not UTF-8", file.display());
    done.expect_code(255).expect_stderr(&place);
    let file = folder.write("config", b"# caf\xe9\nHost h\n  User x\n");
    let mut command = Command::new(tssh_binary());
    let done = run(command.arg("-G").arg("-F").arg(&file).arg("h"));
    assert!(done.expect_code(0).text().contains("user x\n"));
    let mut command = Command::new(tssh_binary());
    let done = run(command.arg(OsStr::from_bytes(b"h\xff")));
    done.expect_code(255).expect_stderr("argument is not UTF-8");
}

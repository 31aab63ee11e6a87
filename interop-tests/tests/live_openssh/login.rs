//! Logging in and running a command.

use crate::support::{MIB, lacks_openssh};
use std::process::{Command, Stdio};
use tssh_interop_tests::openssh::{Server, program_path};
use tssh_interop_tests::pattern::{Pattern, sha256_hex};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::tssh::{bare_command, client_command, tssh, tssh_binary, with};

#[test]
fn a_command_keeps_its_streams_apart() {
    if lacks_openssh("login::a_command_keeps_its_streams_apart") {
        return;
    }
    let server = Server::with_lines(&[]);
    let done = tssh(&server, &[], &["echo out; echo err >&2"]);
    done.expect_code(0);
    assert_eq!((done.text().as_str(), done.stderr.as_str()), ("out\n", "err\n"));
}

#[test]
fn the_exit_status_is_the_commands() {
    if lacks_openssh("login::the_exit_status_is_the_commands") {
        return;
    }
    let server = Server::with_lines(&[]);
    for status in [0, 1, 7, 127, 254] {
        tssh(&server, &[], &[&format!("exit {status}")]).expect_code(status);
    }
    // Death by a signal is reported as exit-signal, which has no number of its own.
    tssh(&server, &[], &["kill -TERM $$"]).expect_code(255);
}

#[test]
fn standard_input_and_output_carry_every_byte() {
    if lacks_openssh("login::standard_input_and_output_carry_every_byte") {
        return;
    }
    let server = Server::with_lines(&[]);
    let sent = Pattern::bytes(11, 8 * MIB as usize);
    let mut command = client_command(&tssh_binary(), &server, &[], &["cat"]);
    let mut process = Process::spawn(&mut command);
    process.send(&sent);
    let done = process.finish(PATIENCE);
    done.expect_code(0);
    assert_eq!(sha256_hex(&done.stdout), sha256_hex(&sent));
}

#[test]
fn no_input_is_read_with_n() {
    if lacks_openssh("login::no_input_is_read_with_n") {
        return;
    }
    let server = Server::with_lines(&[]);
    let mut command = client_command(&tssh_binary(), &server, &["-n"], &["cat; echo end"]);
    let mut process = Process::spawn(&mut command);
    // Standard input stays open: the command ends all the same.
    assert!(process.stdout.wait_for("end", PATIENCE), "{}", process.output());
    process.finish(PATIENCE).expect_code(0);
}

#[test]
fn destinations_have_three_forms_and_options_may_follow() {
    if lacks_openssh("login::destinations_have_three_forms_and_options_may_follow") {
        return;
    }
    let server = Server::with_lines(&[]);
    let key = server.user_key().display().to_string();
    let port = server.port();
    let user = server.user();
    let with_user = format!("{user}@127.0.0.1");
    let uri = format!("ssh://{user}@127.0.0.1:{port}");
    let attached = format!("-p{port}");
    let lines: [&[&str]; 3] =
        [&["127.0.0.1", "-l", user, &attached], &[&with_user, &attached], &[&uri]];
    for destination in lines {
        let mut command = Command::new(tssh_binary());
        command.args(["-F", "none", "-nT", "-oBatchMode=yes", "-i", &key]);
        command.args(["-o", "GlobalKnownHostsFile=/dev/null", "-o"]);
        command.arg(format!("UserKnownHostsFile={}", server.known_hosts().display()));
        command.args(destination).args(["echo", "here"]);
        let done = run(&mut command);
        done.expect_code(0);
        assert_eq!(done.text(), "here\n");
    }
}

#[test]
fn a_session_without_a_command_can_be_asked_for() {
    if lacks_openssh("login::a_session_without_a_command_can_be_asked_for") {
        return;
    }
    let server = Server::with_lines(&[]);
    let mut command = client_command(&tssh_binary(), &server, &["-N"], &[]);
    let process = Process::spawn(&mut command);
    server.expect_log("Accepted publickey");
    process.signal(rustix::process::Signal::TERM);
    let mut process = process;
    let ended = process.wait_for_exit(PATIENCE).expect("an end after SIGTERM");
    assert_ne!(ended.code(), Some(0));
}

#[test]
fn verbose_messages_go_to_a_file() {
    if lacks_openssh("login::verbose_messages_go_to_a_file") {
        return;
    }
    let server = Server::with_lines(&[]);
    let log = server.folder().join("client.log");
    let path = log.display().to_string();
    let done = tssh(&server, &["-v", "-E", &path], &["true"]);
    done.expect_code(0);
    assert_eq!(done.stderr, "", "all messages are in the file");
    let text = std::fs::read_to_string(log).expect("the file of messages");
    assert!(text.contains("debug1: "), "{text}");
}

#[test]
fn the_version_is_one_line() {
    let mut command = Command::new(tssh_binary());
    let done = run(command.arg("-V"));
    done.expect_code(0);
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
}

#[test]
fn the_servers_banner_is_shown_on_standard_error() {
    if lacks_openssh("login::the_servers_banner_is_shown_on_standard_error") {
        return;
    }
    let folder = tssh_interop_tests::scratch::Scratch::new();
    let banner = folder.write("banner", "Authorised users only.\n");
    let server = Server::with_lines(&[&format!("Banner {}", banner.display())]);
    tssh(&server, &[], &["true"]).expect_code(0).expect_stderr("Authorised users only.");
    let quiet = tssh(&server, &["-q"], &["true"]);
    assert_eq!(quiet.expect_code(0).stderr, "");
}

#[test]
fn a_banner_that_nobody_reads_does_not_end_the_session() {
    if lacks_openssh("login::a_banner_that_nobody_reads_does_not_end_the_session") {
        return;
    }
    let folder = tssh_interop_tests::scratch::Scratch::new();
    let banner = folder.write("banner", "Authorised users only.\n");
    let server = Server::with_lines(&[&format!("Banner {}", banner.display())]);
    let line = || client_command(&tssh_binary(), &server, &[], &["echo out; exit 3"]);
    let check = |mut command: Command| {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::spawn_as_is(&mut command);
        let status = process.wait_for_exit(PATIENCE).expect("an end");
        assert!(process.stdout.wait_end(PATIENCE), "standard output ends");
        assert_eq!((status.code(), process.stdout.text().as_str()), (Some(3), "out\n"));
    };
    // A pipe whose reader is gone.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut broken = line();
    broken.stderr(writer);
    check(broken);
    // No standard error at all.
    let inner = line();
    let mut closed = Command::new("/bin/sh");
    closed.args(["-c", "exec \"$@\" 2>&-", "sh"]).arg(inner.get_program());
    closed.args(inner.get_args()).env("HOME", server.folder().path());
    closed.env_remove("SSH_AUTH_SOCK").stderr(Stdio::null());
    check(closed);
}

#[test]
fn a_refused_login_names_the_methods() {
    if lacks_openssh("login::a_refused_login_names_the_methods") {
        return;
    }
    let server = Server::with_lines(&[]);
    let stranger = server.folder().join("stranger");
    tssh_interop_tests::openssh::keygen(
        &stranger,
        tssh_interop_tests::openssh::KeyKind::Ed25519,
        "",
    );
    let mut command = bare_command(&tssh_binary(), &server, &["-o", "BatchMode=yes"]);
    command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(&stranger).args(["127.0.0.1", "true"]);
    let user = server.user();
    let text = format!("{user}@127.0.0.1: Permission denied (publickey).");
    run(&mut command).expect_code(255).expect_stderr(&text);
}

#[test]
fn sftp_uses_it_as_its_transport() {
    if lacks_openssh("login::sftp_uses_it_as_its_transport") {
        return;
    }
    let server = Server::with_lines(&[]);
    let folder = server.folder();
    let sent = Pattern::bytes(12, 3 * MIB as usize);
    let (here, there, back) =
        (folder.write("here", &sent), folder.join("there"), folder.join("back"));
    let lines = format!(
        "put {} {there}\nget {there} {}\n",
        here.display(),
        back.display(),
        there = there.display()
    );
    let batch = folder.write("batch", lines);
    let mut command = Command::new(program_path("sftp"));
    command.args(["-q", "-F", "none", "-P", &server.port().to_string(), "-S"]).arg(tssh_binary());
    command.args(["-o", "IdentitiesOnly=yes", "-o", "GlobalKnownHostsFile=/dev/null", "-o"]);
    command.arg(with("UserKnownHostsFile=", &server.known_hosts()));
    command.arg("-i").arg(server.user_key()).arg("-b").arg(batch);
    let done = run(command.arg(format!("{}@127.0.0.1", server.user())).env_remove("SSH_AUTH_SOCK"));
    done.expect_code(0);
    let received = std::fs::read(back).expect("the file that came back");
    assert_eq!(sha256_hex(&received), sha256_hex(&sent));
}

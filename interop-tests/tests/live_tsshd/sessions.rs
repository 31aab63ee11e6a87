//! Commands, shells and subsystems on pipes.

use crate::support::{remote, ssh, tsshd, unavailable};
use std::process::Command;
use tssh_interop_tests::openssh::{Server, program_path};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::tssh::{client_command, with};

/// More than windows, pipes and buffers hold together.
const BULK: usize = 5 * 1024 * 1024;

fn bulk() -> Vec<u8> {
    (0..BULK).map(|i| (i * 31 / 7) as u8).collect()
}

#[test]
fn status_and_streams_come_back_each_on_its_own() {
    if unavailable("sessions::status_and_streams_come_back_each_on_its_own") {
        return;
    }
    let server = tsshd(&[]);
    let done = remote(&server, &[], "echo out; echo err >&2; exit 7");
    done.expect_code(7);
    assert_eq!((done.text().as_str(), done.stderr.as_str()), ("out\n", "err\n"));
    remote(&server, &[], "true").expect_code(0);
    remote(&server, &[], "no-such-program").expect_code(127);
}

#[test]
fn megabytes_pass_through_both_ways() {
    if unavailable("sessions::megabytes_pass_through_both_ways") {
        return;
    }
    let server = tsshd(&["RekeyLimit 256K"]);
    let options = ["-o", "RekeyLimit=300K", "-o", "KexAlgorithms=curve25519-sha256"];
    for options in [&[][..], &options, &["-C"]] {
        let mut cat = Process::spawn(&mut client_command(&ssh(), &server, options, &["cat"]));
        let mut input = cat.stdin.take().expect("standard input");
        let sent = bulk();
        let writer = std::thread::spawn(move || {
            std::io::Write::write_all(&mut input, &sent).expect("write to cat");
        });
        let done = cat.stdout.wait(PATIENCE, |bytes| bytes.len() == BULK);
        writer.join().expect("the writer ends");
        assert!(done, "{options:?}: {}", cat.stderr.text());
        assert!(cat.finish(PATIENCE).expect_code(0).stdout == bulk(), "{options:?}");
    }
    let done = remote(&server, &[], "head -c 5242880 /dev/zero >&2");
    assert_eq!((done.code, done.stderr.len()), (0, BULK), "through standard error");
}

#[test]
fn the_end_of_input_is_not_the_end_of_output() {
    if unavailable("sessions::the_end_of_input_is_not_the_end_of_output") {
        return;
    }
    let server = tsshd(&[]);
    let done = remote(&server, &[], "cat; echo after; exit 3");
    assert_eq!(done.expect_code(3).text(), "after\n");
    // And the other way round: a program that closes its output goes on reading.
    let kept = server.folder().join("kept");
    let command = format!("exec >&- 2>&-; cat > {}; exit 4", kept.display());
    let mut client = Process::spawn(&mut client_command(&ssh(), &server, &[], &[&command]));
    client.send(b"kept");
    client.finish(PATIENCE).expect_code(4);
    assert_eq!(std::fs::read(kept).expect("the file"), b"kept");
}

#[test]
fn a_shell_reads_its_commands_and_is_a_login_shell() {
    if unavailable("sessions::a_shell_reads_its_commands_and_is_a_login_shell") {
        return;
    }
    let server = tsshd(&[]);
    let mut shell = Process::spawn(&mut client_command(&ssh(), &server, &["-T"], &[]));
    shell.send(b"echo \"name $0\"; tty; exit 5\n");
    let done = shell.finish(PATIENCE);
    let text = done.expect_code(5).text();
    assert!(text.contains("name -") && text.contains("not a tty"), "{text}");
}

#[test]
fn death_by_a_signal_is_told_as_such() {
    if unavailable("sessions::death_by_a_signal_is_told_as_such") {
        return;
    }
    let server = tsshd(&[]);
    let done = remote(&server, &["-v"], "kill -TERM $$");
    done.expect_code(255).expect_stderr("rtype exit-signal");
}

#[test]
fn the_environment_is_made_by_the_server() {
    if unavailable("sessions::the_environment_is_made_by_the_server") {
        return;
    }
    let server = tsshd(&["AcceptEnv LC_* GIVEN", "AcceptEnv USER", "SetEnv SET=by-server"]);
    let mut command = client_command(
        &ssh(),
        &server,
        &["-o", "SendEnv=LC_* GIVEN KEPT USER"],
        &["env -u _; echo home=$(pwd)"],
    );
    command.env("GIVEN", "a b").env("LC_TIME", "C").env("KEPT", "x").env("USER", "mallory");
    let text = run(&mut command).expect_code(0).text();
    let has = |line: &str| text.lines().any(|l| l == line);
    for line in ["GIVEN=a b", "LC_TIME=C", "SET=by-server"] {
        assert!(has(line), "no {line} in {text}");
    }
    let (user, port) = (server.user(), server.port());
    assert!(has(&format!("USER={user}")) && has(&format!("LOGNAME={user}")), "{text}");
    for name in ["KEPT=", "SSH_TTY=", "SSH_ORIGINAL_COMMAND=", "mallory"] {
        assert!(!text.contains(name), "{name} in {text}");
    }
    let value = |name: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(name))
            .unwrap_or_else(|| panic!("{name} in {text}"))
    };
    let client = value("SSH_CLIENT=");
    let [address, from, to] = client.split(' ').collect::<Vec<_>>()[..] else { panic!("{client}") };
    assert_eq!((address, to), ("127.0.0.1", port.to_string().as_str()));
    assert_eq!(value("SSH_CONNECTION="), format!("127.0.0.1 {from} 127.0.0.1 {port}"));
    assert_eq!(value("HOME="), value("home="));
}

#[test]
fn background_processes_hold_the_session_open_only_with_its_output() {
    if unavailable("sessions::background_processes_hold_the_session_open_only_with_its_output") {
        return;
    }
    let server = tsshd(&[]);
    let [unseen, fifo] = ["unseen", "fifo"].map(|name| server.folder().join(name));
    run(Command::new("mkfifo").args([&unseen, &fifo])).expect_code(0);
    // It waits, with none of the streams of the session.
    let command = format!("cat {} >/dev/null 2>&1 </dev/null & echo started", unseen.display());
    assert_eq!(remote(&server, &[], &command).expect_code(0).text(), "started\n");
    std::fs::write(&unseen, "").expect("let it end after all");
    // It holds the output: what it writes after its parent's end still arrives.
    let command = format!("(cat {}) & echo started", fifo.display());
    let mut client = Process::spawn(&mut client_command(&ssh(), &server, &[], &[&command]));
    assert!(client.stdout.wait_for("started", PATIENCE));
    std::fs::write(&fifo, "late\n").expect("tell the process that waits");
    let text = client.finish(PATIENCE).expect_code(0).text();
    assert!(text.ends_with("late\n"), "{text}");
}

#[test]
fn the_status_comes_back_over_a_connection_that_is_shared() {
    if unavailable("sessions::the_status_comes_back_over_a_connection_that_is_shared") {
        return;
    }
    let server = tsshd(&[]);
    let socket = server.folder().join("shared");
    let socket = socket.to_str().expect("UTF-8");
    let mut master = Process::spawn(&mut client_command(
        &ssh(),
        &server,
        &["-M", "-S", socket],
        &["echo up; cat"],
    ));
    assert!(master.stdout.wait_for("up", PATIENCE), "{}", master.output());
    // A session whose input has ended is closed by ssh as soon as its output ends.
    for _ in 0..10 {
        remote(&server, &["-S", socket], "true").expect_code(0);
        remote(&server, &["-S", socket], "exit 7").expect_code(7);
    }
    master.finish(PATIENCE).expect_code(0);
}

fn copier(program: &str, server: &Server) -> Command {
    let mut command = Command::new(program_path(program));
    command.args(["-F", "none", "-P", &server.port().to_string(), "-i"]).arg(server.user_key());
    command.args(["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o"]);
    command.arg(with("UserKnownHostsFile=", &server.known_hosts()));
    command.env_remove("SSH_AUTH_SOCK");
    command
}

#[test]
fn files_are_copied_by_sftp_and_by_both_protocols_of_scp() {
    let test = "sessions::files_are_copied_by_sftp_and_by_both_protocols_of_scp";
    if unavailable(test) {
        return;
    }
    let sftp_server = "/usr/lib/openssh/sftp-server";
    if !std::path::Path::new(sftp_server).exists() {
        tssh_interop_tests::skip::skip(test, "no sftp-server");
        return;
    }
    let server = tsshd(&[&format!("Subsystem sftp {sftp_server}")]);
    let folder = server.folder();
    let original = folder.write("original", bulk());
    let user = server.user();
    let commands = format!(
        "put {} {}\nget {} {}\n",
        original.display(),
        folder.join("put").display(),
        folder.join("put").display(),
        folder.join("got").display()
    );
    let batch = folder.write("batch", commands);
    let mut sftp = copier("sftp", &server);
    run(sftp.arg("-b").arg(batch).arg(format!("{user}@127.0.0.1"))).expect_code(0);
    for (name, options) in [("new", &[][..]), ("old", &["-O"])] {
        let target = format!("{user}@127.0.0.1:{}", folder.join(name).display());
        run(copier("scp", &server).args(options).arg(&original).arg(target)).expect_code(0);
    }
    for name in ["put", "got", "new", "old"] {
        let copy = std::fs::read(folder.join(name)).expect("the copy");
        assert!(copy == bulk(), "{name} differs");
    }
    let none = remote(&server, &["-s"], "no-such-subsystem");
    none.expect_code(255).expect_stderr("subsystem request failed");
}

#[test]
fn a_forced_command_runs_in_place_of_everything() {
    if unavailable("sessions::a_forced_command_runs_in_place_of_everything") {
        return;
    }
    let server = tsshd(&["ForceCommand echo \"forced: $SSH_ORIGINAL_COMMAND\"; exit 9"]);
    let done = remote(&server, &[], "rm -rf x");
    assert_eq!(done.expect_code(9).text(), "forced: rm -rf x\n");
    let shell = run(&mut client_command(&ssh(), &server, &["-T"], &[]));
    assert_eq!(shell.expect_code(9).text(), "forced: \n");
    // The key's own command stands behind the server's, and rules where the server has none.
    let server = tsshd(&[]);
    let public = std::fs::read_to_string(server.folder().join("user_key.pub")).expect("the key");
    let line = format!("restrict,command=\"echo key: $SSH_ORIGINAL_COMMAND\" {public}");
    server.folder().write("authorized_keys", line);
    assert_eq!(remote(&server, &[], "ls").expect_code(0).text(), "key: ls\n");
    let refused = remote(&server, &["-tt"], "ls");
    refused.expect_stderr("PTY allocation request failed");
}

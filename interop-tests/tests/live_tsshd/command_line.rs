//! tsshd's own command line.

use crate::support::{ssh, unavailable};
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::{KeyKind, Server, free_port, keygen};
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{client_command, tsshd_binary};

fn tsshd(arguments: &[&str]) -> Finished {
    run(Command::new(tsshd_binary()).args(arguments))
}

/// A folder with a host key and a configuration of these lines.
fn prepared(lines: &str) -> (Scratch, String) {
    let folder = Scratch::new();
    let key = folder.join("host_key");
    keygen(&key, KeyKind::Ed25519, "");
    let keys = folder.join("authorized_keys").display().to_string();
    let text = format!(
        "HostKey {}\nListenAddress 127.0.0.1\nStrictModes no\nAuthorizedKeysFile {keys}\n{lines}\n",
        key.display()
    );
    let config = folder.write("sshd_config", text).display().to_string();
    (folder, config)
}

/// Whether the server on `port` lets somebody in who has a key of `folder`'s.
#[track_caller]
fn logs_in(folder: &Scratch, options: &[&str]) -> Finished {
    let key = folder.join("user_key");
    if !key.exists() {
        let public = keygen(&key, KeyKind::Ed25519, "");
        folder.write("authorized_keys", format!("{public}\n"));
    }
    let mut command = Command::new(ssh());
    command.args(options).args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
    command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i"]);
    command.arg(key).args(["127.0.0.1", "echo in"]).env_remove("SSH_AUTH_SOCK");
    run(&mut command)
}

#[test]
fn questions_about_itself() {
    if unavailable("command_line::questions_about_itself") {
        return;
    }
    assert!(tsshd(&["--help"]).expect_code(0).text().contains("--password-file"));
    assert!(tsshd(&["--version"]).expect_code(0).text().starts_with("tsshd "));
    let wrong = tsshd(&["-D", "-Z"]);
    assert_eq!(wrong.expect_code(1).stderr, "tsshd: unknown option -- Z\n");
}

#[test]
fn a_configuration_is_checked_and_printed() {
    if unavailable("command_line::a_configuration_is_checked_and_printed") {
        return;
    }
    let (_folder, config) = prepared("MaxSessions 3");
    tsshd(&["-t", "-f", &config]).expect_code(0);
    let text = tsshd(&["-T", "-f", &config, "-o", "MaxSessions=2"]).expect_code(0).text();
    assert!(text.contains("\nmaxsessions 2\n") && text.contains("\nmaxauthtries 6\n"), "{text}");

    let (_folder, config) = prepared("Port 22\nNope yes");
    let bad = tsshd(&["-t", "-f", &config]);
    bad.expect_code(255)
        .expect_stderr(&format!("{config}: line 6: Bad configuration option: Nope"));
    bad.expect_stderr("terminating, 1 bad configuration options");
    let (_folder, config) = prepared("Match shoe 42");
    let bad = tsshd(&["-t", "-f", &config]);
    bad.expect_code(255).expect_stderr("Unsupported Match attribute shoe");
    let missing = tsshd(&["-t", "-f", "/no/such/file"]);
    missing.expect_code(255).expect_stderr("/no/such/file: No such file or directory");
}

#[test]
fn host_keys_are_needed_and_private() {
    if unavailable("command_line::host_keys_are_needed_and_private") {
        return;
    }
    let folder = Scratch::new();
    let key = folder.join("key");
    keygen(&key, KeyKind::Ed25519, "");
    let key = key.display().to_string();
    let none = tsshd(&["-t", "-h", "/no/such/key"]);
    none.expect_code(255).expect_stderr("Unable to load host key \"/no/such/key\": No such file");
    none.expect_stderr("no hostkeys available -- exiting.");
    run(Command::new("chmod").args(["644", &key])).expect_code(0);
    tsshd(&["-t", "-h", &key]).expect_code(255).expect_stderr("bad permissions");
    run(Command::new("chmod").args(["600", &key])).expect_code(0);
    tsshd(&["-t", "-h", &key]).expect_code(0);
    let other = tsshd(&["-t", "-h", &key, "-o", "HostKeyAlgorithms=rsa-sha2-512"]);
    other.expect_code(255).expect_stderr("HostKeyAlgorithms leaves out every key");
}

#[test]
fn a_port_that_is_taken_is_said_in_one_line() {
    if unavailable("command_line::a_port_that_is_taken_is_said_in_one_line") {
        return;
    }
    let (_folder, config) = prepared("");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let done = tsshd(&["-D", "-e", "-f", &config, "-p", &port]);
    done.expect_code(255).expect_stderr(&format!(
        "Bind to port {port} on 127.0.0.1 failed: Address already in use."
    ));
    done.expect_stderr("Cannot bind any address.");
}

#[test]
fn it_goes_to_the_background_and_leaves_its_number() {
    if unavailable("command_line::it_goes_to_the_background_and_leaves_its_number") {
        return;
    }
    let (folder, config) = prepared("");
    let (port, pid_file) = (free_port().to_string(), folder.join("pid"));
    let log = folder.join("log");
    let pid_option = format!("PidFile={}", pid_file.display());
    let log_option = log.display().to_string();
    let arguments = ["-f", &config, "-p", &port, "-o", &pid_option, "-E", &log_option];
    assert_eq!(tsshd(&arguments).expect_code(0).stderr, "");
    assert_eq!(logs_in(&folder, &["-p", &port]).expect_code(0).text(), "in\n");
    let pid = std::fs::read_to_string(&pid_file).expect("the number");
    run(Command::new("kill").arg(pid.trim())).expect_code(0);
    // It is no child of ours; its last line and its file tell that it is gone.
    wait_until("the end of the server", || !pid_file.exists());
    let log = std::fs::read_to_string(log).expect("the log");
    assert!(log.contains("Accepted publickey") && log.contains("Received signal 15"), "{log}");
    // What is wrong is said before it leaves the terminal.
    let bad = tsshd(&["-f", &config, "-p", &port, "-o", "HostKey=/none", "-o", "Ciphers=x"]);
    bad.expect_code(1).expect_stderr("Bad SSH2 cipher spec 'x'.");
}

#[test]
fn a_new_configuration_is_for_new_connections() {
    if unavailable("command_line::a_new_configuration_is_for_new_connections") {
        return;
    }
    let (folder, config) = prepared("ForceCommand echo one; read x; echo $x");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let again = |last: &str| {
        let text = text.replace("ForceCommand echo one; read x; echo $x", last);
        std::fs::write(&config, text).expect("another configuration");
    };
    logs_in(&folder, &["-p", "1"]).expect_code(255);
    let (port, other) = (free_port().to_string(), free_port().to_string());
    let mut command = Command::new(tsshd_binary());
    let mut server = Process::spawn(command.args(["-D", "-e", "-f", &config, "-p", &port]));
    assert!(server.stderr.wait_for("Server listening on 127.0.0.1", PATIENCE));
    let mut client = Command::new(ssh());
    client.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]);
    client.args(["-o", "UserKnownHostsFile=/dev/null", "-p", &port, "-i"]);
    client.arg(folder.join("user_key")).args(["127.0.0.1", "x"]).env_remove("SSH_AUTH_SOCK");
    let mut first = Process::spawn(&mut client);
    assert!(first.stdout.wait_for("one\n", PATIENCE), "{}", first.output());
    let pid = server.pid().to_string();
    let hang_up = || run(Command::new("kill").args(["-HUP", &pid]));

    // What is broken changes nothing.
    again("Nope 1");
    hang_up().expect_code(0);
    assert!(server.stderr.wait_for("the configuration stays as it was", PATIENCE));
    assert!(server.stderr.wait_for("line 5: Bad configuration option: Nope", PATIENCE));
    again("ForceCommand echo two");
    hang_up().expect_code(0);
    assert!(server.stderr.wait_for("the new configuration is in force", PATIENCE));
    assert_eq!(logs_in(&folder, &["-p", &port]).expect_code(0).text(), "two\n");
    // Other addresses: the ones that stay are never let go.
    again(&format!("ListenAddress 127.0.0.1:{other}\nForceCommand echo three"));
    hang_up().expect_code(0);
    let reached = || logs_in(&folder, &["-p", &other]).stdout == b"three\n";
    wait_until("the other port", reached);
    assert_eq!(logs_in(&folder, &["-p", &port]).expect_code(0).text(), "three\n");

    let mut input = first.stdin.take().expect("standard input");
    std::io::Write::write_all(&mut input, b"still here\n").expect("a line");
    assert_eq!(first.finish(PATIENCE).expect_code(0).text(), "one\nstill here\n");
    run(Command::new("kill").arg(pid)).expect_code(0);
    server.finish(PATIENCE).expect_code(0);
}

/// Waits for something that nobody tells us of.
#[track_caller]
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let until = std::time::Instant::now() + PATIENCE;
    while !done() {
        assert!(std::time::Instant::now() < until, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

#[test]
fn one_connection_on_standard_streams() {
    if unavailable("command_line::one_connection_on_standard_streams") {
        return;
    }
    let (folder, config) = prepared("");
    let binary = tsshd_binary().display().to_string();
    let log = folder.join("log").display().to_string();
    let proxy = format!("ProxyCommand={binary} -i -f {config} -E {log}");
    assert_eq!(logs_in(&folder, &["-o", &proxy]).expect_code(0).text(), "in\n");
    let log = std::fs::read_to_string(log).expect("the log");
    assert!(log.contains(" from UNKNOWN port 65535 ssh2: ED25519 SHA256:"), "{log}");
}

#[test]
fn debugging_serves_one_connection_and_ends() {
    if unavailable("command_line::debugging_serves_one_connection_and_ends") {
        return;
    }
    let (folder, config) = prepared("");
    let port = free_port().to_string();
    let mut command = Command::new(tsshd_binary());
    let mut server = Process::spawn(command.args(["-d", "-f", &config, "-p", &port]));
    assert!(server.stderr.wait_for("Server listening on 127.0.0.1", PATIENCE));
    assert_eq!(logs_in(&folder, &["-p", &port]).expect_code(0).text(), "in\n");
    let done = server.finish(PATIENCE);
    done.expect_code(0).expect_stderr("debug1: ").expect_stderr("Accepted publickey for ");
}

#[test]
fn a_password_file_must_be_private_and_well_formed() {
    if unavailable("command_line::a_password_file_must_be_private_and_well_formed") {
        return;
    }
    let (folder, config) = prepared("");
    let check = |file: &Path| {
        let file = file.display().to_string();
        tsshd(&["-t", "-f", &config, "--password-file", &file])
    };
    check(Path::new("/no/such/file")).expect_code(255).expect_stderr("/no/such/file");
    let file = folder.write("passwords", "root:plain text\n");
    check(&file).expect_code(255).expect_stderr("line 1");
}

#[test]
fn each_key_may_log_in_at_once() {
    if unavailable("command_line::each_key_may_log_in_at_once") {
        return;
    }
    let server: Server = crate::support::tsshd(&[]);
    let start = || Process::spawn(&mut client_command(&ssh(), &server, &[], &["echo in; cat"]));
    let mut clients: Vec<Process> = (0..8).map(|_| start()).collect();
    for client in &clients {
        assert!(client.stdout.wait_for("in\n", PATIENCE), "{}", client.output());
    }
    for client in &mut clients {
        client.finish(PATIENCE).expect_code(0);
    }
}

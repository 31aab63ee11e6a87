//! What OpenSSH was measured to do with remote forwards, ports of 0 and `-W`, and where we say
//! more.

use crate::support::{Busy, Pair, STRICT, all_of, connect, each_pair};
use std::io::Write;
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::sockets::listening_text;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{client_command, with};

each_pair! {
    a_busy_remote_port: TsshSshd SshTsshd TsshTsshd;
    half_a_busy_remote_port: TsshSshd SshTsshd TsshTsshd;
    half_a_busy_local_port: TsshSshd TsshTsshd;
    a_port_held_by_a_frozen_client: TsshSshd TsshTsshd;
    a_remote_port_of_zero: TsshSshd SshTsshd TsshTsshd;
    local_ports_of_zero: TsshSshd TsshTsshd;
    standard_streams_to_nobody: TsshSshd SshTsshd TsshTsshd;
    remote_forwards_of_a_file: TsshSshd TsshTsshd;
    the_target_sees_the_server: TsshSshd TsshTsshd;
}

/// M4: nobody can listen on a port that is taken; the option makes it the end.
fn a_busy_remote_port(pair: Pair) {
    let (server, busy) = (pair.server(&[]), Busy::both());
    let forward = format!("-R{}:localhost:1", busy.port);
    let done = pair.run(&server, &[&forward], &["exit 3"]);
    let text = format!("remote port forwarding failed for listen port {}", busy.port);
    done.expect_code(3).expect_stderr(&format!("Warning: {text}"));
    let done = pair.run(&server, &[&forward, STRICT], &["exit 3"]);
    done.expect_code(255).expect_stderr(&format!("Error: {text}"));
}

/// M3: sshd listens on the other family and says nothing. tsshd listens on both or not at all.
fn half_a_busy_remote_port(pair: Pair) {
    let (server, busy) = (pair.server(&[]), Busy::four());
    let forward = format!("-R{}:localhost:1", busy.port);
    let done = pair.run(&server, &[&forward, STRICT], &["exit 3"]);
    if pair.server_is_ours() {
        done.expect_code(255).expect_stderr("remote port forwarding failed");
    } else {
        done.expect_code(3);
    }
}

/// M2: ssh tells of the family that is busy and goes on, even with the option. tssh takes the
/// option at its word, unless it is told that one family is enough.
fn half_a_busy_local_port(pair: Pair) {
    let (server, busy) = (pair.server(&[]), Busy::four());
    let forward = format!("-L{}:localhost:1", busy.port);
    let text = format!("bind [127.0.0.1]:{}: Address already in use", busy.port);
    pair.run(&server, &[&forward], &["exit 3"]).expect_code(3).expect_stderr(&text);
    let done = pair.run(&server, &[&forward, STRICT], &["exit 3"]);
    done.expect_stderr(&text);
    if pair.client_is_ours() {
        done.expect_code(255).expect_stderr(&format!("port {} is held by", busy.port));
        let lenient = [&*forward, STRICT, "--any-family"];
        pair.run(&server, &lenient, &["exit 3"]).expect_code(3).expect_stderr(&text);
    } else {
        done.expect_code(3);
    }
}

/// M5: a client that hangs keeps its port on the server.
fn a_port_held_by_a_frozen_client(pair: Pair) {
    let (server, port) = (pair.server(&[]), free_port());
    let forward = format!("-R{port}:localhost:1");
    let frozen = pair.hold(&server, &[&forward, STRICT]);
    frozen.process.signal_all(rustix::process::Signal::STOP);
    let done = pair.run(&server, &[&forward, STRICT], &["true"]);
    done.expect_code(255).expect_stderr("remote port forwarding failed for listen port");
    frozen.process.signal_all(rustix::process::Signal::CONT);
    frozen.finish();
}

fn number_after<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(number, _)| number)
}

/// M10, S46: the server chooses, and the client says what.
fn a_remote_port_of_zero(pair: Pair) {
    let (server, imap) = (pair.server(&[]), Service::start(Toy::Imap));
    let forward = format!("-R0:localhost:{}", imap.port());
    let holder = pair.hold(&server, &[&forward, STRICT]);
    let after = format!(" for remote forward to localhost:{}", imap.port());
    holder.expect_stderr(&after);
    let said = holder.process.stderr.text();
    let port = number_after(&said, "Allocated port ", &after).expect("a port");
    let mut stream = connect(port.parse().expect("a number"));
    stream.write_all(b"a LOGOUT\r\n").expect("a goodbye");
    assert!(all_of(stream).starts_with("* OK IMAP4rev1"));
    holder.finish();
}

/// S46: beyond ssh, for `-L` and `-D` too, on both families; `--port-file` is for scripts.
fn local_ports_of_zero(pair: Pair) {
    if !pair.client_is_ours() {
        return;
    }
    let (server, imap, folder) = (pair.server(&[]), Service::start(Toy::Imap), Scratch::new());
    let (local, file) = (format!("-L0:localhost:{}", imap.port()), folder.join("ports"));
    let file_text = file.to_str().expect("UTF-8");
    let holder = pair.hold(&server, &[&local, "-D0", STRICT, "--port-file", file_text]);
    let text = std::fs::read_to_string(&file).expect("the file of ports");
    let port = number_after(&text, "localforward ", " [localhost]").expect("a port");
    holder.expect_stderr(&format!("Allocated port {port} for local forward to localhost:"));
    holder.expect_stderr("for dynamic forward");
    let port: u16 = port.parse().expect("a number");
    assert_eq!(listening_text(port), "127.0.0.1 ::1");
    let mut stream = connect(port);
    stream.write_all(b"a LOGOUT\r\n").expect("a goodbye");
    assert!(all_of(stream).starts_with("* OK IMAP4rev1"));
    assert!(text.lines().any(|line| line.starts_with("dynamicforward ")), "{text}");
    holder.finish();
}

/// M9: `-W` to a target that refuses.
fn standard_streams_to_nobody(pair: Pair) {
    let server = pair.server(&[]);
    let target = format!("localhost:{}", free_port());
    let done = pair.run(&server, &["-W", &target], &[]);
    done.expect_code(255);
    done.expect_stderr("open failed: connect failed: Connection refused");
    done.expect_stderr("stdio forwarding failed");
}

/// S11, S27, S32: RemoteForward with two arguments, as ssh2 had it, and without a target; the
/// port of the server from its keyword.
fn remote_forwards_of_a_file(pair: Pair) {
    let (server, imap) = (pair.server(&[]), Service::start(Toy::Imap));
    let ports = [free_port(), free_port(), free_port()];
    let target = format!("localhost:{}", imap.port());
    let second = if pair.client_is_ours() {
        format!("RemoteForward \"{}:{target}\"", ports[1])
    } else {
        format!("RemoteForward {} {target}", ports[1])
    };
    let text = format!(
        "Host *\n  User {}\n  Port {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  \
         RemoteForward {} {target}\n  {second}\n  RemoteForward {}\n",
        server.user(),
        server.port(),
        server.user_key().display(),
        ports[0],
        ports[2]
    );
    let file = server.folder().write("config", text);
    let mut command = std::process::Command::new(pair.client());
    command.arg("-F").arg(file).args(["-o", "BatchMode=yes", "-o"]);
    command.arg(with("UserKnownHostsFile=", &server.known_hosts()));
    command.args([STRICT, "127.0.0.1", "echo ready; cat"]);
    command.env("HOME", server.folder().path()).env_remove("SSH_AUTH_SOCK");
    let mut process = Process::spawn(&mut command);
    assert!(process.stdout.wait_for("ready", PATIENCE), "{}", process.output());
    for port in &ports[..2] {
        let mut stream = connect(*port);
        stream.write_all(b"a LOGOUT\r\n").expect("a goodbye");
        assert!(all_of(stream).starts_with("* OK IMAP4rev1"));
    }
    let mut stream = connect(ports[2]);
    stream.write_all(b"\x05\x01\x02").expect("a method that there is not");
    assert_eq!(all_of_bytes(stream), [5, 0xff], "SOCKS is spoken there");
    process.finish(PATIENCE).expect_code(0);
}

fn all_of_bytes(mut stream: impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// S10: whoever serves the target sees the SSH server as its client, and so does a log.
fn the_target_sees_the_server(pair: Pair) {
    let server = pair.server(&["LogLevel DEBUG1"]);
    let (farewell, port) = (Service::start(Toy::Farewell), free_port());
    let forward = format!("-L{port}:127.0.0.1:{}", farewell.port());
    let mut command = client_command(&pair.client(), &server, &[&forward, STRICT], &["cat"]);
    let mut process = Process::spawn(&mut command);
    // The command starts after the forward stands, and its echo tells.
    process.send(b"up\n");
    assert!(process.stdout.wait_for("up", PATIENCE), "{}", process.output());
    assert_eq!(all_of(connect(port)), "goodbye\n");
    process.finish(PATIENCE).expect_code(0);
}

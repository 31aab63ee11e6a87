//! What the configuration and the key permit of forwarding, as tables whose answers tsshd and
//! OpenSSH's server both have to give.

use crate::support::{ssh, unavailable};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::Command;
use tssh_interop_tests::openssh::{Agent, Server, ServerOptions, free_port};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::client_command;
use tssh_interop_tests::xserver;

/// tsshd and sshd with the same lines.
fn both(lines: &[&str]) -> [(&'static str, Server); 2] {
    let ours = Server::start_tsshd(&ServerOptions::with_lines(lines));
    [("tsshd", ours), ("sshd", Server::with_lines(lines))]
}

fn ssh_with(server: &Server, options: &[&str], command: &[&str]) -> Finished {
    run(&mut client_command(&ssh(), server, options, command))
}

/// Whether `-W` gets past the server's policy; that nobody is there is no matter.
#[track_caller]
fn opens(server: &Server, host: &str, port: u16) -> bool {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let done = ssh_with(server, &["-W", &format!("{host}:{port}")], &[]);
    let errors = &done.stderr;
    let prohibited = errors.contains("open failed: administratively prohibited: open failed");
    assert!(
        prohibited != errors.contains("open failed: connect failed: "),
        "{host} {port}: {errors}\n{}",
        server.log()
    );
    !prohibited
}

/// Whether the server lets `-R` listen.
#[track_caller]
fn listens(server: &Server, bind: Option<&str>, port: u16) -> bool {
    let spec = match bind {
        None => format!("{port}:127.0.0.1:9"),
        Some(bind) if bind.contains(':') => format!("[{bind}]:{port}:127.0.0.1:9"),
        Some(bind) => format!("{bind}:{port}:127.0.0.1:9"),
    };
    let done = ssh_with(server, &["-R", &spec], &["echo on"]);
    assert_eq!(done.expect_code(0).text(), "on\n");
    !done.stderr.contains(&format!("remote port forwarding failed for listen port {port}"))
}

/// S50: each value against each kind of forward.
#[test]
fn kinds_of_forwards() {
    if unavailable("permits::kinds_of_forwards") {
        return;
    }
    for (value, local, remote) in [
        ("yes", true, true),
        ("all", true, true),
        ("local", true, false),
        ("remote", false, true),
        ("no", false, false),
    ] {
        for (name, server) in both(&[&format!("AllowTcpForwarding {value}")]) {
            assert_eq!(opens(&server, "127.0.0.1", 1), local, "{name} {value} -W");
            assert_eq!(listens(&server, None, free_port()), remote, "{name} {value} -R");
            for (kind, spec) in [("-L", ":127.0.0.1:1"), ("-D", "")] {
                let port = free_port();
                let spec = format!("{port}{spec}");
                let answer = through(&server, kind, &spec, port);
                let prohibited = answer.contains("administratively prohibited");
                assert_eq!(!prohibited, local, "{name} {value} {kind}: {answer}");
                assert_eq!(answer.contains("connect failed"), local, "{name} {value} {kind}");
            }
        }
    }
}

/// What ssh says when a client of `-L` or `-D` has come.
fn through(server: &Server, kind: &str, spec: &str, port: u16) -> String {
    use std::io::{Read as _, Write as _};
    use tssh_interop_tests::process::{PATIENCE, Process};
    let mut command = client_command(&ssh(), server, &[kind, spec], &["echo on; cat"]);
    let mut client = Process::spawn(&mut command);
    assert!(client.stdout.wait_for("on", PATIENCE), "{}", client.output());
    let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a listener");
    if kind == "-D" {
        // SOCKS4: connect to port 1 of 127.0.0.1 for a user without a name.
        stream.write_all(&[4, 1, 0, 1, 127, 0, 0, 1, 0]).expect("a request");
    }
    // Whether it ends or breaks off, the answer is on standard error by then.
    let _ = stream.read_to_end(&mut Vec::new());
    assert!(client.stderr.wait_for("open failed", PATIENCE), "{}", client.output());
    client.close_stdin();
    client.finish(PATIENCE).stderr
}

/// S51: targets are names, compared letter by letter; nothing is looked up.
#[test]
fn targets_as_they_are_written() {
    if unavailable("permits::targets_as_they_are_written") {
        return;
    }
    let line = "PermitOpen localhost:2 127.0.0.1:3 [::1]:4 *:5 nosuch.invalid:* 127.0.0.2:143";
    let servers = both(&[line]);
    for (host, port, permitted) in [
        ("localhost", 2, true),
        ("127.0.0.1", 2, false),
        ("::1", 2, false),
        ("LOCALHOST", 2, false),
        ("localhost.", 2, false),
        ("local*", 2, false),
        ("localhost", 3, false),
        ("127.0.0.1", 3, true),
        ("127.1", 3, false),
        ("::ffff:127.0.0.1", 3, false),
        ("2130706433", 3, false),
        ("::1", 4, true),
        ("0:0:0:0:0:0:0:1", 4, false),
        ("localhost", 4, false),
        ("127.0.0.9", 5, true),
        ("nosuch.invalid", 5, true),
        ("nosuch.invalid", 9, true),
        ("other.invalid", 9, false),
        ("127.0.0.2", 143, true),
        ("127.0.0.2", 144, false),
    ] {
        for (name, server) in &servers {
            assert_eq!(opens(server, host, port), permitted, "{name} {host} {port}");
        }
    }
    for (value, permitted) in [("any", true), ("none", false)] {
        for (name, server) in both(&[&format!("PermitOpen {value}")]) {
            assert_eq!(opens(&server, "127.0.0.1", 3), permitted, "{name} {value}");
        }
    }
}

/// S51: addresses to listen on are patterns; what is compared is what the client sends.
#[test]
fn listeners_by_pattern() {
    if unavailable("permits::listeners_by_pattern") {
        return;
    }
    let [any, name, net, six, star] = [(); 5].map(|()| free_port());
    let permits = format!("{any} localhost:{name} 127.0.0.*:{net} [::1]:{six} *:{star}");
    let line = format!("PermitListen {permits}");
    let servers = both(&[&line, "GatewayPorts clientspecified"]);
    for (bind, port, permitted) in [
        (None, any, true),
        (Some("*"), any, true),
        (Some("127.0.0.1"), any, true),
        (Some("::1"), any, true),
        (None, name, true),
        (Some("localhost"), name, true),
        (Some("127.0.0.1"), name, false),
        (Some("::1"), name, false),
        (Some("*"), name, false),
        (Some("127.0.0.1"), net, true),
        (Some("127.0.0.77"), net, true),
        (Some("127.0.1.1"), net, false),
        (None, net, false),
        (Some("::1"), net, false),
        (Some("::1"), six, true),
        (Some("0:0:0:0:0:0:0:1"), six, false),
        (Some("127.0.0.1"), six, false),
        (None, six, false),
        (Some("127.0.0.1"), star, true),
        (Some("*"), star, true),
        (None, free_port(), false),
        (None, 0, false),
    ] {
        for (name, server) in &servers {
            assert_eq!(listens(server, bind, port), permitted, "{name} {bind:?} {port}");
        }
    }
}

/// What a key is let do: `-L`, `-R`, `-A`, `-X`.
type Four = [bool; 4];

/// S53: lines of authorized_keys against forwards of four kinds.
#[test]
fn lines_of_keys() {
    let test = "permits::lines_of_keys";
    if unavailable(test) {
        return;
    }
    if let Some(reason) = xserver::missing() {
        return skip(test, &reason);
    }
    let port = free_port();
    let (listen, not_listen) =
        (format!("permitlisten=\"localhost:{port}\""), format!("permitlisten=\"127.*:{port}\""));
    let many = "from=\"192.0.2.*,127.0.0.1\",no-pty,expiry-time=\"20990101\",\
                command=\"echo A=$SSH_AUTH_SOCK \\\"X=$DISPLAY\\\" , forced\"";
    let lines: [(&str, Four); 14] = [
        ("", [true, true, true, true]),
        ("restrict", [false, false, false, false]),
        ("restrict,port-forwarding", [true, true, false, false]),
        ("restrict,agent-forwarding", [false, false, true, false]),
        ("restrict,X11-forwarding,pty", [false, false, false, true]),
        ("port-forwarding,restrict", [false, false, false, false]),
        ("no-port-forwarding", [false, false, true, true]),
        ("NO-Agent-Forwarding", [true, true, false, true]),
        ("no-x11-forwarding,no-user-rc", [true, true, true, false]),
        ("permitopen=\"127.0.0.1:1\"", [true, true, true, true]),
        ("PermitOpen=\"localhost:1\",permitopen=\"127.0.0.1:2\"", [false, true, true, true]),
        (&listen, [true, true, true, true]),
        (&not_listen, [true, false, true, true]),
        (many, [true, true, true, true]),
    ];
    let (folder, agent) = (Scratch::new(), Agent::start());
    let cookies = format!("SetEnv XAUTHORITY={}", folder.join("far.auth").display());
    for (name, server) in both(&["X11Forwarding yes", &cookies]) {
        agent.add(&server.user_key());
        let public = std::fs::read_to_string(server.folder().join("user_key.pub")).expect("a key");
        for (options, expected) in &lines {
            let mut line = (*options).to_owned();
            let _ = write!(line, " {public}");
            server.folder().write("authorized_keys", line);
            let granted = granted(&server, &agent, port);
            assert_eq!(granted, *expected, "{name} {options}");
        }
    }
}

fn granted(server: &Server, agent: &Agent, port: u16) -> Four {
    let spec = format!("{port}:127.0.0.1:9");
    let command = "echo \"A=$SSH_AUTH_SOCK X=$DISPLAY\"";
    let options = ["-A", "-Y", "-R", &spec];
    let mut line: Command = client_command(&ssh(), server, &options, &[command]);
    line.env("SSH_AUTH_SOCK", agent.socket()).env("DISPLAY", "127.0.0.1:99");
    let done = run(&mut line);
    let text = done.expect_code(0).text();
    let said = |what: &str| text.contains(what);
    let warning = format!("remote port forwarding failed for listen port {port}");
    [
        opens(server, "127.0.0.1", 1),
        !done.stderr.contains(&warning),
        said("A=/"),
        said("X=localhost:") || said("X=127.0.0.1:"),
    ]
}

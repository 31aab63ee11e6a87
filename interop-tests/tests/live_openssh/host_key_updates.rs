//! `UpdateHostKeys`: further keys of a trusted server are learnt once it has proved them.

use crate::support::lacks_openssh;
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions, keygen};
use tssh_interop_tests::process::PATIENCE;
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::tssh::{bare_command, is_stand_in, tssh, tssh_binary};

fn server(kinds: &[KeyKind]) -> Server {
    Server::start(&ServerOptions { host_keys: kinds.to_vec(), ..ServerOptions::default() })
}

fn name(server: &Server) -> String {
    format!("[127.0.0.1]:{}", server.port())
}

/// Logs in for a moment with these known hosts, and gives back what the file holds then.
fn log_in(server: &Server, text: &str, options: &[&str]) -> String {
    log_in_with(server, text, &[&["-o", "UpdateHostKeys=yes"], options].concat())
}

fn log_in_with(server: &Server, text: &str, options: &[&str]) -> String {
    let path = server.folder().write("learning", text);
    let file = format!("UserKnownHostsFile={}", path.display());
    let all = [&["-o", file.as_str()], options].concat();
    tssh(server, &all, &["true"]).expect_code(0);
    std::fs::read_to_string(path).expect("the known hosts")
}

/// Lines without their order and comments.
fn lines(text: &str) -> Vec<String> {
    let two = |line: &str| line.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = text.lines().map(two).collect();
    lines.sort();
    lines
}

#[test]
fn further_keys_are_learnt_before_a_short_session_ends() {
    if lacks_openssh("host_key_updates::further_keys_are_learnt_before_a_short_session_ends") {
        return;
    }
    let server = server(&[KeyKind::Ed25519, KeyKind::EcdsaP256, KeyKind::Rsa]);
    let name = name(&server);
    let all: String =
        server.host_key_lines().iter().map(|line| format!("{name} {line}\n")).collect();
    let first = all.lines().next().expect("a line").to_owned() + "\n";
    let learnt = log_in(&server, &first, &[]);
    assert_eq!(lines(&learnt), lines(&all));
    // Whatever key signs the exchange, an RSA one with either hash too.
    for (line, algorithm) in [(1, "ecdsa-sha2-nistp256"), (2, "rsa-sha2-512"), (2, "rsa-sha2-256")]
    {
        let known = all.lines().nth(line).expect("a line").to_owned() + "\n";
        let list = format!("HostKeyAlgorithms=^{algorithm}");
        assert_eq!(lines(&log_in(&server, &known, &["-o", &list])), lines(&all), "{algorithm}");
    }
    let hashed = log_in(&server, &first, &["-o", "HashKnownHosts=yes"]);
    assert_eq!(hashed.lines().filter(|line| line.starts_with("|1|")).count(), 2, "{hashed}");
    assert_eq!(log_in(&server, &hashed, &[]), hashed, "nothing is new any more");
}

#[test]
fn keys_that_the_server_has_no_more_are_forgotten() {
    if lacks_openssh("host_key_updates::keys_that_the_server_has_no_more_are_forgotten") {
        return;
    }
    let server = server(&[KeyKind::Ed25519]);
    let (name, own) = (name(&server), server.host_key_lines()[0].clone());
    let old = keygen(&server.folder().join("old"), KeyKind::EcdsaP256, "");
    let third = keygen(&server.folder().join("third"), KeyKind::Ed25519, "");
    let text = format!("# mine\n{name} {old}\n{name} {own}\nother {third}\n");
    let left = log_in(&server, &text, &[]);
    assert_eq!(left, format!("# mine\n{name} {own}\nother {third}\n"));
    for untouched in [
        format!("{name} {own}\n{name} {old}\nother {old}\n"),
        format!("{name} {own}\n{name} {old}\nother {own}\n"),
        format!("{name},a,b {own}\n{name} {old}\n"),
        format!("{name} {own}\n{name} {old}\n@cert-authority * {old}\n"),
    ] {
        assert_eq!(log_in(&server, &untouched, &[]), untouched);
    }
}

#[test]
fn not_without_trust_and_not_unless_told() {
    if lacks_openssh("host_key_updates::not_without_trust_and_not_unless_told") {
        return;
    }
    let server = server(&[KeyKind::Ed25519, KeyKind::EcdsaP256]);
    let first = format!("{} {}\n", name(&server), server.host_key_lines()[0]);
    let accept = ["-o", "StrictHostKeyChecking=accept-new"];
    assert_eq!(log_in(&server, "", &accept).lines().count(), 1, "nobody vouched for the key");
    // Known without its port, the key says nothing about this port.
    let bare = format!("127.0.0.1 {}\n", server.host_key_lines()[0]);
    assert_eq!(log_in(&server, &bare, &[]), bare);
    let global = server.folder().write("global", &first);
    let global = format!("GlobalKnownHostsFile={}", global.display());
    assert_eq!(log_in(&server, "", &["-o", &global]), "");
    let path = server.folder().write("kept", &first);
    let file = format!("UserKnownHostsFile={}", path.display());
    for more in [&["-o", "UpdateHostKeys=no"][..], &[]] {
        tssh(&server, &[&["-o", file.as_str()], more].concat(), &["true"]).expect_code(0);
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), first);
    }
}

#[test]
fn a_person_may_be_asked() {
    if lacks_openssh("host_key_updates::a_person_may_be_asked") {
        return;
    }
    let server = server(&[KeyKind::Ed25519, KeyKind::EcdsaP256]);
    let first = format!("{} {}\n", name(&server), server.host_key_lines()[0]);
    for (answer, expected) in [("no\n", 1), ("yes\n", 2)] {
        let path = server.folder().write("asked", &first);
        let file = format!("UserKnownHostsFile={}", path.display());
        let options = ["-o", &file, "-o", "UpdateHostKeys=ask", "-o", "IdentitiesOnly=yes"];
        let mut command = bare_command(&tssh_binary(), &server, &options);
        command.arg("-i").arg(server.user_key()).arg("127.0.0.1");
        let mut terminal = Terminal::start(&command, 80, 24);
        // ssh asks before the shell shows itself, tssh once the shell is over and its input free.
        if !is_stand_in() {
            terminal.type_in("exit\n");
        }
        terminal.expect("Learned new hostkey: ECDSA SHA256:");
        terminal.expect("Accept updated hostkeys? (yes/no): ");
        terminal.type_in(answer);
        if is_stand_in() {
            terminal.type_in("exit\n");
        }
        let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
        assert_eq!(status.code(), Some(0), "{}", terminal.screen.text());
        let text = std::fs::read_to_string(&path).expect("the file");
        assert_eq!(text.lines().count(), expected, "{text}");
    }
    // Nobody is asked in the middle of a command's output.
    let ask = ["-o", "UpdateHostKeys=ask"];
    assert_eq!(log_in_with(&server, &first, &ask), first);
}

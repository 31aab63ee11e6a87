//! Host keys: known, unknown, changed, hashed.

use crate::support::lacks_openssh;
use std::process::Command;
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions, keygen, program_path};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::tssh::{tssh, tssh_binary, with};

/// Logs in with known_hosts and StrictHostKeyChecking as given.
fn check(server: &Server, known_hosts: &str, strict: &str) -> Finished {
    let file = format!("UserKnownHostsFile={known_hosts}");
    let strict = format!("StrictHostKeyChecking={strict}");
    tssh(server, &["-o", &file, "-o", &strict], &["true"])
}

#[test]
fn an_unknown_host_is_refused_unless_the_user_says_otherwise() {
    if lacks_openssh("hosts::an_unknown_host_is_refused_unless_the_user_says_otherwise") {
        return;
    }
    let server = Server::with_lines(&[]);
    let port = server.port();
    let file = server.folder().join("learned").display().to_string();
    let text = format!("No ED25519 host key is known for [127.0.0.1]:{port}");
    check(&server, &file, "yes").expect_code(255).expect_stderr(&text);
    check(&server, &file, "ask").expect_code(255).expect_stderr("Host key verification failed.");
    assert!(std::fs::read_to_string(&file).is_err(), "nothing was learned");

    let text = format!("Permanently added '[127.0.0.1]:{port}' (ED25519)");
    check(&server, &file, "accept-new").expect_code(0).expect_stderr(&text);
    check(&server, &file, "yes").expect_code(0);
    let learned = std::fs::read_to_string(&file).expect("the file that learned the key");
    assert!(learned.starts_with(&format!("[127.0.0.1]:{port} ssh-ed25519 ")), "{learned}");
}

#[test]
fn a_changed_key_is_refused_with_file_and_line() {
    if lacks_openssh("hosts::a_changed_key_is_refused_with_file_and_line") {
        return;
    }
    let server = Server::with_lines(&[]);
    let other = keygen(&server.folder().join("other"), KeyKind::Ed25519, "");
    let lines = format!("# a comment\n[127.0.0.1]:{} {other}\n", server.port());
    let file = server.folder().write("changed", lines).display().to_string();
    for strict in ["yes", "ask", "accept-new"] {
        let done = check(&server, &file, strict);
        done.expect_code(255).expect_stderr("REMOTE HOST IDENTIFICATION HAS CHANGED!");
        done.expect_stderr(&format!("Offending ED25519 key in {file}:2"));
        done.expect_stderr("Host key verification failed.");
    }
}

#[test]
fn hashed_names_are_found() {
    if lacks_openssh("hosts::hashed_names_are_found") {
        return;
    }
    let server = Server::with_lines(&[]);
    let file = server.known_hosts();
    let mut hash = Command::new(program_path("ssh-keygen"));
    run(hash.arg("-H").arg("-f").arg(&file)).expect_code(0);
    let hashed = std::fs::read_to_string(&file).expect("the hashed file");
    assert!(hashed.starts_with("|1|"), "{hashed}");
    // A copy: the server's own file is written again for each login.
    let copy = server.folder().write("hashed", hashed).display().to_string();
    check(&server, &copy, "yes").expect_code(0);
}

#[test]
fn a_known_type_is_asked_for_before_others() {
    if lacks_openssh("hosts::a_known_type_is_asked_for_before_others") {
        return;
    }
    let host_keys = vec![KeyKind::Ed25519, KeyKind::EcdsaP256];
    let server = Server::start(&ServerOptions { host_keys, ..ServerOptions::default() });
    let line = format!("[127.0.0.1]:{} {}\n", server.port(), server.host_key_lines()[1]);
    let file = server.folder().write("ecdsa_only", line).display().to_string();
    check(&server, &file, "yes").expect_code(0);
}

#[test]
fn a_person_is_asked_about_an_unknown_host() {
    if lacks_openssh("hosts::a_person_is_asked_about_an_unknown_host") {
        return;
    }
    let server = Server::with_lines(&[]);
    let mut command = Command::new(tssh_binary());
    command.args(["-F", "none", "-p", &server.port().to_string(), "-l", server.user()]);
    command.args(["-o", "GlobalKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o"]);
    command.arg(with("UserKnownHostsFile=", &server.folder().join("asked")));
    command.arg("-i").arg(server.user_key()).args(["127.0.0.1", "echo", "logged", "in"]);
    command.env_remove("SSH_AUTH_SOCK").env("LC_ALL", "C");
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.expect("Are you sure you want to continue connecting (yes/no/[fingerprint])? ");
    let screen = terminal.screen.text();
    assert!(screen.contains("key fingerprint is SHA256:"), "{screen}");
    terminal.type_in("yes\n");
    terminal.expect("logged in");
}

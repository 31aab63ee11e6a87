//! Who gets in, and what the log says of it.

use crate::support::{asked, remote, ssh, tsshd, unavailable};
use std::io::Write as _;
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions, keygen};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{bare_command, client_command, tsshd_binary};

const PASSWORD: &str = "correct horse";

/// A file with a line for whoever runs the tests, made by tsshd itself.
fn password_file(folder: &Scratch) -> std::path::PathBuf {
    let mut command = std::process::Command::new(tsshd_binary());
    let mut hashing = Process::spawn(command.arg("--hash-password"));
    let mut input = hashing.stdin.take().expect("standard input");
    writeln!(input, "{PASSWORD}").expect("a password");
    drop(input);
    let line = hashing.finish(PATIENCE).expect_code(0).text();
    assert!(!line.contains(PASSWORD) && line.contains(":$argon2id$"), "{line}");
    folder.write("passwords", line)
}

/// tsshd with a file of passwords.
fn with_passwords(folder: &Scratch, lines: &[&str]) -> Server {
    let file = password_file(folder).display().to_string();
    let arguments = vec!["--password-file".to_owned(), file];
    Server::start_tsshd(&ServerOptions { arguments, ..ServerOptions::with_lines(lines) })
}

#[test]
fn a_login_is_logged_in_words_that_scripts_match() {
    if unavailable("login::a_login_is_logged_in_words_that_scripts_match") {
        return;
    }
    let server = tsshd(&[]);
    let listed = run(std::process::Command::new("ssh-keygen").arg("-lf").arg(server.user_key()));
    let fingerprint = listed.text().split(' ').nth(1).expect("a fingerprint").to_owned();
    remote(&server, &[], "true").expect_code(0);
    let user = server.user();
    server.expect_log(&format!("Accepted publickey for {user} from 127.0.0.1 port "));
    server.expect_log(&format!(" ssh2: ED25519 {fingerprint}"));
    server.expect_log(&format!("Disconnected from user {user} 127.0.0.1 port "));
    assert!(server.log().contains(":11: disconnected by user"), "{}", server.log());
}

#[test]
fn strangers_are_refused() {
    if unavailable("login::strangers_are_refused") {
        return;
    }
    let server = tsshd(&[]);
    let stranger = server.folder().join("stranger");
    keygen(&stranger, KeyKind::Ed25519, "");
    let mut command = bare_command(&ssh(), &server, &["-oBatchMode=yes"]);
    command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(stranger).args(["127.0.0.1", "true"]);
    run(&mut command).expect_code(255).expect_stderr("Permission denied (publickey).");
    server.expect_log("Connection closed by authenticating user ");
    // The right key under another name.
    let user = server.user();
    let other = remote(&server, &["-l", "nobody"], "true");
    other.expect_code(255).expect_stderr("Permission denied (publickey).");
    server.expect_log("Invalid user nobody from 127.0.0.1 port ");
    assert!(!server.log().contains(&format!("Accepted publickey for {user}")), "{}", server.log());
}

#[test]
fn options_of_a_key_are_obeyed() {
    if unavailable("login::options_of_a_key_are_obeyed") {
        return;
    }
    let server = tsshd(&[]);
    let public = std::fs::read_to_string(server.folder().join("user_key.pub")).expect("the key");
    for (options, code) in [
        ("from=\"127.0.0.1\"", 0),
        ("from=\"10.0.0.0/8\"", 255),
        ("expiry-time=\"20200101\"", 255),
        ("no-such-option", 255),
    ] {
        server.folder().write("authorized_keys", format!("{options} {public}"));
        let done = remote(&server, &[], "true");
        assert_eq!(done.code, code, "{options}: {}\n{}", done.stderr, server.log());
    }
}

#[test]
fn strict_modes_refuse_a_file_that_others_can_write() {
    if unavailable("login::strict_modes_refuse_a_file_that_others_can_write") {
        return;
    }
    let server = tsshd(&["StrictModes yes"]);
    let keys = server.folder().join("authorized_keys");
    run(std::process::Command::new("chmod").arg("666").arg(keys)).expect_code(0);
    remote(&server, &[], "true").expect_code(255);
    server.expect_log("Authentication refused: bad ownership or modes for file ");
}

#[test]
fn passwords_are_asked_for_only_with_a_file_of_them() {
    if unavailable("login::passwords_are_asked_for_only_with_a_file_of_them") {
        return;
    }
    let folder = Scratch::new();
    let server = with_passwords(&folder, &[]);
    let answer = format!("echo '{PASSWORD}'");
    for method in ["password", "keyboard-interactive"] {
        let method_option = format!("PreferredAuthentications={method}");
        let options = ["-o", &method_option, "-o", "NumberOfPasswordPrompts=1"];
        let done = run(&mut asked(&server, &options, &answer));
        assert_eq!(done.expect_code(0).text(), "in\n", "{method}");
        server.expect_log(&format!("Accepted {method} for "));
        let done = run(&mut asked(&server, &options, "echo wrong"));
        done.expect_code(255).expect_stderr("Permission denied (");
        server.expect_log(&format!("Failed {method} for "));
    }
    assert!(!server.log().contains(PASSWORD) && !server.log().contains("wrong"));
    run(&mut asked(&server, &["-l", "nobody"], &answer)).expect_code(255);
    // A key still does.
    remote(&server, &[], "true").expect_code(0);

    let server = tsshd(&["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"]);
    let done = run(&mut asked(&server, &[], &answer));
    done.expect_code(255).expect_stderr("Permission denied (publickey).");
}

#[test]
fn configuration_takes_methods_away() {
    if unavailable("login::configuration_takes_methods_away") {
        return;
    }
    let folder = Scratch::new();
    let lines = ["PubkeyAuthentication no", "KbdInteractiveAuthentication no"];
    let server = with_passwords(&folder, &lines);
    let done = remote(&server, &[], "true");
    done.expect_code(255).expect_stderr("Permission denied (password).");
    let server = tsshd(&["AuthorizedKeysFile none"]);
    remote(&server, &[], "true").expect_code(255);
}

#[test]
fn too_many_failures_end_the_connection() {
    if unavailable("login::too_many_failures_end_the_connection") {
        return;
    }
    let folder = Scratch::new();
    let server = with_passwords(&folder, &["MaxAuthTries 2"]);
    let options = ["-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=9"];
    let done = run(&mut asked(&server, &options, "echo wrong"));
    done.expect_code(255).expect_stderr("Too many authentication failures");
    server.expect_log("maximum authentication attempts exceeded for ");
}

#[test]
fn a_banner_is_shown_before_the_login() {
    if unavailable("login::a_banner_is_shown_before_the_login") {
        return;
    }
    let folder = Scratch::new();
    let banner = folder.write("banner", "Nobody but me.\n");
    let server = tsshd(&[&format!("Banner {}", banner.display())]);
    remote(&server, &[], "true").expect_code(0).expect_stderr("Nobody but me.\n");
    // A peer that speaks of tssh, and of what was added to it.
    let server = tsshd(&["VersionAddendum on a test"]);
    let mut command = client_command(&ssh(), &server, &["-v"], &["true"]);
    run(&mut command).expect_stderr("on a test");
}

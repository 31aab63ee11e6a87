//! Every way to log in.

use crate::support::{lacks_guests, lacks_openssh};
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::{
    self, Agent, GUEST_NAME, GUEST_PASSWORD, KeyKind, Server, ServerOptions, keygen_with,
};
use tssh_interop_tests::process::{PATIENCE, run};
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::tssh::{bare_command, tssh_binary};

/// A server that knows the throw-away user.
fn with_guest(lines: &[&str]) -> Server {
    Server::start(&ServerOptions { guest: true, ..ServerOptions::with_lines(lines) })
}

/// The client with one key file and a command, asking when it must.
fn with_key(server: &Server, key: &Path, options: &[&str]) -> Command {
    let mut command = bare_command(&tssh_binary(), server, options);
    command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(key).args(["127.0.0.1", "echo", "in"]);
    command
}

/// The client without any key.
fn without_key(server: &Server, options: &[&str]) -> Command {
    let mut command = bare_command(&tssh_binary(), server, options);
    command.args(["-o", "IdentityFile=none", "127.0.0.1", "echo", "logged", "in"]);
    command
}

#[test]
fn every_key_file_format_is_read() {
    if lacks_openssh("auth::every_key_file_format_is_read") {
        return;
    }
    let server = Server::with_lines(&[]);
    let formats: [(KeyKind, &[&str]); 5] = [
        (KeyKind::Rsa, &["-m", "PEM"]),
        (KeyKind::EcdsaP256, &["-m", "PEM"]),
        (KeyKind::Rsa, &["-m", "PKCS8"]),
        (KeyKind::EcdsaP384, &["-m", "PKCS8"]),
        (KeyKind::Ed25519, &["-m", "RFC4716"]),
    ];
    for (number, (kind, format)) in formats.into_iter().enumerate() {
        let key = server.folder().join(&format!("key{number}"));
        server.authorize(&keygen_with(&key, kind, "", format));
        let done = run(&mut with_key(&server, &key, &["-o", "BatchMode=yes"]));
        assert_eq!(done.expect_code(0).text(), "in\n", "{kind:?} {format:?}");
    }
}

#[test]
fn a_passphrase_is_asked_for_on_the_terminal() {
    if lacks_openssh("auth::a_passphrase_is_asked_for_on_the_terminal") {
        return;
    }
    let server = Server::with_lines(&[]);
    for kind in [KeyKind::Ed25519, KeyKind::Rsa] {
        let key = server.folder().join(&format!("locked_{}", kind.name()));
        server.authorize(&keygen_with(&key, kind, "open, please", &[]));
        let mut terminal = Terminal::start(&with_key(&server, &key, &[]), 80, 24);
        terminal.expect(&format!("Enter passphrase for key '{}': ", key.display()));
        assert!(!terminal.echoes(), "a passphrase must not appear");
        terminal.type_in("wrong\n");
        let twice = |bytes: &[u8]| bytes.windows(16).filter(|w| w == b"Enter passphrase").count();
        assert!(terminal.screen.wait(PATIENCE, |bytes| twice(bytes) == 2), "asked again");
        terminal.type_in("open, please\n");
        terminal.expect("in\r\n");
        let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
        assert_eq!(status.code(), Some(0), "{}", terminal.screen.text());
    }
}

#[test]
fn a_passphrase_may_come_from_a_program() {
    if lacks_openssh("auth::a_passphrase_may_come_from_a_program") {
        return;
    }
    let server = Server::with_lines(&[]);
    let key = server.folder().join("locked");
    server.authorize(&keygen_with(&key, KeyKind::EcdsaP256, "said by a program", &[]));
    let program = server.folder().script("askpass", "echo 'said by a program'");
    let mut command = with_key(&server, &key, &[]);
    command.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force");
    assert_eq!(run(&mut command).expect_code(0).text(), "in\n");
}

#[test]
fn keys_of_an_agent_log_in() {
    if lacks_openssh("auth::keys_of_an_agent_log_in") {
        return;
    }
    let server = Server::with_lines(&[]);
    let agent = Agent::start();
    let folder = server.folder();
    for (number, kind) in KeyKind::ALL.into_iter().enumerate() {
        let key = folder.join(&format!("agent_{number}"));
        let public = keygen_with(&key, kind, "", &[]);
        agent.add(&key);
        std::fs::remove_file(&key).expect("the private half is in the agent alone");
        folder.write("authorized_keys", format!("{public}\n"));
        // The public half names the key to ask the agent for.
        let mut command = with_key(&server, &openssh::public_path(&key), &["-oBatchMode=yes"]);
        let done = run(command.env("SSH_AUTH_SOCK", agent.socket()));
        assert_eq!(done.expect_code(0).text(), "in\n", "{kind:?}");
    }
    // Without any file: the agent's keys one after the other; the last one made is let in.
    let mut command = without_key(&server, &["-oBatchMode=yes"]);
    run(command.env("SSH_AUTH_SOCK", agent.socket())).expect_code(0);
}

#[test]
fn a_password_is_asked_for_until_it_is_right() {
    if lacks_guests("auth::a_password_is_asked_for_until_it_is_right") {
        return;
    }
    let server = with_guest(&["PasswordAuthentication yes"]);
    let mut terminal = Terminal::start(&without_key(&server, &[]), 80, 24);
    terminal.expect(&format!("{GUEST_NAME}@127.0.0.1's password: "));
    assert!(!terminal.echoes(), "a password must not appear");
    terminal.type_in("wrong\n");
    terminal.expect("Permission denied, please try again.");
    let twice = |bytes: &[u8]| bytes.windows(10).filter(|w| w == b"password: ").count() == 2;
    assert!(terminal.screen.wait(PATIENCE, twice), "asked again");
    terminal.type_in(&format!("{GUEST_PASSWORD}\n"));
    terminal.expect("logged in");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(0), "{}", terminal.screen.text());
}

#[test]
fn three_wrong_passwords_end_the_attempt() {
    if lacks_guests("auth::three_wrong_passwords_end_the_attempt") {
        return;
    }
    let server = with_guest(&["PasswordAuthentication yes"]);
    let program = server.folder().script("askpass", "echo asked >&2; echo wrong");
    let mut command = without_key(&server, &[]);
    command.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force");
    let done = run(&mut command);
    done.expect_code(255).expect_stderr(": Permission denied (publickey");
    assert_eq!(done.stderr.matches("asked").count(), 3, "{}", done.stderr);
}

#[test]
fn keyboard_interactive_prompts_are_answered() {
    if lacks_guests("auth::keyboard_interactive_prompts_are_answered") {
        return;
    }
    let server = with_guest(&["KbdInteractiveAuthentication yes"]);
    let mut terminal = Terminal::start(&without_key(&server, &[]), 80, 24);
    terminal.expect(&format!("({GUEST_NAME}@127.0.0.1) Password: "));
    assert!(!terminal.echoes(), "an answer without echo must not appear");
    terminal.type_in(&format!("{GUEST_PASSWORD}\n"));
    terminal.expect("logged in");
}

#[test]
fn two_methods_in_a_row_are_gone_through() {
    if lacks_guests("auth::two_methods_in_a_row_are_gone_through") {
        return;
    }
    let server = with_guest(&[
        "PasswordAuthentication yes",
        "KbdInteractiveAuthentication yes",
        "AuthenticationMethods publickey,password,keyboard-interactive",
    ]);
    let mut terminal = Terminal::start(&with_key(&server, &server.user_key(), &[]), 80, 24);
    terminal.expect("'s password: ");
    terminal.type_in(&format!("{GUEST_PASSWORD}\n"));
    terminal.expect(") Password: ");
    terminal.type_in(&format!("{GUEST_PASSWORD}\n"));
    terminal.expect("in\r\n");
    server.expect_log("Partial publickey for tsshguest");
}

#[test]
fn two_keys_in_a_row_are_gone_through() {
    if lacks_openssh("auth::two_keys_in_a_row_are_gone_through") {
        return;
    }
    let server = Server::with_lines(&["AuthenticationMethods publickey,publickey"]);
    let second = server.folder().join("second");
    server.authorize(&keygen_with(&second, KeyKind::EcdsaP256, "", &[]));
    let mut command = bare_command(&tssh_binary(), &server, &["-oBatchMode=yes"]);
    command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(server.user_key());
    command.arg("-i").arg(second).args(["127.0.0.1", "echo", "in"]);
    assert_eq!(run(&mut command).expect_code(0).text(), "in\n");
}

//! No secret in what is said, and none in the memory of the live process once it is not needed.

use crate::support::{lacks_guests, lacks_openssh};
use std::path::{Path, PathBuf};
use std::process::Command;
use tssh_interop_tests::memory::Memory;
use tssh_interop_tests::openssh::{
    GUEST_PASSWORD, KeyKind, Server, ServerOptions, is_root, keygen,
};
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};
use tssh_interop_tests::secrets::{self, Secret};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{bare_command, client_command, is_stand_in, tssh_binary};

/// The passphrase of every key here.
const PASSPHRASE: &str = "marker-of-the-passphrase";
const KINDS: [KeyKind; 3] = [KeyKind::Ed25519, KeyKind::EcdsaP256, KeyKind::Rsa];

/// A key that the server lets in, under the passphrase, and what is secret of it.
fn locked_key(server: &Server, kind: KeyKind) -> (PathBuf, Vec<Secret>) {
    let key = server.folder().join(&format!("secret_{}", kind.name()));
    server.authorize(&keygen(&key, kind, ""));
    let mut secret = secrets::of_key_file(&key);
    let mut lock = Command::new("ssh-keygen");
    run(lock.args(["-q", "-p", "-N", PASSPHRASE, "-f"]).arg(&key)).expect_code(0);
    secret.push(("passphrase", PASSPHRASE.as_bytes().to_vec()));
    (key, secret)
}

/// A client that is asked by a program, which says `answer`.
fn answered(server: &Server, options: &[&str], answer: &str) -> Command {
    let program = server.folder().script("askpass", &format!("echo '{answer}'"));
    let mut command = bare_command(&tssh_binary(), server, options);
    command.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force");
    command.args(["-o", "IdentitiesOnly=yes"]);
    command
}

fn with_key(server: &Server, options: &[&str], key: &Path, answer: &str) -> Command {
    let mut command = answered(server, options, answer);
    command.arg("-i").arg(key).arg("127.0.0.1");
    command
}

#[track_caller]
fn is_silent_about(done: &Finished, secrets: &[Secret]) {
    assert!(done.stderr.contains("debug1: "), "-vvv says something: {}", done.stderr);
    let said = [done.stderr.as_bytes(), &done.stdout].concat();
    for (name, secret) in secrets {
        for form in secrets::forms(secret) {
            let seen = said.windows(form.len()).any(|window| window == form);
            assert!(!seen, "the {name} is in what was said: {}", done.stderr);
        }
    }
}

#[test]
fn nothing_secret_is_said_of_keys() {
    if lacks_openssh("secrets::nothing_secret_is_said_of_keys") {
        return;
    }
    let server = Server::with_lines(&[]);
    for kind in KINDS {
        let (key, mut secret) = locked_key(&server, kind);
        let mut right = with_key(&server, &["-vvv"], &key, PASSPHRASE);
        let done = run(right.arg("true"));
        is_silent_about(done.expect_code(0), &secret);
        secret.push(("wrong passphrase", b"marker-that-is-wrong".to_vec()));
        let mut wrong = with_key(&server, &["-vvv"], &key, "marker-that-is-wrong");
        is_silent_about(run(wrong.arg("true")).expect_code(255), &secret);
    }
    // A file that is cut says what is wrong with it, and nothing of what is in it.
    let key = server.folder().join("cut");
    keygen(&key, KeyKind::Ed25519, "");
    let secret = secrets::of_key_file(&key);
    let text = std::fs::read_to_string(&key).expect("the key");
    let lines: Vec<&str> = text.lines().collect();
    let cut = lines[..lines.len() - 2].join("\n") + "\n" + lines[lines.len() - 1] + "\n";
    std::fs::write(&key, cut).expect("cut the key");
    let mut command = with_key(&server, &["-vvv", "-oBatchMode=yes"], &key, "");
    is_silent_about(run(command.arg("true")).expect_code(255), &secret);
}

#[test]
fn nothing_secret_is_said_of_passwords() {
    if lacks_guests("secrets::nothing_secret_is_said_of_passwords") {
        return;
    }
    for method in ["password", "keyboard-interactive"] {
        let lines = ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"];
        let options = ServerOptions { guest: true, ..ServerOptions::with_lines(&lines) };
        let server = Server::start(&options);
        let preferred = format!("PreferredAuthentications={method}");
        let options = ["-vvv", "-o", &preferred];
        let secret = [("password", GUEST_PASSWORD.as_bytes().to_vec())];
        let mut right = answered(&server, &options, GUEST_PASSWORD);
        is_silent_about(run(right.args(["127.0.0.1", "true"])).expect_code(0), &secret);
        let secret = [("wrong password", b"marker-of-no-password".to_vec())];
        let mut wrong = answered(&server, &options, "marker-of-no-password");
        is_silent_about(run(wrong.args(["127.0.0.1", "true"])).expect_code(255), &secret);
    }
}

/// Whether the memory of other processes cannot be read; says so.
fn lacks_memory(test: &str) -> bool {
    if is_stand_in() {
        skip(test, "it looks into tssh");
        return true;
    }
    if !is_root() {
        skip(test, "only root may read the memory of a process that is not its child's to debug");
        return true;
    }
    false
}

#[track_caller]
fn forgets(process: &Process, secrets: &[Secret]) {
    let memory = Memory::of(process.pid()).expect("the memory of a live process");
    let mut found = Vec::new();
    for (name, secret) in secrets {
        // Numbers lie forwards or backwards in memory.
        let backwards: Vec<u8> = secret.iter().rev().copied().collect();
        for form in [secret, &backwards] {
            found.extend(memory.find(form).into_iter().map(|place| format!("{name}: {place}")));
        }
    }
    assert_eq!(found, Vec::<String>::new(), "{}", process.output());
}

fn logged_in(command: &mut Command) -> Process {
    let process = Process::spawn(command.args(["echo ready; cat"]));
    assert!(process.stdout.wait_for("ready", PATIENCE), "{}", process.output());
    process
}

#[test]
fn a_logged_in_client_has_forgotten_its_key_and_the_passphrase() {
    const NAME: &str = "secrets::a_logged_in_client_has_forgotten_its_key_and_the_passphrase";
    if lacks_openssh(NAME) || lacks_memory(NAME) {
        return;
    }
    let server = Server::with_lines(&[]);
    for kind in KINDS {
        let (key, secret) = locked_key(&server, kind);
        let process = logged_in(&mut with_key(&server, &[], &key, PASSPHRASE));
        forgets(&process, &secret);
        // The same without a passphrase, which is another way through the program.
        let mut open = Command::new("ssh-keygen");
        run(open.args(["-q", "-p", "-P", PASSPHRASE, "-N", "", "-f"]).arg(&key)).expect_code(0);
        let process = logged_in(&mut with_key(&server, &[], &key, ""));
        forgets(&process, &secret);
    }
}

#[test]
fn a_logged_in_client_has_forgotten_the_password() {
    const NAME: &str = "secrets::a_logged_in_client_has_forgotten_the_password";
    if lacks_guests(NAME) || lacks_memory(NAME) {
        return;
    }
    for method in ["password", "keyboard-interactive"] {
        let lines = ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"];
        let options = ServerOptions { guest: true, ..ServerOptions::with_lines(&lines) };
        let server = Server::start(&options);
        let preferred = format!("PreferredAuthentications={method}");
        let mut command = answered(&server, &["-o", &preferred], GUEST_PASSWORD);
        let process = logged_in(command.arg("127.0.0.1"));
        forgets(&process, &[("password", GUEST_PASSWORD.as_bytes().to_vec())]);
    }
}

/// The keys in use are found by their schedules; once there are new ones, or the connection has
/// ended, the old ones are nowhere.
#[test]
fn keys_that_are_no_longer_used_are_forgotten() {
    const NAME: &str = "secrets::keys_that_are_no_longer_used_are_forgotten";
    if lacks_openssh(NAME) || lacks_memory(NAME) {
        return;
    }
    let server = Server::start_tsshd(&ServerOptions::default());
    let options = ["-c", "aes128-gcm@openssh.com", "-o", "RekeyLimit=64k", "-v"];
    let mut command = client_command(&tssh_binary(), &server, &options, &[]);
    let mut client = logged_in(&mut command);
    let of = |process: &Process| Memory::of(process.pid()).expect("the memory of a live process");
    let first = of(&client).aes128_keys();
    assert_eq!(first.len(), 2, "one key for each direction");
    let served = of(server.process()).aes128_keys();
    assert_eq!(
        served.iter().filter(|key| first.contains(key)).count(),
        2,
        "the same at the server"
    );

    let exchanges = |client: &Process| client.stderr.text().matches("NEWKEYS received").count();
    let before = exchanges(&client);
    while exchanges(&client) < before + 2 {
        client.send(&[b'x'; 4096]);
    }
    let second = of(&client).aes128_keys();
    assert_eq!(second.len(), 2, "the new ones only");
    for key in &first {
        assert!(!second.contains(key));
        assert_eq!(of(&client).find(key), Vec::<String>::new(), "an old key in the client");
        let found = of(server.process()).find(key);
        assert_eq!(found, Vec::<String>::new(), "an old key in the server");
    }
    client.close_stdin();
    client.finish(PATIENCE).expect_code(0);
    server.expect_log("Disconnected");
    for key in &second {
        let found = of(server.process()).find(key);
        assert_eq!(found, Vec::<String>::new(), "a key of an ended connection");
    }
}

//! Keys that go to the agent, and key files of PuTTY's.

use crate::support::lacks_openssh;
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::{Agent, KeyKind, Server, ServerOptions, keygen, program_path};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::tssh::{bare_command, is_stand_in, tssh_binary};

/// What ssh-add says about the agent's keys.
fn listed(agent: &Agent) -> String {
    let mut list = Command::new(program_path("ssh-add"));
    run(list.arg("-l").env("SSH_AUTH_SOCK", agent.socket())).text()
}

fn log_in(server: &Server, agent: &Agent, key: &Path, add: &str) -> Command {
    let add = format!("AddKeysToAgent={add}");
    let mut command = bare_command(&tssh_binary(), server, &["-o", &add]);
    command.env("SSH_AUTH_SOCK", agent.socket()).arg("-i").arg(key);
    command.args(["127.0.0.1", "echo", "logged", "in"]);
    command
}

#[test]
fn keys_that_were_opened_go_to_the_agent() {
    if lacks_openssh("agents::keys_that_were_opened_go_to_the_agent") {
        return;
    }
    let server = Server::with_lines(&[]);
    for kind in [KeyKind::Ed25519, KeyKind::EcdsaP521, KeyKind::Rsa] {
        let key = server.folder().join(kind.name());
        server.authorize(&keygen(&key, kind, ""));
        let agent = Agent::start();
        run(&mut log_in(&server, &agent, &key, "no")).expect_code(0);
        assert!(listed(&agent).contains("no identities"), "{}", listed(&agent));
        run(&mut log_in(&server, &agent, &key, "yes")).expect_code(0);
        assert!(listed(&agent).contains("made for a test"), "{}", listed(&agent));
        // The agent's copy signs.
        std::fs::remove_file(&key).expect("the file goes");
        let public = server.folder().join(&format!("{}.pub", kind.name()));
        run(&mut log_in(&server, &agent, &public, "no")).expect_code(0);
    }
}

#[test]
fn an_agent_forgets_after_its_time() {
    if lacks_openssh("agents::an_agent_forgets_after_its_time") {
        return;
    }
    let server = Server::with_lines(&[]);
    let agent = Agent::start();
    run(&mut log_in(&server, &agent, &server.user_key(), "1")).expect_code(0);
    let start = std::time::Instant::now();
    while !listed(&agent).contains("no identities") {
        assert!(start.elapsed() < PATIENCE, "the key is still there");
    }
}

#[test]
fn a_passphrase_is_asked_for_once() {
    if lacks_openssh("agents::a_passphrase_is_asked_for_once") {
        return;
    }
    let server = Server::with_lines(&[]);
    let key = server.folder().join("locked");
    server.authorize(&keygen(&key, KeyKind::Ed25519, "open, please"));
    let agent = Agent::start();
    let mut terminal = Terminal::start(&log_in(&server, &agent, &key, "yes"), 80, 24);
    terminal.expect("Enter passphrase for key");
    terminal.type_in("open, please\n");
    terminal.expect("logged in");
    assert!(terminal.process.wait_for_exit(PATIENCE).is_some());
    let mut again = log_in(&server, &agent, &key, "no");
    run(again.args(["-o", "BatchMode=yes"])).expect_code(0);
}

#[test]
fn key_files_of_putty() {
    if lacks_openssh("agents::key_files_of_putty") || is_stand_in() {
        return;
    }
    let puttygen = program_path("puttygen");
    if !puttygen.is_file() {
        return skip("agents::key_files_of_putty", "no puttygen (apt-get install putty-tools)");
    }
    let server = Server::with_lines(&[]);
    let nobody = Agent::start();
    for (kind, version) in [(KeyKind::Ed25519, "3"), (KeyKind::Rsa, "2"), (KeyKind::EcdsaP384, "3")]
    {
        let key = server.folder().join(&format!("{}{version}", kind.name()));
        server.authorize(&keygen(&key, kind, ""));
        let made = server.folder().join(&format!("{}.ppk", kind.name()));
        let phrase = server.folder().write("phrase", "open, please");
        let mut convert = Command::new(&puttygen);
        convert.arg(&key).args(["-O", "private", "-o"]).arg(&made);
        convert.args(["--ppk-param", &format!("version={version}")]);
        run(convert.arg("--new-passphrase").arg(phrase)).expect_code(0);
        let mut terminal = Terminal::start(&log_in(&server, &nobody, &made, "no"), 80, 24);
        terminal.expect("Enter passphrase for key");
        terminal.type_in("open, please\n");
        terminal.expect("logged in");
        assert!(terminal.process.wait_for_exit(PATIENCE).is_some());
    }
}

/// A token in software, which OpenSSH's own tests use.
const TOKEN: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

#[test]
fn keys_on_tokens_sign_through_the_agent() {
    let name = "agents::keys_on_tokens_sign_through_the_agent";
    if lacks_openssh(name) {
        return;
    }
    if !Path::new(TOKEN).is_file() {
        return skip(name, "no token in software (apt-get install openssh-tests)");
    }
    let folder = Scratch::new();
    let socket = folder.join("agent");
    let mut agent = Command::new(program_path("ssh-agent"));
    agent.args(["-D", "-P", TOKEN, "-a"]).arg(&socket);
    let agent = Process::spawn(&mut agent);
    assert!(agent.stdout.wait_for("SSH_AUTH_SOCK", PATIENCE), "{}", agent.output());
    let mut servers = vec![Server::with_lines(&[])];
    if !is_stand_in() {
        servers.push(Server::start_tsshd(&ServerOptions::default()));
    }
    for kind in ["ed25519-sk", "ecdsa-sk"] {
        let key = folder.join(kind);
        let mut keygen = Command::new(program_path("ssh-keygen"));
        keygen.args(["-q", "-N", "", "-t", kind, "-w", TOKEN, "-f"]).arg(&key);
        run(&mut keygen).expect_code(0);
        let mut add = Command::new(program_path("ssh-add"));
        add.args(["-q", "-S", TOKEN]).arg(&key).env("SSH_AUTH_SOCK", &socket);
        run(&mut add).expect_code(0);
        let public = folder.join(&format!("{kind}.pub"));
        let line = std::fs::read_to_string(&public).expect("the public half");
        for server in &servers {
            server.authorize(line.trim_end());
            let mut command = bare_command(&tssh_binary(), server, &["-o", "BatchMode=yes"]);
            command.env("SSH_AUTH_SOCK", &socket).args(["-o", "IdentitiesOnly=yes", "-i"]);
            let done = run(command.arg(&public).args(["127.0.0.1", "echo", "in"]));
            assert_eq!(done.expect_code(0).text(), "in\n", "{kind}");
        }
    }
}

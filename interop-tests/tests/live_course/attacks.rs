//! Peers with one fault: tssh and OpenSSH catch all of them, and find none in a server without.

use crate::lab::lesson;
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::program_path;
use tssh_interop_tests::pair::{Pair, lacks};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{another_stands_in, tssh_binary};
use tssh_interop_tests::{citations, source};

/// What somebody on the way does, and faults of a server.
const ATTACKS: usize = 6 + 12;

fn lab(words: &[&str]) -> Finished {
    let mut command = Command::new(tssh_binary());
    command.arg("--lab").args(words).env("LC_ALL", "C.UTF-8").env_remove("SSH_AUTH_SOCK");
    run(&mut command)
}

/// Check 10 of the requirements for teaching, the half that speaks of faults: all are caught, and
/// a peer that has none is served.
#[test]
fn tssh_catches_every_fault_and_serves_a_peer_without() {
    let test = "attacks::tssh_catches_every_fault_and_serves_a_peer_without";
    if another_stands_in(test) {
        return;
    }
    let done = lesson("attacks", "C.UTF-8");
    done.expect_code(0);
    let text = done.text();
    assert_eq!(text.matches('✓').count(), ATTACKS + 1, "{text}");
    assert!(!text.contains('✗'), "{text}");
    let score = format!("tssh caught {ATTACKS} of {ATTACKS}; the peer without a fault was served.");
    assert!(text.contains(&score), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn openssh_catches_every_fault_and_serves_a_peer_without() {
    let test = "attacks::openssh_catches_every_fault";
    if another_stands_in(test) || lacks(test, &[]) {
        return;
    }
    let ssh = program_path("ssh");
    let done = lab(&["grade-client", ssh.to_str().expect("a path")]);
    let text = done.expect_code(0).text();
    assert!(text.contains(&format!("caught {ATTACKS} of {ATTACKS}; the peer")), "{text}");
}

#[test]
fn servers_without_a_fault_pass() {
    let test = "attacks::servers_without_a_fault_pass";
    if another_stands_in(test) || lacks(test, &[]) {
        return;
    }
    for pair in [Pair::TsshSshd, Pair::TsshTsshd] {
        let server = pair.server(&[]);
        let port = server.port().to_string();
        let known = format!("UserKnownHostsFile={}", server.known_hosts().display());
        let (key, user) = (server.user_key(), format!("{}@127.0.0.1", server.user()));
        let key = key.to_str().expect("a path");
        let words = ["grade-server", "-F", "none", "-p", &port, "-i", key, "-o", &known];
        let done = lab(&[&words[..], &["-o", "BatchMode=yes", &user]].concat());
        let text = done.expect_code(0).text();
        let fine = text.contains("tssh finds nothing wrong with it") && !text.contains('✗');
        assert!(fine, "{text}");
    }
}

/// Clients that notice nothing do not pass: one that is content with anything, one that is content
/// with nothing, and one that does not even connect.
#[test]
fn clients_that_notice_nothing_fail() {
    let test = "attacks::clients_that_notice_nothing_fail";
    if another_stands_in(test) {
        return;
    }
    for script in
        ["exit 0", "exit 1", "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'SSH-2.0-x\\r\\n' >&3"]
    {
        let done = lab(&["grade-client", "bash", "-c", script, "{port}"]);
        let text = done.expect_code(1).text();
        assert!(text.contains("peer without a fault was NOT served"), "{script}: {text}");
        assert!(text.matches('✗').count() == 1 && !text.contains('✓'), "{script}: {text}");
    }
    // One that is whole once, and then never comes: nothing is to its credit.
    let folder = Scratch::new();
    let mark = folder.join("mark");
    let script = format!(
        "[ -e {0} ] && exit 1; >{0}; exec ssh -F none -p {{port}} -o BatchMode=yes \
         -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null u@127.0.0.1 x",
        mark.display()
    );
    let text = lab(&["grade-client", "sh", "-c", &script]).expect_code(1).text();
    assert!(text.contains("caught 0 of 18"), "{text}");
    let text = lab(&["grade-client", "/no/client"]).expect_code(1).text();
    assert!(text.contains("cannot run /no/client: No such file"), "{text}");
    lab(&["grade-client"]).expect_code(255).expect_stderr("takes a command");
    lab(&["grade-server"]).expect_code(255).expect_stderr("a host");
}

/// A client that takes what comes: Paramiko without its checks of MACs and of signatures, and
/// with those that it lacks anyway (2.12 looks at no padding, at no host key in a later exchange,
/// and at no window).
const BLIND: &str = r#"
import socket, sys
import paramiko, paramiko.util
paramiko.Ed25519Key.verify_ssh_sig = lambda *_: True
paramiko.util.constant_time_bytes_eq = lambda *_: True
transport = paramiko.Transport(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
transport.start_client(timeout=3)
transport.auth_none("student")
channel = transport.open_session(timeout=3)
channel.settimeout(3)
channel.exec_command("anything")
out = b""
while piece := channel.recv(65536):
    out += piece
sys.stdout.buffer.write(out)
sys.stdout.flush()
status = channel.recv_exit_status()
transport.close()
sys.exit(status)
"#;

#[test]
fn a_blind_client_is_told_what_it_does_not_see() {
    let python = Path::new("/usr/bin/python3");
    let has = run(Command::new(python).args(["-c", "import paramiko"])).code == 0;
    let test = "attacks::a_blind_client_is_told_what_it_does_not_see";
    if another_stands_in(test) {
        return;
    }
    if !has {
        return skip("attacks::a_blind_client_is_told_what_it_does_not_see", "no Paramiko");
    }
    let done = lab(&["grade-client", "/usr/bin/python3", "-c", BLIND, "{port}"]);
    let text = done.expect_code(1).text();
    assert!(text.contains("was served.") && !text.contains("NOT served"), "{text}");
    for name in ["bit-flip", "wrong-signature", "same-number", "short-padding"] {
        assert!(text.contains(&format!("✗ {name}: ")), "{name} was caught: {text}");
    }
    assert!(text.contains("✓ unknown-channel: ") && text.contains("✓ swapped-hash: "), "{text}");
}

/// Each by itself, as the gallery shows it: the rule stands in the RFC, and docs/attacks.md has it.
#[test]
fn each_attack_tells_its_rule() {
    let test = "attacks::each_attack_tells_its_rule";
    if another_stands_in(test) {
        return;
    }
    let stored = citations::stored();
    let gallery = std::fs::read_to_string(source::root().join("docs/attacks.md")).expect("a page");
    let list = lab(&["list"]).text();
    let (_, rows) = list.split_once("tssh --lab NAME\n\n  attacks ").expect("a second list");
    let names: Vec<&str> =
        rows.lines().filter_map(|row| row.strip_prefix("  ")?.split(' ').next()).collect();
    let names = names.iter().filter(|name| !name.is_empty() && !name.starts_with("grade-"));
    let mut count = 0;
    for name in names {
        count += 1;
        let done = lesson(name, "C.UTF-8");
        let text = done.expect_code(0).text();
        assert!(text.contains("  <- here\n") && !text.contains('✗'), "{text}");
        let (_, rule) = text.split_once("\nThe rule\n  RFC ").expect("a rule");
        let (rfc, rest) = rule.split_once(" section ").expect("a section");
        let rest = rest.lines().next().unwrap_or_default();
        let (section, file) = rest.split_once(", in ").expect("a file");
        let rfc: u32 = rfc.parse().expect("a number");
        assert!(stored[&rfc].has_section(section), "{name}: RFC {rfc} section {section}");
        let (section, file) = (format!("RFC {rfc} section {section}"), file);
        let row = gallery.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/attacks.md has no {name}"));
        assert!(row.contains(&section) && row.contains(file), "{name}: {section}, {file}: {row}");
        let (_, reason) = text.split_once("reason ").expect("a reason");
        let reason = &reason[..1];
        assert!(row.contains(&format!("| {reason} |")), "{name}: reason {reason}: {row}");
    }
    assert_eq!(count, ATTACKS);
}

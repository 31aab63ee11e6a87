//! ssh-audit's opinion of what tsshd offers.

use crate::support::{tsshd, unavailable};
use std::path::{Path, PathBuf};
use std::process::Command;
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions};
use tssh_interop_tests::process::run;
use tssh_interop_tests::skip::skip;

/// The package, with the sum of its one file.
const PACKAGE: &str = "ssh-audit==3.9.0 \
    --hash=sha256:3dad48d4678e0de31f6332cc7674f9d7dd1805f86babf3796f41c2fd879cb812\n";

/// What older peers cannot do without: key exchange without a post-quantum half, and MACs over
/// the cleartext (Twisted Conch has no others).
const WARNED_OF: [&str; 4] = [
    "(kex) curve25519-sha256",
    "(kex) curve25519-sha256@libssh.org",
    "(mac) hmac-sha2-256",
    "(mac) hmac-sha2-512",
];

/// ssh-audit in an environment of its own, below the target folder; installed when it is not there.
fn ssh_audit() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ssh-audit-3.9.0");
    let program = folder.join("bin/ssh-audit");
    if program.exists() {
        return Ok(program);
    }
    let made = run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    if made.code != 0 {
        return Err(format!("python3 -m venv: {}", made.stderr));
    }
    let list = folder.join("requirements.txt");
    std::fs::write(&list, PACKAGE).map_err(|e| e.to_string())?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]);
    let installed = run(pip.arg(&list));
    if installed.code == 0 { Ok(program) } else { Err(format!("pip: {}", installed.stderr)) }
}

/// What ssh-audit says of a server.
fn opinion(program: &Path, server: &Server) -> String {
    let mut command = Command::new(program);
    command.args(["-n", "--skip-rate-test", "-p", &server.port().to_string(), "127.0.0.1"]);
    let done = run(&mut command);
    assert!(done.text().contains("(kex) mlkem768x25519-sha256"), "{}{}", done.text(), done.stderr);
    done.text()
}

/// The algorithms that a mark stands beside.
fn marked(opinion: &str, mark: &str) -> Vec<String> {
    let mut algorithm = "";
    let mut found = Vec::new();
    for line in opinion.lines() {
        let (head, rest) = line.split_once("- [").unwrap_or((line, ""));
        if head.starts_with('(') {
            algorithm = head.trim_end_matches('-').trim_end();
        }
        if rest.starts_with(mark) {
            found.push(algorithm.to_owned());
        }
    }
    found
}

#[test]
fn ssh_audit_finds_no_fault() {
    const NAME: &str = "audit::ssh_audit_finds_no_fault";
    if unavailable(NAME) {
        return;
    }
    let program = match ssh_audit() {
        Ok(program) => program,
        Err(reason) => return skip(NAME, &format!("no ssh-audit: {reason}")),
    };
    let host_keys = vec![KeyKind::Ed25519, KeyKind::Rsa, KeyKind::EcdsaP256];
    let options = ServerOptions { host_keys, ..ServerOptions::default() };
    let opinion_of_default = opinion(&program, &Server::start_tsshd(&options));
    assert_eq!(marked(&opinion_of_default, "fail"), [""; 0], "{opinion_of_default}");
    assert_eq!(marked(&opinion_of_default, "warn"), WARNED_OF, "{opinion_of_default}");
    let strict = tsshd(&["KexAlgorithms -curve25519*", "MACs -hmac-sha2-256,hmac-sha2-512"]);
    let opinion = opinion(&program, &strict);
    assert_eq!(marked(&opinion, "fail"), [""; 0], "{opinion}");
    assert_eq!(marked(&opinion, "warn"), [""; 0], "{opinion}");
}

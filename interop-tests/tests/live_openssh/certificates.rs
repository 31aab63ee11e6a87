//! Certificates: of users, beside their keys or named, in files and agents; and of hosts.

use crate::support::lacks_openssh;
use std::path::{Path, PathBuf};
use std::process::Command;
use tssh_interop_tests::openssh::{Agent, KeyKind, Server, ServerOptions, keygen, program_path};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{bare_command, tssh, tssh_binary};

/// Signs the public key at `key.pub` into `key-cert.pub`.
fn sign(ca: &Path, key: &Path, arguments: &[&str]) {
    let mut command = Command::new(program_path("ssh-keygen"));
    command.arg("-q").args(["-I", "id", "-s"]).arg(ca).args(arguments);
    run(command.arg(format!("{}.pub", key.display()))).expect_code(0);
}

/// A server that trusts an authority of users and knows no other key.
struct Trusting {
    server: Server,
    ca: PathBuf,
    _folder: Scratch,
}

impl Trusting {
    fn start() -> Self {
        let folder = Scratch::new();
        let ca = folder.join("ca");
        keygen(&ca, KeyKind::Ed25519, "");
        let lines = format!("TrustedUserCAKeys {}.pub\nAuthorizedKeysFile none", ca.display());
        let server = Server::with_lines(&lines.split('\n').collect::<Vec<_>>());
        Self { server, ca, _folder: folder }
    }

    /// A key with a certificate beside it.
    fn certified(&self, name: &str, kind: KeyKind) -> PathBuf {
        let key = self.server.folder().join(name);
        keygen(&key, kind, "");
        sign(&self.ca, &key, &["-n", self.server.user()]);
        key
    }

    fn log_in(&self, agent: Option<&Agent>, arguments: &[&str]) -> Finished {
        let mut command = bare_command(&tssh_binary(), &self.server, &["-o", "BatchMode=yes"]);
        if let Some(agent) = agent {
            command.env("SSH_AUTH_SOCK", agent.socket());
        }
        run(command.args(arguments).args(["127.0.0.1", "exit", "52"]))
    }
}

fn certificate(key: &Path) -> PathBuf {
    PathBuf::from(format!("{}-cert.pub", key.display()))
}

#[test]
fn a_certificate_beside_its_key() {
    if lacks_openssh("certificates::a_certificate_beside_its_key") {
        return;
    }
    let trusting = Trusting::start();
    for kind in [KeyKind::Ed25519, KeyKind::EcdsaP256, KeyKind::Rsa] {
        let key = trusting.certified(kind.name(), kind);
        let shown = key.display().to_string();
        let only = ["-o", "IdentitiesOnly=yes", "-i", &shown];
        trusting.log_in(None, &only).expect_code(52);
        std::fs::remove_file(format!("{shown}.pub")).expect("the public half goes");
        trusting.log_in(None, &only).expect_code(52);
        std::fs::remove_file(certificate(&key)).expect("the certificate goes");
        trusting.log_in(None, &only).expect_code(255);
    }
}

#[test]
fn a_certificate_in_the_place_of_the_public_half() {
    if lacks_openssh("certificates::a_certificate_in_the_place_of_the_public_half") {
        return;
    }
    let trusting = Trusting::start();
    let key = trusting.certified("key", KeyKind::Ed25519);
    let shown = key.display().to_string();
    std::fs::rename(certificate(&key), format!("{shown}.pub")).expect("move the certificate");
    trusting.log_in(None, &["-o", "IdentitiesOnly=yes", "-i", &shown]).expect_code(52);
}

#[test]
fn certificates_that_are_named_are_tried_first() {
    if lacks_openssh("certificates::certificates_that_are_named_are_tried_first") {
        return;
    }
    let trusting = Trusting::start();
    let key = trusting.certified("last", KeyKind::Ed25519).display().to_string();
    // More keys than the server has patience.
    let mut arguments = vec!["-o".to_owned(), "IdentitiesOnly=yes".to_owned()];
    for n in 0..7 {
        let other = trusting.server.folder().join(&format!("other{n}"));
        keygen(&other, KeyKind::Ed25519, "");
        arguments.extend(["-i".to_owned(), other.display().to_string()]);
    }
    let named = format!("CertificateFile={key}-cert.pub");
    arguments.extend(["-i".to_owned(), key, "-o".to_owned(), named]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    trusting.log_in(None, &arguments).expect_code(52);
}

#[test]
fn certificates_that_are_named() {
    if lacks_openssh("certificates::certificates_that_are_named") {
        return;
    }
    let trusting = Trusting::start();
    let key = trusting.certified("key", KeyKind::Ed25519);
    let elsewhere = trusting.server.folder().join("elsewhere");
    std::fs::rename(certificate(&key), &elsewhere).expect("move the certificate");
    // Another one of the same key, which nobody trusts.
    let stranger = trusting.server.folder().join("stranger");
    keygen(&stranger, KeyKind::Ed25519, "");
    sign(&stranger, &key, &["-n", trusting.server.user()]);
    let (key, elsewhere) = (key.display().to_string(), elsewhere.display().to_string());
    let named = format!("CertificateFile={elsewhere}");
    let beside = format!("CertificateFile={key}-cert.pub");
    let only = ["-o", "IdentitiesOnly=yes", "-i", &key];
    trusting.log_in(None, &only).expect_code(255);
    trusting.log_in(None, &[&only[..], &["-o", &named]].concat()).expect_code(52);
    let both = [&only[..], &["-o", &beside, "-o", &named]].concat();
    trusting.log_in(None, &both).expect_code(52);
    let missing = ["-o", "CertificateFile=/no/such/file"];
    trusting.log_in(None, &[&only[..], &missing].concat()).expect_code(255);
}

#[test]
fn certificates_and_agents() {
    if lacks_openssh("certificates::certificates_and_agents") {
        return;
    }
    let trusting = Trusting::start();
    let key = trusting.certified("key", KeyKind::Rsa);
    let shown = key.display().to_string();
    // The agent has key and certificate, and nothing is named.
    let agent = Agent::start();
    agent.add(&key);
    trusting.log_in(Some(&agent), &["-o", "IdentityFile=none"]).expect_code(52);
    // The key only: its certificate is a file, and so is its public half.
    let moved = trusting.server.folder().join("moved");
    std::fs::rename(certificate(&key), &moved).expect("move the certificate");
    let bare = Agent::start();
    bare.add(&key);
    std::fs::remove_file(&key).expect("the private half goes");
    let shown = format!("{shown}.pub");
    trusting.log_in(Some(&bare), &["-i", &shown]).expect_code(255);
    let named = format!("CertificateFile={}", moved.display());
    for only in ["no", "yes"] {
        let only = format!("IdentitiesOnly={only}");
        let arguments = ["-o", &only, "-i", &shown, "-o", &named];
        trusting.log_in(Some(&bare), &arguments).expect_code(52);
    }
}

/// A server whose host key has a certificate, and the line that trusts its authority.
fn certified_host(arguments: &[&str]) -> (Server, String, Scratch) {
    let folder = Scratch::new();
    let ca = folder.join("host_ca");
    let public = keygen(&ca, KeyKind::EcdsaP256, "");
    let host = folder.join("host");
    keygen(&host, KeyKind::Ed25519, "");
    sign(&ca, &host, &[&["-h"], arguments].concat());
    let certificate = format!("HostCertificate {}", certificate(&host).display());
    let key = format!("HostKey {}", host.display());
    let options =
        ServerOptions { host_keys: vec![], ..ServerOptions::with_lines(&[&key, &certificate]) };
    (Server::start(&options), public, folder)
}

fn check(server: &Server, text: &str, options: &[&str]) -> Finished {
    let file = server.folder().write("authorities", text);
    let file = format!("UserKnownHostsFile={}", file.display());
    let all = [&["-o", file.as_str(), "-o", "StrictHostKeyChecking=yes"], options].concat();
    tssh(server, &all, &["exit", "52"])
}

#[test]
fn hosts_with_certificates() {
    if lacks_openssh("certificates::hosts_with_certificates") {
        return;
    }
    let (server, ca, _folder) = certified_host(&["-n", "127.0.0.1,the.alias"]);
    let authority = format!("@cert-authority 127.0.0.1 {ca}\n");
    check(&server, &authority, &[]).expect_code(52);
    let name = format!("[127.0.0.1]:{}", server.port());
    check(&server, &format!("@cert-authority [127.0.0.*]:* {ca}\n"), &[]).expect_code(52);
    check(&server, &format!("@cert-authority example.com {ca}\n"), &[]).expect_code(255);
    check(&server, &format!("{name} {ca}\n"), &[]).expect_code(255);
    let revoked = check(&server, &format!("{authority}@revoked * {ca}\n"), &[]);
    revoked.expect_code(255).expect_stderr("REVOKED HOST KEY DETECTED");
    let alias = ["-o", "HostKeyAlias=the.alias"];
    let text = format!("@cert-authority the.alias {ca}\n");
    check(&server, &text, &alias).expect_code(52);
    let other = ["-o", "HostKeyAlias=other.alias"];
    let done = check(&server, &format!("@cert-authority other.alias {ca}\n"), &other);
    done.expect_code(255).expect_stderr("name is not a listed principal");
    // Without certificates among the algorithms the key has to be known by itself.
    check(&server, &authority, &["-o", "HostKeyAlgorithms=ssh-ed25519"]).expect_code(255);
    let algorithms = ["-o", "CASignatureAlgorithms=ssh-ed25519"];
    check(&server, &authority, &algorithms).expect_code(255);
}

#[test]
fn certificates_that_do_not_hold() {
    if lacks_openssh("certificates::certificates_that_do_not_hold") {
        return;
    }
    for (arguments, words) in [
        (["-V", "20200101:20210101"], "Certificate invalid: expired"),
        (["-V", "20400101:20410101"], "Certificate invalid: not yet valid"),
        (["-n", "other"], "name is not a listed principal"),
    ] {
        let (server, ca, folder) = certified_host(&arguments);
        let authority = format!("@cert-authority 127.0.0.1 {ca}\n");
        check(&server, &authority, &[]).expect_code(255).expect_stderr(words);
        // The key inside may still be known by itself.
        let plain = std::fs::read_to_string(folder.join("host.pub")).expect("the key");
        let both = format!("{authority}[127.0.0.1]:{} {plain}", server.port());
        check(&server, &both, &[]).expect_code(52);
    }
}

//! Every algorithm, against OpenSSH's sshd.

use crate::support::{MIB, lacks_openssh};
use std::path::Path;
use tssh_interop_tests::openssh::{self, KeyKind, Server, ServerOptions, keygen};
use tssh_interop_tests::pattern::{Pattern, sha256_hex};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::tssh::{bare_command, client_command, is_stand_in, tssh, tssh_binary};

/// Key exchange methods, the newest first.
pub const KEX: [&str; 12] = [
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256",
];

/// What makes sshd log which algorithms were chosen.
pub const LOG: &str = "LogLevel DEBUG1";

/// Names that came with a version of OpenSSH later than Debian 12's 9.2.
const KEX_SINCE: [(&str, (u32, u32)); 2] =
    [("mlkem768x25519-sha256", (9, 9)), ("sntrup761x25519-sha512", (9, 9))];

/// Ciphers that authenticate by themselves.
pub const AEAD: [&str; 3] =
    ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"];
/// Ciphers that need a MAC.
pub const CIPHERS: [&str; 3] = ["aes128-ctr", "aes192-ctr", "aes256-ctr"];
/// MACs.
pub const MACS: [&str; 6] = [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1",
];
/// Signature algorithms, with the kind of key that makes them.
pub const SIGNATURES: [(&str, KeyKind); 6] = [
    ("ssh-ed25519", KeyKind::Ed25519),
    ("ecdsa-sha2-nistp256", KeyKind::EcdsaP256),
    ("ecdsa-sha2-nistp384", KeyKind::EcdsaP384),
    ("ecdsa-sha2-nistp521", KeyKind::EcdsaP521),
    ("rsa-sha2-256", KeyKind::Rsa),
    ("rsa-sha2-512", KeyKind::Rsa),
];

/// Everything of [`KEX`], whatever the defaults are.
pub fn all_kex_line() -> String {
    format!("KexAlgorithms {}", known_kex().join(","))
}

/// The methods that both sides of a test with OpenSSH know. What an older OpenSSH lacks is
/// tested between tssh and tsshd; nothing else may be missing.
pub fn known_kex() -> Vec<&'static str> {
    let known = openssh::known("kex");
    let (there, lacking): (Vec<_>, Vec<_>) =
        KEX.into_iter().partition(|name| known.iter().any(|other| other == name));
    for name in lacking {
        let since = KEX_SINCE.iter().find(|(newer, _)| *newer == name);
        let excused = since.is_some_and(|(_, version)| openssh::version() < *version);
        assert!(excused, "this OpenSSH should know {name}");
    }
    there
}

/// Carries a mebibyte there and back with these options.
#[track_caller]
pub fn round_trip(program: &Path, server: &Server, options: &[&str]) {
    let sent = Pattern::bytes(21, MIB as usize);
    let mut process = Process::spawn(&mut client_command(program, server, options, &["cat"]));
    process.send(&sent);
    let done = process.finish(PATIENCE);
    assert_eq!(done.code, 0, "{options:?}: {}\nserver: {}", done.stderr, server.log());
    assert!(sha256_hex(&done.stdout) == sha256_hex(&sent), "{options:?}: other bytes came back");
}

#[test]
fn every_key_exchange_method() {
    if lacks_openssh("algorithms::every_key_exchange_method") {
        return;
    }
    let server = Server::with_lines(&[LOG, &all_kex_line()]);
    for name in known_kex() {
        let option = format!("KexAlgorithms={name}");
        round_trip(&tssh_binary(), &server, &["-o", &option]);
        server.expect_log(&format!("kex: algorithm: {name}"));
    }
}

#[test]
fn every_cipher_and_mac() {
    if lacks_openssh("algorithms::every_cipher_and_mac") {
        return;
    }
    let server = Server::with_lines(&[LOG]);
    for cipher in AEAD {
        round_trip(&tssh_binary(), &server, &["-c", cipher]);
        server.expect_log(&format!("client->server cipher: {cipher} MAC: <implicit>"));
    }
    for cipher in CIPHERS {
        for mac in MACS {
            round_trip(&tssh_binary(), &server, &["-c", cipher, "-m", mac]);
            server.expect_log(&format!("client->server cipher: {cipher} MAC: {mac}"));
        }
    }
}

#[test]
fn compression_after_authentication() {
    if lacks_openssh("algorithms::compression_after_authentication") {
        return;
    }
    let server = Server::with_lines(&[LOG, "Compression delayed"]);
    round_trip(&tssh_binary(), &server, &["-C"]);
    server.expect_log("compression: zlib@openssh.com");
    let zeros = tssh(&server, &["-C"], &["head -c 4194304 /dev/zero"]);
    assert_eq!(zeros.expect_code(0).stdout.len(), 4 << 20);
}

#[test]
fn every_host_key_algorithm() {
    if lacks_openssh("algorithms::every_host_key_algorithm") {
        return;
    }
    let host_keys = KeyKind::ALL.to_vec();
    let server = Server::start(&ServerOptions { host_keys, ..ServerOptions::with_lines(&[LOG]) });
    for (name, _) in SIGNATURES {
        let option = format!("HostKeyAlgorithms={name}");
        tssh(&server, &["-o", &option], &["true"]).expect_code(0);
        server.expect_log(&format!("kex: host key algorithm: {name}"));
    }
}

#[test]
fn every_user_key_algorithm() {
    if lacks_openssh("algorithms::every_user_key_algorithm") {
        return;
    }
    let server = Server::with_lines(&[]);
    every_user_key(&tssh_binary(), &server);
}

/// One login with each signature algorithm.
#[track_caller]
pub fn every_user_key(program: &Path, server: &Server) {
    for kind in KeyKind::ALL {
        let key = server.folder().join(&format!("user_{}", kind.name()));
        server.authorize(&keygen(&key, kind, ""));
    }
    for (name, kind) in SIGNATURES {
        let key = server.folder().join(&format!("user_{}", kind.name()));
        let option = format!("PubkeyAcceptedAlgorithms={name}");
        let mut command = bare_command(program, server, &["-oBatchMode=yes", "-o", &option]);
        command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(key).args(["127.0.0.1", "true"]);
        let done = run(&mut command);
        assert_eq!(done.code, 0, "{name}: {}\nserver: {}", done.stderr, server.log());
    }
}

#[test]
fn nothing_in_common_is_said_with_the_servers_offer() {
    if lacks_openssh("algorithms::nothing_in_common_is_said_with_the_servers_offer") {
        return;
    }
    let server = Server::with_lines(&["Ciphers aes256-ctr"]);
    let done = tssh(&server, &["-c", "aes128-gcm@openssh.com"], &["true"]);
    done.expect_code(255).expect_stderr("no matching cipher found. Their offer: aes256-ctr");
}

#[test]
fn the_hybrid_method_comes_first_by_default() {
    if lacks_openssh("algorithms::the_hybrid_method_comes_first_by_default") || is_stand_in() {
        return;
    }
    let server = Server::with_lines(&[LOG, &all_kex_line()]);
    tssh(&server, &[], &["true"]).expect_code(0);
    server.expect_log(&format!("kex: algorithm: {}", known_kex()[0]));
}

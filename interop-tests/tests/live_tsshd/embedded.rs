//! The server within another program: keys in memory, and no files.

use crate::support::{ssh, unavailable};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use tssh::server::{ServerPolicy, serve_connection};
use tssh_interop_tests::openssh::{KeyKind, keygen};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::key::{PrivateKey, PublicKey};

#[test]
fn a_server_in_this_process_forwards_for_one_key() {
    if unavailable("embedded::a_server_in_this_process_forwards_for_one_key") {
        return;
    }
    let folder = Scratch::new();
    let key = folder.join("key");
    let line = keygen(&key, KeyKind::Ed25519, "");
    let (authorized, _) = PublicKey::from_line(&line).expect("a public key");
    let mut entropy = Entropy::from_seed(&[7; SEED_BYTES]);
    let host_key = PrivateKey::generate_ed25519(entropy.stream(Purpose::Ephemeral));
    let policy = ServerPolicy::embedded(host_key, "anybody".to_owned(), authorized, true);
    let policy = Arc::new(policy);

    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("its address").port().to_string();
    std::thread::spawn(move || accept(listener, policy));

    let imap = Service::start(Toy::Imap);
    let target = format!("127.0.0.1:{}", imap.port());
    let client = |user: &str, arguments: &[&str]| {
        let mut command = Command::new(ssh());
        command.args(["-F", "none", "-p", &port, "-l", user, "-o", "BatchMode=yes"]);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(&key).args(arguments);
        Process::spawn(command.env_remove("SSH_AUTH_SOCK"))
    };
    let mut good = client("anybody", &["-W", &target, "127.0.0.1"]);
    assert!(good.stdout.wait_for("IMAP4rev1", PATIENCE), "{}", good.output());
    good.send(b"a LOGOUT\r\n");
    good.finish(PATIENCE).expect_code(0);
    let refused = client("somebody", &["-W", &target, "127.0.0.1"]).finish(PATIENCE);
    refused.expect_code(255).expect_stderr("Permission denied (publickey).");
    let no_session = client("anybody", &["127.0.0.1", "true"]).finish(PATIENCE);
    no_session.expect_code(255).expect_stderr("no sessions here");
}

/// Serves everybody who connects, for as long as the test runs.
fn accept(listener: TcpListener, policy: Arc<ServerPolicy>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        listener.set_nonblocking(true).expect("a listener that does not wait");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let mut number = 0;
        while let Ok((socket, _)) = listener.accept().await {
            number += 1;
            tokio::spawn(serve_connection(socket, Arc::clone(&policy), [number; SEED_BYTES]));
        }
    });
}

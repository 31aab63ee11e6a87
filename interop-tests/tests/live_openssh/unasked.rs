//! A server that opens channels to the client's display and agent, which nobody asked for.

use crate::support::lacks_openssh;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use tssh::server::ServerPolicy;
use tssh::server::app::Hooks;
use tssh::server::peer::Peer;
use tssh::server::serve::serve;
use tssh_connection::OpenKind;
use tssh_forward::driver::{Control, Endpoints, Handle};
use tssh_interop_tests::openssh::{KeyKind, keygen};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{is_stand_in, tssh_binary};
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::key::{PrivateKey, PublicKey};

/// Opens everything twice, as soon as the user is logged in.
fn open_unasked(control: &mut Control<'_>) {
    for _ in 0..2 {
        let x11 = OpenKind::X11 { originator_address: "::1".to_owned(), originator_port: 1 };
        for kind in [x11, OpenKind::AuthAgent] {
            control.open_forwarded(kind, Endpoints::split(None, None)).expect("an open");
        }
    }
}

/// Serves one client.
async fn attack(listener: TcpListener, policy: Arc<ServerPolicy>) {
    listener.set_nonblocking(true).expect("a listener that does not wait");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let (socket, _) = listener.accept().await.expect("a client");
    let handle: Arc<Mutex<Option<Handle>>> = Arc::default();
    let keep = Arc::clone(&handle);
    let hooks = Hooks {
        started: Some(Box::new(move |handle| *keep.lock().expect("a lock") = Some(handle))),
        authenticated: Some(Box::new(move || {
            let handle = handle.lock().expect("a lock").clone();
            handle.expect("a handle").post(open_unasked).expect("a living connection");
        })),
        ..Hooks::default()
    };
    serve(socket, policy, Peer::default(), [9; SEED_BYTES], hooks).await;
}

/// S65: refused, and told as what it probably is; by tssh once for each kind.
#[test]
fn a_server_that_opens_displays_and_agents_is_warned_of() {
    if lacks_openssh("unasked::a_server_that_opens_displays_and_agents_is_warned_of") {
        return;
    }
    let folder = Scratch::new();
    let key = folder.join("key");
    let line = keygen(&key, KeyKind::Ed25519, "");
    let (authorized, _) = PublicKey::from_line(&line).expect("a public key");
    let mut entropy = Entropy::from_seed(&[7; SEED_BYTES]);
    let host_key = PrivateKey::generate_ed25519(entropy.stream(Purpose::Ephemeral));
    let policy = ServerPolicy::embedded(host_key, "anybody".to_owned(), authorized, true);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("its address").port().to_string();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(attack(listener, Arc::new(policy)));
    });
    let mut command = Command::new(tssh_binary());
    command.args(["-N", "-F", "none", "-p", &port, "-l", "anybody", "-o", "BatchMode=yes"]);
    command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(&key).arg("127.0.0.1");
    // Both are there to be had.
    command.env("DISPLAY", ":0").env("SSH_AUTH_SOCK", folder.join("agent"));
    let client = Process::spawn(&mut command);
    let hostile = "Warning: this is probably a break-in attempt by a malicious server.";
    for kind in ["X11", "agent"] {
        let warning = format!("Warning: ssh server tried {kind} forwarding.");
        assert!(client.stderr.wait_for(&warning, PATIENCE), "{}", client.output());
    }
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches(hostile).count() >= 2;
    assert!(client.stderr.wait(PATIENCE, told), "{}", client.output());
    if !is_stand_in() {
        assert_eq!(client.stderr.text().matches("tried").count(), 2, "{}", client.output());
    }
}

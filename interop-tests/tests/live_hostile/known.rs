//! What a client that knows its server gives away, and what it takes for the server.

use crate::support::{client, unavailable};
use std::sync::mpsc::sync_channel;
use tssh_interop_tests::hostile::fight::user_key;
use tssh_interop_tests::hostile::wire::Wire;
use tssh_interop_tests::openssh::{KeyKind, keygen};
use tssh_interop_tests::process::{PATIENCE, run};
use tssh_interop_tests::scratch::Scratch;

/// The KEXINIT of a client whose known_hosts has these lines, without its cookie.
fn offer(folder: &Scratch, lines: &str) -> Vec<u8> {
    let (tell, told) = sync_channel(1);
    let (port, server) = Wire::serve(move |wire| {
        wire.greet();
        tell.send(wire.until(20).expect("an offer")).expect("the test waits");
    });
    let known = folder.write("known_hosts", lines.replace("PORT", &port.to_string()));
    let known = format!("UserKnownHostsFile={}", known.display());
    run(&mut client(port, folder, &["-o", &known], &["true"]));
    server.join().expect("the server ends");
    told.recv_timeout(PATIENCE).expect("an offer").split_off(17)
}

/// Where the key of a host has the type that comes first anyway, whoever listens cannot see
/// whether the client knows it; a type that does not come first has to be asked for.
#[test]
fn cve_2020_14145_an_offer_does_not_tell_whether_the_host_is_known() {
    if unavailable("known::cve_2020_14145_an_offer_does_not_tell_whether_the_host_is_known") {
        return;
    }
    let folder = Scratch::new();
    let unknown = offer(&folder, "");
    let line = format!("[127.0.0.1]:PORT {}\n", user_key().public().to_line());
    assert_eq!(offer(&folder, &line), unknown);
    let other = keygen(&folder.join("rsa"), KeyKind::Rsa, "");
    assert_ne!(offer(&folder, &format!("[127.0.0.1]:PORT {other}\n")), unknown);
}

/// CVE-2025-26465: looking into the DNS, with whatever comes of it, makes no key the right one.
#[test]
fn cve_2025_26465_a_changed_key_stays_changed_whatever_dns_is_asked() {
    if unavailable("known::cve_2025_26465_a_changed_key_stays_changed_whatever_dns_is_asked") {
        return;
    }
    let folder = Scratch::new();
    let other = keygen(&folder.join("other"), KeyKind::Ed25519, "");
    for dns in ["yes", "ask", "no"] {
        for strict in ["yes", "ask", "accept-new"] {
            let (port, server) = Wire::serve(|wire| {
                let told = wire.exchange().and_then(|()| wire.until(5));
                assert!(told.is_none(), "the client goes on");
            });
            let line = format!("[127.0.0.1]:{port} {other}\n");
            let known = folder.write("known_hosts", line);
            let known = format!("UserKnownHostsFile={}", known.display());
            // What is not built is refused on the command line.
            let config = folder.write("config", format!("VerifyHostKeyDNS {dns}\n"));
            let config = config.to_str().expect("a path");
            let strict = format!("StrictHostKeyChecking={strict}");
            let options = ["-F", config, "-o", &known, "-o", &strict, "-o", "BatchMode=yes"];
            let done = run(&mut client(port, &folder, &options, &["true"]));
            done.expect_code(255).expect_stderr("Host key verification failed.");
            server.join().expect("the server ends");
        }
    }
}

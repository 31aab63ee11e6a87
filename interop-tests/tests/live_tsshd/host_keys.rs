//! tsshd names its host keys and proves them: clients follow a change of keys.

use crate::support::{ssh, unavailable};
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions};
use tssh_interop_tests::process::run;
use tssh_interop_tests::tssh::client_command;

#[test]
fn ssh_learns_the_other_host_keys() {
    if unavailable("host_keys::ssh_learns_the_other_host_keys") {
        return;
    }
    let host_keys = vec![KeyKind::Ed25519, KeyKind::Rsa];
    let server = Server::start_tsshd(&ServerOptions { host_keys, ..ServerOptions::default() });
    let name = format!("[127.0.0.1]:{}", server.port());
    for algorithm in ["ssh-ed25519", "rsa-sha2-256"] {
        let line = usize::from(algorithm != "ssh-ed25519");
        let first = format!("{name} {}\n", server.host_key_lines()[line]);
        let path = server.folder().write("learning", first);
        let file = format!("UserKnownHostsFile={}", path.display());
        let list = format!("HostKeyAlgorithms=^{algorithm}");
        let options = ["-o", &file, "-o", "UpdateHostKeys=yes", "-o", &list];
        // The session lasts until the keys are written.
        let wait = format!("until [ $(wc -l < {}) = 2 ]; do sleep 0.05; done", path.display());
        run(&mut client_command(&ssh(), &server, &options, &[&wait])).expect_code(0);
        let learnt = std::fs::read_to_string(&path).expect("the file");
        for line in server.host_key_lines() {
            let key = line.split(' ').nth(1).expect("a key");
            assert!(learnt.contains(key), "{line} is not in\n{learnt}");
        }
    }
}

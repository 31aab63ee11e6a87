//! `AuthenticationMethods`: several keys in a row.

use crate::support::{ssh, unavailable};
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions, free_port, keygen};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{bare_command, tssh_binary, tsshd_binary};

fn log_in(client: &Path, server: &Server, keys: &[&Path]) -> Finished {
    let mut command: Command =
        bare_command(client, server, &["-v", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
    for key in keys {
        command.arg("-i").arg(key);
    }
    run(command.args(["127.0.0.1", "true"]))
}

#[test]
fn two_keys_are_needed() {
    if unavailable("methods::two_keys_are_needed") {
        return;
    }
    let lines = ["AuthenticationMethods publickey,publickey"];
    let server = Server::start_tsshd(&ServerOptions::with_lines(&lines));
    let first = server.user_key();
    let second = server.folder().join("second");
    server.authorize(&keygen(&second, KeyKind::Ed25519, ""));
    let stranger = server.folder().join("stranger");
    keygen(&stranger, KeyKind::EcdsaP256, "");
    for client in [ssh(), tssh_binary()] {
        let with = |keys: &[&Path]| log_in(&client, &server, keys);
        let done = with(&[&stranger, &first, &second]);
        done.expect_code(0)
            .expect_stderr("Authenticated using \"publickey\" with partial success.");
        with(&[&second, &first]).expect_code(0);
        with(&[&first]).expect_code(255).expect_stderr("Permission denied (publickey)");
        with(&[&first, &stranger]).expect_code(255);
    }
}

#[test]
fn a_list_that_cannot_be_completed_is_an_error() {
    if unavailable("methods::a_list_that_cannot_be_completed_is_an_error") {
        return;
    }
    let folder = Scratch::new();
    let key = folder.join("host");
    keygen(&key, KeyKind::Ed25519, "");
    let port = free_port();
    let config = format!(
        "HostKey {}\nPort {port}\nListenAddress 127.0.0.1\nPubkeyAuthentication no\n\
         AuthenticationMethods publickey publickey,publickey\n",
        key.display()
    );
    let config = folder.write("config", config);
    let done = run(Command::new(tsshd_binary()).args(["-D", "-e", "-f"]).arg(config));
    assert_ne!(done.code, 0);
    done.expect_stderr("AuthenticationMethods cannot be satisfied by enabled");
}

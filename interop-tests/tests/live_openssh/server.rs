//! tsshd, with OpenSSH's ssh as its client, and with tssh.

use crate::algorithms::{
    AEAD, CIPHERS, KEX, MACS, SIGNATURES, every_user_key, known_kex, round_trip,
};
use crate::forwards::{BULK, up_and_down};
use crate::support::lacks_openssh;
use std::path::PathBuf;
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions, keygen, program_path};
use tssh_interop_tests::process::run;
use tssh_interop_tests::tssh::{
    bare_command, client_command, is_server_stand_in, is_stand_in, tssh_binary,
};

/// Whether `test` cannot run: it needs OpenSSH, and with a stand-in for tssh one for tsshd.
fn unavailable(test: &str) -> bool {
    (is_stand_in() && !is_server_stand_in()) || lacks_openssh(test)
}

/// What both sides of our own know; a stand-in knows only what it knows.
fn our_kex() -> Vec<&'static str> {
    if is_server_stand_in() { known_kex() } else { KEX.to_vec() }
}

fn ssh() -> PathBuf {
    program_path("ssh")
}

/// tsshd with everything on that its defaults leave out.
fn tsshd() -> Server {
    let kex = format!("KexAlgorithms {}", our_kex().join(","));
    let signatures = SIGNATURES.map(|(name, _)| name).join(",");
    let host_key = format!("HostKeyAlgorithms {signatures}");
    let macs = format!("MACs {}", MACS.join(","));
    let options = ServerOptions {
        host_keys: KeyKind::ALL.to_vec(),
        ..ServerOptions::with_lines(&[&kex, &host_key, &macs])
    };
    Server::start_tsshd(&options)
}

#[test]
fn a_command_runs_and_its_status_comes_back() {
    if unavailable("server::a_command_runs_and_its_status_comes_back") {
        return;
    }
    let server = Server::start_tsshd(&ServerOptions::default());
    let mut command = client_command(&ssh(), &server, &[], &["echo out; echo err >&2; exit 7"]);
    let done = run(&mut command);
    done.expect_code(7);
    assert_eq!((done.text().as_str(), done.stderr.as_str()), ("out\n", "err\n"));
}

#[test]
fn a_shell_runs_on_a_terminal() {
    if unavailable("server::a_shell_runs_on_a_terminal") {
        return;
    }
    let server = Server::start_tsshd(&ServerOptions::default());
    crate::shell::a_shell_runs(&ssh(), &server);
    crate::shell::a_shell_runs(&tssh_binary(), &server);
}

#[test]
fn every_algorithm_with_openssh() {
    if unavailable("server::every_algorithm_with_openssh") {
        return;
    }
    let server = tsshd();
    for name in known_kex() {
        round_trip(&ssh(), &server, &["-o", &format!("KexAlgorithms={name}")]);
    }
    for cipher in AEAD {
        round_trip(&ssh(), &server, &["-c", cipher]);
    }
    for cipher in CIPHERS {
        for mac in MACS {
            round_trip(&ssh(), &server, &["-c", cipher, "-m", mac]);
        }
    }
    for (name, _) in SIGNATURES {
        let option = format!("HostKeyAlgorithms={name}");
        run(&mut client_command(&ssh(), &server, &["-o", &option], &["true"])).expect_code(0);
    }
    round_trip(&ssh(), &server, &["-C"]);
    every_user_key(&ssh(), &server);
}

#[test]
fn every_key_exchange_method_between_our_own() {
    if unavailable("server::every_key_exchange_method_between_our_own") {
        return;
    }
    let server = tsshd();
    for name in our_kex() {
        round_trip(&tssh_binary(), &server, &["-o", &format!("KexAlgorithms={name}")]);
    }
}

#[test]
fn a_stranger_is_refused() {
    if unavailable("server::a_stranger_is_refused") {
        return;
    }
    let server = Server::start_tsshd(&ServerOptions::default());
    let stranger = server.folder().join("stranger");
    keygen(&stranger, KeyKind::Ed25519, "");
    let mut command = bare_command(&ssh(), &server, &["-oBatchMode=yes"]);
    command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(stranger).args(["127.0.0.1", "true"]);
    run(&mut command).expect_code(255).expect_stderr(": Permission denied (publickey");
}

#[test]
fn forwards_carry_bulk_and_both_half_closes() {
    if unavailable("server::forwards_carry_bulk_and_both_half_closes") {
        return;
    }
    let server = Server::start_tsshd(&ServerOptions::default());
    up_and_down(&ssh(), &server, &[], BULK);
}

#[test]
fn new_keys_while_data_flows() {
    if unavailable("server::new_keys_while_data_flows") {
        return;
    }
    let server = Server::start_tsshd(&ServerOptions::with_lines(&["RekeyLimit 64K"]));
    let options = ["-o", "KexAlgorithms=curve25519-sha256", "-o", "RekeyLimit=100K"];
    up_and_down(&ssh(), &server, &options, BULK / 4);
}

//! Keys that admit nobody: `RevokedKeys`.

use crate::support::unavailable;
use std::process::Command;
use tssh_interop_tests::openssh::{Server, ServerOptions, program_path, public_path};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::client_command;

fn log_in(server: &Server) -> Finished {
    run(&mut client_command(&program_path("ssh"), server, &[], &["true"]))
}

#[test]
fn revoked_keys_in_lines_and_in_a_list() {
    if unavailable("revoked::revoked_keys_in_lines_and_in_a_list") {
        return;
    }
    let folder = Scratch::new();
    let file = folder.write("revoked", "");
    let line = format!("RevokedKeys {}", file.display());
    let server = Server::start_tsshd(&ServerOptions::with_lines(&[&line]));
    let public = public_path(&server.user_key());
    log_in(&server).expect_code(0);

    let text = std::fs::read(&public).expect("the user's key");
    std::fs::write(&file, text).expect("revoke it");
    log_in(&server).expect_code(255).expect_stderr("Permission denied (publickey");
    server.expect_log("revoked by file");

    let mut list = Command::new(program_path("ssh-keygen"));
    run(list.args(["-q", "-k", "-f"]).args([&file, &public])).expect_code(0);
    log_in(&server).expect_code(255);
    let mut list = Command::new(program_path("ssh-keygen"));
    let other = public_path(&server.folder().join("host_ssh-ed25519"));
    run(list.args(["-q", "-k", "-f"]).args([&file, &other])).expect_code(0);
    log_in(&server).expect_code(0);

    // Nobody can tell which keys a broken or missing file names.
    std::fs::write(&file, "SSHKRL\n\0broken").expect("break it");
    log_in(&server).expect_code(255);
    std::fs::remove_file(&file).expect("remove it");
    log_in(&server).expect_code(255);
    server.expect_log("Error checking authentication key");
}

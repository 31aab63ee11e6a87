//! What the tests of this folder share.

use std::path::PathBuf;
use std::process::Command;
use tssh_interop_tests::openssh::{self, Server, ServerOptions, program_path};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{another_stands_in, bare_command, client_command};

/// Whether `test` cannot run; says so when it cannot.
pub fn unavailable(test: &str) -> bool {
    // Another client stands in for tssh only, and not for what is tested here.
    if another_stands_in(test) {
        return true;
    }
    let Some(reason) = openssh::missing() else { return false };
    skip(test, &reason);
    true
}

/// OpenSSH's client.
pub fn ssh() -> PathBuf {
    program_path("ssh")
}

/// tsshd with these lines of configuration.
pub fn tsshd(lines: &[&str]) -> Server {
    Server::start_tsshd(&ServerOptions::with_lines(lines))
}

/// Runs a command on the server with ssh.
#[track_caller]
pub fn remote(server: &Server, options: &[&str], command: &str) -> Finished {
    run(&mut client_command(&ssh(), server, options, &[command]))
}

/// ssh without a key, whose questions `answers` answers: a shell script that gets the question.
pub fn asked(server: &Server, options: &[&str], answers: &str) -> Command {
    let program = server.folder().script("askpass", answers);
    let mut command = bare_command(&ssh(), server, options);
    command.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force");
    command.args(["-o", "IdentityFile=none", "127.0.0.1", "echo in"]);
    command
}

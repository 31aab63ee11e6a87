//! The binaries under test, and command lines for them.
//!
//! `TSSH_TEST_CLIENT=/usr/bin/ssh` puts another client in tssh's place, and
//! `TSSH_TEST_SERVER=/usr/sbin/sshd` another server in tsshd's: what OpenSSH does not pass is a
//! fault of the test.

use crate::openssh::Server;
use crate::process::{Finished, run};
use crate::skip::skip;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The client under test: tssh, or what `TSSH_TEST_CLIENT` names.
///
/// # Panics
/// When tssh cannot be built.
#[must_use]
pub fn tssh_binary() -> PathBuf {
    match std::env::var_os("TSSH_TEST_CLIENT") {
        Some(path) => PathBuf::from(path),
        None => built().join("tssh"),
    }
}

/// Whether another client stands in tssh's place.
#[must_use]
pub fn is_stand_in() -> bool {
    std::env::var_os("TSSH_TEST_CLIENT").is_some()
}

/// The same in a test of what no other client has; says that the test does not run.
#[must_use]
pub fn another_stands_in(test: &str) -> bool {
    if is_stand_in() {
        skip(test, "another client stands in for tssh, which alone has what is tested");
    }
    is_stand_in()
}

/// The server under test: tsshd, or what `TSSH_TEST_SERVER` names.
///
/// # Panics
/// When tsshd cannot be built.
#[must_use]
pub fn tsshd_binary() -> PathBuf {
    match std::env::var_os("TSSH_TEST_SERVER") {
        Some(path) => PathBuf::from(path),
        None => built().join("tsshd"),
    }
}

/// Whether another server stands in tsshd's place.
#[must_use]
pub fn is_server_stand_in() -> bool {
    std::env::var_os("TSSH_TEST_SERVER").is_some()
}

/// The folder of the binaries, built once in the profile and target folder of this very program.
fn built() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let program = std::env::current_exe().expect("the path of this program");
        // TARGET/PROFILE/deps/TEST, or TARGET/PROFILE/PROGRAM
        let beside = program.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
        let folder = beside.expect("a profile's folder").to_owned();
        let target = folder.parent().expect("a target folder");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        // Of the whole workspace: with one package alone, features differ, and all is built again.
        build.args(["build", "--quiet", "--locked", "--workspace", "--bin=tssh", "--bin=tsshd"]);
        build.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let status = build.status().expect("run cargo");
        assert!(status.success(), "cargo could not build tssh");
        folder
    })
}

/// A command line of `program`, an ssh client, that logs in to `server` with the key the server
/// knows, takes nothing from the user's own files, and asks nothing. `options` come first, so
/// that they win; `command` is what runs on the server.
#[must_use]
pub fn client_command(
    program: &Path,
    server: &Server,
    options: &[&str],
    command: &[&str],
) -> Command {
    let mut line = bare_command(program, server, options);
    line.args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"]).arg(server.user_key());
    line.arg("127.0.0.1").args(command);
    line
}

/// The same without a key, without batch mode and without the host: for tests of how a login
/// goes.
#[must_use]
pub fn bare_command(program: &Path, server: &Server, options: &[&str]) -> Command {
    let mut line = Command::new(program);
    line.args(options).args(["-F", "none", "-l", server.user(), "-p", &server.port().to_string()]);
    line.args(["-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null"]);
    line.arg("-o").arg(with("UserKnownHostsFile=", &server.known_hosts()));
    line.env("HOME", server.folder().path()).env_remove("SSH_AUTH_SOCK").env("LC_ALL", "C");
    line.env_remove("SSH_ASKPASS").env_remove("DISPLAY");
    line
}

/// Runs a remote command with the client under test.
///
/// # Panics
/// When it does not end.
pub fn tssh(server: &Server, options: &[&str], command: &[&str]) -> Finished {
    run(&mut client_command(&tssh_binary(), server, options, command))
}

/// `prefix` with a path behind it, as an option's argument.
#[must_use]
pub fn with(prefix: &str, path: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(prefix);
    text.push::<&OsStr>(path.as_os_str());
    text
}

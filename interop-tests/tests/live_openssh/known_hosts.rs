//! Where host keys may be known from besides one file: several files, none, a program, an alias.

use crate::support::lacks_openssh;
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions, keygen, program_path};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::tssh::tssh;

fn strict(server: &Server, options: &[&str]) -> Finished {
    let mut all = vec!["-o", "StrictHostKeyChecking=yes"];
    for option in options {
        all.extend(["-o", option]);
    }
    tssh(server, &all, &["true"])
}

fn file(server: &Server, name: &str, text: &str) -> String {
    server.folder().write(name, text).display().to_string()
}

#[test]
fn several_files_and_none() {
    if lacks_openssh("known_hosts::several_files_and_none") {
        return;
    }
    let server = Server::with_lines(&[]);
    let line = format!("[127.0.0.1]:{} {}\n", server.port(), server.host_key_lines()[0]);
    let good = file(&server, "good", &line);
    let empty = file(&server, "empty", "");
    let user = |files: &str| format!("UserKnownHostsFile={files}");
    strict(&server, &[&user(&format!("{empty} {good}"))]).expect_code(0);
    strict(&server, &[&user("none")]).expect_code(255);
    let global = format!("GlobalKnownHostsFile={empty} {good}");
    strict(&server, &[&user("none"), &global]).expect_code(0);
    strict(&server, &[&user("none"), "GlobalKnownHostsFile=none"]).expect_code(255);
}

#[test]
fn marked_lines_patterns_and_an_alias() {
    if lacks_openssh("known_hosts::marked_lines_patterns_and_an_alias") {
        return;
    }
    let server = Server::with_lines(&[]);
    let (port, key) = (server.port(), &server.host_key_lines()[0]);
    let known = |name: &str, text: String, more: &[&str]| {
        let files = format!("UserKnownHostsFile={}", file(&server, name, &text));
        strict(&server, &[&[files.as_str()], more].concat())
    };
    known("pattern", format!("[127.0.0.?]:*,!x {key}\n"), &[]).expect_code(0);
    known("negated", format!("[127.*]:*,![127.0.0.1]:{port} {key}\n"), &[]).expect_code(255);
    known("no-port", format!("127.0.0.1 {key}\n"), &[]).expect_code(0);
    let alias = "HostKeyAlias=the.alias";
    known("alias", format!("the.alias {key}\n"), &[alias]).expect_code(0);
    known("not-the-alias", format!("[127.0.0.1]:{port} {key}\n"), &[alias]).expect_code(255);
    let text = format!("[127.0.0.1]:{port} {key}\n@revoked * {key}\n");
    let done = known("revoked", text, &[]);
    done.expect_code(255).expect_stderr("WARNING: REVOKED HOST KEY DETECTED!");
    let text = format!("@cert-authority [127.0.0.1]:{port} {key}\n");
    known("authority", text, &[]).expect_code(255);
}

#[test]
fn a_learned_name_may_be_hashed() {
    if lacks_openssh("known_hosts::a_learned_name_may_be_hashed") {
        return;
    }
    let server = Server::with_lines(&[]);
    let path = server.folder().join("hashed");
    let files = format!("UserKnownHostsFile={}", path.display());
    let learn = ["-o", "StrictHostKeyChecking=no", "-o", "HashKnownHosts=yes", "-o", &files];
    tssh(&server, &learn, &["true"]).expect_code(0);
    let text = std::fs::read_to_string(&path).expect("what was learned");
    assert!(text.starts_with("|1|") && text.lines().count() == 1, "{text}");
    strict(&server, &[&files]).expect_code(0);
    let name = format!("[127.0.0.1]:{}", server.port());
    let mut find = Command::new(program_path("ssh-keygen"));
    run(find.args(["-F", &name, "-f"]).arg(&path)).expect_code(0);
}

/// A program that prints `text` where it is asked about the server's own key.
fn program(server: &Server, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = server.folder().write(name, format!("#!/bin/sh\n{text}\n"));
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&path, mode).expect("make it a program");
    path.display().to_string()
}

#[test]
fn a_program_may_know_the_host() {
    if lacks_openssh("known_hosts::a_program_may_know_the_host") {
        return;
    }
    let host_keys = vec![KeyKind::Ed25519, KeyKind::EcdsaP256];
    let server = Server::start(&ServerOptions { host_keys, ..ServerOptions::default() });
    let with = |command: &str, more: &[&str]| {
        let command = format!("KnownHostsCommand={command}");
        let fixed = ["UserKnownHostsFile=none", "GlobalKnownHostsFile=none", command.as_str()];
        strict(&server, &[&fixed, more].concat())
    };
    let answer = program(&server, "answer", "test \"$1\" = NONE || echo \"$3 $1 $2\"");
    with(&format!("{answer} %t %K %H"), &[]).expect_code(0);
    let silent = program(&server, "silent", "exit 0");
    with(&silent, &[]).expect_code(255);
    let failing = program(&server, "failing", "echo \"$3 $1 $2\"; exit 1");
    with(&format!("{failing} %t %K %H"), &[]).expect_code(255);
    with("no-path", &[]).expect_code(255);

    // The types that it knows when it is asked for the order come first.
    let ecdsa = format!("echo \"$1 {}\"", server.host_key_lines()[1]);
    let ecdsa = program(&server, "ecdsa", &ecdsa);
    with(&format!("{ecdsa} %H"), &[]).expect_code(0);
    let log = server.folder().join("calls");
    let log_words = format!("echo \"$*\" >> {}; echo \"$2 $3 $4\"", log.display());
    let logging = program(&server, "logging", &log_words);
    with(&format!("{logging} %I %H %t %K %u %%"), &[]).expect_code(0);
    let calls = std::fs::read_to_string(log).expect("the calls");
    let name = format!("[127.0.0.1]:{}", server.port());
    let user = tssh_interop_tests::openssh::user_name();
    assert!(calls.starts_with(&format!("ORDER 127.0.0.1 NONE NONE {user} %\n")), "{calls}");
    assert!(calls.contains(&format!("\nHOSTNAME {name} ssh-ed25519 AAAA")), "{calls}");
}

#[test]
fn a_key_as_a_picture() {
    if lacks_openssh("known_hosts::a_key_as_a_picture") {
        return;
    }
    let server = Server::with_lines(&[]);
    let mut show = Command::new(program_path("ssh-keygen"));
    let key = server.folder().join("host_ssh-ed25519.pub");
    let shown = run(show.args(["-lv", "-f"]).arg(key));
    let text = shown.expect_code(0).text();
    let (_, picture) = text.split_once('\n').expect("a picture");
    let done = tssh(&server, &["-o", "VisualHostKey=yes"], &["true"]);
    let stderr = done.expect_code(0).stderr.replace('\r', "");
    assert!(stderr.contains(picture.trim_end()), "{stderr}");
    let md5 = tssh(&server, &["-v", "-o", "FingerprintHash=md5"], &["true"]);
    md5.expect_stderr("Server host key: ssh-ed25519 MD5:");
}

#[test]
fn a_file_that_cannot_be_written_is_no_reason_to_fail() {
    if lacks_openssh("known_hosts::a_file_that_cannot_be_written_is_no_reason_to_fail") {
        return;
    }
    let server = Server::with_lines(&[]);
    for path in ["/dev/null", "/no/such/folder/file"] {
        let files = format!("UserKnownHostsFile={path}");
        let learn = ["-o", "StrictHostKeyChecking=no", "-o", &files];
        tssh(&server, &learn, &["true"]).expect_code(0);
        assert!(path != "/dev/null" || !Path::new(path).is_file());
    }
}

#[test]
fn revoked_host_keys_in_lines_and_in_a_list() {
    if lacks_openssh("known_hosts::revoked_host_keys_in_lines_and_in_a_list") {
        return;
    }
    let server = Server::with_lines(&[]);
    let other = keygen(&server.folder().join("other"), KeyKind::Ed25519, "");
    let own = &server.host_key_lines()[0];
    let with = |path: &str| strict(&server, &[&format!("RevokedHostKeys={path}")]);
    let list = |name: &str, line: &str| {
        let path = server.folder().join(name);
        let spec = server.folder().write("spec", format!("sha256: {line}\n"));
        let mut make = Command::new(program_path("ssh-keygen"));
        run(make.args(["-q", "-k", "-f"]).arg(&path).arg(spec)).expect_code(0);
        path.display().to_string()
    };
    for path in [file(&server, "own", &format!("# own\n{own}\n")), list("own.krl", own)] {
        let done = with(&path);
        done.expect_code(255).expect_stderr(&format!("revoked by file {path}"));
        done.expect_stderr("Host key verification failed.");
    }
    with(&file(&server, "spared", &format!("{other}\n"))).expect_code(0);
    with(&list("spared.krl", &other)).expect_code(0);
    with("none").expect_code(0);
    // What cannot be read revokes every key.
    with("/no/such/file").expect_code(255);
    with(&file(&server, "broken", "SSHKRL\n\0broken")).expect_code(255);
}

//! A disk without room, under the files that the client writes: a small tmpfs in a mount namespace.

use std::fs;
use std::process::Command;
use tssh_interop_tests::openssh::{Server, missing};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{is_stand_in, tssh_binary};

/// Two pages: one for what stands in the file, one that is taken.
const DISK: &str = "size=8k,mode=700";
const PAGE: usize = 4096;

/// Mounts, copies what the disk is to hold, fills it, runs the rest, and copies it back. The tmpfs
/// goes with the namespace.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs -o "$1" none "$2"
cp "$3"/* "$2"/
head -c 8192 /dev/zero >"$2/filler" 2>/dev/null || true
disk="$2" back="$4"
shift 4
code=0
"$@" || code=$?
cp "$disk"/* "$back"/
exit $code
"#;

/// Whether a namespace with a file system of its own can be made.
fn cannot(test: &str) -> bool {
    let tried = run(Command::new("unshare").args(["--mount", "true"]));
    let reason = missing()
        .or_else(|| (tried.code != 0).then(|| format!("no mount namespace: {}", tried.stderr)));
    let Some(reason) = reason.or_else(|| is_stand_in().then(|| "not our client".to_owned())) else {
        return false;
    };
    skip(test, &reason);
    true
}

/// Runs the client with `known_hosts` on the full disk; what the disk held afterwards.
fn on_full_disk(server: &Server, known_hosts: &[u8], options: &[&str]) -> (Finished, Scratch) {
    let (disk, before, after) = (Scratch::new(), Scratch::new(), Scratch::new());
    before.write("known_hosts", known_hosts);
    let path = |name: &str| disk.join(name).display().to_string();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh", DISK]);
    command.args([disk.path(), before.path(), after.path()]).arg(tssh_binary());
    for option in options {
        command.arg(option.replace("DISK", &disk.path().display().to_string()));
    }
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "GlobalKnownHostsFile=/dev/null"]);
    command.arg("-o").arg(format!("UserKnownHostsFile={}", path("known_hosts")));
    command.args(["-o", "StrictHostKeyChecking=accept-new", "-i"]).arg(server.user_key());
    command.args(["-l", server.user(), "-p", &server.port().to_string(), "127.0.0.1"]);
    command.arg("echo output; exit 7").env("HOME", disk.path()).env_remove("SSH_AUTH_SOCK");
    (run(&mut command), after)
}

#[test]
fn known_hosts_on_a_full_disk_stays_as_it_was() {
    if cannot("disk::known_hosts_on_a_full_disk_stays_as_it_was") {
        return;
    }
    let server = Server::with_lines(&[]);
    // So near the end of its page that a part of a line would fit, and a last line with and
    // without an end.
    for (room, end) in [(30, "\n"), (30, ""), (1, ""), (0, "\n"), (60, "\n")] {
        let mut before = b"# what stands here\n".to_vec();
        before.resize(PAGE - room - end.len(), b'#');
        before.extend(end.as_bytes());
        let (done, after) = on_full_disk(&server, &before, &[]);
        done.expect_code(7).expect_stderr("Failed to add the host to the list of known hosts");
        assert_eq!(done.stdout, b"output\n");
        assert!(!done.stderr.contains("Permanently added"), "{}", done.stderr);
        let now = fs::read(after.join("known_hosts")).expect("it is there");
        assert!(now == before, "{} bytes became {}", before.len(), now.len());
        let left = fs::read_dir(after.path()).expect("a folder").count();
        assert_eq!(left, 2, "known_hosts and what fills the disk");
    }
}

#[test]
fn known_hosts_with_room_in_place_only_is_added_to_in_place() {
    if cannot("disk::known_hosts_with_room_in_place_only_is_added_to_in_place") {
        return;
    }
    let server = Server::with_lines(&[]);
    let before = b"# room in this page, and no page for a second file\n";
    let (done, after) = on_full_disk(&server, before, &[]);
    done.expect_code(7).expect_stderr("Permanently added");
    let now = fs::read(after.join("known_hosts")).expect("it is there");
    assert!(now.starts_with(before) && now.ends_with(b"\n"), "{}", now.escape_ascii());
    assert_eq!(now.iter().filter(|byte| **byte == b'\n').count(), 2);
}

#[test]
fn a_trace_on_a_full_disk_ends_with_a_line_and_the_session_goes_on() {
    if cannot("disk::a_trace_on_a_full_disk_ends_with_a_line_and_the_session_goes_on") {
        return;
    }
    let server = Server::with_lines(&[]);
    let known = fs::read(server.known_hosts()).expect("the hosts that are known");
    for format in ["text", "jsonl", "pcapng", "html"] {
        let options = ["--trace", format, "DISK/trace"];
        let (done, _after) = on_full_disk(&server, &known, &options);
        done.expect_code(7).expect_stderr("No space left on device");
        assert_eq!(done.stdout, b"output\n", "{format}");
        assert!(done.stderr.lines().count() <= 3, "{format}: {}", done.stderr);
    }
}

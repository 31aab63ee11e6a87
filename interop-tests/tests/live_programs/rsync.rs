//! rsync with `-e` or `RSYNC_RSH`.

use crate::support::{MIB, Pair, Target, each_pair, expect_same, lacks, plant};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::free_port;
use tssh_interop_tests::pattern::Pattern;
use tssh_interop_tests::process::{Finished, run};

each_pair! {
    trees_are_kept_alike: TsshSshd SshTsshd TsshTsshd;
    what_was_cut_is_appended_to: TsshSshd SshTsshd;
    a_server_that_is_not_there_is_told: TsshSshd;
}

fn rsync(target: &Target) -> Command {
    let mut command = target.program("rsync");
    command.arg("-e").arg(target.ssh()).arg("--stats");
    command
}

/// A number of `--stats`.
#[track_caller]
fn number(done: &Finished, name: &str) -> usize {
    let text = done.text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line of --stats");
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// Both ends are on this machine, where rsync would otherwise not look for what is alike.
fn sync(target: &Target, options: &[&str], from: &Path, to: &Path, up: bool) -> Finished {
    let remote = |path: &Path| format!("target:{}/", path.display());
    let local = |path: &Path| format!("{}/", path.display());
    let (from, to) = if up { (local(from), remote(to)) } else { (remote(from), local(to)) };
    run(rsync(target).args(["-a", "--delete"]).args(options).args([from, to]))
}

fn trees_are_kept_alike(pair: Pair) {
    if lacks("rsync::trees_are_kept_alike", &["rsync"]) {
        return;
    }
    let target = Target::start(pair);
    let (here, there, back) = (target.path("here"), target.path("there"), target.path("back"));
    plant(&here, true);
    fs::write(here.join("huge"), Pattern::bytes(5, 64 * MIB)).expect("a huge file");
    sync(&target, &[], &here, &there, true).expect_code(0);
    expect_same(&here, &there);
    sync(&target, &["-z"], &there, &back, false).expect_code(0);
    expect_same(&here, &back);

    // Gone, new, changed in the middle, longer.
    fs::remove_dir_all(here.join("many")).expect("fewer files");
    fs::remove_file(here.join("a b  c")).expect("one file less");
    fs::create_dir(here.join("new")).expect("a folder");
    fs::write(here.join("new/one"), "new").expect("a new file");
    let huge = OpenOptions::new().write(true).open(here.join("huge")).expect("the huge file");
    huge.write_all_at(b"changed", 30 * MIB as u64).expect("a change in the middle");
    huge.write_all_at(&Pattern::bytes(6, 5000), 64 * MIB as u64).expect("more at the end");
    drop(huge);
    let done = sync(&target, &[], &here, &there, true);
    done.expect_code(0);
    expect_same(&here, &there);
    // Only what changed is sent: sums of blocks, some blocks, and names.
    let sent = number(&done, "Total bytes sent:") + number(&done, "Total bytes received:");
    assert!(sent < 2 * MIB, "{sent} bytes for a small change");
    sync(&target, &["-c"], &there, &back, false).expect_code(0);
    expect_same(&here, &back);
    let again = sync(&target, &["-c", "-i"], &here, &there, true);
    assert_eq!(number(&again, "Number of regular files transferred:"), 0, "{}", again.text());
}

fn what_was_cut_is_appended_to(pair: Pair) {
    if lacks("rsync::what_was_cut_is_appended_to", &["rsync"]) {
        return;
    }
    let target = Target::start(pair);
    let folder = target.server.folder();
    let content = Pattern::bytes(7, 40 * MIB);
    let from = folder.write("from", &content);
    let to = folder.write("to", &content[..30 * MIB + 1]);
    let mut command = target.program("rsync");
    command.env("RSYNC_RSH", target.ssh()).args(["--stats", "--append-verify"]).arg(&from);
    let done = run(command.arg(format!("target:{}", to.display())));
    done.expect_code(0);
    assert!(fs::read(to).expect("the copy") == content, "what was appended differs");
    assert!(number(&done, "Total bytes sent:") < 12 * MIB, "{}", done.text());
}

fn a_server_that_is_not_there_is_told(pair: Pair) {
    if lacks("rsync::a_server_that_is_not_there_is_told", &["rsync"]) {
        return;
    }
    let target = Target::start(pair);
    let mut command = target.program("rsync");
    let from = target.server.folder().write("from", "x");
    command.arg("-e").arg(format!("{} -p {}", target.ssh(), free_port())).arg(from);
    let done = run(command.arg("target:to"));
    done.expect_stderr("Connection refused");
    // Its ssh's status, or its own where it sees the end of the pipe before that of the process.
    assert!([255, 12].contains(&done.code), "{} {}", done.code, done.stderr);
}

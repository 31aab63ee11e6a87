//! `--run-coverage`: what a session is said to have exercised is what it was made to do.

use std::path::Path;
use std::process::Command;
use tssh_interop_tests::pair::{Pair, lacks};
use tssh_interop_tests::process::run;
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{another_stands_in, tssh_binary};

/// The two parts of the report on a trace: what was at work, and what was not.
fn report(trace: &Path) -> (String, String) {
    let mut command = Command::new(tssh_binary());
    command.arg("--run-coverage").arg(trace).env("LC_ALL", "C");
    let done = run(&mut command);
    done.expect_code(0);
    let text = done.text();
    let (yes, no) = text.split_once("\nNot in this session\n").expect("both parts");
    (yes.to_owned(), no.to_owned())
}

/// A session with real sshd that chooses a MAC, has a port forwarded back and runs a command, and
/// one that does none of it.
#[test]
fn sessions_are_told_apart_by_what_they_exercise() {
    let name = "live_course::coverage::sessions_are_told_apart_by_what_they_exercise";
    if another_stands_in(name) || lacks(name, &[]) {
        return;
    }
    let folder = Scratch::new();
    let server = Pair::TsshSshd.server(&[]);
    let marks =
        ["a MAC that was chosen", "a packet with a MAC behind it", "a reply to a global request"];
    for (options, at_work) in [
        (&["-c", "aes128-ctr", "-m", "hmac-sha2-256", "-R", "0:localhost:1"][..], true),
        (&["-c", "aes128-gcm@openssh.com"], false),
    ] {
        let path = folder.join(if at_work { "busy" } else { "plain" });
        let trace = path.to_str().expect("a path of ASCII");
        let options: Vec<&str> = [options, &["--trace", "jsonl", trace]].concat();
        Pair::TsshSshd.run(&server, &options, &["true"]).expect_code(0);
        let (yes, no) = report(&path);
        for mark in marks {
            assert_eq!(yes.contains(mark), at_work, "{mark}:\n{yes}");
            assert_eq!(no.contains(mark), !at_work, "{mark}:\n{no}");
        }
        for mark in
            ["a key that was derived", "a reply to a channel request", "a CLOSE of the peer's"]
        {
            assert!(yes.contains(mark), "{mark}:\n{yes}");
        }
        assert!(no.contains("a window of 2 GiB or more"), "{no}");
    }
}

#[test]
fn what_is_no_trace_is_said_in_one_line() {
    if another_stands_in("live_course::coverage::what_is_no_trace_is_said_in_one_line") {
        return;
    }
    let folder = Scratch::new();
    for (name, text) in [("empty-object", "{}\n"), ("other", "no trace\n")] {
        let path = folder.write(name, text);
        let done = run(Command::new(tssh_binary()).arg("--run-coverage").arg(&path));
        done.expect_code(255).expect_stderr("line 1");
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    }
    for words in [&["--run-coverage"][..], &["--run-coverage="]] {
        let done = run(Command::new(tssh_binary()).args(words));
        done.expect_code(255).expect_stderr("option requires an argument -- --run-coverage");
    }
    let done = run(Command::new(tssh_binary()).args(["--run-coverage", "/dev/null"]));
    done.expect_code(255).expect_stderr("it is empty");
    let done = run(Command::new(tssh_binary()).args(["--run-coverage", "/nonexistent"]));
    done.expect_code(255).expect_stderr("No such file");
}

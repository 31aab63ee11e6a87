//! System calls of the client that fail once, by strace's injection: the session goes on where it
//! can, and else ends with 255 and a line; what came out until then is right.

use crate::points;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tssh_interop_tests::openssh::{Server, missing};
use tssh_interop_tests::pattern::Pattern;
use tssh_interop_tests::process::{Finished, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::services;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{client_command, tssh_binary};

/// Longer than any run takes that does not hang.
const LIMIT: Duration = Duration::from_secs(40);
const BYTES: usize = 200_000;

/// A call and an error it may fail with.
struct Fault {
    call: &'static str,
    error: &'static str,
    /// Whether it passes by itself, so that nothing of it may be noticed.
    passes: bool,
}

const fn fault(call: &'static str, error: &'static str, passes: bool) -> Fault {
    Fault { call, error, passes }
}

// `write` is not among them: most of them wake a thread through an eventfd, which never fails.
const FAULTS: &[Fault] = &[
    fault("read", "EINTR", true),
    fault("recvfrom", "EINTR", true),
    fault("sendto", "EINTR", true),
    fault("epoll_wait", "EINTR", true),
    fault("openat", "EINTR", true),
    fault("recvfrom", "ECONNRESET", false),
    fault("recvfrom", "ETIMEDOUT", false),
    fault("sendto", "ECONNRESET", false),
    fault("sendto", "EPIPE", false),
    fault("connect", "ECONNREFUSED", false),
    fault("connect", "ENETUNREACH", false),
    fault("socket", "EMFILE", false),
    fault("openat", "EMFILE", false),
    fault("epoll_create1", "EMFILE", false),
    fault("epoll_ctl", "ENOSPC", false),
    fault("eventfd2", "EMFILE", false),
    fault("getrandom", "EINTR", true),
    fault("fcntl", "EINVAL", false),
    fault("setsockopt", "ENOBUFS", false),
];

/// The client under strace with these orders.
fn client(server: &Server, orders: &[&str], input: &[u8]) -> (Finished, Duration) {
    let program = tssh_binary();
    let program = program.to_str().expect("a path in UTF-8");
    let options = [&["-f", "-qq"], orders, &[program]].concat();
    let begun = Instant::now();
    let mut command = client_command(Path::new("strace"), server, &options, &["cat"]);
    let mut process = Process::spawn(&mut command);
    let (mut stdin, input) = (process.stdin.take().expect("a pipe"), input.to_vec());
    // A client that has ended takes no more; what it took is looked at by what it gave back.
    let writing = std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let done = process.finish(LIMIT);
    writing.join().expect("a writer");
    (done, begun.elapsed())
}

/// How often the client makes each call, in the thread that makes it most often.
fn census(server: &Server, input: &[u8]) -> BTreeMap<String, usize> {
    let scratch = Scratch::new();
    let path = scratch.join("calls");
    let calls: Vec<&str> = FAULTS.iter().map(|fault| fault.call).collect();
    let trace = format!("trace={}", calls.join(","));
    let path = path.to_str().expect("a path in UTF-8");
    let (done, _) = client(server, &["-o", path, "-e", &trace], input);
    done.expect_code(0);
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let text = fs::read_to_string(path).expect("what strace wrote");
    for line in text.lines() {
        // "12345 read(3, ...": a thread and its call.
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let call = rest.trim_start().split('(').next().unwrap_or_default();
        *counts.entry((thread, call)).or_default() += 1;
    }
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for ((_, call), count) in counts {
        let entry = most.entry(call.to_owned()).or_default();
        *entry = count.max(*entry);
    }
    most
}

/// What must hold whatever failed.
#[track_caller]
fn judged(done: &Finished, fault: &Fault, at: usize, input: &[u8]) {
    let what = format!("{} number {at} with {}", fault.call, fault.error);
    let stderr = &done.stderr;
    assert!(!stderr.contains("panicked"), "{what}: {stderr}");
    assert!(input.starts_with(&done.stdout), "{what}: a byte is wrong");
    // The loader of shared libraries is not ours.
    if done.code == 127 && stderr.contains("error while loading shared libraries") {
        return;
    }
    if done.code == 0 {
        assert!(done.stdout == input, "{what}: {} bytes and status 0", done.stdout.len());
        return;
    }
    assert!(!fault.passes, "{what}: status {}, {stderr}", done.code);
    assert_eq!(done.code, 255, "{what}: {stderr}");
    let lines = stderr.lines().count();
    assert!((1..=4).contains(&lines), "{what}: {stderr:?}");
}

#[test]
fn any_system_call_may_fail_once() {
    const TEST: &str = "calls::any_system_call_may_fail_once";
    if let Some(reason) = missing().or_else(|| services::missing(&["strace"])) {
        return skip(TEST, &reason);
    }
    let server = Server::with_lines(&[]);
    let input = Pattern::bytes(3, BYTES);
    let counts = census(&server, &input);
    let share = points(2, 48);
    let (mut runs, mut ended, mut longest) = (0, 0, Duration::ZERO);
    for (index, fault) in FAULTS.iter().enumerate() {
        let count = counts.get(fault.call).copied().unwrap_or_default();
        // Spread over the whole run, at other places for each fault.
        let mut places: Vec<usize> = (0..share)
            .map(|n| 1 + (n * count / share + index * 7 % (count / share).max(1)) % count.max(1))
            .collect();
        places.dedup();
        for at in places.into_iter().take_while(|_| count > 0) {
            let inject = format!("inject={}:error={}:when={at}", fault.call, fault.error);
            let trace = format!("trace={}", fault.call);
            let (done, took) =
                client(&server, &["-o", "/dev/null", "-e", &trace, "-e", &inject], &input);
            judged(&done, fault, at, &input);
            runs += 1;
            ended += usize::from(done.code != 0);
            longest = longest.max(took);
        }
    }
    println!("{runs} faults, {ended} ended the session, the longest run took {longest:?}");
    assert!(runs > 20, "{runs} faults");
}

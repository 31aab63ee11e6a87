//! The writer of known_hosts is killed: the file is the old one or the new one.

use crate::points;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};
use tssh::known_hosts::{Finding, KnownHosts, Line};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::sim::random::Rng;
use tssh_transport::key::PublicKey;

/// A program that writes hosts to a known_hosts file until it is killed.
const WRITER: &str = env!("CARGO_BIN_EXE_known-hosts-writer");

/// What stood in the file before, with what no parser understands.
const BEFORE: &str = "# a comment\nhost.example ssh-ed25519 AAAA not a key\n\n|1|odd|line\n";

fn key() -> Vec<u8> {
    let line = include_str!("../../keys/user_ed25519.pub");
    PublicKey::from_line(line).expect("a key").0.blob()
}

#[test]
fn known_hosts_is_whole_whenever_its_writer_dies() {
    let mut rng = Rng::new(0x6b69_6c6c);
    let (kills, mut added) = (points(200, 1000), 0);
    for kill in 0..kills {
        let scratch = Scratch::new();
        let file = scratch.write("known_hosts", BEFORE);
        let hash = if kill.is_multiple_of(2) { "no" } else { "yes" };
        let mut command = Command::new(WRITER);
        let mut process = Process::spawn(command.arg(&file).arg(hash));
        // So many are in, and then a moment that is anywhere within the next one.
        let first = rng.below(4);
        assert!(process.stdout.wait_for(&format!("{first}\n"), PATIENCE), "{}", process.output());
        let (begun, pause) = (Instant::now(), Duration::from_micros(rng.below(3000)));
        while begun.elapsed() < pause {
            std::hint::spin_loop();
        }
        process.signal_all(rustix::process::Signal::KILL);
        let code = process.finish(PATIENCE).code;
        assert_eq!(code, 128 + 9, "{}", process.output());
        // A line that is there whole was printed by a process that had written the host before.
        let said = process.stdout.text();
        let acknowledged = said.split_inclusive('\n').filter(|line| line.ends_with('\n')).count();
        added += acknowledged;
        whole(&fs::read_to_string(&file).expect("it is there"), acknowledged, hash == "yes");
    }
    println!("{kills} kills, {added} hosts acknowledged");
}

/// What stood there stands there, every acknowledged host is in, and at most one that is not.
#[track_caller]
fn whole(text: &str, acknowledged: usize, hashed: bool) {
    let rest = text.strip_prefix(BEFORE).expect("what stood there before");
    assert!(rest.is_empty() || rest.ends_with('\n'), "a line is cut: {text}");
    let lines: Vec<&str> = rest.lines().collect();
    assert!((acknowledged..=acknowledged + 1).contains(&lines.len()), "{acknowledged}: {text}");
    let blob = key();
    for line in &lines {
        assert_eq!(line.starts_with('|'), hashed, "{line}");
        let line = Line::parse(line).unwrap_or_else(|| panic!("a line is damaged: {line}"));
        assert_eq!(line.blob, blob);
    }
    let mut hosts = KnownHosts::default();
    hosts.add_text(text, "known_hosts");
    for number in 0..acknowledged {
        let found = hosts.find(&format!("added-{number}"), &blob);
        assert!(matches!(found, Finding::Known(_)), "added-{number} is lost: {text}");
    }
}

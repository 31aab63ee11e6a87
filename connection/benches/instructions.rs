//! Counts the instructions of a fixed transfer, of one handshake and of channels coming and
//! going, and compares them with those of `instructions.tsv`:
//!
//! `cargo bench -p tssh-connection --bench instructions`
//!
//! Needs valgrind, which counts; it shows the program the same CPU on every machine that has AVX2
//! and AES, so a count repeats. More than [`GROWTH_MAX`] above the kept number is an error.
//! `TSSH_BLESS=1` writes the numbers anew, as after a gain, or a loss with a reason.

#![forbid(unsafe_code)]

mod joined;

use joined::{Chosen, Joined};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// How far a count may grow.
const GROWTH_MAX: f64 = 0.03;
/// The same where another compiler made the program.
const OTHER_COMPILER_GROWTH_MAX: f64 = 0.15;
/// The word with which this program does a piece of work: `work NAME TIMES`.
const WORK_WORD: &str = "work";
/// The line of the file that says which compiler made the program whose instructions these are.
const COMPILER: &str = "compiler";

const fn chosen(kex: &'static str, cipher: &'static str) -> Chosen {
    Chosen { kex, cipher }
}

const CURVE_GCM: Chosen = chosen("curve25519-sha256", "aes128-gcm@openssh.com");
const CURVE_CHACHA: Chosen = chosen("curve25519-sha256", "chacha20-poly1305@openssh.com");
const MLKEM_GCM: Chosen = chosen("mlkem768x25519-sha256", "aes128-gcm@openssh.com");
const SNTRUP_GCM: Chosen = chosen("sntrup761x25519-sha512", "aes128-gcm@openssh.com");
const MIB: u64 = 1 << 20;

/// A name, and what is done for it so many times.
type Work = (&'static str, fn(u8));

const WORK: [Work; 8] = [
    ("handshake curve25519", |times| handshakes(CURVE_GCM, times)),
    ("handshake mlkem768x25519", |times| handshakes(MLKEM_GCM, times)),
    ("handshake sntrup761x25519", |times| handshakes(SNTRUP_GCM, times)),
    ("4 MiB aes128-gcm, 1 channel", |times| upload(CURVE_GCM, 1, times)),
    ("4 MiB aes128-gcm, 8 channels", |times| upload(CURVE_GCM, 8, times)),
    ("4 MiB chacha20-poly1305, 1 channel", |times| upload(CURVE_CHACHA, 1, times)),
    ("100 channels opened and closed", |times| channels(0, times)),
    ("the same beside 1000 others", |times| channels(1000, times)),
];

fn handshakes(chosen: Chosen, times: u8) {
    for seed in 0..times {
        Joined::handshake(chosen, seed);
    }
}

fn upload(chosen: Chosen, channels: usize, times: u8) {
    let mut joined = Joined::handshake(chosen, 0);
    let channels: Vec<_> = (0..channels).map(|_| joined.open()).collect();
    // Buffers and windows have their size after the first.
    for _ in 0..=times {
        joined.upload(&channels, 4 * MIB);
    }
}

fn channels(others: usize, times: u8) {
    let mut joined = Joined::handshake(CURVE_GCM, 0);
    for _ in 0..others {
        joined.open();
    }
    for _ in 0..usize::from(times) * 100 {
        let channel = joined.open();
        joined.close(channel);
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // cargo adds words of its own.
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    let done = match words.as_slice() {
        [WORK_WORD, name, times] => work(name, times),
        [] => judge_all(),
        _ => Err("usage: cargo bench -p tssh-connection --bench instructions".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(name: &str, times: &str) -> Result<(), String> {
    let times = times.parse().map_err(|_| format!("{times} is no number of times"))?;
    let (_, work) = WORK.iter().find(|(known, _)| *known == name).ok_or("no such work")?;
    work(times);
    Ok(())
}

fn judge_all() -> Result<(), String> {
    let (path, compiler) = (kept_path(), compiler()?);
    let kept = read_kept(&std::fs::read_to_string(&path).unwrap_or_default());
    let same = kept.get(COMPILER) == Some(&compiler);
    let growth_max = if same { GROWTH_MAX } else { OTHER_COMPILER_GROWTH_MAX };
    let mut file = format!("{COMPILER}\t{compiler}\n");
    let mut grown = Vec::new();
    for (name, _) in WORK {
        // What comes before and after the work is in both counts.
        let count = count(name, 2)? - count(name, 1)?;
        let before: Option<f64> = kept.get(name).and_then(|number| number.parse().ok());
        let growth = before.map(|before| count as f64 / before - 1.0);
        let shown = growth.map_or("new".to_owned(), |growth| format!("{:+.2} %", growth * 100.0));
        println!("{name:<36} {count:>12} {shown:>9}");
        if growth.is_none_or(|growth| growth > growth_max) {
            grown.push(name);
        }
        file.push_str(&format!("{name}\t{count}\n"));
    }
    if std::env::var_os("TSSH_BLESS").is_some() {
        return std::fs::write(&path, file).map_err(|error| format!("{path:?}: {error}"));
    }
    if !same && kept.contains_key(COMPILER) {
        println!("made by {compiler}, the kept counts by another: judged by a wider bound");
    }
    if grown.is_empty() {
        println!("no count has grown by more than {:.0} %", growth_max * 100.0);
        return Ok(());
    }
    let hint = "TSSH_BLESS=1 keeps the new counts, if there is a reason for them";
    Err(format!("grown by more than {:.0} %: {grown:?}; {hint}", growth_max * 100.0))
}

fn kept_path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.tsv"))
}

fn read_kept(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The compiler that is in use here, which also made this program.
fn compiler() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("--version").output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// Instructions of this program while it does a piece of work so many times.
fn count(name: &str, times: u8) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut line = Command::new("valgrind");
    line.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    // The environment lies on the stack: what is in it must not move anything.
    line.args([WORK_WORD, name, &times.to_string()]).env_clear();
    line.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let said = line.output().map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&said.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected : "));
    match collected.and_then(|(_, count)| count.trim().parse().ok()) {
        Some(count) if said.status.success() => Ok(count),
        _ => Err(format!("valgrind {name}: {text}")),
    }
}

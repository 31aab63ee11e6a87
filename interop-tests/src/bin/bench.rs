//! Measures tssh and tsshd beside OpenSSH and others:
//! `cargo run --release -p tssh-interop-tests --bin bench -- [OPTIONS] [ROW..]`.
//!
//! `--help` lists the options; `interop-tests/src/bench/mod.rs` says how it is done.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, ExitCode};
use tssh_interop_tests::bench::goals::{BASE, ratio};
use tssh_interop_tests::bench::peers::{other_pairs, pairs};
use tssh_interop_tests::bench::plan::{HELP, Plan};
use tssh_interop_tests::bench::tunnel::{Become, relay_of};
use tssh_interop_tests::bench::{Measured, measure, page, report};
use tssh_interop_tests::openssh::missing;
use tssh_interop_tests::process::{raise_open_files, run};

/// The pair whose client is held to `--bar`.
const OURS: &str = "tssh+sshd";
/// This very program, also when its file has been replaced in the meantime.
const THIS: &str = "/proc/self/exe";
/// Both ends of 5,000 connections, twice.
const OPEN_FILES: u64 = 20_000;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, listen, target, cipher] = words.as_slice()
        && let Some(relay) = relay_of(word)
    {
        return relay_to_the_end(relay, listen, target, cipher);
    }
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let plan = match Plan::read(words.iter().cloned()) {
        Ok(plan) => plan,
        Err(error) => return give_up(&error),
    };
    // Before half an hour of measuring.
    if let Some(path) = &plan.page
        && let Err(error) = renewed(path, |_| String::new()).and_then(|_| writable(path))
    {
        return give_up(&format!("{}: {error}", path.display()));
    }
    if plan.list {
        plan.rows.iter().for_each(|row| println!("{}", row.name));
        return ExitCode::SUCCESS;
    }
    if let Some(reason) = missing() {
        return give_up(&reason);
    }
    run_all(&plan, &words)
}

fn give_up(error: &str) -> ExitCode {
    eprintln!("bench: {error}");
    ExitCode::from(2)
}

fn relay_to_the_end(relay: Become, listen: &str, target: &str, cipher: &str) -> ExitCode {
    let (Ok(listen), Ok(target)) = (listen.parse(), target.parse()) else {
        return give_up("a relay needs two ports");
    };
    raise_open_files(OPEN_FILES);
    match relay(listen, target, cipher) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => give_up(&error.to_string()),
    }
}

fn run_all(plan: &Plan, words: &[String]) -> ExitCode {
    raise_open_files(OPEN_FILES);
    let mut pairs = pairs(Path::new(THIS), &plan.clients, &plan.servers);
    if plan.peers {
        pairs.extend(other_pairs(Path::new(THIS)));
    }
    let wanted = |name: &String| plan.pairs.is_empty() || plan.pairs.contains(name);
    if let Some(name) = plan.pairs.iter().find(|name| !pairs.iter().any(|p| p.name() == **name)) {
        return give_up(&format!("there is no pair {name}"));
    }
    pairs.retain(|pair| pair.name() == BASE || wanted(&pair.name()));
    let names: Vec<String> = pairs.iter().map(|pair| pair.name()).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let facts = facts(plan, words, cores);
    facts.iter().for_each(|(name, value)| println!("{name}: {value}"));
    let mut all = Vec::new();
    for row in &plan.rows {
        let measured = measure(row, &pairs, plan.rounds);
        println!("\n{}", report::row(&measured, &names).trim_end());
        all.push(measured);
    }
    println!("\n{}", report::goals(&all, &names, cores));
    if let Some(path) = &plan.json
        && let Err(error) = std::fs::write(path, report::json(&all, &names, cores, &facts))
    {
        return give_up(&format!("{}: {error}", path.display()));
    }
    if let Some(path) = &plan.page
        && let Err(error) = renewed(path, |old| page::text(&all, &names, cores, &facts, old))
            .and_then(|page| std::fs::write(path, page).map_err(|error| error.to_string()))
    {
        return give_up(&format!("{}: {error}", path.display()));
    }
    verdict(plan, &all, &names)
}

fn renewed(path: &Path, measured: impl FnOnce(&str) -> String) -> Result<String, String> {
    let old = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    page::renewed(&old, measured)
}

fn writable(path: &Path) -> Result<(), String> {
    let opened = std::fs::OpenOptions::new().append(true).open(path);
    opened.map(drop).map_err(|error| error.to_string())
}

/// What was measured where.
fn facts(plan: &Plan, words: &[String], cores: usize) -> Vec<(&'static str, String)> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let says = |program: &str, words: &[&str]| {
        let said = run(Command::new(program).args(words));
        format!("{}{}", said.text(), said.stderr).trim().to_owned()
    };
    vec![
        ("cpu", format!("{}, {cores} cores", model.map_or("unknown", |(_, name)| name))),
        ("kernel", says("uname", &["-sr"])),
        ("ssh", says("ssh", &["-V"])),
        ("run", run_of(&says("date", &["-u", "+%Y-%m-%d %H:%M UTC"]), plan.rounds, words)),
    ]
}

/// When what was run, as pages have it.
fn run_of(date: &str, rounds: usize, words: &[String]) -> String {
    let command = format!("bench {}", words.join(" "));
    // Some pace what they send, on a loopback too.
    let tcp = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
    let tcp = tcp.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned());
    format!("{date}, {rounds} rounds, TCP {tcp}: `{}`", command.trim())
}

/// Whether tssh's client CPU keeps the bar in every row that has such a value.
fn verdict(plan: &Plan, all: &[Measured], names: &[String]) -> ExitCode {
    let Some(bar) = plan.bar else { return ExitCode::SUCCESS };
    let at = |name: &str| names.iter().position(|pair| pair == name);
    let (Some(base), Some(ours)) = (at(BASE), at(OURS)) else {
        return give_up(&format!("--bar is for {OURS}, which was not measured"));
    };
    let mut within = true;
    for row in all {
        let of = |at: usize| row.outcomes.get(at).map_or(&[][..], |outcome| &outcome.samples);
        let values = of(base).first().into_iter().flat_map(|sample| sample.keys());
        for value in values.filter(|value| value.starts_with("client_cpu")) {
            // No ratio, for want of a sample, passes no bar.
            let ratio = ratio(of(ours), value, of(base), value);
            if ratio.is_none_or(|ratio| ratio > bar) {
                println!("{} {value}: {ratio:.2?} is above the bar of {bar:.2}", row.row);
                within = false;
            }
        }
    }
    if within {
        println!("all client CPU is within the bar of {bar:.2}x");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

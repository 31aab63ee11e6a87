//! Client and server against each other in virtual time: see `tssh_interop_tests::sim`.
//!
//! `TSSH_SIM_SEEDS=n` runs n seeds instead of the usual number, `TSSH_SIM_SEED=n` that one only.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use tssh_interop_tests::sim;

/// Seeds of a usual run: about 20 seconds on two cores, not optimised.
const SEEDS: u64 = 500;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// Runs one seed; a panic is a failure like others, with its seed.
fn run(seed: u64) -> Result<sim::Report, String> {
    match catch_unwind(AssertUnwindSafe(|| sim::run(seed))) {
        Ok(outcome) => outcome.map_err(|failure| failure.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Err(format!("seed {seed}: panic: {}", text.unwrap_or_default()))
        }
    }
}

/// Runs all seeds on all cores; what was seen in all of them, and what failed.
fn run_all(seeds: &[u64]) -> (BTreeMap<&'static str, u64>, Vec<String>) {
    let next = AtomicU64::new(0);
    let result = Mutex::new((BTreeMap::new(), Vec::new()));
    let work = || {
        while let Some(seed) = seeds.get(next.fetch_add(1, Relaxed) as usize) {
            let outcome = run(*seed);
            let (seen, failures) = &mut *result.lock().expect("no worker panics");
            match outcome {
                Ok(report) => {
                    for (what, n) in report.seen {
                        *seen.entry(what).or_default() += n;
                    }
                }
                Err(failure) => {
                    println!("{failure}");
                    failures.push(failure);
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    result.into_inner().expect("no worker panics")
}

#[test]
fn nothing_is_lost_and_nothing_stands_still_whatever_the_link_does() {
    let one = number("TSSH_SIM_SEED");
    let seeds: Vec<u64> = match one {
        Some(seed) => vec![seed],
        None => (0..number("TSSH_SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let (seen, failures) = run_all(&seeds);
    println!("{} seeds: {seen:#?}", seeds.len());
    assert!(failures.is_empty(), "{} failures, the first: {}", failures.len(), failures[0]);
    // What no run does, no run checks.
    for what in [
        "opens",
        "opens refused locally",
        "confirmations",
        "refusals",
        "bytes sent",
        "bytes drained",
        "deliveries cut short",
        "half-closes",
        "closes",
        "channels over",
        "channel requests",
        "channel replies",
        "requests refused locally",
        "global requests",
        "global replies",
        "key exchanges",
        "deadlines",
        "pongs",
        "reads put off",
        "abrupt ends",
    ] {
        let happened = seen.get(what).is_some_and(|n| *n > 0);
        assert!(happened || one.is_some() || seeds.len() < 100, "no {what} in any run");
    }
}

/// A seed that does not repeat what it found finds nothing.
#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 4] {
        assert_eq!(run(seed), run(seed));
    }
}

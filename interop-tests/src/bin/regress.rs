//! Judges an ssh client with OpenSSH's own regression suite (Debian's package openssh-tests).
//!
//! `cargo run -p tssh-interop-tests --bin regress -- [OPTIONS] [CLIENT]`; `--help` lists the
//! options. Without CLIENT it is tssh of this workspace. One line for each test, then the sum; the
//! exit status is 0 when all have passed.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;
use tssh_interop_tests::openssh::program_path;
use tssh_interop_tests::regress::{Outcome, Place, TESTS, Test, Verdict, judge, missing};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::tssh_binary;

const HELP: &str = "\
usage: regress [OPTIONS] [CLIENT]

Runs the tests of OpenSSH's regression suite in which the client does the work, with CLIENT
(a path, or the name of a program) in ssh's place; without it, tssh of this workspace.

  --list           show the tests: name, area, limit in seconds, fewest logins
  --only NAME,..   these tests
  --area AREA,..   the tests of these areas
  --quick          the tests that take seconds only
  --jobs N         so many at a time (default: one for each processor)
  --timeout S      no test may take longer
  --keep           keep the folder of the run, with each test's log
  --help           this text

Needs root, for each test has a network, processes and mounts of its own.";

/// What the command line asks for.
struct Plan {
    tests: Vec<Test>,
    list: bool,
    jobs: usize,
    cap: Option<Duration>,
    keep: bool,
    client: Option<PathBuf>,
}

impl Plan {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let tests = TESTS.to_vec();
        let mut plan = Self { tests, list: false, jobs, cap: None, keep: false, client: None };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--list" => plan.list = true,
                "--keep" => plan.keep = true,
                "--quick" => plan.tests.retain(|test| test.quick),
                "--only" => plan.retain(&value()?, |test| test.name)?,
                "--area" => plan.retain(&value()?, |test| test.area)?,
                "--jobs" => plan.jobs = number(&value()?)?.try_into().unwrap_or(usize::MAX),
                "--timeout" => plan.cap = Some(Duration::from_secs(number(&value()?)?)),
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}"));
                }
                client if plan.client.is_none() => plan.client = Some(resolve(client)),
                more => return Err(format!("one client, not {more} as well")),
            }
        }
        if plan.tests.is_empty() {
            return Err("no test is left".to_owned());
        }
        Ok(plan)
    }

    fn retain(&mut self, names: &str, key: fn(&Test) -> &'static str) -> Result<(), String> {
        let names: Vec<&str> = names.split(',').collect();
        let unknown = |name: &&&str| !TESTS.iter().any(|test| key(test) == **name);
        if let Some(name) = names.iter().find(unknown) {
            return Err(format!("there is no {name}; see --list"));
        }
        self.tests.retain(|test| names.contains(&key(test)));
        Ok(())
    }
}

fn number(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or(format!("{text} is not a number above 0"))
}

fn resolve(client: &str) -> PathBuf {
    if !client.contains('/') {
        return program_path(client);
    }
    std::path::absolute(client).unwrap_or_else(|_| PathBuf::from(client))
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let plan = match Plan::read(words.into_iter()) {
        Ok(plan) => plan,
        Err(error) => return give_up(&error),
    };
    if plan.list {
        for test in &plan.tests {
            println!("{}\t{}\t{}\t{}", test.name, test.area, test.limit, test.logins);
        }
        return ExitCode::SUCCESS;
    }
    if let Some(reason) = missing() {
        skip("regress", &reason);
        return ExitCode::SUCCESS;
    }
    let place = match Place::new(&plan.client.clone().unwrap_or_else(tssh_binary)) {
        Ok(place) => place,
        Err(error) => return give_up(&error),
    };
    let passed = run_all(&plan, &place);
    if plan.keep {
        eprintln!("kept: {}", place.keep().display());
    }
    println!("{passed} of {} pass", plan.tests.len());
    if passed == plan.tests.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn give_up(error: &str) -> ExitCode {
    eprintln!("regress: {error}");
    ExitCode::from(2)
}

/// Runs the tests, the longest first, so that all threads end together; returns how many passed.
fn run_all(plan: &Plan, place: &Place) -> usize {
    let mut order: Vec<(usize, Test)> = plan.tests.iter().copied().enumerate().collect();
    order.sort_by_key(|(_, test)| test.limit);
    let (left, passed) = (Mutex::new(order), Mutex::new(0));
    let next = || left.lock().expect("no panic while locked").pop();
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.min(plan.tests.len()) {
            scope.spawn(|| {
                while let Some((number, test)) = next() {
                    let verdict: Verdict = judge(place, number, test, plan.cap);
                    let mut passed = passed.lock().expect("no panic while locked");
                    println!("{verdict}");
                    *passed += usize::from(verdict.outcome == Outcome::Pass);
                }
            });
        }
    });
    passed.into_inner().expect("no panic while locked")
}

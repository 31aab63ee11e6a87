//! tssh and tsshd with every other implementation of SSH that can be had.
//!
//! `cargo run --release -p tssh-interop-tests --bin matrix -- [OPTIONS]`; `--help` lists them.
//! One line for each peer and check, then the sum; the exit status is 0 when all have passed.

#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::str::FromStr;
use std::sync::Mutex;
use tssh_interop_tests::matrix::peers::{PEERS, Peer};
use tssh_interop_tests::matrix::place::Place;
use tssh_interop_tests::matrix::server::Endpoint;
use tssh_interop_tests::matrix::work::Work;
use tssh_interop_tests::matrix::{Check, Row, controls, judge, judge_address, report};
use tssh_interop_tests::openssh::user_name;
use tssh_interop_tests::process::run;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::source;

const HELP: &str = "\
usage: matrix [--core | --all | --only PEER,...] [--check CHECK,...] [OPTIONS]

Runs tssh with other servers and other clients with tsshd. What is not there yet is fetched
first, into the folder that TSSH_PEERS names (default: ~/.cache/tssh-peers).

  --core         the peers of each run of CI, and the controls (the default)
  --all          every peer, and the controls
  --only PEER,.. these, such as 'server:asyncssh' or 'plink 0.78'
  --check C,..   these checks, such as '-L' or 'rekey by client'
  --address A:P  tssh with a server that runs already, with --user, --key FILE (private)
                 and --host-key FILE (public line); --ours A is the address by which it
                 reaches this machine (default: 127.0.0.1, for one on the same loopback)
  --controls     the controls alone: pairs that the checks must fail
  --jobs N       so many peers at a time (default: one for each processor)
  --write        write docs/interop.md anew (with --all)
  --list         show the peers
  --help         this text

TSSH_TEST_CLIENT and TSSH_TEST_SERVER name programs to run in the place of tssh and tsshd.";

struct Plan {
    peers: Vec<&'static Peer>,
    checks: Vec<Check>,
    controls: bool,
    jobs: usize,
    write: bool,
    list: bool,
    address: Option<SocketAddrV4>,
    user: String,
    key: PathBuf,
    host_key: PathBuf,
    ours: Ipv4Addr,
}

impl Default for Plan {
    /// The core set.
    fn default() -> Self {
        Self {
            peers: PEERS.iter().filter(|peer| peer.core).collect(),
            checks: Check::ALL.to_vec(),
            controls: true,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            write: false,
            list: false,
            address: None,
            user: user_name(),
            key: PathBuf::new(),
            host_key: PathBuf::new(),
            ours: Ipv4Addr::LOCALHOST,
        }
    }
}

impl Plan {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut plan = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--core" => {}
                "--all" => plan.peers = PEERS.iter().collect(),
                "--only" => {
                    plan.controls = false;
                    plan.peers = some(&value()?, PEERS.iter(), |peer, name| {
                        peer.name == name || peer.id() == name
                    })?;
                }
                "--check" => {
                    let all = Check::ALL.into_iter();
                    plan.checks = some(&value()?, all, |check, name| check.name() == name)?;
                }
                "--controls" => plan.peers = Vec::new(),
                "--jobs" => plan.jobs = parsed(&value()?)?,
                "--address" => plan.address = Some(parsed(&value()?)?),
                "--ours" => plan.ours = parsed(&value()?)?,
                "--user" => plan.user = value()?,
                "--key" => plan.key = value()?.into(),
                "--host-key" => plan.host_key = value()?.into(),
                "--write" => plan.write = true,
                "--list" => plan.list = true,
                _ => return Err(format!("unknown argument {word}")),
            }
        }
        if plan.write && (plan.peers.len() < PEERS.len() || plan.checks != Check::ALL) {
            return Err("--write needs --all, and every check".to_owned());
        }
        Ok(plan)
    }
}

fn parsed<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not what belongs there; see --help"))
}

/// Those of `all` that one of the names fits.
fn some<T: Clone>(
    names: &str,
    all: impl Iterator<Item = T> + Clone,
    fits: impl Fn(&T, &str) -> bool,
) -> Result<Vec<T>, String> {
    let unknown = |name: &&str| !all.clone().any(|one| fits(&one, name));
    if let Some(name) = names.split(',').find(unknown) {
        return Err(format!("there is no {name}; see --list and --help"));
    }
    Ok(all.clone().filter(|one| names.split(',').any(|name| fits(one, name))).collect())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let plan = match Plan::read(words.into_iter()) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("matrix: {error}");
            return ExitCode::from(2);
        }
    };
    if plan.list {
        for peer in &plan.peers {
            println!("{}", peer.id());
        }
        return ExitCode::SUCCESS;
    }
    if let Some(address) = plan.address {
        return match run_address(&plan, address) {
            Ok((passed, made)) => verdict(passed, made),
            Err(error) => {
                eprintln!("matrix: {error}");
                ExitCode::from(2)
            }
        };
    }
    if let Some(reason) = Place::missing() {
        skip("matrix", &reason);
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut made) = if plan.controls { run_controls() } else { (0, 0) };
    let rows = run_all(&plan);
    for row in &rows {
        let (ours, all) = row.score();
        (passed, made) = (passed + ours, made + all);
    }
    if plan.write {
        write(&rows);
    }
    verdict(passed, made)
}

fn verdict(passed: usize, made: usize) -> ExitCode {
    println!("{passed} of {made} pass");
    if passed == made && made > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_address(plan: &Plan, address: SocketAddrV4) -> Result<(usize, usize), String> {
    let host_key = std::fs::read_to_string(&plan.host_key)
        .map_err(|error| format!("--host-key {}: {error}", plan.host_key.display()))?;
    let work = Work::bare().with_key(&plan.key)?;
    let endpoint = Endpoint {
        address: *address.ip(),
        port: address.port(),
        user: plan.user.clone(),
        host_key: host_key.trim_end().to_owned(),
        runs_commands: true,
        our_address: plan.ours,
    };
    // Whether its server renews keys by itself is not ours to say.
    let checks: Vec<Check> =
        plan.checks.iter().copied().filter(|check| *check != Check::ServerRekey).collect();
    let name = address.to_string();
    let each = |cell: &_| println!("{}", report::line(&name, cell));
    Ok(judge_address(&work, endpoint, &checks, each))
}

fn run_controls() -> (usize, usize) {
    let done = controls::run(|name, good, said| {
        let word = if good { "pass" } else { "FAIL" };
        println!("{word}  control {name}: {}", short(said));
    });
    done.unwrap_or_else(|error| {
        println!("FAIL  controls: {error}");
        (0, 1)
    })
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

fn run_all(plan: &Plan) -> Vec<Row> {
    let place = Place::new();
    let (next, rows) = (Mutex::new(plan.peers.iter()), Mutex::new(Vec::new()));
    let take = || next.lock().expect("no panic while locked").next().copied();
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.min(plan.peers.len()) {
            scope.spawn(|| {
                while let Some(peer) = take() {
                    let name = peer.id();
                    let each = |cell: &_| println!("{}", report::line(&name, cell));
                    let row = judge(&place, peer, &plan.checks, each);
                    rows.lock().expect("no panic while locked").push(row);
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("no panic while locked");
    rows.sort_by_key(|row| PEERS.iter().position(|peer| peer == row.peer));
    rows
}

fn write(rows: &[Row]) {
    let output = |program: &str, argument: &str| {
        run(Command::new(program).arg(argument)).text().trim().to_owned()
    };
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let system = format!(
        "{}, Linux {}",
        name.unwrap_or("an unknown system").trim_matches('"'),
        output("uname", "-r").split('-').next().unwrap_or_default()
    );
    let page = report::page(rows, &output("date", "+%-d %B %Y"), &system);
    let path = source::root().join("docs/interop.md");
    std::fs::write(&path, page).expect("write docs/interop.md");
    println!("written: {}", path.display());
}

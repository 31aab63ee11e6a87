//! Every implementation of SSH that can be had, in both roles: tssh with each server, and each
//! client with tsshd.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`peers`] | the list of peers, and what each cannot do, with the reason |
//! | [`place`] | gets them: trees of Debian's suites, packages of PyPI and npm, small programs |
//! | [`work`] | keys and files of one pair |
//! | [`client`], [`server`] | how each is started; a server is no more than an address afterwards |
//! | [`checks`] | what is asked of a pair |
//! | [`controls`] | pairs that are wrong on purpose, which the checks must fail |
//! | [`report`] | the lines of a run, and the table of the documentation |

pub mod checks;
pub mod client;
pub mod controls;
mod inetd;
pub mod peers;
pub mod place;
pub mod report;
pub mod server;
pub mod work;

use crate::process::Process;
use checks::Pair;
use client::Client;
use peers::{Ability, Peer, Role};
use place::Place;
use server::{Endpoint, Rekey, Running};
use std::time::{Duration, Instant};
use work::Work;

/// What is asked of every pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Both outputs and the exit status of a command.
    Exec,
    /// 8 MiB through `cat`, there and back at once.
    Cat,
    /// A local forward: 1 MiB each way, and an answer that comes after our end of file.
    Local,
    /// Ten connections at once through one local forward.
    Ten,
    /// The same through a remote forward.
    Remote,
    /// The same through a SOCKS5 forward.
    Dynamic,
    /// The same on standard input and output.
    Stdio,
    /// 8 MiB while the client renews the keys after each 1.1 MB: at least three times.
    ClientRekey,
    /// The same while the server does.
    ServerRekey,
}

impl Check {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Exec,
        Self::Cat,
        Self::Local,
        Self::Ten,
        Self::Remote,
        Self::Dynamic,
        Self::Stdio,
        Self::ClientRekey,
        Self::ServerRekey,
    ];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Cat => "8 MiB",
            Self::Local => "-L",
            Self::Ten => "-L ×10",
            Self::Remote => "-R",
            Self::Dynamic => "-D",
            Self::Stdio => "-W",
            Self::ClientRekey => "rekey by client",
            Self::ServerRekey => "rekey by server",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Pass,
    /// All that the peer can do passed; the reason is the peer's.
    PassButFor(&'static str),
    /// Not asked, for the peer cannot do it.
    Not(&'static str),
    /// Otherwise.
    Fail(String),
}

/// One cell of the table.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What was asked.
    pub check: Check,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The peer.
    pub peer: &'static Peer,
    /// Its version, as whoever packed it says.
    pub version: String,
    /// One for each check that was asked for.
    pub cells: Vec<Cell>,
}

impl Row {
    /// How many of its checks passed, and how many were made.
    #[must_use]
    pub fn score(&self) -> (usize, usize) {
        let made = self.cells.iter().filter(|cell| !matches!(cell.outcome, Outcome::Not(_)));
        let failed = self.cells.iter().filter(|cell| matches!(cell.outcome, Outcome::Fail(_)));
        let made = made.count();
        (made - failed.count(), made)
    }
}

/// Makes the checks of one peer; `each` hears of every cell as soon as there is one.
pub fn judge(place: &Place, peer: &'static Peer, asked: &[Check], each: impl Fn(&Cell)) -> Row {
    let mut row = Row { peer, version: String::new(), cells: Vec::new() };
    let prepared = place.prepare(peer).and_then(|home| {
        row.version = home.version(peer);
        Ok((Work::new(&home)?, home))
    });
    let mut side = match &prepared {
        Ok((work, home)) => Ok(Side { peer, work, home, plain: None }),
        Err(reason) => Err(format!("cannot be had here: {reason}")),
    };
    for &check in asked {
        let begun = Instant::now();
        let outcome = match (peer.ability(check), &mut side) {
            (Ability::No(reason), _) => Outcome::Not(reason),
            (_, Err(reason)) => Outcome::Fail(reason.clone()),
            (Ability::Full, Ok(side)) => match side.check(check, true) {
                Ok(()) => Outcome::Pass,
                Err(reason) => Outcome::Fail(reason),
            },
            (Ability::NoHalfClose(why), Ok(side)) => match side.check(check, false) {
                Ok(()) => Outcome::PassButFor(why),
                Err(reason) => Outcome::Fail(reason),
            },
        };
        let cell = Cell { check, outcome, took: begun.elapsed() };
        each(&cell);
        row.cells.push(cell);
    }
    row
}

/// One peer and what it is tested with.
struct Side<'a> {
    peer: &'static Peer,
    work: &'a Work,
    home: &'a place::Home,
    /// The server that all checks but one share.
    plain: Option<Running>,
}

impl Side<'_> {
    fn check(&mut self, check: Check, half_close: bool) -> Result<(), String> {
        let rekeying;
        let running = if check == Check::ServerRekey {
            rekeying = self.server(Rekey::Often)?;
            &rekeying
        } else {
            if self.plain.is_none() {
                self.plain = Some(self.server(Rekey::Default)?);
            }
            self.plain.as_ref().ok_or("no server")?
        };
        let client = match self.peer.role {
            Role::Server => Client::tssh(),
            Role::Client => Client::of(self.peer, self.home),
        };
        let pair = Pair { client: &client, work: self.work, running, half_close, seed: 1 };
        let done = checks::run(check, &pair);
        // A server that is gone is started anew for the next check.
        if done.is_err() && check != Check::ServerRekey {
            self.plain = None;
        }
        done
    }

    fn server(&self, rekey: Rekey) -> Result<Running, String> {
        match self.peer.role {
            Role::Server => server::start(self.peer, self.home, self.work, rekey),
            Role::Client => server::start_tsshd(self.work, rekey),
        }
    }
}

/// Makes the checks with a server that somebody else has started, wherever it is: as a process,
/// in a tree, in a container, or on another host. There it must permit remote forwards on all of
/// its addresses.
pub fn judge_address(
    work: &Work,
    endpoint: Endpoint,
    asked: &[Check],
    each: impl Fn(&Cell),
) -> (usize, usize) {
    let client = Client::tssh();
    let running = Running::elsewhere(endpoint);
    let mut passed = 0;
    for &check in asked {
        let begun = Instant::now();
        let pair = Pair { client: &client, work, running: &running, half_close: true, seed: 1 };
        let outcome = checks::run(check, &pair).map_or_else(Outcome::Fail, |()| Outcome::Pass);
        passed += usize::from(outcome == Outcome::Pass);
        each(&Cell { check, outcome, took: begun.elapsed() });
    }
    (passed, asked.len())
}

/// What a process said, in few enough lines for a table's footnote.
fn last_words(process: &Process) -> String {
    let text = process.stderr.text();
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("debug")).collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

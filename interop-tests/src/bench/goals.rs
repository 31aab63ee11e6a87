//! What the measurements should come to.

use super::{Measured, Sample};
use crate::measure::median;

/// The pair that all others are compared with.
pub const BASE: &str = "ssh+sshd";
const CLIENT: &str = "tssh+sshd";
const SERVER: &str = "ssh+tsshd";
const OURS: &str = "tssh+tsshd";
const RELAY: &str = "relay";
const TRUNK: &str = "trunk";

/// What a value is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Than {
    /// The same value of ssh with sshd.
    Base,
    /// A value of another pair in the same row.
    Pair(&'static str, &'static str),
    /// The same value of the same pair in another row.
    Row(&'static str),
    /// Nothing: the value itself counts.
    Itself,
}

/// How far a value may go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// At most so much.
    AtMost(f64),
    /// At least so much.
    AtLeast(f64),
}

impl Bound {
    /// Whether it is kept; rounded as it is shown.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value < most + 0.005,
            Self::AtLeast(least) => value >= least - 0.005,
        }
    }

    /// As tables have it.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::AtMost(most) => format!("<= {most:.2}"),
            Self::AtLeast(least) => format!(">= {least:.2}"),
        }
    }
}

/// A goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// The row.
    pub row: &'static str,
    /// The value's name.
    pub value: &'static str,
    /// Whose value.
    pub pair: &'static str,
    /// Compared with what.
    pub than: Than,
    /// How far it may go.
    pub bound: Bound,
    /// Processors below which it says nothing.
    pub cores: usize,
}

const CLIENT_CPU: &str = "client_cpu_s_per_gib";
const SERVER_CPU: &str = "server_cpu_s_per_gib";
const BOUND_CPU: &str = "bound_cpu_s_per_gib";
const BOUND_SERVER_CPU: &str = "bound_server_cpu_s_per_gib";
const PEAK: &str = "client_peak_mib";
const SPEED: &str = "speed_mib_per_s";
const CPU_EACH: &str = "client_cpu_us_each";
const RATE: &str = "rate_per_s";
const BUSY: &str = "busy_cores";
const P50: &str = "p50_us";
const APART_P50: &str = "apart_p50_us";
const START_CPU: &str = "client_cpu_ms";
const WALL: &str = "wall_ms";

const fn at_most(pair: &'static str, row: &'static str, value: &'static str, most: f64) -> Goal {
    Goal { row, value, pair, than: Than::Base, bound: Bound::AtMost(most), cores: 1 }
}

const fn at_least(pair: &'static str, row: &'static str, value: &'static str, least: f64) -> Goal {
    Goal { row, value, pair, than: Than::Base, bound: Bound::AtLeast(least), cores: 1 }
}

/// A client's CPU time beside that of the relay and the cipher of the same row.
const fn near_floor(row: &'static str) -> Goal {
    Goal { than: Than::Pair(RELAY, BOUND_CPU), ..at_most(CLIENT, row, CLIENT_CPU, 1.10) }
}

const fn own_row(row: &'static str, other: &'static str, most: f64) -> Goal {
    Goal { than: Than::Row(other), ..at_most(CLIENT, row, CLIENT_CPU, most) }
}

/// Both ends ours: where the four processes of a tunnel share fewer cores it is their sum that
/// counts.
const fn both_ends(row: &'static str) -> Goal {
    Goal { cores: 4, ..at_least(OURS, row, SPEED, 2.5) }
}

/// All goals, in the order of the rows.
pub const GOALS: &[Goal] = &[
    at_most(CLIENT, "bulk/L/up/1/aes128-gcm", CLIENT_CPU, 0.72),
    at_most(CLIENT, "bulk/L/down/1/aes128-gcm", CLIENT_CPU, 0.80),
    at_most(CLIENT, "bulk/L/up/1/aes256-gcm", CLIENT_CPU, 0.72),
    at_most(CLIENT, "bulk/L/down/1/aes256-gcm", CLIENT_CPU, 0.80),
    at_most(CLIENT, "bulk/L/up/1/chacha20", CLIENT_CPU, 0.72),
    at_most(CLIENT, "bulk/L/down/1/chacha20", CLIENT_CPU, 0.72),
    at_most(CLIENT, "bulk/L/up/8/aes128-gcm", CLIENT_CPU, 0.50),
    at_most(CLIENT, "bulk/L/up/8/chacha20", CLIENT_CPU, 0.60),
    own_row("bulk/L/up/8/aes128-gcm", "bulk/L/up/1/aes128-gcm", 1.05),
    own_row("bulk/L/up/8/chacha20", "bulk/L/up/1/chacha20", 1.05),
    near_floor("bulk/L/up/1/aes128-gcm"),
    near_floor("bulk/L/down/1/aes128-gcm"),
    near_floor("bulk/L/up/8/aes128-gcm"),
    near_floor("bulk/L/down/8/aes128-gcm"),
    near_floor("bulk/L/up/1/chacha20"),
    near_floor("bulk/L/down/1/chacha20"),
    near_floor("bulk/L/up/8/chacha20"),
    near_floor("bulk/L/down/8/chacha20"),
    near_floor("bulk/L/up/1/aes256-gcm"),
    near_floor("bulk/L/down/1/aes256-gcm"),
    near_floor("bulk/L/up/1/aes256-ctr"),
    near_floor("bulk/L/down/1/aes256-ctr"),
    at_most(CLIENT, "bulk/L/up/1/default", CLIENT_CPU, 0.45),
    at_most(CLIENT, "bulk/L/down/1/default", CLIENT_CPU, 0.45),
    at_least(CLIENT, "bulk/L/up/1/aes128-gcm", SPEED, 1.15),
    at_least(CLIENT, "bulk/L/down/1/aes128-gcm", SPEED, 1.0),
    at_least(CLIENT, "bulk/L/up/8/aes128-gcm", SPEED, 1.15),
    at_least(CLIENT, "bulk/L/down/8/aes128-gcm", SPEED, 1.0),
    at_least(CLIENT, "bulk/L/up/1/chacha20", SPEED, 1.15),
    at_least(CLIENT, "bulk/L/down/1/chacha20", SPEED, 1.0),
    at_least(CLIENT, "bulk/L/up/8/chacha20", SPEED, 1.15),
    at_least(CLIENT, "bulk/L/down/8/chacha20", SPEED, 1.0),
    both_ends("bulk/L/up/1/aes128-gcm"),
    both_ends("bulk/L/down/1/aes128-gcm"),
    at_most(CLIENT, "ping/idle", P50, 0.85),
    at_most(CLIENT, "ping/idle", CPU_EACH, 0.70),
    at_most(CLIENT, "ping/up", P50, 0.25),
    at_least(CLIENT, "ping/up", SPEED, 1.0),
    at_most(CLIENT, "ping/down", P50, 0.25),
    at_least(CLIENT, "ping/down", SPEED, 1.0),
    at_most(CLIENT, "many/short/64", CPU_EACH, 0.85),
    at_least(CLIENT, "many/short/64", RATE, 1.3),
    Goal { than: Than::Itself, ..at_most(CLIENT, "many/kept/5000", "client_kib_each", 4.0) },
    at_least(CLIENT, "many/kept/5000", RATE, 4.0),
    at_most(CLIENT, "idle", PEAK, 0.6),
    at_most(CLIENT, "start/true/sntrup761", START_CPU, 0.06),
    at_most(CLIENT, "start/true/sntrup761", WALL, 0.35),
    at_most(CLIENT, "start/true/curve25519", START_CPU, 0.30),
    at_most(CLIENT, "wire/byte", WALL, 0.45),
    at_least(CLIENT, "wire/bulk/down/1", SPEED, 3.1),
    Goal { than: Than::Pair(RELAY, SPEED), ..at_least(CLIENT, "wire/bulk/down/1", SPEED, 0.95) },
    at_least(CLIENT, "wire/bulk/up/1", SPEED, 1.12),
    at_least(OURS, "wire/bulk/up/1", SPEED, 3.1),
    at_most(SERVER, "bulk/L/up/1/aes128-gcm", SERVER_CPU, 0.70),
    at_most(SERVER, "bulk/L/down/1/aes128-gcm", SERVER_CPU, 0.70),
    at_most(SERVER, "bulk/L/up/1/chacha20", SERVER_CPU, 0.70),
    at_most(SERVER, "bulk/L/down/1/chacha20", SERVER_CPU, 0.70),
    at_most(SERVER, "bulk/L/down/8/aes128-gcm", SERVER_CPU, 0.40),
    at_most(SERVER, "bulk/L/down/8/chacha20", SERVER_CPU, 0.40),
];

/// What became of a goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// The value, which keeps the bound.
    Met(f64),
    /// The value, which does not.
    Missed(f64),
    /// The value, on fewer cores than the goal is for.
    TooFewCores(f64),
}

impl Goal {
    /// Judges it; none when what it needs was not measured.
    #[must_use]
    pub fn judge(&self, measured: &[Measured], pairs: &[String], cores: usize) -> Option<Verdict> {
        let find = |row: &str, pair: &str| samples(measured, pairs, row, pair);
        let own = find(self.row, self.pair)?;
        let value = match self.than {
            Than::Itself => {
                median(&own.iter().filter_map(|s| s.get(self.value).copied()).collect::<Vec<_>>())
            }
            Than::Base => ratio(own, self.value, find(self.row, BASE)?, self.value),
            Than::Pair(pair, value) => ratio(own, self.value, find(self.row, pair)?, value),
            Than::Row(row) => ratio(own, self.value, find(row, self.pair)?, self.value),
        }?;
        Some(if cores < self.cores {
            Verdict::TooFewCores(value)
        } else if self.bound.holds(value) {
            Verdict::Met(value)
        } else {
            Verdict::Missed(value)
        })
    }

    /// The same comparison for a program without SSH, where that says something:
    ///
    /// | of | it is |
    /// | --- | --- |
    /// | a client's CPU time | the trunk's, where it was measured; or the relay's and a cipher's |
    /// | a server's CPU time | the relay's and a cipher's |
    /// | memory, speed on a wire | the relay's |
    /// | a rate, an idle ping | an estimate: see `rate_of_trunk` and `ping_of_trunk` |
    /// | a ping beside a transfer | one through a relay of its own: a yardstick, and no bound |
    #[must_use]
    pub fn floor(&self, measured: &[Measured], pairs: &[String]) -> Option<f64> {
        let find = |pair| samples(measured, pairs, self.row, pair);
        let trunk = || find(TRUNK).filter(|trunk| !trunk.is_empty());
        let (floor, value) = match (self.than, self.value, self.row) {
            // Several connections on one stream cost a client more than each on its own.
            (Than::Pair(RELAY, than), ..) => {
                let both = trunk().zip(find(RELAY));
                let floor = both.and_then(|(trunk, relay)| ratio(trunk, than, relay, than));
                return floor.or(Some(1.0));
            }
            (Than::Base, CLIENT_CPU, _) => (trunk().or(find(RELAY)), BOUND_CPU),
            (Than::Base, SERVER_CPU, _) => (find(RELAY), BOUND_SERVER_CPU),
            (Than::Base, RATE, row) if row.starts_with("many/short/") => {
                return rate_of_trunk(find(BASE)?, trunk()?);
            }
            (Than::Base, P50, "ping/idle") => return ping_of_trunk(find(BASE)?, trunk()?),
            // The relay's would stand behind all that its own buffers hold.
            (Than::Base, P50, _) => return ratio(find(self.pair)?, APART_P50, find(BASE)?, P50),
            (Than::Base, CPU_EACH, "ping/idle") => (trunk(), CPU_EACH),
            (Than::Base, PEAK, _) => (find(RELAY), PEAK),
            (Than::Base, SPEED, row) if row.starts_with("wire/") => (find(RELAY), SPEED),
            _ => return None,
        };
        ratio(floor?, value, find(BASE)?, self.value)
    }

    /// What it is compared with; nothing where the value itself counts.
    #[must_use]
    pub fn against(&self) -> String {
        match self.than {
            Than::Base => BASE.to_owned(),
            Than::Pair(pair, value) if value == self.value => pair.to_owned(),
            Than::Pair(pair, value) => format!("{pair}'s {value}"),
            Than::Row(row) => format!("own of {row}"),
            Than::Itself => String::new(),
        }
    }

    /// What is compared with what.
    #[must_use]
    pub fn text(&self) -> String {
        let against = self.against();
        let than = if against.is_empty() { against } else { format!("/ {against}") };
        format!("{:<25} {:<11} {} {than}", self.row, self.pair, self.value)
    }
}

fn samples<'a>(
    measured: &'a [Measured],
    pairs: &[String],
    row: &str,
    pair: &str,
) -> Option<&'a [Sample]> {
    let row = measured.iter().find(|measured| measured.row == row)?;
    let at = pairs.iter().position(|name| name == pair)?;
    row.outcomes.get(at).map(|outcome| outcome.samples.as_slice())
}

/// What ssh's rate would rise to, were its client as cheap as the trunk's, and all other processes
/// as dear and the processors as busy as they are.
fn rate_of_trunk(base: &[Sample], trunk: &[Sample]) -> Option<f64> {
    let ratios = base.iter().zip(trunk).filter_map(|(base, trunk)| {
        let each = base.get(BUSY)? * 1e6 / base.get(RATE)?;
        Some(each / (each - base.get(CPU_EACH)? + trunk.get(CPU_EACH)?))
    });
    median(&ratios.filter(|ratio| ratio.is_finite()).collect::<Vec<f64>>())
}

/// What ssh's time of a ping would be, were its client as cheap as the trunk's, all that it saves a
/// part of that time, and everything else as it is.
fn ping_of_trunk(base: &[Sample], trunk: &[Sample]) -> Option<f64> {
    let ratios = base.iter().zip(trunk).filter_map(|(base, trunk)| {
        Some(1.0 - (base.get(CPU_EACH)? - trunk.get(CPU_EACH)?) / base.get(P50)?)
    });
    median(&ratios.filter(|ratio| ratio.is_finite()).collect::<Vec<f64>>())
}

/// The median of what two lists of samples come to beside each other, round by round.
#[must_use]
pub fn ratio(ours: &[Sample], value: &str, theirs: &[Sample], than: &str) -> Option<f64> {
    let pairs = ours.iter().zip(theirs);
    let ratios = pairs.filter_map(|(ours, theirs)| Some(ours.get(value)? / theirs.get(than)?));
    median(&ratios.filter(|ratio| ratio.is_finite()).collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, rows, sample};
    use super::*;

    #[test]
    fn every_goal_names_a_row() {
        let rows = rows::all(1 << 20, rows::usual_wire());
        for goal in GOALS {
            let other = if let Than::Row(row) = goal.than { row } else { goal.row };
            for name in [goal.row, other] {
                assert!(rows.iter().any(|row| row.name == name), "{name}");
            }
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let outcome = |values: &[f64]| Outcome {
            samples: values.iter().map(|value| sample([(WALL, *value)])).collect(),
            failure: None,
        };
        let outcomes = vec![outcome(&[100.0, 200.0, 400.0]), outcome(&[40.0, 80.0, 240.0])];
        let measured = [Measured { row: "wire/byte".to_owned(), outcomes }];
        let pairs = [BASE, CLIENT].map(str::to_owned);
        let goal = at_most(CLIENT, "wire/byte", WALL, 0.45);
        let judged = |goal: Goal| goal.judge(&measured, &pairs, 2);
        assert_eq!(judged(goal), Some(Verdict::Met(0.4)));
        let strict = Goal { bound: Bound::AtMost(0.3), ..goal };
        assert_eq!(judged(strict), Some(Verdict::Missed(0.4)));
        assert_eq!(judged(Goal { cores: 4, ..goal }), Some(Verdict::TooFewCores(0.4)));
        assert_eq!(judged(Goal { than: Than::Itself, ..goal }), Some(Verdict::Missed(80.0)));
        assert_eq!(judged(Goal { value: P50, ..goal }), None);
        assert_eq!(judged(Goal { pair: RELAY, ..goal }), None);
    }

    #[test]
    fn a_floor_is_what_the_relay_comes_to() {
        let outcome = |values: [(&'static str, f64); 2]| Outcome {
            samples: vec![sample(values)],
            failure: None,
        };
        let row = |name: &str, base, relay| Measured {
            row: name.to_owned(),
            outcomes: vec![outcome(base), outcome(relay)],
        };
        let bulk = "bulk/L/up/8/aes128-gcm";
        let measured = [
            row(bulk, [(CLIENT_CPU, 2.0), (SPEED, 9.0)], [(BOUND_CPU, 1.0), (SPEED, 9.0)]),
            row("ping/idle", [(P50, 100.0), (CPU_EACH, 50.0)], [(P50, 80.0), (CPU_EACH, 40.0)]),
            row("ping/up", [(P50, 400.0), (APART_P50, 80.0)], [(P50, 8000.0), (SPEED, 9.0)]),
            row("wire/bulk/up/1", [(SPEED, 40.0), (PEAK, 1.0)], [(SPEED, 120.0), (PEAK, 1.0)]),
        ];
        let pairs = [BASE, RELAY].map(str::to_owned);
        let floor = |row, value| at_most(BASE, row, value, 1.0).floor(&measured, &pairs);
        assert_eq!(floor(bulk, CLIENT_CPU), Some(0.5));
        assert_eq!(floor(bulk, SPEED), None);
        assert_eq!(floor(bulk, SERVER_CPU), None, "nobody measured it");
        assert_eq!([floor("ping/idle", CPU_EACH), floor("ping/idle", P50)], [None; 2]);
        assert_eq!(floor("ping/up", P50), Some(0.2), "of one that shares only the processors");
        assert_eq!(floor("wire/bulk/up/1", SPEED), Some(3.0));
        assert_eq!(near_floor(bulk).floor(&measured, &pairs), Some(1.0));
        // Beside the relay, where the trunk stands in for ssh: twice as much.
        let pairs = [TRUNK, RELAY].map(str::to_owned);
        let both = [row(bulk, [(BOUND_CPU, 2.0), (SPEED, 9.0)], [(BOUND_CPU, 1.0), (SPEED, 9.0)])];
        assert_eq!(near_floor(bulk).floor(&both, &pairs), Some(2.0));
        // Beside ssh, where the trunk was measured, that is what counts.
        let pairs = [BASE, TRUNK].map(str::to_owned);
        let floor = |row, value| at_most(CLIENT, row, value, 1.0).floor(&measured, &pairs);
        assert_eq!([floor(bulk, CLIENT_CPU), floor(bulk, SERVER_CPU)], [Some(0.5), None]);
        assert_eq!(floor("ping/idle", CPU_EACH), Some(0.8));
        assert_eq!(floor("ping/idle", P50), Some(0.9), "100 us without 10 of the client's");
    }

    #[test]
    fn a_cheaper_client_makes_what_is_left_of_a_connection_cheaper() {
        // 400 us of two processors each, of which 150 are the client's.
        let base = sample([(RATE, 5000.0), (BUSY, 2.0), (CPU_EACH, 150.0)]);
        let trunk = sample([(RATE, 9000.0), (BUSY, 2.0), (CPU_EACH, 70.0)]);
        let outcome = |sample| Outcome { samples: vec![sample], failure: None };
        let outcomes = vec![outcome(base), outcome(trunk)];
        let measured = [Measured { row: "many/short/64".to_owned(), outcomes }];
        let pairs = [BASE, TRUNK].map(str::to_owned);
        let goal = at_least(CLIENT, "many/short/64", RATE, 1.3);
        assert_eq!(goal.floor(&measured, &pairs), Some(1.25));
        assert_eq!(goal.floor(&measured, &pairs[..1]), None);
    }
}

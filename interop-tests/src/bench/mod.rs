//! Measures tssh and tsshd side by side with any client and server that take ssh's command line.
//!
//! A row is one piece of work. It is done by every pair of a client and a server in turn, round
//! by round, so that whatever else the machine does falls on all of them; ratios are taken within
//! a round, and of those the median. A relay without SSH is one of the pairs: the floor.
//!
//! | module | what it gives |
//! | --- | --- |
//! | [`peers`], `others` | the programs, and their command lines |
//! | [`tunnel`], [`target`], [`stream`] | a forward in use, its far end, and the bytes in it |
//! | [`wire`], [`relay`], [`trunk`] | a long wire in user space; the relays without SSH |
//! | [`bulk`], [`ping`], [`many`], [`start`] | the work |
//! | [`crypto`] | what a cipher costs alone |
//! | [`plan`], [`rows`] | what is asked for, and what there is |
//! | [`goals`], [`report`] | what it should come to, and how it is shown |

pub mod bulk;
pub mod crypto;
pub mod goals;
pub mod many;
mod others;
pub mod page;
pub mod peers;
pub mod ping;
pub mod plan;
pub mod relay;
pub mod report;
pub mod rows;
pub mod start;
pub mod stream;
pub mod target;
pub mod trunk;
pub mod tunnel;
pub mod wire;

use peers::Pair;
use rows::Row;
use std::collections::BTreeMap;

/// What one measurement yields: values by their names, which end in their unit.
pub type Sample = BTreeMap<&'static str, f64>;

fn sample<const N: usize>(values: [(&'static str, f64); N]) -> Sample {
    values.into_iter().collect()
}

/// What a pair came to in a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// One sample for each round.
    pub samples: Vec<Sample>,
    /// Why there are not as many as rounds.
    pub failure: Option<String>,
}

/// A row with what all pairs came to, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The row's name.
    pub row: String,
    /// What each pair came to.
    pub outcomes: Vec<Outcome>,
}

/// Measures one row: all pairs in turn, so many times. A pair that fails is left out from then
/// on.
#[must_use]
pub fn measure(row: &Row, pairs: &[Pair], rounds: usize) -> Measured {
    let mut outcomes = vec![Outcome::default(); pairs.len()];
    for round in 0..rounds {
        for (pair, outcome) in pairs.iter().zip(&mut outcomes) {
            if outcome.failure.is_some() {
                continue;
            }
            match row.once(pair) {
                Ok(sample) => outcome.samples.push(sample),
                Err(error) => {
                    // What cannot be asked for is told before the first round only.
                    let when = if round == 0 { String::new() } else { format!("round {round}: ") };
                    outcome.failure = Some(format!("{when}{error}"));
                }
            }
        }
    }
    Measured { row: row.name.clone(), outcomes }
}

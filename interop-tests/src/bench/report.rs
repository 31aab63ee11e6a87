//! Tables to read, and JSON for programs.

use super::goals::{GOALS, Goal, Verdict, ratio};
use super::{Measured, Outcome};
use crate::measure::median;
use std::fmt::Write as _;

/// What a failure says where nothing is wrong: this pair has no such thing.
pub const NOT_APPLICABLE: &str = "not applicable";
const LABEL_COLUMNS: usize = 24;
const PAIR_COLUMNS: usize = 17;

/// One row: a line for each value, a column for each pair, with the ratio to the first one and,
/// last, how far the first one's own values lie apart.
#[must_use]
pub fn row(measured: &Measured, pairs: &[String]) -> String {
    let mut text = String::new();
    let _ = write!(text, "{:<LABEL_COLUMNS$}", measured.row);
    for pair in pairs {
        let _ = write!(text, "{pair:>PAIR_COLUMNS$}");
    }
    text.push_str("   spread\n");
    let mut values: Vec<&str> = Vec::new();
    for sample in measured.outcomes.iter().flat_map(|outcome| &outcome.samples) {
        values.extend(sample.keys());
    }
    values.sort_unstable();
    values.dedup();
    for value in values {
        let _ = write!(text, "  {value:<width$}", width = LABEL_COLUMNS - 2);
        for (at, outcome) in measured.outcomes.iter().enumerate() {
            let _ = write!(text, "{:>PAIR_COLUMNS$}", cell(measured, at, outcome, value));
        }
        let base = measured.outcomes.first().map(|outcome| numbers(outcome, value));
        let spread = base.and_then(|numbers| spread(&numbers)).unwrap_or_default();
        let _ = writeln!(text, "{:>9}", format!("{spread:.0} %"));
    }
    for (pair, outcome) in pairs.iter().zip(&measured.outcomes) {
        if let Some(failure) = outcome.failure.as_deref().filter(|text| *text != NOT_APPLICABLE) {
            let _ = writeln!(text, "  {pair}: {failure}");
        }
    }
    text
}

fn cell(measured: &Measured, at: usize, outcome: &Outcome, value: &str) -> String {
    let Some(middle) = median(&numbers(outcome, value)) else { return "-".to_owned() };
    let base = measured.outcomes.first().filter(|_| at > 0);
    let ratio = base.and_then(|base| ratio(&outcome.samples, value, &base.samples, value));
    match ratio {
        Some(ratio) => format!("{} ({ratio:.2}x)", short(middle)),
        None => short(middle),
    }
}

fn numbers(outcome: &Outcome, value: &str) -> Vec<f64> {
    outcome.samples.iter().filter_map(|sample| sample.get(value).copied()).collect()
}

/// Half of the way from the least to the greatest, in percent of the middle.
fn spread(numbers: &[f64]) -> Option<f64> {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spread = (greatest - least) / 2.0 / median(numbers)? * 100.0;
    Some(spread).filter(|spread| spread.is_finite())
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The goals that were measured, each with what it came to.
#[must_use]
pub fn goals(measured: &[Measured], pairs: &[String], cores: usize) -> String {
    let mut text = String::new();
    let (mut met, mut all) = (0, 0);
    for goal in GOALS {
        let Some(verdict) = goal.judge(measured, pairs, cores) else { continue };
        let (value, word) = match verdict {
            Verdict::Met(value) => (value, "met".to_owned()),
            Verdict::Missed(value) => (value, "NOT MET".to_owned()),
            Verdict::TooFewCores(value) => (value, format!("needs {} cores", goal.cores)),
        };
        all += usize::from(!matches!(verdict, Verdict::TooFewCores(_)));
        met += usize::from(matches!(verdict, Verdict::Met(_)));
        let _ = writeln!(text, "{value:>6.2}  {:<8} {word:<14} {}", goal.bound.text(), goal.text());
    }
    if !text.is_empty() {
        let _ = writeln!(text, "{met} of {all} goals met");
    }
    text
}

/// Everything as JSON. `facts` are names and values of what was measured where.
#[must_use]
pub fn json(
    measured: &[Measured],
    pairs: &[String],
    cores: usize,
    facts: &[(&str, String)],
) -> String {
    let facts = facts.iter().map(|(name, value)| (*name, quoted(value)));
    let rows = measured.iter().map(|row| {
        let outcomes = pairs.iter().zip(&row.outcomes);
        let outcomes = outcomes.map(|(pair, outcome)| (pair.as_str(), json_outcome(outcome)));
        object([("row", quoted(&row.row)), ("pairs", object(outcomes))])
    });
    let goals =
        GOALS.iter().filter_map(|goal| Some(json_goal(goal, goal.judge(measured, pairs, cores)?)));
    let parts = [("facts", object(facts)), ("rows", list(rows)), ("goals", list(goals))];
    object(parts) + "\n"
}

fn json_outcome(outcome: &Outcome) -> String {
    let samples = outcome
        .samples
        .iter()
        .map(|sample| object(sample.iter().map(|(name, value)| (*name, format!("{value:.6}")))));
    let failure = outcome.failure.as_deref().map_or("null".to_owned(), quoted);
    object([("samples", list(samples)), ("failure", failure)])
}

fn json_goal(goal: &Goal, verdict: Verdict) -> String {
    let (value, met) = match verdict {
        Verdict::Met(value) => (value, "true"),
        Verdict::Missed(value) => (value, "false"),
        Verdict::TooFewCores(value) => (value, "null"),
    };
    object([
        ("goal", quoted(&goal.text())),
        ("bound", quoted(&goal.bound.text())),
        ("value", format!("{value:.6}")),
        ("met", met.to_owned()),
    ])
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let members = members.into_iter().map(|(name, value)| format!("{}:{value}", quoted(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_row_is_a_table_and_json() {
        let outcome = |values: &[f64], failure: Option<&str>| Outcome {
            samples: values.iter().map(|value| sample([("wall_ms", *value)])).collect(),
            failure: failure.map(str::to_owned),
        };
        let outcomes = vec![
            outcome(&[90.0, 100.0, 110.0], None),
            outcome(&[45.0, 40.0, 44.0], None),
            outcome(&[], Some("no \"such\"\nthing")),
        ];
        let measured = Measured { row: "start/true/curve25519".to_owned(), outcomes };
        let pairs = ["ssh+sshd", "tssh+sshd", "other"].map(str::to_owned);
        let text = row(&measured, &pairs);
        let lines: Vec<String> =
            text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[0], "start/true/curve25519 ssh+sshd tssh+sshd other spread");
        assert_eq!(lines[1], "wall_ms 100 44.0 (0.40x) - 10 %");
        assert_eq!(lines[2], "other: no \"such\"");
        let json = json(&[measured], &pairs, 2, &[("date", "today".to_owned())]);
        assert!(json.contains(r#""ssh+sshd":{"samples":[{"wall_ms":90.000000},"#), "{json}");
        assert!(json.contains(r#""failure":"no \"such\"\u000athing""#), "{json}");
        assert_eq!(short(0.0612), "0.061");
    }
}

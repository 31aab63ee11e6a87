//! The measurements within a page of Markdown, between two marks: what is around them stays.

use super::goals::{GOALS, Verdict};
use super::{Measured, report};
use std::fmt::Write as _;

/// Before what is measured.
pub const BEGIN: &str = "<!-- measured: begin -->";
/// Behind it.
pub const END: &str = "<!-- measured: end -->";

/// `page` with what `measured` makes of its older measurements in their place.
///
/// # Errors
/// A page without the two marks, each on a line of its own.
pub fn renewed(page: &str, measured: impl FnOnce(&str) -> String) -> Result<String, String> {
    let missing = || format!("the page lacks its marks, {BEGIN} and {END}");
    let (before, rest) = page.split_once(&format!("{BEGIN}\n")).ok_or_else(missing)?;
    let (old, behind) = rest.split_once(&format!("{END}\n")).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n{}{END}\n{behind}", measured(old)))
}

/// What stands there: where and how, the goals as a table, and every row as it is printed. What
/// was not measured now stays as `old` has it, with the run that it is of.
#[must_use]
pub fn text(
    measured: &[Measured],
    pairs: &[String],
    cores: usize,
    facts: &[(&str, String)],
    old: &str,
) -> String {
    let mut text = String::new();
    for (name, value) in facts {
        let _ = writeln!(text, "- {name}: {value}");
    }
    let table = goals(measured, pairs, cores, old);
    let (kept, rows) = rows(measured, pairs, old);
    for line in old.lines().filter(|line| kept && line.starts_with(RUN)) {
        let _ = writeln!(text, "{line}");
    }
    text + &format!("{table}\n```text\n{rows}\n```\n")
}

/// How the line of a run begins, among what is said of a measurement.
const RUN: &str = "- run: ";

fn goals(measured: &[Measured], pairs: &[String], cores: usize, old: &str) -> String {
    let mut text = "\n| row | whose | what | against | measured | goal | floor | |\n".to_owned();
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for goal in GOALS {
        let head =
            format!("| {} | {} | {} | {} |", goal.row, goal.pair, goal.value, goal.against());
        let (value, word) = match goal.judge(measured, pairs, cores) {
            None => (None, "not measured".to_owned()),
            Some(Verdict::Met(value)) => (Some(value), "met".to_owned()),
            Some(Verdict::Missed(value)) => (Some(value), "**not met**".to_owned()),
            Some(Verdict::TooFewCores(value)) => {
                (Some(value), format!("needs {} cores", goal.cores))
            }
        };
        let line = old.lines().find(|line| value.is_none() && line.starts_with(&head));
        let shown =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let _ = match line {
            Some(line) => writeln!(text, "{line}"),
            None => writeln!(
                text,
                "{head} {} | {} | {} | {word} |",
                shown(value),
                goal.bound.text(),
                shown(goal.floor(measured, pairs)),
            ),
        };
    }
    text
}

/// The rows as they are printed, the older ones first, and whether there is any of those.
fn rows(measured: &[Measured], pairs: &[String], old: &str) -> (bool, String) {
    let printed = old.split("```").nth(1).unwrap_or_default().trim_start_matches("text\n");
    let is_new = |name: &str| measured.iter().any(|row| row.row == name);
    let older = printed.split("\n\n").map(str::trim_end);
    let older: Vec<&str> = older
        .filter(|row| row.split_whitespace().next().is_some_and(|name| !is_new(name)))
        .collect();
    let newer = measured.iter().map(|row| report::row(row, pairs).trim_end().to_owned());
    let all: Vec<String> = older.iter().map(|row| (*row).to_owned()).chain(newer).collect();
    (!older.is_empty(), all.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, sample};
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_renewed() {
        let page = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nreasons\n");
        let new = renewed(&page, |old| old.replace("old", "new")).unwrap();
        assert_eq!(new, format!("# Title\n\n{BEGIN}\nnew\n{END}\n\nreasons\n"));
        let missing = renewed("# Title\n", |_| String::new());
        assert!(missing.unwrap_err().contains(BEGIN));
        assert!(renewed(&format!("{BEGIN}\n"), |_| String::new()).is_err());
    }

    fn measured(row: &str, value: &'static str, base: f64, ours: f64) -> Measured {
        let outcome =
            |number: f64| Outcome { samples: vec![sample([(value, number)])], failure: None };
        Measured { row: row.into(), outcomes: vec![outcome(base), outcome(ours)] }
    }

    #[test]
    fn goals_and_rows_stand_on_it() {
        let row = measured("wire/byte", "wall_ms", 9.0, 6.0);
        let pairs = ["ssh+sshd", "tssh+sshd"].map(str::to_owned);
        let text = text(&[row], &pairs, 2, &[("run", "one".to_owned())], "");
        assert!(text.starts_with("- run: one\n\n| row |"), "{text}");
        let goal =
            "| wire/byte | tssh+sshd | wall_ms | ssh+sshd | 0.67 | <= 0.45 | - | **not met** |\n";
        assert!(text.contains(goal), "{text}");
        let goal =
            "| idle | tssh+sshd | client_peak_mib | ssh+sshd | - | <= 0.60 | - | not measured |\n";
        assert!(text.contains(goal), "{text}");
        assert!(text.contains("```text\nwire/byte ") && text.ends_with(" %\n```\n"), "{text}");
    }

    #[test]
    fn what_is_not_measured_now_stays_with_its_run() {
        let pairs = ["ssh+sshd", "tssh+sshd"].map(str::to_owned);
        let with = |row, run: &str, old: &str| {
            text(&[row], &pairs, 2, &[("cpu", "x".to_owned()), ("run", run.to_owned())], old)
        };
        let first = with(measured("wire/byte", "wall_ms", 9.0, 6.0), "one", "");
        let both = with(measured("idle", "client_peak_mib", 8.0, 4.0), "two", &first);
        assert!(both.starts_with("- cpu: x\n- run: two\n- run: one\n\n"), "{both}");
        for goal in ["| 0.67 | <= 0.45 | - | **not met** |\n", "| 0.50 | <= 0.60 | - | met |\n"] {
            assert!(both.contains(goal), "{both}");
        }
        assert!(both.contains("```text\nwire/byte ") && both.contains("\n\nidle "), "{both}");
        // Nothing of an older run is left: neither is its line.
        let again = with(measured("idle", "client_peak_mib", 8.0, 6.0), "three", &both);
        let last = with(measured("wire/byte", "wall_ms", 9.0, 3.0), "four", &again);
        assert!(last.contains("| 0.75 |") && last.contains("| 0.33 |"), "{last}");
        assert_eq!(last.matches("\nidle ").count(), 1, "{last}");
    }
}

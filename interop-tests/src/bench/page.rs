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

/// What stands there: where and how, the goals as a table, and every row as it is printed. A row
/// that was not measured now stays as `old` has it, with the line of its run, unless that was on
/// another machine.
#[must_use]
pub fn text(
    measured: &[Measured],
    pairs: &[String],
    cores: usize,
    facts: &[(&str, String)],
    old: &str,
) -> String {
    let lines = facts.iter().map(|(name, value)| format!("- {name}: {value}"));
    let lines: Vec<String> = lines.collect();
    let same = |line: &String| line.starts_with(RUN) || old.lines().any(|known| known == line);
    let old = if lines.iter().all(same) { old } else { "" };
    let date = facts.iter().find(|(name, _)| *name == "run").map(|(_, run)| date_of(run));
    let rows = rows(measured, pairs, date.unwrap_or_default(), old);
    let older = old.lines().filter_map(|line| Some((line, line.strip_prefix(RUN)?)));
    let older = older.filter(|(_, run)| rows.contains(&measured_on(date_of(run))));
    let older = older.map(|(line, _)| line.to_owned());
    let head: Vec<String> = lines.into_iter().chain(older).collect();
    let table = goals(measured, pairs, cores, old);
    format!("{}\n{table}\n```text\n{rows}\n```\n", head.join("\n") + "\n")
}

/// How the line of a run begins, among what is said of a measurement.
const RUN: &str = "- run: ";

/// A run's date, by which rows name it.
fn date_of(run: &str) -> &str {
    run.split(',').next().unwrap_or_default()
}

/// The last line of a row.
fn measured_on(date: &str) -> String {
    format!("  run of {date}")
}

fn goals(measured: &[Measured], pairs: &[String], cores: usize, old: &str) -> String {
    let mut text = "| row | whose | what | against | measured | goal | floor | |\n".to_owned();
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for goal in GOALS {
        let bound = goal.bound.text();
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
        let now = measured.iter().any(|row| row.row == goal.row);
        let is_old =
            |line: &&str| line.starts_with(&head) && line.contains(&format!("| {bound} |"));
        let shown =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let _ = match old.lines().find(|line| !now && is_old(line)) {
            Some(line) => writeln!(text, "{line}"),
            None => {
                let floor = shown(goal.floor(measured, pairs));
                writeln!(text, "{head} {} | {bound} | {floor} | {word} |", shown(value))
            }
        };
    }
    text
}

/// The rows as they are printed, with the date of their run, the older ones first.
fn rows(measured: &[Measured], pairs: &[String], date: &str, old: &str) -> String {
    let printed = old.split("```").nth(1).unwrap_or_default().trim_start_matches("text\n");
    let is_new = |name: &str| measured.iter().any(|row| row.row == name);
    let older = printed.split("\n\n").map(|row| row.trim_end().to_owned());
    let older = older.filter(|row| row.split_whitespace().next().is_some_and(|name| !is_new(name)));
    let newer = measured.iter().map(|row| report::row(row, pairs) + &measured_on(date));
    older.chain(newer).collect::<Vec<_>>().join("\n\n")
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
        let text = text(&[row], &pairs, 2, &[("run", "today, 1 rounds".to_owned())], "");
        assert!(text.starts_with("- run: today, 1 rounds\n\n| row |"), "{text}");
        let goal =
            "| wire/byte | tssh+sshd | wall_ms | ssh+sshd | 0.67 | <= 0.45 | - | **not met** |\n";
        assert!(text.contains(goal), "{text}");
        let goal =
            "| idle | tssh+sshd | client_peak_mib | ssh+sshd | - | <= 0.60 | - | not measured |\n";
        assert!(text.contains(goal), "{text}");
        assert!(text.contains("|\n\n```text\nwire/byte "), "{text}");
        assert!(text.ends_with(" %\n  run of today\n```\n"), "{text}");
    }

    #[test]
    fn what_is_not_measured_now_stays_with_its_run() {
        let pairs = ["ssh+sshd", "tssh+sshd"].map(str::to_owned);
        let with = |row, cpu: &str, run: &str, old: &str| {
            let facts = [("cpu", cpu.to_owned()), ("run", format!("{run}, 7 rounds"))];
            text(&[row], &pairs, 2, &facts, old)
        };
        let first = with(measured("wire/byte", "wall_ms", 9.0, 6.0), "x", "one", "");
        let both = with(measured("idle", "client_peak_mib", 8.0, 4.0), "x", "two", &first);
        let runs = "- cpu: x\n- run: two, 7 rounds\n- run: one, 7 rounds\n\n";
        assert!(both.starts_with(runs), "{both}");
        for goal in ["| 0.67 | <= 0.45 | - | **not met** |\n", "| 0.50 | <= 0.60 | - | met |\n"] {
            assert!(both.contains(goal), "{both}");
        }
        assert!(both.contains("%\n  run of one\n\nidle "), "{both}");
        // A run of which nothing is left is not named any more.
        let last = with(measured("wire/byte", "wall_ms", 9.0, 3.0), "x", "three", &both);
        assert!(last.contains("| 0.33 |") && !last.contains("| 0.67 |"), "{last}");
        assert!(last.contains("run: two") && !last.contains("run: one"), "{last}");
        assert_eq!(last.matches("\nwire/byte ").count(), 1, "{last}");
        // Neither is what was measured on another machine, nor what now failed.
        let other = with(measured("idle", "client_peak_mib", 8.0, 4.0), "y", "four", &last);
        assert!(!other.contains("| 0.33 |") && !other.contains("run: two"), "{other}");
        let failed = with(measured("wire/byte", "other", 9.0, 3.0), "x", "five", &last);
        assert!(!failed.contains("| 0.33 |") && failed.contains("| - | <= 0.45 |"), "{failed}");
    }
}

//! The measurements within a page of Markdown, between two marks: what is around them stays.

use super::goals::{GOALS, Verdict};
use super::{Measured, report};
use std::fmt::Write as _;

/// Before what is measured.
pub const BEGIN: &str = "<!-- measured: begin -->";
/// Behind it.
pub const END: &str = "<!-- measured: end -->";

/// `page` with these measurements in the place of its older ones.
///
/// # Errors
/// A page without the two marks, each on a line of its own.
pub fn renewed(page: &str, measured: &str) -> Result<String, String> {
    let missing = || format!("the page lacks its marks, {BEGIN} and {END}");
    let (before, rest) = page.split_once(&format!("{BEGIN}\n")).ok_or_else(missing)?;
    let (_, behind) = rest.split_once(&format!("{END}\n")).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n{measured}{END}\n{behind}"))
}

/// What stands there: where and how, the goals as a table, and every row as it is printed.
#[must_use]
pub fn text(
    measured: &[Measured],
    pairs: &[String],
    cores: usize,
    facts: &[(&str, String)],
) -> String {
    let mut text = String::new();
    for (name, value) in facts {
        let _ = writeln!(text, "- {name}: {value}");
    }
    text.push_str("\n| row | whose | what | against | measured | goal | floor | |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for goal in GOALS {
        let (value, word) = match goal.judge(measured, pairs, cores) {
            None => (None, "not measured".to_owned()),
            Some(Verdict::Met(value)) => (Some(value), "met".to_owned()),
            Some(Verdict::Missed(value)) => (Some(value), "**not met**".to_owned()),
            Some(Verdict::TooFewCores(value)) => {
                (Some(value), format!("needs {} cores", goal.cores))
            }
        };
        let shown =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {word} |",
            goal.row,
            goal.pair,
            goal.value,
            goal.against(),
            shown(value),
            goal.bound.text(),
            shown(goal.floor(measured, pairs)),
        );
    }
    text.push_str("\n```text\n");
    for row in measured {
        let _ = writeln!(text, "{}", report::row(row, pairs));
    }
    text.truncate(text.trim_end().len());
    text + "\n```\n"
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, sample};
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_renewed() {
        let page = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nreasons\n");
        let new = renewed(&page, "new\n").unwrap();
        assert_eq!(new, format!("# Title\n\n{BEGIN}\nnew\n{END}\n\nreasons\n"));
        assert_eq!(renewed(&new, "old\n").unwrap(), page);
        assert!(renewed("# Title\n", "new\n").unwrap_err().contains(BEGIN));
        assert!(renewed(&format!("{BEGIN}\n"), "new\n").is_err());
    }

    #[test]
    fn goals_and_rows_stand_on_it() {
        let outcome =
            |value: f64| Outcome { samples: vec![sample([("wall_ms", value)])], failure: None };
        let row = Measured { row: "wire/byte".into(), outcomes: vec![outcome(9.0), outcome(6.0)] };
        let pairs = ["ssh+sshd", "tssh+sshd"].map(str::to_owned);
        let text = text(&[row], &pairs, 2, &[("rounds", "1".to_owned())]);
        assert!(text.starts_with("- rounds: 1\n\n| row |"), "{text}");
        let goal =
            "| wire/byte | tssh+sshd | wall_ms | ssh+sshd | 0.67 | <= 0.45 | - | **not met** |\n";
        assert!(text.contains(goal), "{text}");
        let goal =
            "| idle | tssh+sshd | client_peak_mib | ssh+sshd | - | <= 0.60 | - | not measured |\n";
        assert!(text.contains(goal), "{text}");
        assert!(text.contains("```text\nwire/byte ") && text.ends_with(" %\n```\n"), "{text}");
    }
}

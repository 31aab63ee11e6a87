//! `--run-coverage`: which requirements of the RFCs a traced session exercised.
//!
//! `requirements.tsv` is made from the sources by the test `citations`: the sentences of RFC 4253,
//! 4254 and 8308 with MUST that a file quotes, and the files. [`rules`] says for each of them which
//! event of a trace shows it at work; a test finds a sentence without a rule, and a rule without a
//! sentence.

mod rules;

use crate::exit::Result;
use crate::plan::{Style, wrapped};
use crate::trace::tool::Events;
use rules::{RULES, Rule, State};
use std::path::Path;
use tssh_transport::trace::Kind;

/// RFC, section, sentence and files, one requirement on each line.
const TABLE: &str = include_str!("requirements.tsv");

/// One requirement.
struct Requirement<'t> {
    rfc: &'t str,
    section: &'t str,
    sentence: &'t str,
    files: &'t str,
}

fn requirements() -> impl Iterator<Item = Requirement<'static>> {
    TABLE.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        Some(Requirement {
            rfc: fields.next()?,
            section: fields.next()?,
            sentence: fields.next()?,
            files: fields.next()?,
        })
    })
}

/// The rule of a requirement.
fn rule_of(requirement: &Requirement<'_>) -> Option<usize> {
    RULES.iter().position(|rule: &Rule| {
        requirement.rfc == rule.rfc
            && requirement.section == rule.section
            && requirement.sentence.starts_with(rule.begins)
    })
}

/// The report on a trace.
///
/// # Errors
/// A file that cannot be read, or is no trace.
pub fn report(path: &Path) -> Result<String> {
    let mut events = Events::open(path)?;
    let mut state = State::default();
    // The number of the first event that shows each rule at work.
    let mut shown: Vec<Option<u64>> = vec![None; RULES.len()];
    while let Some(event) = events.next()? {
        if event.kind == Kind::Header {
            state.is_server = event.values.text("side") == "server";
        }
        for (rule, shown) in RULES.iter().zip(&mut shown) {
            if shown.is_none() && (rule.shows)(&event, &state) {
                *shown = Some(event.n);
            }
        }
        state.follow(&event);
    }
    Ok(Style::of_environment().drawn(&text(&shown)))
}

fn text(shown: &[Option<u64>]) -> String {
    let at = |requirement: &Requirement<'_>| {
        let rule = rule_of(requirement)?;
        Some((RULES.get(rule)?, shown.get(rule).copied().flatten()))
    };
    let (mut yes, mut no) = (String::new(), String::new());
    let (mut count, mut all) = (0, 0);
    for requirement in requirements() {
        let Some((rule, event)) = at(&requirement) else { continue };
        let lead = format!("  {} {:6}", requirement.rfc, requirement.section);
        let indent = " ".repeat(lead.len());
        all += 1;
        let out = if event.is_some() { &mut yes } else { &mut no };
        out.push_str(&wrapped(&lead, requirement.sentence));
        let what = match event {
            Some(event) => {
                count += 1;
                format!("✓ event {event}: {}", rule.what)
            }
            None => format!("would take: {}", rule.what),
        };
        out.push_str(&wrapped(&indent, &what));
        for file in requirement.files.split(',') {
            out.push_str(&wrapped(&indent, file));
        }
    }
    let head = wrapped(
        "",
        &format!(
            "{count} of {all} requirements of RFC 4253, 4254 and 8308 were at work in this \
             session. \
             Counted are those that a file quotes; docs/requirements.md has all."
        ),
    );
    let part = |heading: &str, text: String| match text.is_empty() {
        true => String::new(),
        false => format!("\n{heading}\n{text}"),
    };
    head + &part("At work", yes) + &part("Not in this session", no)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_has_one_rule_and_every_rule_a_requirement() {
        let mut used = vec![0; RULES.len()];
        for requirement in requirements() {
            let Requirement { rfc, section, sentence, files } = &requirement;
            let rule = rule_of(&requirement);
            let rule =
                rule.unwrap_or_else(|| panic!("no rule for RFC {rfc} {section}: {sentence}"));
            used[rule] += 1;
            assert!(files.split(',').all(|file| file.ends_with(".rs")), "{files}");
        }
        for (rule, used) in RULES.iter().zip(used) {
            assert_eq!(used, 1, "RFC {} {}: {}", rule.rfc, rule.section, rule.begins);
        }
    }

    #[test]
    fn the_report_counts_what_was_shown_and_fits_a_terminal() {
        let nothing = text(&vec![None; RULES.len()]);
        assert!(nothing.starts_with("0 of ") && !nothing.contains("At work"), "{nothing}");
        let mut shown = vec![None; RULES.len()];
        shown[0] = Some(7);
        let one = text(&shown);
        assert!(one.starts_with("1 of ") && one.contains("✓ event 7"), "{one}");
        assert!(one.lines().all(|line| line.chars().count() <= 80), "{one}");
    }
}

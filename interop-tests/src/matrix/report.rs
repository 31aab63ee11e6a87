//! The table of the documentation, `docs/interop.md`.

use super::peers::{PEERS, Role};
use super::{Cell, Check, Outcome, Row};
use std::fmt::Write as _;

/// The line of one cell while the matrix runs.
#[must_use]
pub fn line(name: &str, cell: &Cell) -> String {
    let seconds = cell.took.as_secs_f64();
    let (word, why) = match &cell.outcome {
        Outcome::Pass => ("pass", ""),
        Outcome::PassButFor(why) => ("pass*", *why),
        Outcome::Not(why) => ("n/a", *why),
        Outcome::Fail(why) => ("FAIL", why.as_str()),
    };
    let line = format!("{word:<6}{name:<34}{:<16}{seconds:>5.1} s  {why}", cell.check.name());
    line.trim_end().to_owned()
}

/// The whole page: what was run, when, and with what result.
#[must_use]
pub fn page(rows: &[Row], date: &str, system: &str) -> String {
    let mut page = String::from(HEAD);
    let _ = writeln!(page, "Last run: {date}, {system}.\n");
    let mut notes: Vec<&str> = Vec::new();
    for (role, title) in
        [(Role::Server, "tssh with each server"), (Role::Client, "Each client with tsshd")]
    {
        let _ = writeln!(page, "## {title}\n");
        table(&mut page, rows.iter().filter(|row| row.peer.role == role), &mut notes);
    }
    page.push_str("## Reasons\n\n");
    for (number, note) in notes.iter().enumerate() {
        let _ = writeln!(page, "{}. {note}.", number + 1);
    }
    page
}

fn table<'a>(page: &mut String, rows: impl Iterator<Item = &'a Row>, notes: &mut Vec<&'a str>) {
    page.push_str("| peer | version |");
    for check in Check::ALL {
        let _ = write!(page, " {} |", check.name());
    }
    page.push_str("\n| --- | --- |");
    page.push_str(&" --- |".repeat(Check::ALL.len()));
    page.push('\n');
    for row in rows {
        let _ = write!(page, "| {} | {} |", row.peer.name, row.version);
        for cell in &row.cells {
            let _ = write!(page, " {} |", word(&cell.outcome, notes));
        }
        page.push('\n');
    }
    page.push('\n');
}

fn word<'a>(outcome: &'a Outcome, notes: &mut Vec<&'a str>) -> String {
    let (word, why) = match outcome {
        Outcome::Pass => return "pass".to_owned(),
        Outcome::PassButFor(why) => ("pass", *why),
        Outcome::Not(why) => ("n/a", *why),
        Outcome::Fail(why) => ("**FAIL**", why.as_str()),
    };
    let known = notes.iter().position(|note| *note == why);
    let number = known.unwrap_or_else(|| {
        notes.push(why);
        notes.len() - 1
    });
    format!("{word} ({})", number + 1)
}

/// The peers that a page has no line for.
#[must_use]
pub fn lacking(page: &str) -> Vec<String> {
    let part = |role| {
        let (servers, clients) = page.split_once("## Each client with tsshd").unwrap_or((page, ""));
        if role == Role::Server { servers } else { clients }
    };
    let lacks = |peer: &&super::peers::Peer| {
        let begin = format!("| {} | ", peer.name);
        !part(peer.role).lines().any(|line| line.starts_with(&begin))
    };
    PEERS.iter().filter(lacks).map(super::peers::Peer::id).collect()
}

const HEAD: &str = "\
# Other implementations

Made by `cargo run --release -p tssh-interop-tests --bin matrix -- --all --write`; not edited by
hand. `./test` runs the core set each time (`--core`), and `--only NAME,...` some of it.

- **exec**: both outputs, the end of the input and the exit status of a command.
- **8 MiB**: through `cat`, there and back at once.
- **-L, -R, -D, -W**: 1 MiB each way at once, compared, and an answer that the far end gives only
  when it has seen the end of our direction. **-L ×10**: ten such connections at once.
- **rekey**: 8 MiB both ways while one end renews the keys after each 1.1 MB, at least three times
  by the count of each end that logs it.

A number in parentheses is a reason, below; each is the peer's own. `pass` with a number: all but
the end of one direction alone, which the peer does not pass on. That the checks can fail is shown
with each run of the core set: clients that lose the exit status, change one byte, cut off the
last answer, forward nothing or never renew keys must fail the check concerned (`--controls`).

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_peer() {
        let path = crate::source::root().join("docs/interop.md");
        let page = std::fs::read_to_string(path).expect("the page");
        assert_eq!(lacking(&page), Vec::<String>::new(), "run the matrix with --all --write");
        assert!(page.starts_with(HEAD), "run the matrix with --all --write");
        assert!(!page.contains("**FAIL**"));
    }
}

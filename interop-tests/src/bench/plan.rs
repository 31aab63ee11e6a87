//! The command line of the measuring tool.

use super::rows::{self, Row};
use std::path::PathBuf;
use std::time::Duration;

/// What `--help` says.
pub const HELP: &str = "\
usage: bench [OPTIONS] [ROW..]

Measures tssh and tsshd beside OpenSSH: interleaved rounds, verified data, medians, ratios to
ssh with sshd in the same round, and the goals. ROW is the beginning of a row's name (bulk,
bulk/L/up, ping, many, start, wire); without any, all rows are measured.

  --list               show the rows
  --rounds N           so many rounds (7)
  --mib N              bulk data of so many MiB each way (256)
  --rtt MS             round trip of the wire's rows (50)
  --gbit RATE          rate of the wire's rows in Gbit/s (1)
  --peers              dbclient, plink and asyncssh too, where they are installed (Debian's
                       dropbear-bin, putty-tools, python3-asyncssh); some of them are slow
  --client NAME=PATH   one more client that takes ssh's command line
  --server NAME=PATH   one more server that takes sshd's command line
  --pairs NAME,..      these pairs only, and ssh+sshd, such as tssh+sshd,relay
  --json FILE          write every sample
  --page FILE          renew the measurements on this page, such as docs/performance.md; rows
                       that are not measured stay as they are
  --bar RATIO          exit status 1 when tssh takes more than RATIO of ssh's client CPU
  --help               this text

Needs Debian's openssh-server and openssh-client. A quiet machine gives steadier figures.";

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// Whether to show them only.
    pub list: bool,
    /// Rounds of each.
    pub rounds: usize,
    /// Whether clients are measured that do not take ssh's command line.
    pub peers: bool,
    /// Further clients.
    pub clients: Vec<(String, PathBuf)>,
    /// Further servers.
    pub servers: Vec<(String, PathBuf)>,
    /// Names of the pairs that are wanted; all when empty.
    pub pairs: Vec<String>,
    /// Where every sample goes.
    pub json: Option<PathBuf>,
    /// The page that is renewed.
    pub page: Option<PathBuf>,
    /// Highest ratio of client CPU that passes.
    pub bar: Option<f64>,
}

impl Plan {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut mib, mut length, mut names) = (256.0, rows::usual_wire(), Vec::new());
        let mut plan = Self {
            rows: Vec::new(),
            list: false,
            rounds: 7,
            peers: false,
            clients: Vec::new(),
            servers: Vec::new(),
            pairs: Vec::new(),
            json: None,
            page: None,
            bar: None,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--peers" => plan.peers = true,
                "--list" => plan.list = true,
                "--rounds" => plan.rounds = number(&value()?)? as usize,
                "--mib" => mib = number(&value()?)?,
                "--rtt" => length.rtt = Duration::from_secs_f64(number(&value()?)? / 1000.0),
                "--gbit" => length.bits_per_second = number(&value()?)? * 1e9,
                "--client" => plan.clients.push(named(&value()?)?),
                "--server" => plan.servers.push(named(&value()?)?),
                "--pairs" => plan.pairs.extend(value()?.split(',').map(str::to_owned)),
                "--json" => plan.json = Some(PathBuf::from(value()?)),
                "--page" => plan.page = Some(PathBuf::from(value()?)),
                "--bar" => plan.bar = Some(number(&value()?)?),
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}"));
                }
                _ => names.push(word),
            }
        }
        plan.rows = rows::all((mib * f64::from(1 << 20)) as u64, length);
        if let Some(name) = names.iter().find(|name| !plan.rows.iter().any(|row| is(row, name))) {
            return Err(format!("there is no row {name}; see --list"));
        }
        plan.rows.retain(|row| names.is_empty() || names.iter().any(|name| is(row, name)));
        if plan.rounds == 0 {
            return Err("no rounds".to_owned());
        }
        Ok(plan)
    }
}

fn is(row: &Row, name: &str) -> bool {
    row.name.starts_with(name)
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite());
    number.ok_or(format!("{text} is not a number above 0"))
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or(format!("{text} is not NAME=PATH"))?;
    let path = std::path::absolute(path).map_err(|error| format!("{path}: {error}"))?;
    if path.is_file() {
        Ok((name.to_owned(), path))
    } else {
        Err(format!("{}: no such file", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Plan, String> {
        Plan::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn command_lines() {
        let all = read("").unwrap();
        assert_eq!((all.rounds, all.list, all.bar), (7, false, None));
        let mut names: Vec<&str> = all.rows.iter().map(|row| row.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.rows.len(), "every row has a name of its own");
        let few = read("--rounds 3 --bar 0.8 --pairs tssh+sshd,relay start/true ping").unwrap();
        assert!(few.rows.iter().all(|row| is(row, "start/true") || is(row, "ping")));
        assert_eq!((few.rounds, few.bar, few.pairs.len()), (3, Some(0.8), 2));
        for bad in ["none", "--rounds 0", "--rounds", "--mib x", "--client x", "--odd", "--page"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read("--client x=/no/such/file").is_err());
    }
}

//! What the programs that measure share: their command line, medians, and the bar.

use std::process::ExitCode;

/// The command line of a measurement: numbers, and `--bar RATIO`.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The numbers in order, each above 0.
    pub numbers: Vec<u64>,
    /// The highest ratio of tssh to ssh that passes.
    pub bar: Option<f64>,
}

impl Asked {
    /// Reads the words behind the program's name; nothing where they are none of these.
    #[must_use]
    pub fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let (mut numbers, mut bar) = (Vec::new(), None);
        while let Some(word) = words.next() {
            if word == "--bar" {
                bar = Some(words.next()?.parse().ok().filter(|bar: &f64| *bar > 0.0)?);
            } else {
                numbers.push(word.parse().ok().filter(|number| *number > 0)?);
            }
        }
        Some(Self { numbers, bar })
    }

    /// Says whether every ratio is within the bar, and yields the status for it.
    #[must_use]
    pub fn verdict(&self, ratios: &[f64]) -> ExitCode {
        let Some(bar) = self.bar else { return ExitCode::SUCCESS };
        // A ratio that is no number, for want of a measurable time, passes no bar.
        let passed = ratios.iter().all(|ratio| *ratio <= bar);
        let verdict = if passed { "every ratio is within" } else { "not every ratio is within" };
        println!("{verdict} the bar of {bar:.2}x");
        if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The middle one of the values.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let read = |text: &str| Asked::read(text.split_whitespace().map(str::to_owned));
        let asked = |numbers: &[u64], bar| Some(Asked { numbers: numbers.to_vec(), bar });
        assert_eq!(read(""), asked(&[], None));
        assert_eq!(read("64 --bar 1.5 3"), asked(&[64, 3], Some(1.5)));
        for bad in ["0", "x", "--bar", "--bar 0", "--bar x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}

//! Which inputs of a search are worth keeping: within bounds, those that reach the most together.
//!
//! What each of them reaches stands in the control file of libFuzzer's merging: the number of
//! inputs and of those in the first folder, their names, and then of each input `STARTED` with its
//! size, `FT` with what it reaches, and `COV`, which is of no use here: it leaves out what an input
//! before has reached. `FT` leaves out nothing where the merging is that of `-set_cover_merge`.
//!
//! What a process does once, such as setting up a table, is reached by whatever it runs first. That
//! is an input of the first folder, which is to hold one for this and nothing else.

use std::io::{self, BufRead};

/// Features of an edge: how often it was taken, in eight steps.
const FEATURES_PER_EDGE: usize = 8;

/// An input, and what it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its file.
    pub name: String,
    /// Its size.
    pub bytes: usize,
    features: Vec<u32>,
}

/// What may be kept of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most files.
    pub files: usize,
    /// The most bytes of all of them.
    pub bytes: usize,
}

/// The inputs of a control file but for those of the first folder, smallest first. One that broke a
/// rule reaches nothing.
///
/// # Errors
/// Where it cannot be read, or is no such file.
pub fn read(control: impl BufRead) -> io::Result<Vec<Input>> {
    let mut lines = control.lines();
    let mut line = || lines.next().transpose();
    let number = |line: Option<String>| {
        line.and_then(|line| line.parse().ok()).ok_or_else(|| bad("no number"))
    };
    let (count, of_first_folder): (usize, usize) = (number(line()?)?, number(line()?)?);
    let mut inputs = Vec::new();
    for _ in 0..count {
        let name = line()?.ok_or_else(|| bad("fewer names than inputs"))?;
        inputs.push(Input { name, bytes: 0, features: Vec::new() });
    }
    while let Some(line) = line()? {
        let mut words = line.split(' ');
        let mark = words.next();
        let mut numbers = words.map(|word| word.parse::<u32>().map_err(|_| bad(&line)));
        let index = numbers.next().ok_or_else(|| bad(&line))??;
        let input = inputs.get_mut(index as usize).ok_or_else(|| bad(&line))?;
        match mark {
            Some("STARTED") => input.bytes = numbers.next().ok_or_else(|| bad(&line))?? as usize,
            Some("FT") => input.features = numbers.collect::<io::Result<_>>()?,
            _ => {}
        }
    }
    inputs.drain(..of_first_folder.min(count));
    inputs.sort_by(|a, b| (a.bytes, &a.name).cmp(&(b.bytes, &b.name)));
    Ok(inputs)
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no control file of a merging: {what}"))
}

/// How many edges these inputs reach together.
#[must_use]
pub fn edges<'a>(inputs: impl IntoIterator<Item = &'a Input>) -> usize {
    let mut reached = Reached::new(FEATURES_PER_EDGE);
    inputs.into_iter().map(|input| reached.add(input)).sum()
}

/// Those to keep: as long as there are edges that none of them reaches, the input that adds most
/// of these for its cost; then the same with features.
#[must_use]
pub fn choose(inputs: &[Input], bounds: Bounds) -> Vec<&Input> {
    let mut chosen = Vec::new();
    for per in [FEATURES_PER_EDGE, 1] {
        add(&mut chosen, inputs, bounds, per);
    }
    chosen
}

fn add<'a>(chosen: &mut Vec<&'a Input>, inputs: &'a [Input], bounds: Bounds, per: usize) {
    let mut reached = Reached::new(per);
    chosen.iter().for_each(|input| _ = reached.add(input));
    let mut bytes: usize = chosen.iter().map(|input| input.bytes).sum();
    // The part of both bounds that an input takes, in units that make it a whole number.
    let cost = |input: &Input| input.bytes * bounds.files + bounds.bytes;
    // The most that each can add. It only falls while others are chosen, so that nothing has to be
    // counted again of those that were too little before.
    let mut most: Vec<usize> = inputs.iter().map(|input| input.features.len()).collect();
    while chosen.len() < bounds.files {
        // What it adds, and its cost.
        let mut best: Option<(usize, &Input)> = None;
        for (most, input) in most.iter_mut().zip(inputs) {
            let better = |adds: usize| {
                best.map_or(adds > 0, |(n, other)| adds * cost(other) > n * cost(input))
            };
            if bytes + input.bytes <= bounds.bytes && better(*most) {
                *most = reached.adds(input);
                if better(*most) {
                    best = Some((*most, input));
                }
            }
        }
        let Some((_, input)) = best else { return };
        reached.add(input);
        bytes += input.bytes;
        chosen.push(input);
    }
}

/// What was reached: features, or groups of them.
struct Reached {
    per: usize,
    is: Vec<bool>,
}

impl Reached {
    const fn new(per: usize) -> Self {
        Self { per, is: Vec::new() }
    }

    /// How much an input would add. Its features are in order, so that a group stands together.
    fn adds(&self, input: &Input) -> usize {
        let groups = input.features.chunk_by(|a, b| self.group(*a) == self.group(*b));
        let news = |group: &&[u32]| !self.is.get(self.group(group[0])).is_some_and(|is| *is);
        groups.filter(news).count()
    }

    /// Adds what an input reaches, and says how much that was.
    fn add(&mut self, input: &Input) -> usize {
        let adds = self.adds(input);
        for feature in &input.features {
            let group = self.group(*feature);
            if group >= self.is.len() {
                self.is.resize(group + 1, false);
            }
            self.is[group] = true;
        }
        adds
    }

    const fn group(&self, feature: u32) -> usize {
        feature as usize / self.per
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An input of each name, size and features.
    fn inputs(list: &[(&str, usize, &[u32])]) -> Vec<Input> {
        let input = |(name, bytes, features): &(&str, usize, &[u32])| Input {
            name: (*name).to_owned(),
            bytes: *bytes,
            features: features.to_vec(),
        };
        list.iter().map(input).collect()
    }

    fn chosen(list: &[(&str, usize, &[u32])], files: usize, bytes: usize) -> String {
        let inputs = inputs(list);
        let chosen = choose(&inputs, Bounds { files, bytes });
        let names: Vec<&str> = chosen.iter().map(|input| input.name.as_str()).collect();
        names.join(" ")
    }

    #[test]
    fn a_control_file_says_what_each_input_reaches() {
        let control = "4\n1\nfirst\nfound/b c\nfound/a\nfound/broken\n\
                       STARTED 0 1\nFT 0 64\nCOV 0 8\n\
                       STARTED 1 9\nFT 1 1 8 9\nCOV 1 0 1\n\
                       STARTED 2 2\nFT 2\nCOV 2\n\
                       STARTED 3 5\n";
        let expected =
            [("found/a", 2, &[][..]), ("found/broken", 5, &[]), ("found/b c", 9, &[1, 8, 9])];
        let read = read(control.as_bytes()).expect("a control file");
        assert_eq!(read, inputs(&expected));
        assert_eq!(edges(&read), 2);
    }

    #[test]
    fn what_is_no_control_file_is_refused() {
        for bad in
            ["", "x\n", "2\n0\na\n", "1\n0\na\nFT 1 2\n", "1\n0\na\nFT 0 x\n", "1\n0\na\nFT\n"]
        {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn edges_come_first_and_the_input_with_most_of_them() {
        // One edge by eight features, three edges, and one more.
        let list: &[(&str, usize, &[u32])] = &[
            ("features", 1, &[0, 1, 2, 3, 4, 5, 6, 7]),
            ("edges", 1, &[0, 8, 16]),
            ("edge", 1, &[0, 24]),
        ];
        assert_eq!(chosen(list, 3, 100), "edges edge features");
        assert_eq!(chosen(list, 2, 100), "edges edge");
    }

    #[test]
    fn what_adds_nothing_is_left_out() {
        let list: &[(&str, usize, &[u32])] =
            &[("a", 1, &[0, 8]), ("twice", 1, &[0, 8]), ("less", 1, &[8]), ("b", 1, &[9])];
        assert_eq!(chosen(list, 9, 100), "a b");
    }

    #[test]
    fn of_two_that_add_the_same_the_smaller_is_taken() {
        let list: &[(&str, usize, &[u32])] = &[("large", 9, &[0, 8]), ("small", 8, &[0, 8])];
        assert_eq!(chosen(list, 9, 100), "small");
    }

    #[test]
    fn a_large_input_costs_more_and_must_fit() {
        let list: &[(&str, usize, &[u32])] =
            &[("large", 80, &[0, 8, 16, 24]), ("a", 10, &[0, 8]), ("b", 10, &[16])];
        assert_eq!(chosen(list, 10, 100), "a b large");
        assert_eq!(chosen(list, 10, 99), "a b");
        assert_eq!(chosen(list, 1, 100), "large");
        assert_eq!(chosen(list, 1, 79), "a");
    }
}

//! The lines of a configuration, as they were read: what they say depends on the connection.

use super::condition::{Criteria, Facts};
use super::keywords::{self, Argument, Keyword, Kind, Scope};
use super::{Options, Settings};
use crate::account::Account;
use crate::config::glob;
use crate::config::words::{lines, split_arguments, split_keyword};
use crate::exit::{Fatal, Result, os_words};
use crate::limits::{CONFIG_FILES_MAX, FILE_BYTES_MAX, INCLUDE_DEPTH_MAX};
use crate::server::log;
use std::io::Read as _;
use std::path::Path;

/// Every line that has an effect, in the order in which they were read. Bounded by the number and
/// the size of the files.
#[derive(Debug, Clone)]
pub struct Script {
    account: Account,
    lines: Vec<Line>,
    blocks: Vec<Block>,
    /// Those of `-p`, in place of every other.
    ports: Vec<u16>,
    files: usize,
    /// What the lines outside and within blocks add up to; here values are checked.
    outside: Options,
    within: Options,
}

#[derive(Debug, Clone)]
struct Line {
    /// The innermost block it stands in.
    block: Option<usize>,
    keyword: Keyword,
    rest: String,
    words: Vec<String>,
}

/// A `Match` line, and the block that it stands in itself, by way of `Include`.
#[derive(Debug, Clone)]
struct Block {
    criteria: Criteria,
    around: Option<usize>,
    /// `Match all`, in no other block: as sshd has it, its lines count as standing outside too.
    always: bool,
}

/// How a complaint about too many words ends.
pub(super) const EXTRA: &str = "extra arguments at end of line";

/// Where a line stands.
struct Place<'p> {
    file: &'p str,
    line: usize,
    depth: usize,
    block: Option<usize>,
}

/// What is wrong with a line.
enum Fault {
    /// A keyword that sshd does not have either.
    Unknown(String),
    /// Words that are missing, or too many.
    Malformed(String),
    /// A value or a keyword that cannot be honoured: ends the reading, as in sshd.
    Bad(String),
    Fatal(Fatal),
}

type Taken = std::result::Result<(), Fault>;

impl Script {
    /// Without a line.
    #[must_use]
    pub fn new(account: &Account) -> Self {
        Self {
            account: account.clone(),
            lines: Vec::new(),
            blocks: Vec::new(),
            ports: Vec::new(),
            files: 0,
            outside: Options::default(),
            within: Options::default(),
        }
    }

    /// One `-o` argument.
    ///
    /// # Errors
    /// sshd's complaint; the place is called `command-line line 0`.
    pub fn command_line(&mut self, text: &str) -> Result<()> {
        let mut place = Place { file: "command-line", line: 0, depth: 0, block: None };
        self.line(text, &mut place).map_err(|fault| fault.with_place(&place))
    }

    /// A flag that stands for a line, in front of all that was said before: `-q`, `-d`, `-4`.
    pub fn flag(&mut self, name: &str, value: &str) {
        let Some(keyword) = keywords::find(name) else { return };
        let (rest, words) = (value.to_owned(), vec![value.to_owned()]);
        self.lines.insert(0, Line { block: None, keyword, rest, words });
    }

    /// An option whose value is one word, whatever is in it: `-h`.
    pub fn word(&mut self, name: &str, value: &str) {
        let Some(keyword) = keywords::find(name) else { return };
        let (rest, words) = (value.to_owned(), vec![value.to_owned()]);
        self.lines.push(Line { block: None, keyword, rest, words });
    }

    /// `-p`: from now on no `Port` has an effect.
    pub fn port(&mut self, port: u16) {
        self.ports.push(port);
    }

    /// A configuration file, with what it includes.
    ///
    /// # Errors
    /// It cannot be read, or lines of it are bad; unknown keywords are all printed first.
    pub fn file(&mut self, path: &Path) -> Result<()> {
        self.read(path, 0, None).map_err(|error| {
            let path = path.display();
            Fatal::new(format!("{path}: {}", os_words(&error)))
        })?
    }

    /// What the lines say: those outside `Match` blocks, and for a connection those in blocks
    /// that apply to it.
    #[must_use]
    pub fn options(&self, connection: Option<&Facts>) -> Options {
        let mut options = Options::default();
        if let Some(facts) = connection {
            let applies: Vec<bool> = self.blocks.iter().map(|b| b.criteria.apply(facts)).collect();
            let within = |block: Option<usize>| {
                // An outer block comes before the inner one, so this ends.
                let mut next = block;
                while let Some(at) = next {
                    if applies.get(at) != Some(&true) {
                        return false;
                    }
                    next = self.blocks.get(at).and_then(|block| block.around);
                }
                block.is_some()
            };
            let of_connection =
                |line: &&Line| line.keyword.scope == Scope::All && within(line.block);
            self.lines.iter().filter(of_connection).for_each(|l| l.apply(&mut options));
            options.close_lists();
        }
        self.lines.iter().filter(|l| !self.depends(l.block)).for_each(|l| l.apply(&mut options));
        if !self.ports.is_empty() {
            options.ports.clone_from(&self.ports);
        }
        options
    }

    /// The same with defaults filled in.
    ///
    /// # Errors
    /// Values that do not go together.
    pub fn settings(&self, connection: Option<&Facts>) -> Result<Settings> {
        Settings::new(self.options(connection), crate::cpu::has_aes())
    }

    /// Whether connections may differ.
    #[must_use]
    pub const fn has_blocks(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Whether what stands in a block is for some connections only.
    fn depends(&self, block: Option<usize>) -> bool {
        block.is_some_and(|at| self.blocks.get(at).is_none_or(|block| !block.always))
    }

    fn read(
        &mut self,
        path: &Path,
        depth: usize,
        block: Option<usize>,
    ) -> std::io::Result<Result<()>> {
        self.files += 1;
        let name = path.display().to_string();
        if self.files > CONFIG_FILES_MAX {
            return Ok(Err(Fatal::new(format!("{name}: too many files included"))));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let mut place = Place { file: &name, line: 0, depth, block };
        // A `Match` of this file's stands within the block that includes it, not within another.
        let around = block;
        let mut bad = 0;
        for line in lines(&bytes) {
            place.line += 1;
            let taken = match line {
                Ok(line) => self.line_around(line, &mut place, around),
                Err(fault) => Err(Fault::Malformed(fault.to_owned())),
            };
            match taken {
                Ok(()) => {}
                Err(fault @ (Fault::Unknown(_) | Fault::Malformed(_))) => {
                    fault.with_place(&place).report();
                    bad += 1;
                }
                Err(fault) => return Ok(Err(fault.with_place(&place))),
            }
        }
        if bad == 0 {
            return Ok(Ok(()));
        }
        Ok(Err(Fatal::new(format!("{name}: terminating, {bad} bad configuration options"))))
    }

    fn line(&mut self, line: &str, place: &mut Place<'_>) -> Taken {
        self.line_around(line, place, None)
    }

    fn line_around(&mut self, line: &str, place: &mut Place<'_>, around: Option<usize>) -> Taken {
        let Some((name, rest)) = split_keyword(line) else { return Ok(()) };
        let Some(keyword) = keywords::find(&name) else {
            let written = line.trim_start().get(..name.len()).unwrap_or(&name);
            return Err(Fault::Unknown(written.to_owned()));
        };
        let depends = self.depends(place.block);
        if depends && keyword.scope == Scope::Global {
            let text = format!("Directive '{}' is not allowed within a Match block", keyword.name);
            return Err(Fault::Bad(text));
        }
        if depends && keyword.scope == Scope::Process {
            let name = keyword.name;
            let text = format!("{name} within a Match block is not supported by tsshd");
            return Err(Fault::Bad(text));
        }
        let on_command_line = place.line == 0;
        if on_command_line && matches!(keyword.kind, Kind::Match | Kind::Include) {
            let name = keyword.name;
            return Err(Fault::Fatal(Fatal::new(format!(
                "{name} directive not supported as a command-line option"
            ))));
        }
        if let Kind::Gone(why) = keyword.kind {
            log::info(format_args!(
                "{} line {}: {why} option {}",
                place.file, place.line, keyword.name
            ));
            return Ok(());
        }
        let words = split_arguments(rest).map_err(|fault| Fault::Malformed(fault.to_owned()))?;
        if words.iter().all(String::is_empty) {
            return Err(Fault::Malformed(format!(
                "no argument after keyword \"{}\"",
                keyword.name
            )));
        }
        match keyword.kind {
            Kind::Match => {
                let criteria = Criteria::parse(&words).map_err(|text| {
                    let (file, line) = (place.file, place.line);
                    Fault::Fatal(Fatal::new(match text.starts_with("Invalid Match ") {
                        true => format!("{text} at line {line}"),
                        false => format!("{text}\n{file} line {line}: Bad Match condition"),
                    }))
                })?;
                let always = criteria.is_all() && !self.depends(around);
                self.blocks.push(Block { criteria, around, always });
                place.block = self.blocks.len().checked_sub(1);
                Ok(())
            }
            Kind::Include => self.include(&words, place),
            _ => {
                let line = Line { block: place.block, keyword, rest: rest.to_owned(), words };
                let checked = if depends { &mut self.within } else { &mut self.outside };
                line.check(checked).map_err(Fault::of_value)?;
                if let Some(text) = keywords::notice(line.keyword.name, &line.words) {
                    log::info(format_args!("{} line {}: {text}", place.file, place.line));
                }
                self.lines.push(line);
                Ok(())
            }
        }
    }

    fn include(&mut self, words: &[String], place: &Place<'_>) -> Taken {
        if place.depth + 1 > INCLUDE_DEPTH_MAX {
            return Err(Fault::Fatal(Fatal::new("Too many recursive configuration includes")));
        }
        for word in words {
            let path = self.account.expand_tilde(word).map_err(Fault::Bad)?;
            for file in glob::expand(&Path::new("/etc/ssh").join(path), CONFIG_FILES_MAX) {
                let read = self.read(&file, place.depth + 1, place.block).map_err(|error| {
                    let text = format!("{}: {}", file.display(), os_words(&error));
                    Fault::Fatal(Fatal::new(text))
                })?;
                read.map_err(Fault::Fatal)?;
            }
        }
        Ok(())
    }
}

impl Line {
    fn check(&self, options: &mut Options) -> std::result::Result<(), String> {
        let name = self.keyword.name;
        match self.keyword.kind {
            Kind::Value(apply) => {
                apply(options, &Argument { name, rest: &self.rest, words: &self.words })
            }
            Kind::Fixed(shape, own) => keywords::check(name, shape, own, &self.words),
            _ => Ok(()),
        }
    }

    fn apply(&self, options: &mut Options) {
        // It was checked when it was read.
        let _ = self.check(options);
    }
}

impl Fault {
    fn of_value(text: String) -> Self {
        if text.ends_with(EXTRA) { Self::Malformed(text) } else { Self::Bad(text) }
    }

    /// The complaint with its place, in sshd's two forms.
    fn with_place(self, place: &Place<'_>) -> Fatal {
        let (file, line) = (place.file, place.line);
        match self {
            Self::Unknown(name) => {
                Fatal::new(format!("{file}: line {line}: Bad configuration option: {name}"))
            }
            Self::Bad(text) | Self::Malformed(text) => {
                Fatal::new(format!("{file} line {line}: {text}"))
            }
            Self::Fatal(fatal) => fatal,
        }
    }
}

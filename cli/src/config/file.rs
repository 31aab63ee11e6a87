//! Reading configuration files: blocks, conditions, includes, and complaints with their place.

use super::condition::{self, Facts};
use super::glob;
use super::held::{self, Missing, Shape};
use super::keywords::{self, Kind, Words};
use super::options::{Absent, Options};
use super::pattern::{self, Verdict};
use super::words::{split_arguments, split_keyword};
use crate::exit::{Fatal, Result, os_words};
use crate::limits::{CONFIG_FILES_MAX, FILE_BYTES_MAX, INCLUDE_DEPTH_MAX};
use crate::log;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What a reader of configuration needs to know besides the text.
pub struct Reader<'a> {
    /// Collects the values.
    pub options: &'a mut Options,
    /// What conditions look at.
    pub facts: Facts<'a>,
    /// Whether a `Match final` asks for a second pass.
    pub wants_final: bool,
    files: usize,
    /// Within a file included by a block that does not apply: no block of it applies either.
    never: bool,
}

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The user's own, which nobody else may be able to write.
    User,
    /// The one of `-F`.
    Named,
    /// No file: `-o`.
    CommandLine,
    /// The system's.
    System,
}

impl Origin {
    /// Where relative paths of `Include` begin.
    fn directory(self, facts: &Facts<'_>) -> PathBuf {
        match self {
            Self::User | Self::Named | Self::CommandLine => facts.account.home.join(".ssh"),
            Self::System => PathBuf::from("/etc/ssh"),
        }
    }
}

/// Where a line stands.
struct Place<'p> {
    file: &'p Path,
    /// From 1; 0 on the command line.
    line: usize,
    origin: Origin,
    depth: usize,
}

impl Place<'_> {
    fn command_line(&self) -> bool {
        self.line == 0
    }
}

/// What is wrong with a line.
enum Fault {
    UnknownKeyword(String),
    Bad(String),
    /// Ends the program at once, with the place in front but for the command line.
    Abort(String),
    Fatal(Fatal),
}

impl<'a> Reader<'a> {
    /// A reader that adds to `options`.
    pub fn new(options: &'a mut Options, facts: Facts<'a>) -> Self {
        Self { options, facts, wants_final: false, files: 0, never: false }
    }

    /// One `-o` argument.
    ///
    /// # Errors
    /// ssh's complaint; the place is called `command-line line 0`.
    pub fn command_line(&mut self, text: &str) -> Result<()> {
        let file = Path::new("command-line");
        let place = Place { file, line: 0, origin: Origin::CommandLine, depth: 0 };
        let mut active = true;
        self.line(text, &place, &mut active).map_err(|fault| match fault.text(&place) {
            Ok(text) => Fatal::new(text),
            Err(fatal) => fatal,
        })
    }

    /// A configuration file.
    ///
    /// # Errors
    /// Nothing is read, or at least one line is bad; the complaints about lines are printed.
    pub fn file(&mut self, path: &Path, origin: Origin) -> std::io::Result<Result<()>> {
        let mut active = true;
        self.read(path, origin == Origin::User, origin, 0, &mut active)
    }

    fn read(
        &mut self,
        path: &Path,
        check_owner: bool,
        origin: Origin,
        depth: usize,
        active: &mut bool,
    ) -> std::io::Result<Result<()>> {
        let file = std::fs::File::open(path)?;
        let meta = file.metadata()?;
        let owned = meta.uid() == 0 || meta.uid() == self.facts.account.uid;
        if check_owner && (!owned || meta.mode() & 0o022 != 0) {
            let text = format!("Bad owner or permissions on {}", path.display());
            return Ok(Err(Fatal::new(text)));
        }
        self.files += 1;
        if self.files > CONFIG_FILES_MAX {
            return Ok(Err(Fatal::new(format!("{}: too many files included", path.display()))));
        }
        log::debug1(format_args!("Reading configuration data {}", path.display()));
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let mut place = Place { file: path, line: 0, origin, depth };
        let mut bad = 0;
        for line in super::words::lines(&bytes) {
            place.line += 1;
            let taken = match line {
                Ok(line) => self.line(line, &place, active),
                Err(fault) => Err(Fault::Bad(fault.to_owned())),
            };
            let Err(fault) = taken else { continue };
            match fault.text(&place) {
                Ok(text) => text.lines().for_each(log::error),
                Err(fatal) => return Ok(Err(fatal)),
            }
            bad += 1;
        }
        if bad == 0 {
            return Ok(Ok(()));
        }
        let file = path.display();
        Ok(Err(Fatal::new(format!("{file}: terminating, {bad} bad configuration options"))))
    }

    fn line(
        &mut self,
        text: &str,
        place: &Place<'_>,
        active: &mut bool,
    ) -> std::result::Result<(), Fault> {
        let Some((name, rest)) = split_keyword(text) else { return Ok(()) };
        if rest.is_empty() {
            return Err(Fault::Bad(format!("no argument after keyword \"{name}\"")));
        }
        let mut words = split_arguments(rest).map_err(|fault| Fault::Bad(fault.to_owned()))?;
        let Some(keyword) = keywords::find(&name) else {
            let ignored = self.options.ignore_unknown.as_deref();
            if ignored.is_some_and(|list| pattern::host_list(&name, list) == Verdict::Yes) {
                log::debug1(format_args!("Ignored unknown option \"{name}\""));
                return Ok(());
            }
            return Err(Fault::UnknownKeyword(name));
        };
        if matches!(keyword.kind, Kind::Rest(_) | Kind::Line(_) | Kind::Held(Shape::Rest, _)) {
            words = vec![rest.trim_end().to_owned()];
        }
        let (file, line) = (place.file.display(), place.line);
        match (&keyword.kind, keyword.name) {
            (Kind::Structure, name) if place.command_line() => {
                let name = if name == "include" { "Include" } else { "Host" };
                let text = format!("{name} directive not supported as a command-line option");
                return Err(Fault::Abort(text));
            }
            (Kind::Structure, "host") => *active = self.host_block(&words)? && !self.never,
            (Kind::Structure, "match") => *active = self.match_block(&words)? && !self.never,
            (Kind::Structure, _) => self.include(&words, place, *active)?,
            (Kind::Deprecated, _) => {
                log::debug1(format_args!("{file} line {line}: Deprecated option \"{name}\""));
            }
            (Kind::Unsupported(_), _) => {
                let text = format!("{file} line {line}: Unsupported option \"{name}\"");
                // Distributions set some for everybody: nobody here has asked for those.
                match turned_off(&words) || place.origin == Origin::System {
                    true => log::debug1(text),
                    false => log::error(text),
                }
            }
            (Kind::Held(shape, missing), name) => {
                let off = turned_off(&words);
                let mut words: Words = words.into();
                let kept = held::apply(name, shape, self.options, &mut words, *active);
                let kept = kept.map_err(Fault::Bad)?;
                if !words.is_empty() {
                    let text = format!("keyword {name} extra arguments at end of line");
                    return Err(Fault::Bad(text));
                }
                if let (true, false, Missing::Said(reason)) = (kept, off, *missing) {
                    let (place, origin) = (format!("{file} line {line}"), place.origin);
                    let keyword = super::docs::name(name);
                    self.options.missing.push(Absent { place, keyword, reason, origin });
                }
            }
            _ => {
                let mut words: Words = words.into();
                keyword.apply(self.options, &mut words, *active).map_err(Fault::Bad)?;
            }
        }
        Ok(())
    }

    fn host_block(&self, words: &[String]) -> std::result::Result<bool, Fault> {
        if words.iter().any(String::is_empty) {
            return Err(Fault::Bad("keyword host empty argument".to_owned()));
        }
        Ok(pattern::list(self.facts.host, words.iter().map(String::as_str)) == Verdict::Yes)
    }

    fn match_block(&mut self, words: &[String]) -> std::result::Result<bool, Fault> {
        let reachable = !self.never;
        let outcome = condition::evaluate(words, self.options, &self.facts, reachable);
        let outcome = outcome.map_err(|fault| match fault {
            condition::Fault::Bad(text) => Fault::Bad(format!("{text}\nBad Match condition")),
            condition::Fault::Fatal(text) => Fault::Fatal(Fatal::new(text)),
            condition::Fault::Died(command) => Fault::Abort(format!(
                "command '{command}' exited abnormally\nmatch exec '{command}' error"
            )),
        })?;
        self.wants_final |= outcome.wants_final;
        Ok(outcome.holds)
    }

    fn include(
        &mut self,
        words: &[String],
        place: &Place<'_>,
        active: bool,
    ) -> std::result::Result<(), Fault> {
        for word in words {
            if word.is_empty() {
                return Err(Fault::Bad("keyword include empty argument".to_owned()));
            }
            if place.depth + 1 > INCLUDE_DEPTH_MAX {
                return Err(Fault::Fatal(Fatal::new("Too many recursive configuration includes")));
            }
            if word.starts_with('~') && place.origin == Origin::System {
                return Err(Fault::Bad(format!("bad include path {word}.")));
            }
            let word = condition::expand(word, self.options, &self.facts).map_err(Fault::Bad)?;
            // The home of nobody holds no files.
            let Ok(path) = self.facts.account.expand_tilde(&word) else { continue };
            let path = place.origin.directory(&self.facts).join(path);
            let files = glob::expand(&path, CONFIG_FILES_MAX);
            if files.is_empty() {
                let (file, line) = (place.file.display(), place.line);
                let path = path.display();
                log::debug1(format_args!("{file} line {line}: include {path} matched no files"));
            }
            for file in files {
                self.include_file(&file, place, active)?;
            }
        }
        Ok(())
    }

    /// Blocks of an included file end with it, and hold only where it is included.
    fn include_file(
        &mut self,
        file: &Path,
        place: &Place<'_>,
        active: bool,
    ) -> std::result::Result<(), Fault> {
        let mut inner = active;
        let never = self.never;
        self.never |= !active;
        let read = self.read(file, true, place.origin, place.depth + 1, &mut inner);
        self.never = never;
        match read {
            Ok(read) => read.map_err(Fault::Fatal),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => {
                let (file, words) = (file.display(), os_words(&error));
                Err(Fault::Bad(format!("Can't open user config file {file}: {words}")))
            }
        }
    }
}

impl Fault {
    /// The complaint with its place, in ssh's two forms; or what ends the program at once.
    fn text(self, place: &Place<'_>) -> std::result::Result<String, Fatal> {
        let (file, line) = (place.file.display(), place.line);
        Ok(match self {
            Self::UnknownKeyword(name) => {
                format!("{file}: line {line}: Bad configuration option: {name}")
            }
            Self::Bad(text) => match text.split_once('\n') {
                // Of the complaints about conditions only one names the place, as in ssh.
                Some((first, second)) if first.contains("cannot be combined") => {
                    format!("{file} line {line}: {first}\n{file} line {line}: {second}")
                }
                Some((first, second)) => format!("{first}\n{file} line {line}: {second}"),
                None => format!("{file} line {line}: {text}"),
            },
            Self::Abort(text) if place.command_line() => return Err(Fatal::usage(text)),
            Self::Abort(text) => match text.rsplit_once('\n') {
                Some((first, last)) => {
                    return Err(Fatal::new(format!("{first}\n{file} line {line}: {last}")));
                }
                None => return Err(Fatal::new(format!("{file} line {line}: {text}"))),
            },
            Self::Fatal(fatal) => return Err(fatal),
        })
    }
}

/// Whether the value of a keyword that is not built asks for nothing.
fn turned_off(words: &[String]) -> bool {
    let first = words.first().map(|word| word.to_ascii_lowercase());
    matches!(first.as_deref(), None | Some("no" | "none" | "false" | "default"))
}

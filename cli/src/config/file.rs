//! Reading configuration files: blocks, conditions, includes, and complaints with their place.

use super::glob;
use super::held::{self, Missing, Shape};
use super::keywords::{self, Kind, Words};
use super::options::{Absent, Options};
use super::pattern::{self, Verdict};
use super::words::{split_arguments, split_keyword};
use crate::account::Account;
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
    /// The host as given on the command line.
    pub host: &'a str,
    /// The local account.
    pub account: &'a Account,
    files: usize,
    /// Within a file included by a block that does not apply: no block of it applies either.
    never: bool,
}

/// Where a line stands.
struct Place<'p> {
    file: &'p Path,
    line: usize,
    /// Includes are looked up in this directory unless absolute.
    directory: PathBuf,
    depth: usize,
}

/// What is wrong with a line.
enum Fault {
    UnknownKeyword(String),
    Bad(String),
    Fatal(Fatal),
}

impl<'a> Reader<'a> {
    /// A reader that adds to `options`.
    pub fn new(options: &'a mut Options, host: &'a str, account: &'a Account) -> Self {
        Self { options, host, account, files: 0, never: false }
    }

    /// One `-o` argument.
    ///
    /// # Errors
    /// ssh's complaint; the place is called `command-line line 0`.
    pub fn command_line(&mut self, text: &str) -> Result<()> {
        let place = Place {
            file: Path::new("command-line"),
            line: 0,
            directory: self.account.home.join(".ssh"),
            depth: 0,
        };
        let mut active = true;
        self.line(text, &place, &mut active).map_err(|fault| match fault.text(&place) {
            Ok(text) => Fatal::new(text),
            Err(fatal) => fatal,
        })
    }

    /// A configuration file. `check_owner` refuses one that others could have written.
    ///
    /// # Errors
    /// Nothing is read, or at least one line is bad; the complaints about lines are printed.
    pub fn file(&mut self, path: &Path, check_owner: bool) -> std::io::Result<Result<()>> {
        let directory = match path.starts_with("/etc/ssh") {
            true => PathBuf::from("/etc/ssh"),
            false => self.account.home.join(".ssh"),
        };
        let mut active = true;
        self.read(path, check_owner, directory, 0, &mut active)
    }

    fn read(
        &mut self,
        path: &Path,
        check_owner: bool,
        directory: PathBuf,
        depth: usize,
        active: &mut bool,
    ) -> std::io::Result<Result<()>> {
        let file = std::fs::File::open(path)?;
        let meta = file.metadata()?;
        let owned = meta.uid() == 0 || meta.uid() == self.account.uid;
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
        let text = String::from_utf8_lossy(&bytes);
        let mut place = Place { file: path, line: 0, directory, depth };
        let mut bad = 0;
        for line in text.lines() {
            place.line += 1;
            let Err(fault) = self.line(line, &place, active) else { continue };
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
        let Some(keyword) = keywords::find(&name) else {
            let ignored = self.options.ignore_unknown.as_deref();
            if ignored.is_some_and(|list| pattern::host_list(&name, list) == Verdict::Yes) {
                return Ok(());
            }
            return Err(Fault::UnknownKeyword(name));
        };
        if rest.is_empty() {
            return Err(Fault::Bad(format!("no argument after keyword \"{name}\"")));
        }
        let mut words = split_arguments(rest).map_err(|fault| Fault::Bad(fault.to_owned()))?;
        if matches!(keyword.kind, Kind::Rest(_) | Kind::Line(_) | Kind::Held(Shape::Rest, _)) {
            words = vec![rest.trim_end().to_owned()];
        }
        let (file, line) = (place.file.display(), place.line);
        match (&keyword.kind, keyword.name) {
            (Kind::Structure, "host") => *active = self.host_block(&words) && !self.never,
            (Kind::Structure, "match") => *active = self.match_block(&words)? && !self.never,
            (Kind::Structure, _) => self.include(&words, place, *active)?,
            (Kind::Deprecated, _) => {
                log::debug1(format_args!("{file} line {line}: Deprecated option \"{name}\""));
            }
            (Kind::Unsupported, _) => {
                let text = format!("{file} line {line}: Unsupported option \"{name}\"");
                // Distributions set some for everybody: nobody here has asked for those.
                match turned_off(&words) || place.directory.starts_with("/etc/ssh") {
                    true => log::debug1(text),
                    false => log::error(text),
                }
            }
            (Kind::Held(shape, missing), name) => {
                let asked = !turned_off(&words) && *missing != Missing::Quiet;
                let mut words: Words = words.into();
                let kept = held::apply(name, shape, self.options, &mut words, *active);
                let kept = kept.map_err(Fault::Bad)?;
                if !words.is_empty() {
                    let text = format!("keyword {name} extra arguments at end of line");
                    return Err(Fault::Bad(text));
                }
                if kept && asked {
                    let (place, refused) =
                        (format!("{file} line {line}"), *missing == Missing::Refused);
                    self.options.missing.push(Absent { place, keyword: name, refused });
                }
            }
            _ => {
                let mut words: Words = words.into();
                keyword.apply(self.options, &mut words, *active).map_err(Fault::Bad)?;
            }
        }
        Ok(())
    }

    fn host_block(&self, words: &[String]) -> bool {
        pattern::list(self.host, words.iter().map(String::as_str)) == Verdict::Yes
    }

    /// `Match` with the conditions that need no second pass and no program.
    fn match_block(&self, words: &[String]) -> std::result::Result<bool, Fault> {
        let bad = |text: String| Fault::Bad(format!("{text}\nBad Match condition"));
        if let [all] = words
            && all.eq_ignore_ascii_case("all")
        {
            return Ok(true);
        }
        let mut words = words.iter();
        let mut result = true;
        while let Some(word) = words.next() {
            let (negated, name) = match word.strip_prefix('!') {
                Some(name) => (true, name),
                None => (false, word.as_str()),
            };
            let (name, inline) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (name, None),
            };
            let name = name.to_ascii_lowercase();
            let host_name = self.options.host_name.as_deref().unwrap_or(self.host);
            let subject = match name.as_str() {
                "host" => host_name.replace("%h", self.host),
                "originalhost" => self.host.to_owned(),
                "user" => self.options.user.as_ref().unwrap_or(&self.account.name).clone(),
                "localuser" => self.account.name.clone(),
                // They hold in a pass of their own, which there is not yet, or never.
                "canonical" | "final" => {
                    result &= negated;
                    continue;
                }
                "exec" | "tagged" | "localnetwork" | "version" | "sessiontype" | "command" => {
                    return Err(bad(format!("Match {name} is not supported yet")));
                }
                "all" => {
                    return Err(bad("'all' cannot be combined with other Match attributes".into()));
                }
                _ => return Err(bad(format!("Unsupported Match attribute {name}"))),
            };
            let Some(list) = inline.or_else(|| words.next().map(String::as_str)) else {
                return Err(bad(format!("Missing Match criteria for {name}")));
            };
            let verdict = match name.as_str() {
                "host" | "originalhost" => pattern::host_list(&subject, list),
                _ => pattern::list(&subject, list.split(',')),
            };
            result &= (verdict == Verdict::Yes) != negated;
        }
        Ok(result)
    }

    fn include(
        &mut self,
        words: &[String],
        place: &Place<'_>,
        active: bool,
    ) -> std::result::Result<(), Fault> {
        for word in words {
            if place.depth + 1 > INCLUDE_DEPTH_MAX {
                return Err(Fault::Fatal(Fatal::new("Too many recursive configuration includes")));
            }
            let path = self.account.expand_tilde(word).map_err(Fault::Bad)?;
            let path = place.directory.join(path);
            for file in glob::expand(&path, CONFIG_FILES_MAX) {
                // Blocks of an included file end with it, and hold only where it is included.
                let mut inner = active;
                let never = self.never;
                self.never |= !active;
                let read =
                    self.read(&file, false, place.directory.clone(), place.depth + 1, &mut inner);
                self.never = never;
                match read {
                    Ok(Ok(())) => {}
                    Ok(Err(fatal)) => return Err(Fault::Fatal(fatal)),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        let file = file.display();
                        let words = os_words(&error);
                        let text = format!("Can't open user config file {file}: {words}");
                        return Err(Fault::Fatal(Fatal::new(text)));
                    }
                }
            }
        }
        Ok(())
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
                Some((first, second)) => format!("{first}\n{file} line {line}: {second}"),
                None => format!("{file} line {line}: {text}"),
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

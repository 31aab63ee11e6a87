//! What the command line says about traces. No configuration file can say any of it.

use crate::exit::{Fatal, Result};
use std::path::PathBuf;

/// Channel packets while a capture or a key log is written: Wireshark loses a stream at packets
/// beyond 32,768 bytes.
pub const PACKET_CAP: u32 = 16_384;
/// The variable that other programs take for an order to write a key log.
pub const KEYLOG_VARIABLE: &str = "SSHKEYLOGFILE";

/// How a trace is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON object per line.
    Jsonl,
    /// For a browser: the story of the session, byte by byte.
    Html,
    /// For Wireshark: packets in made-up TCP.
    Pcapng,
}

impl Format {
    /// All of them by their names.
    pub const ALL: [(&'static str, Self); 4] = [
        ("text", Self::Text),
        ("jsonl", Self::Jsonl),
        ("html", Self::Html),
        ("pcapng", Self::Pcapng),
    ];

    /// The format of that name.
    ///
    /// # Errors
    /// One line that names those that there are.
    pub fn named(option: &str, name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(own, _)| *own == name);
        found.map(|(_, format)| *format).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            Fatal::usage(format!("{option}: the formats are {names}, not \"{name}\""))
        })
    }
}

/// What is written, and how much it tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceOptions {
    /// `--trace`, as often as it was given.
    pub files: Vec<(Format, PathBuf)>,
    /// `--trace-secrets`.
    pub secrets: bool,
    /// `--trace-redact=names`.
    pub names: bool,
    /// `--keylog`.
    pub keylog: Option<PathBuf>,
    /// `--allow-keylog-env`.
    pub keylog_env: bool,
    /// `--trace-strict`.
    pub strict: bool,
    /// `--keylog-notice`.
    pub tell_peer: bool,
    /// `--record`.
    pub record: Option<PathBuf>,
}

impl TraceOptions {
    /// Takes one long option; `next` gives the words that follow. False where it is none of ours.
    ///
    /// # Errors
    /// A value that is missing or wrong.
    pub fn take(
        &mut self,
        name: &str,
        attached: Option<&str>,
        next: &mut dyn FnMut() -> Option<String>,
    ) -> Result<bool> {
        let attached = attached.map(str::to_owned);
        let missing = || Fatal::usage(format!("option requires an argument -- --{name}"));
        match name {
            "trace" => {
                let format = attached.or_else(&mut *next).ok_or_else(missing)?;
                let format = Format::named("--trace", &format)?;
                let path = next().filter(|path| !path.is_empty()).ok_or_else(|| {
                    Fatal::usage("--trace takes a format and a file: --trace jsonl FILE")
                })?;
                self.files.push((format, file_name("--trace", path)?));
            }
            "keylog" => {
                let path = attached.or_else(&mut *next).filter(|path| !path.is_empty());
                self.keylog = Some(file_name("--keylog", path.ok_or_else(missing)?)?);
            }
            "record" => {
                let path = attached.or_else(&mut *next).filter(|path| !path.is_empty());
                self.record = Some(file_name("--record", path.ok_or_else(missing)?)?);
            }
            "trace-redact" => match attached.or_else(&mut *next).as_deref() {
                Some("names") => self.names = true,
                _ => return Err(Fatal::usage("--trace-redact: only \"names\" can be hidden too")),
            },
            "trace-secrets" if attached.is_none() => self.secrets = true,
            "allow-keylog-env" if attached.is_none() => self.keylog_env = true,
            "trace-strict" if attached.is_none() => self.strict = true,
            "keylog-notice" if attached.is_none() => self.tell_peer = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether anything is to be written.
    #[must_use]
    pub fn wanted(&self) -> bool {
        self.traced() || self.record.is_some()
    }

    /// Whether there is a trace or a key log.
    #[must_use]
    pub fn traced(&self) -> bool {
        !self.files.is_empty() || self.keylog_path().is_some()
    }

    /// Where a key log goes: where the option says, or where the environment does and may.
    #[must_use]
    pub fn keylog_path(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os(KEYLOG_VARIABLE).filter(|value| !value.is_empty());
        let inherited = || self.keylog_env.then(variable).flatten().map(PathBuf::from);
        self.keylog.clone().or_else(inherited)
    }

    /// The same for a process that goes to another folder later.
    #[must_use]
    pub fn absolute(&self) -> Self {
        let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let files = self.files.iter().map(|(format, path)| (*format, whole(path))).collect();
        let keylog = self.keylog_path().as_ref().map(whole);
        Self { files, keylog, ..self.clone() }
    }

    /// What has to be said aloud, even with `-q`, of files that give secrets away.
    #[must_use]
    pub fn notice(&self, program: &str) -> Option<String> {
        let keylog = self.keylog_path().map(|path| format!("the key log {}", path.display()));
        let mut names: Vec<String> = keylog.into_iter().collect();
        if self.secrets {
            names.extend(self.files.iter().map(|(_, path)| path.display().to_string()));
        }
        (!names.is_empty()).then(|| {
            format!(
                "{program}: WARNING: whoever has {} can read all of this session, passwords too.",
                names.join(" or ")
            )
        })
    }

    /// Whether anything that is written decrypts the session.
    #[must_use]
    pub fn gives_away(&self) -> bool {
        let shown = self.secrets && !self.files.is_empty();
        shown || self.keylog_path().is_some() || self.record.is_some()
    }

    /// What is asked for and cannot be.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        if self.strict && !self.wanted() {
            return Some("--trace-strict: nothing is written down that the session could end with");
        }
        if self.tell_peer && !self.gives_away() {
            return Some("--keylog-notice: no key log, recording or trace with secrets is written");
        }
        None
    }

    /// The bound on channel packets that Wireshark needs, where it is to read along.
    #[must_use]
    pub fn cap(&self) -> Option<u32> {
        let captures = self.files.iter().any(|(format, _)| *format == Format::Pcapng);
        (captures || self.keylog_path().is_some()).then_some(PACKET_CAP)
    }

    /// The same for one of several connections: each has files of its own.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Self {
        let mut own = self.clone();
        for (_, path) in &mut own.files {
            path.as_mut_os_string().push(format!(".{number}"));
        }
        own
    }
}

fn file_name(option: &str, path: String) -> Result<PathBuf> {
    if path == "-" {
        return Err(Fatal::usage(format!(
            "{option}: name a file; standard output is the session's"
        )));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<TraceOptions> {
        let mut options = TraceOptions::default();
        let mut words = words.iter().map(|word| (*word).to_owned());
        while let Some(word) = words.next() {
            let word = word.strip_prefix("--").unwrap().to_owned();
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word.as_str(), None),
            };
            assert!(options.take(name, attached, &mut || words.next())?, "{name}");
        }
        Ok(options)
    }

    #[test]
    fn formats_files_and_what_they_tell() {
        let options = read(&["--trace", "text", "a", "--trace=jsonl", "b", "--trace-secrets"]);
        let options = options.unwrap();
        assert_eq!(options.files, [(Format::Text, "a".into()), (Format::Jsonl, "b".into())]);
        assert!(options.secrets && !options.names && options.cap().is_none());
        let options = read(&["--trace-redact=names", "--keylog", "k"]).unwrap();
        assert!(options.names && options.cap() == Some(PACKET_CAP));
        let recorded = read(&["--record", "r"]).unwrap();
        assert!(recorded.wanted() && !recorded.traced() && recorded.record == Some("r".into()));
        assert_eq!(read(&["--trace", "pcapng", "c"]).unwrap().cap(), Some(PACKET_CAP));
        assert_eq!(options.keylog_path(), Some("k".into()));
        let elsewhere = options.absolute();
        assert_eq!(elsewhere.keylog_path(), std::path::absolute("k").ok());
        assert!(elsewhere.names && !options.keylog_path().is_some_and(|path| path.is_absolute()));
        for bad in [&["--trace", "xml", "f"][..], &["--trace", "text"], &["--trace", "text", "-"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        for (words, faulty) in [
            (&["--trace-strict"][..], true),
            (&["--keylog-notice", "--trace", "text", "t"], true),
            (&["--keylog-notice", "--trace", "text", "t", "--trace-secrets"], false),
            (&["--keylog-notice", "--trace-strict", "--keylog", "k"], false),
            (&["--keylog-notice", "--trace-strict", "--record", "r"], false),
            (&[], false),
        ] {
            assert_eq!(read(words).unwrap().fault().is_some(), faulty, "{words:?}");
        }
        assert!(read(&["--keylog"]).is_err() && read(&["--trace-redact=all"]).is_err());
    }
}

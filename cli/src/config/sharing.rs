//! Connection sharing: what the command line and the files said about it.

use super::options::Options;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `ControlMaster`, and the option `-M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ControlMaster {
    /// Use a connection that is shared, share none.
    #[default]
    No,
    /// Share the connection (`-M`).
    Yes,
    /// The same, and ask the user about each request (`-MM`).
    Ask,
    /// Use a connection that is shared, or share our own.
    Auto,
    /// The same, and ask the user about each request.
    AutoAsk,
}

impl ControlMaster {
    /// Whether our own connection is to be shared.
    #[must_use]
    pub const fn shares(self) -> bool {
        !matches!(self, Self::No)
    }

    /// Whether a connection that is shared already is used.
    #[must_use]
    pub const fn uses(self) -> bool {
        matches!(self, Self::No | Self::Auto | Self::AutoAsk)
    }

    /// Whether the user is asked about each request.
    #[must_use]
    pub const fn asks(self) -> bool {
        matches!(self, Self::Ask | Self::AutoAsk)
    }

    /// As the table of keywords keeps it.
    fn of(word: Option<&str>) -> Self {
        match word {
            Some("true") => Self::Yes,
            Some("ask") => Self::Ask,
            Some("auto") => Self::Auto,
            Some("autoask") => Self::AutoAsk,
            _ => Self::No,
        }
    }
}

/// `ControlPersist`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ControlPersist {
    /// The shared connection ends as one that is not shared does.
    #[default]
    No,
    /// It stays in the background until it is told to end.
    Forever,
    /// It stays there until it has not been used for so long.
    Idle(Duration),
}

impl ControlPersist {
    fn of(word: Option<&str>) -> Self {
        match word {
            None | Some("no") => Self::No,
            Some(time) => match time.parse() {
                Ok(seconds) => Self::Idle(Duration::from_secs(seconds)),
                // "yes", which is also how a time of 0 is kept.
                Err(_) => Self::Forever,
            },
        }
    }
}

/// Connection sharing of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sharing {
    /// `ControlPath`, expanded; nothing where no connection is shared.
    pub path: Option<PathBuf>,
    /// `ControlMaster`.
    pub master: ControlMaster,
    /// `ControlPersist`.
    pub persist: ControlPersist,
}

impl Sharing {
    /// Fills in the defaults; `expand` completes the path.
    ///
    /// # Errors
    /// What `expand` says.
    pub fn of(
        o: &Options,
        expand: impl FnOnce(&str) -> crate::exit::Result<PathBuf>,
    ) -> crate::exit::Result<Self> {
        let word = |key| o.held.get(key).and_then(|words| words.first()).map(String::as_str);
        let path = word("controlpath").filter(|path| !path.eq_ignore_ascii_case("none"));
        Ok(Self {
            path: path.map(expand).transpose()?,
            master: ControlMaster::of(word("controlmaster")),
            persist: ControlPersist::of(word("controlpersist")),
        })
    }

    /// The socket of a connection that we share.
    #[must_use]
    pub fn shared(&self) -> Option<&Path> {
        self.path.as_deref().filter(|_| self.master.shares())
    }

    /// Whether our own connection is to outlive us in the background.
    #[must_use]
    pub fn persists(&self) -> bool {
        self.shared().is_some() && self.persist != ControlPersist::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sharing(lines: &[(&'static str, &str)]) -> Sharing {
        let mut options = Options::default();
        for (key, value) in lines {
            options.held.insert(key, vec![(*value).to_owned()]);
        }
        Sharing::of(&options, |path| Ok(PathBuf::from(path))).unwrap()
    }

    #[test]
    fn values_as_the_table_of_keywords_keeps_them() {
        assert_eq!(sharing(&[]), Sharing::default());
        assert_eq!(sharing(&[("controlpath", "none")]).path, None);
        assert_eq!(sharing(&[("controlpath", "/s")]).path, Some(PathBuf::from("/s")));
        for (word, master, shares, uses, asks) in [
            ("false", ControlMaster::No, false, true, false),
            ("true", ControlMaster::Yes, true, false, false),
            ("ask", ControlMaster::Ask, true, false, true),
            ("auto", ControlMaster::Auto, true, true, false),
            ("autoask", ControlMaster::AutoAsk, true, true, true),
        ] {
            let found = sharing(&[("controlmaster", word)]).master;
            assert_eq!((found, found.shares()), (master, shares), "{word}");
            assert_eq!((found.uses(), found.asks()), (uses, asks), "{word}");
        }
        for (word, persist) in [
            ("no", ControlPersist::No),
            ("yes", ControlPersist::Forever),
            ("5", ControlPersist::Idle(Duration::from_secs(5))),
        ] {
            assert_eq!(sharing(&[("controlpersist", word)]).persist, persist, "{word}");
        }
    }

    /// Only a master with a socket can persist.
    #[test]
    fn who_persists() {
        let all = [("controlpath", "/s"), ("controlmaster", "auto"), ("controlpersist", "yes")];
        assert!(sharing(&all).persists());
        for missing in 0..all.len() {
            let mut some = all.to_vec();
            some.remove(missing);
            assert!(!sharing(&some).persists(), "{some:?}");
        }
    }
}

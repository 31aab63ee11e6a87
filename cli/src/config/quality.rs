//! What the connection is like from outside, how long its channels live, and what is said of it:
//! `IPQoS`, `ObscureKeystrokeTiming`, `ChannelTimeout`, `ChannelWindow` and their company.

use super::held;
use super::options::Options;
use super::tokens::Tokens;
use super::values;
use super::windows::Windows;
use crate::exit::{Fatal, Result};
use std::time::Duration;

/// What the connection is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quality {
    /// `IPQoS`.
    pub ip_qos: TypeOfService,
    /// `ObscureKeystrokeTiming`: how far apart keystrokes are sent.
    pub keystroke_interval: Option<Duration>,
    /// `ChannelTimeout`: patterns of channel types, and how long each may be idle.
    pub channel_timeouts: Vec<(String, Duration)>,
    /// `ChannelWindow` and `ChannelMemory`.
    pub windows: Windows,
    /// Our identification, with `VersionAddendum` behind it.
    pub identification: String,
    /// `RefuseConnection`.
    pub refuse_connection: Option<String>,
    /// `LogVerbose`.
    pub log_verbose: Vec<String>,
    /// `WarnWeakCrypto`.
    pub warn_weak_crypto: bool,
}

impl Quality {
    /// From what was set.
    #[must_use]
    pub fn of(o: &Options) -> Self {
        let warn = o.kept("warnweakcrypto").first().map(String::as_str);
        Self {
            ip_qos: TypeOfService::of(o),
            keystroke_interval: keystroke_interval(o),
            channel_timeouts: channel_timeouts(o),
            windows: o.windows,
            identification: crate::IDENTIFICATION.to_owned(),
            refuse_connection: None,
            log_verbose: o.kept("logverbose").to_vec(),
            warn_weak_crypto: warn.and_then(values::flag) == Some(true),
        }
    }

    /// The same with what may be wrong: texts that have tokens, or a form, and sizes that do not
    /// go together.
    ///
    /// # Errors
    /// What is wrong.
    pub fn checked(self, o: &Options, tokens: &Tokens<'_>) -> Result<Self> {
        let refuse = o.kept("refuseconnection").first().map(|text| tokens.expand(text));
        Ok(Self {
            windows: o.windows.checked()?,
            identification: identification(o)?,
            refuse_connection: refuse.transpose().map_err(Fatal::new)?,
            ..self
        })
    }
}

/// `IPQoS`: the type-of-service byte for each kind of session; nothing leaves the system's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeOfService {
    /// With a terminal or X11, and without a session where no others share the connection.
    pub interactive: Option<u8>,
    /// Otherwise.
    pub bulk: Option<u8>,
}

impl TypeOfService {
    /// From what was set; by default low delay and throughput, as Debian's ssh.
    #[must_use]
    pub fn of(o: &Options) -> Self {
        // Both words are there where there is one, and "none none" is no "none".
        let words = o.held.get("ipqos").map(Vec::as_slice).unwrap_or_default();
        let value = |index: usize, default: &str| {
            held::type_of_service(words.get(index).map_or(default, String::as_str))
        };
        Self { interactive: value(0, "lowdelay"), bulk: value(1, "throughput") }
    }
}

fn keystroke_interval(o: &Options) -> Option<Duration> {
    let kept = o.held.get("obscurekeystroketiming").and_then(|words| words.first());
    let milliseconds = held::keystroke_interval(kept.map(String::as_str))?;
    Some(Duration::from_millis(u64::from(milliseconds)))
}

fn channel_timeouts(o: &Options) -> Vec<(String, Duration)> {
    let words = o.kept("channeltimeout").iter().filter_map(|word| held::timeout(word));
    words
        .map(|(kind, seconds)| (kind.to_owned(), Duration::from_secs(u64::from(seconds))))
        .collect()
}

/// Bytes of `VersionAddendum`: the identification has 255 with its line end.
const ADDENDUM_BYTES_MAX: usize = 200;

fn identification(o: &Options) -> Result<String> {
    let ours = crate::IDENTIFICATION;
    let Some(addendum) = o.kept("versionaddendum").first() else { return Ok(ours.to_owned()) };
    // "The 'softwareversion' and 'comments' strings... consist of printable US-ASCII characters":
    // the line must not end early.
    let printable = addendum.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !printable || addendum.len() > ADDENDUM_BYTES_MAX {
        return Err(Fatal::new("VersionAddendum: printable ASCII only, and at most 200 bytes"));
    }
    Ok(format!("{ours} {addendum}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::config::Facts;
    use crate::config::file::Reader;

    fn options(lines: &[&str]) -> Options {
        let (mut options, account) = (Options::default(), Account::current());
        let mut reader = Reader::new(&mut options, Facts::new("h", &account));
        for line in lines {
            reader.command_line(line).unwrap();
        }
        options
    }

    #[test]
    fn types_of_service() {
        let of = |lines: &[&str]| {
            let tos = TypeOfService::of(&options(lines));
            (tos.interactive, tos.bulk)
        };
        assert_eq!(of(&[]), (Some(0x10), Some(0x08)));
        assert_eq!(of(&["IPQoS=af21 cs1"]), (Some(0x48), Some(0x20)));
        assert_eq!(of(&["IPQoS=ef"]), (Some(0xb8), Some(0xb8)));
        assert_eq!(of(&["IPQoS=none"]), (None, None));
        assert_eq!(of(&["IPQoS=0x22 none"]), (Some(0x22), None));
    }

    #[test]
    fn intervals_of_keystrokes() {
        let of = |line: &str| keystroke_interval(&options(&[line])).map(|d| d.as_millis());
        assert_eq!(keystroke_interval(&options(&[])), Some(Duration::from_millis(20)));
        assert_eq!(of("ObscureKeystrokeTiming=yes"), Some(20));
        assert_eq!(of("ObscureKeystrokeTiming=interval:80"), Some(80));
        assert_eq!(of("ObscureKeystrokeTiming no"), None);
    }

    #[test]
    fn timeouts_of_channels() {
        let all = channel_timeouts(&options(&["ChannelTimeout=session=1m direct-*=10"]));
        let seconds = Duration::from_secs;
        let wanted = [("session".to_owned(), seconds(60)), ("direct-*".to_owned(), seconds(10))];
        assert_eq!(all, wanted);
        assert_eq!(channel_timeouts(&options(&["ChannelTimeout=none"])), []);
    }

    #[test]
    fn the_identification_has_an_addendum() {
        let of = |line: &str| identification(&options(&[line]));
        let with = of("VersionAddendum=at home 7").unwrap();
        assert_eq!(with, format!("{} at home 7", crate::IDENTIFICATION));
        assert_eq!(of("VersionAddendum=none").unwrap(), crate::IDENTIFICATION);
        assert!(of("VersionAddendum=\u{e9}").is_err());
    }
}

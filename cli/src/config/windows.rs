//! How much a peer may send before it is taken: `ChannelWindow` and `ChannelMemory`, which are
//! keywords of our own, in both programs.

use super::values::scaled;
use crate::exit::{Fatal, Result};
use crate::limits::{
    CHANNEL_MEMORY_LEAST, CHANNEL_MEMORY_MAX, CHANNEL_WINDOW_LEAST, CHANNEL_WINDOW_MAX,
};
use std::fmt::{self, Display};
use tssh_connection::ConnectionConfig;

/// `ChannelWindow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelWindow {
    /// Windows grow with what the path can carry.
    Auto,
    /// Every window has so many bytes.
    Bytes(u32),
}

impl Display for ChannelWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Bytes(bytes) => bytes.fmt(f),
        }
    }
}

/// Both keywords, where they were said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Windows {
    /// `ChannelWindow`.
    pub window: Option<ChannelWindow>,
    /// `ChannelMemory`: bytes of all windows together.
    pub memory: Option<u64>,
}

impl Windows {
    /// The same, where the sum has room for the window.
    ///
    /// # Errors
    /// It has not.
    pub fn checked(self) -> Result<Self> {
        let config = self.connection();
        let (memory, room) = (config.channel_memory, config.window_room());
        match config.channel_window.filter(|window| u64::from(*window) > room) {
            None => Ok(self),
            Some(window) => Err(Fatal::new(format!(
                "ChannelWindow {window}: ChannelMemory {memory} has {room} bytes for one channel"
            ))),
        }
    }

    /// What a connection is made with.
    #[must_use]
    pub fn connection(self) -> ConnectionConfig {
        let default = ConnectionConfig::default();
        ConnectionConfig {
            channel_window: match self.window {
                None | Some(ChannelWindow::Auto) => None,
                Some(ChannelWindow::Bytes(bytes)) => Some(bytes),
            },
            channel_memory: self.memory.unwrap_or(default.channel_memory),
            ..default
        }
    }
}

/// The argument of `ChannelWindow`: `auto`, or a size.
///
/// # Errors
/// What is wrong with it.
pub fn channel_window(text: &str) -> std::result::Result<ChannelWindow, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(ChannelWindow::Auto);
    }
    let (least, most) = (u64::from(CHANNEL_WINDOW_LEAST), u64::from(CHANNEL_WINDOW_MAX));
    let bytes = size("ChannelWindow", text, least, most)?;
    let bytes = u32::try_from(bytes).map_err(|_| "ChannelWindow too large".to_owned())?;
    Ok(ChannelWindow::Bytes(bytes))
}

/// The argument of `ChannelMemory`.
///
/// # Errors
/// What is wrong with it.
pub fn channel_memory(text: &str) -> std::result::Result<u64, String> {
    size("ChannelMemory", text, CHANNEL_MEMORY_LEAST, CHANNEL_MEMORY_MAX)
}

fn size(name: &str, text: &str, least: u64, most: u64) -> std::result::Result<u64, String> {
    let bytes = scaled(text).ok_or_else(|| format!("Bad number '{text}': Invalid argument"))?;
    if bytes < least {
        return Err(format!("{name} too small: at least {least}"));
    }
    if bytes > most {
        return Err(format!("{name} too large: at most {most}"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_bounds() {
        for (text, bytes) in [("256K", 256 << 10), ("32768", 32 << 10), ("64m", 64 << 20)] {
            assert_eq!(channel_window(text), Ok(ChannelWindow::Bytes(bytes)), "{text}");
        }
        assert_eq!(channel_window("auto"), Ok(ChannelWindow::Auto));
        assert_eq!(channel_window("Auto"), Ok(ChannelWindow::Auto));
        for (text, bytes) in [("1M", 1 << 20), ("33554432", 32 << 20), ("1G", 1 << 30)] {
            assert_eq!(channel_memory(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn bad_sizes_are_complained_about() {
        for text in ["", "x", "K", "-1", "1.5M", "1T", "none", "99999999999G"] {
            let bad = format!("Bad number '{text}': Invalid argument");
            assert_eq!(channel_window(text), Err(bad.clone()), "{text}");
            assert_eq!(channel_memory(text), Err(bad), "{text}");
        }
        assert!(channel_memory("auto").is_err());
        let window = |text| channel_window(text).unwrap_err();
        assert_eq!(window("32767"), "ChannelWindow too small: at least 32768");
        assert_eq!(window("0"), "ChannelWindow too small: at least 32768");
        assert_eq!(window("65M"), "ChannelWindow too large: at most 67108864");
        assert_eq!(window("8G"), "ChannelWindow too large: at most 67108864");
        let memory = |text| channel_memory(text).unwrap_err();
        assert_eq!(memory("1023K"), "ChannelMemory too small: at least 1048576");
        assert_eq!(memory("2G"), "ChannelMemory too large: at most 1073741824");
    }

    #[test]
    fn a_window_must_fit_into_the_memory() {
        let of = |window: &str, memory: Option<&str>| {
            let memory = memory.map(|text| channel_memory(text).unwrap());
            Windows { window: Some(channel_window(window).unwrap()), memory }.checked()
        };
        for (window, memory) in [
            ("12M", None),
            ("auto", Some("1M")),
            ("384K", Some("1M")),
            ("64M", Some("84M")),
            ("64M", Some("1G")),
        ] {
            let config = of(window, memory).unwrap().connection();
            assert_eq!(config.channel_window.is_none(), window == "auto");
        }
        let fault = of("16M", None).unwrap_err().message;
        let words = "ChannelWindow 16777216: ChannelMemory 33554432 has 12587008 bytes for one \
                     channel";
        assert_eq!(fault, words);
        assert!(of("64M", Some("64M")).is_err() && of("1M", Some("1M")).is_err());
        let unsaid = Windows::default().connection();
        assert_eq!((unsaid.channel_window, unsaid.channel_memory), (None, 32 << 20));
    }
}

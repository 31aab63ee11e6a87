//! The name of an X display: what `DISPLAY` says, and where to connect for it.

use std::fmt;

/// TCP port of display 0; display n listens n above it.
pub const X11_PORT: u16 = 6000;
/// Largest screen number that is told to a server, as in ssh.
const SCREEN_MAX: u32 = 400;

/// An X display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// As it was written: what xauth is asked about.
    pub name: String,
    /// Where its server listens.
    pub place: Place,
    /// Number of the screen: 0 where none is named.
    pub screen: u32,
}

/// Where an X server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The Unix-domain socket of this display number, see [`Place::paths`].
    Local(u32),
    /// A Unix-domain socket of a name of its own, as launchd makes them: the first of these paths
    /// that can be connected to.
    Paths(Vec<String>),
    /// TCP.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
}

impl Place {
    /// The Unix-domain sockets to try, in order; a leading NUL stands for the abstract name that
    /// Linux has beside the file. Empty for TCP.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        match self {
            Self::Local(number) => {
                let path = format!("/tmp/.X11-unix/X{number}");
                vec![path.clone(), format!("\0{path}")]
            }
            Self::Paths(paths) => paths.clone(),
            Self::Tcp { .. } => Vec::new(),
        }
    }
}

impl Display {
    /// Reads a display's name: `:0`, `unix:0.1`, `host/unix:0`, `host:10.0`, `[2001:db8::1]:0`, or
    /// an absolute path. `None` for anything else.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        // The name becomes an argument of xauth; ssh lets no other characters through, but for
        // the brackets, which ssh does not know.
        let harmless = |c: char| c.is_ascii_alphanumeric() || ":/.-_[]".contains(c);
        if name.is_empty() || name.starts_with('-') || !name.chars().all(harmless) {
            return None;
        }
        if name.starts_with('/') {
            return Some(Self::at_path(name));
        }
        let (host, numbers) = name.rsplit_once(':')?;
        let (number, screen) = numbers_of(numbers)?;
        let local = host.is_empty() || host == "unix" || host.ends_with("/unix");
        let place = if local {
            Place::Local(number)
        } else {
            let host = match host.strip_prefix('[') {
                Some(inside) => inside.strip_suffix(']').filter(|inside| inside.contains(':'))?,
                None if host.contains([':', '/', '[', ']']) => return None,
                None => host,
            };
            let port = u32::from(X11_PORT).checked_add(number)?;
            Place::Tcp { host: host.to_owned(), port: u16::try_from(port).ok()? }
        };
        Some(Self { name: name.to_owned(), place, screen })
    }

    /// A path may itself end in `:0`, or be followed by a number and a screen.
    fn at_path(name: &str) -> Self {
        let mut paths = vec![name.to_owned()];
        let mut screen = 0;
        if let Some((path, numbers)) = name.rsplit_once(':')
            && let Some((number, found)) = numbers_of(numbers)
        {
            screen = found;
            for candidate in [format!("{path}:{number}"), path.to_owned()] {
                if !paths.contains(&candidate) {
                    paths.push(candidate);
                }
            }
        }
        Self { name: name.to_owned(), place: Place::Paths(paths), screen }
    }

    /// The name that xauth knows the display's data under: what is reached through the loopback
    /// interface is filed as a local display.
    #[must_use]
    pub fn xauth_name(&self) -> String {
        match self.name.strip_prefix("localhost:") {
            Some(numbers) => format!("unix:{numbers}"),
            None => self.name.clone(),
        }
    }
}

impl fmt::Display for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// `10` or `10.0`.
fn numbers_of(text: &str) -> Option<(u32, u32)> {
    let digits = |text: &str| {
        let all = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if all { text.parse::<u32>().ok() } else { None }
    };
    let (number, screen) = match text.split_once('.') {
        Some((number, screen)) => (number, digits(screen)?),
        None => (text, 0),
    };
    Some((digits(number)?, if screen > SCREEN_MAX { 0 } else { screen }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp { host: host.into(), port }
    }

    /// S57: what the forms of `DISPLAY` lead to.
    #[test]
    fn forms_of_display() {
        let launchd = "/private/tmp/com.apple.launchd.x/org.xquartz:0";
        for (name, place, screen) in [
            (":0", Place::Local(0), 0),
            (":10.2", Place::Local(10), 2),
            ("unix:0", Place::Local(0), 0),
            ("box/unix:3", Place::Local(3), 0),
            ("localhost:10.0", tcp("localhost", 6010), 0),
            ("x-1.example.com:1.1", tcp("x-1.example.com", 6001), 1),
            ("192.0.2.1:0", tcp("192.0.2.1", 6000), 0),
            ("[2001:db8::1]:7", tcp("2001:db8::1", 6007), 0),
            (":0.401", Place::Local(0), 0),
            ("/run/x.sock", Place::Paths(vec!["/run/x.sock".into()]), 0),
        ] {
            let display = Display::parse(name).unwrap();
            assert_eq!((display.place, display.screen), (place, screen), "{name}");
        }
        let display = Display::parse(launchd).unwrap();
        let bare = launchd.strip_suffix(":0").unwrap().to_owned();
        assert_eq!(display.place.paths(), [launchd.to_owned(), bare]);
        let screened = Display::parse("/x:1.2").unwrap();
        assert_eq!((screened.place.paths().len(), screened.screen), (3, 2));
        assert_eq!(
            Place::Local(4).paths(),
            ["/tmp/.X11-unix/X4".to_owned(), "\0/tmp/.X11-unix/X4".to_owned()]
        );
    }

    /// S57: what is no display.
    #[test]
    fn junk_is_no_display() {
        for name in [
            "",
            "0",
            "host",
            "host:",
            ":x",
            ":-1",
            ":0.",
            ":0.x",
            ":.0",
            "-f:0",
            ":0;id",
            "$(id):0",
            "a b:0",
            "::1:0",
            "[::1:0",
            "[host]:0",
            "host:59536",
            "h/x:0",
            "é:0",
            ":99999999999",
            ":0\n",
        ] {
            assert_eq!(Display::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn names_for_xauth() {
        for (name, for_xauth) in
            [(":0", ":0"), ("localhost:10.0", "unix:10.0"), ("other:1", "other:1")]
        {
            assert_eq!(Display::parse(name).unwrap().xauth_name(), for_xauth);
        }
    }
}

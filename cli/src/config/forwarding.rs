//! X11 and agent forwarding: what the command line and the files said about them.

use super::options::{ForwardAgent, Options};
use std::path::PathBuf;
use std::time::Duration;

/// Where Debian and most others have xauth.
const XAUTH: &str = "/usr/bin/xauth";
/// ssh's default of `ForwardX11Timeout`.
const X11_TIMEOUT_SECONDS: u32 = 1200;

/// X11 forwarding of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct X11Settings {
    /// `ForwardX11`.
    pub wanted: bool,
    /// It was asked for on this very command line (`-X`, `-Y`): who asks is told why it fails.
    pub by_flag: bool,
    /// `ForwardX11Trusted`.
    pub trusted: bool,
    /// `ForwardX11Timeout`; none for no limit.
    pub timeout: Option<Duration>,
    /// `XAuthLocation`.
    pub xauth: PathBuf,
}

impl X11Settings {
    /// Fills in the defaults.
    #[must_use]
    pub fn of(o: &Options) -> Self {
        let seconds = o.forward_x11_timeout.unwrap_or(X11_TIMEOUT_SECONDS);
        Self {
            wanted: o.forward_x11.unwrap_or(false),
            by_flag: o.forward_x11_by_flag && !o.strict_openssh,
            trusted: o.forward_x11_trusted.unwrap_or(false),
            timeout: (seconds > 0).then(|| Duration::from_secs(u64::from(seconds))),
            xauth: PathBuf::from(o.xauth_location.as_deref().unwrap_or(XAUTH)),
        }
    }
}

/// The socket of the agent to forward: `yes` is the agent that logs in, `$NAME` the one that the
/// variable names, and anything else a path, which `expand` completes. A variable that is not set
/// means that there is no agent to forward.
///
/// # Errors
/// What `expand` says, or a variable's name that cannot be one.
pub fn forwarded_agent(
    o: &Options,
    own: Option<&PathBuf>,
    expand: impl FnOnce(&str) -> crate::exit::Result<PathBuf>,
) -> crate::exit::Result<Option<PathBuf>> {
    match &o.forward_agent {
        None | Some(ForwardAgent::No) => Ok(None),
        Some(ForwardAgent::Yes) => Ok(own.cloned()),
        Some(ForwardAgent::Socket(text)) => {
            match text.strip_prefix('$').filter(|name| !name.starts_with('{')) {
                None => expand(text).map(Some),
                Some(name) if is_variable(name) => {
                    let value = std::env::var_os(name).filter(|value| !value.is_empty());
                    Ok(value.map(PathBuf::from))
                }
                Some(name) => Err(crate::exit::Fatal::new(format!(
                    "Invalid ForwardAgent environment variable name ${name}"
                ))),
            }
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::config::file::Reader;
    use crate::config::{Facts, Settings};

    fn settings(lines: &[&str]) -> crate::exit::Result<Settings> {
        let mut options = Options::default();
        let account = Account::current();
        for line in lines {
            Reader::new(&mut options, Facts::new("h", &account)).command_line(line)?;
        }
        options.identity_agent.get_or_insert_with(|| "/the/agent".into());
        Settings::resolve(&options, "h", &account, |_| Vec::new())
    }

    /// S66: yes, no, a path, a variable.
    #[test]
    fn which_agent_is_forwarded() {
        let home = Account::current().home;
        let path = |text: &str| Some(PathBuf::from(text));
        for (lines, expected) in [
            (vec![], None),
            (vec!["ForwardAgent no"], None),
            (vec!["ForwardAgent yes"], path("/the/agent")),
            (vec!["ForwardAgent YES"], path("/the/agent")),
            (vec!["ForwardAgent yes", "IdentityAgent none"], None),
            (vec!["ForwardAgent /some/socket"], path("/some/socket")),
            (vec!["ForwardAgent ~/socket"], Some(home.join("socket"))),
            (vec!["ForwardAgent /a/%n"], path("/a/h")),
            (vec!["ForwardAgent $TSSH_NOT_SET"], None),
            (vec!["ForwardAgent $CARGO_MANIFEST_DIR"], path(env!("CARGO_MANIFEST_DIR"))),
            (vec!["ForwardAgent no", "ForwardAgent yes"], None),
        ] {
            assert_eq!(settings(&lines).unwrap().forward_agent, expected, "{lines:?}");
        }
        assert!(settings(&["ForwardAgent $A-B"]).is_err());
        assert!(settings(&["ForwardAgent"]).is_err());
    }

    /// S62: the defaults are those of ssh_config(5) upstream, not those that Debian patches in.
    #[test]
    fn x11_defaults_and_values() {
        let x11 = settings(&[]).unwrap().x11;
        let timeout = Some(Duration::from_secs(1200));
        assert_eq!((x11.wanted, x11.trusted, x11.timeout), (false, false, timeout));
        assert_eq!(x11.xauth, PathBuf::from("/usr/bin/xauth"));
        let lines = ["ForwardX11 yes", "ForwardX11Trusted yes", "ForwardX11Timeout 0"];
        let x11 = settings(&lines).unwrap().x11;
        assert_eq!((x11.wanted, x11.trusted, x11.timeout, x11.by_flag), (true, true, None, false));
        let x11 = settings(&["ForwardX11Timeout 1m", "XAuthLocation /x/xauth"]).unwrap().x11;
        assert_eq!((x11.timeout, x11.xauth), (Some(Duration::from_secs(60)), "/x/xauth".into()));
        assert!(settings(&["ForwardX11 maybe"]).is_err());
    }
}

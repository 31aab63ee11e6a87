//! The environment of a session: nothing of the server's own but the time zone.

use super::Surroundings;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Where programs are looked for, as Debian's sshd has it.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/games";
const PATH_OF_ROOT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the environment is made of.
#[derive(Debug)]
pub struct Variables<'a> {
    /// What the client set and was let.
    pub of_client: &'a [(OsString, OsString)],
    /// TERM and the path of the terminal.
    pub terminal: Option<(&'a str, &'a Path)>,
    /// What the client asked for where a forced command runs instead.
    pub original: Option<&'a OsStr>,
    /// What DISPLAY is to be.
    pub display: Option<&'a str>,
    /// What SSH_AUTH_SOCK is to be.
    pub agent: Option<&'a Path>,
    /// The rest.
    pub around: Surroundings<'a>,
}

impl Variables<'_> {
    /// All of them; of two with the same name the later one counts, so that no client changes
    /// what the server sets, and `SetEnv` changes everything.
    #[must_use]
    pub fn all(&self) -> Vec<(OsString, OsString)> {
        let account = &self.around.policy.account;
        let mut all = self.of_client.to_vec();
        let mut set = |name: &str, value: &OsStr| all.push((name.into(), value.to_owned()));
        set("USER", account.name.as_ref());
        set("LOGNAME", account.name.as_ref());
        set("HOME", account.home.as_os_str());
        set("SHELL", account.shell.as_os_str());
        set("PATH", OsStr::new(if account.uid == 0 { PATH_OF_ROOT } else { PATH }));
        if let Some(zone) = std::env::var_os("TZ") {
            set("TZ", &zone);
        }
        for (name, value) in &self.around.allowed.environment {
            set(name, OsStr::new(value));
        }
        let peer = self.around.peer;
        set("SSH_CLIENT", peer.ssh_client().as_ref());
        set("SSH_CONNECTION", peer.ssh_connection().as_ref());
        if let Some((term, path)) = self.terminal {
            set("SSH_TTY", path.as_os_str());
            if !term.is_empty() {
                set("TERM", OsStr::new(term));
            }
        }
        if let Some(display) = self.display {
            set("DISPLAY", display.as_ref());
        }
        if let Some(agent) = self.agent {
            set("SSH_AUTH_SOCK", agent.as_os_str());
        }
        if let Some(original) = self.original {
            set("SSH_ORIGINAL_COMMAND", original);
        }
        for (name, value) in &self.around.policy.set_env {
            set(name, OsStr::new(value));
        }
        all
    }
}

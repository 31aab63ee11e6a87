//! The X display that the server stands in for: its listener, its name, its cookie in the user's
//! file. RFC 4254 section 6.3.

use super::carried::Carried;
use crate::exit::os_words;
use crate::server::{listener, log};
use crate::xauth;
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tssh_connection::ChannelRequest;
use tssh_forward::core::display::X11_PORT;
use tssh_forward::core::policy::X11Policy;
use tssh_forward::driver::{Handle, bind_tcp};
use zeroize::Zeroizing;

/// Displays that are tried, from the first one on, as in sshd.
const DISPLAYS_MAX: u32 = 1000;
/// Bytes of a cookie in hexadecimal: four times what any protocol uses.
const COOKIE_HEX_BYTES_MAX: usize = 512;

/// The variable that tells the helper which xauth to run, and the one with the words for it. Not
/// an argument: every user of the machine could read the cookie there.
pub const XAUTH_VARIABLE: &str = "TSSHD_XAUTH";
/// See [`XAUTH_VARIABLE`].
pub const XAUTH_INPUT_VARIABLE: &str = "TSSHD_XAUTH_INPUT";

/// One display; it ends when dropped, and its cookie is taken out of the user's file.
#[derive(Debug)]
pub struct StandIn {
    name: String,
    /// As xauth files it.
    entry: String,
    xauth: String,
    /// Words for xauth, with the cookie.
    input: Zeroizing<String>,
    /// What xauth needs of the session's environment; nothing until the session has started.
    environment: Option<Vec<(OsString, OsString)>>,
    task: AbortHandle,
    /// The same sockets once more: nobody else may have the display while its cookie is there.
    held: Vec<std::net::TcpListener>,
}

impl StandIn {
    /// Takes the first display that is free, and opens a channel for each connection to it.
    ///
    /// # Errors
    /// Why there is none, for the log.
    pub fn open(
        policy: &X11Policy,
        request: &ChannelRequest,
        handle: Handle,
    ) -> Result<Self, String> {
        let ChannelRequest::X11Req { single_connection, protocol, cookie, screen } = request else {
            return Err("no request for X11 forwarding".to_owned());
        };
        // They become words for xauth, one line each.
        let harmless = |text: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || ".:/-_".contains(c);
            !text.is_empty() && text.len() <= COOKIE_HEX_BYTES_MAX && text.chars().all(fits)
        };
        if !harmless(protocol) || !harmless(cookie) {
            return Err("Invalid X11 forwarding data".to_owned());
        }
        if !Path::new(&policy.xauth).is_file() {
            return Err("No xauth program; cannot forward X11.".to_owned());
        }
        let (number, listeners) = listen(policy)?;
        let (name, entry) = if policy.use_localhost {
            (format!("localhost:{number}.{screen}"), format!("unix:{number}.{screen}"))
        } else {
            let host = rustix::system::uname();
            let name = format!("{}:{number}.{screen}", host.nodename().to_string_lossy());
            (name.clone(), name)
        };
        let input = format!("remove {entry}\nadd {entry} {protocol} {cookie}\n");
        let (listeners, held) = doubled(listeners).map_err(|error| os_words(&error))?;
        let task = tokio::spawn(Carried::Display(listeners).serve(*single_connection, handle))
            .abort_handle();
        let (xauth, input) = (policy.xauth.clone(), Zeroizing::new(input));
        Ok(Self { name, entry, xauth, input, environment: None, task, held })
    }

    /// What DISPLAY is set to.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session starts: what its helper is told beside its variables.
    pub fn started(&mut self, variables: &[(OsString, OsString)]) -> [(&'static str, OsString); 2] {
        let needed = ["HOME", "XAUTHORITY", "PATH"].map(OsStr::new);
        let of_xauth = variables.iter().filter(|(name, _)| needed.contains(&name.as_os_str()));
        self.environment = Some(of_xauth.cloned().collect());
        [
            (XAUTH_VARIABLE, self.xauth.clone().into()),
            (XAUTH_INPUT_VARIABLE, self.input.as_str().into()),
        ]
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
        let Some(environment) = self.environment.take() else { return };
        let (xauth, input) = (self.xauth.clone(), format!("remove {}\n", self.entry));
        let held = std::mem::take(&mut self.held);
        // xauth may have to wait for others. Where there can be no thread the entry stays, and
        // leads nowhere; the next session on the display replaces it.
        let _ = std::thread::Builder::new().name("xauth".to_owned()).spawn(move || {
            if let Err(words) = tell_xauth(OsStr::new(&xauth), &input, Some(environment)) {
                log::debug(format_args!("{xauth}: {words}"));
            }
            drop(held);
        });
    }
}

/// Feeds words to xauth, within its time, with this environment or our own.
///
/// # Errors
/// Why it did not do it.
pub fn tell_xauth(
    xauth: &OsStr,
    input: &str,
    environment: Option<Vec<(OsString, OsString)>>,
) -> Result<(), String> {
    let runtime = listener::runtime().map_err(|error| os_words(&error))?;
    let mut command = tokio::process::Command::new(xauth);
    command.args(["-q", "-"]);
    if let Some(environment) = environment {
        command.env_clear().envs(environment);
    }
    command.env_remove(XAUTH_VARIABLE).env_remove(XAUTH_INPUT_VARIABLE);
    runtime.block_on(xauth::run(&mut command, input)).map(drop)
}

/// The first display of which every port can be had.
fn listen(policy: &X11Policy) -> Result<(u32, Vec<TcpListener>), String> {
    let none = "failed to allocate internet-domain X11 display socket.";
    let first = policy.display_offset;
    let addresses: [IpAddr; 2] = if policy.use_localhost {
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
    };
    for number in first..first.saturating_add(DISPLAYS_MAX) {
        let port = u32::from(X11_PORT).checked_add(number).map(u16::try_from);
        let Some(Ok(port)) = port else { break };
        if let Some(listeners) = listen_at(addresses, port) {
            return Ok((number, listeners));
        }
    }
    Err(none.to_owned())
}

/// A listener for each address family that the machine has; nothing where one is taken.
fn listen_at(addresses: [IpAddr; 2], port: u16) -> Option<Vec<TcpListener>> {
    use rustix::io::Errno;
    let absent = [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT, Errno::PFNOSUPPORT, Errno::INVAL];
    let absent = absent.map(|errno| Some(errno.raw_os_error()));
    let mut listeners = Vec::new();
    for address in addresses {
        match bind_tcp(SocketAddr::new(address, port)) {
            Ok(listener) => listeners.push(listener),
            Err(error) if absent.contains(&error.raw_os_error()) => {}
            Err(_) => return None,
        }
    }
    (!listeners.is_empty()).then_some(listeners)
}

type Doubled = (Vec<TcpListener>, Vec<std::net::TcpListener>);

fn doubled(listeners: Vec<TcpListener>) -> std::io::Result<Doubled> {
    let mut out = (Vec::new(), Vec::new());
    for listener in listeners {
        let listener = listener.into_std()?;
        out.1.push(listener.try_clone()?);
        out.0.push(TcpListener::from_std(listener)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(offset: u32) -> X11Policy {
        X11Policy { display_offset: offset, use_localhost: true, xauth: "/bin/true".into() }
    }

    /// S59: the first display that nobody has, and no ports beyond the last.
    #[tokio::test]
    async fn the_first_free_display() {
        let (first, held) = listen(&policy(700)).unwrap();
        let (next, more) = listen(&policy(first)).unwrap();
        assert!(next > first, "{first} {next}");
        let bound = held.iter().chain(&more).map(|l| l.local_addr().unwrap());
        for address in bound {
            assert!(address.ip().is_loopback());
        }
        assert!(listen(&policy(59_536)).is_err() && listen(&policy(u32::MAX)).is_err());
        // Taken on one family is taken.
        let port = X11_PORT + u16::try_from(next).unwrap();
        drop(more);
        let _v4 = bind_tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).unwrap();
        assert!(listen(&policy(next)).unwrap().0 > next);
    }
}

//! Connections that others make for us: `ProxyCommand`, `ProxyUseFdpass` and `ProxyJump`.
//!
//! A command's standard input and output carry the SSH connection; a dialer hands over a socket
//! that it has connected; a jump is ourselves, logged in to the machine on the way and forwarding
//! our bytes with `-W`. [`jump`] reads the chain, [`child`] runs the program, [`dialer`] takes
//! the socket.

mod child;
mod dialer;
mod jump;
#[cfg(test)]
mod tests;

pub use child::ProxyChild;
pub use jump::is_valid as is_chain;

use crate::config::Settings;
use crate::config::options::Proxy;
use crate::exit::{Fatal, Result};
use crate::log;
use crate::server::descriptor::Descriptors;
use child::Spawned;
use std::path::Path;
use tokio::io::{AsyncRead, AsyncWrite};

/// How the server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// We connect.
    Direct,
    /// Standard input and output are the connection: `ProxyCommand -`.
    Standard,
    /// The user's shell runs this text, and its standard streams are the connection.
    Command(String),
    /// The user's shell runs this text, and the program passes back a connected socket.
    Dialer(String),
    /// We run ourselves with these arguments.
    Jump(Vec<String>),
}

impl Route {
    /// Decides as ssh does. `config_file` and `verbosity` are what `-F` and `-v` said: machines
    /// on the way are reached with the same.
    ///
    /// # Errors
    /// An unknown token, a jump host without a name, a jump to where we want to go anyway.
    pub fn new(settings: &Settings, config_file: Option<&Path>, verbosity: u32) -> Result<Self> {
        match &settings.proxy {
            None => Ok(Self::Direct),
            Some(Proxy::Command(text)) if text == "-" => Ok(Self::Standard),
            Some(Proxy::Command(text)) => {
                // As in ssh: the shell need not stay between us and the program.
                let command = format!("exec {}", expand(text, settings)?);
                if settings.proxy_use_fdpass {
                    return Ok(Self::Dialer(command));
                }
                Ok(Self::Command(command))
            }
            Some(Proxy::Jump(text)) => {
                jump::arguments(text, settings, config_file, verbosity).map(Self::Jump)
            }
        }
    }

    /// Starts the program, if there is one; with a dialer, waits for its socket.
    ///
    /// # Errors
    /// The program cannot be started, or a dialer passed nothing back.
    pub async fn open(&self) -> Result<Option<Opened>> {
        let spawned = match self {
            Self::Direct => return Ok(None),
            Self::Standard => {
                let failed = |error: std::io::Error| {
                    Fatal::new(format!("standard input: {}", crate::exit::os_words(&error)))
                };
                let input = crate::stdio::StandardInput::open().map_err(failed)?;
                let output = crate::stdio::StandardOutput::open().map_err(failed)?;
                let stream = Box::new(tokio::io::join(input, output));
                return Ok(Some(Opened { stream, peer: None, child: None }));
            }
            Self::Dialer(command) => {
                log::debug1(format_args!("Executing proxy dialer command: {command}"));
                return dialer::open(command).await.map(Some);
            }
            Self::Command(command) => {
                log::debug1(format_args!("Executing proxy command: {command}"));
                child::shell(command)?
            }
            Self::Jump(arguments) => {
                log::debug1(format_args!("Executing ourselves: {}", arguments.join(" ")));
                child::ourselves(arguments)?
            }
        };
        let Spawned { child, input, output } = spawned;
        let stream = Descriptors::new(input, output).map_err(|error| child::failed(&error))?;
        Ok(Some(Opened { stream: Box::new(stream), peer: None, child: Some(child) }))
    }
}

/// A connection that somebody else made.
pub struct Opened {
    /// The bytes.
    pub stream: Box<dyn Stream>,
    /// Where it leads, which only a dialer's socket tells.
    pub peer: Option<std::net::SocketAddr>,
    /// Who carries it; ended when dropped.
    pub child: Option<ProxyChild>,
}

/// A stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Expands the tokens of `ProxyCommand` and `ProxyJump`. The shell does the rest: `${NAME}` is
/// none of ours here.
fn expand(text: &str, settings: &Settings) -> Result<String> {
    let bad = |what: String| Fatal::new(format!("vdollar_percent_expand: {what}"));
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some('h') => out.push_str(&settings.host_name),
            Some('k') => out.push_str(settings.host_key_alias.as_ref().unwrap_or(&settings.host)),
            Some('n') => out.push_str(&settings.host),
            Some('p') => out.push_str(&settings.port.to_string()),
            Some('r') => out.push_str(&settings.user),
            Some(other) => return Err(bad(format!("unknown key %{other}"))),
            None => return Err(bad("invalid format".to_owned())),
        }
    }
    Ok(out)
}

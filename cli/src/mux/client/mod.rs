//! Our side where somebody else is the master: ask, pass the standard streams on, wait.

mod forwards;
mod session;

use super::messages::{ClientMessage, MasterMessage, Request};
use super::socket::{SocketFault, Wire};
use super::{Command, check_path};
use crate::background::Background;
use crate::client::session::Plan;
use crate::config::Settings;
use crate::exit::{Fatal, OWN_FAILURE, Result, os_words};
use crate::log;
use crate::signals::Endings;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What came of looking for a master.
pub enum Attached {
    /// There is none, or it does not want us: we connect ourselves.
    No,
    /// It has done what we were started for; this is our exit status.
    Ended(u8),
    /// A signal ended the attempt.
    Signal(i32),
}

/// `-O`, but for [`Command::Proxy`]: yields the exit status.
///
/// # Errors
/// ssh's line about a master that is not there, or does not do it.
pub fn command(settings: &Settings, command: Command) -> Result<u8> {
    let stream = connect_for_command(settings)?;
    crate::client::runtime()?.block_on(async {
        let mut client = Client::new(stream, settings)?;
        client.hello().await.map_err(|fault| hello_failed(&fault))?;
        client.command(command).await
    })
}

/// `-O proxy`: the socket, once the master carries the messages of RFC 4254 on it.
///
/// # Errors
/// ssh's line about a master that is not there, or does not do it.
pub fn proxy(settings: &Settings) -> Result<UnixStream> {
    let stream = connect_for_command(settings)?;
    crate::client::runtime()?.block_on(async {
        let mut client = Client::new(stream, settings)?;
        client.hello().await.map_err(|fault| hello_failed(&fault))?;
        match client.ask(Request::Proxy).await {
            Ok(MasterMessage::Proxy(_)) => {}
            other => return Err(refused("mux_client_proxy", "master returned error", other)),
        }
        let stream = client.wire.into_stream().into_std();
        stream.map_err(|error| Fatal::new(os_words(&error)))
    })
}

/// Looks for a master where there may be one, and has it do everything.
///
/// # Errors
/// The master was there, and broke off.
pub fn attach(
    settings: &Settings,
    plan: &Plan,
    background: &mut Option<Background>,
) -> Result<Attached> {
    let sharing = &settings.sharing;
    let Some(path) = sharing.path.as_deref().filter(|_| sharing.master.uses()) else {
        return Ok(Attached::No);
    };
    check_path(path)?;
    if sharing.master.shares() {
        log::debug1("auto-mux: Trying existing master");
    }
    let stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) => {
            absent(path, &error, sharing.master.shares());
            return Ok(Attached::No);
        }
    };
    crate::client::runtime()?.block_on(async {
        let mut signals = Endings::listen()?;
        let mut client = Client::new(stream, settings)?;
        tokio::select! {
            attached = client.open(plan, background) => match attached? {
                Some(waiting) => client.wait(waiting, signals).await.map(Attached::Ended),
                None => Ok(Attached::No),
            },
            number = signals.next() => Ok(Attached::Signal(number)),
        }
    })
}

/// What becomes of a socket that nobody answers at.
fn absent(path: &Path, error: &io::Error, shares: bool) {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::ConnectionRefused if shares => {
            log::debug1(format_args!("Stale control socket {shown}, unlinking"));
            // Where it cannot be removed, sharing our own connection tells of it.
            let _ = std::fs::remove_file(path);
        }
        io::ErrorKind::NotFound => {
            log::debug1(format_args!("Control socket \"{shown}\" does not exist"));
        }
        _ => {
            let words = os_words(error);
            log::error(format_args!("Control socket connect({shown}): {words}"));
        }
    }
}

fn connect_for_command(settings: &Settings) -> Result<UnixStream> {
    let Some(path) = settings.sharing.path.as_deref() else {
        return Err(Fatal::new("No ControlPath specified for \"-O\" command"));
    };
    check_path(path)?;
    UnixStream::connect(path).map_err(|error| {
        let (path, words) = (path.display(), os_words(&error));
        Fatal::new(format!("Control socket connect({path}): {words}"))
    })
}

fn hello_failed(fault: &SocketFault) -> Fatal {
    log::error(fault);
    Fatal::new("muxclient: master hello exchange failed")
}

/// ssh's line about an answer that is not the one that was hoped for.
fn refused(
    who: &str,
    what: &str,
    answer: std::result::Result<MasterMessage, SocketFault>,
) -> Fatal {
    Fatal::new(match answer {
        Ok(MasterMessage::PermissionDenied(_, why) | MasterMessage::Failure(_, why)) => {
            format!("{who}: {what}: {why}")
        }
        Ok(_) => format!("{who}: unexpected response from master"),
        Err(fault) => format!("{who}: read from master failed: {fault}"),
    })
}

/// A connection to a master.
struct Client<'a> {
    wire: Wire,
    settings: &'a Settings,
    /// The identifier of the last request.
    id: u32,
}

impl<'a> Client<'a> {
    /// Within a runtime.
    fn new(stream: UnixStream, settings: &'a Settings) -> Result<Self> {
        let prepare = || {
            stream.set_nonblocking(true)?;
            tokio::net::UnixStream::from_std(stream)
        };
        let stream = prepare().map_err(|error| Fatal::new(os_words(&error)))?;
        Ok(Self { wire: Wire::new(stream), settings, id: 0 })
    }

    /// A master that does not answer is waited for as long as a server would be.
    async fn hello(&mut self) -> std::result::Result<(), SocketFault> {
        let Some(limit) = self.settings.connect_timeout else { return self.say_hello().await };
        let said = tokio::time::timeout(limit, self.say_hello()).await;
        said.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    async fn say_hello(&mut self) -> std::result::Result<(), SocketFault> {
        self.wire.send(&ClientMessage::Hello.encode()).await?;
        let came = self.wire.receive().await?;
        match MasterMessage::decode(&came)? {
            MasterMessage::Hello => Ok(()),
            _ => Err(io::Error::other("the master says no hello").into()),
        }
    }

    /// Sends a request; its identifier.
    async fn send(&mut self, request: Request) -> std::result::Result<u32, SocketFault> {
        self.id = self.id.wrapping_add(1);
        let id = self.id;
        self.wire.send(&ClientMessage::Request { id, request }.encode()).await?;
        Ok(id)
    }

    /// The answer to the request of this identifier.
    async fn answer(&mut self, id: u32) -> std::result::Result<MasterMessage, SocketFault> {
        let answer = MasterMessage::decode(&self.wire.receive().await?)?;
        let theirs = match &answer {
            MasterMessage::Ok(id)
            | MasterMessage::PermissionDenied(id, _)
            | MasterMessage::Failure(id, _)
            | MasterMessage::Alive { id, .. }
            | MasterMessage::SessionOpened { id, .. }
            | MasterMessage::RemotePort { id, .. }
            | MasterMessage::Proxy(id) => Some(*id),
            _ => None,
        };
        match theirs.filter(|theirs| *theirs != id) {
            None => Ok(answer),
            Some(theirs) => {
                let words = format!("out of sequence reply: my id {id} theirs {theirs}");
                Err(io::Error::other(words).into())
            }
        }
    }

    /// Sends a request and waits for the answer.
    async fn ask(&mut self, request: Request) -> std::result::Result<MasterMessage, SocketFault> {
        let id = self.send(request).await?;
        self.answer(id).await
    }

    async fn command(&mut self, command: Command) -> Result<u8> {
        match command {
            Command::Check => match self.ask(Request::AliveCheck).await {
                Ok(MasterMessage::Alive { pid, .. }) => {
                    log::show(format_args!("Master running (pid={pid})\r\n"));
                    Ok(0)
                }
                other => Err(refused("muxclient", "master alive check failed", other)),
            },
            Command::Exit => match self.ask(Request::Terminate).await {
                // One that is gone has done it.
                Ok(MasterMessage::Ok(_)) | Err(SocketFault::Closed) => told("Exit request sent."),
                Ok(MasterMessage::PermissionDenied(_, why)) => {
                    Err(Fatal::new(format!("Master refused termination request: {why}")))
                }
                other => {
                    let who = "mux_client_request_terminate";
                    Err(refused(who, "termination request failed", other))
                }
            },
            Command::Stop => match self.ask(Request::StopListening).await {
                Ok(MasterMessage::Ok(_)) => told("Stop listening request sent."),
                Ok(MasterMessage::PermissionDenied(_, why)) => {
                    Err(Fatal::new(format!("Master refused stop listening request: {why}")))
                }
                other => {
                    let who = "mux_client_request_stop_listening";
                    Err(refused(who, "stop listening request failed", other))
                }
            },
            Command::Forward => match self.forwards(forwards::Change::Ask, true).await {
                true => Ok(0),
                false => Err(Fatal::new("muxclient: master forward request failed")),
            },
            Command::Cancel => match self.forwards(forwards::Change::Cancel, true).await {
                true => Ok(0),
                false => {
                    log::error("muxclient: master cancel forward request failed");
                    // ssh says so too, and ends with 0 all the same.
                    Ok(if self.settings.strict_openssh { 0 } else { OWN_FAILURE })
                }
            },
            // It is asked for elsewhere, for the socket lives on.
            Command::Proxy => Ok(OWN_FAILURE),
        }
    }
}

fn told(words: &str) -> Result<u8> {
    if log::enabled(log::Level::Fatal) {
        log::show(format_args!("{words}\r\n"));
    }
    Ok(0)
}

//! One client of the control socket, from its hello to its end.

use super::listener::Peers;
use super::{Done, Job, TOLD_MAX, Told, relay};
use crate::limits::MUX_CLIENT_WAIT;
use crate::log;
use crate::mux::forward::{ForwardSpec, target};
use crate::mux::messages::{ClientMessage, MasterMessage, NewSession, Request};
use crate::mux::socket::{SocketFault, Wire};
use crate::prompt;
use std::os::fd::OwnedFd;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;
use tssh_forward::core::address::Target;
use tssh_forward::driver::Forward;

/// The subject of a reminder that jobs wait.
pub const JOBS: u32 = 0x6d;

/// ssh's question to a master's user.
const SHARE: &str = "Allow shared connection to {}? ";
/// What ssh answers a user's no with.
const DENIED: &str = "Permission denied";

/// A client.
pub struct Peer {
    wire: Wire,
    peers: Peers,
    session: Option<Session>,
}

/// The session that a client has: one at most, as in ssh.
struct Session {
    told: mpsc::Receiver<Told>,
    /// The request that asked for it.
    request: u32,
    /// What messages call it, once it is there.
    name: Option<u32>,
}

/// What comes behind the messages.
enum After {
    Nothing,
    /// Those of RFC 4254.
    Proxy,
}

/// What happens next.
enum Next {
    Message(Result<Vec<u8>, SocketFault>),
    Told(Option<Told>),
}

impl Peer {
    /// A client that has connected.
    #[must_use]
    pub const fn new(stream: UnixStream, peers: Peers) -> Self {
        Self { wire: Wire::new(stream), peers, session: None }
    }

    /// Serves it to its end.
    pub async fn serve(mut self, permit: OwnedSemaphorePermit) {
        let talked = self.talk().await;
        let Self { wire, peers, session } = self;
        // A session that nobody listens to any more ends.
        drop(session);
        match talked {
            Ok(After::Nothing) => drop(wire),
            Ok(After::Proxy) => relay::serve(wire.into_stream(), &peers).await,
            // A client that leaves has said all it wants to.
            Err(SocketFault::Closed) => drop(wire),
            Err(fault) => {
                drop(wire);
                log::error(format_args!("multiplexing client: {fault}"));
            }
        }
        drop(permit);
        let _ = send(&peers, Job::Gone).await;
    }

    async fn talk(&mut self) -> Result<After, SocketFault> {
        self.say(&MasterMessage::Hello).await?;
        let hello = in_time(self.wire.receive()).await?;
        if ClientMessage::decode(&hello)? != ClientMessage::Hello {
            return Err(std::io::Error::other("the first message is no hello").into());
        }
        loop {
            let next = match &mut self.session {
                None => Next::Message(self.wire.receive().await),
                Some(session) => tokio::select! {
                    message = self.wire.receive() => Next::Message(message),
                    told = session.told.recv() => Next::Told(told),
                },
            };
            match next {
                Next::Message(message) => {
                    let ClientMessage::Request { id, request } = ClientMessage::decode(&message?)?
                    else {
                        return Err(std::io::Error::other("HELLO received twice").into());
                    };
                    if request == Request::Proxy && self.session.is_none() {
                        if self.may_have_session(id, SHARE).await? {
                            self.say(&MasterMessage::Proxy(id)).await?;
                            return Ok(After::Proxy);
                        }
                        continue;
                    }
                    self.request(id, request).await?;
                }
                // The channel is closed, and everything has been written.
                Next::Told(None) => return Ok(After::Nothing),
                Next::Told(Some(told)) => self.told(told).await?,
            }
        }
    }

    /// Passes on what is told of the session.
    async fn told(&mut self, told: Told) -> Result<(), SocketFault> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let id = session.request;
        let message = match told {
            Told::Opened(name) => {
                session.name = Some(name);
                MasterMessage::SessionOpened { id, session: name }
            }
            Told::Refused => {
                self.session = None;
                MasterMessage::Failure(id, "Session open refused by peer".to_owned())
            }
            Told::TtyAllocFail => MasterMessage::TtyAllocFail(session.name.unwrap_or_default()),
            Told::Exit(status) => {
                MasterMessage::Exit { session: session.name.unwrap_or_default(), status }
            }
        };
        self.say(&message).await
    }

    async fn say(&self, message: &MasterMessage) -> Result<(), SocketFault> {
        in_time(self.wire.send(&message.encode())).await
    }

    async fn request(&mut self, id: u32, request: Request) -> Result<(), SocketFault> {
        let answer = match request {
            Request::NewSession(session) => return self.new_session(id, session).await,
            Request::StdioForward { host, port } => return self.stdio(id, &host, port).await,
            Request::AliveCheck => MasterMessage::Alive { id, pid: std::process::id() },
            Request::Terminate => return self.terminate(id).await,
            Request::OpenForward(spec) => self.open_forward(id, &spec).await,
            Request::CloseForward(spec) => match spec.forward() {
                None => MasterMessage::Failure(id, "port not forwarded".to_owned()),
                Some(forward) => {
                    let (reply, done) = oneshot::channel();
                    self.done(id, Job::CloseForward(forward, reply), done).await
                }
            },
            Request::StopListening => {
                let what = "Disable further multiplexing on shared connection to {}? ";
                match self.asked(what).await {
                    false => denied(id),
                    true => {
                        let (reply, done) = oneshot::channel();
                        self.done(id, Job::StopListening(reply), done).await
                    }
                }
            }
            Request::Proxy | Request::Unknown(_) => {
                MasterMessage::Failure(id, "unsupported request".to_owned())
            }
        };
        self.say(&answer).await
    }

    async fn new_session(&mut self, id: u32, request: Box<NewSession>) -> Result<(), SocketFault> {
        let descriptors =
            [self.descriptor().await?, self.descriptor().await?, self.descriptor().await?];
        if !self.may_have_session(id, SHARE).await? {
            return Ok(());
        }
        let (told, hears) = mpsc::channel(TOLD_MAX);
        self.session = Some(Session { told: hears, request: id, name: None });
        self.send(Job::Session { request, descriptors, told }).await
    }

    async fn stdio(&mut self, id: u32, host: &str, port: u32) -> Result<(), SocketFault> {
        let descriptors = [self.descriptor().await?, self.descriptor().await?];
        let Some(target) = target(host, port) else {
            let why = "Invalid forwarding request".to_owned();
            return self.say(&MasterMessage::Failure(id, why)).await;
        };
        let question = match &target {
            Target::Tcp { host, port } => format!("Allow forward to [{host}]:{port}? "),
            Target::Unix(path) => format!("Allow forward to path {path}"),
        };
        if !self.may_have_session(id, &question).await? {
            return Ok(());
        }
        let (told, hears) = mpsc::channel(TOLD_MAX);
        self.session = Some(Session { told: hears, request: id, name: None });
        self.send(Job::Stdio { target, descriptors, told }).await
    }

    /// Whether a session may be had; a refusal has been told.
    async fn may_have_session(&self, id: u32, question: &str) -> Result<bool, SocketFault> {
        let refusal = if self.session.is_some() {
            MasterMessage::Failure(id, "Multiple sessions not supported".to_owned())
        } else if !self.asked(question).await {
            denied(id)
        } else {
            return Ok(true);
        };
        self.say(&refusal).await?;
        Ok(false)
    }

    async fn descriptor(&self) -> Result<OwnedFd, SocketFault> {
        in_time(self.wire.receive_descriptor()).await
    }

    async fn terminate(&self, id: u32) -> Result<(), SocketFault> {
        if !self.asked("Terminate shared connection to {}? ").await {
            return self.say(&denied(id)).await;
        }
        // It would not be said afterwards.
        let said = self.say(&MasterMessage::Ok(id)).await;
        self.send(Job::Terminate).await?;
        said
    }

    async fn open_forward(&self, id: u32, spec: &ForwardSpec) -> MasterMessage {
        let Some(forward) = spec.forward() else {
            return MasterMessage::Failure(id, "Invalid forwarding request".to_owned());
        };
        if self.peers.ask.is_some() {
            let question = format!("Open {} on {{}}?", described(&forward));
            if !self.asked(&question).await {
                return denied(id);
            }
        }
        let (reply, done) = oneshot::channel();
        self.done(id, Job::OpenForward(forward, reply), done).await
    }

    /// Has the connection's task do something, and says what came of it.
    async fn done(&self, id: u32, job: Job, done: oneshot::Receiver<Done>) -> MasterMessage {
        let done = match self.send(job).await {
            Ok(()) => done.await.unwrap_or_else(|_| Done::Failed("the connection is over".into())),
            Err(_) => Done::Failed("the connection is over".into()),
        };
        match done {
            Done::Ok => MasterMessage::Ok(id),
            Done::Port(port) => MasterMessage::RemotePort { id, port: u32::from(port) },
            Done::Failed(why) => MasterMessage::Failure(id, why),
        }
    }

    async fn send(&self, job: Job) -> Result<(), SocketFault> {
        send(&self.peers, job).await
    }

    /// Whether the user of the master agrees, where there is one to be asked.
    async fn asked(&self, question: &str) -> bool {
        let Some(host) = &self.peers.ask else { return true };
        let question = question.replace("{}", host);
        // The question holds up this client only.
        tokio::task::spawn_blocking(move || prompt::confirm(&question)).await.unwrap_or(false)
    }
}

/// Gives a job to the connection's task.
pub(super) async fn send(peers: &Peers, job: Job) -> Result<(), SocketFault> {
    peers.jobs.send(job).await.map_err(|_| SocketFault::Closed)?;
    let reminded = peers.handle.call(|control| control.remind(JOBS)).await;
    reminded.map_err(|_| SocketFault::Closed)
}

fn denied(id: u32) -> MasterMessage {
    MasterMessage::PermissionDenied(id, DENIED.to_owned())
}

/// What takes no longer than a client that is alive.
async fn in_time<T>(what: impl Future<Output = Result<T, SocketFault>>) -> Result<T, SocketFault> {
    match timeout(MUX_CLIENT_WAIT, what).await {
        Ok(done) => done,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// A forward in ssh's words for the question.
fn described(forward: &Forward) -> String {
    let spec = ForwardSpec::of(forward);
    let ForwardSpec { listen_host, listen_port, connect_host, connect_port, .. } = spec;
    let listen_host = if listen_host.is_empty() { "LOCALHOST" } else { &listen_host };
    match forward {
        Forward::Local(_) => {
            format!("local forward {listen_host}:{listen_port} -> {connect_host}:{connect_port}")
        }
        Forward::Dynamic(_) => format!("dynamic forward {listen_host}:{listen_port} -> *"),
        Forward::Remote(_) => {
            format!("remote forward {listen_host}:{listen_port} -> {connect_host}:{connect_port}")
        }
    }
}

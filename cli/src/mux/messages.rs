//! The messages of OpenSSH's multiplexing protocol, version 4 (its `PROTOCOL.mux`).
//!
//! Each is a `uint32` length and a body: the type, nearly always the identifier of the request,
//! and fields in the data types of RFC 4251 section 5. Flags are `uint32`, as OpenSSH sends them.

use super::forward::ForwardSpec;
use crate::limits::{MUX_ENVIRONMENT_MAX, MUX_MESSAGE_BYTES_MAX};
use tssh_transport::text::printable;
use tssh_transport::wire::{Reader, WireError, Writer};

/// The version that everybody speaks since OpenSSH 5.6.
pub const VERSION: u32 = 4;
/// "escape char" of a session that has none.
pub const NO_ESCAPE: u32 = u32::MAX;

const HELLO: u32 = 0x0000_0001;
const C_NEW_SESSION: u32 = 0x1000_0002;
const C_ALIVE_CHECK: u32 = 0x1000_0004;
const C_TERMINATE: u32 = 0x1000_0005;
const C_OPEN_FWD: u32 = 0x1000_0006;
const C_CLOSE_FWD: u32 = 0x1000_0007;
const C_NEW_STDIO_FWD: u32 = 0x1000_0008;
const C_STOP_LISTENING: u32 = 0x1000_0009;
const C_PROXY: u32 = 0x1000_000f;
const S_OK: u32 = 0x8000_0001;
const S_PERMISSION_DENIED: u32 = 0x8000_0002;
const S_FAILURE: u32 = 0x8000_0003;
const S_EXIT_MESSAGE: u32 = 0x8000_0004;
const S_ALIVE: u32 = 0x8000_0005;
const S_SESSION_OPENED: u32 = 0x8000_0006;
const S_REMOTE_PORT: u32 = 0x8000_0007;
const S_TTY_ALLOC_FAIL: u32 = 0x8000_0008;
const S_PROXY: u32 = 0x8000_000f;

/// A message that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A field that is not there, or what follows the last one.
    Wire(WireError),
    /// The claimed length is beyond any message of the protocol.
    TooLong(usize),
    /// Another version of the protocol.
    Version(u32),
    /// More variables than anybody has.
    TooManyVariables,
    /// A NUL where no program can have one. OpenSSH's servers end the whole connection over it.
    Nul,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wire(error) => write!(f, "malformed message: {error}"),
            Self::TooLong(length) => write!(f, "a message of {length} bytes is too long"),
            Self::Version(version) => write!(
                f,
                "Unsupported multiplexing protocol version {version} (expected {VERSION})"
            ),
            Self::TooManyVariables => {
                write!(f, "more than {MUX_ENVIRONMENT_MAX} environment variables")
            }
            Self::Nul => f.write_str("a NUL in a command, a variable or the name of a terminal"),
        }
    }
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// A session that a client asks for; its three descriptors follow the message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSession {
    /// With a terminal.
    pub tty: bool,
    /// With X11 forwarding.
    pub x11: bool,
    /// With agent forwarding.
    pub agent: bool,
    /// The command names a subsystem.
    pub subsystem: bool,
    /// The escape character; [`NO_ESCAPE`] for none.
    pub escape: u32,
    /// `TERM`.
    pub term: String,
    /// What to run; empty for a shell.
    pub command: Vec<u8>,
    /// `NAME=value`.
    pub environment: Vec<Vec<u8>>,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A session.
    NewSession(Box<NewSession>),
    /// Whether the master is alive, and its process identifier.
    AliveCheck,
    /// That the master ends.
    Terminate,
    /// A forward.
    OpenForward(ForwardSpec),
    /// The end of one.
    CloseForward(ForwardSpec),
    /// A connection for standard input and output; their descriptors follow the message.
    StdioForward {
        /// The host, or a path.
        host: String,
        /// The port; [`UNIX_PORT`](super::forward::UNIX_PORT) makes the host a path.
        port: u32,
    },
    /// That no further client is taken.
    StopListening,
    /// That the socket carries messages of RFC 4254 from now on.
    Proxy,
    /// Something that this master does not know.
    Unknown(u32),
}

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// The first one.
    Hello,
    /// All others.
    Request {
        /// What the answer refers to.
        id: u32,
        /// What is asked for.
        request: Request,
    },
}

/// A message of a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MasterMessage {
    /// The first one.
    Hello,
    /// Done.
    Ok(u32),
    /// The user of the master does not want it.
    PermissionDenied(u32, String),
    /// It did not work.
    Failure(u32, String),
    /// A session's command has ended with this status.
    Exit {
        /// The session.
        session: u32,
        /// The status.
        status: u32,
    },
    /// The answer to an alive check.
    Alive {
        /// The request.
        id: u32,
        /// The master's process.
        pid: u32,
    },
    /// The session is there.
    SessionOpened {
        /// The request.
        id: u32,
        /// What later messages call it.
        session: u32,
    },
    /// The port that the server chose.
    RemotePort {
        /// The request.
        id: u32,
        /// The port.
        port: u32,
    },
    /// The server gives no terminal.
    TtyAllocFail(u32),
    /// The socket carries messages of RFC 4254 from now on.
    Proxy(u32),
    /// Something that this client does not know.
    Unknown(u32),
}

/// The claimed length of a message, where it may be that long.
///
/// # Errors
/// [`Fault::TooLong`].
pub fn length(head: [u8; 4]) -> Result<usize, Fault> {
    let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
    if length > MUX_MESSAGE_BYTES_MAX { Err(Fault::TooLong(length)) } else { Ok(length) }
}

/// Puts the length before a body.
fn frame(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut body = Vec::new();
    write(&mut Writer::new(&mut body));
    let mut framed = Vec::with_capacity(body.len().saturating_add(4));
    Writer::new(&mut framed).string(&body);
    framed
}

/// Versions must agree; extensions that nobody defined are passed over.
fn hello(r: &mut Reader<'_>) -> Result<(), Fault> {
    let version = r.uint32("protocol version")?;
    if version != VERSION {
        return Err(Fault::Version(version));
    }
    while !r.rest().is_empty() {
        r.string("extension name")?;
        r.string("extension value")?;
    }
    Ok(())
}

/// Text for a human, whatever it holds.
fn text(r: &mut Reader<'_>, field: &'static str) -> Result<String, WireError> {
    Ok(printable(r.string(field)?, crate::limits::PEER_TEXT_BYTES_MAX))
}

impl ClientMessage {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(body);
        let kind = r.uint32("type")?;
        if kind == HELLO {
            hello(&mut r)?;
            return Ok(Self::Hello);
        }
        let id = r.uint32("request id")?;
        let request = match kind {
            C_NEW_SESSION => Request::NewSession(Box::new(NewSession::decode(&mut r)?)),
            C_ALIVE_CHECK => Request::AliveCheck,
            C_TERMINATE => Request::Terminate,
            C_OPEN_FWD => Request::OpenForward(ForwardSpec::decode(&mut r)?),
            C_CLOSE_FWD => Request::CloseForward(ForwardSpec::decode(&mut r)?),
            C_NEW_STDIO_FWD => {
                r.string("reserved")?;
                let host = r.text("connect host")?.to_owned();
                Request::StdioForward { host, port: r.uint32("connect port")? }
            }
            C_STOP_LISTENING => Request::StopListening,
            C_PROXY => Request::Proxy,
            // Its fields are not known either.
            unknown => return Ok(Self::Request { id, request: Request::Unknown(unknown) }),
        };
        r.end()?;
        Ok(Self::Request { id, request })
    }

    /// The message as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        frame(|w| match self {
            Self::Hello => {
                w.uint32(HELLO);
                w.uint32(VERSION);
            }
            Self::Request { id, request } => {
                w.uint32(request.kind());
                w.uint32(*id);
                request.encode(w);
            }
        })
    }
}

impl Request {
    const fn kind(&self) -> u32 {
        match self {
            Self::NewSession(_) => C_NEW_SESSION,
            Self::AliveCheck => C_ALIVE_CHECK,
            Self::Terminate => C_TERMINATE,
            Self::OpenForward(_) => C_OPEN_FWD,
            Self::CloseForward(_) => C_CLOSE_FWD,
            Self::StdioForward { .. } => C_NEW_STDIO_FWD,
            Self::StopListening => C_STOP_LISTENING,
            Self::Proxy => C_PROXY,
            Self::Unknown(kind) => *kind,
        }
    }

    fn encode(&self, w: &mut Writer<'_>) {
        match self {
            Self::NewSession(session) => session.encode(w),
            Self::OpenForward(spec) | Self::CloseForward(spec) => spec.encode(w),
            Self::StdioForward { host, port } => {
                w.string(b"");
                w.string(host.as_bytes());
                w.uint32(*port);
            }
            _ => {}
        }
    }
}

impl NewSession {
    fn decode(r: &mut Reader<'_>) -> Result<Self, Fault> {
        r.string("reserved")?;
        let mut session = Self {
            tty: r.uint32("want tty flag")? != 0,
            x11: r.uint32("want X11 forwarding flag")? != 0,
            agent: r.uint32("want agent flag")? != 0,
            subsystem: r.uint32("subsystem flag")? != 0,
            escape: r.uint32("escape char")?,
            term: r.text("terminal type")?.to_owned(),
            command: r.string("command")?.to_vec(),
            environment: Vec::new(),
        };
        while !r.rest().is_empty() {
            if session.environment.len() >= MUX_ENVIRONMENT_MAX {
                return Err(Fault::TooManyVariables);
            }
            session.environment.push(r.string("environment string")?.to_vec());
        }
        let strings = session.environment.iter().chain([&session.command]).map(Vec::as_slice);
        let nul = strings.chain([session.term.as_bytes()]).any(|string| string.contains(&0));
        if nul { Err(Fault::Nul) } else { Ok(session) }
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.string(b"");
        for flag in [self.tty, self.x11, self.agent, self.subsystem] {
            w.uint32(u32::from(flag));
        }
        w.uint32(self.escape);
        w.string(self.term.as_bytes());
        w.string(&self.command);
        for variable in &self.environment {
            w.string(variable);
        }
    }
}

impl MasterMessage {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(body);
        let kind = r.uint32("type")?;
        if kind == HELLO {
            hello(&mut r)?;
            return Ok(Self::Hello);
        }
        let first = r.uint32("client request id")?;
        let message = match kind {
            S_OK => Self::Ok(first),
            S_PERMISSION_DENIED => Self::PermissionDenied(first, text(&mut r, "reason")?),
            S_FAILURE => Self::Failure(first, text(&mut r, "reason")?),
            S_EXIT_MESSAGE => Self::Exit { session: first, status: r.uint32("exit value")? },
            S_ALIVE => Self::Alive { id: first, pid: r.uint32("server pid")? },
            S_SESSION_OPENED => Self::SessionOpened { id: first, session: r.uint32("session id")? },
            S_REMOTE_PORT => Self::RemotePort { id: first, port: r.uint32("allocated port")? },
            S_TTY_ALLOC_FAIL => Self::TtyAllocFail(first),
            S_PROXY => Self::Proxy(first),
            unknown => return Ok(Self::Unknown(unknown)),
        };
        r.end()?;
        Ok(message)
    }

    /// The message as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut numbers = Vec::new();
        let mut reason = None;
        match self {
            Self::Hello => numbers.extend([HELLO, VERSION]),
            Self::Ok(id) => numbers.extend([S_OK, *id]),
            Self::PermissionDenied(id, why) => {
                numbers.extend([S_PERMISSION_DENIED, *id]);
                reason = Some(why);
            }
            Self::Failure(id, why) => {
                numbers.extend([S_FAILURE, *id]);
                reason = Some(why);
            }
            Self::Exit { session, status } => numbers.extend([S_EXIT_MESSAGE, *session, *status]),
            Self::Alive { id, pid } => numbers.extend([S_ALIVE, *id, *pid]),
            Self::SessionOpened { id, session } => {
                numbers.extend([S_SESSION_OPENED, *id, *session]);
            }
            Self::RemotePort { id, port } => numbers.extend([S_REMOTE_PORT, *id, *port]),
            Self::TtyAllocFail(session) => numbers.extend([S_TTY_ALLOC_FAIL, *session]),
            Self::Proxy(id) => numbers.extend([S_PROXY, *id]),
            Self::Unknown(kind) => numbers.extend([*kind, 0]),
        }
        frame(|w| {
            for number in numbers {
                w.uint32(number);
            }
            if let Some(reason) = reason {
                w.string(reason.as_bytes());
            }
        })
    }
}

#[cfg(test)]
mod tests;

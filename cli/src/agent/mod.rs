//! The client of an ssh-agent: which keys it holds, and signatures by them.

pub mod messages;

pub use messages::{AgentKey, Constraints, SessionBinding};

use crate::limits::{AGENT_FRAME_BYTES_MAX, AGENT_LIST_TIMEOUT};
use messages::AnswerFault;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tssh_transport::key::PrivateKey;

/// Why an agent is of no help.
#[derive(Debug)]
pub enum AgentFault {
    /// It cannot be reached, or the connection broke.
    Io(std::io::Error),
    /// A frame larger than the protocol allows.
    FrameTooLarge(usize),
    /// Its answer is not what was asked for.
    Answer(AnswerFault),
    /// It did not answer in time.
    Silent,
}

impl std::fmt::Display for AgentFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => f.write_str(&crate::exit::os_words(error)),
            Self::FrameTooLarge(n) => write!(f, "answer of {n} bytes is too large"),
            Self::Answer(fault) => fault.fmt(f),
            Self::Silent => f.write_str("no answer"),
        }
    }
}

impl std::error::Error for AgentFault {}

impl From<std::io::Error> for AgentFault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<AnswerFault> for AgentFault {
    fn from(fault: AnswerFault) -> Self {
        Self::Answer(fault)
    }
}

/// A connection to an agent.
#[derive(Debug)]
pub struct Agent {
    socket: UnixStream,
}

impl Agent {
    /// Connects to the agent's socket.
    ///
    /// # Errors
    /// What the operating system said.
    pub async fn connect(socket: &Path) -> Result<Self, AgentFault> {
        Ok(Self { socket: UnixStream::connect(socket).await? })
    }

    /// The keys that the agent holds, in its order.
    ///
    /// # Errors
    /// See [`AgentFault`]; an agent that does not answer is given up after
    /// [`AGENT_LIST_TIMEOUT`].
    pub async fn identities(&mut self) -> Result<Vec<AgentKey>, AgentFault> {
        let exchange = self.exchange(messages::request_identities());
        let answer = tokio::time::timeout(AGENT_LIST_TIMEOUT, exchange).await;
        Ok(messages::identities(&answer.map_err(|_| AgentFault::Silent)??)?)
    }

    /// Shows the agent which host this connection is for, see [`messages::session_bind`]. Agents
    /// that do not know of it refuse, and go on as if nothing had been said.
    ///
    /// # Errors
    /// See [`AgentFault`]; [`AnswerFault::Refused`] leaves the connection usable.
    pub async fn bind(
        &mut self,
        binding: &SessionBinding,
        forwarding: bool,
    ) -> Result<(), AgentFault> {
        let exchange = self.exchange(messages::session_bind(binding, forwarding));
        let answer = tokio::time::timeout(AGENT_LIST_TIMEOUT, exchange).await;
        Ok(messages::success(&answer.map_err(|_| AgentFault::Silent)??)?)
    }

    /// The connection itself, for somebody else to speak on.
    #[must_use]
    pub fn into_stream(self) -> UnixStream {
        self.socket
    }

    /// A signature over `data`. It may wait for a human, so it has no bound in time.
    ///
    /// # Errors
    /// See [`AgentFault`].
    pub async fn sign(
        &mut self,
        blob: &[u8],
        data: &[u8],
        algorithm: &str,
    ) -> Result<Vec<u8>, AgentFault> {
        let frame = messages::sign_request(blob, data, algorithm)
            .ok_or(AgentFault::FrameTooLarge(data.len()))?;
        Ok(messages::signature(&self.exchange(frame).await?)?)
    }

    /// Gives the agent a key.
    ///
    /// # Errors
    /// See [`AgentFault`].
    pub async fn add(
        &mut self,
        key: &PrivateKey,
        comment: &str,
        constraints: Constraints,
    ) -> Result<(), AgentFault> {
        let frame = messages::add_identity(&key.agent_fields(), comment, constraints);
        let answer = tokio::time::timeout(AGENT_LIST_TIMEOUT, self.exchange(&*frame)).await;
        Ok(messages::success(&answer.map_err(|_| AgentFault::Silent)??)?)
    }

    /// Sends a frame and reads one. The length is checked before anything is allocated.
    async fn exchange(&mut self, frame: impl AsRef<[u8]>) -> Result<Vec<u8>, AgentFault> {
        self.socket.write_all(frame.as_ref()).await?;
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).await?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > AGENT_FRAME_BYTES_MAX {
            return Err(AgentFault::FrameTooLarge(length));
        }
        let mut payload = vec![0; length];
        self.socket.read_exact(&mut payload).await?;
        Ok(payload)
    }
}

#[cfg(test)]
mod tests;

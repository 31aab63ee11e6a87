//! The socket by which programs of a session reach the agent at the client's side.

use super::carried::Carried;
use crate::private_folder::PrivateFolder;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;
use tokio::task::AbortHandle;
use tssh_forward::driver::Handle;

/// The socket of one connection; it is gone when dropped, with its folder.
#[derive(Debug)]
pub struct AgentSocket {
    path: PathBuf,
    task: Option<AbortHandle>,
    _folder: PrivateFolder,
}

impl AgentSocket {
    /// Makes the socket, and opens a channel for each connection to it.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn open(handle: Handle) -> io::Result<Self> {
        let folder = PrivateFolder::new("tsshd")?;
        let path = folder.join(format!("agent.{}", std::process::id()));
        let mut socket = Self { path, task: None, _folder: folder };
        let listener = UnixListener::bind(&socket.path)?;
        std::fs::set_permissions(&socket.path, std::fs::Permissions::from_mode(0o600))?;
        socket.task =
            Some(tokio::spawn(Carried::Agent(listener).serve(false, handle)).abort_handle());
        Ok(socket)
    }

    /// What SSH_AUTH_SOCK is set to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for AgentSocket {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

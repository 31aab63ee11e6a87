//! The socket by which programs of a session reach the agent at the client's side.

use crate::exit::os_words;
use crate::server::log;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;
use tokio::task::AbortHandle;
use tssh_connection::OpenKind;
use tssh_forward::driver::{Control, Endpoints, Handle};
use tssh_forward::limits::ACCEPT_RETRY_LAST;

/// The socket of one connection; it is gone when dropped, with its folder.
#[derive(Debug)]
pub struct AgentSocket {
    folder: PathBuf,
    path: PathBuf,
    task: Option<AbortHandle>,
}

impl AgentSocket {
    /// Makes the socket, and opens a channel for each connection to it.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn open(handle: Handle) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| io::ErrorKind::Unsupported)?;
        let name = format!("tsshd-{:016x}", u64::from_ne_bytes(random));
        let folder = std::env::temp_dir().join(name);
        // It fails where something of that name exists: the folder is fresh, and nobody else may
        // enter it.
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let path = folder.join(format!("agent.{}", std::process::id()));
        let mut socket = Self { folder, path, task: None };
        let listener = UnixListener::bind(&socket.path)?;
        std::fs::set_permissions(&socket.path, std::fs::Permissions::from_mode(0o600))?;
        socket.task = Some(tokio::spawn(serve(listener, handle)).abort_handle());
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
        // Where they are gone already there is nothing to do.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// The connection's queue of calls bounds how many wait.
async fn serve(listener: UnixListener, handle: Handle) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                log::debug(format_args!("accept: {}", os_words(&error)));
                tokio::time::sleep(ACCEPT_RETRY_LAST).await;
                continue;
            }
        };
        let open = move |control: &mut Control<'_>| {
            control.open_forwarded(OpenKind::AuthAgent, Endpoints::whole(stream))
        };
        match handle.call(open).await {
            Ok(Ok(_)) => {}
            // Too many channels: this program is let go, the next one may do better.
            Ok(Err(error)) => log::debug(format_args!("agent connection refused: {error}")),
            Err(_) => return,
        }
    }
}

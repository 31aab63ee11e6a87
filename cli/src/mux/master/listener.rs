//! The control socket: made in one step, removed at the end, open to one user only.

use super::Job;
use super::peer::Peer;
use crate::exit::os_words;
use crate::limits::{MUX_BACKLOG, MUX_CLIENTS_MAX};
use crate::log;
use crate::mux::PATH_BYTES_MAX;
use rustix::fs::{Mode, chmod};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use rustix::process::geteuid;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tssh_forward::driver::Handle;

/// Only its owner may connect.
const SOCKET_MODE: u32 = 0o600;
/// How long nobody is accepted once the process has no descriptor left.
const REST: Duration = Duration::from_millis(100);

/// Why there is no socket.
#[derive(Debug)]
pub enum Unshared {
    /// Something of that name is there: the connection is not shared.
    Exists(PathBuf),
    /// Nothing can be there: who asked for it must not go on without it.
    Impossible(String),
}

/// The control socket of a connection. Dropping it stops listening and removes the socket.
#[derive(Debug)]
pub struct Listening {
    path: PathBuf,
    /// Device and inode of what was put there.
    made: Option<(u64, u64)>,
    accepting: JoinHandle<()>,
}

impl Listening {
    /// Makes the socket, and accepts clients from now on. Within a runtime.
    ///
    /// # Errors
    /// [`Unshared`].
    pub fn start(path: &Path, peers: Peers) -> Result<Self, Unshared> {
        let listener = make(path)?;
        let words = |error: io::Error| Unshared::Impossible(os_words(&error));
        listener.set_nonblocking(true).map_err(words)?;
        let listener = tokio::net::UnixListener::from_std(listener).map_err(words)?;
        let accepting = tokio::spawn(accept(listener, peers));
        Ok(Self { path: path.to_path_buf(), made: identity(path), accepting })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
        // Somebody may have been quicker, and another master may have taken the name since.
        if self.made.is_some() && identity(&self.path) == self.made {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What tells the file of a path from every other.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = std::fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// What each client needs.
#[derive(Debug, Clone)]
pub struct Peers {
    /// Where jobs go.
    pub jobs: mpsc::Sender<Job>,
    /// Calls the connection's task to them.
    pub handle: Handle,
    /// The host, where the user is asked about each request.
    pub ask: Option<String>,
    /// One permit for each client that may still come.
    pub clients: Arc<Semaphore>,
}

/// A number of permits as the limit has it.
#[must_use]
pub fn clients() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MUX_CLIENTS_MAX))
}

/// Binds a name that nobody knows, and gives the socket its real one when it is whole: so nobody
/// finds one that does not listen yet, and nothing that is there is replaced.
fn make(path: &Path) -> Result<UnixListener, Unshared> {
    if path.as_os_str().len() >= PATH_BYTES_MAX {
        // The name beside it may be short enough, but no client could connect to this one.
        let shown = path.display();
        return Err(Unshared::Impossible(format!(
            "unix_listener: path \"{shown}\" too long for Unix domain socket"
        )));
    }
    let temporary = beside(path);
    let made = bound(&temporary).map_err(|error| {
        let words = os_words(&error);
        Unshared::Impossible(format!(
            "unix_listener: cannot bind to path {}: {words}",
            path.display()
        ))
    });
    let linked = made.and_then(|socket| match std::fs::hard_link(&temporary, path) {
        Ok(()) => Ok(UnixListener::from(socket)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Unshared::Exists(path.to_path_buf()))
        }
        Err(error) => {
            let (from, to, words) = (temporary.display(), path.display(), os_words(&error));
            Err(Unshared::Impossible(format!("link mux listener {from} => {to}: {words}")))
        }
    });
    // It has its real name now, or none at all.
    let _ = std::fs::remove_file(&temporary);
    linked
}

fn bound(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    // Nobody can connect before it listens.
    chmod(path, Mode::from_raw_mode(SOCKET_MODE))?;
    listen(&socket, MUX_BACKLOG)?;
    Ok(socket)
}

/// A name in the same folder, short enough for an address wherever `path` itself is.
fn beside(path: &Path) -> PathBuf {
    let mut random = [0; 8];
    // A name that is not random may be taken, and then there is no socket.
    let _ = getrandom::fill(&mut random);
    let name = format!(".{:012x}", u64::from_ne_bytes(random) & 0xffff_ffff_ffff);
    path.with_file_name(name)
}

/// Takes clients, as many as may be there at a time; the others wait.
async fn accept(listener: tokio::net::UnixListener, peers: Peers) {
    loop {
        let Ok(permit) = Arc::clone(&peers.clients).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                log::debug1(format_args!("control socket: accept: {}", os_words(&error)));
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let ours = geteuid().as_raw();
        match stream.peer_cred().map(|peer| peer.uid()) {
            Ok(uid) if uid == ours || uid == 0 => {
                tokio::spawn(Peer::new(stream, peers.clone()).serve(permit));
            }
            Ok(uid) => {
                log::error(format_args!("multiplex uid mismatch: peer euid {uid} != uid {ours}"))
            }
            Err(error) => log::error(format_args!("control socket: {}", os_words(&error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::Dir;
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_socket_is_whole_private_and_replaces_nothing() {
        let folder = Dir::new();
        let path = folder.0.join("control");
        let listener = make(&path).unwrap();
        let found = path.metadata().unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, SOCKET_MODE);
        UnixStream::connect(&path).unwrap();
        assert!(matches!(make(&path), Err(Unshared::Exists(_))));
        drop(listener);
        // One whose master was killed is not replaced either: whoever looks for a master does.
        assert!(matches!(make(&path), Err(Unshared::Exists(_))));
        let names: Vec<_> = std::fs::read_dir(&folder.0).unwrap().flatten().collect();
        assert_eq!(names.len(), 1, "no other name is left: {names:?}");
        assert!(matches!(make(&folder.0.join("no/control")), Err(Unshared::Impossible(_))));
    }

    #[test]
    fn only_the_own_socket_is_removed() {
        let folder = Dir::new();
        let path = folder.0.join("control");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let listening = |path: &Path| {
            let accepting = runtime.spawn(std::future::pending());
            Listening { path: path.to_path_buf(), made: identity(path), accepting }
        };
        let _first = make(&path).unwrap();
        let first = listening(&path);
        std::fs::rename(&path, folder.0.join("moved")).unwrap();
        let _second = make(&path).unwrap();
        let second = listening(&path);
        drop(first);
        assert!(path.exists(), "it is another master's");
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn a_path_as_long_as_an_address_works() {
        let folder = Dir::new();
        let room = 107 - folder.0.as_os_str().len() - 1;
        let path = folder.0.join("a".repeat(room));
        assert_eq!(path.as_os_str().len(), 107);
        make(&path).unwrap();
        let longer = folder.0.join("a".repeat(room + 1));
        assert!(matches!(make(&longer), Err(Unshared::Impossible(_))));
        assert!(!longer.exists(), "nobody could connect to it");
    }
}

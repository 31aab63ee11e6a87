//! What a server stands in for, the agent or the display: each connection to its listeners becomes
//! a channel of the client's.

use crate::exit::os_words;
use crate::server::log;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tssh_connection::OpenKind;
use tssh_forward::driver::{Control, Endpoints, Handle};
use tssh_forward::limits::ACCEPT_RETRY_LAST;

/// What is listened on.
pub(super) enum Carried {
    /// The socket of the agent.
    Agent(UnixListener),
    /// The ports of a display.
    Display(Vec<TcpListener>),
}

impl Carried {
    /// The next connection, and the kind of channel for it.
    async fn accept(&self) -> io::Result<(OpenKind, Endpoints)> {
        match self {
            Self::Agent(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((OpenKind::AuthAgent, Endpoints::whole(stream)))
            }
            Self::Display(listeners) => {
                let (stream, from) = any_of(listeners).await?;
                let (ip, port) = (from.ip(), from.port());
                log::debug(format_args!("X11 connection from {ip} port {port}"));
                let kind = OpenKind::X11 {
                    originator_address: ip.to_string(),
                    originator_port: u32::from(port),
                };
                Ok((kind, Endpoints::tcp(stream)))
            }
        }
    }

    /// Opens a channel for each connection, until the SSH connection ends; after the first one
    /// where only a `single` one is wanted. The connection's queue of calls bounds how many wait.
    pub(super) async fn serve(self, single: bool, handle: Handle) {
        loop {
            let (kind, endpoints) = match self.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    log::debug(format_args!("accept: {}", os_words(&error)));
                    tokio::time::sleep(ACCEPT_RETRY_LAST).await;
                    continue;
                }
            };
            let name = kind.name().to_owned();
            let open = move |control: &mut Control<'_>| control.open_forwarded(kind, endpoints);
            match handle.call(open).await {
                Ok(Ok(_)) => {}
                // Too many channels: this program is let go, the next one may do better.
                Ok(Err(error)) => log::debug(format_args!("{name} connection refused: {error}")),
                Err(_) => return,
            }
            // "If 'single connection' is TRUE, only a single connection should be forwarded. No
            // more connections will be forwarded after the first, or after the session channel has
            // been closed." RFC 4254 section 6.3.1
            if single {
                return;
            }
        }
    }
}

async fn any_of(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    std::future::poll_fn(|cx| {
        let accepted = listeners.iter().map(|listener| listener.poll_accept(cx));
        let mut ready = accepted.filter(Poll::is_ready);
        ready.next().unwrap_or(Poll::Pending)
    })
    .await
}

//! Recording sessions with real OpenSSH, for the replay tests of all layers.
//!
//! | module | what it gives |
//! | --- | --- |
//! | [`matrix`] | which sessions there are |
//! | [`client`], [`server`] | our end of a session, and the peer that it talks to |
//! | [`held`] | a socket whose inbound bytes can be held back, for exchanges that cross |
//! | [`conch`] | Twisted Conch, a peer from before strict key exchange |
//! | [`trace`] | the listing that people read, made by replaying a transcript |
//!
//! A transcript can decrypt its session and holds the host key: the keys in `keys/` are for this
//! and for nothing else.

pub mod client;
pub mod conch;
pub mod held;
pub mod matrix;
pub mod server;
pub mod trace;

pub use matrix::{Login, PASSWORD, Peer, Scene, Session, sessions};

use crate::openssh::KeyKind;
use crate::pattern::Pattern;
use sha2::{Digest, Sha512};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tssh_connection::Stack;
use tssh_forward::driver::{AppEvent, Handle};
use tssh_transport::entropy::SEED_BYTES;
use tssh_transport::key::{PrivateKey, parse_private_key};
use tssh_transport::transcript::Log;

/// Events that wait for the script of a session; none has as many.
const EVENTS_MAX: usize = 1024;

/// A download comes in so many pieces, with a pause after each, so that key exchanges have their
/// time.
const PIECES: usize = 5;
const PAUSE: Duration = Duration::from_millis(300);
/// No KEXINIT of a peer is shorter.
const KEXINIT_BYTES: usize = 800;

/// What is downloaded: text that compression makes half as long.
#[must_use]
pub fn download(bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    Pattern::new(1).fill(&mut noise);
    noise.iter().map(|b| b"0123456789abcdef"[usize::from(b % 16)]).collect()
}

/// The lines of a session that is being recorded.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<String>>);

impl Lines {
    /// Lets the stack write its lines here.
    pub fn record(&self, stack: &mut Stack) {
        let lines = Arc::clone(&self.0);
        stack.record(Log::new(Box::new(move |line| {
            // What is only for the listing can be made again from the rest.
            if !line.starts_with("t in ") && !line.starts_with("t out ") {
                lines.lock().expect("no writer panics").push_str(line);
            }
        })));
    }

    /// What was written.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.lock().expect("no writer panics").clone()
    }
}

/// The seed of a session: the same each time it is recorded.
#[must_use]
pub fn seed(name: &str) -> [u8; SEED_BYTES] {
    Sha512::digest(name).into()
}

/// The folder of the transcripts.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts")
}

/// The file of a test key: `host` or `user`.
#[must_use]
pub fn key_file(who: &str, kind: KeyKind) -> PathBuf {
    let kind = match kind {
        KeyKind::Ed25519 => "ed25519",
        KeyKind::EcdsaP256 => "ecdsa256",
        KeyKind::EcdsaP384 => "ecdsa384",
        KeyKind::EcdsaP521 => "ecdsa521",
        KeyKind::Rsa => "rsa",
    };
    Path::new(env!("CARGO_MANIFEST_DIR")).join("keys").join(format!("{who}_{kind}"))
}

/// A test key, and the text of its file.
///
/// # Panics
/// When the repository does not hold it.
#[must_use]
pub fn read_key(path: &Path) -> (PrivateKey, Vec<u8>) {
    let text = std::fs::read(path).expect("a key of the repository");
    let key = parse_private_key(&text, None).expect("a private key without passphrase");
    (key, text)
}

/// What the application of a recorded end hands to the script of its session.
pub struct Events {
    seen: mpsc::Receiver<AppEvent>,
    handle: oneshot::Receiver<Handle>,
}

/// The application's side of [`Events`].
pub struct Reporter {
    seen: mpsc::Sender<AppEvent>,
    handle: Option<oneshot::Sender<Handle>>,
}

/// Both ends of the channel between application and script.
#[must_use]
pub fn reporting() -> (Reporter, Events) {
    let (seen, events) = mpsc::channel(EVENTS_MAX);
    let (give, handle) = oneshot::channel();
    (Reporter { seen, handle: Some(give) }, Events { seen: events, handle })
}

impl Reporter {
    fn report(&mut self, event: AppEvent, handle: impl FnOnce() -> Handle) {
        if let Some(give) = self.handle.take() {
            // A script that does not care has dropped its end.
            let _ = give.send(handle());
        }
        let _ = self.seen.try_send(event);
    }
}

impl Events {
    /// The connection's handle.
    ///
    /// # Panics
    /// When the connection never began.
    pub async fn handle(&mut self) -> Handle {
        (&mut self.handle).await.expect("a connection that began")
    }

    /// The next event that `pick` wants; nothing where the connection ended before.
    pub async fn next<T>(&mut self, mut pick: impl FnMut(AppEvent) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = pick(self.seen.recv().await?) {
                return Some(found);
            }
        }
    }
}

/// Records a session; gives its transcript.
///
/// # Errors
/// What went another way than the session is meant to go.
pub fn record(session: &Session) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let text = runtime.block_on(async {
        if session.side.is_client() {
            client::record(session).await
        } else {
            server::record(session).await
        }
    })?;
    session.check(&trace::trace(&text)?)?;
    Ok(text)
}

//! Server, keys and client of one lesson.
//!
//! Keys and known hosts are files that exist in memory alone and go with the process; messages are
//! kept, where the lesson awaits them. The client is tssh itself, run on a thread with the words
//! that the lesson shows, and behind them what a lesson needs: where the server is, the key, and
//! that nothing of the user's own is read.

use super::host::{Host, Seen};
use super::tap::{Passed, Seen as Tapped, Tap};
use super::toys::{PATIENCE, named};
use super::wire::{Watched, tracer};
use crate::account::Account;
use crate::args::{Invocation, parse};
use crate::server::ServerPolicy;
use crate::server::app::Hooks;
use crate::server::peer::Peer;
use crate::server::serve::serve_as;
use crate::{client, cpu, log};
use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tssh_connection::Stack;
use tssh_forward::core::policy::Policy;
use tssh_forward::driver::{Control, Handle};
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::key::{PrivateKey, parse_private_key};
use tssh_transport::trace::Event;

/// The name of the server in every lesson.
pub const SERVER: &str = "S";
/// Who logs in there.
pub const USER: &str = "student";
/// What the lesson may keep of messages: no lesson has as many.
const MESSAGES_BYTES_MAX: usize = 1 << 20;
/// What the server saw and the lesson has not looked at.
const SEEN_MAX: usize = 256;
/// What stands before the 32 bytes of an Ed25519 key in PKCS#8, RFC 8410 section 7.
const PKCS8_ED25519: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// Bytes of an Ed25519 key, RFC 8032 section 5.1.5.
const ED25519_BYTES: usize = 32;

/// A file in memory.
pub struct Memory(File);

impl Memory {
    /// A file with this content.
    pub fn new(content: &[u8]) -> io::Result<Self> {
        let mut file = File::from(memfd_create("tssh-lab", MemfdFlags::CLOEXEC)?);
        // As strict as keys are looked at.
        fchmod(&file, Mode::RUSR | Mode::WUSR)?;
        file.write_all(content)?;
        Ok(Self(file))
    }

    /// The name under which this process can open it.
    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }

    /// The name under which other processes of the same user can open it.
    pub fn path_for_others(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    fn text(&self) -> io::Result<String> {
        let size = usize::try_from(self.0.metadata()?.len()).unwrap_or(0);
        let mut bytes = vec![0; size];
        self.0.read_exact_at(&mut bytes, 0)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What the client says, and whether it has ended: to be waited for.
#[derive(Clone, Default)]
struct Messages(Arc<(Mutex<Said>, Condvar)>);

#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    /// Clients that have ended.
    ended: usize,
}

impl Messages {
    fn change(&self, act: impl FnOnce(&mut Said)) {
        act(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    /// Everything so far behind the first `begin` bytes.
    fn text(&self, begin: usize) -> String {
        let said = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(said.bytes.get(begin..).unwrap_or_default()).into_owned()
    }

    fn len(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).bytes.len()
    }

    /// Waits until something holds; false where it never did.
    fn wait(&self, until: impl Fn(&Said) -> bool) -> bool {
        let said = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(said, PATIENCE, |said| !until(said));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl io::Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.change(|said| {
            let room = MESSAGES_BYTES_MAX.saturating_sub(said.bytes.len());
            said.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server that waits for clients.
pub struct Stage {
    address: SocketAddr,
    host_key: Vec<u8>,
    key: Memory,
    known_hosts: Memory,
    messages: Messages,
    seen: Receiver<Seen>,
    tapped: Tapped,
    watched: Watched,
    /// Words for the first client.
    more: RefCell<Vec<String>>,
    /// Clients that were started.
    clients: Cell<usize>,
}

impl Stage {
    /// Starts a server that permits what `policy` says.
    pub fn new(policy: Policy, more: Vec<String>) -> io::Result<Self> {
        let mut entropy = Entropy::from_seed(&seed()?);
        let host_key = PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper));
        let blob = host_key.public().blob();
        let (key, user_key) = new_key()?;
        let known_hosts =
            Memory::new(format!("{SERVER} {}\n", host_key.public().to_line()).as_bytes())?;
        let messages = Messages::default();
        log::set_writer(Box::new(messages.clone()));
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let authorized = user_key.public().clone();
        let own = ServerPolicy::embedded(host_key, USER.to_owned(), authorized, cpu::has_aes());
        let own = Arc::new(ServerPolicy { forwarding: policy, ..own });
        let (tell, seen) = sync_channel(SEEN_MAX);
        let tapped = Tapped::default();
        let watched = Watched::default();
        let ears = Ears { tell, tapped: Arc::clone(&tapped), watched: Arc::clone(&watched) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        named("server", move || {
            // Without a runtime's thread nobody can connect, and the lesson says so.
            let _ = runtime.block_on(serve(listener, own, ears));
        })?;
        Ok(Self {
            address,
            host_key: blob,
            key,
            known_hosts,
            messages,
            seen,
            tapped,
            watched,
            more: RefCell::new(more),
            clients: Cell::new(0),
        })
    }

    /// Runs tssh with the words that a user would type.
    pub fn client(&self, words: &[&str]) -> io::Result<Client<'_>> {
        let mut all: Vec<String> = self.own_words();
        all.append(&mut self.more.borrow_mut());
        all.extend(words.iter().map(|&word| word.to_owned()));
        let parsed = parse(&all, &Account::current());
        let arguments = match parsed {
            Ok(Invocation::Connect(arguments)) => arguments,
            Ok(_) => return Err(io::Error::other("the command line connects to nothing")),
            Err(fatal) => return Err(io::Error::other(fatal.message)),
        };
        let thread = std::thread::Builder::new().name("client".to_owned());
        let (begin, messages) = (self.messages.len(), self.messages.clone());
        let before = self.clients.replace(self.clients.get() + 1);
        let thread = thread.spawn(move || {
            let status = client::main(*arguments);
            messages.change(|said| said.ended += 1);
            status
        })?;
        Ok(Client { stage: self, thread, handle: None, begin, before })
    }

    /// What is behind the words of every lesson.
    fn own_words(&self) -> Vec<String> {
        let mut words: Vec<String> = ["-F", "none", "-v", "-n"].map(str::to_owned).into();
        words.extend(["-i".to_owned(), self.key.path()]);
        let known_hosts = format!("UserKnownHostsFile={}", self.known_hosts.path());
        let port = format!("Port={}", self.address.port());
        for option in [
            "HostName=127.0.0.1",
            &port,
            "User=student",
            "HostKeyAlias=S",
            &known_hosts,
            "GlobalKnownHostsFile=none",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "BatchMode=yes",
            "RequestTTY=no",
        ] {
            words.extend(["-o".to_owned(), option.to_owned()]);
        }
        words
    }

    /// What passed between client and server so far.
    pub fn passed(&self) -> Passed {
        self.tapped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The packets that the server sent and received so far, but for those with data.
    pub fn packets(&self) -> Vec<Event> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the server listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server's K_S.
    pub fn host_key(&self) -> &[u8] {
        &self.host_key
    }

    /// The user's key once more, for a client that is not tssh's own.
    pub fn user_key(&self) -> io::Result<PrivateKey> {
        read_key(self.key.text()?.as_bytes())
    }

    /// The next thing that the server saw and that `pick` takes.
    pub fn seen<T>(&self, pick: impl Fn(Seen) -> Option<T>) -> io::Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.seen.recv_timeout(left) {
                Ok(seen) => {
                    if let Some(found) = pick(seen) {
                        return Ok(found);
                    }
                }
                Err(_) => return Err(io::Error::other("the server did not see what it should")),
            }
        }
    }

    /// Everything of a kind that the server has seen by now.
    pub fn seen_by_now<T>(&self, pick: impl Fn(Seen) -> Option<T>) -> Vec<T> {
        self.seen.try_iter().filter_map(pick).collect()
    }
}

/// Whoever listens in at the server's end.
struct Ears {
    tell: SyncSender<Seen>,
    tapped: Tapped,
    watched: Watched,
}

/// Serves one client after another.
async fn serve(
    listener: std::net::TcpListener,
    policy: Arc<ServerPolicy>,
    ears: Ears,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        // The driver batches by itself; where the option is refused it still works.
        let _ = socket.set_nodelay(true);
        let (policy, tell) = (Arc::clone(&policy), ears.tell.clone());
        let socket = Tap::new(socket, Arc::clone(&ears.tapped));
        let tracer = tracer(Arc::clone(&ears.watched))?;
        let around = |app, stack: &mut Stack| {
            stack.trace(tracer);
            Host::new(app, tell)
        };
        serve_as(socket, policy, Peer::default(), seed()?, Hooks::default(), around).await;
    }
}

/// tssh, while it runs.
pub struct Client<'a> {
    stage: &'a Stage,
    thread: JoinHandle<u8>,
    handle: Option<Handle>,
    /// Where its messages begin.
    begin: usize,
    /// Clients that were started before it; a lesson has one after the other.
    before: usize,
}

impl Client<'_> {
    /// All its messages so far, and the server's among them.
    pub fn messages(&self) -> String {
        self.stage.messages.text(self.begin)
    }

    fn has_ended(&self, said: &Said) -> bool {
        said.ended > self.before
    }

    /// Waits for a message.
    pub fn says(&self, part: &str) -> io::Result<()> {
        let part_of = |said: &Said| {
            let text = said.bytes.get(self.begin..).unwrap_or_default();
            text.windows(part.len()).any(|window| window == part.as_bytes())
        };
        self.stage.messages.wait(|said| part_of(said) || self.has_ended(said));
        if self.messages().contains(part) {
            return Ok(());
        }
        let text = format!("tssh never said {part:?}; it said:\n{}", self.messages());
        Err(io::Error::other(text))
    }

    /// Waits until the server has taken the connection up.
    pub fn connected(&mut self) -> io::Result<()> {
        let handle = self.stage.seen(|seen| match seen {
            Seen::Started(handle) => Some(handle),
            _ => None,
        })?;
        self.handle = Some(handle);
        Ok(())
    }

    /// Whether it is still there after a moment.
    pub fn stays(&self, moment: Duration) -> bool {
        std::thread::sleep(moment);
        !self.thread.is_finished()
    }

    /// Waits for its end; its exit status.
    pub fn ends(self) -> io::Result<u8> {
        if !self.stage.messages.wait(|said| self.has_ended(said)) {
            return Err(io::Error::other("tssh did not end"));
        }
        self.thread.join().map_err(|_| io::Error::other("the client's thread panicked"))
    }

    /// Has the server end the connection, and waits for that.
    pub fn leave(self) -> io::Result<u8> {
        self.ask(|control| control.disconnect(DisconnectReason::ByApplication, "lesson over"));
        self.ends()
    }

    /// Has something done at the server's end.
    pub fn ask(&self, act: impl FnOnce(&mut Control<'_>) + Send + 'static) {
        if let Some(handle) = &self.handle {
            // A connection that has ended by itself needs nothing done.
            let _ = handle.post(act);
        }
    }
}

/// A fresh key, in a file of memory and in hand.
fn new_key() -> io::Result<(Memory, PrivateKey)> {
    let mut der = PKCS8_ED25519.to_vec();
    der.extend(&seed()?[..ED25519_BYTES]);
    let body = tssh_transport::key::base64::encode(&der);
    let text = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    Ok((Memory::new(text.as_bytes())?, read_key(text.as_bytes())?))
}

fn read_key(text: &[u8]) -> io::Result<PrivateKey> {
    parse_private_key(text, None).map_err(|fault| io::Error::other(fault.to_string()))
}

/// Fresh bytes of the operating system.
pub fn seed() -> io::Result<[u8; SEED_BYTES]> {
    let mut seed = [0; SEED_BYTES];
    getrandom::fill(&mut seed).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(seed)
}

//! Sessions in which we are the client.

use super::conch;
use super::held::{Hold, held};
use super::{Events, Lines, Login, PASSWORD, Peer, Reporter, Scene, Session};
use super::{KEXINIT_BYTES, PAUSE, PIECES, download, key_file, read_key, reporting, seed};
use crate::openssh::{KeyKind, Server, ServerOptions, free_port};
use crate::scratch::Scratch;
use crate::toys::Service;
use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tssh_connection::transcript::client_header;
use tssh_connection::{
    Answer, ChannelEvent, ChannelRequest, ClientConfig, ConnectionConfig, Event, Stack,
};
use tssh_forward::core::address::{Listen, LocalForward, Target};
use tssh_forward::driver::{
    AppEvent, Application, Control, DriverOptions, Endpoints, Handle, ListenOptions, run,
};
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::entropy::Entropy;
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::PrivateKey;
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion};
use tssh_transport::{Timestamp, TransportConfig};

/// One attempt to log in.
enum Try {
    None,
    Key(Box<PrivateKey>, &'static str, bool),
    Password(&'static str),
    Interactive,
}

/// Answers what the core asks, and tells the script of everything.
struct App {
    accept_host_key: bool,
    tries: VecDeque<Try>,
    /// The key of the attempt in hand.
    key: Option<Box<PrivateKey>>,
    reporter: Reporter,
}

impl Application for App {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match &event {
            AppEvent::Protocol(Event::HostKey(_)) => {
                control.answer(Answer::HostKey(self.accept_host_key));
            }
            AppEvent::Protocol(Event::Auth(AuthEvent::Question(question))) => {
                let answer = self.answer(question);
                control.answer(Answer::Auth(answer));
            }
            _ => {}
        }
        self.reporter.report(event, || control.handle());
    }
}

impl App {
    fn answer(&mut self, question: &AuthQuestion) -> AuthAnswer {
        match question {
            AuthQuestion::ChooseMethod { .. } => match self.tries.pop_front() {
                None => AuthAnswer::GiveUp,
                Some(Try::None) => AuthAnswer::Attempt(Attempt::None),
                Some(Try::Password(password)) => {
                    AuthAnswer::Attempt(Attempt::Password(password.to_owned().into()))
                }
                Some(Try::Interactive) => {
                    AuthAnswer::Attempt(Attempt::KeyboardInteractive { submethods: String::new() })
                }
                Some(Try::Key(key, algorithm, probe)) => {
                    let (blob, algorithm) = (key.public().blob(), algorithm.to_owned());
                    self.key = Some(key);
                    AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe })
                }
            },
            AuthQuestion::Sign { algorithm, data, .. } => {
                let signature = self.key.as_ref().and_then(|key| key.sign(algorithm, data).ok());
                signature.map_or(AuthAnswer::CannotSign, AuthAnswer::Signature)
            }
            AuthQuestion::Prompts { prompts, .. } => {
                let answer = |_| PASSWORD.to_owned().into();
                AuthAnswer::Responses(prompts.iter().map(answer).collect())
            }
            _ => AuthAnswer::GiveUp,
        }
    }
}

fn tries(login: Login) -> Vec<Try> {
    let key = |kind, algorithm, probe| {
        Try::Key(Box::new(read_key(&key_file("user", kind)).0), algorithm, probe)
    };
    let plain = || key(KeyKind::Ed25519, "ssh-ed25519", false);
    match login {
        Login::Key(kind, algorithm) => vec![key(kind, algorithm, false)],
        Login::ProbedKey => vec![key(KeyKind::Ed25519, "ssh-ed25519", true)],
        Login::Password => vec![Try::Password(PASSWORD)],
        Login::Interactive => vec![Try::Interactive],
        Login::NoneFirst => vec![Try::None, plain()],
        Login::Partial => vec![plain(), Try::Password(PASSWORD)],
        Login::WrongPassword => vec![Try::Password("open barley"), Try::Password(PASSWORD)],
        Login::Stranger => {
            let stranger = key_file("user", KeyKind::Ed25519).with_file_name("stranger_ed25519");
            vec![Try::Key(Box::new(read_key(&stranger).0), "ssh-ed25519", false)]
        }
        Login::WrongHostKey => Vec::new(),
    }
}

/// The server, and what it is called.
enum Remote {
    OpenSsh(Box<Server>),
    Conch(conch::Server),
}

impl Remote {
    /// `folder` is for what its configuration names.
    fn start(session: &Session, folder: &Scratch) -> Self {
        if session.peer == Peer::Conch {
            return Self::Conch(conch::Server::start());
        }
        let mut lines = session.peer_options.clone();
        if let Some(text) = session.banner {
            lines.push(format!("Banner {}", folder.write("banner", text).display()));
        }
        let guest = session.needs_guest();
        let server = Server::start(&ServerOptions {
            lines,
            host_keys: vec![session.host_key],
            guest,
            ..ServerOptions::default()
        });
        for kind in KeyKind::ALL {
            let public = crate::openssh::public_path(&key_file("user", kind));
            server.authorize(std::fs::read_to_string(public).expect("a public key").trim_end());
        }
        if guest {
            // sshd reads it as the guest.
            let mode = std::fs::Permissions::from_mode(0o644);
            let file = server.folder().join("authorized_keys");
            std::fs::set_permissions(file, mode).expect("the mode of a file");
        }
        Self::OpenSsh(Box::new(server))
    }

    fn port(&self) -> u16 {
        match self {
            Self::OpenSsh(server) => server.port(),
            Self::Conch(server) => server.port(),
        }
    }

    fn user(&self) -> String {
        match self {
            Self::OpenSsh(server) => server.user().to_owned(),
            Self::Conch(_) => conch::USER.to_owned(),
        }
    }
}

/// Records a session.
///
/// # Errors
/// What went another way than it should.
pub async fn record(session: &Session) -> Result<String, String> {
    let folder = Scratch::new();
    let remote = Remote::start(session, &folder);
    let lines = Lines::default();
    let config = || ClientConfig {
        transport: TransportConfig {
            identification: "SSH-2.0-tssh_0.1.0".to_owned(),
            algorithms: session.offer.clone(),
            rekey: RekeyLimits { bytes: session.rekey_bytes, ..RekeyLimits::default() },
            host_keys: Vec::new(),
            server_sig_algs: Vec::new(),
        },
        user: remote.user(),
        connection: ConnectionConfig::default(),
    };
    let seed = seed(&session.name);
    let socket = TcpStream::connect(("127.0.0.1", remote.port())).await.map_err(text)?;
    socket.set_nodelay(true).map_err(text)?;
    let (socket, hold) = held(socket);
    let stack = Stack::client(config(), Entropy::from_seed(&seed), Timestamp::default());
    let mut stack = stack.map_err(text)?;
    lines.record(&mut stack);
    let (reporter, events) = reporting();
    let app = App {
        accept_host_key: session.login != Login::WrongHostKey,
        tries: tries(session.login).into(),
        key: None,
        reporter,
    };
    let task = tokio::spawn(run(socket, stack, app, DriverOptions::default()));
    let mut script = Script { session, folder: &folder, events, hold };
    let played = tokio::time::timeout(crate::process::PATIENCE, script.play()).await;
    played.map_err(|_| format!("{} hangs", session.name))??;
    let ended = task.await.map_err(text)?;
    let header = client_header(&config(), &seed);
    Ok(format!("{header}ended {ended}\n\n{}", lines.text()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What happens in the session beside the login.
struct Script<'a> {
    session: &'a Session,
    folder: &'a Scratch,
    events: Events,
    hold: Hold,
}

impl Script<'_> {
    async fn play(&mut self) -> Result<(), String> {
        let handle = self.events.handle().await;
        let authenticated = |event| match event {
            AppEvent::Protocol(Event::Authenticated { .. }) => Some(()),
            _ => None,
        };
        let authenticated = self.events.next(authenticated).await;
        if self.session.scene == Scene::Nothing {
            return authenticated.map_or(Ok(()), |()| Err("the login went through".to_owned()));
        }
        authenticated.ok_or_else(|| format!("{}: the login failed", self.session.name))?;
        if self.session.scene.forwards() {
            self.forward(&handle).await?;
        } else {
            self.exec(&handle).await?;
        }
        let bye = |c: &mut Control<'_>| {
            c.disconnect(DisconnectReason::ByApplication, "disconnected by user");
        };
        handle.call(bye).await.map_err(text)
    }

    async fn exec(&mut self, handle: &Handle) -> Result<(), String> {
        let command = match self.session.scene {
            Scene::Status => "echo out; echo err >&2; exit 7".to_owned(),
            Scene::Cat => "cat".to_owned(),
            Scene::Download(n) | Scene::Crossing(n) => {
                let (file, size) = (self.folder.write("download", download(n)), n / PIECES);
                format!(
                    "for i in $(seq 0 {}); do dd if={} bs={size} skip=$i count=1 2>/dev/null; \
                     sleep {}; done",
                    PIECES - 1,
                    file.display(),
                    PAUSE.as_secs_f32()
                )
            }
            _ => "echo hello".to_owned(),
        };
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (mut read, mut write) = tokio::io::split(ours);
        let (input, output) = tokio::io::split(theirs);
        let input: Option<tssh_forward::driver::Input> = match self.session.scene {
            Scene::Cat => Some(Box::new(input)),
            _ => None,
        };
        let endpoints = Endpoints::split(input, Some(Box::new(output)));
        let opened = handle.call(move |c| c.open_session(endpoints)).await.map_err(text)?;
        let channel = opened.map_err(text)?;
        let opened = |event| match event {
            AppEvent::Protocol(Event::Channel(ChannelEvent::Opened { .. })) => Some(()),
            _ => None,
        };
        self.events.next(opened).await.ok_or("no channel was opened")?;
        let crossing = matches!(self.session.scene, Scene::Crossing(_));
        let hold = self.hold.clone();
        let command = command.into_bytes();
        let asked = handle.call(move |c| {
            if crossing {
                hold.close();
            }
            c.request(channel, ChannelRequest::Exec { command }, true)
        });
        asked.await.map_err(text)?.map_err(text)?;
        if crossing {
            // The peer sends, and asks for new keys; then we do, before we have read that.
            let held = self.hold.until_quiet(KEXINIT_BYTES).await;
            handle.call(|c| c.request_rekey()).await.map_err(text)?;
            self.hold.until_quiet(0).await;
            self.hold.open();
            // All of the output would be more: it waits for the exchange that the peer began.
            if matches!(self.session.scene, Scene::Crossing(all) if held >= all) {
                return Err(format!("{held} bytes were held back"));
            }
        }
        if self.session.scene == Scene::Cat {
            write.write_all(b"there and back\n").await.map_err(text)?;
            write.shutdown().await.map_err(text)?;
        }
        let mut got = Vec::new();
        read.read_to_end(&mut got).await.map_err(text)?;
        let closed = |event| matches!(event, AppEvent::ChannelClosed { .. }).then_some(());
        self.events.next(closed).await.ok_or("the channel was not closed")?;
        let expected = match self.session.scene {
            Scene::Status => b"out\n".to_vec(),
            Scene::Cat => b"there and back\n".to_vec(),
            Scene::Download(n) | Scene::Crossing(n) => download(n),
            _ => b"hello\n".to_vec(),
        };
        if got == expected { Ok(()) } else { Err(format!("{} bytes of output", got.len())) }
    }

    async fn forward(&mut self, handle: &Handle) -> Result<(), String> {
        let service = self.session.scene.toy().map(Service::start);
        let port = service.as_ref().map_or_else(free_port, Service::port);
        let forward = LocalForward {
            listen: Listen::Tcp { bind: Some("127.0.0.1".to_owned()), port: 0 },
            target: Target::Tcp { host: "127.0.0.1".to_owned(), port },
        };
        handle
            .call(move |c| c.listen_local(forward, ListenOptions::default()))
            .await
            .map_err(text)?;
        let listening = |event| match event {
            AppEvent::Listening { addresses, .. } => addresses.first().copied(),
            _ => None,
        };
        let address = self.events.next(listening).await.ok_or("no listener")?;
        let connections = through(self.session.scene, address.port()).await?;
        for _ in 0..connections {
            let closed = |event| matches!(event, AppEvent::ForwardClosed { .. }).then_some(());
            self.events.next(closed).await.ok_or("a forwarded connection did not end")?;
        }
        Ok(())
    }
}

/// Uses the forward at this port as the scene says; gives the number of connections.
///
/// # Errors
/// Where the wrong bytes come back.
pub(super) async fn through(scene: Scene, port: u16) -> Result<usize, String> {
    let connect = || TcpStream::connect(("127.0.0.1", port));
    let (count, says, hears): (usize, &[u8], &[u8]) = match scene {
        Scene::NearEndFirst => (1, b"query\n", b"6 "),
        Scene::FarEndFirst => (1, b"what follows the goodbye\n", b"goodbye\n"),
        Scene::ThreeEchoes => (3, b"echo\n", b"echo\n"),
        Scene::Refused | Scene::Prohibited => (1, b"", b""),
        _ => (1, b"echo\n", b"echo\n"),
    };
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(connect().await.map_err(text)?);
    }
    for mut stream in streams {
        let mut heard = Vec::new();
        let far_end_first = scene == Scene::FarEndFirst;
        if far_end_first {
            stream.read_to_end(&mut heard).await.map_err(text)?;
        }
        stream.write_all(says).await.map_err(text)?;
        if !hears.is_empty() {
            stream.shutdown().await.map_err(text)?;
        }
        // A refused connection may end with a reset.
        let read = stream.read_to_end(&mut heard).await;
        if !hears.is_empty() {
            read.map_err(text)?;
        }
        if !heard.starts_with(hears) {
            return Err(format!("{heard:?} came back"));
        }
    }
    Ok(count)
}

//! Sessions in which we are the server.

use super::client::through;
use super::conch;
use super::held::{Hold, held};
use super::{Events, Lines, Login, PASSWORD, Peer, Reporter, Scene, Session};
use super::{KEXINIT_BYTES, PIECES, download, key_file, read_key, reporting, seed};
use crate::openssh::{KeyKind, free_port, program_path, public_path};
use crate::process::{PATIENCE, Process};
use crate::scratch::Scratch;
use crate::toys::Service;
use std::process::Command;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tssh_connection::transcript::server_header;
use tssh_connection::{
    Answer, ChannelEvent, ChannelKey, ChannelRequest, ConnectionConfig, Event, OpenKind,
    ServerConfig, Stack,
};
use tssh_forward::core::policy::Policy;
use tssh_forward::driver::{AppEvent, Application, Control, DriverOptions, Endpoints, Handle, run};
use tssh_transport::entropy::Entropy;
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::userauth::{AuthAnswer, AuthEvent, AuthQuestion, Prompt, ServerAuthConfig};
use tssh_transport::{Timestamp, TransportConfig};

/// Answers what the core asks, runs the commands, and tells the script of everything.
struct App {
    login: Login,
    user_key: Vec<u8>,
    /// Told of each key exchange after the first, where the session has any.
    rekeyed: Option<Arc<Notify>>,
    reporter: Reporter,
}

impl Application for App {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match &event {
            AppEvent::Protocol(Event::Auth(AuthEvent::Question(question))) => {
                control.answer(Answer::Auth(self.answer(question)));
            }
            AppEvent::Protocol(Event::Channel(ChannelEvent::OpenRequest { channel, kind })) => {
                assert_eq!(*kind, OpenKind::Session, "the forwarder sees to the rest");
                control.accept_session(*channel).expect("a channel that was asked for");
            }
            AppEvent::Protocol(Event::Channel(ChannelEvent::Request {
                channel,
                request,
                want_reply,
            })) => self.asked(*channel, request, *want_reply, control),
            AppEvent::Protocol(Event::Exchanged { first: false, .. }) => {
                self.rekeyed.iter().for_each(|rekeyed| rekeyed.notify_one());
            }
            _ => {}
        }
        self.reporter.report(event, || control.handle());
    }
}

impl App {
    fn answer(&self, question: &AuthQuestion) -> AuthAnswer {
        let verdict = |right| if right { AuthAnswer::Accept } else { AuthAnswer::Reject };
        match question {
            AuthQuestion::CheckKey { blob, signed, .. } => {
                if self.login == Login::Partial && *signed {
                    return AuthAnswer::Partial { methods: "password".to_owned() };
                }
                verdict(*blob == self.user_key)
            }
            AuthQuestion::CheckPassword { password, .. } => verdict(password.as_str() == PASSWORD),
            AuthQuestion::StartPrompts { .. } => AuthAnswer::Prompts {
                name: String::new(),
                instruction: String::new(),
                prompts: vec![Prompt { text: "Password: ".to_owned(), echo: false }],
            },
            AuthQuestion::CheckResponses { responses, .. } => {
                verdict(responses.iter().all(|response| response.as_str() == PASSWORD))
            }
            _ => AuthAnswer::Reject,
        }
    }

    /// A request about a session channel: a command is run in this process.
    fn asked(
        &self,
        channel: ChannelKey,
        request: &ChannelRequest,
        want_reply: bool,
        control: &mut Control<'_>,
    ) {
        let ChannelRequest::Exec { command } = request else {
            if want_reply {
                control.reply_request(channel, false).expect("a request that waits");
            }
            return;
        };
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (error_ours, error_theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(ours);
        let endpoints = Endpoints::split(Some(Box::new(input)), Some(Box::new(output)));
        let endpoints = endpoints.with_error_input(Box::new(error_ours));
        if want_reply {
            control.reply_request(channel, true).expect("a request that waits");
        }
        control.attach(channel, endpoints).expect("a channel that is open");
        let (command, handle) = (String::from_utf8_lossy(command).into_owned(), control.handle());
        let rekeyed = self.rekeyed.clone();
        tokio::spawn(run_command(command, theirs, error_theirs, channel, handle, rekeyed));
    }
}

/// The commands of the sessions.
async fn run_command(
    command: String,
    mut stream: DuplexStream,
    mut errors: DuplexStream,
    channel: ChannelKey,
    handle: Handle,
    rekeyed: Option<Arc<Notify>>,
) {
    let mut words = command.split(' ');
    let (name, number) = (words.next().unwrap_or_default(), words.next());
    let status = match name {
        "status" => {
            let _ = stream.write_all(b"out\n").await;
            let _ = errors.write_all(b"err\n").await;
            7
        }
        "cat" => {
            let mut input = Vec::new();
            let _ = stream.read_to_end(&mut input).await;
            let _ = stream.write_all(&input).await;
            0
        }
        "download" => {
            let n = number.and_then(|n| n.parse().ok()).unwrap_or(0);
            let bytes = download(n);
            let (first, last) = bytes.split_at(n - n / PIECES);
            let _ = stream.write_all(first).await;
            if let Some(rekeyed) = rekeyed {
                rekeyed.notified().await;
            }
            let _ = stream.write_all(last).await;
            0
        }
        // For as long as the client keeps its end open.
        "wait" => {
            let _ = stream.read_to_end(&mut Vec::new()).await;
            0
        }
        _ => {
            let _ = stream.write_all(b"hello\n").await;
            0
        }
    };
    drop((stream, errors));
    let end = move |c: &mut Control<'_>| {
        // The client may have gone before its command ended.
        let _ = c.request(channel, ChannelRequest::ExitStatus(status), false);
        c.finish(channel);
    };
    let _ = handle.call(end).await;
}

/// The client's command line.
fn ssh(session: &Session, port: u16, folder: &Scratch) -> Command {
    let mut line = Command::new(program_path("ssh"));
    let mut option = |text: String| {
        line.arg("-o").arg(text);
    };
    for text in &session.peer_options {
        // What only a server knows is our own policy here.
        if !text.starts_with("AllowTcpForwarding") {
            option(text.clone());
        }
    }
    let known = match session.login {
        Login::WrongHostKey => key_file("user", KeyKind::Ed25519),
        _ => key_file("host", session.host_key),
    };
    let known = std::fs::read_to_string(public_path(&known)).expect("a public key");
    let known_hosts = folder.write("known_hosts", format!("[127.0.0.1]:{port} {known}"));
    let (kind, methods) = match session.login {
        Login::Key(kind, _) => (kind, "publickey"),
        Login::Password | Login::WrongPassword => (KeyKind::Ed25519, "password"),
        Login::Interactive => (KeyKind::Ed25519, "keyboard-interactive"),
        Login::Partial => (KeyKind::Ed25519, "publickey,password"),
        _ => (KeyKind::Ed25519, "publickey"),
    };
    let identity = match session.login {
        Login::Stranger => key_file("user", kind).with_file_name("stranger_ed25519"),
        _ => key_file("user", kind),
    };
    // ssh insists on a private key that only its owner can read.
    let identity = folder.write("identity", std::fs::read(identity).expect("a private key"));
    option("IdentitiesOnly=yes".to_owned());
    option(format!("IdentityFile={}", identity.display()));
    option("StrictHostKeyChecking=yes".to_owned());
    option("GlobalKnownHostsFile=/dev/null".to_owned());
    option(format!("UserKnownHostsFile={}", known_hosts.display()));
    option(format!("PreferredAuthentications={methods}"));
    line.args(["-F", "none", "-l", "somebody", "-p", &port.to_string()]);
    // One password for each time it asks.
    let passwords = if session.login == Login::WrongPassword { "open barley" } else { PASSWORD };
    let counter = folder.join("asked");
    let askpass = folder.script(
        "askpass",
        &format!(
            "if [ -e {0} ]; then echo '{PASSWORD}'; else : > {0}; echo '{passwords}'; fi",
            counter.display()
        ),
    );
    line.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
    line.env("HOME", folder.path()).env("LC_ALL", "C").env_remove("SSH_AUTH_SOCK");
    line
}

/// Records a session.
///
/// # Errors
/// What went another way than it should.
pub async fn record(session: &Session) -> Result<String, String> {
    let folder = Scratch::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(text)?;
    let port = listener.local_addr().map_err(text)?.port();
    let (host_key_file, lines) = (key_file("host", session.host_key), Lines::default());
    let auth = ServerAuthConfig {
        methods: "publickey,password,keyboard-interactive".to_owned(),
        banner: session.banner.map(str::to_owned),
        ..ServerAuthConfig::default()
    };
    let config = || ServerConfig {
        transport: TransportConfig {
            identification: "SSH-2.0-tssh_0.1.0".to_owned(),
            algorithms: session.offer.clone(),
            rekey: RekeyLimits { bytes: session.rekey_bytes, ..RekeyLimits::default() },
            host_keys: vec![read_key(&host_key_file).0],
            server_sig_algs: auth.signature_algorithms.clone(),
        },
        auth: auth.clone(),
        connection: ConnectionConfig::default(),
    };
    let seed = seed(&session.name);
    let stack = Stack::server(config(), Entropy::from_seed(&seed), Timestamp::default());
    let mut stack = stack.map_err(text)?;
    lines.record(&mut stack);
    let user_key = match session.login {
        Login::Key(kind, _) => key_file("user", kind),
        _ => key_file("user", KeyKind::Ed25519),
    };
    let user_key = read_key(&user_key).0.public().blob();
    let (reporter, events) = reporting();
    let rekeyed = session.rekeys().then(Arc::default);
    let app = App { login: session.login, user_key, rekeyed, reporter };
    let permitted = session.scene != Scene::Prohibited;
    let policy = if permitted { Policy::server() } else { Policy::default() };
    let options = DriverOptions { policy, ..DriverOptions::default() };

    let mut client = Client::start(session, port, &folder);
    let (socket, _) = listener.accept().await.map_err(text)?;
    socket.set_nodelay(true).map_err(text)?;
    let (socket, hold) = held(socket);
    let task = tokio::spawn(run(socket, stack, app, options));
    let played = tokio::time::timeout(PATIENCE, client.play(session, events, hold)).await;
    played.map_err(|_| format!("{} hangs: {}", session.name, client.process.output()))??;
    let ended = task.await.map_err(text)?;
    let header = server_header(&config(), &seed, &[read_key(&host_key_file).1]);
    let permit = if permitted { "any" } else { "none" };
    Ok(format!("{header}permit_open {permit}\nended {ended}\n\n{}", lines.text()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The client, and what it is told to do.
struct Client {
    process: Process,
    /// Where its forward listens.
    forward: Option<(u16, Option<Service>)>,
}

impl Client {
    fn start(session: &Session, port: u16, folder: &Scratch) -> Self {
        let command = match session.scene {
            Scene::Status => "status".to_owned(),
            Scene::Cat => "cat".to_owned(),
            Scene::Download(n) | Scene::Crossing(n) => format!("download {n}"),
            scene if scene.forwards() => "wait".to_owned(),
            _ => "hello".to_owned(),
        };
        if session.peer == Peer::Conch {
            return Self { process: conch::client(port, &command), forward: None };
        }
        let mut line = ssh(session, port, folder);
        let forward = session.scene.forwards().then(|| {
            let service = session.scene.toy().map(Service::start);
            let target = service.as_ref().map_or_else(free_port, Service::port);
            let listen = free_port();
            line.arg("-L").arg(format!("127.0.0.1:{listen}:127.0.0.1:{target}"));
            (listen, service)
        });
        Self { process: Process::spawn(line.arg("127.0.0.1").arg(command)), forward }
    }

    async fn play(
        &mut self,
        session: &Session,
        mut events: Events,
        hold: Hold,
    ) -> Result<(), String> {
        let handle = events.handle().await;
        let mut code = 0;
        match session.scene {
            Scene::Nothing => code = 255,
            Scene::Status => code = 7,
            Scene::Cat => self.process.send(b"there and back\n"),
            Scene::Crossing(_) => self.cross(&mut events, &handle, &hold).await?,
            _ => {}
        }
        if let Some((listen, _)) = self.forward {
            // The command runs once the forward listens.
            let asked = |event| match event {
                AppEvent::Protocol(Event::Channel(ChannelEvent::Request {
                    request: ChannelRequest::Exec { .. },
                    ..
                })) => Some(()),
                _ => None,
            };
            events.next(asked).await.ok_or("no command came")?;
            let count = through(session.scene, listen).await?;
            let served = |event| match event {
                AppEvent::ForwardClosed { .. } => Some(()),
                AppEvent::ForwardServed { outcome: Err(_), .. } => Some(()),
                _ => None,
            };
            for _ in 0..count {
                events.next(served).await.ok_or("a forwarded connection did not end")?;
            }
        }
        self.process.close_stdin();
        while events.next(Some).await.is_some() {}
        // The client's last words are for its user; it has nothing more to wait for.
        let finished = self.process.finish(PATIENCE);
        if session.peer == Peer::OpenSsh && finished.code != code {
            return Err(format!("ssh gave {}: {}", finished.code, finished.stderr));
        }
        let expected = match session.scene {
            Scene::Exec => b"hello\n".to_vec(),
            Scene::Status => b"out\n".to_vec(),
            Scene::Cat => b"there and back\n".to_vec(),
            Scene::Download(n) | Scene::Crossing(n) => download(n),
            _ => Vec::new(),
        };
        if finished.stdout == expected {
            return Ok(());
        }
        Err(format!("{} bytes of output; {}", finished.stdout.len(), finished.stderr))
    }

    /// Both ends start to exchange keys before either knows of the other's wish.
    async fn cross(
        &mut self,
        events: &mut Events,
        handle: &Handle,
        hold: &Hold,
    ) -> Result<(), String> {
        let asked = |event| match event {
            AppEvent::Protocol(Event::Channel(ChannelEvent::Request {
                request: ChannelRequest::Exec { .. },
                ..
            })) => Some(()),
            _ => None,
        };
        events.next(asked).await.ok_or("no command came")?;
        // The client gets its output, and asks for new keys; then we do, before we have read that.
        hold.close();
        hold.until_quiet(KEXINIT_BYTES).await;
        handle.call(|c| c.request_rekey()).await.map_err(text)?;
        hold.until_quiet(0).await;
        hold.open();
        Ok(())
    }
}

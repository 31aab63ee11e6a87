//! The SSH client of the demonstration: one key, one known host, one forward.

use std::net::SocketAddr;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tssh_connection::{Answer, ClientConfig, ConnectionConfig, Event, Stack};
use tssh_forward::core::address::{Listen, LocalForward, Target};
use tssh_forward::driver::{
    AppEvent, Application, Control, DriverOptions, Handle, ListenOptions, run,
};
use tssh_transport::algorithms::{Algorithms, Negotiated};
use tssh_transport::entropy::{Entropy, SEED_BYTES};
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::{PrivateKey, fingerprint};
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion};
use tssh_transport::{Side, Timestamp, TransportConfig};

/// What the client tells while it works.
pub enum News {
    /// Keys are in force.
    Exchanged {
        negotiated: Box<Negotiated>,
        /// From the first byte.
        took: Duration,
    },
    /// The user is logged in.
    LoggedIn { took: Duration },
    /// The forward listens here; the usual port was taken, if `moved`.
    Listening { address: SocketAddr, moved: bool },
    /// It did not work.
    Failed(String),
}

/// What the client is made with.
pub struct Settings {
    pub user: String,
    pub user_key: PrivateKey,
    /// K_S of the only host that is known.
    pub host_key: Vec<u8>,
    /// The port to listen on.
    pub listen_port: u16,
    /// Port of the service on the far side.
    pub target_port: u16,
    pub has_aes: bool,
    pub seed: [u8; SEED_BYTES],
    pub news: SyncSender<News>,
    /// Where a handle is left that can end the connection.
    pub handle: SyncSender<Handle>,
}

/// Connects and keeps the tunnel until it is told to end it.
pub async fn connect(server: SocketAddr, settings: Settings) {
    let news = settings.news.clone();
    if let Err(text) = tunnel(server, settings).await {
        // Nobody listens any more once the demonstration is over.
        let _ = news.send(News::Failed(text));
    }
}

async fn tunnel(server: SocketAddr, settings: Settings) -> Result<(), String> {
    let socket = tokio::net::TcpStream::connect(server).await.map_err(|e| e.to_string())?;
    socket.set_nodelay(true).map_err(|e| e.to_string())?;
    let transport = TransportConfig {
        identification: crate::server::policy::IDENTIFICATION.to_owned(),
        algorithms: Algorithms::default_for(Side::Client, settings.has_aes),
        rekey: RekeyLimits::default(),
        host_keys: Vec::new(),
        server_sig_algs: Vec::new(),
    };
    let user = settings.user.clone();
    let config = ClientConfig { transport, user, connection: ConnectionConfig::default() };
    let entropy = Entropy::from_seed(&settings.seed);
    let stack = Stack::client(config, entropy, Timestamp::default()).map_err(|e| e.to_string())?;
    let options = DriverOptions { host: "localhost".to_owned(), ..DriverOptions::default() };
    match run(socket, stack, Client { settings, moved: false }, options).await {
        tssh_forward::Ended::Finished => Ok(()),
        ended => Err(ended.to_string()),
    }
}

struct Client {
    settings: Settings,
    moved: bool,
}

impl Client {
    fn tell(&self, news: News) {
        // Nobody listens any more once the demonstration is over.
        let _ = self.settings.news.send(news);
    }

    fn listen(&self, port: u16, control: &mut Control<'_>) {
        let target = Target::Tcp { host: "localhost".to_owned(), port: self.settings.target_port };
        let listen = Listen::Tcp { bind: Some("127.0.0.1".to_owned()), port };
        control.listen_local(LocalForward { listen, target }, ListenOptions::default());
    }

    fn authenticate(&self, question: AuthQuestion) -> AuthAnswer {
        let key = &self.settings.user_key;
        match question {
            AuthQuestion::ChooseMethod { methods: None, .. } => {
                let (blob, algorithm) = (key.public().blob(), "ssh-ed25519".to_owned());
                AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe: false })
            }
            AuthQuestion::Sign { algorithm, data, .. } => match key.sign(&algorithm, &data) {
                Ok(signature) => AuthAnswer::Signature(signature),
                Err(_) => AuthAnswer::CannotSign,
            },
            _ => AuthAnswer::GiveUp,
        }
    }

    fn protocol(&mut self, event: Event, control: &mut Control<'_>) {
        let took = control.now().since(Timestamp::default());
        match event {
            Event::HostKey(question) => {
                control.answer(Answer::HostKey(question.blob == self.settings.host_key));
            }
            Event::Exchanged { first: true, negotiated } => {
                self.tell(News::Exchanged { negotiated: Box::new(negotiated), took });
            }
            Event::Auth(AuthEvent::Question(question)) => {
                control.answer(Answer::Auth(self.authenticate(question)));
            }
            Event::Authenticated { .. } => {
                self.tell(News::LoggedIn { took });
                self.listen(self.settings.listen_port, control);
            }
            _ => {}
        }
    }
}

impl Application for Client {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match event {
            AppEvent::Started => {
                // Nobody waits for it any more once the demonstration is over.
                let _ = self.settings.handle.send(control.handle());
            }
            AppEvent::Protocol(event) => self.protocol(event, control),
            AppEvent::Listening { addresses, .. } => {
                if let Some(address) = addresses.first().copied() {
                    self.tell(News::Listening { address, moved: self.moved });
                }
            }
            AppEvent::ListenFailed { .. } if !self.moved => {
                self.moved = true;
                self.listen(0, control);
            }
            AppEvent::ListenFailed { text, .. } | AppEvent::ForwardFailed { text, .. } => {
                self.tell(News::Failed(text));
            }
            _ => {}
        }
    }
}

/// The host key's fingerprint, as ssh shows it.
pub fn fingerprint_of(blob: &[u8]) -> String {
    fingerprint::sha256(blob)
}

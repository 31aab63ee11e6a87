//! Which sessions there are: every algorithm that OpenSSH 9.2 and we both know, every way to log
//! in, and every turn that a session can take, in both roles.

use crate::openssh::KeyKind;
use crate::toys::Toy;
use tssh_transport::Side;
use tssh_transport::algorithms::Algorithms;

/// The password of a test.
pub const PASSWORD: &str = crate::openssh::GUEST_PASSWORD;

/// What a server shows before the login.
const BANNER: &str = "Nothing to see here.\n";

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// OpenSSH: sshd where we are the client, ssh where we are the server.
    OpenSsh,
    /// Twisted Conch, which knows no strict key exchange and no EXT_INFO.
    Conch,
}

/// How the user logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// With a key, signed by this algorithm, at once.
    Key(KeyKind, &'static str),
    /// With a key that an agent might hold: asked about first.
    ProbedKey,
    /// With a password.
    Password,
    /// With a password in answer to a prompt.
    Interactive,
    /// Asks for the methods first, then with a key.
    NoneFirst,
    /// With a key and a password.
    Partial,
    /// With a wrong password, and then the right one.
    WrongPassword,
    /// With a key that nobody knows: refused.
    Stranger,
    /// Not at all: the host key is not the one that the client knows.
    WrongHostKey,
}

/// What happens once the user is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// A command that prints a line.
    Exec,
    /// A command that writes to both outputs and fails.
    Status,
    /// A command that gives back its input.
    Cat,
    /// So many bytes from server to client.
    Download(usize),
    /// The same, while both ends start to exchange keys at the same time.
    Crossing(usize),
    /// A connection through `-L` to a service that echoes.
    Echo,
    /// The same where our end of the forward finishes first and still gets its answer.
    NearEndFirst,
    /// The same where the service finishes first and still gets what follows.
    FarEndFirst,
    /// Three connections through `-L` at a time.
    ThreeEchoes,
    /// A connection through `-L` to a port where nobody listens.
    Refused,
    /// A connection through `-L` that the server does not permit.
    Prohibited,
    /// Nothing: the login fails.
    Nothing,
}

impl Scene {
    /// The service behind the forward.
    #[must_use]
    pub const fn toy(self) -> Option<Toy> {
        match self {
            Self::Echo | Self::ThreeEchoes | Self::Prohibited => Some(Toy::Echo),
            Self::NearEndFirst => Some(Toy::Sink),
            Self::FarEndFirst => Some(Toy::Farewell),
            _ => None,
        }
    }

    /// Whether it goes through `-L`.
    #[must_use]
    pub const fn forwards(self) -> bool {
        self.toy().is_some() || matches!(self, Self::Refused)
    }
}

/// One session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its file's name, without the ending.
    pub name: String,
    /// Which end we are.
    pub side: Side,
    /// Who the other end is.
    pub peer: Peer,
    /// What we offer.
    pub offer: Algorithms,
    /// After how many bytes we exchange keys.
    pub rekey_bytes: u64,
    /// The server's key.
    pub host_key: KeyKind,
    /// How the user logs in.
    pub login: Login,
    /// What happens then.
    pub scene: Scene,
    /// Text that the server shows before the login.
    pub banner: Option<&'static str>,
    /// Lines for sshd's configuration, or options for ssh.
    pub peer_options: Vec<String>,
    /// What the listing must show, or the session is not what it is meant to be.
    pub must_show: Vec<String>,
}

impl Session {
    fn new(side: Side, name: &str) -> Self {
        let letter = if side.is_client() { "client" } else { "server" };
        let mut offer = Algorithms::default_for(side, true);
        offer.kex = vec!["curve25519-sha256".to_owned()];
        offer.cipher.truncate(1);
        offer.mac.truncate(1);
        offer.compression.truncate(1);
        offer.host_key = vec!["ssh-ed25519".to_owned()];
        Self {
            name: format!("{letter}-{}", name.replace('@', "-at-")),
            side,
            peer: Peer::OpenSsh,
            offer,
            rekey_bytes: 1 << 30,
            host_key: KeyKind::Ed25519,
            login: Login::Key(KeyKind::Ed25519, "ssh-ed25519"),
            scene: Scene::Exec,
            banner: None,
            peer_options: Vec::new(),
            must_show: Vec::new(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn showing(self, text: &str) -> Self {
        self.with(|s| s.must_show.push(text.to_owned()))
    }

    fn scene(self, scene: Scene) -> Self {
        self.with(|s| s.scene = scene)
    }

    fn login(self, login: Login) -> Self {
        self.with(|s| s.login = login)
    }

    fn option(self, line: &str) -> Self {
        self.with(|s| s.peer_options.push(line.to_owned()))
    }

    /// Whether it needs the throw-away user of sshd.
    #[must_use]
    pub const fn needs_guest(&self) -> bool {
        let password = matches!(
            self.login,
            Login::Password | Login::Interactive | Login::Partial | Login::WrongPassword
        );
        self.side.is_client() && password
    }

    /// Whether keys are exchanged again.
    #[must_use]
    pub fn rekeys(&self) -> bool {
        self.must_show.iter().any(|text| text == "rekeyed")
    }

    /// Whether a listing shows what it must.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self, trace: &str) -> Result<(), String> {
        match self.must_show.iter().find(|text| !trace.contains(text.as_str())) {
            None => Ok(()),
            Some(text) => Err(format!("{}: the listing lacks {text:?}:\n{trace}", self.name)),
        }
    }
}

const KEX: [&str; 10] = [
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
];
const CIPHERS: [&str; 6] = [
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
];
const MACS: [&str; 6] = [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
];
const SIGNATURES: [(KeyKind, &str); 6] = [
    (KeyKind::Ed25519, "ssh-ed25519"),
    (KeyKind::EcdsaP256, "ecdsa-sha2-nistp256"),
    (KeyKind::EcdsaP384, "ecdsa-sha2-nistp384"),
    (KeyKind::EcdsaP521, "ecdsa-sha2-nistp521"),
    (KeyKind::Rsa, "rsa-sha2-512"),
    (KeyKind::Rsa, "rsa-sha2-256"),
];

/// Every session.
#[must_use]
pub fn sessions() -> Vec<Session> {
    [Side::Client, Side::Server]
        .into_iter()
        .flat_map(|side| [algorithms(side), logins(side), scenes(side)].concat())
        .collect()
}

fn algorithms(side: Side) -> Vec<Session> {
    let new = |name: &str| Session::new(side, name);
    let agreed = |name: &str| new(name).showing(&format!("agreed {name}"));
    let mut all = Vec::new();
    for name in KEX {
        all.push(agreed(name).with(|s| s.offer.kex = vec![name.to_owned()]));
    }
    for name in CIPHERS {
        let cipher = vec![name.to_owned()];
        all.push(new(name).showing(name).with(|s| s.offer.cipher = cipher));
    }
    for name in MACS {
        all.push(new(name).showing(name).with(|s| {
            s.offer.cipher = vec!["aes128-ctr".to_owned()];
            s.offer.mac = vec![name.to_owned()];
        }));
    }
    for (kind, algorithm) in SIGNATURES {
        let name = format!("host-key-{algorithm}");
        all.push(new(&name).showing(&format!(" {algorithm} ")).with(|s| {
            s.host_key = kind;
            s.offer.host_key = vec![algorithm.to_owned()];
        }));
        let name = format!("user-key-{algorithm}");
        let session = new(&name).login(Login::Key(kind, algorithm));
        all.push(session.option(&format!("PubkeyAcceptedAlgorithms {algorithm}")));
    }
    all.push(
        new("zlib")
            .showing("zlib@openssh.com")
            .scene(Scene::Download(6000))
            .with(|s| s.offer.compression = vec!["zlib@openssh.com".to_owned()])
            .option("Compression yes"),
    );
    all.push(
        new("not-strict")
            .showing("not strict")
            .with(|s| s.peer = Peer::Conch)
            .with(|s| s.offer.cipher = vec!["aes256-ctr".to_owned()])
            .with(|s| s.offer.mac = vec!["hmac-sha2-256".to_owned()]),
    );
    all
}

fn logins(side: Side) -> Vec<Session> {
    let new = |name: &str, login| Session::new(side, name).login(login);
    let mut all = vec![
        new("login-key-probed", Login::ProbedKey).showing("USERAUTH_PK_OK"),
        new("login-password", Login::Password).option("PasswordAuthentication yes"),
        new("login-keyboard-interactive", Login::Interactive)
            .option("KbdInteractiveAuthentication yes")
            .showing("USERAUTH_INFO_RESPONSE"),
        new("login-none-first", Login::NoneFirst).showing("USERAUTH_FAILURE"),
        new("login-partial", Login::Partial)
            .option("PasswordAuthentication yes")
            .showing("partial success"),
        new("login-wrong-password", Login::WrongPassword)
            .option("PasswordAuthentication yes")
            .showing("USERAUTH_FAILURE"),
        new("login-stranger", Login::Stranger).scene(Scene::Nothing).showing("USERAUTH_FAILURE"),
        new("wrong-host-key", Login::WrongHostKey).scene(Scene::Nothing),
    ];
    if side.is_client() {
        for session in &mut all {
            if session.login == Login::Partial {
                let line = "AuthenticationMethods publickey,password";
                session.peer_options.push(line.to_owned());
            }
        }
    }
    all
}

fn scenes(side: Side) -> Vec<Session> {
    let new = |name: &str, scene| Session::new(side, name).scene(scene);
    vec![
        new("default-offers", Scene::Exec).with(|s| {
            s.offer = Algorithms::default_for(side, true);
        }),
        new("banner", Scene::Exec).with(|s| s.banner = Some(BANNER)).showing("USERAUTH_BANNER"),
        new("exec-status", Scene::Status).showing("exit-status 7"),
        new("exec-cat", Scene::Cat).showing("CHANNEL_EOF"),
        new("forward-echo", Scene::Echo).showing("direct-tcpip"),
        new("forward-three", Scene::ThreeEchoes).showing("channel 2"),
        new("forward-near-end-first", Scene::NearEndFirst).showing("CHANNEL_EOF"),
        new("forward-far-end-first", Scene::FarEndFirst).showing("CHANNEL_EOF"),
        new("forward-refused", Scene::Refused).showing("reason 2"),
        new("forward-prohibited", Scene::Prohibited)
            .option("AllowTcpForwarding no")
            .showing("reason 1"),
        new("rekey-ours", Scene::Download(20_000))
            .with(|s| s.rekey_bytes = 8192)
            .showing("rekeyed"),
        new("rekey-theirs", Scene::Download(20_000)).option("RekeyLimit 8K").showing("rekeyed"),
        new("rekey-crossing", Scene::Crossing(12_000)).option("RekeyLimit 4K").showing("rekeyed"),
        new("rekey-not-strict", Scene::Download(20_000))
            .with(|s| s.rekey_bytes = 8192)
            .with(|s| s.peer = Peer::Conch)
            .with(|s| s.offer.cipher = vec!["aes256-ctr".to_owned()])
            .with(|s| s.offer.mac = vec!["hmac-sha2-256".to_owned()])
            .showing("rekeyed"),
        new("rekey-zlib", Scene::Download(20_000))
            .with(|s| s.rekey_bytes = 4096)
            .with(|s| s.offer.compression = vec!["zlib@openssh.com".to_owned()])
            .option("Compression yes")
            .showing("rekeyed"),
    ]
}

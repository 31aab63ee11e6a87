//! X11 forwarding: the cookie that the server gets, and the one that the X server gets.
//!
//! tssh's own client takes display and cookie from the environment and from xauth, and a lesson
//! must touch neither. So a small client stands here in its place; the protocol, the channels and
//! the stream that swaps the cookies are the real ones.

use super::claims::Claim;
use super::host::Seen;
use super::stage::{Stage, seed};

use super::toys::{self, PATIENCE, named};
use super::wire::Shown;
use super::{Blackboard, Lesson};
use crate::cpu;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use tssh_connection::{
    Answer, ChannelEvent, ChannelRequest, ClientConfig, ConnectionConfig, Event, OpenKind, Stack,
};
use tssh_forward::core::policy::Policy;
use tssh_forward::core::x11::{COOKIE_BYTES, COOKIE_PROTOCOL, Cookie};
use tssh_forward::driver::{
    AppEvent, Application, Control, DriverOptions, Endpoints, Handle, X11Stream, run,
};
use tssh_transport::algorithms::Algorithms;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::entropy::Entropy;
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::PrivateKey;
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion};
use tssh_transport::{Side, Timestamp, TransportConfig};

pub static LESSON: Lesson = Lesson {
    name: "x11-cookie",
    title: "X11 forwarding: two cookies",
    told: "\
An X server lets in who knows its cookie. Programs on S are to use the X server here, but S must \
not learn the cookie: whoever has it can read your keyboard from anywhere.

So the client makes up a second cookie and gives S that one (x11-req). Two programs on S then \
open the display: one says the cookie that S was given, the other guesses.",
    done,
    question: "\
Root of S copies the cookie that S was given. What can he do with it tomorrow?",
    answer: "\
Nothing: it is good within this one connection only, and the X server here has never heard of it. \
Today, while you are logged in, he can use the display through the tunnel as any of your programs \
on S can; with -Y that means all of it.",
};

/// What the X server says to whom it lets in.
const WELCOME: &[u8; 7] = b"welcome";
/// What an X client says before the name of the protocol: byte order, version 11.0, the lengths
/// of the name (18) and of the cookie (16).
const WORDS: [u8; 12] = [b'l', 0, 11, 0, 0, 0, 18, 0, 16, 0, 0, 0];
/// The name has 18 bytes, and 2 to fill it up.
const FILL: [u8; 2] = [0, 0];

struct Evidence {
    /// In hexadecimal, as `x11-req` had it.
    given: String,
    real: String,
    /// What the first program said, and what the X server got of it.
    said: Vec<u8>,
    got: Vec<u8>,
    answer: Vec<u8>,
    /// What the second program got back, and the X server heard of it.
    guess_answer: Vec<u8>,
    guess_got: usize,
}

fn done(board: &mut Blackboard) -> io::Result<Vec<Claim>> {
    let stage = board.stage(Policy::server())?;
    let (display, heard) = x_server()?;
    let (real, fake) = (random_cookie()?, random_cookie()?);
    board.command(&["-X", "S"]);
    let client = start(&stage, display, fake, real)?;
    let handle = stage.seen(|seen| match seen {
        Seen::Started(handle) => Some(handle),
        _ => None,
    })?;
    let given = stage.seen(|seen| match seen {
        Seen::Cookie(cookie) => Some(cookie),
        _ => None,
    })?;
    let said = words(&bytes_of(&given));
    let answer = program(&handle, &said)?;
    let got = heard.recv_timeout(PATIENCE).map_err(io::Error::other)?;
    let guess_answer = program(&handle, &words(&[0x55; COOKIE_BYTES]))?;
    let guess_got = heard.recv_timeout(PATIENCE).map_err(io::Error::other)?.len();
    let shown = Shown { messages: &["CHANNEL_REQUEST"], with: "x11-req", most: 1 };
    board.keep(&stage, shown);
    let shown = Shown { messages: &["CHANNEL_OPEN"], with: "x11", most: 1 };
    board.keep(&stage, shown);
    // A connection that has ended by itself needs no end.
    let _ = handle.post(|control| control.disconnect(DisconnectReason::ByApplication, "over"));
    client.join().map_err(|_| io::Error::other("the client's thread panicked"))?;
    let real = hex(&real);
    Ok(judge(&Evidence { given, real, said, got, answer, guess_answer, guess_got }))
}

/// An X server that tells what each of its clients said, at the end of each.
fn x_server() -> io::Result<(SocketAddr, Receiver<Vec<u8>>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (tell, heard) = sync_channel(4);
    named("x-server", move || {
        for mut stream in listener.incoming().flatten() {
            let mut said = vec![0; words(&[0; COOKIE_BYTES]).len()];
            let whole = stream.set_read_timeout(Some(PATIENCE));
            if whole.and_then(|()| stream.read_exact(&mut said)).is_err() {
                said.clear();
            }
            // Who was not let in is gone by now.
            let _ = if said.is_empty() { Ok(()) } else { stream.write_all(WELCOME) };
            if tell.send(said).is_err() {
                return;
            }
        }
    })?;
    Ok((address, heard))
}

/// One X program on S: what it gets for its first words.
fn program(server: &Handle, said: &[u8]) -> io::Result<Vec<u8>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut stream = toys::connect(listener.local_addr()?)?;
    let (accepted, from) = listener.accept()?;
    accepted.set_nonblocking(true)?;
    let open = move |control: &mut Control<'_>| {
        let Ok(accepted) = tokio::net::TcpStream::from_std(accepted) else { return };
        let kind = OpenKind::X11 {
            originator_address: from.ip().to_string(),
            originator_port: u32::from(from.port()),
        };
        // What cannot be opened is let go, and the program notices.
        let _ = control.open_forwarded(kind, Endpoints::tcp(accepted));
    };
    server.post(open).map_err(io::Error::other)?;
    stream.write_all(said)?;
    let mut answer = [0; WELCOME.len()];
    // Who is not let in is cut off, in one way or another.
    let answered = stream.read_exact(&mut answer).is_ok();
    Ok(if answered { answer.to_vec() } else { Vec::new() })
}

/// An X client's first words, with a cookie.
fn words(cookie: &[u8; COOKIE_BYTES]) -> Vec<u8> {
    [&WORDS[..], COOKIE_PROTOCOL.as_bytes(), &FILL, cookie].concat()
}

fn random_cookie() -> io::Result<[u8; COOKIE_BYTES]> {
    let mut bytes = [0; COOKIE_BYTES];
    bytes.copy_from_slice(&seed()?[..COOKIE_BYTES]);
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(hex: &str) -> [u8; COOKIE_BYTES] {
    let mut bytes = [0; COOKIE_BYTES];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()).unwrap_or(0);
    }
    bytes
}

/// The SSH client of this lesson.
struct Client {
    key: PrivateKey,
    host_key: Vec<u8>,
    display: SocketAddr,
    fake: Cookie,
    real: Cookie,
}

fn start(
    stage: &Stage,
    display: SocketAddr,
    fake: [u8; COOKIE_BYTES],
    real: [u8; COOKIE_BYTES],
) -> io::Result<JoinHandle<()>> {
    let client = Client {
        key: stage.user_key()?,
        host_key: stage.host_key().to_vec(),
        display,
        fake: Cookie::new(fake),
        real: Cookie::new(real),
    };
    let transport = TransportConfig {
        identification: crate::IDENTIFICATION.to_owned(),
        algorithms: Algorithms::default_for(Side::Client, cpu::has_aes()),
        rekey: RekeyLimits::default(),
        host_keys: Vec::new(),
        server_sig_algs: Vec::new(),
    };
    let user = super::stage::USER.to_owned();
    let config = ClientConfig { transport, user, connection: ConnectionConfig::default() };
    let stack = Stack::client(config, Entropy::from_seed(&seed()?), Timestamp::default());
    let stack = stack.map_err(|error| io::Error::other(error.to_string()))?;
    let server = stage.address();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("client".to_owned()).spawn(move || {
        runtime.block_on(async {
            if let Ok(socket) = tokio::net::TcpStream::connect(server).await {
                run(socket, stack, client, DriverOptions::default()).await;
            }
        });
    })
}

impl Client {
    fn authenticate(&self, question: AuthQuestion) -> AuthAnswer {
        match question {
            AuthQuestion::ChooseMethod { methods: None, .. } => {
                let (blob, algorithm) = (self.key.public().blob(), "ssh-ed25519".to_owned());
                AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe: false })
            }
            AuthQuestion::Sign { algorithm, data, .. } => match self.key.sign(&algorithm, &data) {
                Ok(signature) => AuthAnswer::Signature(signature),
                Err(_) => AuthAnswer::CannotSign,
            },
            _ => AuthAnswer::GiveUp,
        }
    }

    /// The display, behind the stream that swaps the cookies.
    fn display(&self) -> io::Result<Endpoints> {
        let stream = std::net::TcpStream::connect(self.display)?;
        stream.set_nonblocking(true)?;
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let (fake, real) = (self.fake.clone(), self.real.clone());
        Ok(Endpoints::whole(X11Stream::new(stream, fake, real, |_| {})))
    }
}

impl Application for Client {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        let AppEvent::Protocol(event) = event else { return };
        match event {
            Event::HostKey(question) => {
                control.answer(Answer::HostKey(question.blob == self.host_key));
            }
            Event::Auth(AuthEvent::Question(question)) => {
                control.answer(Answer::Auth(self.authenticate(question)));
            }
            Event::Authenticated { .. } => {
                let nothing = Endpoints::split(Some(Box::new(tokio::io::empty())), None);
                // Where it fails the lesson hears nothing, and says so; so below.
                let _ = control.open_session(nothing);
            }
            Event::Channel(ChannelEvent::Opened { channel }) => {
                let request = ChannelRequest::X11Req {
                    single_connection: false,
                    protocol: COOKIE_PROTOCOL.to_owned(),
                    cookie: self.fake.hex().to_string(),
                    screen: 0,
                };
                let _ = control.request(channel, request, true);
            }
            Event::Channel(ChannelEvent::OpenRequest { channel, kind: OpenKind::X11 { .. } }) => {
                if let Ok(display) = self.display() {
                    let _ = control.accept_open(channel, display);
                }
            }
            _ => {}
        }
    }
}

fn judge(evidence: &Evidence) -> Vec<Claim> {
    let Evidence { given, real, said, got, answer, guess_answer, guess_got } = evidence;
    let cookie = |words: &[u8]| hex(words.last_chunk::<COOKIE_BYTES>().unwrap_or(&[0; 16]));
    let before = |words: &[u8]| hex(&words[..words.len().saturating_sub(COOKIE_BYTES)]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    vec![
        Claim::that(
            "S was given a cookie, and it is not the display's.",
            given.len() == 2 * COOKIE_BYTES && given != real,
            format_args!("{}... where the real one begins {}...", start_of(given), start_of(real)),
            "another cookie",
        ),
        Claim::equal("The first program said the cookie that S was given:", given, &cookie(said)),
        Claim::equal("The X server got the real one in its place:", real, &cookie(got)),
        Claim::equal("Every other byte of the words is as it was:", &before(said), &before(got)),
        Claim::equal("The X server's answer reached the program:", &text(WELCOME), &text(answer)),
        Claim::equal(
            "The program that guessed got no answer; bytes that it read:",
            &0,
            &guess_answer.len(),
        ),
        Claim::equal("The X server heard nothing of it; bytes that it read:", &0, guess_got),
    ]
}

fn start_of(cookie: &str) -> &str {
    cookie.get(..8).unwrap_or(cookie)
}

#[cfg(test)]
mod tests {
    use super::super::claims::{Spoil, status};
    use super::*;

    #[test]
    fn each_claim_fails_by_its_own_evidence() {
        let good = || Evidence {
            given: hex(&[1; COOKIE_BYTES]),
            real: hex(&[2; COOKIE_BYTES]),
            said: words(&[1; COOKIE_BYTES]),
            got: words(&[2; COOKIE_BYTES]),
            answer: WELCOME.to_vec(),
            guess_answer: Vec::new(),
            guess_got: 0,
        };
        assert_eq!(status(&judge(&good())), 0);
        let spoils: [Spoil<Evidence>; 6] = [
            // The real cookie given away: it is said, too.
            (|e| e.given.clone_from(&e.real), 2),
            (|e| e.got.clone_from(&e.said), 1),
            (|e| e.got[0] = b'B', 1),
            (|e| e.answer.clear(), 1),
            (|e| e.guess_answer = WELCOME.to_vec(), 1),
            (|e| e.guess_got = 48, 1),
        ];
        for (spoil, count) in spoils {
            let mut evidence = good();
            spoil(&mut evidence);
            assert_eq!(judge(&evidence).iter().filter(|c| !c.held()).count(), count);
        }
    }

    #[test]
    fn cookies_in_hexadecimal_are_read_back() {
        let cookie: [u8; COOKIE_BYTES] = std::array::from_fn(|i| u8::try_from(i * 16).unwrap());
        assert_eq!(bytes_of(&hex(&cookie)), cookie);
    }
}

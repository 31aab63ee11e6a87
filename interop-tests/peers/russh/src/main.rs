//! russh as a peer of tssh.
//!
//! server PORT HOST_KEY USER_PUBLIC_KEY REKEY_BYTES
//! client PORT USER KEY HOST_PUBLIC_KEY REKEY_BYTES exec COMMAND
//! client ... local LISTEN TO | remote LISTEN TO | stdio TO
//!
//! Prints "ready" once it listens; a client that forwards ends with its standard input.

#![forbid(unsafe_code)]

use russh::keys::{
    PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, load_public_key, load_secret_key,
};
use russh::server::{Auth, Server as _};
use russh::{Channel, ChannelId, ChannelMsg, ChannelOpenFailure, Limits, client, server};
use std::collections::HashMap;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const LOOPBACK: &str = "127.0.0.1";
/// With the default of 100 its session waits for room in a channel's queue while that channel's
/// writer waits for the session.
const CHANNEL_BUFFER: usize = 100_000;

fn limits(rekey: &str) -> Result<Limits> {
    let bytes: usize = rekey.parse()?;
    let hour = Duration::from_secs(3600);
    Ok(if bytes == 0 { Limits::default() } else { Limits::new(bytes, bytes, hour) })
}

struct Server {
    known: PublicKey,
    sessions: HashMap<ChannelId, Channel<server::Msg>>,
    listeners: HashMap<u32, tokio::task::JoinHandle<()>>,
}

struct Acceptor(PublicKey);

impl server::Server for Acceptor {
    type Handler = Server;

    fn new_client(&mut self, _: Option<std::net::SocketAddr>) -> Server {
        Server { known: self.0.clone(), sessions: HashMap::new(), listeners: HashMap::new() }
    }
}

impl Server {
    fn judge(&self, key: &PublicKey) -> Auth {
        if key.key_data() == self.known.key_data() { Auth::Accept } else { Auth::reject() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in self.listeners.values() {
            task.abort();
        }
    }
}

impl server::Handler for Server {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        offer: server::PublicKeyOffer<'_>,
    ) -> std::result::Result<Auth, russh::Error> {
        Ok(self.judge(offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        verified: server::VerifiedPublicKey<'_>,
    ) -> std::result::Result<Auth, russh::Error> {
        Ok(self.judge(verified.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<server::Msg>,
        reply: server::ChannelOpenHandle,
        _: &mut server::Session,
    ) -> std::result::Result<(), russh::Error> {
        self.sessions.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut server::Session,
    ) -> std::result::Result<(), russh::Error> {
        session.channel_success(id)?;
        let command = String::from_utf8_lossy(command).into_owned();
        if let Some(channel) = self.sessions.remove(&id) {
            tokio::spawn(run(channel, command));
        }
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<server::Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: server::ChannelOpenHandle,
        _: &mut server::Session,
    ) -> std::result::Result<(), russh::Error> {
        match TcpStream::connect((host, port as u16)).await {
            Ok(plain) => {
                reply.accept().await;
                tokio::spawn(join(channel, plain));
            }
            Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
        }
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut server::Session,
    ) -> std::result::Result<bool, russh::Error> {
        let Ok(listener) = TcpListener::bind((LOOPBACK, *port as u16)).await else {
            return Ok(false);
        };
        let (handle, address, number) = (session.handle(), address.to_owned(), *port);
        let task = tokio::spawn(async move {
            while let Ok((plain, from)) = listener.accept().await {
                let (handle, address) = (handle.clone(), address.clone());
                tokio::spawn(async move {
                    let (host, port) = (from.ip().to_string(), u32::from(from.port()));
                    let opened =
                        handle.channel_open_forwarded_tcpip(address, number, host, port).await;
                    if let Ok(channel) = opened {
                        join(channel, plain).await;
                    }
                });
            }
        });
        self.listeners.insert(number, task);
        Ok(true)
    }

    async fn cancel_tcpip_forward(
        &mut self,
        _: &str,
        port: u32,
        _: &mut server::Session,
    ) -> std::result::Result<bool, russh::Error> {
        Ok(self.listeners.remove(&port).map(|task| task.abort()).is_some())
    }
}

/// Both ways; each direction ends by itself.
async fn join<S>(channel: Channel<S>, mut plain: TcpStream)
where
    S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let mut stream = channel.into_stream();
    let _ = copy_bidirectional(&mut stream, &mut plain).await;
}

async fn run(channel: Channel<server::Msg>, command: String) {
    let mut child = Command::new("/bin/sh");
    child.arg("-c").arg(command);
    child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = child.spawn() else { return };
    let (mut receiver, sender) = channel.split();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = (stdin, stdout, stderr) else {
        return;
    };
    let feeding = tokio::spawn(async move {
        while let Some(message) = receiver.wait().await {
            match message {
                ChannelMsg::Data { data } if stdin.write_all(&data).await.is_err() => return,
                ChannelMsg::Eof => return,
                _ => {}
            }
        }
    });
    let (mut out, mut err) = (sender.make_writer(), sender.make_writer_ext(Some(1)));
    let _ = tokio::join!(pass(&mut stdout, &mut out), pass(&mut stderr, &mut err));
    let status = child.wait().await.ok().and_then(|status| status.code()).unwrap_or(255);
    feeding.abort();
    let _ = sender.exit_status(status as u32).await;
    let _ = sender.eof().await;
    let _ = sender.close().await;
}

/// To the end, without ending the other.
async fn pass(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    copy(from, to).await?;
    to.flush().await
}

async fn serve(words: &[String]) -> Result<()> {
    let config = server::Config {
        keys: vec![load_secret_key(&words[1], None)?],
        limits: limits(&words[3])?,
        channel_buffer_size: CHANNEL_BUFFER,
        nodelay: true,
        ..Default::default()
    };
    let listener = TcpListener::bind((LOOPBACK, words[0].parse()?)).await?;
    println!("ready");
    Acceptor(load_public_key(&words[2])?).run_on_socket(Arc::new(config), &listener).await?;
    Ok(())
}

struct Client {
    expected: PublicKey,
    /// Where connections to a remote forward go.
    to: u16,
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> std::result::Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Ok(false);
        };
        Ok(key.key_data() == self.expected.key_data())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> std::result::Result<(), russh::Error> {
        match TcpStream::connect((LOOPBACK, self.to)).await {
            Ok(plain) => {
                reply.accept().await;
                tokio::spawn(join(channel, plain));
            }
            Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
        }
        Ok(())
    }
}

async fn execute(session: &client::Handle<Client>, command: &str) -> Result<u8> {
    let channel = session.channel_open_session().await?;
    channel.exec(true, command).await?;
    let (mut receiver, sender) = channel.split();
    tokio::spawn(async move {
        let mut writer = sender.make_writer();
        if pass(&mut tokio::io::stdin(), &mut writer).await.is_ok() {
            let _ = sender.eof().await;
        }
    });
    let mut status = 255;
    let (mut stdout, mut stderr) = (tokio::io::stdout(), tokio::io::stderr());
    while let Some(message) = receiver.wait().await {
        match message {
            ChannelMsg::Data { data } => stdout.write_all(&data).await?,
            ChannelMsg::ExtendedData { data, .. } => stderr.write_all(&data).await?,
            ChannelMsg::ExitStatus { exit_status } => status = exit_status as u8,
            _ => {}
        }
    }
    stdout.flush().await?;
    stderr.flush().await?;
    Ok(status)
}

async fn direct(session: &client::Handle<Client>, to: u16) -> Result<Channel<client::Msg>> {
    Ok(session.channel_open_direct_tcpip(LOOPBACK, to.into(), LOOPBACK, 1).await?)
}

async fn call(words: &[String]) -> Result<u8> {
    let config = client::Config {
        limits: limits(&words[4])?,
        channel_buffer_size: CHANNEL_BUFFER,
        nodelay: true,
        ..Default::default()
    };
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u16>().ok()).unwrap_or(0);
    let handler = Client { expected: load_public_key(&words[3])?, to: number(7) };
    let address = (LOOPBACK, words[0].parse()?);
    let mut session = client::connect(Arc::new(config), address, handler).await?;
    let key = PrivateKeyWithHashAlg::new(Arc::new(load_secret_key(&words[2], None)?), None);
    if !session.authenticate_publickey(&words[1], key).await?.success() {
        return Err("not admitted".into());
    }
    match words[5].as_str() {
        "exec" => return execute(&session, &words[6]).await,
        "stdio" => {
            let stream = direct(&session, number(6)).await?.into_stream();
            let (mut reader, mut writer) = tokio::io::split(stream);
            tokio::spawn(async move {
                let _ = copy(&mut tokio::io::stdin(), &mut writer).await;
                let _ = writer.shutdown().await;
            });
            pass(&mut reader, &mut tokio::io::stdout()).await?;
            // A thread still waits for standard input.
            std::process::exit(0);
        }
        "local" => {
            let listener = TcpListener::bind((LOOPBACK, number(6))).await?;
            println!("ready");
            let mut input = [0; 1];
            let mut stdin = tokio::io::stdin();
            loop {
                tokio::select! {
                    _ = stdin.read(&mut input) => return Ok(0),
                    taken = listener.accept() => {
                        tokio::spawn(join(direct(&session, number(7)).await?, taken?.0));
                    }
                }
            }
        }
        _ => {
            session.tcpip_forward(LOOPBACK, number(6).into()).await?;
            println!("ready");
            let _ = tokio::io::stdin().read(&mut [0; 1]).await;
        }
    }
    Ok(0)
}

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words[0].as_str() {
        "server" => serve(&words[1..]).await.map(|()| 0),
        _ => call(&words[1..]).await,
    };
    match done {
        // At once: a thread may still wait for standard input.
        Ok(status) => std::process::exit(status.into()),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(255)
        }
    }
}

//! One reader that reads nothing, at either end of every kind of forward: it holds back its own
//! channel and nothing else, neither another channel nor keepalives nor new keys, and gets
//! everything in the end.

#![forbid(unsafe_code)]

mod common;

use common::*;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tssh_connection::{ChannelEvent, Event, GlobalRequest, OpenKind};
use tssh_forward::core::address::{DynamicForward, Listen, LocalForward, RemoteForward, Target};
use tssh_forward::core::policy::Policy;
use tssh_forward::driver::{
    AppEvent, Control, DriverOptions, Endpoints, Keepalive, ListenOptions, Waits,
};
use tssh_transport::kex::rekey::RekeyLimits;

const MIB: usize = 1024 * 1024;
/// Longer than any machine takes for what a test moves, and shorter than anybody waits.
const PATIENCE: Duration = Duration::from_secs(60);

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}
type Socket = Box<dyn Duplex>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Local,
    LocalUnix,
    Remote,
    RemoteUnix,
    Dynamic,
    RemoteSocks,
    /// A channel that both applications join to something of theirs: `-W`, a display, an agent.
    Joined,
}

/// Sockets of a test's own, gone when it is over.
struct Folder(PathBuf);

impl Folder {
    fn new(kind: Kind) -> Self {
        let name = format!("tssh-stalled-{}-{kind:?}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Two ends that exchange keys every 256 KiB, and end the connection when nothing comes back for
/// two seconds.
async fn watchful_pair() -> (End, End) {
    let rekey = || RekeyLimits { bytes: 256 * 1024, ..RekeyLimits::default() };
    let keepalive = Some(Keepalive { interval: Duration::from_secs(1), count_max: 1 });
    let options = |policy| {
        let waits = Waits { keepalive, ..Waits::default() };
        DriverOptions { policy, waits, ..DriverOptions::default() }
    };
    let (a, b) = tcp_pair().await;
    let client = start(a, client_stack_with(rekey()), options(Policy::default()), nothing());
    let accept: React = Box::new(|event, control| {
        if let AppEvent::Protocol(Event::Channel(ChannelEvent::OpenRequest { channel, .. })) = event
        {
            control.accept_session(*channel).unwrap();
        }
    });
    let server = start(b, server_stack_with(rekey()), options(Policy::server()), accept);
    let (seen, handle, task) = client;
    let client = End { handle: handle.await.unwrap(), seen, task };
    let (seen, handle, task) = server;
    (client, End { handle: handle.await.unwrap(), seen, task })
}

/// The application server: what it listens on, and that as a target.
enum Far {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Far {
    async fn accept(&self) -> Socket {
        match self {
            Self::Tcp(listener) => Box::new(listener.accept().await.unwrap().0),
            Self::Unix(listener) => Box::new(listener.accept().await.unwrap().0),
        }
    }
}

/// A forward, and where its application client connects to.
struct Link {
    kind: Kind,
    near: Near,
    far: Far,
    _folder: Folder,
}

enum Near {
    Tcp(SocketAddr),
    Unix(String),
    None,
}

async fn listening(client: &mut End) -> Option<u16> {
    client
        .wait_for(|event| match event {
            AppEvent::Listening { addresses, .. } => Some(addresses.first().map(SocketAddr::port)),
            AppEvent::RemoteListening { port, .. } => Some(port),
            AppEvent::ListenFailed { text, .. } => panic!("{text}"),
            AppEvent::RemoteFailed { .. } => panic!("the server does not listen"),
            _ => None,
        })
        .await
}

impl Link {
    async fn new(kind: Kind, client: &mut End) -> Self {
        let folder = Folder::new(kind);
        let unix = matches!(kind, Kind::LocalUnix | Kind::RemoteUnix);
        let (far, target) = if unix {
            let path = folder.file("far");
            (Far::Unix(UnixListener::bind(&path).unwrap()), Target::Unix(path))
        } else {
            let (listener, address) = target().await;
            let target = Target::Tcp { host: address.ip().to_string(), port: address.port() };
            (Far::Tcp(listener), target)
        };
        let path = folder.file("near");
        let listen = match unix {
            true => Listen::Unix(path.clone()),
            false => Listen::Tcp { bind: Some("127.0.0.1".to_owned()), port: 0 },
        };
        let call = move |c: &mut Control<'_>| {
            let how = ListenOptions::default();
            match kind {
                Kind::Local | Kind::LocalUnix => {
                    c.listen_local(LocalForward { listen, target }, how);
                }
                Kind::Dynamic => {
                    c.listen_dynamic(DynamicForward { listen }, how);
                }
                Kind::Remote | Kind::RemoteUnix => {
                    c.request_remote(RemoteForward { listen, target: Some(target) });
                }
                Kind::RemoteSocks => {
                    c.request_remote(RemoteForward { listen, target: None });
                }
                Kind::Joined => {}
            }
        };
        client.handle.call(call).await.unwrap();
        let near = match kind {
            Kind::Joined => Near::None,
            _ => match listening(client).await {
                Some(port) => Near::Tcp(SocketAddr::from(([127, 0, 0, 1], port))),
                None => Near::Unix(path),
            },
        };
        Self { kind, near, far, _folder: folder }
    }

    /// One connection, from end to end.
    async fn connect(&self, client: &mut End, server: &mut End) -> (Socket, Socket) {
        match &self.near {
            Near::None => joined(client, server).await,
            Near::Unix(path) => {
                let near = UnixStream::connect(path).await.unwrap();
                (Box::new(near), self.far.accept().await)
            }
            Near::Tcp(address) => {
                let mut near = TcpStream::connect(address).await.unwrap();
                if matches!(self.kind, Kind::Dynamic | Kind::RemoteSocks) {
                    let Far::Tcp(listener) = &self.far else { panic!("SOCKS leads to TCP") };
                    let mut request = vec![4, 1];
                    request.extend(listener.local_addr().unwrap().port().to_be_bytes());
                    request.extend([127, 0, 0, 1, 0]);
                    near.write_all(&request).await.unwrap();
                    let mut answer = [0; 8];
                    near.read_exact(&mut answer).await.unwrap();
                    assert_eq!(answer[..2], [0, 90]);
                }
                (Box::new(near), self.far.accept().await)
            }
        }
    }
}

/// A channel between two pairs of sockets that no driver made.
async fn joined(client: &mut End, server: &mut End) -> (Socket, Socket) {
    let (near, inside) = UnixStream::pair().unwrap();
    let endpoints = Endpoints::whole(inside);
    let open = move |c: &mut Control<'_>| c.open(OpenKind::Session, endpoints).is_ok();
    assert!(client.handle.call(open).await.unwrap());
    let channel = server.wait_for(|event| match event {
        AppEvent::Protocol(Event::Channel(ChannelEvent::OpenRequest { channel, .. })) => {
            Some(channel)
        }
        _ => None,
    });
    let channel = channel.await;
    let (far, inside) = UnixStream::pair().unwrap();
    let endpoints = Endpoints::whole(inside);
    let attached = server.handle.call(move |c| c.attach(channel, endpoints)).await.unwrap();
    attached.unwrap();
    (Box::new(near), Box::new(far))
}

/// Writes until nothing moves any more, and gives the sum.
async fn write_until_stuck(stream: &mut Socket, data: &[u8]) -> usize {
    let mut sum = 0;
    loop {
        let write = stream.write(&data[sum..]);
        match tokio::time::timeout(Duration::from_secs(3), write).await {
            Ok(n) => sum += n.unwrap(),
            Err(_) => return sum,
        }
    }
}

async fn read_all(stream: &mut Socket, expected: &[u8]) {
    let mut back = vec![0; expected.len()];
    stream.read_exact(&mut back).await.unwrap();
    assert!(back == expected);
}

/// Both directions at once, with a byte back and forth after it.
async fn busy(near: &mut Socket, far: &mut Socket) {
    let data = noise(7, 2 * MIB);
    let (mut near_in, mut near_out) = tokio::io::split(near);
    let (mut far_in, mut far_out) = tokio::io::split(far);
    let take = async |input: &mut (dyn AsyncRead + Unpin + Send)| {
        let mut back = vec![0; data.len()];
        input.read_exact(&mut back).await.unwrap();
        assert!(back == data);
    };
    let (sent, answered, ..) = tokio::join!(
        near_out.write_all(&data),
        far_out.write_all(&data),
        take(&mut far_in),
        take(&mut near_in),
    );
    sent.unwrap();
    answered.unwrap();
    for n in 0..100 {
        near_out.write_u8(n).await.unwrap();
        assert_eq!(far_in.read_u8().await.unwrap(), n);
        far_out.write_u8(n).await.unwrap();
        assert_eq!(near_in.read_u8().await.unwrap(), n);
    }
}

async fn others_live(kind: Kind) {
    let (mut client, mut server) = watchful_pair().await;
    let link = Link::new(kind, &mut client).await;
    let (mut near, mut far) = link.connect(&mut client, &mut server).await;
    let data = noise(5, 64 * MIB);
    // Nobody reads, at either end, long enough for keepalives to be due.
    let (there, back) =
        tokio::join!(write_until_stuck(&mut near, &data), write_until_stuck(&mut far, &data));
    for sum in [there, back] {
        assert!((1..24 * MIB).contains(&sum), "{kind:?}: {sum} bytes for a reader that reads none");
    }
    let (mut second, mut its_far) = link.connect(&mut client, &mut server).await;
    busy(&mut second, &mut its_far).await;
    for end in [&mut client, &mut server] {
        end.handle.call(|c| c.request_rekey()).await.unwrap();
        let ask = |c: &mut Control<'_>| c.global_request(GlobalRequest::KeepAlive, true);
        let asked = end.handle.call(ask).await.unwrap().unwrap();
        let reply = |event| match event {
            AppEvent::Protocol(Event::Channel(ChannelEvent::GlobalReply { tag, .. })) => {
                (tag == asked).then_some(())
            }
            _ => None,
        };
        end.wait_for(reply).await;
    }
    // What was stuck is all there.
    tokio::join!(read_all(&mut far, &data[..there]), read_all(&mut near, &data[..back]));
    busy(&mut near, &mut far).await;
    assert!(!client.task.is_finished() && !server.task.is_finished());
}

macro_rules! stalled {
    ($($name:ident: $kind:ident,)*) => {$(
        #[tokio::test]
        async fn $name() {
            let done = tokio::time::timeout(PATIENCE, others_live(Kind::$kind)).await;
            done.expect("nothing waits for a reader that reads nothing");
        }
    )*};
}

stalled! {
    a_stalled_local_forward: Local,
    a_stalled_local_forward_of_unix_sockets: LocalUnix,
    a_stalled_remote_forward: Remote,
    a_stalled_remote_forward_of_unix_sockets: RemoteUnix,
    a_stalled_socks_client: Dynamic,
    a_stalled_remote_socks_client: RemoteSocks,
    a_stalled_channel_of_the_applications: Joined,
}

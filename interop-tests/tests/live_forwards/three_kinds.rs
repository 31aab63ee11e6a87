//! The three kinds of forwarding over one connection: of ports, of X11, and of the agent.

use crate::support::{Pair, STRICT, connect, each_pair, lacks};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tssh::trace::json::parse;
use tssh_interop_tests::openssh::{Agent, Server};
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::sockets::{listening, listening_inode_at, listening_inodes};
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::client_command;
use tssh_interop_tests::xserver::XServer;
use tssh_transport::trace::Value;

each_pair! {
    ports_x11_and_the_agent_over_one_connection: TsshSshd SshTsshd TsshTsshd;
}

/// SSH_MSG_CHANNEL_OPEN.
const CHANNEL_OPEN: u64 = 90;

/// S03: a port, the display and the agent are used at once, and the client's trace has a channel
/// of each type. S04: what the session is told of, the server listens on.
fn ports_x11_and_the_agent_over_one_connection(pair: Pair) {
    if lacks("three_kinds", &["Xvfb", "xauth", "xdpyinfo"]) {
        return;
    }
    let (x, agent, echo, folder) =
        (XServer::start(), Agent::start(), Service::start(Toy::Echo), Scratch::new());
    let cookies = format!("SetEnv XAUTHORITY={}", folder.join("far.auth").display());
    let server = pair.server(&["X11Forwarding yes", &cookies]);
    agent.add(&server.user_key());
    let (port, trace) = (free_port(), folder.join("trace"));
    let forward = format!("-L{port}:127.0.0.1:{}", echo.port());
    let mut options = vec!["-A", "-X", &*forward, STRICT];
    if pair.client_is_ours() {
        options.extend(["--trace", "jsonl", trace.to_str().expect("UTF-8")]);
    }
    let command = "ssh-add -l; xdpyinfo; echo \"at $DISPLAY and $SSH_AUTH_SOCK .\"; cat";
    let mut line = client_command(&pair.client(), &server, &options, &[command]);
    x.show(line.env("SSH_AUTH_SOCK", agent.socket()));
    let mut client = Process::spawn(&mut line);
    let told = client.stdout.wait_for(" .\n", PATIENCE);
    assert!(told, "{}\nserver: {}", client.output(), server.log());

    let mut stream = connect(port);
    stream.write_all(b"x").expect("send");
    stream.read_exact(&mut [0]).expect("hear the echo");
    drop(stream);

    let text = client.stdout.text();
    assert!(text.contains("(ED25519)") && text.contains("vendor string"), "{}", client.output());
    let (_, places) = text.rsplit_once("\nat ").expect("a line of places");
    let (display, socket) = places.trim_end_matches(" .\n").split_once(" and ").expect("two");
    serves_the_display(&server, display);
    serves_the_agent(pair, &server, Path::new(socket));
    client.finish(PATIENCE).expect_code(0);

    if pair.client_is_ours() {
        let wanted = ["auth-agent@openssh.com", "direct-tcpip", "session", "x11"];
        assert_eq!(opened(&trace), BTreeSet::from(wanted.map(str::to_owned)));
    }
}

/// The server listens for `display`, on loopback alone.
#[track_caller]
fn serves_the_display(server: &Server, display: &str) {
    let number = display.strip_prefix("localhost:").and_then(|rest| rest.split('.').next());
    let number = number.and_then(|number| number.parse::<u16>().ok());
    let port = 6000 + number.unwrap_or_else(|| panic!("DISPLAY is {display:?}"));
    assert!(listening(port).iter().all(std::net::IpAddr::is_loopback), "{display}");
    let inodes = listening_inodes(port);
    assert!(!inodes.is_empty(), "{display}");
    assert!(inodes.iter().all(|inode| server.process().tree_has_socket(*inode)), "{display}");
}

/// The server listens at `socket`, in a folder of its user alone. tsshd's socket is for that user
/// alone by its own mode too; sshd leaves that to the folder.
#[track_caller]
fn serves_the_agent(pair: Pair, server: &Server, socket: &Path) {
    let inode = listening_inode_at(socket).unwrap_or_else(|| panic!("nobody at {socket:?}"));
    assert!(server.process().tree_has_socket(inode), "{socket:?}");
    let owned = |path: &Path| {
        let found = path.metadata().expect("a place of the agent");
        (found.mode() & 0o777, found.uid())
    };
    let user = rustix::process::getuid().as_raw();
    assert_eq!(owned(socket.parent().expect("a folder")), (0o700, user), "{socket:?}");
    let (mode, owner) = owned(socket);
    assert_eq!(owner, user, "{socket:?}");
    assert!(mode == 0o600 || !pair.server_is_ours(), "{socket:?}: {mode:o}");
}

/// The types of the channels that a traced client opened or was asked to open.
#[track_caller]
fn opened(trace: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(trace).expect("a trace");
    let events = text.lines().map(|line| parse(line).expect("a line of the trace"));
    let opens = events.filter(|event| event.values.number("msg") == CHANNEL_OPEN);
    let fields = opens.flat_map(|event| event.values.list("fields").to_vec());
    let types = fields.filter_map(|field| {
        let field = field.as_map().filter(|field| field.text("name") == "channel type")?;
        field.get("value").and_then(Value::as_text).map(str::to_owned)
    });
    types.collect()
}

//! Inputs to begin with: one of each form that a target knows, so that nothing has to be found by
//! chance.

use crate::hostile::raw::Raw;
use crate::record::folder;
use crate::source::root;
use std::fs;
use tssh::agent::messages as agent_messages;
use tssh::mux::messages::{ClientMessage, MasterMessage, NewSession, Request};
use tssh_connection::{ChannelRequest, GlobalRequest, OpenKind};
use tssh_transport::Side;
use tssh_transport::algorithms::Algorithms;
use tssh_transport::ext_info::server_ext_info;
use tssh_transport::kex::negotiate;
use tssh_transport::messages::{kex, transport, userauth};
use tssh_transport::wire::{Message as _, Writer};

/// The seeds of a target; none where the kept corpus is all there is.
#[must_use]
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "identification" => identification(),
        name if name.starts_with("packet_") => packets(),
        "inflate" => vec![b"\x08\x78\x9c\x4a\x04\0\0\0\xff".to_vec(), b"aaaaaaaaaaaa".to_vec()],
        "kexinit" => kexinits(),
        "messages_transport" => transports(),
        "messages_userauth" => userauths(),
        "messages_connection" => connections(),
        "public_key" => key_files(".pub"),
        "signature" => signatures(),
        "private_key" => key_files(""),
        "known_hosts" => known_hosts(),
        "ssh_config" => texts(&[
            "Host a b\n Port 22\n User u\nMatch host \"h*\" !user x\n IdentityFile ~/.ssh/%r@%h\n",
            "Ciphers +aes*\nKexAlgorithms ^curve*\nLocalForward 80 h:80\nHostName %h.x\n",
            "Match localnetwork 192.0.2.0/24 originalhost a,!b\nRekeyLimit 1G 1h\n",
            "SetEnv A=b C=\"d e\"\n",
            "ProxyJump a@b:1,c\nControlPath /x/%C\nEscapeChar ^A\nPermitRemoteOpen h:*\nTag x\n",
        ]),
        "sshd_config" => texts(&[
            "Port 22\nListenAddress [::1]:22\nPermitOpen h:80 *:22\n",
            "Match User a,!b Address ::1/128\n X11Forwarding yes\n",
            "AuthenticationMethods publickey,password any\nMaxStartups 1:2:3\n",
            "Subsystem sftp /x\nGatewayPorts clientspecified\n",
        ]),
        "authorized_keys" => authorized_keys(),
        "command_line" => texts(&[
            "-p\n22\n-oPort=1\n-L\n80:h:80\nuser@host\ncommand\n",
            "-J\na,b\nssh://u@h:1\n",
            "-NTfvvv\n-D[::1]:1080\n-W\nh:1\nh\n",
            "-O\ncheck\n-S/x\nh\n",
            "-Q\ncipher\n",
        ]),
        "forwards" => texts(&[
            "80:h:80",
            "[::1]:80:[::2]:http",
            "/a/b:/c",
            "*:0:h:1",
            "localhost:10.0",
            "${HOME}/x:h:1",
            "a*b?\nabxb",
        ]),
        "server_files" => server_files(),
        "agent_frame" => agents(),
        "mux_frame" => muxes(),
        "socks" => vec![
            b"\x01\x05\x01\0\x05\x01\0\x03\x01h\0\x50".to_vec(),
            b"\xff\x05\x02\0\x01\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50".to_vec(),
            b"\x02\x04\x01\0\x50\0\0\0\x01u\0host\0".to_vec(),
            b"\xff\x05\x01\0\x05\x02\0\x01\x7f\0\0\x01\0\x50".to_vec(),
        ],
        "x11_setup" => x11(),
        "escapes" => vec![b"~a\n~.\n~?\r~~b".to_vec(), b"\x1dC~C".to_vec()],
        "trace_json" => texts(&[
            r#"{"type":"packet","n":1,"t":0.000001,"a":[1,null,true],"b":{"c":"\u00e9\n"}}"#,
            r#"{"type":"summary","n":2,"t":12.5,"x":"\ud83d\ude00"}"#,
        ]),
        "recording" => recordings(),
        "client_session" => sessions(Side::Client),
        "server_session" => sessions(Side::Server),
        _ => Vec::new(),
    }
}

fn texts(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn identification() -> Vec<Vec<u8>> {
    texts(&["\0hello\r\nSSH-2.0-a b\r\n", "\u{1}SSH-1.99-x\n", "\0SSH-1.5-x\n", "\u{1}GET /\r\n"])
}

fn packets() -> Vec<Vec<u8>> {
    vec![
        b"\0\xff\0\x05hello\x01\x03abc\x05\x10\0z".to_vec(),
        b"\x01\x01\0\x05hello\x02\0\0\0\x0c\x04\x0babcdefghijk".to_vec(),
        b"\0\x07\0\x05hello\x04\0\x09\x03\x03\x08rawbytes".to_vec(),
        b"\0\xff\x02\xff\xff\xff\xff\xff\x02ab".to_vec(),
    ]
}

fn kexinits() -> Vec<Vec<u8>> {
    [Side::Client, Side::Server]
        .into_iter()
        .map(|side| {
            let ours = Algorithms::default_for(side, true);
            negotiate::kexinit(side, &ours, [7; 16], true)[1..].to_vec()
        })
        .collect()
}

fn transports() -> Vec<Vec<u8>> {
    let list = ["ssh-ed25519".to_owned()];
    vec![
        transport::Disconnect::new(11, b"bye", b"").payload(),
        transport::Ignore::new(b"x").payload(),
        transport::Unimplemented::new(3).payload(),
        transport::Debug::new(true, b"x", b"").payload(),
        transport::ServiceRequest::new(b"ssh-userauth").payload(),
        transport::ServiceAccept::new(b"ssh-userauth").payload(),
        server_ext_info(&list, true),
        transport::Ping::new(b"x").payload(),
        transport::Pong::new(b"x").payload(),
        kex::NewKeys::new().payload(),
        kex::KexDhInit::new(&[5]).payload(),
        kex::KexDhReply::new(b"k", &[5], b"s").payload(),
        kex::KexEcdhInit::new(&[9; 32]).payload(),
        kex::KexDhGexRequest::new(2048, 3072, 8192).payload(),
        kex::KexDhGexGroup::new(&[0x80, 1], &[2]).payload(),
        kex::KexDhGexInit::new(&[5]).payload(),
        kex::KexDhGexReply::new(b"k", &[5], b"s").payload(),
    ]
}

fn userauths() -> Vec<Vec<u8>> {
    let mut prompts = Vec::new();
    let mut w = Writer::new(&mut prompts);
    w.string(b"Password: ");
    w.boolean(false);
    vec![
        userauth::UserauthRequest::new(b"u", b"ssh-connection", b"none", b"").payload(),
        userauth::UserauthFailure::new("publickey,password", false).payload(),
        userauth::UserauthSuccess::new().payload(),
        userauth::UserauthBanner::new(b"hello", b"en").payload(),
        userauth::UserauthPkOk::new(b"ssh-ed25519", b"blob").payload(),
        userauth::UserauthPasswdChangereq::new(b"new", b"").payload(),
        userauth::UserauthInfoRequest::new(b"n", b"i", b"", 1, &prompts).payload(),
        userauth::UserauthInfoResponse::new(0, b"").payload(),
    ]
}

fn connections() -> Vec<Vec<u8>> {
    let text = || "text".to_owned();
    let opens = [
        OpenKind::Session,
        OpenKind::DirectTcpip {
            host: text(),
            port: 80,
            originator_address: text(),
            originator_port: 1,
        },
        OpenKind::ForwardedTcpip {
            address: text(),
            port: 80,
            originator_address: text(),
            originator_port: 1,
        },
        OpenKind::DirectStreamlocal { path: text() },
        OpenKind::ForwardedStreamlocal { path: text() },
        OpenKind::X11 { originator_address: text(), originator_port: 1 },
        OpenKind::AuthAgent,
    ];
    let requests = [
        ChannelRequest::Pty { term: text(), cols: 80, rows: 24, wpx: 0, hpx: 0, modes: vec![0] },
        ChannelRequest::Shell,
        ChannelRequest::Exec { command: b"true".to_vec() },
        ChannelRequest::Subsystem { name: text() },
        ChannelRequest::Env { name: b"A".to_vec(), value: b"b".to_vec() },
        ChannelRequest::WindowChange { cols: 1, rows: 2, wpx: 3, hpx: 4 },
        ChannelRequest::Signal { name: "TERM".to_owned() },
        ChannelRequest::ExitStatus(1),
        ChannelRequest::ExitSignal { name: "HUP".to_owned(), core_dumped: true, message: text() },
        ChannelRequest::XonXoff { client_can_do: true },
        ChannelRequest::Break { milliseconds: 5 },
        ChannelRequest::X11Req {
            single_connection: false,
            protocol: text(),
            cookie: text(),
            screen: 0,
        },
        ChannelRequest::AuthAgentReq,
        ChannelRequest::Eow,
    ];
    let globals = [
        GlobalRequest::TcpipForward { address: text(), port: 0 },
        GlobalRequest::CancelTcpipForward { address: text(), port: 80 },
        GlobalRequest::StreamlocalForward { path: text() },
        GlobalRequest::CancelStreamlocalForward { path: text() },
        GlobalRequest::NoMoreSessions,
        GlobalRequest::KeepAlive,
        GlobalRequest::HostKeys(vec![0, 0, 0, 0]),
        GlobalRequest::HostKeysProve(vec![0, 0, 0, 0]),
    ];
    let mut seeds = vec![Vec::new(); opens.len() + requests.len() + globals.len()];
    let mut slots = seeds.iter_mut();
    opens.iter().zip(&mut slots).for_each(|(kind, out)| kind.encode(0, 1 << 21, 32_768, out));
    requests.iter().zip(&mut slots).for_each(|(request, out)| request.encode(0, true, out));
    globals.iter().zip(&mut slots).for_each(|(request, out)| request.encode(true, out));
    seeds
}

/// The key files of the tests whose names end so.
fn key_files(end: &str) -> Vec<Vec<u8>> {
    let names = ["host_ed25519", "host_ecdsa256", "host_ecdsa384", "host_ecdsa521", "host_rsa"];
    let folder = root().join("interop-tests/keys");
    names.iter().filter_map(|name| fs::read(folder.join(format!("{name}{end}"))).ok()).collect()
}

fn signatures() -> Vec<Vec<u8>> {
    let names =
        ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
    let mut seeds = Vec::new();
    for (index, name) in names.iter().chain(&["rsa-sha2-512"]).enumerate() {
        let mut inner = Vec::new();
        if name.starts_with("ecdsa") {
            let mut w = Writer::new(&mut inner);
            w.mpint(&[5; 32]);
            w.mpint(&[6; 32]);
        } else {
            inner = vec![1; if name.starts_with("rsa") { 256 } else { 64 }];
        }
        let mut seed = vec![u8::try_from(index).expect("a few")];
        let mut w = Writer::new(&mut seed);
        w.string(name.as_bytes());
        w.string(&inner);
        seeds.push(seed);
    }
    seeds
}

fn known_hosts() -> Vec<Vec<u8>> {
    let key = include_str!("../../keys/user_ed25519.pub").trim_end();
    let other = include_str!("../../keys/host_ed25519.pub").trim_end();
    vec![
        format!("host.example,192.0.2.* {key}\n[host.example]:2222 {other}\n").into_bytes(),
        format!("@revoked * {key}\n@cert-authority *.example {other} comment\n# x\n").into_bytes(),
        format!("{} {key}\n", tssh::known_hosts::hashed("host.example", &[7; 20])).into_bytes(),
    ]
}

fn authorized_keys() -> Vec<Vec<u8>> {
    let key = include_str!("../../keys/user_ed25519.pub").trim_end();
    vec![
        format!("{key}\n").into_bytes(),
        format!("restrict,port-forwarding,permitopen=\"h:80\",from=\"192.0.2.0/24\" {key}\n")
            .into_bytes(),
        format!("command=\"a \\\"b\\\"\",environment=\"A=b\",expiry-time=\"20991231\" {key}\n")
            .into_bytes(),
        format!("cert-authority,principals=\"a,b\",permitlisten=\"*:1\",no-pty {key}\n")
            .into_bytes(),
    ]
}

fn server_files() -> Vec<Vec<u8>> {
    let mut seeds = texts(&[
        "\0user:$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$\
         aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\n",
        "\u{2}202611290130Z",
        "\u{3}192.0.2.0/24,!10.0.0.0/8,*.example,2001:db8::/32",
        "\u{4}http 80/tcp www # x\nimap2 143/tcp\n",
    ]);
    for name in ["UTC", "Europe/Berlin"] {
        if let Ok(zone) = fs::read(format!("/usr/share/zoneinfo/{name}")) {
            seeds.push([&[1], &zone[..]].concat());
        }
    }
    seeds
}

fn agents() -> Vec<Vec<u8>> {
    let mut list = vec![12];
    let mut w = Writer::new(&mut list);
    w.uint32(2);
    for text in [&b"blob"[..], b"comment", b"blob2", b""] {
        w.string(text);
    }
    let mut signature = vec![14];
    Writer::new(&mut signature).string(b"signature");
    let request = agent_messages::sign_request(b"blob", b"data", "rsa-sha2-512").expect("a frame");
    vec![list, signature, vec![5], vec![6], request]
}

fn muxes() -> Vec<Vec<u8>> {
    let session = NewSession {
        tty: true,
        escape: 126,
        term: "xterm".to_owned(),
        command: b"true".to_vec(),
        environment: vec![b"A=b".to_vec()],
        ..NewSession::default()
    };
    let requests = [
        Request::NewSession(Box::new(session)),
        Request::AliveCheck,
        Request::Terminate,
        Request::StdioForward { host: "h".to_owned(), port: 1 },
        Request::StopListening,
        Request::Proxy,
    ];
    let mut frames = vec![ClientMessage::Hello.encode(), MasterMessage::Hello.encode()];
    frames.extend(requests.map(|request| ClientMessage::Request { id: 1, request }.encode()));
    frames.push(MasterMessage::Failure(1, "no".to_owned()).encode());
    frames.push(MasterMessage::Alive { id: 1, pid: 2 }.encode());
    frames.push(MasterMessage::RemotePort { id: 1, port: 2 }.encode());
    // The target takes what stands behind the length.
    let mut seeds: Vec<Vec<u8>> = frames.into_iter().map(|frame| frame[4..].to_vec()).collect();
    for kind in [1u32, 3, 4] {
        let mut forward = Vec::new();
        let mut w = Writer::new(&mut forward);
        [0x1000_0006, 1, kind].into_iter().for_each(|n| w.uint32(n));
        w.string(b"localhost");
        w.uint32(80);
        w.string(b"h");
        w.uint32(80);
        seeds.push(forward);
    }
    seeds
}

fn x11() -> Vec<Vec<u8>> {
    [b'B', b'l']
        .into_iter()
        .map(|order| {
            let number = |n: u8| if order == b'B' { [0, n] } else { [n, 0] };
            let mut seed = vec![3, order, 0];
            [11, 0, 18, 16, 0].into_iter().for_each(|n| seed.extend(number(n)));
            seed.extend(b"MIT-MAGIC-COOKIE-1\0\0");
            seed.extend([0xfa; 16]);
            seed.extend(b"more");
            seed
        })
        .collect()
}

/// The shortest recordings.
fn recordings() -> Vec<Vec<u8>> {
    ["client-wrong-host-key", "server-wrong-host-key", "client-exec-status", "server-forward-echo"]
        .iter()
        .filter_map(|name| fs::read(folder().join(format!("{name}.txt"))).ok())
        .collect()
}

/// Orders as `sessions` reads them: each message in each phase and mode, and a few longer stories.
fn sessions(victim: Side) -> Vec<Vec<u8>> {
    let counted = |payload: &[u8]| {
        let length = u8::try_from(payload.len()).expect("a short message");
        [&[0, length], payload].concat()
    };
    let mut seeds = Vec::new();
    let messages = [transports(), userauths(), connections()].concat();
    for (index, payload) in messages.iter().enumerate() {
        let manner = u8::try_from(index % 32).expect("small");
        let phase = if payload[0] >= 80 { 3 } else { u8::try_from(index % 4).expect("small") };
        seeds.push([&[manner, phase], &counted(payload)[..]].concat());
    }
    // A channel that is opened, confirmed, filled, and closed; a rekey in between.
    let open = if victim.is_client() {
        b"\x0d\0\0\x09\x01\x04\0\0\0\x18\0\x10\x0d\x04\0".to_vec()
    } else {
        [&counted(&connections()[0])[..], b"\x0d\x02\0"].concat()
    };
    let story =
        [&[0, 3], &open[..], b"\x0c\x10\0\0\x06\x0d\x08\0\x0d\x05\x01\x0d\x0d\0\x06\x0d\x07\0"];
    seeds.push(story.concat());
    seeds.push(
        [&[5, 0, 5][..], &[u8::try_from(Raw::hello().len()).expect("short")], &Raw::hello(), &[6]]
            .concat(),
    );
    for method in 1..4 {
        let info = counted(&userauths()[6]);
        let accept = counted(&transport::ServiceAccept::new(b"ssh-userauth").payload());
        seeds.push([&[1, 2 | method << 2][..], &accept, &info].concat());
    }
    seeds
}

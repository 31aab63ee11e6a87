//! Leads a connection to a state.

use tssh_connection::messages::{ChannelClose, ChannelData, ChannelEof, RequestSuccess};
use tssh_connection::{ChannelKey, ChannelRequest, GlobalRequest, OpenKind};
use tssh_interop_tests::hostile::fight::{
    Answers, CURVE, Fight, GROUP_EXCHANGE, Setup, USER, undecided, user_key, usual,
};
use tssh_interop_tests::hostile::raw::Raw;
use tssh_transport::Side;
use tssh_transport::messages::kex::KexDhGexRequest;
use tssh_transport::messages::transport::{ServiceAccept, ServiceRequest};
use tssh_transport::messages::userauth::{
    UserauthInfoRequest, UserauthInfoResponse, UserauthPasswdChangereq,
};
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthQuestion, Prompt};
use tssh_transport::wire::Writer;

/// A new connection in the state of this name.
pub fn arrive(side: Side, name: &str) -> Fight {
    let mut fight = match name {
        "identification" | "kexinit-due" | "share-due-strict" | "share-due" | "guess-due"
        | "group-due" | "group-request-due" | "group-share-due" | "host-key-asked"
        | "newkeys-due-strict" | "newkeys-due" => first_exchange(side, name),
        "login-share-due" | "login-newkeys-due" => {
            let mut fight = Fight::exchanged(&Setup { answers: undecided, ..Setup::new(side) });
            rekey(&mut fight, name == "login-newkeys-due");
            fight
        }
        "connected" => Fight::connected(side),
        "channel-asked-for" | "channel-offered" => opening(side, name),
        "channel-open" | "replies-due" | "peer-eof" | "our-eof" | "our-close" | "both-closed" => {
            channel(side, name)
        }
        "our-rekey" => {
            let (mut fight, _) = open(side);
            fight.victim.request_rekey();
            fight
        }
        "rekey-share-due" | "rekey-newkeys-due" => {
            let (mut fight, _) = open(side);
            rekey(&mut fight, name == "rekey-newkeys-due");
            fight
        }
        _ if side == Side::Client => client_login(name),
        _ => server_login(name),
    };
    if name != "identification" {
        fight.run().unwrap();
        fight.collect();
        fight.raw.payloads.clear();
    }
    fight
}

fn first_exchange(side: Side, name: &str) -> Fight {
    let usual = Setup::new(side);
    let setup = match name {
        "share-due" | "newkeys-due" => Setup::lenient(side),
        "guess-due" => {
            Setup { kex: format!("sntrup761x25519-sha512,{}", usual.kex), guesses: true, ..usual }
        }
        "group-due" | "group-request-due" | "group-share-due" => {
            Setup { kex: usual.kex.replace(CURVE, GROUP_EXCHANGE), ..usual }
        }
        "host-key-asked" => Setup { knows_host: false, ..usual },
        _ => usual,
    };
    let mut fight = Fight::new(&setup);
    // Of the methods, the peer has one only.
    fight.raw.forgiving = name.starts_with("group");
    if name == "identification" {
        return fight;
    }
    fight.feed(&Raw::hello()).unwrap();
    if name == "kexinit-due" {
        return fight;
    }
    let kexinit = fight.raw.kexinit();
    fight.send(&kexinit).unwrap();
    match name {
        "group-share-due" if side == Side::Client => fight.send(&group()).unwrap(),
        "group-share-due" => fight.say(&KexDhGexRequest::new(2048, 2048, 8192)).unwrap(),
        "host-key-asked" | "newkeys-due-strict" | "newkeys-due" => share(&mut fight),
        _ => {}
    }
    fight
}

/// The message with which a server of ours names a group.
pub fn group() -> Vec<u8> {
    let usual = Setup::new(Side::Server);
    let mut fight = Fight::new(&Setup { kex: usual.kex.replace(CURVE, GROUP_EXCHANGE), ..usual });
    fight.feed(&Raw::hello()).unwrap();
    let kexinit = fight.raw.kexinit();
    fight.send(&kexinit).unwrap();
    fight.say(&KexDhGexRequest::new(2048, 2048, 8192)).unwrap();
    fight.raw.payloads.pop_back().unwrap()
}

/// The peer's share.
fn share(fight: &mut Fight) {
    let message = match fight.raw.side {
        Side::Client => fight.raw.share(),
        Side::Server => fight.raw.reply.take().unwrap(),
    };
    fight.send(&message).unwrap();
}

/// The peer starts a key exchange, and goes on up to its share.
fn rekey(fight: &mut Fight, to_the_share: bool) {
    let kexinit = fight.raw.kexinit();
    fight.send(&kexinit).unwrap();
    if to_the_share {
        share(fight);
    }
}

/// The first thing to try, and nothing more.
fn tries(question: &AuthQuestion, attempt: Attempt) -> Option<AuthAnswer> {
    let first = matches!(question, AuthQuestion::ChooseMethod { methods: None, .. });
    first.then_some(AuthAnswer::Attempt(attempt))
}

fn key_attempt(probe: bool) -> Attempt {
    let (blob, algorithm) = (user_key().public().blob(), "ssh-ed25519".to_owned());
    Attempt::PublicKey { blob, algorithm, probe }
}

fn password() -> Attempt {
    Attempt::Password("secret".to_owned().into())
}

fn interactive() -> Attempt {
    Attempt::KeyboardInteractive { submethods: String::new() }
}

fn client_login(name: &str) -> Fight {
    let answers: Answers = match name {
        "service-asked" | "deciding" => undecided,
        "signing" => |q| tries(&q, key_attempt(false)),
        "none-sent" => |q| tries(&q, Attempt::None),
        "probe-sent" => |q| tries(&q, key_attempt(true)),
        "signature-sent" => |q| match q {
            AuthQuestion::ChooseMethod { methods: Some(_), .. } => None,
            q => usual(q),
        },
        "password-sent" | "changing-password" => |q| tries(&q, password()),
        "interactive-sent" | "prompting" => |q| tries(&q, interactive()),
        other => panic!("no way to {other}"),
    };
    let mut fight = Fight::exchanged(&Setup { answers, ..Setup::new(Side::Client) });
    if name != "service-asked" {
        fight.say(&ServiceAccept::new(b"ssh-userauth")).unwrap();
    }
    match name {
        "prompting" => fight.say(&UserauthInfoRequest::new(b"", b"", b"", 0, b"")).unwrap(),
        "changing-password" => fight.say(&UserauthPasswdChangereq::new(b"new", b"")).unwrap(),
        _ => {}
    }
    fight
}

/// A request to log in without a signature: its method, and the fields of that.
pub fn request(method: &[u8], fields: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut request = Vec::new();
    let mut w = Writer::new(&mut request);
    w.byte(50);
    w.string(USER.as_bytes());
    w.string(b"ssh-connection");
    w.string(method);
    fields(&mut w);
    request
}

/// Asks for nothing, and leaves the answers to be judged.
fn asks(question: AuthQuestion) -> Option<AuthAnswer> {
    let AuthQuestion::StartPrompts { .. } = question else { return None };
    let prompt = Prompt { text: "Name: ".to_owned(), echo: true };
    let (name, instruction) = (String::new(), String::new());
    Some(AuthAnswer::Prompts { name, instruction, prompts: vec![prompt] })
}

fn server_login(name: &str) -> Fight {
    let prompts = matches!(name, "prompted" | "checking-responses");
    let answers: Answers = match name {
        "service-due" | "request-due" => usual,
        _ if prompts => asks,
        _ => undecided,
    };
    let mut setup = Setup { answers, ..Setup::new(Side::Server) };
    setup.auth.methods = "publickey,password,keyboard-interactive".to_owned();
    setup.auth.ask_none = true;
    let mut fight = Fight::exchanged(&setup);
    if name == "service-due" {
        return fight;
    }
    fight.say(&ServiceRequest::new(b"ssh-userauth")).unwrap();
    let blob = user_key().public().blob();
    let request = match name {
        "request-due" => return fight,
        "checking-none" => request(b"none", |_| {}),
        "checking-probe" => request(b"publickey", |w| {
            w.boolean(false);
            w.string(b"ssh-ed25519");
            w.string(&blob);
        }),
        "checking-signature" => fight.raw.signed_request(USER.as_bytes()),
        "checking-password" => request(b"password", |w| {
            w.boolean(false);
            w.string(b"secret");
        }),
        "starting-prompts" | "prompted" | "checking-responses" => {
            request(b"keyboard-interactive", |w| {
                w.string(b"");
                w.string(b"");
            })
        }
        other => panic!("no way to {other}"),
    };
    fight.send(&request).unwrap();
    if name == "checking-responses" {
        fight.say(&UserauthInfoResponse::new(1, b"\0\0\0\x01x")).unwrap();
    }
    fight
}

/// A forwarded connection; the channel has number 0.
fn forwarded(side: Side) -> OpenKind {
    let (originator_address, originator_port) = ("::1".to_owned(), 4000);
    let (host, port) = ("localhost".to_owned(), 143);
    match side {
        Side::Server => OpenKind::DirectTcpip { host, port, originator_address, originator_port },
        Side::Client => {
            OpenKind::ForwardedTcpip { address: host, port, originator_address, originator_port }
        }
    }
}

fn open(side: Side) -> (Fight, ChannelKey) {
    let mut fight = Fight::connected(side);
    let (channel, _) = fight.channel(&forwarded(Side::Server), 1 << 20, 1 << 15);
    assert_eq!(channel.number(), 0);
    (fight, channel)
}

fn opening(side: Side, name: &str) -> Fight {
    let mut fight = Fight::connected(side);
    if name == "channel-asked-for" {
        fight.victim.open(forwarded(Side::Server)).unwrap();
        return fight;
    }
    if side == Side::Client {
        // Else it would be refused at once.
        let (address, port) = ("localhost".to_owned(), 143);
        let forward = GlobalRequest::TcpipForward { address, port };
        fight.victim.global_request(forward, true).unwrap();
        fight.run().unwrap();
        fight.say(&RequestSuccess::new(b"")).unwrap();
    }
    let mut open = Vec::new();
    forwarded(side).encode(77, 1000, 1000, &mut open);
    fight.send(&open).unwrap();
    assert_eq!(fight.victim.channel_count(), 1);
    fight
}

fn channel(side: Side, name: &str) -> Fight {
    let (mut fight, channel) = open(side);
    match name {
        "replies-due" => {
            fight.victim.global_request(GlobalRequest::KeepAlive, true).unwrap();
            fight.victim.request(channel, ChannelRequest::Eow, true).unwrap();
        }
        "peer-eof" => fight.say(&ChannelEof::new(0)).unwrap(),
        "our-eof" => fight.victim.send_eof(channel).unwrap(),
        "our-close" => fight.victim.close(channel).unwrap(),
        "both-closed" => {
            fight.accepts = 0;
            fight.say(&ChannelData::new(0, b"kept")).unwrap();
            fight.say(&ChannelClose::new(0)).unwrap();
        }
        _ => {}
    }
    fight
}

//! Every message and every text format, made at random from its own declaration: what is written
//! reads as it was meant, what is cut short or goes on does not read at all.

#![forbid(unsafe_code)]

use std::fmt::Write as _;
use tssh::config::file::{Origin, Reader};
use tssh::config::{Facts, Options, keywords};
use tssh::known_hosts::{KnownHosts, Line, hashed};
use tssh::log::{Level, set_level};
use tssh::mux::messages::{ClientMessage, MasterMessage, NewSession, Request};
use tssh::trace::json;
use tssh_connection::messages as connection;
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::sim::random::Rng;
use tssh_transport::Timestamp;
use tssh_transport::key::{PublicKey, base64};
use tssh_transport::messages::{kex, transport, userauth};
use tssh_transport::trace::{Event, Field, FieldKind, Kind, Map, Value};
use tssh_transport::wire::{Message, WireFault, Writer};

/// Messages of each kind.
const ROUNDS: u64 = 200;

fn bytes(rng: &mut Rng, max: u64) -> Vec<u8> {
    let n = rng.size(max);
    (0..n).map(|_| u8::try_from(rng.below(256)).expect("a byte")).collect()
}

/// Text that a peer may send: mostly plain, sometimes not ASCII.
fn text(rng: &mut Rng, max: u64) -> String {
    let n = rng.size(max);
    (0..n)
        .map(|_| match rng.below(12) {
            0 => *rng.pick(&['é', '漢', '😀', '\u{200b}']),
            _ => char::from(u8::try_from(rng.between(0x20, 0x7e)).expect("ASCII")),
        })
        .collect()
}

/// A name of RFC 4250 section 4.6.1.
fn name(rng: &mut Rng) -> String {
    let n = rng.between(1, 20);
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789-@.";
    (0..n).map(|_| char::from(*rng.pick(letters))).collect()
}

/// A payload of a message from its declaration, and where each field ends.
fn payload(rng: &mut Rng, number: u8, fields: &[Field]) -> (Vec<u8>, Vec<usize>) {
    let mut out = vec![number];
    let mut ends = vec![1];
    for field in fields {
        let mut w = Writer::new(&mut out);
        match field.kind {
            FieldKind::Byte => w.byte(u8::try_from(rng.below(256)).expect("a byte")),
            FieldKind::Boolean => w.boolean(rng.chance(50)),
            FieldKind::Uint32 => w.uint32(u32::try_from(rng.draw() >> 32).expect("32 bits")),
            // Some of them must be UTF-8, which all of them may be.
            FieldKind::String => w.string(text(rng, 60).as_bytes()),
            FieldKind::NameList => {
                let names: Vec<String> = (0..rng.below(6)).map(|_| name(rng)).collect();
                w.name_list(names.iter().map(String::as_str));
            }
            FieldKind::Mpint => {
                let mut number = bytes(rng, 40);
                number.insert(0, u8::try_from(rng.between(1, 255)).expect("a byte"));
                w.mpint(&number);
            }
            FieldKind::Cookie => w.bytes(&[0xc0; 16]),
            FieldKind::Rest => w.bytes(&bytes(rng, 60)),
        }
        ends.push(out.len());
    }
    (out, ends)
}

/// Checks one type of message.
macro_rules! checked {
    ($rng:expr, $($module:ident::$message:ident)+) => { $({
        type M<'a> = $module::$message<'a>;
        let fields = <M<'_> as Message<'_>>::FIELDS;
        let open_ended = fields.last().is_some_and(|field| field.kind == FieldKind::Rest);
        for _ in 0..ROUNDS {
            let (payload, ends) = payload($rng, <M<'_> as Message<'_>>::NUMBER, fields);
            let read = <M<'_> as Message<'_>>::decode(&payload).expect("a good message");
            assert_eq!(read.payload(), payload, "{}", <M<'_> as Message<'_>>::NAME);
            let shortest = if open_ended { ends[ends.len() - 2] } else { payload.len() };
            for cut in 0..shortest {
                let error = <M<'_> as Message<'_>>::decode(&payload[..cut]).expect_err("cut short");
                assert_eq!(error.fault, WireFault::Truncated, "cut at {cut} of {}", payload.len());
                assert!(error.offset <= cut);
            }
            let longer = [&payload[..], &[0]].concat();
            let outcome = <M<'_> as Message<'_>>::decode(&longer).map_err(|error| error.fault);
            assert_eq!(outcome.err(), (!open_ended).then_some(WireFault::TrailingBytes));
        }
    })+ };
}

#[test]
fn every_message_of_the_protocol_reads_as_it_is_written() {
    let rng = &mut Rng::new(0x6d73_6773);
    checked!(rng,
        transport::Disconnect transport::Ignore transport::Unimplemented transport::Debug
        transport::ServiceRequest transport::ServiceAccept transport::ExtInfo
        transport::Ping transport::Pong
        kex::KexInit kex::NewKeys kex::KexDhInit kex::KexDhReply kex::KexEcdhInit
        kex::KexEcdhReply kex::KexDhGexRequest kex::KexDhGexGroup kex::KexDhGexInit
        kex::KexDhGexReply
        userauth::UserauthRequest userauth::UserauthFailure userauth::UserauthSuccess
        userauth::UserauthBanner userauth::UserauthPkOk userauth::UserauthPasswdChangereq
        userauth::UserauthInfoRequest userauth::UserauthInfoResponse
        connection::GlobalRequestMsg connection::RequestSuccess connection::RequestFailure
        connection::ChannelOpen connection::ChannelOpenConfirmation
        connection::ChannelOpenFailure connection::ChannelWindowAdjust connection::ChannelData
        connection::ChannelExtendedData connection::ChannelEof connection::ChannelClose
        connection::ChannelRequestMsg connection::ChannelSuccess connection::ChannelFailure
    );
}

#[test]
fn every_message_of_a_control_socket_reads_as_it_is_written() {
    let rng = &mut Rng::new(0x6d75_7821);
    for _ in 0..2000 {
        let [id, number] = [0; 2].map(|_: u32| u32::try_from(rng.draw() >> 32).expect("32 bits"));
        let plain = |rng: &mut Rng| text(rng, 40).replace(|c: char| !c.is_ascii(), "x");
        let session = NewSession {
            tty: rng.chance(50),
            x11: rng.chance(50),
            agent: rng.chance(50),
            subsystem: rng.chance(50),
            escape: number,
            term: plain(rng),
            command: text(rng, 40).into_bytes(),
            environment: (0..rng.below(4)).map(|_| text(rng, 20).into_bytes()).collect(),
        };
        let request = match rng.below(6) {
            0 => Request::NewSession(Box::new(session)),
            1 => Request::AliveCheck,
            2 => Request::Terminate,
            3 => Request::StdioForward { host: text(rng, 40), port: number },
            4 => Request::StopListening,
            _ => Request::Proxy,
        };
        let message = ClientMessage::Request { id, request };
        let body = message.encode().split_off(4);
        // A list of variables that ends sooner is a shorter one; nothing else ends sooner.
        let cut = rng.index(body.len());
        assert_ne!(ClientMessage::decode(&body[..cut]).as_ref(), Ok(&message), "cut at {cut}");
        assert_eq!(ClientMessage::decode(&body), Ok(message));
        let answer = match rng.below(6) {
            0 => MasterMessage::Ok(id),
            1 => MasterMessage::Failure(id, plain(rng)),
            2 => MasterMessage::Exit { session: id, status: number },
            3 => MasterMessage::Alive { id, pid: number },
            4 => MasterMessage::SessionOpened { id, session: number },
            _ => MasterMessage::RemotePort { id, port: number },
        };
        let body = answer.encode().split_off(4);
        assert_eq!(MasterMessage::decode(&body), Ok(answer));
    }
}

fn value(rng: &mut Rng, depth: u32) -> Value {
    match rng.below(if depth == 0 { 4 } else { 6 }) {
        0 => Value::Null,
        1 => Value::Bool(rng.chance(50)),
        2 => Value::Number(rng.draw() >> rng.below(64)),
        3 => Value::Text(text(rng, 30).into()),
        4 => Value::List((0..rng.below(4)).map(|_| value(rng, depth - 1)).collect()),
        _ => Value::Map(map(rng, depth - 1)),
    }
}

fn map(rng: &mut Rng, depth: u32) -> Map {
    let mut map = Map::new();
    for index in 0..rng.below(4) {
        map.push(format!("{}{index}", name(rng)), value(rng, depth));
    }
    map
}

#[test]
fn events_read_as_they_are_written_in_json() {
    let rng = &mut Rng::new(0x6a73_6f6e);
    for _ in 0..3000 {
        let kind = *rng.pick(&Kind::ALL);
        let at = Timestamp::from_micros(rng.draw() >> 20);
        let event = Event { kind, n: rng.draw() >> 8, at, values: map(rng, 4) };
        let line = json::line(&event);
        let again = json::parse(&line).expect("our own line");
        assert_eq!((again.kind, again.n, again.at), (event.kind, event.n, event.at));
        assert_eq!(again.values, event.values, "{line}");
        let cut = rng.index(line.trim_end().len());
        if line.is_char_boundary(cut) {
            assert!(json::parse(&line[..cut]).is_err(), "{}", &line[..cut]);
        }
    }
}

#[test]
fn keys_and_known_hosts_read_as_they_are_written() {
    let rng = &mut Rng::new(0x6b65_7973);
    let key = include_str!("../keys/user_ed25519.pub");
    let key = PublicKey::from_line(key).expect("a key").0;
    for _ in 0..1000 {
        let data = bytes(rng, 100);
        assert_eq!(base64::decode(&base64::encode(&data)).as_deref(), Some(&data[..]));
        let host = name(rng).replace(['@', '*'], "x");
        let other = format!("{host}y");
        let salt = <[u8; 20]>::try_from(&bytes(rng, 1).repeat(20)[..]).unwrap_or([3; 20]);
        for written in [host.clone(), format!("{other},{host}"), hashed(&host, &salt)] {
            let line = format!("{written} {}", key.to_line());
            let parsed = Line::parse(&line).expect("our own line");
            assert!(parsed.names.matches(&host), "{line}");
            assert_eq!(parsed.blob, key.blob());
            let mut hosts = KnownHosts::default();
            hosts.add_text(&line, "here");
            assert_eq!(hosts.key_types(&host), ["ssh-ed25519"]);
        }
    }
}

/// Values that a keyword of the client's configuration may take, by trying: what one pass accepts
/// a second pass over the same text accepts, and the options are the same.
#[test]
fn configuration_means_the_same_whenever_it_is_read() {
    let rng = &mut Rng::new(0x636f_6e66);
    let words =
        ["yes", "no", "ask", "none", "1", "10", "1G", "a", "h:1", "8080", "+aes128-ctr", "~"];
    let scratch = Scratch::new();
    let account = tssh::account::Account::current();
    // Complaints about lines are for people.
    set_level(Level::Quiet);
    let mut taken = 0;
    for round in 0..200 {
        let mut lines = String::new();
        for _ in 0..10 {
            let keyword = rng.pick(keywords::KEYWORDS).name;
            if ["host", "match", "include"].contains(&keyword) {
                continue;
            }
            let sign = *rng.pick(&[" ", "=", "  = "]);
            let (first, second) = (*rng.pick(&words), *rng.pick(&words));
            let second = if rng.chance(30) { second } else { "" };
            let _ = writeln!(lines, "{keyword}{sign}{first} {second}");
        }
        for line in lines.lines() {
            let read = |text: &str| {
                let file = scratch.path().join(format!("config-{round}"));
                std::fs::write(&file, text).expect("a file");
                let mut options = Options::default();
                let mut reader = Reader::new(&mut options, Facts::new("host", &account));
                let good = reader.file(&file, Origin::Named).expect("a file").is_ok();
                (good, format!("{options:?}"))
            };
            let first = read(line);
            // Blanks, comments and the case of keywords mean nothing; the first value counts.
            let spelled = format!("  {}\t\n# comment\n\n{line}\n", spelled(line));
            let lists = ["forward", "env", "identity", "certificate"];
            if first.0 && !lists.iter().any(|list| line.contains(list)) {
                taken += 1;
                assert_eq!(read(&spelled), first, "{line}");
            }
        }
    }
    assert!(taken > 100, "{taken} lines were taken");
}

fn spelled(line: &str) -> String {
    let end = line.find([' ', '=']).unwrap_or(line.len());
    format!("{}{}", line[..end].to_uppercase(), &line[end..])
}

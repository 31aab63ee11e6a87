use super::*;
use crate::messages::{kex, transport as msg, userauth};
use crate::wire::{Message, Writer};
use std::string::{String, ToString};
use std::vec;

/// Name, offset and length of each field.
fn tiles(payload: &[u8], context: Context) -> Vec<(String, u64, u64)> {
    let shape = payload.first().and_then(|number| shape(*number, context));
    let fields = dissect(payload, shape.as_ref());
    let mut at = 0;
    let mut out = Vec::new();
    for field in &fields {
        let field = field.as_map().unwrap();
        assert_eq!(field.number("off"), at, "no gap and no overlap: {fields:?}");
        at += field.number("len");
        out.push((field.text("name").to_string(), field.number("off"), field.number("len")));
    }
    assert_eq!(at, u64::try_from(payload.len()).unwrap(), "{fields:?}");
    out
}

fn password_request() -> Vec<u8> {
    let mut payload = userauth::UserauthRequest::new(b"ann", b"ssh-connection", b"password", &[]);
    let _ = &mut payload;
    let mut bytes = payload.payload();
    let mut w = Writer::new(&mut bytes);
    w.boolean(true);
    w.string(b"hunter2");
    w.string(b"correct horse");
    bytes
}

fn contexts() -> Vec<Context> {
    let mut all = Vec::new();
    for family in [Family::Unknown, Family::Ecdh, Family::Dh, Family::GroupExchange] {
        for method in [
            AuthMethod::Other,
            AuthMethod::PublicKey,
            AuthMethod::Password,
            AuthMethod::Interactive,
        ] {
            all.push(Context { family, method });
        }
    }
    all
}

#[test]
fn fields_tile_whatever_comes() {
    let list = "a,b";
    let init =
        kex::KexInit::new([7; 16], list, list, list, list, list, list, list, list, "", "", true, 0);
    let payloads = [
        msg::Disconnect::new(2, b"why", b"en").payload(),
        msg::ExtInfo::new(1, b"\0\0\0\x01a\0\0\0\x02bc").payload(),
        init.payload(),
        kex::KexEcdhReply::new(b"key", b"share", b"signature").payload(),
        kex::KexDhGexGroup::new(&[0x80, 1], &[2]).payload(),
        userauth::UserauthInfoRequest::new(b"n", b"i", b"", 1, b"\0\0\0\x01p\x01").payload(),
        userauth::UserauthInfoResponse::new(1, b"\0\0\0\x01r").payload(),
        password_request(),
        vec![250, 1, 2, 3],
        vec![],
    ];
    for context in contexts() {
        for payload in &payloads {
            for cut in 0..=payload.len() {
                tiles(&payload[..cut], context);
                tiles(&[&payload[..cut], &[0xff; 9]].concat(), context);
            }
        }
    }
}

#[test]
fn fields_have_the_names_of_the_rfcs() {
    let names = |payload: &[u8], context| {
        tiles(payload, context).into_iter().map(|(name, ..)| name).collect::<Vec<_>>()
    };
    let none = Context::default();
    assert_eq!(
        names(&password_request(), none),
        [
            "message number",
            "user name",
            "service name",
            "method name",
            "new password follows",
            "plaintext password",
            "new password"
        ]
    );
    let ecdh = Context { family: Family::Ecdh, ..none };
    let reply = kex::KexEcdhReply::new(b"key", b"share", b"signature").payload();
    assert_eq!(names(&reply, ecdh), ["message number", "K_S", "Q_S", "signature of H"]);
    assert_eq!(names(&[250, 1], none), ["message number", "payload of an unknown message"]);
}

fn event(payload: &[u8], policy: Policy) -> Map {
    let shape =
        shape(payload[0], Context { method: AuthMethod::Interactive, ..Context::default() });
    let mut values = Map::new()
        .with("pad", 9u32)
        .with("payload_len", payload.len())
        .with("payload", Value::bytes(payload))
        .with("fields", dissect(payload, shape.as_ref()))
        .with("redacted", Vec::new());
    let redactor = Redactor::new(policy, [3; 32]);
    redactor.redact(&mut values);
    let once = values.clone();
    redactor.redact(&mut values);
    assert_eq!(values, once, "what is hidden stays as it is");
    values
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn passwords_are_gone_with_their_length() {
    let policy = Policy { secrets: false, names: true };
    let values = event(&password_request(), policy);
    let payload = values.bytes("payload");
    for marker in [&b"hunter2"[..], b"correct horse", b"ann"] {
        assert!(!contains(&payload, marker), "{marker:?}");
    }
    assert_eq!(values.get("pad"), Some(&Value::Null), "padding tells the length");
    let lengths: Vec<u64> =
        values.list("fields").iter().map(|field| field.as_map().unwrap().number("len")).collect();
    assert_eq!(lengths, [1, 7, 18, 12, 1, 4, 4]);
    assert_eq!(values.number("payload_len"), lengths.iter().sum::<u64>());
    let shown = event(&password_request(), Policy { secrets: true, names: false });
    assert_eq!(*shown.bytes("payload"), password_request());

    let answers = userauth::UserauthInfoResponse::new(2, b"\0\0\0\x03one\0\0\0\x03two").payload();
    let values = event(&answers, Policy::default());
    assert!(!contains(&values.bytes("payload"), b"one"));
    assert_eq!(values.number("payload_len"), 1 + 4 + 4 + 4);
    // What cannot be read is hidden as well.
    let broken = userauth::UserauthInfoResponse::new(2, b"\0\0\0\x09one").payload();
    assert!(!contains(&event(&broken, Policy::default()).bytes("payload"), b"one"));
}

/// A packet without encryption gives away in its bytes what its fields hide.
#[test]
fn what_is_hidden_is_not_on_the_wire_either() {
    let request = password_request();
    for (epoch, shown) in [(0u32, false), (1, true)] {
        let shape = shape(request[0], Context::default());
        let mut values = Map::new()
            .with("epoch", epoch)
            .with("wire", Value::bytes(&request))
            .with("payload", Value::bytes(&request))
            .with("fields", dissect(&request, shape.as_ref()));
        Redactor::new(Policy::default(), [3; 32]).redact(&mut values);
        assert_eq!(!values.bytes("wire").is_empty(), shown, "epoch {epoch}");
    }
}

#[test]
fn secrets_keep_a_mark_that_differs_by_trace() {
    let secret =
        || Map::new().with("secret", "k").with("len", 3u32).with("hex", Value::bytes(b"abc"));
    let mark = |key: u8| {
        let mut values = Map::new().with("key", secret());
        Redactor::new(Policy::default(), [key; 32]).redact(&mut values);
        let map = values.get("key").and_then(Value::as_map).unwrap().clone();
        assert!(map.get("hex").is_none());
        map.text("fingerprint").to_string()
    };
    assert_eq!(mark(1).len(), 16);
    assert_eq!(mark(1), mark(1));
    assert_ne!(mark(1), mark(2));
}

#[test]
fn hexadecimal_there_and_back() {
    let bytes: Vec<u8> = (0..=255).collect();
    let mut text = String::new();
    push_hex(&mut text, &bytes);
    assert_eq!(unhex(&text).as_deref(), Some(&bytes));
    assert!(text.ends_with("fdfeff") && unhex("0").is_none() && unhex("0G").is_none());
}

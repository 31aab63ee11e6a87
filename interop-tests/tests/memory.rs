//! What a peer makes a stack allocate, whatever it claims.
//!
//! One test in a process of its own: memory is counted for the whole process.

#![forbid(unsafe_code)]

use peak_alloc::PeakAlloc;
use std::time::Duration;
use tssh_connection::messages::{ChannelData, ChannelOpen, GlobalRequestMsg};
use tssh_connection::{OpenKind, Stream, limits};
use tssh_interop_tests::hostile::fight::{Fight, MODES, SIDES, Setup, undecided};
use tssh_interop_tests::hostile::raw::Raw;
use tssh_transport::compression::Deflater;
use tssh_transport::messages::transport::{
    Debug, ExtInfo, Ignore, Ping, ServiceAccept, ServiceRequest,
};
use tssh_transport::messages::userauth::{
    UserauthBanner, UserauthInfoRequest, UserauthInfoResponse, UserauthRequest,
};
use tssh_transport::wire::{Message, Writer};
use tssh_transport::{Side, Timestamp};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A connection before the login, the hostile peer beside it included.
const BEFORE_LOGIN_MAX: usize = 1 << 20;
/// What one packet may add: a packet of the largest size and a window.
const AT_ONCE_MAX: usize = 256 * 1024 + limits::WINDOW_FIRST_BYTES as usize;
/// Before the login there are no windows: the largest packet, or what may wait to be sent; the
/// buffer for either doubles when it grows.
const AT_ONCE_BEFORE_LOGIN_MAX: usize = 2 * 256 * 1024 + 64 * 1024;

/// The most memory at a time that `f` takes beyond what was in use.
fn taken_by<T>(f: impl FnOnce() -> T) -> (T, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = f();
    (result, MEMORY.peak_usage().saturating_sub(before))
}

/// Sends again and again, until the stack has enough of it, and looks at what each costs.
fn flood(fight: &mut Fight, name: &str, most: usize, payload: &[u8]) {
    // A few dozen of the large ones; small ones until they are as much.
    for n in 0..(16 << 20) / (payload.len() + 10_000) {
        let packet = fight.raw.packet(payload);
        let (outcome, taken) = taken_by(|| fight.feed(&packet));
        fight.events.clear();
        fight.raw.payloads.clear();
        assert!(taken <= most, "{name}: {taken} bytes at once, the {n}th time");
        if outcome.is_err() || !fight.victim.wants_read() {
            return;
        }
    }
}

/// A request to log in by a method with these fields.
fn request(method: &[u8], fields: &[u8]) -> Vec<u8> {
    UserauthRequest::new(b"somebody", b"ssh-connection", method, fields).payload()
}

/// Strings of a length, or of a length that is claimed.
fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).string(bytes);
    out
}

/// Messages before the login that are as large as they may be, or claim to be larger.
fn greedy(side: Side) -> Vec<(&'static str, Vec<u8>)> {
    let large = vec![b'x'; 34_000];
    let claim = u32::MAX.to_be_bytes();
    let mut all = vec![
        ("ignore", Ignore::new(&large).payload()),
        ("debug", Debug::new(true, &large, b"").payload()),
        ("ping", Ping::new(&large[..32_000]).payload()),
        ("small pings", Ping::new(&[0; 16]).payload()),
        ("unknown", [&[200], &large[..]].concat()),
        ("infobomb", ExtInfo::new(u32::MAX, &string(&large)).payload()),
        ("ext-info", ExtInfo::new(1, &[string(b"x"), string(&large[..30_000])].concat()).payload()),
        ("claimed string", [&[2], &claim[..]].concat()),
    ];
    if side.is_client() {
        let prompts = [string(b"Password: "), vec![0]].concat().repeat(1500);
        all.extend([
            ("banner", UserauthBanner::new(&large, b"").payload()),
            ("prompts", UserauthInfoRequest::new(b"", b"", b"", 1500, &prompts).payload()),
            ("claimed prompts", UserauthInfoRequest::new(b"", b"", b"", u32::MAX, b"").payload()),
            ("methods", [&[51][..], &string(&large), &[0]].concat()),
        ]);
    } else {
        let keys = |blob: &[u8]| [&[0][..], &string(b"ssh-ed25519"), &string(blob)].concat();
        all.extend([
            ("services", ServiceRequest::new(b"ssh-userauth").payload()),
            ("user", UserauthRequest::new(&large, b"ssh-connection", b"none", b"").payload()),
            ("method", request(&large, b"")),
            ("key", request(b"publickey", &keys(&large[..30_000]))),
            ("password", request(b"password", &[&[0][..], &string(&large[..30_000])].concat())),
            ("mechanisms", request(b"gssapi-with-mic", &claim)),
            ("responses", UserauthInfoResponse::new(1 << 28, b"").payload()),
        ]);
    }
    all
}

/// Every way to a state before the login, and everything greedy in it.
fn before_login(side: Side) {
    for (name, payload) in greedy(side) {
        for deaf in [false, true] {
            let whole = || {
                let mut fight = Fight::exchanged(&Setup { answers: undecided, ..Setup::new(side) });
                match side {
                    Side::Server => fight.say(&ServiceRequest::new(b"ssh-userauth")),
                    Side::Client => fight.say(&ServiceAccept::new(b"ssh-userauth")),
                }
                .expect("the service");
                fight.deaf = deaf;
                flood(&mut fight, name, AT_ONCE_BEFORE_LOGIN_MAX, &payload);
            };
            let ((), taken) = taken_by(whole);
            println!("{side:?} before login, {name}, deaf {deaf}: {} KiB", taken / 1024);
            assert!(taken <= BEFORE_LOGIN_MAX, "{name}: {taken} bytes");
        }
    }
    let greetings: [(&str, Vec<u8>); 4] = [
        ("lines", b"x\r\n".repeat(1024)),
        ("long lines", [vec![b'x'; 8000], b"\r\n".to_vec()].concat().repeat(20)),
        ("no end", vec![b'x'; 1 << 18]),
        ("a claimed length", [Raw::hello(), vec![0, 0, 0x88, 0xb0]].concat()),
    ];
    for (name, bytes) in greetings {
        let ((), taken) = taken_by(|| {
            let mut fight = Fight::new(&Setup::new(side));
            // As a driver does: no more than it reads at once.
            for piece in bytes.chunks(64 * 1024) {
                if fight.feed(piece).is_err() {
                    break;
                }
            }
        });
        println!("{side:?} greeting, {name}: {} KiB", taken / 1024);
        assert!(taken <= BEFORE_LOGIN_MAX, "{name}: {taken} bytes");
    }
    exchanges(side);
}

/// Shares and lists of the largest size.
fn exchanges(side: Side) {
    let number = if side.is_client() { 31 } else { 30 };
    let share = [&[number][..], &string(&[9; 34_000])].concat();
    let mut lists = vec![20; 17];
    lists.extend(string("x,".repeat(17_000).trim_end_matches(',').as_bytes()));
    for (name, payload) in [("lists", lists), ("share", share)] {
        let ((), taken) = taken_by(|| {
            let mut fight = Fight::new(&Setup::new(side));
            fight.feed(&Raw::hello()).expect("a greeting");
            if name == "share" {
                let kexinit = fight.raw.kexinit();
                fight.send(&kexinit).expect("an offer");
            }
            assert!(fight.send(&payload).is_err());
        });
        println!("{side:?} exchange, {name}: {} KiB", taken / 1024);
        assert!(taken <= BEFORE_LOGIN_MAX, "{name}: {taken} bytes");
    }
}

/// After the login: packets of the largest size in every mode, windows that nobody empties, and
/// what inflates.
fn after_login(side: Side) {
    for mode in MODES {
        let mut fight = Fight::connected_as(&Setup { mode, ..Setup::new(side) });
        let large = vec![0; 255 * 1024];
        flood(&mut fight, "ignore", AT_ONCE_MAX, &Ignore::new(&large).payload());
        flood(&mut fight, "ping", AT_ONCE_MAX, &Ping::new(&large).payload());
        let request = GlobalRequestMsg::new(&large, true, b"").payload();
        flood(&mut fight, "request", AT_ONCE_MAX, &request);
        let open = ChannelOpen::new(&large, 1, u32::MAX, u32::MAX, b"").payload();
        flood(&mut fight, "open", AT_ONCE_MAX, &open);
    }
    let mut fight = Fight::connected(side);
    let kind = OpenKind::DirectStreamlocal { path: "/x".to_owned() };
    let (channel, _) = fight.channel(&kind, u32::MAX, u32::MAX);
    fight.accepts = 0;
    let data = ChannelData::new(channel.number(), &[0; 32_768]).payload();
    flood(&mut fight, "data that nobody takes", AT_ONCE_MAX, &data);
    let held = fight.victim.ring(channel, Stream::Data).len();
    assert!(held <= limits::WINDOW_FIRST_BYTES as usize, "{held}");

    let mut fight =
        Fight::exchanged(&Setup { compression: "zlib@openssh.com", ..Setup::new(side) });
    fight.log_in();
    fight.deaf = true;
    let mut packed = Vec::new();
    let bomb = Ignore::new(&vec![0; 8 << 20]).payload();
    Deflater::new().deflate(&bomb, &mut packed).expect("it deflates");
    drop(bomb);
    let packet = fight.raw.packet(&packed);
    let (outcome, taken) = taken_by(|| fight.feed(&packet));
    assert!(outcome.is_err());
    assert!(taken <= AT_ONCE_MAX, "a bomb: {taken} bytes");
}

/// While the stack waits for the peer's part of a key exchange nothing piles up.
fn in_a_key_exchange(side: Side) {
    for (name, payload) in [
        ("pings", Ping::new(&[0; 1000]).payload()),
        ("requests", GlobalRequestMsg::new(b"x", true, &[0; 30_000]).payload()),
        ("opens", ChannelOpen::new(b"x", 1, 1, 1, &[0; 30_000]).payload()),
    ] {
        let mut fight = Fight::connected(side);
        fight.now = Timestamp::default().after(Duration::from_secs(1));
        fight.victim.request_rekey();
        fight.run().expect("it begins");
        let ((), taken) = taken_by(|| {
            for _ in 0..10_000 {
                if fight.send(&payload).is_err() {
                    return;
                }
                fight.events.clear();
            }
        });
        println!("{side:?} in a key exchange, {name}: {} KiB", taken / 1024);
        assert!(taken <= BEFORE_LOGIN_MAX, "{name}: {taken} bytes");
    }
}

#[test]
fn memory_follows_what_came_and_not_what_was_claimed() {
    for side in SIDES {
        before_login(side);
        after_login(side);
        in_a_key_exchange(side);
    }
}

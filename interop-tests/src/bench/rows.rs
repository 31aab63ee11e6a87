//! Everything that is measured.

use super::bulk::{self, Bulk};
use super::peers::{Algorithms, Dialect, Forward, Pair};
use super::report::NOT_APPLICABLE;
use super::target::Way;
use super::tunnel::Manner;
use super::wire::Length;
use super::{Sample, many, ping, start};
use std::time::Duration;

/// A piece of work with a name, such as `bulk/L/up/1/aes128-gcm`.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// How tunnels are made for it.
    pub manner: Manner,
    /// What is done.
    pub work: Work,
}

/// What is done in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// Bulk data.
    Bulk(Bulk),
    /// Pings, beside bulk data where a way is given.
    Ping(Option<Way>),
    /// So many short connections, so many at once.
    Short(u64, u64),
    /// So many connections that stay.
    Kept(u64),
    /// A tunnel that does nothing.
    Idle,
    /// So many logins, each with a remote `true`.
    Login(u32),
    /// The first byte through a forward.
    FirstByte,
}

impl Row {
    /// Does it once.
    ///
    /// # Errors
    /// What went wrong, or cannot be asked of this pair.
    pub fn once(&self, pair: &Pair) -> Result<Sample, String> {
        // It shows what several connections on one stream cost, and what a cipher adds to a ping;
        // one connection's bulk data is compared with the relay and a cipher beside it.
        let as_trunk = matches!(
            self.work,
            Work::Bulk(Bulk { streams: 2.., .. }) | Work::Short(_, 2..) | Work::Ping(None)
        );
        if pair.client.dialect == Dialect::Trunk && (!as_trunk || self.manner.wire.is_some()) {
            return Err(NOT_APPLICABLE.to_owned());
        }
        match self.work {
            Work::Bulk(bulk) => bulk::measure(pair, &self.manner, bulk),
            Work::Ping(beside) => ping::measure(pair, &self.manner, beside),
            Work::Short(count, at_once) => many::short(pair, &self.manner, count, at_once),
            Work::Kept(count) => many::kept(pair, &self.manner, count),
            Work::Idle => many::idle(pair, &self.manner),
            Work::Login(logins) => start::login(pair, &self.manner, logins),
            Work::FirstByte => start::first_byte(pair, &self.manner),
        }
    }
}

const GCM: (&str, Algorithms) = ("aes128-gcm", of_cipher("aes128-gcm@openssh.com"));
const CHACHA: (&str, Algorithms) = ("chacha20", of_cipher("chacha20-poly1305@openssh.com"));
const GCM_256: (&str, Algorithms) = ("aes256-gcm", of_cipher("aes256-gcm@openssh.com"));
const CTR: (&str, Algorithms) = (
    "aes256-ctr",
    Algorithms {
        kex: None,
        cipher: Some("aes256-ctr"),
        mac: Some("hmac-sha2-256-etm@openssh.com"),
    },
);
const DEFAULT: (&str, Algorithms) = ("default", Algorithms { kex: None, cipher: None, mac: None });
/// Starts are compared with a cipher that all have, so that the key exchange makes the difference.
const KEXES: [(&str, &str); 4] = [
    ("curve25519", "curve25519-sha256"),
    ("sntrup761", "sntrup761x25519-sha512@openssh.com"),
    ("mlkem768", "mlkem768x25519-sha256"),
    ("nistp256", "ecdh-sha2-nistp256"),
];
const LOGINS: u32 = 6;

const fn of_cipher(cipher: &'static str) -> Algorithms {
    Algorithms { kex: None, cipher: Some(cipher), mac: None }
}

/// Every row, with so many bytes of bulk data and wires of this length.
#[must_use]
pub fn all(bytes: u64, length: Length) -> Vec<Row> {
    let mut rows = Rows { list: Vec::new(), bytes };
    for cipher in [GCM, CHACHA] {
        for way in [Way::Up, Way::Down, Way::Both] {
            for streams in [1, 8] {
                rows.bulk(Forward::Local, way, streams, cipher);
            }
        }
    }
    for cipher in [DEFAULT, GCM_256, CTR] {
        for way in [Way::Up, Way::Down] {
            rows.bulk(Forward::Local, way, 1, cipher);
        }
    }
    for forward in [Forward::Remote, Forward::Dynamic] {
        for way in [Way::Up, Way::Down] {
            for streams in [1, 8] {
                rows.bulk(forward, way, streams, GCM);
            }
        }
    }
    rows.local("ping/idle", GCM, Work::Ping(None));
    rows.local("ping/up", GCM, Work::Ping(Some(Way::Up)));
    rows.local("ping/down", GCM, Work::Ping(Some(Way::Down)));
    rows.local("many/short/1", GCM, Work::Short(1000, 1));
    rows.local("many/short/64", GCM, Work::Short(4000, 64));
    rows.local("many/kept/1000", GCM, Work::Kept(1000));
    rows.local("many/kept/5000", GCM, Work::Kept(5000));
    rows.local("idle", GCM, Work::Idle);
    for (name, kex) in KEXES {
        let algorithms = Algorithms { kex: Some(kex), ..GCM.1 };
        rows.local(&format!("start/true/{name}"), ("", algorithms), Work::Login(LOGINS));
        rows.local(&format!("start/byte/{name}"), ("", algorithms), Work::FirstByte);
    }
    rows.local("start/true/default", ("", DEFAULT.1), Work::Login(LOGINS));
    rows.wires(length);
    rows.list
}

struct Rows {
    list: Vec<Row>,
    bytes: u64,
}

impl Rows {
    fn add(&mut self, name: String, forward: Forward, algorithms: Algorithms, work: Work) {
        let manner = Manner { forward, algorithms, wire: None };
        self.list.push(Row { name, manner, work });
    }

    fn local(&mut self, name: &str, cipher: (&str, Algorithms), work: Work) {
        self.add(name.to_owned(), Forward::Local, cipher.1, work);
    }

    fn bulk(&mut self, forward: Forward, way: Way, streams: u64, cipher: (&str, Algorithms)) {
        let name = format!("bulk/{}/{}/{streams}/{}", forward.letter(), way.name(), cipher.0);
        let work = Work::Bulk(Bulk { way, streams, bytes: self.bytes });
        self.add(name, forward, cipher.1, work);
    }

    /// What depends on round trips: with curve25519, as all have it.
    fn wires(&mut self, length: Length) {
        let algorithms = Algorithms { kex: Some("curve25519-sha256"), ..GCM.1 };
        let mut add = |name: String, work| {
            let manner = Manner { forward: Forward::Local, algorithms, wire: Some(length) };
            self.list.push(Row { name, manner, work });
        };
        add("wire/byte".to_owned(), Work::FirstByte);
        add("wire/true".to_owned(), Work::Login(1));
        for way in [Way::Up, Way::Down] {
            for streams in [1, 8] {
                let work = Work::Bulk(Bulk { way, streams, bytes: self.bytes });
                add(format!("wire/bulk/{}/{streams}", way.name()), work);
            }
        }
    }
}

/// The wire that rows have unless another is asked for: 50 ms, 1 Gbit/s.
#[must_use]
pub const fn usual_wire() -> Length {
    Length { rtt: Duration::from_millis(50), bits_per_second: 1e9 }
}

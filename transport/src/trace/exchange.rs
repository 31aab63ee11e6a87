//! The events of a key exchange: everything that the exchange hash covers, and what came of it.

use super::{Kind, Map, Tracer, Value};
use crate::kex::exchange_hash::HashInputs;
use crate::kex::method::{HashAlgorithm, Method};
use crate::wire::Writer;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// What an exchange leaves for a tracer.
#[derive(Default)]
pub struct KexWatch {
    /// Whether the private value is wanted: it is a secret that would otherwise not be kept.
    pub wants_scalar: bool,
    /// The client's ephemeral private value, where the method has one that is a number.
    pub scalar: Option<Zeroizing<Vec<u8>>>,
    /// The exchange, once its keys are derived.
    pub report: Option<KexReport>,
}

/// An input of the exchange hash.
pub struct HashInput {
    /// Its name in the RFC.
    pub name: &'static str,
    /// How it is encoded.
    pub kind: &'static str,
    /// As it enters the hash.
    pub encoded: Vec<u8>,
}

/// One derived key.
pub struct DerivedKey {
    /// RFC 4253 section 7.2: 'A' to 'F'.
    pub letter: u8,
    /// Its bytes.
    pub key: Zeroizing<Vec<u8>>,
}

/// One exchange.
pub struct KexReport {
    /// The method.
    pub method: &'static str,
    /// Its hash.
    pub hash: HashAlgorithm,
    /// What the hash covers before K, in order.
    pub inputs: Vec<HashInput>,
    /// K as it enters the hash.
    pub k: Zeroizing<Vec<u8>>,
    /// How K is encoded.
    pub k_kind: &'static str,
    /// The exchange hash.
    pub h: Vec<u8>,
    /// The session identifier.
    pub session_id: Vec<u8>,
    /// Whether this H became it.
    pub first: bool,
    /// The six keys.
    pub keys: Vec<DerivedKey>,
    /// Cookie of the client's KEXINIT.
    pub cookie: Vec<u8>,
}

impl KexReport {
    pub(crate) fn new(
        method: &'static Method,
        hashed: &HashInputs<'_>,
        h: &[u8],
        session_id: &[u8],
        mut keys: Vec<DerivedKey>,
    ) -> Self {
        let mut inputs = Vec::new();
        hashed.each(|name, input| {
            let mut encoded = Vec::new();
            input.encode(&mut Writer::new(&mut encoded));
            inputs.push(HashInput { name, kind: input.kind(), encoded });
        });
        keys.sort_by_key(|key| key.letter);
        Self {
            method: method.name,
            hash: method.hash,
            inputs,
            k: hashed.k.0.clone(),
            // The hybrids, which are those that withstand a quantum computer, have a hash as K.
            k_kind: if method.post_quantum { "string" } else { "mpint" },
            h: h.to_vec(),
            session_id: session_id.to_vec(),
            first: false,
            keys,
            // Behind the message number.
            cookie: hashed.i_c.get(1..17).unwrap_or_default().to_vec(),
        }
    }
}

/// What a key log has of an exchange; Wireshark and others read it.
pub struct KeyLog {
    /// Cookie of the client's KEXINIT.
    pub cookie: Vec<u8>,
    /// The client's private value, where there is one.
    pub scalar: Option<Zeroizing<Vec<u8>>>,
    /// K without its length field, and without the sign byte of an mpint.
    pub k: Zeroizing<Vec<u8>>,
}

impl KeyLog {
    /// Of K as it enters the exchange hash. Of a number the zero bytes in front are left out, which
    /// Wireshark would not take off; a string, which the hybrids have, is as long as it is.
    #[must_use]
    pub fn new(
        cookie: Vec<u8>,
        scalar: Option<Zeroizing<Vec<u8>>>,
        encoded: &[u8],
        kind: &str,
    ) -> Self {
        let content = encoded.get(4..).unwrap_or_default();
        let number = kind == "mpint";
        let zeros = content.iter().take_while(|byte| number && **byte == 0).count();
        let k = Zeroizing::new(content.get(zeros..).unwrap_or_default().to_vec());
        Self { cookie, scalar, k }
    }
}

/// Name and formula of a derived key.
const fn purpose(letter: u8) -> (&'static str, &'static str) {
    match letter {
        b'A' => ("c2s", "initial IV"),
        b'B' => ("s2c", "initial IV"),
        b'C' => ("c2s", "encryption key"),
        b'D' => ("s2c", "encryption key"),
        b'E' => ("c2s", "integrity key"),
        _ => ("s2c", "integrity key"),
    }
}

const fn hash_name(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha256 => "SHA-256",
        HashAlgorithm::Sha384 => "SHA-384",
        HashAlgorithm::Sha512 => "SHA-512",
    }
}

/// A secret: redaction leaves its length and a fingerprint of it.
fn secret(what: &'static str, bytes: &[u8]) -> Map {
    Map::new().with("secret", what).with("len", bytes.len()).with("hex", Value::bytes(bytes))
}

/// How a key comes from K and H: more than one hash's worth is chained.
fn formula(letter: u8, len: usize, hash: HashAlgorithm) -> String {
    let first = format!("HASH(K || H || \"{}\" || session_id)", char::from(letter));
    if len <= hash.len() {
        return format!("first {len} bytes of {first}");
    }
    format!("first {len} bytes of K1 || K2 ..., K1 = {first}, K2 = HASH(K || H || K1)")
}

impl Tracer {
    /// The keys of an exchange are derived. Called before NEWKEYS is sent.
    pub(crate) fn derived(&mut self, watch: &mut KexWatch) {
        let scalar = watch.scalar.take();
        let Some(report) = watch.report.take() else {
            watch.scalar = scalar;
            return;
        };
        if let Some(keylog) = &mut self.keylog {
            let cookie = report.cookie.clone();
            keylog(&KeyLog::new(cookie, scalar.clone(), &report.k, report.k_kind));
        }
        if self.sink.is_none() {
            return;
        }
        self.emit(Kind::Kex, kex(&report, scalar.as_ref().map(|scalar| &***scalar)));
        for key in &report.keys {
            self.emit(Kind::Key, key_event(key, report.hash));
        }
    }
}

fn kex(report: &KexReport, scalar: Option<&[u8]>) -> Map {
    let mut inputs: Vec<Value> = Vec::new();
    for input in &report.inputs {
        let map = Map::new()
            .with("name", input.name)
            .with("type", input.kind)
            .with("len", input.encoded.len())
            .with("bytes", Value::bytes(&input.encoded));
        inputs.push(map.into());
    }
    let k = secret("shared secret", &report.k).with("name", "K").with("type", report.k_kind);
    inputs.push(k.into());
    Map::new()
        .with("method", report.method)
        .with("hash", hash_name(report.hash))
        .with("first", report.first)
        .with("cookie", Value::bytes(&report.cookie))
        .with("inputs", inputs)
        .with("h", Value::bytes(&report.h))
        .with("session_id", Value::bytes(&report.session_id))
        .with("scalar", scalar.map(|scalar| secret("the client's private value", scalar)))
        .with("rfc", "4253#8")
}

fn key_event(key: &DerivedKey, hash: HashAlgorithm) -> Map {
    let (dir, name) = purpose(key.letter);
    let len = key.key.len();
    let formula =
        if len == 0 { String::from("not needed") } else { formula(key.letter, len, hash) };
    Map::new()
        .with("letter", String::from(char::from(key.letter)))
        .with("dir", dir)
        .with("name", name)
        .with("hash", hash_name(hash))
        .with("formula", formula)
        .with("key", secret(name, &key.key))
        .with("rfc", "4253#7.2")
}

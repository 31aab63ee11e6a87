//! What a trace does not show: passwords, keys, data and commands are taken out before anybody
//! can see them, unless secrets were asked for.

use super::fields::Class;
use super::value::{Map, Value};
use crate::kex::method::HashAlgorithm;
use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// Bytes of a fingerprint of a secret: enough to tell two apart, too few to look one up.
const FINGERPRINT_BYTES: usize = 8;
/// Longest payload there can be; a trace from elsewhere may claim anything.
const PAYLOAD_BYTES_MAX: usize = 512 * 1024;
/// The length field of a string.
const LENGTH_BYTES: usize = 4;

/// What is taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Secrets are shown.
    pub secrets: bool,
    /// Names of users, hosts and files are hidden too.
    pub names: bool,
}

impl Policy {
    /// Whether what is of that class is hidden.
    #[must_use]
    pub fn hides(self, class: &str) -> bool {
        if class == Class::Name.name() { self.names } else { !self.secrets }
    }
}

/// Takes secrets out of events.
#[derive(Clone)]
pub struct Redactor {
    policy: Policy,
    /// Never written anywhere, so that a fingerprint cannot be compared with a guess.
    key: Zeroizing<[u8; 32]>,
}

impl core::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Redactor({:?})", self.policy)
    }
}

impl Redactor {
    /// By this policy; `key` is random and for this trace only.
    #[must_use]
    pub fn new(policy: Policy, key: [u8; 32]) -> Self {
        Self { policy, key: Zeroizing::new(key) }
    }

    /// What it takes out.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// Takes everything out of an event's values that the policy hides. What is hidden already
    /// stays as it is.
    pub fn redact(&self, values: &mut Map) {
        if values.get("fields").is_some() {
            self.packet(values);
        }
        self.map(values);
    }

    fn map(&self, map: &mut Map) {
        if map.get("secret").is_some()
            && !self.policy.secrets
            && let Some(bytes) = map.remove("hex").as_ref().and_then(Value::as_bytes)
        {
            map.set("fingerprint", self.fingerprint(&bytes));
        }
        if map.get("class").is_some() && self.policy.hides(map.text("class")) {
            map.set("value", Value::Null);
        }
        for value in map.values_mut() {
            self.value(value);
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::Map(map) => self.map(map),
            Value::List(list) => list.iter_mut().for_each(|value| self.value(value)),
            _ => {}
        }
    }

    fn fingerprint(&self, secret: &[u8]) -> String {
        let digest = HashAlgorithm::Sha256.digest(&[&*self.key, secret, &*self.key]);
        let mut text = String::new();
        let digest = digest.get(..FINGERPRINT_BYTES).unwrap_or_default();
        super::value::push_hex(&mut text, digest);
        text
    }

    /// Hides fields of a packet: zero bytes stand for them in the payload, nothing at all at its
    /// end. Of passwords not even the length is left: they look as if they were empty, and the
    /// padding, which would tell it, is hidden as well.
    fn packet(&self, values: &mut Map) {
        let payload = values.bytes("payload");
        let mut shown = Shown::default();
        let mut classes: Vec<Value> = values.list("redacted").to_vec();
        let mut length_hidden = false;
        let Some(Value::List(fields)) = values.get_mut("fields") else { return };
        for field in fields.iter_mut() {
            let Value::Map(field) = field else { continue };
            let (off, len) = (index(field.number("off")), index(field.number("len")));
            // The end of what was hidden before is not there any more.
            let end = off.saturating_add(len).min(payload.len());
            let bytes = payload.get(off..end).unwrap_or_default();
            let class = field.text("class");
            if class.is_empty() || !self.policy.hides(class) {
                field.set("off", shown.len());
                shown.bytes(bytes, len);
                continue;
            }
            let secret_length = class == Class::Password.name();
            let named = Value::from(String::from(class));
            if !classes.contains(&named) {
                classes.push(named);
            }
            let prefixed = matches!(field.text("type"), "string" | "name-list" | "mpint");
            let head = if prefixed { LENGTH_BYTES.min(len) } else { 0 };
            let kept = if secret_length { head } else { len };
            length_hidden |= secret_length;
            field.set("off", shown.len());
            field.set("len", kept);
            field.set("value", Value::Null);
            let prefix = bytes.get(..head).unwrap_or_default();
            shown.hidden(if secret_length { &[] } else { prefix }, head, kept);
        }
        // A field whose length is hidden may have none left.
        fields.retain(|field| field.as_map().is_none_or(|field| field.number("len") > 0));
        if classes.is_empty() {
            return;
        }
        values.set("payload_len", shown.len());
        values.set("payload", Value::Bytes(shown.cut()));
        values.set("redacted", classes);
        if length_hidden {
            values.set("pad", Value::Null);
        }
        // Before the first keys the bytes of the wire are those of the payload.
        if values.get("epoch").and_then(Value::as_number) == Some(0) {
            values.set("wire", Value::bytes(&[]));
        }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The payload that may be seen.
#[derive(Default)]
struct Shown {
    bytes: Zeroizing<Vec<u8>>,
    /// Up to here something is to be seen.
    seen: usize,
}

impl Shown {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    /// `len` bytes that may be seen; those that are missing were hidden before.
    fn bytes(&mut self, bytes: &[u8], len: usize) {
        let end = self.bytes.len().saturating_add(len).min(PAYLOAD_BYTES_MAX);
        self.bytes.extend_from_slice(bytes);
        self.seen = self.bytes.len();
        self.bytes.resize(end, 0);
    }

    /// `len` bytes, of which only the length field in front, `head` bytes, is seen.
    fn hidden(&mut self, prefix: &[u8], head: usize, len: usize) {
        self.bytes(prefix, head);
        self.seen = self.bytes.len();
        let end = self.bytes.len().saturating_add(len.saturating_sub(head));
        self.bytes.resize(end.min(PAYLOAD_BYTES_MAX), 0);
    }

    fn cut(mut self) -> Zeroizing<Vec<u8>> {
        self.bytes.truncate(self.seen);
        self.bytes
    }
}

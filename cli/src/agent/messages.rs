//! The messages of the agent protocol (draft-ietf-sshm-ssh-agent) that a client needs.

use crate::limits::{AGENT_FRAME_BYTES_MAX, AGENT_KEYS_MAX};
use tssh_transport::wire::{Reader, WireError, Writer};
use zeroize::Zeroizing;

const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const ADD_IDENTITY: u8 = 17;
const ADD_ID_CONSTRAINED: u8 = 25;
const CONSTRAIN_LIFETIME: u8 = 1;
const CONSTRAIN_CONFIRM: u8 = 2;
const SIGN_RESPONSE: u8 = 14;
const EXTENSION: u8 = 27;

/// What an agent is shown of a connection to a host: proof that the host's key signed the
/// connection's session identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionBinding {
    /// Blob of the host key.
    pub host_key: Vec<u8>,
    /// Session identifier, RFC 4253 section 7.2.
    pub session_id: Vec<u8>,
    /// The host key's signature over it, from the first key exchange.
    pub signature: Vec<u8>,
}

/// SSH_AGENT_RSA_SHA2_256 and SSH_AGENT_RSA_SHA2_512: without one of them an agent signs with
/// SHA-1, which nobody accepts any more.
const FLAG_RSA_SHA2_256: u32 = 2;
const FLAG_RSA_SHA2_512: u32 = 4;

/// A key that an agent holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentKey {
    /// Key blob.
    pub blob: Vec<u8>,
    /// Comment, as the agent gave it: not yet fit for a terminal.
    pub comment: Vec<u8>,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerFault {
    /// The agent said no: it is locked, lacks the key, or its user refused.
    Refused,
    /// An answer of another kind.
    Unexpected(u8),
    /// A field that cannot be read.
    Wire(WireError),
    /// More keys than anybody holds.
    TooManyKeys(u32),
}

impl std::fmt::Display for AnswerFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("agent refused operation"),
            Self::Unexpected(number) => write!(f, "unexpected answer of type {number}"),
            Self::Wire(error) => write!(f, "malformed answer: {error}"),
            Self::TooManyKeys(n) => write!(f, "{n} keys are more than {AGENT_KEYS_MAX}"),
        }
    }
}

impl From<WireError> for AnswerFault {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// A frame that asks for the list of keys.
#[must_use]
pub fn request_identities() -> Vec<u8> {
    frame(&[REQUEST_IDENTITIES])
}

/// Reads the list of keys.
///
/// # Errors
/// See [`AnswerFault`].
pub fn identities(payload: &[u8]) -> Result<Vec<AgentKey>, AnswerFault> {
    let mut r = answer(payload, IDENTITIES_ANSWER)?;
    let n = r.uint32("nkeys")?;
    // Bounded before anything is reserved; each key must also be present to be counted.
    if usize::try_from(n).is_ok_and(|n| n > AGENT_KEYS_MAX) {
        return Err(AnswerFault::TooManyKeys(n));
    }
    let mut keys = Vec::new();
    for _ in 0..n {
        let blob = r.string("key blob")?.to_vec();
        let comment = r.string("comment")?.to_vec();
        keys.push(AgentKey { blob, comment });
    }
    r.end()?;
    Ok(keys)
}

/// A frame that asks for a signature; nothing when it would not fit.
#[must_use]
pub fn sign_request(blob: &[u8], data: &[u8], algorithm: &str) -> Option<Vec<u8>> {
    let mut payload = vec![SIGN_REQUEST];
    let mut w = Writer::new(&mut payload);
    w.string(blob);
    w.string(data);
    w.uint32(match algorithm {
        "rsa-sha2-256" => FLAG_RSA_SHA2_256,
        "rsa-sha2-512" => FLAG_RSA_SHA2_512,
        _ => 0,
    });
    (payload.len() <= AGENT_FRAME_BYTES_MAX).then(|| frame(&payload))
}

/// Reads a signature blob.
///
/// # Errors
/// See [`AnswerFault`].
pub fn signature(payload: &[u8]) -> Result<Vec<u8>, AnswerFault> {
    let mut r = answer(payload, SIGN_RESPONSE)?;
    let signature = r.string("signature")?.to_vec();
    r.end()?;
    Ok(signature)
}

/// For how long, and how freely, an agent may use a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Constraints {
    /// Seconds until the agent forgets it.
    pub lifetime: Option<u32>,
    /// Each use is asked about.
    pub confirm: bool,
}

/// A frame that gives the agent a key; `fields` are those of
/// [`PrivateKey::agent_fields`](tssh_transport::key::PrivateKey::agent_fields).
#[must_use]
pub fn add_identity(fields: &[u8], comment: &str, constraints: Constraints) -> Zeroizing<Vec<u8>> {
    let room = fields.len() + comment.len() + 32;
    let mut payload = Zeroizing::new(Vec::with_capacity(room));
    let constrained = constraints != Constraints::default();
    payload.push(if constrained { ADD_ID_CONSTRAINED } else { ADD_IDENTITY });
    let mut w = Writer::new(&mut payload);
    w.bytes(fields);
    w.string(comment.as_bytes());
    if let Some(seconds) = constraints.lifetime {
        w.byte(CONSTRAIN_LIFETIME);
        w.uint32(seconds);
    }
    if constraints.confirm {
        w.byte(CONSTRAIN_CONFIRM);
    }
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    Writer::new(&mut out).string(&payload);
    out
}

/// A frame that tells the agent to which host this connection of its belongs:
/// `session-bind@openssh.com`, so that it can hold to the destinations that its keys are
/// restricted to. `forwarding` where others than ourselves will speak on it.
#[must_use]
pub fn session_bind(binding: &SessionBinding, forwarding: bool) -> Vec<u8> {
    let mut payload = vec![EXTENSION];
    let mut w = Writer::new(&mut payload);
    w.string(b"session-bind@openssh.com");
    w.string(&binding.host_key);
    w.string(&binding.session_id);
    w.string(&binding.signature);
    w.boolean(forwarding);
    frame(&payload)
}

/// Reads the answer to a request that yields nothing.
///
/// # Errors
/// See [`AnswerFault`].
pub fn success(payload: &[u8]) -> Result<(), AnswerFault> {
    Ok(answer(payload, SUCCESS)?.end()?)
}

fn answer(payload: &[u8], expected: u8) -> Result<Reader<'_>, AnswerFault> {
    let mut r = Reader::new(payload);
    match r.byte("message type")? {
        number if number == expected => Ok(r),
        FAILURE => Err(AnswerFault::Refused),
        other => Err(AnswerFault::Unexpected(other)),
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).string(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(keys: &[(&[u8], &[u8])], claimed: u32) -> Vec<u8> {
        let mut payload = vec![IDENTITIES_ANSWER];
        let mut w = Writer::new(&mut payload);
        w.uint32(claimed);
        for (blob, comment) in keys {
            w.string(blob);
            w.string(comment);
        }
        payload
    }

    #[test]
    fn a_list_is_read_to_the_last_byte() {
        let good = list(&[(b"blob", b"comment"), (b"b2", b"")], 2);
        let keys = identities(&good).unwrap();
        assert_eq!(keys[0], AgentKey { blob: b"blob".to_vec(), comment: b"comment".to_vec() });
        for n in 0..good.len() {
            assert!(identities(&good[..n]).is_err(), "cut to {n} bytes");
        }
        assert!(identities(&[&good[..], &[0]].concat()).is_err());
    }

    #[test]
    fn claims_allocate_nothing() {
        assert_eq!(identities(&list(&[], u32::MAX)), Err(AnswerFault::TooManyKeys(u32::MAX)));
        assert!(matches!(identities(&list(&[], 7)), Err(AnswerFault::Wire(_))));
    }

    #[test]
    fn refusals() {
        assert_eq!(identities(&[FAILURE]), Err(AnswerFault::Refused));
        assert_eq!(signature(&[FAILURE]), Err(AnswerFault::Refused));
        assert_eq!(signature(&[99]), Err(AnswerFault::Unexpected(99)));
        assert!(signature(&[]).is_err());
    }

    #[test]
    fn bindings_have_the_layout_of_the_agent_protocol() {
        let binding = SessionBinding {
            host_key: b"key".to_vec(),
            session_id: b"id".to_vec(),
            signature: b"sig".to_vec(),
        };
        let expected = b"\x1b\0\0\0\x18session-bind@openssh.com\0\0\0\x03key\0\0\0\x02id\
                         \0\0\0\x03sig\x01";
        let sent = session_bind(&binding, true);
        assert_eq!(sent[4..], expected[..]);
        assert_eq!(session_bind(&binding, false).last(), Some(&0));
        assert_eq!(success(&[SUCCESS]), Ok(()));
        assert_eq!(success(&[FAILURE]), Err(AnswerFault::Refused));
        assert!(success(&[SUCCESS, 0]).is_err());
    }

    #[test]
    fn rsa_asks_for_sha2() {
        let flags = |algorithm| {
            let frame = sign_request(b"k", b"d", algorithm).unwrap();
            u32::from_be_bytes(frame[frame.len() - 4..].try_into().unwrap())
        };
        assert_eq!((flags("ssh-ed25519"), flags("rsa-sha2-256"), flags("rsa-sha2-512")), (0, 2, 4));
        assert_eq!(sign_request(b"k", &vec![0; AGENT_FRAME_BYTES_MAX], "x"), None);
    }
}

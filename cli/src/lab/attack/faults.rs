//! The faults, one of which a peer can have: what is done, which rule refuses it, and where.

use tssh_transport::Error;

/// A fault of the peer, or what somebody on the way does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each is")]
pub enum Fault {
    Downgrade,
    Terrapin,
    BitFlip,
    Replay,
    Reorder,
    Reflection,
    WrongSignature,
    ZeroShare,
    MpintSign,
    SwappedHash,
    EarlySuccess,
    NoReset,
    SameNumber,
    ShortPadding,
    NewHostKey,
    NewSessionId,
    Window,
    UnknownChannel,
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Somebody between an honest client and an honest server.
    OnTheWay,
    /// The server.
    Peer,
}

/// One of the table.
pub struct Attack {
    pub fault: Fault,
    pub by: By,
    /// As it is called on the command line.
    pub name: &'static str,
    pub title: &'static str,
    /// What is done.
    pub told: &'static str,
    /// What would come of a client that took it.
    pub gain: &'static str,
    /// The section whose rule refuses it, as `4253#6.4`.
    pub rule: &'static str,
    /// The file that does, and words of it.
    pub file: &'static str,
    /// Text of that file where it does.
    pub at: &'static str,
    /// What tssh ends the connection with.
    pub error: fn() -> Error,
}

const SIGNATURE: &str = "the host key did not sign this exchange";
const CLIENT: &str = "transport/src/kex/client.rs";
const INBOUND: &str = "transport/src/packet/inbound.rs";
const ADMISSION: &str = "transport/src/admission.rs";
const STRICT_PHASE: &str = "the initial key exchange (strict)";
const UNSIGNED: fn() -> Error = || Error::KeyExchange(SIGNATURE);
const FORGED: fn() -> Error = || Error::MacIncorrect;

/// First what somebody on the way can do, then faults of a server, each in the order in which a
/// connection comes by it.
pub static ATTACKS: [Attack; 18] = [
    Attack {
        fault: Fault::Downgrade,
        by: By::OnTheWay,
        name: "downgrade",
        title: "A name is struck from the server's list",
        told: "\
Somebody on the way takes kex-strict-s-v00@openssh.com out of the server's KEXINIT, which nothing \
protects yet: the client is to believe that this server knows no strict key exchange. Any other \
name could be taken out or put in the same way.",
        gain: "\
Both ends would go on with the weakest of what both know. But each puts both KEXINIT into the \
exchange hash as it sent or saw them, so the server's signature is not over the client's hash.",
        rule: "4253#8",
        file: CLIENT,
        at: SIGNATURE,
        error: UNSIGNED,
    },
    Attack {
        fault: Fault::Terrapin,
        by: By::OnTheWay,
        name: "terrapin",
        title: "A packet is put in so that another can be cut off",
        told: "\
Terrapin (CVE-2023-48795), with chacha20-poly1305: somebody on the way puts an IGNORE into the \
key exchange, where it is not protected, and takes away the server's first packet under keys, \
EXT_INFO. The numbers of all later packets fit again.",
        gain: "\
The client would never see what the server said first. Strict key exchange lets nothing but the \
exchange pass before NEWKEYS, and counts from 0 after it.",
        rule: "4253#7.1",
        file: ADMISSION,
        at: "Under strict key exchange nothing but the exchange",
        error: || Error::Inappropriate { got: 2, phase: STRICT_PHASE },
    },
    Attack {
        fault: Fault::BitFlip,
        by: By::OnTheWay,
        name: "bit-flip",
        title: "One bit of the ciphertext is turned over",
        told: "\
Somebody on the way turns one bit of a packet with data over. In counter mode the same bit of the \
plaintext turns over with it.",
        gain: "Data could be changed at will by whoever knows what it says.",
        rule: "4253#6.4",
        file: INBOUND,
        at: "Error::MacIncorrect",
        error: FORGED,
    },
    Attack {
        fault: Fault::Replay,
        by: By::OnTheWay,
        name: "replay",
        title: "A packet comes twice",
        told: "Somebody on the way sends a packet with data once more, to the last bit as it was.",
        gain: "\
What was asked for once would be done twice. The number of the packet, which never travels, is \
part of what the MAC covers.",
        rule: "4253#6.4",
        file: INBOUND,
        at: "Error::MacIncorrect",
        error: FORGED,
    },
    Attack {
        fault: Fault::Reorder,
        by: By::OnTheWay,
        name: "reorder",
        title: "Two packets change places",
        told: "Somebody on the way holds a packet with data back until the next one has passed.",
        gain: "What was said could be told in another order. Again it is the number that differs.",
        rule: "4253#6.4",
        file: INBOUND,
        at: "Error::MacIncorrect",
        error: FORGED,
    },
    Attack {
        fault: Fault::Reflection,
        by: By::OnTheWay,
        name: "reflection",
        title: "The client's own packet comes back",
        told: "Somebody on the way sends the client the packet that it sent last.",
        gain: "\
The client would take its own words for the server's. Each direction has keys of its own: letters \
A, C and E make those of the client, B, D and F those of the server.",
        rule: "4253#7.2",
        file: INBOUND,
        at: "Error::MacIncorrect",
        error: FORGED,
    },
    Attack {
        fault: Fault::WrongSignature,
        by: By::Peer,
        name: "wrong-signature",
        title: "The host key signs something else",
        told: "\
The server presents the right host key, and a signature by it: but over another hash, as somebody \
would who has seen that server sign other exchanges.",
        gain: "Anybody could be that server: a public key is public.",
        rule: "4253#8",
        file: CLIENT,
        at: SIGNATURE,
        error: UNSIGNED,
    },
    Attack {
        fault: Fault::ZeroShare,
        by: By::Peer,
        name: "zero-share",
        title: "A share of nothing but zeros",
        told: "\
The server's share is 32 zero bytes. Whatever the client multiplies that with, the shared secret \
is zero; and the server signs that, too.",
        gain: "Everybody would know the keys: they follow from what passed in the clear.",
        rule: "8731#3",
        file: "transport/src/kex/curve25519.rs",
        at: "was_contributory",
        error: || Error::KeyExchange("an X25519 share of small order: the secret is all zero"),
    },
    Attack {
        fault: Fault::MpintSign,
        by: By::Peer,
        name: "mpint-sign",
        title: "A shared secret without its sign byte",
        told: "\
The top bit of the shared secret is set, and the server puts it into the exchange hash as it is. \
An mpint needs a zero byte in front of it then, or it would be a negative number.",
        gain: "\
It is the usual fault of a new implementation: every second session works. The two ends have two \
hashes, and the signature is over one of them.",
        rule: "4251#5",
        file: "transport/src/wire/writer.rs",
        at: "one is put in front where the top bit would read as a sign",
        error: UNSIGNED,
    },
    Attack {
        fault: Fault::SwappedHash,
        by: By::Peer,
        name: "swapped-hash",
        title: "Keys from H and K, not from K and H",
        told: "\
The server derives the keys of what it sends as HASH(H || K || letter || session identifier). K \
comes first.",
        gain: "\
The exchange passes, as the signature is right. The first packet under the new keys is the first \
that nobody can open.",
        rule: "4253#7.2",
        file: "transport/src/kex/key_derivation.rs",
        at: "&k.0, h, &[letter], session_id",
        error: FORGED,
    },
    Attack {
        fault: Fault::EarlySuccess,
        by: By::Peer,
        name: "early-success",
        title: "\"You are logged in\", before there are keys",
        told: "\
Between its reply and its NEWKEYS the server sends USERAUTH_SUCCESS, in the clear. (A server that \
took the same from its clients was CVE-2018-10933.)",
        gain: "The client would begin its session without keys, for everybody on the way to read.",
        rule: "4253#7.1",
        file: ADMISSION,
        at: "Under strict key exchange nothing but the exchange",
        error: || Error::Inappropriate { got: 52, phase: STRICT_PHASE },
    },
    Attack {
        fault: Fault::NoReset,
        by: By::Peer,
        name: "no-reset",
        title: "Strict in name only",
        told: "\
The server says that it does strict key exchange, and then does not count its packets from 0 \
after NEWKEYS.",
        gain: "\
A client that took both would have to try two numbers for each packet, and what was put in before \
NEWKEYS would count again: it is what Terrapin needs.",
        rule: "4253#6.4",
        file: "transport/src/packet/inbound.rs",
        at: "fn change_keys",
        error: FORGED,
    },
    Attack {
        fault: Fault::SameNumber,
        by: By::Peer,
        name: "same-number",
        title: "Two packets with one number",
        told: "\
The server's packet counter stands still once: two packets are sealed with one number.",
        gain: "\
With ciphers that make a nonce of the number, whoever is on the way gets the difference of two \
plaintexts, and can forge. The client's own counter has gone on.",
        rule: "4253#6.4",
        file: INBOUND,
        at: "Error::MacIncorrect",
        error: FORGED,
    },
    Attack {
        fault: Fault::ShortPadding,
        by: By::Peer,
        name: "short-padding",
        title: "Three bytes of padding",
        told: "A packet with data has three bytes of padding, and is right in every other way.",
        gain: "\
Little by itself. But lengths that are taken as they come are how parsers are led past their \
ends.",
        rule: "4253#6",
        file: INBOUND,
        at: "Error::Padding",
        error: || Error::Padding,
    },
    Attack {
        fault: Fault::NewHostKey,
        by: By::Peer,
        name: "new-host-key",
        title: "Another host key, in the middle of the session",
        told: "\
In the second key exchange, while data flows, the server presents another host key and signs with \
that.",
        gain: "\
Whoever could take the connection over after the login would be the server from then on. RFC 4253 \
section 9 lets host keys change; but the client can check a new one against nothing, and takes \
none.",
        rule: "4251#4.1",
        file: CLIENT,
        at: "the host key changed within the connection",
        error: || Error::KeyExchange("the host key changed within the connection"),
    },
    Attack {
        fault: Fault::NewSessionId,
        by: By::Peer,
        name: "new-session-id",
        title: "A second session identifier",
        told: "\
After the second key exchange the server derives the keys of what it sends with the new hash in \
place of the session identifier, which is the first hash for ever.",
        gain: "\
Signatures of the login cover the session identifier: if it changed, they could be carried into \
another session.",
        rule: "4253#7.2",
        file: "transport/src/kex/exchanger.rs",
        at: "session_id",
        error: FORGED,
    },
    Attack {
        fault: Fault::Window,
        by: By::Peer,
        name: "window",
        title: "More than the window holds",
        told: "\
The server sends 32 MiB without waiting for anybody's leave, while whoever reads the client's \
output has gone for lunch.",
        gain: "\
The window is what bounds a client's memory. One that keeps what comes beyond it can be made to \
keep everything. RFC 4254 lets it ignore that (OpenSSH does, with a message); tssh ends the \
connection, for bytes that are lost without a word are worse.",
        rule: "4254#5.2",
        file: "connection/src/channel/window.rs",
        at: "data beyond the window",
        error: || Error::PeerMisbehaved("data beyond the window (RFC 4254 section 5.2)"),
    },
    Attack {
        fault: Fault::UnknownChannel,
        by: By::Peer,
        name: "unknown-channel",
        title: "Data for a channel that nobody opened",
        told: "A packet with data names a channel that there is not.",
        gain: "\
A peer that does not know its own channels cannot be followed: what it says next may be meant for \
anybody.",
        rule: "4254#5",
        file: "connection/src/connection.rs",
        at: "message for a channel that is not open",
        error: || {
            Error::PeerMisbehaved("message for a channel that is not open (RFC 4254 section 5)")
        },
    },
];

impl Attack {
    /// The one of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ATTACKS.iter().find(|attack| attack.name == name)
    }

    /// The rule, in words.
    pub fn section(&self) -> String {
        let (rfc, section) = self.rule.split_once('#').unwrap_or((self.rule, ""));
        format!("RFC {rfc} section {section}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_attack_says_where_it_is_refused() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (i, attack) in ATTACKS.iter().enumerate() {
            let Attack { name, title, told, gain, file, at, .. } = attack;
            assert!(ATTACKS[i + 1..].iter().all(|other| other.name != *name));
            assert!(ATTACKS[i + 1..].iter().all(|other| other.fault != attack.fault));
            assert!(title.len() <= 60 && told.len() > 40 && gain.len() > 40, "{name}");
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            assert!(text.contains(at), "{name}: {file} has no {at:?}");
            let error = (attack.error)();
            assert!(error.disconnect_reason().is_some(), "{name}");
        }
        let by = |by| ATTACKS.iter().filter(|attack| attack.by == by).count();
        assert_eq!((by(By::OnTheWay), by(By::Peer)), (6, 12));
    }
}

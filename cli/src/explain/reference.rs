//! What messages, algorithms and sections are, in a few words of our own. Names, numbers, sections
//! and fields of messages are those of their declarations.

use super::contexts;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tssh_connection::trace::shape as upper;
use tssh_transport::cipher::{CIPHERS, MACS};
use tssh_transport::kex::method::{Exchange, HashAlgorithm, METHODS};
use tssh_transport::trace::{Class, Shape, Tail, shape};

/// What a field that depends on the string before it may follow: kinds of channels, requests,
/// methods.
const KEYS: &[&str] = &[
    "session",
    "direct-tcpip",
    "forwarded-tcpip",
    "direct-streamlocal@openssh.com",
    "forwarded-streamlocal@openssh.com",
    "x11",
    "tcpip-forward",
    "cancel-tcpip-forward",
    "streamlocal-forward@openssh.com",
    "hostkeys-00@openssh.com",
    "pty-req",
    "x11-req",
    "env",
    "shell",
    "exec",
    "subsystem",
    "window-change",
    "signal",
    "exit-status",
    "exit-signal",
    "break",
    "none",
    "publickey",
    "password",
    "keyboard-interactive",
];

/// One sentence for each number.
const MESSAGES: &[(u8, &str)] = &[
    (1, "The sender ends the connection and says why; nothing follows it."),
    (2, "Means nothing; it may be sent at any time, to hide how much is really said."),
    (3, "The receiver does not know the message with this sequence number."),
    (4, "A text for whoever debugs the other side."),
    (5, "The client asks for a service: ssh-userauth, or ssh-connection."),
    (6, "The server grants it."),
    (7, "Extensions of the sender, such as the signature algorithms that a server takes."),
    (20, "Begins a key exchange: the sender's lists of algorithms, most wanted first."),
    (21, "From the next packet on the sender uses the new keys."),
    (30, "The client's share of the key exchange."),
    (
        31,
        "The server's host key and share, and its signature over the exchange hash; in a group \
          exchange the group.",
    ),
    (32, "The client's share in the group that the server named."),
    (33, "The server's host key, share and signature in that group."),
    (34, "The client says how large the group should be."),
    (50, "A user asks to be let in by a method."),
    (51, "Not yet: the methods that can go on, and whether this one was right."),
    (52, "The user is in; from here on the connection protocol speaks."),
    (53, "A text that the server shows before the login."),
    (
        60,
        "What it is depends on the method: the key would do, the password has expired, or the \
          questions of keyboard-interactive.",
    ),
    (61, "The answers to the questions of keyboard-interactive."),
    (80, "A request that is about no channel, such as: listen for me there."),
    (81, "The oldest such request was done."),
    (82, "It was not."),
    (
        90,
        "Opens a channel; the kind decides what follows. The window is what the other side may \
          send on it for now.",
    ),
    (91, "The channel is open; the same for the other way."),
    (92, "It is not, and why."),
    (93, "The other side may send so many bytes more."),
    (94, "Data; it spends the window."),
    (95, "Data of another stream, such as standard error; it spends the window too."),
    (96, "The sender has no more data; the other way stays open."),
    (97, "The sender is done with the channel; it is over when both have said so."),
    (98, "A request about a channel: run this, the window has another size, it exited with that."),
    (99, "The oldest request about this channel was done."),
    (100, "It was not."),
    (192, "Answer this (an extension of OpenSSH's)."),
    (193, "The answer."),
];

/// One line for each section that the declarations and the rules of errors name.
const SECTIONS: &[(&str, &str)] = &[
    ("4251#4.1", "Host keys: a client knows them before, or asks whoever can judge them."),
    ("4251#5", "How bytes, booleans, numbers, strings, mpints and name-lists are written."),
    ("4252#4", "A server bounds the time and the failures of a login."),
    ("4252#5", "Requests to log in: a user, a service, a method and its fields."),
    ("4252#5.1", "Answers: failure with the methods that can go on, partial success, success."),
    ("4252#5.2", "The method none: asks what methods there are."),
    ("4252#5.4", "A banner, which is text of a server that nobody has verified yet."),
    ("4252#6", "Numbers of the login; those from 80 on are an error before it is over."),
    ("4252#7", "publickey: the signature covers the session identifier, so it serves only here."),
    ("4252#8", "password: in the clear within the encryption; changing an expired one."),
    ("4253#4.2", "The first line of each side: at most 255 bytes, protocol version 2.0."),
    ("4253#6", "The packet: length, padding length, payload, padding of 4 bytes at least, MAC."),
    ("4253#6.1", "Packets of 35,000 bytes must be taken; longer ones may be refused."),
    ("4253#6.2", "Compression of payloads."),
    ("4253#6.4", "The MAC covers the sequence number and the packet; one that is wrong ends it."),
    ("4253#7.1", "KEXINIT, and the choice: the client's first name that the server has too."),
    ("4253#7.2", "Keys: hashes of K, H, a letter from A to F and the session identifier."),
    ("4253#7.3", "NEWKEYS is the last message with the old keys."),
    ("4253#8", "Diffie-Hellman: the exchange hash, its order, and the host key's signature."),
    ("4253#9", "Keys are exchanged anew after a gigabyte or an hour."),
    ("4253#10", "Services: user authentication first, then the connection."),
    ("4253#11", "Messages that are allowed at any time."),
    ("4253#11.1", "DISCONNECT and its reasons."),
    ("4253#11.2", "IGNORE, which may hide how much is said."),
    ("4253#11.3", "DEBUG, a text for whoever looks for faults."),
    ("4253#11.4", "Unknown messages are answered UNIMPLEMENTED, in order."),
    ("4254#4", "Global requests, with or without an answer."),
    ("4254#5.1", "Opening a channel, with numbers of both sides and their windows."),
    ("4254#5.2", "Data and windows: nobody sends more than was granted."),
    ("4254#5.3", "EOF ends one way; CLOSE ends the channel once both have sent it."),
    ("4254#5.4", "Requests about a channel, answered in order."),
    ("4254#6.2", "A pseudo-terminal."),
    ("4254#6.3.1", "X11: ask for forwarding, with a cookie that should be a fake one."),
    ("4254#6.3.2", "X11: a channel for a program that connects to the display."),
    ("4254#6.4", "Environment variables."),
    ("4254#6.5", "A shell, a command or a subsystem."),
    ("4254#6.7", "The terminal has another size."),
    ("4254#6.8", "Flow control by ^S and ^Q at the client."),
    ("4254#6.9", "A signal for the program."),
    ("4254#6.10", "How the program ended."),
    ("4254#7.1", "Listen for me: remote forwarding. Port 0 lets the server choose."),
    (
        "4254#7.2",
        "Channels of forwarded connections: direct-tcpip has the target that the server \
                  connects to, forwarded-tcpip the address that was connected there.",
    ),
    ("4256#3.1", "keyboard-interactive: the request."),
    ("4256#3.2", "keyboard-interactive: the questions, each with echo or without."),
    ("4256#3.4", "keyboard-interactive: the answers."),
    ("4335#3", "A break on the line."),
    ("4419#3", "Group exchange: the server names the group, and the hash covers it."),
    ("5656#4", "Elliptic curves: shares are strings, and the hash covers both."),
    ("8308#2.3", "EXT_INFO: pairs of a name and a value."),
];

/// Every meaning that a number has.
fn shapes(number: u8) -> Vec<Shape> {
    let mut found: BTreeMap<&str, Shape> = BTreeMap::new();
    let below = contexts().filter_map(|context| shape(number, context));
    for shape in below.chain(upper(number)) {
        found.entry(shape.name).or_insert(shape);
    }
    found.into_values().collect()
}

fn cite(section: &str) -> String {
    match section.split_once('#') {
        Some((rfc, section)) => format!("  [RFC {rfc} section {section}]"),
        None => "  [no RFC: PROTOCOL.md]".to_owned(),
    }
}

fn line(text: &mut String, indent: usize, kind: &str, name: &str, class: Option<Class>) {
    let name = name.replace('_', " ");
    let hidden = class.map(|class| format!(" ({})", class.name())).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{:indent$}{kind:<9} {name}{hidden}", "");
}

/// A message by its number.
pub(super) fn message(number: u8) -> Option<String> {
    let shapes = shapes(number);
    let what = MESSAGES.iter().find(|(own, _)| *own == number).map(|(_, what)| *what);
    if shapes.is_empty() && what.is_none() {
        return None;
    }
    let mut text = String::new();
    for shape in &shapes {
        let _ = writeln!(text, "{} ({number}){}", shape.name, cite(shape.section));
        line(&mut text, 2, "byte", "message number", None);
        for field in shape.fields {
            line(&mut text, 2, field.kind.name(), field.name, field.class);
        }
        let mut told: Vec<*const Tail> = Vec::new();
        for key in KEYS {
            let Some(tail) = (shape.tail)(key.as_bytes()) else { continue };
            if told.contains(&std::ptr::from_ref(tail)) || tail.fields.is_empty() {
                continue;
            }
            told.push(tail);
            let repeats = if tail.repeats { ", again and again" } else { "" };
            let general = (shape.tail)(b"").is_some();
            let of = if general { "what follows" } else { key };
            let _ = writeln!(text, "    {of}{repeats}:{}", cite(tail.section));
            for field in tail.fields {
                line(&mut text, 6, field.kind.name(), field.name, field.class);
            }
        }
    }
    text.push_str(what.unwrap_or_default());
    text.push('\n');
    Some(text)
}

/// Whether that is the name of an algorithm.
pub(super) fn is_algorithm(name: &str) -> bool {
    algorithm(name).is_some()
}

const fn hash(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha256 => "SHA-256",
        HashAlgorithm::Sha384 => "SHA-384",
        HashAlgorithm::Sha512 => "SHA-512",
    }
}

/// An algorithm by its name.
pub(super) fn algorithm(name: &str) -> Option<String> {
    if let Some(method) = METHODS.iter().find(|method| method.name == name) {
        let how = match method.exchange {
            Exchange::Ecdh { .. } if method.post_quantum => {
                "a hybrid: a key encapsulation that withstands quantum computers, and X25519; K is \
                 the hash of both, a string (messages 30 and 31)"
            }
            Exchange::Ecdh { .. } => {
                "Diffie-Hellman on a curve; K is an mpint (messages 30 and 31)"
            }
            Exchange::Dh { .. } => {
                "Diffie-Hellman in a fixed group of whole numbers (messages 30 and 31)"
            }
            Exchange::Gex { .. } => {
                "Diffie-Hellman in a group that the server names (messages 34, 31, 32 and 33)"
            }
        };
        let hash = hash(method.hash);
        return Some(format!("{name}: key exchange method\n  {how}\n  hash: {hash}\n"));
    }
    if let Some(cipher) = CIPHERS.iter().find(|cipher| cipher.name == name) {
        let mac = match cipher.aead {
            true => "it authenticates by itself: the MAC agreed on is not used",
            false => "it needs a MAC beside it",
        };
        return Some(format!(
            "{name}: cipher\n  key of {} bytes, initial IV of {} bytes\n  {mac}\n",
            cipher.key_len, cipher.iv_len
        ));
    }
    if let Some(mac) = MACS.iter().find(|mac| mac.name == name) {
        let over = match mac.etm {
            true => {
                "over what is encrypted, checked before anything is decrypted; the length is \
                     in the clear"
            }
            false => "over the plain packet, which has to be decrypted first",
        };
        return Some(format!(
            "{name}: MAC\n  key of {} bytes, tag of {} bytes\n  {over}\n",
            mac.key_len, mac.tag_len
        ));
    }
    let what = match name {
        "none" => "compression: none",
        "zlib@openssh.com" => "compression: deflate, begun once the user is logged in",
        "ext-info-c" | "ext-info-s" => "no algorithm: the sender takes EXT_INFO (RFC 8308)",
        "kex-strict-c-v00@openssh.com" | "kex-strict-s-v00@openssh.com" => {
            "no algorithm: strict key exchange, the answer to the Terrapin attack: the first \
             exchange admits nothing but itself, and NEWKEYS sets sequence numbers to 0"
        }
        "ssh-ed25519" => "host and user keys: Ed25519, signatures of 64 bytes (RFC 8709)",
        "rsa-sha2-256" | "rsa-sha2-512" => "signatures of RSA keys (RFC 8332)",
        "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" => {
            "host and user keys: ECDSA (RFC 5656)"
        }
        _ => return None,
    };
    Some(format!("{name}: {what}\n"))
}

/// A section: what it is about, and the messages that it defines.
pub(super) fn section(section: &str) -> Option<String> {
    let section = section.trim_start_matches("RFC").trim_start_matches("rfc").trim();
    let (rfc, number) = section.split_once('#')?;
    let what = SECTIONS.iter().find(|(own, _)| *own == section).map(|(_, what)| *what);
    let mut text = format!("RFC {rfc} section {number}: {}\n", what.unwrap_or("messages"));
    let mut messages = 0;
    for number in 0..=u8::MAX {
        for shape in shapes(number).iter().filter(|shape| shape.section == section) {
            let _ = writeln!(text, "  defines {} ({number})", shape.name);
            messages += 1;
        }
    }
    (what.is_some() || messages > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_message_has_its_sentence_and_its_section() {
        for number in 0..=u8::MAX {
            let shapes = shapes(number);
            let sentence = MESSAGES.iter().any(|(own, _)| *own == number);
            assert_eq!(!shapes.is_empty(), sentence, "message {number}");
            for shape in shapes.iter().filter(|shape| !shape.section.is_empty()) {
                let known = SECTIONS.iter().any(|(own, _)| *own == shape.section);
                assert!(known, "section {} of {}", shape.section, shape.name);
            }
        }
    }

    #[test]
    fn targets_and_hybrids_are_explained() {
        let open = message(90).unwrap();
        assert!(open.starts_with("SSH_MSG_CHANNEL_OPEN (90)  [RFC 4254 section 5.1]"), "{open}");
        assert!(open.contains("direct-tcpip:  [RFC 4254 section 7.2]"), "{open}");
        assert!(open.contains("host to connect (name)"), "{open}");
        assert!(message(30).unwrap().matches("(30)").count() >= 2);
        assert!(message(255).is_none());
        assert!(algorithm("mlkem768x25519-sha256").unwrap().contains("hybrid"));
        assert!(algorithm("hmac-sha2-256-etm@openssh.com").unwrap().contains("encrypted"));
        assert!(algorithm("rot13").is_none());
        assert!(section("4254#7.2").unwrap().contains("direct-tcpip"));
        assert!(section("4254#99").is_none() && section("x").is_none());
    }
}

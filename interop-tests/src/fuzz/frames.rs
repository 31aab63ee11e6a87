//! Local sockets and the first words of what connects to a forward.

use super::cursor::Cursor;
use tssh::agent::messages as agent_messages;
use tssh::escape::EscapeFilter;
use tssh::limits::PEER_TEXT_BYTES_MAX;
use tssh::mux::messages::{ClientMessage, MasterMessage, Request, length};
use tssh_forward::core::socks::{Negotiation, Step};
use tssh_forward::core::x11::{Cookie, Progress, SetUp};

/// What an agent answers.
pub fn agent(data: &[u8]) {
    if let Ok(keys) = agent_messages::identities(data) {
        let bytes: usize = keys.iter().map(|key| 8 + key.blob.len() + key.comment.len()).sum();
        assert_eq!(bytes + 5, data.len(), "keys that were not there");
    }
    if let Ok(signature) = agent_messages::signature(data) {
        assert_eq!(signature.len() + 5, data.len());
    }
    let _ = agent_messages::success(data);
}

/// What comes at a control socket, on either side of it.
pub fn mux(data: &[u8]) {
    if let Some(head) = data.first_chunk() {
        let _ = length(*head);
    }
    if let Ok(message) = ClientMessage::decode(data)
        && !matches!(message, ClientMessage::Request { request: Request::Unknown(_), .. })
    {
        let again = message.encode();
        let body = again.get(4..).expect("a length");
        assert_eq!(ClientMessage::decode(body), Ok(message));
    }
    if let Ok(message) = MasterMessage::decode(data)
        && !matches!(message, MasterMessage::Unknown(_))
        && !longer_than_shown(&message)
    {
        let again = message.encode();
        let body = again.get(4..).expect("a length");
        assert_eq!(MasterMessage::decode(body), Ok(message));
    }
}

/// Whether a reason has grown so far, as what cannot be shown of it was written out in octal, that
/// it would be cut when it is read again.
fn longer_than_shown(message: &MasterMessage) -> bool {
    matches!(message, MasterMessage::PermissionDenied(_, why) | MasterMessage::Failure(_, why)
        if why.len() > PEER_TEXT_BYTES_MAX)
}

/// A SOCKS client, in pieces of the size that the first byte says: how it is cut changes nothing.
pub fn socks(data: &[u8]) {
    let mut orders = Cursor::new(data);
    let piece = usize::from(orders.byte()).max(1);
    let stream = orders.rest();
    assert_eq!(negotiated(stream, piece), negotiated(stream, usize::MAX));
}

fn negotiated(mut stream: &[u8], piece: usize) -> (Vec<u8>, Option<Step>) {
    let mut negotiation = Negotiation::default();
    let mut said = Vec::new();
    for _ in 0..10_000 {
        let wants = negotiation.wants().min(piece).min(stream.len());
        let (now, rest) = stream.split_at(wants);
        if now.is_empty() {
            return (said, None);
        }
        stream = rest;
        match negotiation.feed(now) {
            Step::More => {}
            Step::Say(bytes) => said.extend(bytes),
            Step::Request(request) => {
                assert!(!request.host.is_empty() && request.port != 0);
                assert!(!request.host.chars().any(|c| c.is_ascii_control()));
                return (said, Some(Step::Request(request)));
            }
            refusal @ Step::Refuse(_) => return (said, Some(refusal)),
        }
    }
    panic!("a negotiation without end");
}

/// An X client, in pieces of the size that the first byte says: only the cookie lets it through,
/// and how it is cut changes nothing.
pub fn x11(data: &[u8]) {
    let mut orders = Cursor::new(data);
    let piece = usize::from(orders.byte()).max(1);
    let stream = orders.rest();
    let cut = connected(stream, piece);
    assert_eq!(cut, connected(stream, stream.len().max(1)));
    let cookie = [0xfa; 16];
    if let Some(words) = cut {
        assert!(stream.windows(16).any(|w| w == cookie), "let through without the cookie");
        assert!(!words.windows(16).any(|w| w == cookie), "the stand-in went on");
        assert!(words.windows(16).any(|w| w == [0xee; 16]), "the real cookie did not");
    }
}

fn connected(stream: &[u8], piece: usize) -> Option<Vec<u8>> {
    let mut set_up = SetUp::new(Cookie::new([0xfa; 16]), Cookie::new([0xee; 16]));
    for piece in stream.chunks(piece) {
        match set_up.feed(piece) {
            Ok(Progress::More) => {}
            Ok(Progress::Ready { taken, words }) => {
                assert!(taken <= piece.len());
                return Some(words.to_vec());
            }
            Err(_) => return None,
        }
    }
    None
}

/// What is typed, with the escape character in the first byte.
pub fn escapes(data: &[u8]) {
    let mut orders = Cursor::new(data);
    let mut filter = EscapeFilter::new(orders.byte());
    let mut passed = Vec::new();
    let typed = orders.rest();
    for byte in typed {
        let _ = filter.byte(*byte, &mut passed);
    }
    assert!(passed.len() <= typed.len(), "more than was typed");
}

//! What stands behind a number.

use super::arrive::{group, request};
use tssh_connection::messages::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelFailure, ChannelOpen,
    ChannelOpenConfirmation, ChannelOpenFailure, ChannelRequestMsg, ChannelSuccess,
    ChannelWindowAdjust, GlobalRequestMsg, RequestFailure, RequestSuccess,
};
use tssh_interop_tests::hostile::fight::{Fight, USER, user_key};
use tssh_interop_tests::sim::random::{Rng, hash};
use tssh_transport::messages::kex::{
    KexDhGexInit, KexDhGexReply, KexDhGexRequest, KexEcdhReply, NewKeys,
};
use tssh_transport::messages::transport::{
    Debug, Disconnect, ExtInfo, Ignore, Ping, Pong, ServiceAccept, ServiceRequest, Unimplemented,
};
use tssh_transport::messages::userauth::{
    UserauthBanner, UserauthFailure, UserauthInfoRequest, UserauthInfoResponse,
    UserauthPasswdChangereq, UserauthPkOk, UserauthSuccess,
};
use tssh_transport::wire::Message;

/// How a message goes on behind its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    Empty,
    /// The least that its kind may have, about channel 0.
    Valid,
    /// Bytes without sense, as many as chance says.
    Random,
}

/// A message, and whether it is what belongs there.
pub fn body(kind: Body, fight: &mut Fight, place: &str, number: u8) -> (Vec<u8>, bool) {
    match kind {
        // Some kinds have no more than their number.
        Body::Empty => (vec![number], matches!(number, 21 | 52 | 82)),
        Body::Valid => valid(fight, place, number),
        Body::Random => {
            let name = place.bytes().fold(0, |h, byte| hash(&[h, u64::from(byte)]));
            let mut rng = Rng::new(hash(&[name, u64::from(number)]));
            let len = rng.index(200);
            let random = std::iter::repeat_with(|| rng.draw() as u8).take(len);
            (std::iter::once(number).chain(random).collect(), false)
        }
    }
}

fn valid(fight: &mut Fight, place: &str, number: u8) -> (Vec<u8>, bool) {
    let payload = match number {
        1..=49 => transport(fight, place, number),
        50..=79 => authentication(fight, place, number),
        80..=100 => connection(number),
        192 => Ping::new(b"x").payload(),
        193 => Pong::new(b"x").payload(),
        _ => vec![number],
    };
    // Nobody but the server of the key exchange could sign this one.
    let lacks_signature = (place, number) == ("group-share-due", 33);
    (payload, !lacks_signature)
}

fn transport(fight: &mut Fight, place: &str, number: u8) -> Vec<u8> {
    match number {
        1 => Disconnect::new(11, b"bye", b"").payload(),
        2 => Ignore::new(b"").payload(),
        3 => Unimplemented::new(0).payload(),
        4 => Debug::new(true, b"x", b"").payload(),
        5 => ServiceRequest::new(b"ssh-userauth").payload(),
        6 => ServiceAccept::new(b"ssh-userauth").payload(),
        7 => ExtInfo::new(0, b"").payload(),
        20 => fight.raw.kexinit(),
        21 => NewKeys::new().payload(),
        30 if fight.raw.side.is_client() => fight.raw.share(),
        31 if place == "group-due" => group(),
        31 => {
            let reply = fight.raw.reply.take();
            reply.unwrap_or_else(|| KexEcdhReply::new(b"", b"", b"").payload())
        }
        32 => KexDhGexInit::new(&[4]).payload(),
        33 => KexDhGexReply::new(b"", &[4], b"").payload(),
        34 => KexDhGexRequest::new(2048, 2048, 8192).payload(),
        _ => vec![number],
    }
}

fn authentication(fight: &Fight, place: &str, number: u8) -> Vec<u8> {
    match (number, place) {
        (50, _) if fight.raw.session_id.is_some() => fight.raw.signed_request(USER.as_bytes()),
        (50, _) => request(b"none", |_| {}),
        (51, _) => UserauthFailure::new("publickey", false).payload(),
        (52, _) => UserauthSuccess::new().payload(),
        (53, _) => UserauthBanner::new(b"x", b"").payload(),
        (60, "probe-sent") => {
            UserauthPkOk::new(b"ssh-ed25519", &user_key().public().blob()).payload()
        }
        (60, "password-sent") => UserauthPasswdChangereq::new(b"new", b"").payload(),
        (60, _) => UserauthInfoRequest::new(b"", b"", b"", 0, b"").payload(),
        (61, _) => UserauthInfoResponse::new(1, b"\0\0\0\x01x").payload(),
        _ => vec![number],
    }
}

fn connection(number: u8) -> Vec<u8> {
    match number {
        80 => GlobalRequestMsg::new(b"x", true, b"").payload(),
        81 => RequestSuccess::new(b"").payload(),
        82 => RequestFailure::new().payload(),
        90 => ChannelOpen::new(b"session", 9, 100, 100, b"").payload(),
        91 => ChannelOpenConfirmation::new(0, 9, 100, 100, b"").payload(),
        92 => ChannelOpenFailure::new(0, 1, b"no", b"").payload(),
        93 => ChannelWindowAdjust::new(0, 1).payload(),
        94 => ChannelData::new(0, b"x").payload(),
        95 => ChannelExtendedData::new(0, 1, b"x").payload(),
        96 => ChannelEof::new(0).payload(),
        97 => ChannelClose::new(0).payload(),
        98 => ChannelRequestMsg::new(0, b"x", true, b"").payload(),
        99 => ChannelSuccess::new(0).payload(),
        100 => ChannelFailure::new(0).payload(),
        _ => vec![number],
    }
}

//! Every message: what can be read is written as it was, and what was written is read as it is.

use tssh_connection::messages as connection_messages;
use tssh_connection::{ChannelRequest, GlobalRequest, OpenKind};
use tssh_transport::Side;
use tssh_transport::algorithms::Algorithms;
use tssh_transport::ext_info::PeerExtensions;
use tssh_transport::kex::negotiate::{has_marker, negotiate};
use tssh_transport::messages::{kex, transport, userauth};
use tssh_transport::wire::Message as _;

/// Reads the input as each of these messages and checks that they are written as they were read.
macro_rules! round_trips {
    ($data:expr, $($module:ident::$message:ident)+) => { $(
        if let Ok(message) = $module::$message::decode($data) {
            let again = message.payload();
            assert_eq!($module::$message::decode(&again), Ok(message));
            // All that may differ is a boolean: every value but 0 is TRUE.
            assert_eq!(again.len(), $data.len(), "{}", stringify!($message));
        }
    )+ };
}

/// SSH_MSG_KEXINIT against both of our default offers.
pub fn kexinit(data: &[u8]) {
    // The number is given, so that what follows is reached.
    let payload = [&[20][..], data].concat();
    let payload = payload.as_slice();
    let Ok(theirs) = kex::KexInit::decode(payload) else { return };
    round_trips!(payload, kex::KexInit);
    for side in [Side::Client, Side::Server] {
        let _ = has_marker(&theirs, "kex-strict-c-v00@openssh.com");
        let ours = Algorithms::default_for(side, true);
        let Ok(choice) = negotiate(side, &ours, &theirs) else { continue };
        let names = choice.names(false);
        for (chosen, offered) in [
            (names.kex, theirs.kex_algorithms),
            (names.host_key.as_str(), theirs.server_host_key_algorithms),
        ] {
            assert!(offered.split(',').any(|name| name == chosen), "{chosen} was not offered");
        }
    }
}

/// Messages 1 to 49 and 192 to 193.
pub fn transport(data: &[u8]) {
    round_trips!(data,
        transport::Disconnect transport::Ignore transport::Unimplemented transport::Debug
        transport::ServiceRequest transport::ServiceAccept transport::ExtInfo
        transport::Ping transport::Pong
        kex::KexInit kex::NewKeys kex::KexDhInit kex::KexDhReply kex::KexEcdhInit
        kex::KexEcdhReply kex::KexDhGexRequest kex::KexDhGexGroup kex::KexDhGexInit
        kex::KexDhGexReply
    );
    let mut extensions = PeerExtensions::default();
    if extensions.read(data).is_ok() {
        let list = extensions.server_sig_algs.unwrap_or_default();
        assert!(!list.chars().any(char::is_control), "{list:?}");
    }
}

/// Messages 50 to 79.
pub fn userauth(data: &[u8]) {
    round_trips!(data,
        userauth::UserauthRequest userauth::UserauthFailure userauth::UserauthSuccess
        userauth::UserauthBanner userauth::UserauthPkOk userauth::UserauthPasswdChangereq
        userauth::UserauthInfoRequest userauth::UserauthInfoResponse
    );
}

/// Messages 80 to 127, with the forms inside them.
pub fn connection(data: &[u8]) {
    use connection_messages as m;
    round_trips!(data,
        m::GlobalRequestMsg m::RequestSuccess m::RequestFailure m::ChannelOpen
        m::ChannelOpenConfirmation m::ChannelOpenFailure m::ChannelWindowAdjust m::ChannelData
        m::ChannelExtendedData m::ChannelEof m::ChannelClose m::ChannelRequestMsg
        m::ChannelSuccess m::ChannelFailure
    );
    if let Ok(message) = m::ChannelOpen::decode(data)
        && let Ok(kind) = OpenKind::decode(&message)
        && !matches!(kind, OpenKind::Unknown(_))
    {
        let mut again = Vec::new();
        kind.encode(1, 2, 3, &mut again);
        let message = m::ChannelOpen::decode(&again).expect("our own message");
        assert_eq!(OpenKind::decode(&message), Ok(kind));
    }
    if let Ok(message) = m::ChannelRequestMsg::decode(data)
        && let Ok(request) = ChannelRequest::decode(&message)
        && !matches!(request, ChannelRequest::Other { .. })
    {
        let mut again = Vec::new();
        request.encode(1, true, &mut again);
        let message = m::ChannelRequestMsg::decode(&again).expect("our own message");
        assert_eq!(ChannelRequest::decode(&message), Ok(request));
    }
    if let Ok(message) = m::GlobalRequestMsg::decode(data)
        && let Ok(request) = GlobalRequest::decode(&message)
        && !matches!(request, GlobalRequest::Other { .. })
    {
        let mut again = Vec::new();
        request.encode(true, &mut again);
        let message = m::GlobalRequestMsg::decode(&again).expect("our own message");
        assert_eq!(GlobalRequest::decode(&message), Ok(request));
    }
}

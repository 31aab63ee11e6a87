//! The connection of a program that shares it with us: `MUX_C_PROXY` of OpenSSH's `PROTOCOL.mux`.
//!
//! That program, the master, has exchanged keys and logged in. Between it and us there is a local
//! socket, on which the messages of RFC 4254 travel in packets without padding, keys and MAC:
//!
//! ```text
//! uint32  packet length
//! byte    0 (padding length)
//! byte    packet type
//! byte[packet length - 2] ...
//! ```

use super::{Transport, TransportConfig};
use crate::admission::Phase;
use crate::algorithms::Algorithms;
use crate::entropy::Entropy;
use crate::error::Result;
use crate::kex::rekey::RekeyLimits;
use crate::proof::UserAuthenticated;
use crate::side::Side;
use crate::time::Timestamp;
use alloc::string::String;
use alloc::vec::Vec;

impl Transport {
    /// One end of a socket between a master and who shares its connection. Whoever may use the
    /// socket is the user that the master has logged in: that is what the proof says.
    ///
    /// # Errors
    /// [`Error::Internal`](crate::Error::Internal) only.
    pub fn shared(
        side: Side,
        user: String,
        entropy: Entropy,
        now: Timestamp,
    ) -> Result<(Self, UserAuthenticated)> {
        // Nothing of it is ever said: there is no identification and no key exchange.
        let config = TransportConfig {
            identification: String::new(),
            algorithms: Algorithms::default_for(side, false),
            rekey: RekeyLimits::default(),
            host_keys: Vec::new(),
            server_sig_algs: Vec::new(),
        };
        let mut transport = Self::start(side, config, entropy, now);
        transport.identification = None;
        transport.phase = Phase::Connection;
        transport.shared = true;
        transport.inbound.bare();
        transport.inbound.allow_large_packets();
        transport.send.outbound.bare();
        transport.send.gate_closed = false;
        Ok((transport, UserAuthenticated::shared(user)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::transport::Incoming;

    fn end(side: Side) -> Transport {
        let entropy = Entropy::from_seed(&[7; crate::entropy::SEED_BYTES]);
        let now = Timestamp::default();
        Transport::shared(side, String::from("u"), entropy, now).unwrap().0
    }

    fn receive(transport: &mut Transport, bytes: &[u8]) {
        let space = transport.receive_space(bytes.len());
        space[..bytes.len()].copy_from_slice(bytes);
        transport.received(bytes.len());
    }

    #[test]
    fn packets_are_bare_in_both_directions() {
        let (mut a, mut b) = (end(Side::Client), end(Side::Server));
        assert!(a.transmit().is_empty(), "nobody identifies himself");
        a.sender().send(&[96, 0, 0, 0, 5]).unwrap();
        assert_eq!(a.transmit(), [0, 0, 0, 6, 0, 96, 0, 0, 0, 5]);
        let sent = a.transmit().to_vec();
        // Whatever way it is cut.
        for byte in &sent[..sent.len() - 1] {
            receive(&mut b, &[*byte]);
            assert!(b.next(Timestamp::default()).unwrap().is_none());
        }
        receive(&mut b, &sent[sent.len() - 1..]);
        let Some(Incoming::Payload(range)) = b.next(Timestamp::default()).unwrap() else {
            panic!("a payload")
        };
        assert_eq!(b.payload(&range).0, [96, 0, 0, 0, 5]);
        assert!(a.deadline().is_none());
    }

    /// What has no body is padded as far as OpenSSH wants it, and comes back as it was.
    #[test]
    fn the_shortest_message_is_long_enough() {
        let (mut a, mut b) = (end(Side::Client), end(Side::Server));
        a.sender().send(&[82]).unwrap();
        let sent = a.transmit().to_vec();
        assert_eq!(sent[..6], [0, 0, 0, 5, 3, 82]);
        receive(&mut b, &sent);
        let Some(Incoming::Payload(range)) = b.next(Timestamp::default()).unwrap() else {
            panic!("a payload")
        };
        assert_eq!(b.payload(&range).0, [82]);
    }

    #[test]
    fn keys_are_never_exchanged_and_nobody_says_goodbye() {
        let mut end = end(Side::Server);
        end.request_rekey();
        assert!(end.next(Timestamp::default()).unwrap().is_none() && end.transmit().is_empty());
        for number in [20, 21, 30] {
            let mut end = super::tests::end(Side::Server);
            receive(&mut end, &[0, 0, 0, 2, 0, number]);
            let error = end.next(Timestamp::default()).unwrap_err();
            assert!(matches!(error, Error::Inappropriate { .. }), "{error}");
        }
        end.disconnect(crate::disconnect::DisconnectReason::ByApplication, "bye").unwrap();
        assert!(end.transmit().is_empty());
    }

    #[test]
    fn hostile_packets_are_refused() {
        for packet in [&[0, 0, 0, 1, 0][..], &[0, 0, 0, 0], &[0xff; 8], &[0, 0, 0, 2, 1, 80]] {
            let mut end = end(Side::Server);
            receive(&mut end, packet);
            assert!(end.next(Timestamp::default()).is_err(), "{packet:?}");
        }
        // Authentication is over, and so is everything that belongs to it.
        let mut end = end(Side::Client);
        receive(&mut end, &[0, 0, 0, 2, 0, 52]);
        assert!(end.next(Timestamp::default()).is_err());
    }
}

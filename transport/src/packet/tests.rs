use super::{Inbound, Outbound};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::limits::PACKETS_PER_KEY_MAX;

/// A sequence number cannot come back under the same keys, not in the first key exchange either:
/// long before it could, nothing goes out and nothing is taken any more.
#[test]
fn no_set_of_keys_carries_more_packets_than_it_may() {
    let (mut out, mut inbound) = (Outbound::new(), Inbound::new());
    let mut entropy = Entropy::from_seed(&[1; 64]);
    let mut pass = |packets: u64, sequence: u32| {
        out.skip_to(packets, sequence);
        inbound.skip_to(packets, sequence);
        let sent = out.packet(&[2, 0, 0, 0, 0], &mut entropy);
        let bytes = out.transmit().to_vec();
        out.transmitted(bytes.len());
        inbound.space(bytes.len())[..bytes.len()].copy_from_slice(&bytes);
        inbound.received(bytes.len());
        (sent.err(), inbound.next_packet().err())
    };
    assert_eq!(pass(0, u32::MAX), (None, None), "numbers go on at 0 where keys were changed");
    assert_eq!(pass(PACKETS_PER_KEY_MAX - 1, u32::MAX - 1), (None, None));
    let over = (
        Some(Error::LimitReached("packets sent under one set of keys")),
        Some(Error::LimitReached("packets received under one set of keys")),
    );
    assert_eq!(pass(PACKETS_PER_KEY_MAX, u32::MAX - 1), over);
    assert!(PACKETS_PER_KEY_MAX < u64::from(u32::MAX), "no number comes twice");
}

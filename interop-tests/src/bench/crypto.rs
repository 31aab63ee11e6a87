//! What the cipher alone costs, in this process and by our own code: with the relay's copying it
//! is the least that a client can take.

use super::peers::Algorithms;
use super::target::Way;
use crate::measure::thread_seconds;
use tssh_transport::cipher::{DirectionKeys, LENGTH_BYTES, MacAlgorithm};
use tssh_transport::cipher::{cipher, mac};

/// What OpenSSH puts into one packet at most: 32 KiB of data, its head and its padding.
const PACKET_BYTES: usize = 32 * 1024 + 16;
const PACKETS: u32 = 1024;

/// Seconds to seal (up), to open (down), or, with half of each, to do both for 1 GiB in packets of
/// 32 KiB; none for a cipher that is not known.
#[must_use]
pub fn seconds_per_gib(algorithms: Algorithms, way: Way) -> Option<f64> {
    let row = cipher(algorithms.cipher?)?;
    let mac_row: Option<&'static MacAlgorithm> = match row.aead {
        true => None,
        false => Some(mac(algorithms.mac?)?),
    };
    let zeros = [0; 64];
    let keys = DirectionKeys {
        iv: zeros.get(..row.iv_len)?,
        key: zeros.get(..row.key_len)?,
        mac_key: zeros.get(..mac_row.map_or(0, |mac| mac.key_len))?,
    };
    let mut sealer = (row.sealer)(&keys, mac_row)?;
    let mut opener = (row.opener)(&keys, mac_row)?;
    let (mut sealing, mut opening) = (0.0, 0.0);
    let mut packet = vec![0; LENGTH_BYTES + PACKET_BYTES + sealer.tag_len()];
    for sequence in 0..PACKETS {
        let length = u32::try_from(PACKET_BYTES).ok()?;
        packet[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        let begun = thread_seconds();
        sealer.seal(sequence, &mut packet).then_some(())?;
        let sealed = thread_seconds();
        let (head, _) = packet.split_at_mut_checked(opener.head_len())?;
        let _ = opener.open_length(sequence, head);
        opener.open(sequence, &mut packet).ok()?;
        opening += thread_seconds() - sealed;
        sealing += sealed - begun;
    }
    let packets_per_gib = f64::from(1 << 15);
    let scale = packets_per_gib / f64::from(PACKETS);
    Some(
        scale
            * match way {
                Way::Up => sealing,
                Way::Down => opening,
                Way::Both | Way::Echo => f64::midpoint(sealing, opening),
            },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cipher_has_a_cost() {
        let cost = |cipher, mac| {
            seconds_per_gib(Algorithms { kex: None, cipher: Some(cipher), mac }, Way::Both)
        };
        assert!(cost("aes128-gcm@openssh.com", None) > Some(0.0));
        assert!(cost("chacha20-poly1305@openssh.com", None) > Some(0.0));
        assert!(cost("aes256-ctr", Some("hmac-sha2-256-etm@openssh.com")) > Some(0.0));
        assert_eq!(cost("aes256-ctr", None), None);
        assert_eq!(cost("none", None), None);
    }
}

//! `from=`: addresses that a key admits from.
//!
//! A list of patterns, separated by commas: addresses with `*` and `?`, or networks in CIDR form.
//! One that is negated by `!` and matches decides against. Names are not looked up, as with
//! sshd's default `UseDNS no`.

use crate::config::pattern::matches;
use std::net::IpAddr;

/// Whether the list admits `address`; none when a network in it is malformed.
#[must_use]
pub fn admits(list: &str, address: IpAddr) -> Option<bool> {
    let address = address.to_canonical();
    let text = address.to_string();
    let mut admitted = false;
    for element in list.split(',') {
        let (pattern, negated) = element.strip_prefix('!').map_or((element, false), |p| (p, true));
        if pattern.is_empty() {
            return None;
        }
        let hit = match pattern.split_once('/') {
            Some((network, bits)) => in_network(address, network, bits)?,
            None => match pattern.parse::<IpAddr>() {
                Ok(exact) => exact.to_canonical() == address,
                // The text of an address is in lower case.
                Err(_) => matches(&text, &pattern.to_ascii_lowercase()),
            },
        };
        if hit && negated {
            return Some(false);
        }
        admitted |= hit;
    }
    Some(admitted)
}

/// Whether `address` is in a network; none when that is malformed. A network whose host bits are
/// not zero is a mistake of whoever wrote it: OpenSSH refuses it.
pub(crate) fn in_network(address: IpAddr, network: &str, bits: &str) -> Option<bool> {
    let network: IpAddr = network.parse().ok()?;
    let bits: u32 = bits.parse().ok()?;
    let (own, width) = as_bits(network);
    if bits > width {
        return None;
    }
    let host = width - bits;
    let prefix = |value: u128| value.checked_shr(host).unwrap_or(0);
    if prefix(own).checked_shl(host).unwrap_or(0) != own {
        return None;
    }
    let (value, its_width) = as_bits(address);
    Some(width == its_width && prefix(value) == prefix(own))
}

fn as_bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, address: &str) -> Option<bool> {
        admits(list, address.parse().unwrap())
    }

    #[test]
    fn addresses_networks_and_wildcards() {
        for (list, address, expected) in [
            ("10.0.0.1", "10.0.0.1", Some(true)),
            ("10.0.0.1", "10.0.0.2", Some(false)),
            ("10.0.0.1", "::ffff:10.0.0.1", Some(true)),
            ("10.0.0.*,192.168.?.1", "192.168.7.1", Some(true)),
            ("10.0.0.*", "10.0.1.1", Some(false)),
            ("10.0.0.0/8", "10.255.0.1", Some(true)),
            ("10.0.0.0/8", "11.0.0.1", Some(false)),
            ("0.0.0.0/0", "1.2.3.4", Some(true)),
            ("0.0.0.0/0", "::1", Some(false)),
            ("2001:db8::/32", "2001:db8:1::1", Some(true)),
            ("::/0", "::1", Some(true)),
            ("2001:DB8::1", "2001:db8::1", Some(true)),
            ("*,!10.0.0.1", "10.0.0.1", Some(false)),
            ("!10.0.0.1,*", "10.0.0.1", Some(false)),
            ("!10.0.0.1", "10.0.0.2", Some(false)),
            ("host.example.org", "10.0.0.2", Some(false)),
            ("*.example.org", "10.0.0.2", Some(false)),
        ] {
            assert_eq!(check(list, address), expected, "{list} {address}");
        }
    }

    #[test]
    fn what_is_malformed_admits_nobody() {
        for list in ["", "*,", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/x", "x/8", "!"] {
            assert_eq!(check(list, "10.0.0.1"), None, "{list}");
        }
    }
}

//! diffie-hellman-group14-sha256, -group16-sha512 and -group18-sha512: RFC 4253 section 8 in the
//! groups that RFC 8268 names.

use super::finite_field::Group;
use super::method::{ClientShare, Exchange, HashAlgorithm, Method};
use super::modp::{GROUP14, GROUP16, GROUP18};
use crate::entropy::Stream;
use alloc::boxed::Box;

// "the diffie-hellman-group14-sha256 method MUST be implemented." RFC 9142 section 3.2.2
/// RFC 8268 section 3.
pub(super) static GROUP14_SHA256: Method = Method {
    name: "diffie-hellman-group14-sha256",
    hash: HashAlgorithm::Sha256,
    post_quantum: false,
    exchange: Exchange::Dh {
        start: |rng| start(rng, Group::fixed(&GROUP14)),
        respond: |rng, e| Group::fixed(&GROUP14).share(rng).respond(e),
    },
};

/// RFC 8268 section 3.
pub(super) static GROUP16_SHA512: Method = Method {
    name: "diffie-hellman-group16-sha512",
    hash: HashAlgorithm::Sha512,
    post_quantum: false,
    exchange: Exchange::Dh {
        start: |rng| start(rng, Group::fixed(&GROUP16)),
        respond: |rng, e| Group::fixed(&GROUP16).share(rng).respond(e),
    },
};

/// RFC 8268 section 3.
pub(super) static GROUP18_SHA512: Method = Method {
    name: "diffie-hellman-group18-sha512",
    hash: HashAlgorithm::Sha512,
    post_quantum: false,
    exchange: Exchange::Dh {
        start: |rng| start(rng, Group::fixed(&GROUP18)),
        respond: |rng, e| Group::fixed(&GROUP18).share(rng).respond(e),
    },
};

fn start(rng: &mut Stream, group: Group) -> Box<dyn ClientShare> {
    Box::new(group.share(rng))
}

#[cfg(test)]
mod tests;

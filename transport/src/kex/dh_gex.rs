//! diffie-hellman-group-exchange-sha256, RFC 4419 as updated by RFC 8270.

use super::finite_field::Group;
use super::method::{Exchange, HashAlgorithm, Method, NamedGroup, NamedGroupStart, Response};
use super::modp::{self, GROUP14, GROUP15, GROUP16, GROUP17, GROUP18, Modp};
use crate::entropy::Stream;
use crate::limits::{GEX_BITS_MAX, GEX_BITS_MIN};
use alloc::boxed::Box;

/// RFC 4419 section 4.2.
pub(super) static SHA256: Method = Method {
    name: "diffie-hellman-group-exchange-sha256",
    hash: HashAlgorithm::Sha256,
    post_quantum: false,
    exchange: Exchange::Gex { start, respond, choose },
};

/// What a server of ours can name, smallest first: groups that nobody could have chosen, where a
/// list of primes of our own would have to be trusted.
static GROUPS: [&Modp; 5] = [&GROUP14, &GROUP15, &GROUP16, &GROUP17, &GROUP18];

/// The group must lie between [`GEX_BITS_MIN`] and [`GEX_BITS_MAX`], which is what the client asks
/// for in SSH_MSG_KEX_DH_GEX_REQUEST.
fn start(rng: &mut Stream, p: &[u8], g: &[u8]) -> NamedGroupStart {
    Ok(Box::new(Group::named(p, g)?.share(rng).check()?))
}

fn respond(rng: &mut Stream, p: &[u8], g: &[u8], client_public: &[u8]) -> Response {
    Group::named(p, g)?.share(rng).check()?.respond(client_public)
}

/// The client's bounds are kept, and 2048 and 8192 bits are the outermost (RFC 8270 section 3): a
/// client that still says min = 1024 gets 2048. Within them, the smallest group that is as large
/// as the client wants, or else the largest; nothing where min, n and max contradict each other.
fn choose(min: u32, n: u32, max: u32) -> Option<NamedGroup> {
    let (min, max) = (min.max(GEX_BITS_MIN), max.min(GEX_BITS_MAX));
    let n = n.clamp(GEX_BITS_MIN, GEX_BITS_MAX);
    if n < min || n > max {
        return None;
    }
    let fits = |group: &&&Modp| (min..=max).contains(&group.bits);
    // "The server should return the smallest group it knows that is larger than the size the
    // client requested." RFC 4419 section 3
    let wanted = GROUPS.iter().filter(fits).find(|group| group.bits >= n);
    // "If the server does not know a group that is larger than the client request, then it SHOULD
    // return the largest group it knows." RFC 4419 section 3
    let group = wanted.or_else(|| GROUPS.iter().rfind(fits))?;
    Some((group.p, modp::GENERATOR))
}

#[cfg(test)]
mod tests;

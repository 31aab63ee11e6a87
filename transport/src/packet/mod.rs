//! The binary packet protocol, RFC 4253 section 6, one half per direction.

mod inbound;
mod outbound;

pub use inbound::{Inbound, PayloadRange};
pub use outbound::Outbound;

#[cfg(test)]
mod tests;

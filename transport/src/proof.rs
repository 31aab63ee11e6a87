//! Security facts as values that only their check can create.
//!
//! A function that needs a fact takes its proof as an argument; a path that skipped the check has
//! nothing to pass. Each stands in the module that performs the check, with fields that no other
//! module can fill: the host key's in `kex/client.rs`, the exchange's in `kex/exchanger.rs`, the
//! user's in `userauth/mod.rs`.

pub use crate::kex::HostKeyVerified;
pub use crate::kex::exchanger::ExchangeComplete;
pub use crate::userauth::UserAuthenticated;

//! Port forwarding: decisions without sockets, and the one driver that owns every socket.
//!
//! | module | what | RFC 4254 |
//! | --- | --- | --- |
//! | [`core::address`] | the grammar of `-L` | |
//! | [`core::display`] | what `DISPLAY` says | |
//! | [`core::local`] | bind addresses, ssh's words for what goes wrong | |
//! | [`core::pattern`] | `*` and `?` | |
//! | [`core::policy`] | what a server permits | 7.2 |
//! | [`core::pump`] | when to shut down and close | 5.3 |
//! | [`core::x11`] | the cookie in the first words of an X client | 6.3 |
//! | [`driver`] | sockets, wake-ups, the clock | |

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod core;
pub mod driver;
pub mod error;
pub mod limits;
pub mod manual;

pub use error::{Ended, Wait};

//! The connection protocol of RFC 4254, without input or output of its own.
//!
//! | RFC 4254 section | module |
//! | --- | --- |
//! | 4 global requests | `global` |
//! | 5.1 opening a channel | `open` |
//! | 5.2 data transfer | `data_path`, `channel::window`, `channel::recv_ring` |
//! | 5.3 closing a channel | `channel::halves`, `flush` |
//! | 5.4 channel-specific requests | `channel::requests`, `session_channel` |
//! | 6 interactive sessions | `session_channel` |
//! | 7 TCP/IP port forwarding | the messages; the rest is the forwarder's |
//! | 9 message numbers | [`messages`] |

#![no_std]
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

extern crate alloc;
#[cfg(test)]
extern crate std;

mod areas;
mod budget;
mod channel;
mod commands;
mod connection;
mod data_path;
mod delivery;
mod error;
mod event;
mod flight;
mod flush;
mod global;
mod held;
pub mod limits;
pub mod manual;
pub mod messages;
mod open;
mod outlet;
mod round_trip;
mod schedule;
mod sender;
mod session_channel;
mod stack;
pub mod states;
pub mod trace;
#[cfg(feature = "transcript")]
pub mod transcript;
mod waiting;

pub use areas::Areas;
pub use channel::ChannelKey;
pub use connection::ConnectionConfig;
pub use delivery::{DataDelivery, Happening};
pub use error::LocalError;
pub use event::{ChannelEvent, Event, RequestTag, Stream, Turn};
pub use messages::{ChannelRequest, GlobalRequest, OpenFailure, OpenKind};
pub use stack::{Answer, ClientConfig, ServerConfig, Stack};

#[cfg(test)]
mod tests;

//! SSH-2 below the connection layer, without input or output of its own.
//!
//! Bytes, entropy and time go in; bytes, events and deadlines come out. There is no socket, no
//! runtime, no clock and no operating system here: the crate is `no_std`.
//!
//! | RFC | section | module |
//! | --- | --- | --- |
//! | 4251 | 5 data types | [`wire`] |
//! | 4253 | 4.2 identification | `version` |
//! | 4253 | 6 packets | [`packet`], [`cipher`], `compression` |
//! | 4253 | 7 key exchange, 8 Diffie-Hellman, 9 re-exchange | [`kex`] |
//! | 4253 | 10 service request, 11 other messages | `transport` |
//! | 4252, 4256 | user authentication | [`userauth`] |
//! | 8308 | extension negotiation | `ext_info` |

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
#[cfg(any(test, feature = "graviola"))]
extern crate std;

pub mod admission;
pub mod algorithms;
pub mod cipher;
pub mod compression;
pub mod disconnect;
pub mod entropy;
pub mod error;
pub mod ext_info;
pub mod kex;
pub mod key;
pub mod limits;
pub mod manual;
pub mod messages;
pub mod observe;
pub mod packet;
pub mod proof;
mod sender;
pub mod side;
pub mod sink;
pub mod text;
pub mod time;
pub mod trace;
#[cfg(feature = "transcript")]
pub mod transcript;
pub mod transport;
pub mod userauth;
pub mod version;
mod wipe;
pub mod wire;

pub use error::{Error, Result};
pub use packet::PayloadRange;
pub use sender::{Grant, PacketSender};
pub use side::Side;
pub use time::Timestamp;
pub use transport::{Incoming, Transport, TransportConfig, TransportEvent};

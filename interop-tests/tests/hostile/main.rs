//! A hostile peer against a stack: what it sends is sealed properly and means harm.
//!
//! | module | what the peer breaks |
//! | --- | --- |
//! | `framing` | RFC 4253 sections 4 and 6: identification, lengths, padding, integrity |
//! | `exchange` | RFC 4253 sections 7 to 9: messages that have no place, shares, rekeying |
//! | `login` | RFC 4252, RFC 8308: services, success unasked, extensions |
//! | `channels` | RFC 4254 section 5: windows, numbers, order |
//! | `floods` | bounds of memory and of answers |
//!
//! `tests/states` has every message number in every state.

#![forbid(unsafe_code)]

mod channels;
mod exchange;
mod floods;
mod framing;
mod login;

use tssh_interop_tests::hostile::{fight, raw};

//! A hostile peer against a stack: what it sends is sealed properly and means harm.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`raw`] | the peer |
//! | [`fight`] | it and a stack, with nothing between them |
//! | [`session`], [`tally`] | sessions in which the peer breaks rules at random |
//! | [`wire`] | the peer on a socket |
//! | [`script`], [`mutate`] | what a peer could well send, and damage to it |

pub mod fight;
pub mod mutate;
pub mod raw;
pub mod script;
pub mod session;
pub mod tally;
pub mod wire;

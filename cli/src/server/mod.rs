//! The server `tsshd`: it admits the user who runs it, and nobody else.
//!
//! | module | what it answers |
//! | --- | --- |
//! | [`args`], [`config`] | what is asked for, by sshd's own rules |
//! | [`policy`] | what that means for every connection |
//! | [`serve`], [`app`] | one connection; also within another program |
//! | [`session`] | shells, commands, subsystems |
//! | [`service`] | what a configuration makes of a connection |
//! | [`listener`], [`startups`], [`background`] | where connections come from |
//! | [`log`], [`auth_log`] | what is said about it |

pub mod app;
pub mod args;
pub mod auth_log;
pub mod background;
pub mod config;
pub(crate) mod descriptor;
pub mod host_keys;
pub mod listener;
pub mod log;
pub mod peer;
pub mod policy;
pub mod run;
pub mod serve;
pub mod service;
pub mod session;
pub mod startups;
mod stdio;

pub use policy::ServerPolicy;
pub use serve::serve_connection;

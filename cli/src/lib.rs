//! The SSH client `tssh` and the server `tsshd`: arguments, files, prompts and policy.
//!
//! The protocol itself is in `tssh-transport` and `tssh-connection`, sockets and forwarding are
//! in `tssh-forward`. What is left here is what only a program can decide: whose key is trusted,
//! who is asked, what is printed, and with which status the program ends.
//!
//! | module | what it answers |
//! | --- | --- |
//! | [`args`] | what the command line asks for, by ssh's own rules |
//! | [`config`] | what the configuration files add |
//! | [`connect`], [`proxy`] | which socket, and who opens it |
//! | [`known_hosts`], [`hostkey`] | whether the host key is the right one |
//! | [`identity`], [`agent`], [`auth`] | with which key or password to log in |
//! | [`terminal`], [`stdio`], [`prompt`] | the terminal and the three standard streams |
//! | [`xauth`] | the cookies of X servers |
//! | [`background`], [`signals`] | `-f`, and what ends the program from outside |
//! | [`plan`], [`advise`] | what forwards will come to, and which to take |
//! | [`mux`] | connection sharing: several sessions in one connection |
//! | [`demo`], [`lab`] | forwarding shown at work within this process |
//! | [`explain`] | what a message, an algorithm, a section, somebody's capture is |
//! | [`trace`] | what is written down of the protocol itself |
//! | [`coverage`] | which requirements of the RFCs that shows at work |
//! | [`client`] | the session, from the first byte to the exit status |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod account;
pub mod advise;
pub mod agent;
pub mod args;
pub mod auth;
pub mod background;
pub mod client;
pub mod config;
pub mod connect;
pub mod coverage;
pub mod cpu;
pub mod demo;
pub mod escape;
pub mod exit;
pub mod explain;
pub mod forwards;
pub mod hostkey;
pub mod identity;
pub mod known_hosts;
pub mod lab;
pub mod limits;
pub mod log;
pub mod manual;
pub mod mux;
pub mod open_files;
mod plain_files;
pub mod plan;
mod private_folder;
pub mod prompt;
pub mod proxy;
pub mod query;
pub mod revoked;
pub mod server;
pub mod server_auth;
pub mod signals;
pub mod stdio;
pub mod terminal;
mod terminal_modes;
#[cfg(test)]
mod test_support;
pub mod trace;
pub mod xauth;

/// The identification string of both programs, RFC 4253 section 4.2.
pub const IDENTIFICATION: &str = concat!("SSH-2.0-tssh_", env!("CARGO_PKG_VERSION"));

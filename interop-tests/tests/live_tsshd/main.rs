//! tsshd with OpenSSH's ssh, scp and sftp as its clients, all on 127.0.0.1.
//!
//! What concerns algorithms and bulk is in `live_openssh/server.rs`; here is what a login and a
//! session are like.

#![forbid(unsafe_code)]

mod agent;
mod audit;
mod certificates;
mod command_line;
mod configuration;
mod embedded;
mod forwards;
mod host_bound;
mod host_keys;
mod limits;
mod login;
mod methods;
mod permits;
mod revoked;
mod sessions;
mod support;
mod terminals;
mod x11;

//! tssh and tsshd against OpenSSH, all on 127.0.0.1, with keys and folders made for the run.
//!
//! `TSSH_TEST_CLIENT=/usr/bin/ssh cargo test --test live_openssh` runs the client's half with
//! stock ssh: the tests ask for nothing that OpenSSH does not do itself.

#![forbid(unsafe_code)]

mod agent;
mod agents;
mod algorithms;
mod auth;
mod background;
mod certificates;
mod config;
mod errors;
mod escapes;
mod forwards;
#[cfg(feature = "full")]
mod full;
mod host_key_updates;
mod hosts;
mod known_hosts;
mod login;
mod mux;
mod odd_files;
mod proxy;
mod quality;
mod secrets;
mod server;
mod shell;
mod silence;
mod support;
mod termination;
mod unasked;
mod x11;

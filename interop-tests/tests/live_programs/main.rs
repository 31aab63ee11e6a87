//! Real programs that drive ssh, as their users use them, with tssh in ssh's place or tsshd in
//! sshd's. All on 127.0.0.1, with keys and folders made for the run.
//!
//! `docs/programs.md` has the command lines, and the packages and versions they are tested with.

#![forbid(unsafe_code)]

mod ansible;
mod autossh;
mod copies;
mod git;
mod mosh;
mod relay;
mod rsync;
mod sshfs;
mod sshuttle;
mod support;

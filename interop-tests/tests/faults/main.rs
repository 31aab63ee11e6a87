//! What goes wrong beneath the programs: system calls that fail, disks that are full, connections
//! and processes that are killed at a moment that nobody chose. Right status, right words, no
//! wrong byte, nothing lost that was acknowledged.
//!
//! | module | what fails |
//! | --- | --- |
//! | `calls` | one system call of the client, by strace |
//! | `disk` | the disk under known_hosts and traces |
//! | `killed` | the writer of known_hosts, by SIGKILL |
//! | `cut` | the connection under a forwarded transfer, by a reset |
//!
//! Streams that fail inside the driver are tested by `faulty.rs` of `tssh-forward`.

#![forbid(unsafe_code)]

mod calls;
mod cut;
mod disk;
mod killed;

/// Points of a test: a share here, and all with `--features full`.
const fn points(share: usize, full: usize) -> usize {
    if cfg!(feature = "full") { full } else { share }
}

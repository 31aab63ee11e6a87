//! The programs, read aloud.
//!
//! What is left here is what only a program can decide: whose key is trusted, who is asked, what
//! is printed, how it ends. The protocol is below, and knows none of it.
//!
//! * [`one_run`]: tssh from its command line to its exit status.
//! * [`one_server`]: tsshd, and what a connection of it is.

pub mod one_run;
pub mod one_server;

//! Several hosts on private networks: what one machine's loopback cannot show.

#![forbid(unsafe_code)]

mod addresses;
mod chains;
mod lines;
mod remotes;
mod support;

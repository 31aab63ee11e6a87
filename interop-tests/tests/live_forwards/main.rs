//! Forwards of every kind between tssh and tsshd, and between either of them and OpenSSH.
//!
//! Each test runs with three pairs of client and server. As everywhere, `TSSH_TEST_CLIENT` and
//! `TSSH_TEST_SERVER` put others in the place of tssh and tsshd: the tests ask for nothing that
//! OpenSSH does not do itself, save where they say so.

#![forbid(unsafe_code)]

mod binds;
mod ftp;
mod kinds;
mod local;
mod many;
mod measured;
mod programs;
mod remote;
mod stalls;
mod support;
mod three_kinds;

//! `--trace`, `--keylog` and what is done with a trace afterwards, on real sessions with OpenSSH's
//! sshd: compared with the bytes on the wire, the schema, the RFCs, tshark, openssl and a browser.

#![forbid(unsafe_code)]

mod browser;
mod explain;
mod files;
mod page;
mod replay;
mod secrets;
mod stranger;
mod suites;
mod support;
mod tshark;
mod wire;

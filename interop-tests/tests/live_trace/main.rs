//! `--trace`, `--keylog` and what is done with a trace afterwards, on real sessions with OpenSSH's
//! sshd: compared with the bytes on the wire, the schema, the RFCs and tshark.

#![forbid(unsafe_code)]

mod files;
mod replay;
mod secrets;
mod support;
mod tshark;
mod wire;

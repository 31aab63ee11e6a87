//! The server. Everything is in the library; see `tssh::server`.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use tssh::server::{run, session::helper};

fn main() -> ExitCode {
    tssh::cpu::require();
    helper::run_if_asked().unwrap_or_else(|| run::main(std::env::args_os().skip(1)))
}

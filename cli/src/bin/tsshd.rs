//! The server. Everything is in the library; see `tssh::server`.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::process::ExitCode;
use tssh::server::{run, session::helper};
use zeroizing_alloc::ZeroAlloc;

/// As in the client: memory that is given back is overwritten first.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    tssh::cpu::require();
    helper::run_if_asked().unwrap_or_else(|| run::main(std::env::args_os().skip(1)))
}

//! The client. Everything is in the library; see `tssh::client`.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::process::ExitCode;
use tssh::account::Account;
use tssh::args::{self, Invocation};
use tssh::exit::{OWN_FAILURE, os_words};
use tssh::{client, cpu, demo, lab, log, signals, trace};
use zeroizing_alloc::ZeroAlloc;

/// Memory that is given back is overwritten first: crates that calculate with private keys give
/// primes and other intermediate values back as they are.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    signals::carry_out();
    cpu::require();
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    match args::parse(&words, &Account::current()) {
        Ok(Invocation::Help) => return printed(&args::help()),
        Ok(Invocation::Version) => return printed(args::VERSION),
        Ok(Invocation::VersionToStderr) => log::show(format_args!("{}\n", args::VERSION)),
        Ok(Invocation::Print(text)) => return printed(text.trim_end()),
        Ok(Invocation::Demo) => return demo::run(),
        Ok(Invocation::Lab(lesson, more)) => match lab::run(&lesson, more) {
            Ok(status) => return ExitCode::from(status),
            Err(fatal) => {
                fatal.report();
                return ExitCode::from(OWN_FAILURE);
            }
        },
        Ok(Invocation::Trace(tool)) => return ExitCode::from(trace::tool::main(&tool)),
        Ok(Invocation::Connect(arguments)) => return ExitCode::from(client::main(*arguments)),
        Err(fatal) => {
            fatal.report();
            return ExitCode::from(OWN_FAILURE);
        }
    }
    ExitCode::SUCCESS
}

fn printed(text: &str) -> ExitCode {
    match log::out(format_args!("{text}\n")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A reader that has gone, such as `head`, has what it wanted.
            if error.kind() != std::io::ErrorKind::BrokenPipe {
                log::show(format_args!("tssh: standard output: {}\n", os_words(&error)));
            }
            ExitCode::from(OWN_FAILURE)
        }
    }
}

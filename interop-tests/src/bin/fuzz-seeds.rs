//! Writes the inputs that a fuzz target begins with: fuzz-seeds TARGET FOLDER; with no arguments,
//! names the targets and the longest input of each.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;
use tssh_interop_tests::fuzz::{TARGETS, find, seeds};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, folder] = arguments.as_slice() else {
        TARGETS.iter().for_each(|target| println!("{} {}", target.name, target.longest));
        return ExitCode::SUCCESS;
    };
    if find(target).is_none() {
        eprintln!("fuzz-seeds: no target is called {target}");
        return ExitCode::FAILURE;
    }
    for (index, seed) in seeds::of(target).iter().enumerate() {
        if let Err(error) = std::fs::write(Path::new(folder).join(format!("seed-{index}")), seed) {
            eprintln!("fuzz-seeds: {folder}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

//! Chooses what to keep of the inputs in libFuzzer's control file: fuzz-keep CONTROL FILES BYTES.
//!
//! Prints how many edges all of them reach, and how many those that are to be kept; then the names
//! of these, one a line: at most FILES, which hold at most BYTES.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, BufReader};
use std::process::ExitCode;
use tssh_interop_tests::fuzz::cover::{Bounds, choose, edges, read};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bound = |at: usize| arguments.get(at).and_then(|word| word.parse().ok());
    let ([control, _, _], Some(files), Some(bytes)) = (arguments.as_slice(), bound(1), bound(2))
    else {
        eprintln!("usage: fuzz-keep CONTROL FILES BYTES");
        return ExitCode::from(2);
    };
    match keep(control, Bounds { files, bytes }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fuzz-keep: {control}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn keep(control: &str, bounds: Bounds) -> io::Result<()> {
    let inputs = read(BufReader::new(File::open(control)?))?;
    let chosen = choose(&inputs, bounds);
    println!("{} {}", edges(&inputs), edges(chosen.iter().copied()));
    chosen.iter().for_each(|input| println!("{}", input.name));
    Ok(())
}

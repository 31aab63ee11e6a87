//! Puts the functions that every run of tssh goes through side by side in the program.
//!
//! Linux maps 64 KiB or more around each page that runs. What a tunnel runs through until it is
//! idle is a fifth of the program, in functions that would lie all over it, and nearly all of it
//! would be in memory. `idle.ld` names them, for GNU's linker and LLVM's; a name that is no longer
//! there does nothing, and a function that is not named lies where it would lie anyway.

#![forbid(unsafe_code)]

use std::env::{var, var_os};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=idle.ld");
    let is = |name, value: &str| var(name).is_ok_and(|found| found == value);
    // Another linker may know no such script.
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let own_linker = flags.contains("linker=") || flags.contains("fuse-ld");
    let own_linker = own_linker || var_os("RUSTC_LINKER").is_some();
    if is("CARGO_CFG_TARGET_OS", "linux") && is("PROFILE", "release") && !own_linker {
        let folder = var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bin=tssh=-T");
        println!("cargo::rustc-link-arg-bin=tssh={folder}/idle.ld");
    }
}

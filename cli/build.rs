//! Puts the functions that every run of tssh goes through side by side in the program.
//!
//! Linux maps 64 KiB or more around each page that runs. What a tunnel runs through until it is
//! idle is a fifth of the program, in functions that would lie all over it, and nearly all of it
//! would be in memory. `idle.ld` names them, for GNU's linker and LLVM's; a name that is no longer
//! there does nothing, and a function that is not named lies where it would lie anyway.

#![forbid(unsafe_code)]

use std::env::{var, var_os};

/// With any value, the linker gets no script.
const SWITCH: &str = "TSSH_NO_LAYOUT";
/// How flags name another linker than the compiler's own: it may know no such script.
const OTHER_LINKER: [&str; 4] = ["linker=", "fuse-ld", "ld-path", "link-arg=-B"];

fn main() {
    let is = |name, value: &str| var(name).is_ok_and(|found| found == value);
    let target = var("TARGET").unwrap_or_default().to_uppercase().replace('-', "_");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=idle.ld");
    println!("cargo::rerun-if-env-changed={SWITCH}");
    println!("cargo::rerun-if-env-changed=CARGO_TARGET_{target}_LINKER");
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let other = OTHER_LINKER.iter().any(|words| flags.contains(words));
    let switched_off = var_os(SWITCH).is_some() || var_os("RUSTC_LINKER").is_some();
    // Only where it was tried.
    let tried = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ARCH", "x86_64");
    if let Ok(folder) = var("CARGO_MANIFEST_DIR")
        && tried
        && is("PROFILE", "release")
        && !other
        && !switched_off
    {
        println!("cargo::rustc-link-arg-bin=tssh=-T");
        println!("cargo::rustc-link-arg-bin=tssh={folder}/idle.ld");
    }
}

//! libFuzzer around the target that is named as the binary is.

#![no_main]

use std::sync::LazyLock;
use tssh_interop_tests::fuzz::{self, Target};

static TARGET: LazyLock<&'static Target> =
    LazyLock::new(|| fuzz::find(env!("CARGO_BIN_NAME")).expect("a target of that name"));

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));

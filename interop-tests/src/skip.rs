//! How a test says that it could not run: counted and named, and a failure on CI.

use std::fs::OpenOptions;
use std::io::Write;

/// Records that `test` did not run and why: on standard error, and as a line of the file that
/// `TSSH_SKIPS` names (`./test` sets it, counts the lines and prints them).
///
/// # Panics
/// When `CI=true`: there nothing may be skipped.
pub fn skip(test: &str, reason: &str) {
    eprintln!("SKIPPED {test}: {reason}");
    if let Some(path) = std::env::var_os("TSSH_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{test}: {reason}"));
    }
    assert!(
        std::env::var_os("CI").is_none_or(|value| value != "true"),
        "{test} cannot run on CI: {reason}"
    );
}

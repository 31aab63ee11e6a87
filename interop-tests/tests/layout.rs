//! The functions that the linker is to put side by side are there.

#![forbid(unsafe_code)]

use tssh_interop_tests::layout::{own_functions, own_patterns};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::tssh_binary;

/// Fewer of a hundred that are still there, and the list is to be written anew. What is inlined has
/// no name, and an optimised build inlines other functions than this one.
const LEAST_PERCENT: usize = 85;

#[test]
fn the_functions_that_lie_side_by_side_are_still_there() {
    let script = include_str!("../../cli/idle.ld");
    let program = std::fs::read(tssh_binary()).unwrap();
    let (listed, there) = (own_patterns(script), own_functions(&program));
    if there.is_empty() {
        skip("the functions that lie side by side", "this compiler gives them other names");
        return;
    }
    let found = listed.intersection(&there).count();
    let missing: Vec<&String> = listed.difference(&there).collect();
    assert!(
        !listed.is_empty() && found * 100 >= listed.len() * LEAST_PERCENT,
        "{found} of {}; `cargo run --release -p tssh-interop-tests --bin idle-functions` writes \
         them anew; missing: {missing:?}",
        listed.len(),
    );
}

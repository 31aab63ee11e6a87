//! Overwriting what is left on the stack, and in memory that was given back.
//!
//! A value that is cleared when it is dropped may have been moved before, and each place it came
//! from keeps a copy: below the stack pointer, until some other call happens to overwrite it. So
//! what handles private keys does it in a call of its own, and has that part of the stack
//! overwritten when the call is over.

use alloc::vec;
use alloc::vec::Vec;
use zeroize::Zeroize as _;

/// As deep as the calls go that handle private keys: the largest tables on the stack are those of
/// the curves, some 10 KiB in builds for debugging.
const STACK_BYTES: usize = 32 * 1024;

/// Calls `with`, then overwrites the stack that it has used.
pub(crate) fn after<T>(with: impl FnOnce() -> T) -> T {
    let outcome = apart(with);
    overwrite();
    outcome
}

/// Never part of its caller, so that its frame lies where [`overwrite`] writes.
#[inline(never)]
fn apart<T>(with: impl FnOnce() -> T) -> T {
    with()
}

#[inline(never)]
fn overwrite() {
    let mut area = [0xa5_u8; STACK_BYTES];
    area.zeroize();
    core::hint::black_box(&area);
}

/// Sizes up to which allocators keep blocks that were given back by their very size.
const KEPT_BY_SIZE_BYTES: usize = 1032;
/// More blocks of one size than an allocator keeps aside.
const BLOCKS_OF_A_SIZE: usize = 8;
/// Blocks that fill what was merged into larger pieces: with their bookkeeping 80 bytes each, less
/// than the smallest prime.
const SMALL_BYTES: usize = 64;
/// So many of them take 160 KiB, more than a thread has given back after one key.
const SMALL_BLOCKS: usize = 2048;

/// The same for what works on big numbers: the crates for RSA give their intermediate values back
/// as they are, the primes among them. Blocks of every size are taken, overwritten, and given
/// back; they come from the places that were used last.
pub(crate) fn after_big_numbers<T>(with: impl FnOnce() -> T) -> T {
    let outcome = after(with);
    let sizes = (24..=KEPT_BY_SIZE_BYTES).step_by(16);
    let by_size = sizes.flat_map(|size| core::iter::repeat_n(size, BLOCKS_OF_A_SIZE));
    let small = core::iter::repeat_n(SMALL_BYTES, SMALL_BLOCKS);
    // All of them are held at a time, or one place would be overwritten again and again.
    let mut blocks: Vec<Vec<u8>> = by_size.chain(small).map(|size| vec![0xa5; size]).collect();
    blocks.iter_mut().for_each(|block| block.as_mut_slice().zeroize());
    core::hint::black_box(&blocks);
    outcome
}

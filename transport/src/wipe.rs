//! Overwriting what is left on the stack.
//!
//! A value that is cleared when it is dropped may have been moved before, and each place it came
//! from keeps a copy: below the stack pointer, until some other call happens to overwrite it. So
//! what handles private keys does it in a call of its own, and has that part of the stack
//! overwritten when the call is over.
//!
//! Memory that is given back is not this module's concern: the crates for big numbers give back
//! their intermediate values as they are, the primes of a key among them. A program that works
//! with private keys has an allocator that overwrites what it is given; tssh and tsshd do.

use zeroize::Zeroize as _;

/// As deep as the calls go that handle private keys: the largest tables on the stack are those of
/// the curves, some 10 KiB in builds for debugging.
const STACK_BYTES: usize = 32 * 1024;

/// As deep as one call of a cipher goes that keeps round keys on the stack, and no more, as it is
/// paid for each packet.
#[cfg(all(feature = "graviola", target_arch = "x86_64"))]
const CIPHER_BYTES: usize = 4 * 1024;

/// Calls `with`, then overwrites the stack that it has used.
pub(crate) fn after<T>(with: impl FnOnce() -> T) -> T {
    let outcome = apart(with);
    overwrite();
    outcome
}

/// The same for one packet of a cipher.
#[cfg(all(feature = "graviola", target_arch = "x86_64"))]
pub(crate) fn after_packet<T>(with: impl FnOnce() -> T) -> T {
    let outcome = apart(with);
    overwrite_round_keys();
    outcome
}

/// Never part of its caller, so that its frame lies where [`overwrite`] writes.
#[inline(never)]
fn apart<T>(with: impl FnOnce() -> T) -> T {
    with()
}

#[inline(never)]
fn overwrite() {
    // In words: byte by byte would be eight times as many writes.
    let mut area = [0xa5_u64; STACK_BYTES / size_of::<u64>()];
    area.zeroize();
    core::hint::black_box(&area);
}

#[inline(never)]
#[cfg(all(feature = "graviola", target_arch = "x86_64"))]
fn overwrite_round_keys() {
    let area = [0xa5_u8; CIPHER_BYTES];
    // Whatever may look at it needs it written. Writing byte by byte would cost as much as the
    // cipher does.
    core::hint::black_box(&area);
}

//! The connection layer alone: payloads in, payloads out.

mod closing;
mod data;
mod held;
mod opening;
mod requests;
mod stack;
mod stack_data;
pub(crate) mod support;
#[cfg(feature = "transcript")]
mod transcript;

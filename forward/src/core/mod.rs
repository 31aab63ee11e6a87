//! What to listen on, what to permit, when to shut down: decisions without sockets.

pub mod address;
pub mod advise;
pub mod display;
pub mod idle;
pub mod keystrokes;
pub mod local;
pub mod pattern;
pub mod plan;
pub mod policy;
pub mod pump;
pub mod remote;
pub mod services;
pub mod socks;
pub mod x11;

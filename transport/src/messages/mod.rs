//! The messages of RFC 4253 and RFC 4252, each declared once.

pub mod kex;
pub mod number;
pub mod transport;
pub mod userauth;

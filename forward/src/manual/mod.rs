//! The forwarder, read aloud.
//!
//! Two halves: [`core`](crate::core) decides and touches nothing, [`driver`](crate::driver) owns
//! every socket and decides nothing. Whatever can be a table or a function of what is known is in
//! the first, where it is tested without a socket; what is left is the second.
//!
//! * [`one_round`]: the loop of a connection, and why there is one task and no other.
//! * [`one_connection`]: a forwarded connection from its first packet to its last.

pub mod one_connection;
pub mod one_round;

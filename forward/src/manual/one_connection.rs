//! One forwarded connection.
//!
//! # The side that listens
//!
//! A listener takes a bounded number of connections in a round (`driver/acceptor.rs`). For each,
//! a channel is asked for, `direct-tcpip` for our `-L`, `forwarded-tcpip` for the peer's `-R`, with
//! the target and the originator. Nothing is read from the socket until the peer has accepted: a
//! byte that was read could not be given back. With `-D` the client is asked first, by the SOCKS
//! machine of [`core::socks`](crate::core::socks).
//!
//! # The side that dials
//!
//! A request to open a channel is held against [`core::policy`](crate::core::policy): a client
//! permits only what it asked for itself, a server what its configuration and the key permit.
//! Targets are compared as they are written, before anything is looked up. Then the connection is
//! made, at most so many at a time, and the channel is confirmed only when it stands, or refused
//! with the reason in the operating system's words. (A SOCKS client at the far side, of `-R PORT`,
//! says over its channel where it wants to go: that channel is open before.)
//!
//! # While it lasts
//!
//! [`core::pump`](crate::core::pump) joins the two streams of a socket to the two of a channel:
//!
//! * An end in one direction never causes an end in the other.
//! * What was sent before an EOF or a CLOSE still reaches the endpoint.
//! * The channel is closed once both directions have ended; that of a session only when its
//!   process has, for an exit status follows the last byte.
//!
//! An endpoint that fails, such as by a reset, ends its channel and no other.
//!
//! # The end of the connection
//!
//! Before the driver ends, what the peer sent last is still given to the endpoints, for a while
//! that is bounded; then everything closes, and with it every listener.

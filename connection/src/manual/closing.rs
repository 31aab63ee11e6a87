//! The two halves of a channel.
//!
//! A channel is two streams in opposite directions that end separately: `SSH_MSG_CHANNEL_EOF` says
//! that one end sends no more, and nothing about what it still wants to hear. An implementation
//! that answers EOF with EOF cuts off the answer to a request that was complete:
//!
//! ```text
//!  client                          server
//!    | -- DATA "GET /" ------------> |
//!    | -- EOF ---------------------> |   the request is complete
//!    | <------------- DATA "200 .."- |   and only now comes the answer
//!    | <--------------------- EOF -- |
//!    | -- CLOSE -------------------> |
//!    | <------------------- CLOSE -- |
//! ```
//!
//! So each half has a machine of its own, and beside them stands how far the closing has come.
//! All of them are tables in `channel/halves.rs`, tested for every state and every event.
//!
//! Three rules follow from CLOSE:
//!
//! * The peer's CLOSE is answered by ours at once. What came before it may stand in the ring and
//!   is still delivered; the number is used again only when the ring is empty.
//! * After our CLOSE the peer may not have heard of it yet. Its data is counted against the
//!   window, thrown away, and not credited: there is nobody left who could use a credit.
//! * After the peer's CLOSE no message may name the channel. One that does ends the session, as a
//!   peer that does not know its own channels cannot be followed.
//!
//! EOF and CLOSE are kept as state and rendered when the gate allows, so a key exchange between
//! the call and the packet costs nothing and changes no order: requests, then EOF, then CLOSE.

//! Recorded sessions: the lines of the whole stack, and their replay.
//!
//! The text format and the transport's lines are those of [`tssh_transport::transcript`]. Added
//! here is what goes into a [`Stack`] besides bytes:
//!
//! | line | call |
//! | --- | --- |
//! | `c next AT COUNT`, `c idle AT`, `c failed AT` | [`Stack::next`], as with the transport |
//! | `c accept CHANNEL STREAM BYTES` | how much of the data that came was taken at once |
//! | `c drained CHANNEL STREAM BYTES` | how much was taken from a ring |
//! | `c turn CHANNEL STREAM MAX` | a turn that was given |
//! | `c want CHANNEL STREAM` | something to send |
//! | `c data CHANNEL STREAM BYTES`, `c empty CHANNEL STREAM` | what was sent, or nothing |
//! | `c open CHANNEL MESSAGE` | opening |
//! | `c accept-open CHANNEL`, `c refuse-open CHANNEL CODE TEXT` | the answer to it |
//! | `c eof CHANNEL`, `c close CHANNEL` | closing |
//! | `c request CHANNEL MESSAGE`, `c reply CHANNEL OK` | requests about a channel |
//! | `c global MESSAGE`, `c reply-global OK DATA` | requests about none |
//! | `c answer ...` | the answer to a question |
//! | `c deadline AT`, `c rekey`, `c ping DATA`, `c debug TEXT` | the calls of these names |
//! | `c disconnect CODE TEXT` | the call of this name |
//!
//! A channel is `INDEX.GENERATION` of its key, a message the whole message on the wire.

mod answer;
mod call;
mod header;
mod replay;
mod tampered;

pub(crate) use call::Call;
pub use header::{Settings, client_header, new_stack, server_header, settings_header};
pub use replay::{
    Answers, Seen, channel_name, observe_connection, observe_stack, replay_connection,
};
pub use tampered::{Tampered, Tampering, replay_tampered};

#[cfg(test)]
mod tests;

//! Recorded sessions: their text format, the recorder's log, and the replay of the transport.
//!
//! A transcript holds everything that went into a connection in order: its seed, its
//! configuration, bytes, commands, answers and times. Replayed, it must give the same bytes out.
//! It can decrypt its session, and says everything that was sent, passwords too. That of a server
//! holds the host key besides: it is for test keys only.
//!
//! ```text
//! tssh-transcript 1
//! side client
//! seed 00112233...
//! cipher aes128-gcm@openssh.com
//!
//! t received 5353482d...
//! t next 1200 1
//! t idle 1200
//! t transmitted 5353482d...
//! ```
//!
//! The header ends with an empty line. A line of the log starts with the layer that it belongs
//! to (`t` transport, `c` connection, `f` forward) and the name of the call; times are in
//! microseconds since the connection was made.
//!
//! | line | call |
//! | --- | --- |
//! | `t received BYTES` | what was read from the socket |
//! | `t transmitted BYTES` | what the socket took |
//! | `t next AT COUNT` | so many calls of `next`, each of which gave something |
//! | `t idle AT` | a call of `next` that gave nothing |
//! | `t failed AT` | a call of `next` that ended the connection |
//! | `t send PAYLOAD`, `t data PAYLOAD` | what the layers above send |
//! | `t in LENGTH HEAD`, `t out LENGTH HEAD` | packets, for a listing; no replay needs them |
//! | `t sent`, `t hostkey YES AT`, `t authenticated` | the calls of these names |
//! | `f ended TEXT` | the last line of a live recording, and how the connection ended |
//! | `t rekey`, `t deadline AT`, `t disconnect CODE TEXT`, `t end` | the calls of these names |

mod format;
mod log;
mod play;
mod replay;

pub use format::{Line, ReadFault, Transcript, config, header, hex, unhex};
pub use log::{Came, Log};
pub use play::{Chunks, Layer, Played, play};
pub use replay::{Mismatch, disconnect, replay_transport};

#[cfg(test)]
mod tests;

//! The connection layer, read aloud.
//!
//! Start with [`windows`], which follows one byte from a socket to a socket and its credit back;
//! then [`closing`], which is about the two halves of a channel and why each ends by itself.
//!
//! Seven words are our own; all others are the RFC's.
//!
//! | Word | Meaning |
//! | --- | --- |
//! | gate | Closed between our KEXINIT and our NEWKEYS: nothing of this layer passes |
//! | grant, commit | Lent room in the outgoing buffer, and making it a packet |
//! | turn | Leave to send a packet of data, or a run of full ones |
//! | run | Full packets of one channel that are read at once and sent in a row |
//! | credit | Window bytes that a consumer has given back and that are announced, or will be |
//! | spend | To use up window that the peer gave us |
//! | intent | Control that is kept as state until it may be sent: credit, EOF, CLOSE |

pub mod closing;
pub mod windows;

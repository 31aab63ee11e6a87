//! The manual: chapters that walk through the code. They are built with it, so that the names in
//! them exist.
//!
//! * [`one_packet`]: how a payload becomes a packet, and a packet a payload.
//! * [`one_handshake`]: a connection from the first byte to the proof that a user is
//!   authenticated.
//! * [`attacks`]: what has gone wrong elsewhere, and what stands against it here.
//!
//! # Words of our own
//!
//! Everything has the name that the RFCs give it. Six words are ours:
//!
//! * A **grant** is a writable area for a payload, already at its final place in the outgoing
//!   buffer; **commit** turns what was written into a packet.
//! * The **gate** is closed between our KEXINIT and our NEWKEYS; data waits outside.
//! * A **turn** is one channel's chance to send one packet of data.
//! * To **credit** is to give window back to the peer, to **spend** is to use what it gave us.
//! * An **intent** is something to be sent that is kept as state until it may go.

pub mod attacks;
pub mod one_handshake;
pub mod one_packet;

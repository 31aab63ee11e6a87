//! One packet, there and back.
//!
//! RFC 4253 section 6 gives a packet five parts:
//!
//! ```text
//! uint32    packet_length   length of what follows, without the tag
//! byte      padding_length
//! byte[n1]  payload
//! byte[n2]  random padding  at least 4 bytes, to a multiple of the block
//! byte[m]   mac             the tag
//! ```
//!
//! # Going out
//!
//! A layer above asks [`crate::PacketSender::grant`] for room. What it gets lies inside the
//! outgoing buffer, five bytes behind the place where the packet will start, so that a socket
//! can be read straight into it. [`crate::Grant::commit`] writes the two lengths in front, draws
//! padding from a pool, and has the [`crate::cipher::Sealer`] encrypt and authenticate in place.
//! No byte was copied. The sequence number, which never travels, goes up by one.
//!
//! # Coming in
//!
//! The driver reads the socket into [`crate::Transport::receive_space`]. With the first bytes
//! there, [`crate::cipher::Opener::open_length`] says how long the packet is. The length is
//! checked before anything else happens: nothing is allocated because of it, and nothing waits
//! for more than 256 KiB. With the whole packet there, [`crate::cipher::Opener::open`] checks the
//! tag, in constant time, and only then is the padding length looked at: a payload that nobody
//! authenticated is never parsed.
//!
//! The payload is handed out as a [`crate::PayloadRange`], a place in the buffer it was received
//! in. It can be read together with the sending half ([`crate::Transport::payload`]), so that a
//! handler can answer while it reads.

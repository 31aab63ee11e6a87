//! One byte, and its credit back.
//!
//! # Out
//!
//! A local socket is readable. The driver calls [`Stack::want_send`](crate::Stack::want_send), and
//! the channel takes its place in the queue of those that have something to send. It gets its
//! turn when three things hold: the peer has given window, no key exchange is going on, and not
//! too much waits for the SSH socket. If one fails, the socket is simply not read, and TCP holds
//! its sender. Nothing is queued here, so nothing can grow.
//!
//! [`Stack::send_data`](crate::Stack::send_data) lends the driver room in the outgoing buffer for
//! one packet, or for a run of them, each behind a header of nine bytes:
//!
//! ```text
//!  94 | recipient channel | length | data ...
//!   1 |         4         |   4    | read from the socket, straight to here
//! ```
//!
//! The packet is sealed where it lies. The window is spent; when it is used up, the channel
//! leaves the queue until SSH_MSG_CHANNEL_WINDOW_ADJUST brings more. It may leave earlier: a peer
//! that is slower than we are lets the whole window wait in buffers, and a byte of any other
//! channel stands behind it. So the layer measures how much the path holds (`flight.rs`), and
//! while several channels send it holds one that has more than that on its way, though never for
//! ever (`held.rs`).
//!
//! # In
//!
//! A packet is decrypted where it was received. The layer looks up the channel by its number (one
//! index into a table, however many channels there are), checks the data against the window that
//! we gave, and lends it out as a [`DataDelivery`](crate::DataDelivery). The driver lets it wait
//! where it is until all packets of one read are open, and then writes them to the local socket
//! with one vectored write. What the socket does not take is copied into the channel's ring, which
//! did not exist until then, and cannot be larger than the window.
//!
//! # Back
//!
//! Only what a socket took is credited: `granted -> held -> owed -> granted` is the circle that
//! every byte of the window goes round. So a slow socket holds back its own channel and no other,
//! and what all slow sockets together can make us hold is the sum of the windows, for which
//! there is a budget. An announcement waits until an eighth of the window is owed, for it costs
//! a packet.
//!
//! # Larger
//!
//! On a long path the window is what limits: the peer sends all of it and waits for a round trip.
//! The layer knows the round trip as the shortest time in which a channel or a request was
//! answered. Where more than half a window was consumed within that time and nothing waits in the
//! ring, the window doubles, as far as the budget has bytes left. From 2 MiB, which is what OpenSSH
//! gives, it takes four fifths, for 20 ms at least, and answers in the login count too, as the
//! first channel's has a server in it that is starting; then the window grows once by 4 MiB, then
//! by 2 MiB, or by a quarter where that is more: OpenSSH's sender fills what a window has beyond
//! the need with data that it then moves about in its memory. With `ChannelWindow SIZE` it has that
//! size from the start instead, and `ChannelMemory` is what the budget has in all.

//! One round of the loop.
//!
//! One task owns the SSH socket and every endpoint of its channels. So nothing is shared, nothing
//! is locked, and the order in which things happen is the order of this list (`driver/session.rs`):
//!
//! 1. **What woke us.** Each socket has a waker of its own that puts a token on the ready list
//!    (`driver/ready.rs`): a round looks at those that have something, however many there are.
//! 2. **Calls.** Other tasks do not touch the connection; they post a closure through a
//!    [`Handle`](crate::driver::Handle), and it runs here. Their number in one round is bounded,
//!    so that they cannot keep data from moving.
//! 3. **The SSH socket is read once**, as much as there is room for. Packets are opened, and the
//!    application hears of each event before the next packet is looked at.
//! 4. **Data goes to its endpoints** in one write for each channel and read. What an endpoint
//!    does not take waits in its channel's ring.
//! 5. **Connections that were made**, names that were looked up: their channels are answered.
//! 6. **Turns.** Channels whose endpoint has something take turns of a packet, those who send
//!    all the time four in a row, as long as the peer gives window and not too much waits for the
//!    SSH socket.
//! 7. **The SSH socket is written** with all of that.
//!
//! Where nothing moved, the task sleeps until a waker or the earliest deadline. Where something
//! always moves, it lets others run after `ROUNDS_PER_WAKE` rounds. Nothing in a round waits: a
//! name that is being resolved or a connection that is being made is a job beside the loop, with
//! a limit on how many there are and how long each may take (`driver/dial.rs`).
//!
//! # Who holds up whom
//!
//! A peer that does not read stops our turns, by the window of the channel or by what waits for
//! the socket; then the endpoint is not read, and TCP stops whoever writes to it. An endpoint that
//! does not read fills its channel's window and stops the peer, for that channel. Neither stops
//! any other channel, and no memory grows beyond the windows that were given.

//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Room for one read of the SSH socket, at least, once reads fill it; a part of a packet is in
/// front of it, and the buffer is a power of two, so usually twice as much is lent: the size from
/// which a read's fixed cost no longer shows.
pub const SSH_READ_BYTES: usize = 128 * 1024;
/// The same at first. A login and a terminal never fill it, and memory that is not touched costs
/// neither time at the start nor room while nothing happens.
pub const SSH_READ_FIRST_BYTES: usize = 8 * 1024;
/// Most bytes that wake the reader of a fast stream: the fewer wakes the better, up to what one
/// read takes, or two. A peer that limits what is on its way must not wait for us to read it before
/// as much is: tssh and tsshd leave more than that on their way.
pub const GATHER_BYTES: usize = 256 * 1024;
/// Fewest, about three packets of OpenSSH's: what comes more slowly, as on a line of 1 Gbit/s,
/// leaves time to sleep between its packets.
pub const GATHER_BYTES_LEAST: usize = 96 * 1024;
/// Their number is a multiple of this, about a packet of OpenSSH's.
pub const GATHER_BYTES_STEP: usize = 32 * 1024;
/// As many bytes are waited for as come in this time at the stream's rate: three quarters of
/// [`GATHER_TIME`].
pub const GATHER_WAIT: Duration = Duration::from_micros(750);
/// How long they are waited for; the timer adds up to as much again.
pub const GATHER_TIME: Duration = Duration::from_millis(1);
/// So much in a row is a stream, and shows its rate.
pub const GATHER_AFTER_BYTES: usize = 1024 * 1024;
/// The same for a peer that has let us wait in vain: each time twice as much, up to this. So no
/// more than one such wait is lost for as many bytes, however they come.
pub const GATHER_AFTER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Data that is shorter than this may be what somebody is waiting for.
pub const GATHER_SMALL_BYTES: usize = 1024;
/// Pieces that one write takes: both halves of a ring and a read's worth of full packets.
pub const PIECES_PER_WRITE: usize = 2 + tssh_connection::limits::PIECES_MAX;
/// Rounds of the loop before the task lets others run; each moves at most one read and one full
/// backlog, so a busy connection yields every 2 MiB or so.
pub const ROUNDS_PER_WAKE: usize = 8;
/// Connections accepted from one listener in one round, so that a flood of them cannot keep the
/// loop from moving data.
pub const ACCEPTS_PER_ROUND: usize = 64;
/// Connections being made at a time; further ones wait in the order of their requests, so a burst
/// of a thousand is served and a flood cannot take every descriptor.
pub const DIALS_MAX: usize = 1024;
/// Connections that wait to be made, past which SOCKS clients at the far side get no more: as many
/// as there may be channels. Theirs can be gone while a dial of theirs has yet to end, so that
/// coming and going would grow the line for ever.
pub const DIALS_WAITING_MAX: usize = 8192;
/// How long one address may take to answer a dial: three tries of TCP's own fit in it.
pub const DIAL_PATIENCE: Duration = Duration::from_secs(20);
/// Addresses of one name that are tried: a resolver's answer must not decide how long we try.
pub const DIAL_ADDRESSES_MAX: usize = 16;
/// Connections not yet accepted by us that the kernel holds for one listener; the kernel lowers
/// it to its own limit (4,096 by default). ssh's 128 drops connections of a burst of 1,000.
pub const LISTEN_BACKLOG: u32 = 1024;
/// How often a free port is looked for that is free for both families: with few ports in use the
/// first try does it.
pub const FREE_PORT_TRIES: usize = 8;
/// The same as [`LISTEN_BACKLOG`], in the type of the call for Unix sockets.
pub const LISTEN_BACKLOG_UNIX: i32 = 1024;
/// A host or an address that a peer names: no name of the DNS is longer, and SOCKS cannot say
/// more. A packet could hold a thousand times as much, once for each channel that waits.
pub const HOST_BYTES_MAX: usize = 255;
/// A path that a peer names: what the address of a Unix socket holds on Linux, 108 with its zero.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Requests of a peer's about forwards that want no reply and wait behind one that is being
/// decided: nobody sends such a thing, and whoever does gets no more.
pub const UNREPLIED_MAX: usize = 64;
/// User name of SOCKS 4, which nobody reads: it ends with a zero byte that may not come.
pub const SOCKS_USER_BYTES_MAX: usize = 255;
/// Clients of our SOCKS listeners that have not said yet what they want: each holds a descriptor
/// and no channel. A further one is turned away.
pub const NEGOTIATIONS_MAX: usize = 1024;
/// How long a SOCKS client may take to say what it wants: two round trips and no human.
pub const SOCKS_PATIENCE: Duration = Duration::from_secs(30);
/// Listening sockets of one connection: more than any configuration has.
pub const LISTENERS_MAX: usize = 1024;
/// Local forwards of one connection over its whole life, ended ones included: each keeps its
/// number, and nobody adds and cancels as many by hand.
pub const FORWARDS_MAX: usize = 65_536;
/// First wait after a failed accept (no descriptors left, usually); it doubles from there.
pub const ACCEPT_RETRY_FIRST: Duration = Duration::from_millis(50);
/// Longest wait after a failed accept.
pub const ACCEPT_RETRY_LAST: Duration = Duration::from_secs(1);

/// The name of an X11 authentication protocol, as far as it is waited for: every real one is
/// shorter, and its length is the X client's word.
pub const X11_PROTOCOL_NAME_BYTES_MAX: usize = 256;

/// Commands of callers that wait for the task; a caller waits when it is full.
pub const COMMANDS_MAX: usize = 256;
/// Commands taken in one round.
pub const COMMANDS_PER_ROUND: usize = 64;

/// How long the last words of a connection may take to reach the socket, and what was received
/// before its end may take to reach its endpoints.
pub const CLOSE_GRACE: Duration = Duration::from_secs(5);
/// How long the end of what a peer said is waited for once nothing can be written to it: it follows
/// at once, unless the peer closed one direction only.
pub const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long an endpoint may take for what came before a CLOSE without EOF.
pub const DRAIN_AFTER_CLOSE: Duration = Duration::from_secs(30);
/// A peer that reads nothing while we may not read it either, because it owes us room for
/// replies, is given this long: nothing but its own reading can end that wait.
pub const STALL: Duration = Duration::from_secs(60);
/// How long a server may owe an answer in authentication. OpenSSH's own grace is 120 s, so a
/// longer silence has no answer at its end.
pub const AUTH_SILENCE: Duration = Duration::from_secs(180);

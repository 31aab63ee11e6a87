//! Every bound of this crate, with its reason.

use core::time::Duration;

/// Channels at one time, opening and closing ones included: 5,000 forwarded connections at once
/// are a stated goal, and a number beyond it bounds the table.
pub const CHANNELS_MAX: usize = 8192;

/// The 'maximum packet size' that we advertise: what OpenSSH uses; larger packets measured no
/// better.
pub const PACKET_BYTES_MAX: u32 = 32 * 1024;
/// Data that we put into one packet, whatever the peer would take: one channel's packet, or run of
/// them, is what the others wait for.
pub const SEND_BYTES_MAX: u32 = 32 * 1024;
/// Full packets that one channel sends in a row, and most that are read at once: the peer passes
/// them on in one go. A round of several channels takes as much longer; 128 KiB are a tenth of a
/// millisecond at 1 GiB/s.
pub const RUN_PACKETS: usize = 4;
/// A channel whose packet had room left and less than this in it does not send all the time: a key
/// stroke, a question.
pub const SHORT_BYTES: usize = 4096;

/// Receive window of the first channel: what OpenSSH offers.
pub const WINDOW_FIRST_BYTES: u32 = 2 * 1024 * 1024;
/// Time over which the rate is measured that may show a window of that size to be too small, at
/// least: what waited in sockets while the scheduler ran somebody else comes all at once, and
/// shows how fast we read.
pub const WINDOW_PERIOD: Duration = Duration::from_millis(20);
/// The limit of what is on its way on a channel never falls below this, and the delay of a message
/// with less on its way is not measured: with a window of 2 MiB our own receiver gives nothing back
/// before it took 256 KiB, OpenSSH's before it took 96. Six packets more: with two, a peer that a
/// scheduler had kept from running had nothing to do when it ran.
pub const FLIGHT_BYTES_LEAST: u32 = 448 * 1024;
/// A shorter delay counts as this one: about the turn of a scheduler, without which two processes
/// on either side of a socket wait for each other in turn.
pub const FLIGHT_DELAY_LEAST: Duration = Duration::from_micros(450);
/// Time over which the rate is measured, at least: some turns of a scheduler.
pub const FLIGHT_PERIOD: Duration = Duration::from_millis(20);
/// Age of the least delay at which it is measured anew. What that costs is two delays with little
/// on its way: 4 % where the delay is 200 ms, and nothing where no queue hides the least one.
pub const FLIGHT_FRESH: Duration = Duration::from_secs(10);
/// The longest for which little is sent because of that.
pub const FLIGHT_DRAIN_MAX: Duration = Duration::from_secs(1);
/// The longest for which one delay is measured.
pub const FLIGHT_DELAY_MAX: Duration = Duration::from_secs(5);
/// Time for which the limit counts after another channel than before has sent: a ping a second
/// finds it in force.
pub const FLIGHT_SHARED: Duration = Duration::from_secs(2);
/// Time after which a channel that hears nothing at its limit is let go: a peer that gives back
/// only larger parts may be waiting for more. Longer than most round trips.
pub const FLIGHT_WAIT: Duration = Duration::from_millis(250);
/// Time for which it then has no limit but its window: the waits are a fortieth of it, should the
/// peer always be waiting for more.
pub const FLIGHT_LEAVE: Duration = Duration::from_secs(10);
/// Channels at the limit are looked at together, no more often than this: all have to be.
pub const FLIGHT_LOOK: Duration = Duration::from_millis(10);
/// Largest receive window that growth reaches: 1 Gbit/s over 130 ms.
pub const WINDOW_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Smallest receive window: what every channel gets, however many there are.
pub const WINDOW_LEAST_BYTES: u32 = 4 * 1024;

/// Sum of all receive windows, and so of all that slow sockets can make us hold.
pub const CHANNEL_MEMORY_BYTES: u64 = 32 * 1024 * 1024;
/// Channels for which a least window is always kept: the stated goal of 5,000, and some. It is
/// 20 MiB of the default sum; larger windows are given from the rest.
pub const RESERVED_CHANNELS: u64 = 5120;

/// Requests in one direction that wait for their reply, for each channel and for the connection:
/// nobody pipelines more. The peer's packets are left unread past it; ours are refused to the
/// caller.
pub const REQUESTS_UNANSWERED_MAX: usize = 64;
/// Replies and refusals that wait while a key exchange keeps us from sending. Reading cannot stop
/// then, for the peer's part of the exchange may stand behind its own requests.
pub const HELD_REPLIES_MAX: usize = 4096;
/// Packets whose data waits where it was decrypted: more than one read of the SSH socket brings of
/// full ones. Small ones beyond it are copied, which costs little.
pub const PIECES_MAX: usize = 16;
/// Bytes of a peer's text that an event carries: OpenSSH's longest message fits many times over.
pub const TEXT_BYTES_MAX: usize = 4096;

// "MUST NOT advertise a maximum packet size that would result in transport packets larger than
// its transport layer is willing to receive." RFC 4254 section 5.2
const _: () = assert!(
    PACKET_BYTES_MAX.saturating_add(1024) < tssh_transport::limits::PACKET_LENGTH_MAX,
    "payload headers, padding and data must fit one transport packet"
);

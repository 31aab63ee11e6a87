//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Files that are read whole (configuration, known hosts, keys): far above any real one.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A private key file: an RSA key of 16,384 bits takes 13 KiB.
pub const KEY_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Depth of `Include`, as in OpenSSH.
pub const INCLUDE_DEPTH_MAX: usize = 16;
/// Configuration files read in one run: nested globs must end.
pub const CONFIG_FILES_MAX: usize = 1024;
/// Identity files, and forwards of one kind (OpenSSH's `SSH_MAX_IDENTITY_FILES`).
pub const IDENTITY_FILES_MAX: usize = 100;
/// Entries of `LocalForward`, `SendEnv` and `SetEnv` together: far more than anybody writes.
pub const LIST_ENTRIES_MAX: usize = 4096;
/// One frame of the agent protocol (OpenSSH's `AGENT_MAX_LEN` is 256 KiB).
pub const AGENT_FRAME_BYTES_MAX: usize = 256 * 1024;
/// Keys taken from one agent, as in OpenSSH (`MAX_AGENT_IDENTITIES`).
pub const AGENT_KEYS_MAX: usize = 2048;
/// A silent agent must not hold up a login for ever; signing waits for a human and has no bound.
pub const AGENT_LIST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long xauth may take: it waits for a lock on its file, which a program that died may have
/// left behind.
pub const XAUTH_TIMEOUT: Duration = Duration::from_secs(10);
/// What xauth prints about one display: a line or a few.
pub const XAUTH_OUTPUT_BYTES_MAX: u64 = 64 * 1024;
/// Connections to the X server and to the agent that are being made at one time: the server on
/// the other side opens them, and each costs a descriptor before it is of any use.
pub const LOCAL_DIALS_MAX: usize = 64;
/// How long such a connection may take to come about.
pub const LOCAL_DIAL_TIMEOUT: Duration = Duration::from_secs(30);
/// An untrusted cookie lives this much longer than `ForwardX11Timeout`, as in ssh: whoever
/// connects at the last moment still gets in.
pub const X11_TIMEOUT_SLACK: Duration = Duration::from_secs(60);
/// Connections of one tsshd that are traced: whoever can connect, without a login, has a file made,
/// and a folder holds only so many.
pub const TRACES_MAX: u64 = 10_000;
/// Least `ChannelWindow`: one packet, of which a peer would have to cut off pieces otherwise.
pub const CHANNEL_WINDOW_LEAST: u32 = tssh_connection::limits::PACKET_BYTES_MAX;
/// Largest `ChannelWindow`: 1 Gbit/s by way of a satellite, half a second away.
pub const CHANNEL_WINDOW_MAX: u32 = 64 * 1024 * 1024;
/// Least `ChannelMemory`: least windows for 160 channels, and a few packets for the busy ones.
pub const CHANNEL_MEMORY_LEAST: u64 = 1024 * 1024;
/// Largest `ChannelMemory`: windows of the largest size for sixteen channels.
pub const CHANNEL_MEMORY_MAX: u64 = 1024 * 1024 * 1024;
/// One answer typed by a human (OpenSSH's passphrase buffer).
pub const ANSWER_BYTES_MAX: usize = 1024;
/// Times that a question about a host key is repeated before it counts as refused.
pub const CONFIRM_ROUNDS_MAX: u32 = 64;
/// Keys that a server may name as its own: it has one or two of each type.
pub const HOST_KEYS_MAX: usize = 64;
/// Times that the question about updated host keys is repeated, as in ssh.
pub const UPDATE_ROUNDS_MAX: u32 = 3;
/// How long a session that is over waits for a server to prove its host keys.
pub const HOST_KEYS_WAIT: Duration = Duration::from_secs(5);
/// Addresses tried for one host name.
pub const ADDRESSES_MAX: usize = 64;
/// Escape sequences that wait for the connection's task: more than anybody types in its absence.
pub const TYPED_MAX: usize = 16;
/// How long a thread without work lives: `~&` needs a process of one thread.
pub const THREAD_KEEP_ALIVE: Duration = Duration::from_millis(50);
/// How long `~&` waits for that, longer than most look-ups of a name take.
pub const ALONE_WAIT: Duration = Duration::from_secs(10);
/// How often it looks.
pub const ALONE_POLL: Duration = Duration::from_millis(10);
/// One message of a control socket, as in OpenSSH (`CHANNEL_MUX_MAX_PACKET`).
pub const MUX_MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Environment variables of one session that is asked for at a control socket, as in OpenSSH.
pub const MUX_ENVIRONMENT_MAX: usize = 4096;
/// Clients of one control socket: each has a session or none, and a server grants ten sessions by
/// default.
pub const MUX_CLIENTS_MAX: usize = 256;
/// Requests of all of them that wait for the connection's task; whoever finds no room waits.
pub const MUX_JOBS_MAX: usize = 64;
/// How long a client may take to say hello, and to take a message of a few bytes.
pub const MUX_CLIENT_WAIT: Duration = Duration::from_secs(30);
/// Channels of a client that speaks RFC 4254 on its socket: what a server grants in sessions, and
/// as many connections as a browser opens.
pub const MUX_CHANNELS_MAX: usize = 256;
/// Bytes on the way between such a channel and the one that it is joined to, in each direction.
pub const MUX_PIPE_BYTES: usize = 64 * 1024;
/// Requests about such a channel that wait to be passed on.
pub const MUX_REQUESTS_MAX: usize = 64;
/// Clients that wait to be accepted, as in OpenSSH.
pub const MUX_BACKLOG: i32 = 64;
/// Bytes read from standard input before the escape filter has passed them on.
pub const STDIN_BUFFER_BYTES: usize = 16 * 1024;
/// What `AuthorizedKeysCommand` prints: as much as a file of keys may have.
pub const KEY_COMMAND_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long it may take: a login does not wait longer by default, and each waiting one is a thread.
pub const KEY_COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
/// How much of a sentence of the server's is shown in one of ours: more than any of OpenSSH's.
pub const PEER_TEXT_BYTES_MAX: usize = 1024;

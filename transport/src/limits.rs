//! Every bound of this crate, with its reason.

use core::time::Duration;

/// Longest identification string, CR LF included. RFC 4253 section 4.2: "The maximum length of
/// the string is 255 characters, including the Carriage Return and Line Feed."
pub const IDENTIFICATION_BYTES_MAX: usize = 255;
/// Longest line that a server may send before its identification string (OpenSSH's bound).
pub const PRELUDE_LINE_BYTES_MAX: usize = 8192;
/// Number of such lines (OpenSSH's bound).
pub const PRELUDE_LINES_MAX: usize = 1024;
/// All such lines together: OpenSSH's two bounds multiply to 8 MiB, which nobody needs.
pub const PRELUDE_BYTES_MAX: usize = 64 * 1024;

/// Largest `packet_length` after authentication, and for a client once the host key is accepted:
/// OpenSSH's ceiling.
pub const PACKET_LENGTH_MAX: u32 = 256 * 1024;
/// Largest `packet_length` before: the size that RFC 4253 section 6.1 requires all to accept.
pub const PACKET_LENGTH_PREAUTH_MAX: u32 = 35_000;
/// Smallest `packet_length`: the smallest packet of RFC 4253 section 6 is 16 bytes with its
/// length field; AEAD and encrypt-then-MAC modes leave the length field out of that count, but
/// no legal packet has fewer than a padding length, one byte of payload and four of padding.
pub const PACKET_LENGTH_MIN: u32 = 5;
/// The shortest packet that OpenSSH takes from a master or its client, its padding included.
pub const BARE_PACKET_LENGTH_MIN: usize = 5;
/// Smallest amount of padding, RFC 4253 section 6.
pub const PADDING_BYTES_MIN: usize = 4;
/// Largest payload after decompression: what one uncompressed packet could carry.
pub const INFLATED_BYTES_MAX: usize = 256 * 1024;
/// Deflate blocks in one packet. zlib at its smallest memory level ends a block after 127 symbols:
/// 2,064 in the largest payload. A block without content is at least ten bits on the wire but
/// costs its receiver decoding tables, up to 10 us: without a bound one packet could cost a second.
pub const INFLATED_BLOCKS_MAX: u32 = 2100;

/// Data stops being sealed when this much waits for the socket.
pub const BACKLOG_BYTES_MAX: usize = 256 * 1024;
/// Room kept above it for control packets.
pub const CONTROL_RESERVE_BYTES: usize = 64 * 1024;
/// Most sealed bytes that may wait in all. Reading stops long before; what one read had already
/// brought by then can ask for answers of about its own size, and a key exchange and a DISCONNECT
/// follow. A peer that goes on past this reads nothing and asks for everything.
pub const PENDING_BYTES_MAX: usize = 1024 * 1024;

/// Payload bytes held back while a key exchange closes the gate (PONG echoes and replies).
pub const GATED_BYTES_MAX: usize = 64 * 1024;

/// New keys after this many bytes in one direction, RFC 4253 section 9.
pub const REKEY_BYTES: u64 = 1 << 30;
/// New keys after this many packets: RFC 4344 section 3.1 asks for it before 2^31.
pub const REKEY_PACKETS: u64 = 1 << 30;
/// New keys after this long, RFC 4253 section 9.
pub const REKEY_INTERVAL: Duration = Duration::from_secs(3600);
/// A direction may carry at most this many packets with one set of keys; past it the nonce of
/// some modes would repeat.
pub const PACKETS_PER_KEY_MAX: u64 = 1 << 31;
/// Exchanges that a peer may start without moving data between them, per minute.
pub const IDLE_REKEYS_PER_MINUTE_MAX: u32 = 30;

/// Names in one KEXINIT list that are looked at: every list of OpenSSH has fewer than 40.
pub const NAMES_PER_LIST_MAX: usize = 512;
/// Bytes of one EXT_INFO value that is kept.
pub const EXT_INFO_VALUE_BYTES_MAX: usize = 4096;
/// Entries of EXT_INFO that are looked at.
pub const EXT_INFO_ENTRIES_MAX: u32 = 64;

/// Smallest Diffie-Hellman group accepted, named or asked for, in bits: RFC 8270 section 3.
pub const GEX_BITS_MIN: u32 = 2048;
/// Largest such group: RFC 4419 section 3. More would let a peer buy our time cheaply.
pub const GEX_BITS_MAX: u32 = 8192;

/// Failed authentication requests before a server ends the session (OpenSSH's MaxAuthTries).
pub const AUTH_FAILURES_MAX: u32 = 6;
/// Authentication requests of any kind in one session.
pub const AUTH_REQUESTS_MAX: u32 = 64;
/// Prompts in one SSH_MSG_USERAUTH_INFO_REQUEST (OpenSSH's bound).
pub const PROMPTS_MAX: u32 = 64;
/// Rounds of prompts within one keyboard-interactive attempt.
pub const PROMPT_ROUNDS_MAX: u32 = 16;
/// Partial successes within one session: more factors than anybody configures.
pub const PARTIAL_SUCCESSES_MAX: u32 = 8;
/// Rounds without any prompt within one session: PAM shows a notice or two this way, and
/// nothing but this bound ends a server that sends them for ever, since nobody is asked.
pub const PROMPTLESS_ROUNDS_MAX: u32 = 8;
/// Bytes of a user name: Linux allows 256 with the terminating zero.
pub const USER_NAME_BYTES_MAX: usize = 255;
/// Bytes of one authentication message of ours: the payload that RFC 4253 section 6.1 requires
/// every peer to accept.
pub const AUTH_PAYLOAD_BYTES_MAX: usize = 32_768;
/// Banners shown, and bytes of each.
pub const BANNERS_MAX: u32 = 16;
/// Bytes of one banner.
pub const BANNER_BYTES_MAX: usize = 64 * 1024;

/// Smallest RSA modulus accepted, in bits (OpenSSH's RequiredRSASize since 9.2 is 1024; 2048 is
/// the floor of every present recommendation, and `RequiredRSASize` lowers or raises it).
pub const RSA_BITS_MIN: u32 = 2048;
/// Largest RSA modulus accepted: one verification must stay cheap.
pub const RSA_BITS_MAX: u32 = 16_384;
/// bcrypt rounds accepted in a private key file: 16 is the default, 1,000 already takes seconds.
pub const BCRYPT_ROUNDS_MAX: u32 = 10_000;
/// Bytes of a private key file: OpenSSH's bound.
pub const KEY_FILE_BYTES_MAX: usize = 1024 * 1024;
/// Users or hosts that a certificate names, as in OpenSSH.
pub const CERTIFICATE_PRINCIPALS_MAX: usize = 256;
/// Conditions of a certificate, and permissions; there are a dozen names.
pub const CERTIFICATE_OPTIONS_MAX: usize = 256;
/// Memory of Argon2 in a PuTTY key file, in KiB; puttygen takes 8 MiB.
pub const ARGON2_KIB_MAX: u32 = 256 * 1024;
/// Passes of Argon2 in a PuTTY key file: puttygen takes as many as fill a tenth of a second.
pub const ARGON2_PASSES_MAX: u32 = 4096;
/// A file of revoked keys: room for some hundred thousand of them.
pub const KRL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Sections of a revocation list, nested ones included: ssh-keygen writes a few for each
/// authority, each costs memory of its own.
pub const KRL_SECTIONS_MAX: usize = 65_536;
/// PBKDF2 rounds accepted in a private key file: OpenSSL's default is 2,048, the highest
/// recommendation about a million, and this many take some seconds.
pub const PBKDF2_ROUNDS_MAX: u32 = 10_000_000;
/// Memory that scrypt may take to open a private key file, in bytes: OpenSSL's default is 16 MiB.
pub const SCRYPT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Passes of scrypt over that memory: everybody uses one.
pub const SCRYPT_PARALLEL_MAX: u16 = 16;
/// A re-exchange that the peer does not complete in this time ends the connection: nothing else
/// would, as the gate holds our data back.
pub const REKEY_TIMEOUT: Duration = Duration::from_secs(120);
/// Payloads held back while a key exchange closes the gate.
pub const GATED_PAYLOADS_MAX: usize = 4096;
/// EXT_INFO messages in one session: RFC 8308 section 2.4 has two places for it.
pub const EXT_INFO_MESSAGES_MAX: u32 = 2;
/// Longest description that we send in SSH_MSG_DISCONNECT or keep of a received one.
pub const DESCRIPTION_BYTES_MAX: usize = 1024;

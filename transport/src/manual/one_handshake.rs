//! One handshake, from the first byte to an authenticated user.
//!
//! ```text
//! client                                              server
//!   SSH-2.0-tssh_0.1.0, KEXINIT  ------------------->
//!                                <-------------------   SSH-2.0-OpenSSH_9.2, KEXINIT
//!   KEX_ECDH_INIT  --------------------------------->
//!                                <-------------------   KEX_ECDH_REPLY, NEWKEYS, EXT_INFO
//!   NEWKEYS, SERVICE_REQUEST, USERAUTH_REQUEST  ---->
//!                                <-------------------   SERVICE_ACCEPT, USERAUTH_SUCCESS
//! ```
//!
//! 1. **Identification** (RFC 4253 section 4.2, `version`). Both sides send a line at once, and
//!    their KEXINIT right behind it: neither waits for the other.
//! 2. **Negotiation** (section 7.1, [`crate::kex::negotiate`]). Of each list the first name of
//!    the client's that the server also has. Two markers ride in the list of methods: one asks
//!    for EXT_INFO (RFC 8308), one for strict key exchange.
//! 3. **Exchange** (section 8, [`crate::kex::exchanger`]). Shares travel in messages 30 and 31;
//!    both sides compute K, and H over everything said so far. The server signs H. The client
//!    checks the signature, and pauses to ask whether the key is the host's: only the answer
//!    makes a [`crate::proof::HostKeyVerified`].
//! 4. **Keys** (section 7.2, `kex::key_derivation`). Six of them, from K, H and a letter each.
//!    Each direction changes at its own NEWKEYS. The first H is the session identifier for ever.
//! 5. **Authentication** (RFC 4252, [`crate::userauth`]). What a client signs contains the
//!    session identifier, so a signature is worth nothing on any other connection. SUCCESS makes
//!    a [`crate::proof::UserAuthenticated`], and nothing else can make the layer above.

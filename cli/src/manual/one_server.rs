//! One connection of tsshd.
//!
//! tsshd admits the user who runs it and nobody else, so there is no change of user anywhere, and
//! no privileged part to keep apart. Its configuration is sshd's; what decides who gets in and is
//! not built is refused at the start, never passed over.
//!
//! * **Accepting** (`server/listener.rs`). Each connection is a thread with a runtime of its own:
//!   none of them slows, or takes down, another. `MaxStartups` bounds those that have not logged
//!   in.
//! * **Until the login** (`server/serve.rs`, `server_auth`). The stack asks its application
//!   whether a key or a password is good; the answer is found in files of the user's. What a key's
//!   line forbids is kept beside the login, and nothing that follows can widen it.
//! * **Sessions** (`server/session`). A process starts by way of a helper, which is tsshd itself
//!   under another name: only a process itself can lead a session, and there is no unsafe code to
//!   do it between fork and exec. Output that is still in the pipes goes out before the exit
//!   status, and the status before CLOSE.
//! * **Forwards** are the driver's business, within the policy that is made of configuration and
//!   key ([`tssh_forward::core::policy`]).
//! * **The log** has sshd's words where tools match them; a name that a client chose cannot make a
//!   line of its own.

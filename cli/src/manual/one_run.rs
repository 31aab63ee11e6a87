//! One run of tssh.
//!
//! 1. **The command line** ([`args`](crate::args)) by ssh's own rules, from the one table that
//!    also prints the help, the manual page and the completions. What only prints ends here.
//! 2. **The files** ([`config`](crate::config)). Every keyword is a row of a table; the first
//!    value wins; an unknown keyword is an error that names file and line. The outcome is a
//!    [`Settings`](crate::config::Settings), and nothing below reads a file again for its options.
//! 3. **To the background**, with `-f`: a process with threads cannot fork without unsafe code, so
//!    the program starts itself once more and waits for that run's word
//!    ([`background`](crate::background)).
//! 4. **A shared connection**, where one is asked for and there is one ([`mux`](crate::mux)): then
//!    this process is a guest, and the rest of the list is the master's.
//! 5. **The socket** ([`connect`](crate::connect)): a name and its addresses, a command whose
//!    pipes are the connection, or another tssh in front (`-J`). What is left of the time that it
//!    may take is the driver's.
//! 6. **The stack** is made with a seed of the operating system's, always: no option and no file
//!    has another one for a connection. Traces and recordings are attached before the first byte.
//! 7. **The driver** of `tssh-forward` runs, with the client as its application: it hears events
//!    and asks for channels. Everything so far, and all of the session, is one thread.
//! 8. **Questions** that may take a human's time, a file or an agent go to a worker beside it
//!    (`client/worker.rs`): is this the host's key, which method and key come next, what is the
//!    password. One is open at a time, and the answer comes back as a call to the driver.
//! 9. **The session** is asked for once the user is in and every forward of the start stands or
//!    has failed: terminal, environment, program.
//! 10. **The end**: the remote command's status, or 255 with one line that says why. The terminal
//!     is as it was found before anything is printed. A signal before the login ends the program
//!     as if it had not been handled, so that whoever waits for it sees that; later it is 255, or
//!     0 where a tunnel without a command is told to end.
//!
//! Text of a peer's, a file's or the command line's reaches a terminal only with its control
//! characters made harmless, in one function (`text.rs` of the transport).

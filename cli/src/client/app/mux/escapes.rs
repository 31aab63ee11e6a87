//! Escape sequences that a client's user types. They concern that session: the connection is
//! somebody else's too.

use super::super::Client;
use super::sessions::say;
use crate::escape::{self, Escape, EscapeReader, Next};
use crate::stdio::StandardInput;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};
use tssh_connection::{ChannelKey, ChannelRequest};
use tssh_forward::driver::Control;

/// The length of a break, as in a session of our own.
const BREAK_MILLISECONDS: u32 = 1000;

impl Client {
    /// What is typed, with the escape sequences taken out and carried out. `channel` is set once
    /// there is one; `error` shows what they say.
    pub(super) fn mux_escapes(
        &self,
        typed: StandardInput,
        escape: u8,
        error: OwnedFd,
        channel: Arc<OnceLock<ChannelKey>>,
        control: &Control<'_>,
    ) -> EscapeReader<StandardInput> {
        let (handle, shared) = (control.handle(), Arc::clone(&self.shared));
        let shown = escape::shown(escape);
        EscapeReader::new(typed, escape, move |found| {
            let Some(channel) = channel.get().copied() else { return Next::GoOn };
            match found {
                Escape::Terminate => {
                    say(&error, &format!("{shown}.\r\n"));
                    // Full or ended: the session goes with the connection, or with its client.
                    let _ = handle.post(move |control| control.close(channel));
                }
                Escape::Rekey => {
                    let _ = handle.post(|control| control.request_rekey());
                }
                Escape::Break => {
                    say(&error, &format!("{shown}B\r\n"));
                    let _ = handle.post(move |control| {
                        let request = ChannelRequest::Break { milliseconds: BREAK_MILLISECONDS };
                        // A session that is over needs none.
                        let _ = control.request(channel, request, true);
                    });
                }
                Escape::List => {
                    say(&error, &format!("{shown}#\r\n{}", shared.connection_list("\r\n")));
                }
                Escape::Help => {
                    say(&error, &format!("{shown}?\r\n{}", escape::help_shared(escape)))
                }
                _ => say(&error, &format!("{shown}: not within a shared connection\r\n")),
            }
            Next::GoOn
        })
    }
}

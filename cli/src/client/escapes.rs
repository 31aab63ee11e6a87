//! What each escape sequence of an interactive session does.

use super::shared::Shared;
use crate::escape::{self, Escape};
use crate::log;
use std::sync::Arc;
use tssh_forward::driver::{Control, Handle};
use tssh_transport::disconnect::DisconnectReason;

/// Carries out escape sequences.
pub(super) struct EscapeKeys {
    pub(super) escape: u8,
    pub(super) shared: Arc<Shared>,
    pub(super) handle: Handle,
}

impl EscapeKeys {
    pub(super) fn act(&self, found: Escape) {
        let shown = escape::shown(self.escape);
        match found {
            Escape::Terminate => {
                log::show(format_args!("{shown}.\r\n"));
                self.shared.terminate();
                let end = |control: &mut Control<'_>| {
                    control.disconnect(DisconnectReason::ByApplication, "disconnected by user");
                };
                // Full or ended: the connection is going down anyway.
                let _ = self.handle.post(end);
            }
            Escape::Suspend => {
                log::show(format_args!("{shown}^Z [suspend tssh]\r\n"));
                self.suspend();
            }
            Escape::Rekey => {
                let _ = self.handle.post(|control| control.request_rekey());
            }
            Escape::List => {
                log::show(format_args!("{shown}#\r\n"));
                self.shared.list_connections();
            }
            Escape::Quieter => {
                log::show(format_args!("{shown}V [LogLevel {}]\r\n", log::change_level(false)))
            }
            Escape::Louder => {
                log::show(format_args!("{shown}v [LogLevel {}]\r\n", log::change_level(true)))
            }
            Escape::Help => log::show(format_args!("{shown}?\r\n{}", escape::help(self.escape))),
        }
    }

    /// Stops the whole program, as the terminal's own ^Z would, and goes on where it was.
    fn suspend(&self) {
        self.shared.leave_raw_mode();
        let stop = rustix::process::Signal::TSTP;
        // Where it cannot be stopped it simply goes on.
        let _ = rustix::process::kill_process(rustix::process::getpid(), stop);
        self.shared.enter_raw_mode();
    }
}

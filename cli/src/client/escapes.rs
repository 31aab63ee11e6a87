//! What each escape sequence of an interactive session does.

use super::app::TYPED;
use super::shared::Shared;
use crate::escape::{self, Escape, Next};
use crate::log;
use std::sync::Arc;
use tssh_forward::driver::{Control, Handle};
use tssh_transport::disconnect::DisconnectReason;

/// Carries out escape sequences.
pub(super) struct EscapeKeys {
    pub(super) escape: u8,
    /// Whether `~C` opens a command line.
    pub(super) command_line: bool,
    pub(super) shared: Arc<Shared>,
    pub(super) handle: Handle,
}

impl EscapeKeys {
    pub(super) fn act(&self, found: Escape) -> Next {
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
            Escape::Help => {
                let help = escape::help(self.escape, self.command_line);
                log::show(format_args!("{shown}?\r\n{help}"));
            }
            Escape::CommandLine if self.command_line => {
                log::show("\r\ntssh> ");
                return Next::ReadCommand;
            }
            Escape::CommandLine => {
                log::show("commandline disabled (EnableEscapeCommandline is not set)\r\n");
            }
            Escape::Break => {
                log::show(format_args!("{shown}B\r\n"));
                self.pass_on(found);
            }
            Escape::Information => {
                log::show(format_args!("{shown}I\r\n"));
                self.pass_on(found);
            }
            Escape::Command(_) => self.pass_on(found),
            Escape::Background => {
                self.pass_on(found);
                return Next::LogOut;
            }
        }
        Next::GoOn
    }

    /// Has the connection's task do it.
    fn pass_on(&self, found: Escape) {
        if self.shared.keep_typed(found) {
            // Full or ended: it is called for what came before, or there is nothing to be done.
            let _ = self.handle.post(|control| control.remind(TYPED));
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

//! When the session is over, and when everything is.

use super::Client;
use crate::log;
use crate::stdio::StandardInput;
use tokio::io::AsyncReadExt as _;
use tssh_forward::driver::Control;
use tssh_transport::disconnect::DisconnectReason;

impl Client {
    /// The user is logged in and all forwards stand: with `-f`, whoever waits may go on.
    pub(super) fn go_to_background(&mut self, control: &mut Control<'_>) {
        let Some(background) = self.background.take() else { return };
        log::debug1("forking to background");
        if let Err(error) = background.detach() {
            let words = crate::exit::os_words(&error);
            log::error(format_args!("cannot go to the background: {words}"));
            self.shared.fail();
            control.disconnect(DisconnectReason::ByApplication, "not in the background");
        }
    }

    /// A forwarded connection is over.
    pub(super) fn forwarded_closed(&mut self, control: &mut Control<'_>) {
        if self.plan.one_shot && control.forwarded_connections() == 0 {
            self.shared.succeed();
            self.session_over = true;
        }
        self.mux_less_used(control);
    }

    /// The session is over. Connections that are still forwarded keep the program here, as in
    /// ssh, which says nothing about it.
    pub(super) fn session_closed(&mut self, control: &mut Control<'_>) {
        self.session_over = true;
        if let Some(session) = self.session.take() {
            self.shared.state().connections.remove(&session);
        }
        if self.settings.forwards.stdio.is_some() {
            // There was no command whose status would count.
            self.shared.succeed();
        }
        self.shared.leave_raw_mode();
        if self.plan.no_wait {
            return control.disconnect(DisconnectReason::ByApplication, "disconnected by user");
        }
        if self.shared.is_in_background() {
            return self.finish_if_done(control);
        }
        if control.forwarded_connections() > 0 {
            // ssh waits in silence, and ends with the first interrupt.
            if !self.settings.strict_openssh {
                self.shared.state().waiting = true;
                log::info("Waiting for forwarded connections to terminate...");
                self.shared.list_connections();
            }
            self.wait_with_escapes(control);
        }
        self.finish_if_done(control);
    }

    /// Who had a terminal may still end the waiting with an escape sequence and a newline: the
    /// terminal edits lines again.
    fn wait_with_escapes(&self, control: &Control<'_>) {
        let Some(escape) = self.plan.escape else { return };
        // Without standard input there is nothing to be typed.
        let Ok(input) = StandardInput::open() else { return };
        let mut typed = self.escapes(input, escape, control.handle());
        tokio::spawn(async move {
            let mut unread = [0; 256];
            while let Ok(1..) = typed.read(&mut unread).await {}
        });
    }

    /// Disconnects once nothing is left to wait for.
    pub(super) fn finish_if_done(&self, control: &mut Control<'_>) {
        if self.session_over
            && control.forwarded_connections() == 0
            && !self.is_used_by_others()
            && !self.awaits_host_keys(control)
        {
            leave(control);
        }
    }
}

/// The orderly end.
pub(super) fn leave(control: &mut Control<'_>) {
    control.disconnect(DisconnectReason::ByApplication, "disconnected by user");
}

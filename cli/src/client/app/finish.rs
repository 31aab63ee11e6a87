//! When the session is over, and when everything is.

use super::Client;
use crate::log;
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
        self.finish_if_done(control);
    }

    pub(super) fn session_closed(&mut self, control: &mut Control<'_>) {
        self.session_over = true;
        self.session = None;
        self.shared.leave_raw_mode();
        if self.plan.no_wait {
            return control.disconnect(DisconnectReason::ByApplication, "disconnected by user");
        }
        if control.forwarded_connections() > 0 {
            log::info("Waiting for forwarded connections to terminate...");
            self.shared.list_forwarded();
        }
        self.finish_if_done(control);
    }

    pub(super) fn finish_if_done(&self, control: &mut Control<'_>) {
        if self.session_over && control.forwarded_connections() == 0 {
            control.disconnect(DisconnectReason::ByApplication, "disconnected by user");
        }
    }
}

//! When the session is over, and when everything is.

use super::Client;
use crate::log;
use tssh_forward::driver::Control;
use tssh_transport::disconnect::DisconnectReason;

impl Client {
    pub(super) fn session_closed(&mut self, control: &mut Control<'_>) {
        self.session_over = true;
        self.session = None;
        self.shared.leave_raw_mode();
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

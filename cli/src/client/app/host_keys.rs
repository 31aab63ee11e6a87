//! `UpdateHostKeys`: what the server says about its further host keys goes to the worker, and its
//! word back to the server.

use super::Client;
use crate::client::session::Program;
use crate::client::shared::HostKeys;
use crate::client::worker::Kind;
use crate::config::options::UpdateHostKeys;
use crate::limits::HOST_KEYS_WAIT;
use crate::log;
use std::sync::Arc;
use tssh_connection::RequestTag;
use tssh_forward::driver::{Control, Handle};

impl Client {
    /// The server names its host keys.
    pub(super) fn host_keys_came(&self, list: Vec<u8>, control: &mut Control<'_>) {
        match self.settings.update_host_keys {
            UpdateHostKeys::No => return,
            UpdateHostKeys::Ask if !matches!(self.plan.program, None | Some(Program::Shell)) => {
                log::debug1(
                    "UpdateHostKeys=ask is incompatible with remote command execution; disabling",
                );
                return;
            }
            UpdateHostKeys::Yes | UpdateHostKeys::Ask => {}
        }
        {
            let mut state = self.shared.state();
            if !state.trusted {
                log::debug1("hostkey not known or explicitly trusted: disabling UpdateHostkeys");
                return;
            }
            if state.host_keys != HostKeys::Unnamed {
                log::debug1("the server names its host keys again: ignored");
                return;
            }
            state.host_keys = HostKeys::AtWork;
        }
        self.ask(Kind::HostKeys(list), control);
    }

    /// An answer to a global request of ours.
    pub(super) fn global_reply(
        &self,
        tag: RequestTag,
        reply: Option<Vec<u8>>,
        control: &mut Control<'_>,
    ) {
        {
            let mut state = self.shared.state();
            if state.host_keys != HostKeys::Asked(tag) {
                return;
            }
            state.host_keys = HostKeys::AtWork;
        }
        let session_id = control.session_id().unwrap_or_default().to_vec();
        self.ask(Kind::HostKeyProof { session_id, reply }, control);
    }

    /// Whether the end has to wait until host keys are written.
    pub(super) fn awaits_host_keys(&self, control: &mut Control<'_>) -> bool {
        let mut state = self.shared.state();
        if state.host_keys == HostKeys::AtEnd {
            state.host_keys = HostKeys::AtWork;
            state.over = true;
            drop(state);
            self.ask(Kind::HostKeysAtEnd, control);
            return true;
        }
        let busy = !matches!(state.host_keys, HostKeys::Unnamed | HostKeys::Done);
        if busy && !state.over {
            state.over = true;
            let (shared, handle) = (Arc::clone(&self.shared), control.handle());
            tokio::spawn(async move {
                tokio::time::sleep(HOST_KEYS_WAIT).await;
                // What waits for a human is at work, and has its time.
                if matches!(shared.state().host_keys, HostKeys::Asked(_)) {
                    finish(shared, &handle).await;
                }
            });
        }
        busy
    }
}

/// The update is over, and so is the connection if it only waited for that.
pub(in crate::client) async fn finish(shared: Arc<crate::client::shared::Shared>, handle: &Handle) {
    let end = move |control: &mut Control<'_>| {
        let over = {
            let mut state = shared.state();
            state.host_keys = HostKeys::Done;
            state.over
        };
        if over && control.forwarded_connections() == 0 {
            super::finish::leave(control);
        }
    };
    // A connection that has ended needs no end.
    let _ = handle.call(end).await;
}

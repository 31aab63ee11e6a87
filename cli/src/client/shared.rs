//! What is known about the connection outside its task.

use crate::agent::SessionBinding;
use crate::escape::Escape;
use crate::exit::OWN_FAILURE;
use crate::limits::TYPED_MAX;
use crate::log;
use crate::terminal::{self, Mode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tssh_connection::{ChannelKey, RequestTag};

/// What is known about the connection outside its task.
#[derive(Default)]
pub struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) raw: Option<Mode>,
    pub(super) had_terminal: bool,
    /// The server has said who it is.
    pub(super) identified: bool,
    pub(super) authenticated: bool,
    pub(super) distrusted: bool,
    pub(super) method: &'static str,
    /// The remote command's.
    pub(super) exit_status: Option<u8>,
    /// A failure of our own whose reason was printed.
    pub(super) failure: Option<u8>,
    /// Whether the host key is one that may vouch for others.
    pub(super) trusted: bool,
    /// The server's further host keys, and what is done about them.
    pub(super) host_keys: HostKeys,
    /// Everything is over but for the host keys.
    pub(super) over: bool,
    /// The session is over, and forwarded connections are waited for.
    pub(super) waiting: bool,
    /// `~&` was typed.
    pub(super) in_background: bool,
    /// Escape sequences for the connection's task: at most [`TYPED_MAX`].
    pub(super) typed: Vec<Escape>,
    /// That was interrupted once.
    pub(super) interrupted: bool,
    /// The connections within this one, for the list that `~#` and logging out show.
    pub(super) connections: BTreeMap<ChannelKey, String>,
    /// The targets of those that have one, as text, until they are known to be reached or not.
    pub(super) targets: BTreeMap<ChannelKey, String>,
    binding: Option<Arc<SessionBinding>>,
}

/// How far the update of host keys is.
#[derive(Default, PartialEq, Eq)]
pub(super) enum HostKeys {
    /// The server has not named them.
    #[default]
    Unnamed,
    /// They are looked at, or written.
    AtWork,
    /// The server was asked for its proof.
    Asked(RequestTag),
    /// They are right; the user is asked when the session is over, and its input free.
    AtEnd,
    /// Nothing more will come of it.
    Done,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the terminal back the mode it was found in.
    pub fn leave_raw_mode(&self) {
        self.state().raw = None;
    }

    pub(super) fn enter_raw_mode(&self) {
        // With -tt there may be no local terminal; then there is no mode to change.
        let raw = terminal::raw(std::io::stdin()).ok();
        let mut state = self.state();
        state.raw = raw;
        state.had_terminal = true;
    }

    /// The server's key was wrong, and the user goes on all the same.
    pub fn distrust_server(&self) {
        self.state().distrusted = true;
    }

    /// The host key is known or was confirmed: it may vouch for others.
    pub fn trust_server(&self) {
        self.state().trusted = true;
    }

    /// The method of the last attempt to log in.
    pub fn set_method(&self, method: &'static str) {
        self.state().method = method;
    }

    /// What an agent is shown of the host.
    pub fn set_binding(&self, binding: SessionBinding) {
        self.state().binding = Some(Arc::new(binding));
    }

    /// The same; none before the host's key was seen.
    pub fn binding(&self) -> Option<Arc<SessionBinding>> {
        self.state().binding.clone()
    }

    /// Whether the session had a terminal.
    pub fn had_terminal(&self) -> bool {
        self.state().had_terminal
    }

    /// Whether the server has said who it is.
    pub fn is_identified(&self) -> bool {
        self.state().identified
    }

    /// Whether the user was logged in.
    pub fn is_authenticated(&self) -> bool {
        self.state().authenticated
    }

    /// The remote command's exit status.
    pub fn exit_status(&self) -> Option<u8> {
        self.state().exit_status
    }

    /// The status of a failure whose reason was printed.
    pub fn failure(&self) -> Option<u8> {
        self.state().failure
    }

    /// Whether only forwarded connections are left.
    pub fn is_waiting(&self) -> bool {
        self.state().waiting
    }

    /// Whether the terminal was left behind.
    pub fn is_in_background(&self) -> bool {
        self.state().in_background
    }

    /// Keeps a sequence for the connection's task; `false` where too many wait.
    pub(super) fn keep_typed(&self, escape: Escape) -> bool {
        let mut state = self.state();
        let room = state.typed.len() < TYPED_MAX;
        if room {
            state.typed.push(escape);
        }
        room
    }

    /// Interrupts the waiting; `true` the first time.
    pub fn interrupt(&self) -> bool {
        !std::mem::replace(&mut self.state().interrupted, true)
    }

    /// The user ends the connection, whatever became of the command.
    pub(super) fn terminate(&self) {
        self.state().exit_status = Some(OWN_FAILURE);
    }

    /// What was to be done is done; there was no command whose status would count.
    pub(super) fn succeed(&self) {
        self.state().exit_status.get_or_insert(0);
    }

    pub(super) fn fail(&self) {
        self.state().failure = Some(OWN_FAILURE);
    }

    /// The list that `~#` and logging out show.
    pub(super) fn list_connections(&self) {
        log::info(self.connection_list("\n"));
    }

    /// The same as text.
    pub(super) fn connection_list(&self, line_end: &str) -> String {
        let mut list = format!("The following connections are open:{line_end}");
        for (channel, text) in &self.state().connections {
            list.push_str(&format!("  #{} {text}{line_end}", channel.index()));
        }
        list
    }
}

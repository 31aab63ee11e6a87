//! Channels that the server opens to something of ours: the X server, the agent. The connection
//! layer lets through only what was asked for.

use super::Client;
use crate::agent::{Agent, AgentFault, SessionBinding};
use crate::limits::LOCAL_DIAL_TIMEOUT;
use crate::log;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use tssh_connection::{ChannelKey, ChannelRequest, OpenFailure, OpenKind};
use tssh_forward::driver::{Control, Endpoints};

impl Client {
    /// The server opens a channel.
    pub(super) fn local_open(
        &mut self,
        channel: ChannelKey,
        kind: OpenKind,
        control: &mut Control<'_>,
    ) {
        match kind {
            OpenKind::X11 { originator_address, originator_port } => {
                let name = tssh_transport::text::printable(originator_address.as_bytes(), 64);
                let from = format!("{name} port {originator_port}");
                log::debug1(format_args!("client_request_x11: request from {from}"));
                match self.x11.dial() {
                    Ok(dial) => {
                        self.join(channel, format!("x11: connect from {from}"), dial, control)
                    }
                    Err(why) => {
                        log::verbose(why);
                        refuse(channel, OpenFailure::AdministrativelyProhibited, control);
                    }
                }
            }
            OpenKind::AuthAgent => match self.settings.forward_agent.clone() {
                Some(socket) => {
                    let text = format!("auth-agent@openssh.com: for {}", socket.display());
                    let dial = dial_agent(socket, self.shared.binding());
                    self.join(channel, text, dial, control);
                }
                None => refuse(channel, OpenFailure::AdministrativelyProhibited, control),
            },
            // A client serves nobody.
            _ => refuse(channel, OpenFailure::AdministrativelyProhibited, control),
        }
    }

    /// Has the connection made elsewhere, and joins the channel to it.
    fn join(
        &self,
        channel: ChannelKey,
        text: String,
        dial: impl Future<Output = Result<Endpoints, String>> + Send + 'static,
        control: &mut Control<'_>,
    ) {
        let Ok(permit) = Arc::clone(&self.dials).try_acquire_owned() else {
            log::debug1(format_args!("refused: {text}: too many at a time"));
            return refuse(channel, OpenFailure::ResourceShortage, control);
        };
        let (handle, shared) = (control.handle(), Arc::clone(&self.shared));
        tokio::spawn(async move {
            let dialled = match tokio::time::timeout(LOCAL_DIAL_TIMEOUT, dial).await {
                Ok(dialled) => dialled,
                Err(_) => Err("Connection timed out".to_owned()),
            };
            let decide = move |control: &mut Control<'_>| match dialled {
                Ok(endpoints) => {
                    if control.accept_open(channel, endpoints).is_ok() {
                        log::debug1(format_args!("channel {}: {text}", channel.index()));
                        shared.state().connections.insert(channel, text);
                    }
                }
                Err(words) => {
                    log::error(format_args!("{text}: {words}"));
                    refuse(channel, OpenFailure::ConnectFailed, control);
                }
            };
            // Without a connection nobody waits for the answer.
            let _ = handle.call(decide).await;
            drop(permit);
        });
    }

    /// Asks for agent forwarding, where it is wanted and there is an agent.
    pub(super) fn request_agent(&mut self, channel: ChannelKey, control: &mut Control<'_>) {
        if self.settings.forward_agent.is_none() {
            return;
        }
        if self.shared.state().distrusted {
            log::error("Agent forwarding is disabled to avoid man-in-the-middle attacks.");
            return;
        }
        log::debug1("Requesting authentication agent forwarding.");
        self.agent_request = control.request(channel, ChannelRequest::AuthAgentReq, true).ok();
    }
}

fn refuse(channel: ChannelKey, reason: OpenFailure, control: &mut Control<'_>) {
    // A channel that is gone by now needs no answer.
    let _ = control.refuse_open(channel, reason, "open failed");
}

/// A connection to the agent for the far side to speak on. The agent is told that it is not ours
/// any more, and which host it goes to, before the first word comes from there.
async fn dial_agent(
    socket: PathBuf,
    binding: Option<Arc<SessionBinding>>,
) -> Result<Endpoints, String> {
    let connected = Agent::connect(&socket).await;
    let mut agent = connected.map_err(|fault| format!("connect: {fault}"))?;
    if let Some(binding) = binding {
        match agent.bind(&binding, true).await {
            Ok(()) => log::debug1("bound agent to hostkey"),
            // An agent that knows nothing of hosts, or will not take this one; then it has no
            // keys for it either.
            Err(AgentFault::Answer(fault)) => {
                log::debug2(format_args!("the agent does not take the host key: {fault}"));
            }
            Err(fault) => return Err(fault.to_string()),
        }
    }
    Ok(Endpoints::whole(agent.into_stream()))
}

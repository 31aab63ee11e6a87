//! `MUX_C_PROXY`: a client that speaks RFC 4254 on its socket.
//!
//! It has a connection layer of ours to itself, in the role of the server, and each channel that
//! it opens is joined to one of the real connection: data through a pipe, requests and their
//! replies one by one and in order. So a client's channel numbers, windows and mistakes stay its
//! own, where ssh passes its packets on.

use super::listener::Peers;
use super::peer::send;
use super::{Job, Up};
use crate::limits::{MUX_CHANNELS_MAX, MUX_PIPE_BYTES, MUX_REQUESTS_MAX};
use crate::log;
use std::collections::BTreeMap;
use tokio::io::{duplex, split};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tssh_connection::{
    ChannelEvent, ChannelKey, ChannelRequest, ConnectionConfig, Event, OpenFailure, OpenKind, Stack,
};
use tssh_forward::core::policy::Policy;
use tssh_forward::driver::{AppEvent, Application, Control, DriverOptions, Endpoints, Handle, run};
use tssh_transport::entropy::{Entropy, SEED_BYTES};
use tssh_transport::{Side, Timestamp};

/// A request of the client's about one of its channels, and whether it waits for a reply.
type Asked = (ChannelRequest, bool);

/// Serves a client to its end.
pub async fn serve(stream: UnixStream, peers: &Peers) {
    let mut seed = [0; SEED_BYTES];
    if let Err(error) = getrandom::fill(&mut seed) {
        return log::error(format_args!("no entropy from the operating system: {error}"));
    }
    let config = ConnectionConfig { channels_max: MUX_CHANNELS_MAX, ..ConnectionConfig::default() };
    let (user, entropy) = (String::new(), Entropy::from_seed(&seed));
    let stack = Stack::shared(Side::Server, user, config, entropy, Timestamp::default());
    let stack = match stack {
        Ok(stack) => stack,
        Err(error) => return log::error(error),
    };
    let policy = Policy { relay: true, ..Policy::default() };
    let options = DriverOptions { policy, ..DriverOptions::default() };
    let relay = Relay { peers: peers.clone(), channels: BTreeMap::new() };
    let ended = run(stream, stack, relay, options).await;
    log::debug1(format_args!("a client that was served as by a server is gone: {ended}"));
}

/// The client's server.
struct Relay {
    peers: Peers,
    /// Where its requests go; bounded by the connection layer's table.
    channels: BTreeMap<ChannelKey, mpsc::Sender<Asked>>,
}

impl Application for Relay {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match event {
            AppEvent::Protocol(Event::Channel(event)) => self.channel(event, control),
            AppEvent::ChannelClosed { channel } | AppEvent::ForwardClosed { channel } => {
                // Its other half learns of it by that.
                self.channels.remove(&channel);
            }
            _ => {}
        }
    }
}

impl Relay {
    fn channel(&mut self, event: ChannelEvent, control: &mut Control<'_>) {
        match event {
            ChannelEvent::OpenRequest { channel, kind } => {
                let (asks, asked) = mpsc::channel(MUX_REQUESTS_MAX);
                self.channels.insert(channel, asks);
                let (peers, handle) = (self.peers.clone(), control.handle());
                tokio::spawn(Half { channel, handle, peers }.serve(kind, asked));
            }
            ChannelEvent::Request { channel, request, want_reply } => {
                let taken = self.channels.get(&channel).is_some_and(|asks| {
                    // Whoever asks faster than the server answers has no reason to.
                    asks.try_send((request, want_reply)).is_ok()
                });
                if !taken {
                    control.close(channel);
                }
            }
            _ => {}
        }
    }
}

/// The client's half of a channel.
struct Half {
    channel: ChannelKey,
    handle: Handle,
    peers: Peers,
}

impl Half {
    async fn serve(self, kind: OpenKind, mut asked: mpsc::Receiver<Asked>) {
        let session = kind == OpenKind::Session;
        let (theirs, ours) = pipes(session);
        let (told, mut hears) = mpsc::channel(MUX_REQUESTS_MAX);
        let opened = match send(&self.peers, Job::Channel { kind, endpoints: theirs, told }).await {
            Ok(()) => hears.recv().await,
            Err(_) => None,
        };
        let key = match opened {
            Some(Up::Opened(key)) => key,
            Some(Up::Refused(code, text)) => return self.refuse(code, text).await,
            _ => {
                let code = OpenFailure::ConnectFailed.code();
                return self.refuse(code, "the connection is over".to_owned()).await;
            }
        };
        if self.accept(session, ours).await {
            self.relay(key, &mut asked, &mut hears).await;
        }
        // Whatever is left of it ends; what has ended already does not mind.
        let _ = self.peers.handle.call(move |control| control.close(key)).await;
    }

    async fn refuse(&self, code: u32, text: String) {
        let channel = self.channel;
        let reason = OpenFailure::ALL.into_iter().find(|reason| reason.code() == code);
        let reason = reason.unwrap_or(OpenFailure::ConnectFailed);
        // A client that is gone needs no answer.
        let refuse = move |control: &mut Control<'_>| {
            let _ = control.refuse_open(channel, reason, &text);
        };
        let _ = self.handle.call(refuse).await;
    }

    /// Whether the client still waits for it.
    async fn accept(&self, session: bool, endpoints: Endpoints) -> bool {
        let channel = self.channel;
        let accept = move |control: &mut Control<'_>| match session {
            true => {
                let accepted = control.accept_session(channel);
                accepted.and_then(|()| control.attach(channel, endpoints)).is_ok()
            }
            false => control.accept_open(channel, endpoints).is_ok(),
        };
        self.handle.call(accept).await == Ok(true)
    }

    /// Passes requests and replies on until one side has closed the channel.
    async fn relay(
        &self,
        key: ChannelKey,
        asked: &mut mpsc::Receiver<Asked>,
        hears: &mut mpsc::Receiver<Up>,
    ) {
        let channel = self.channel;
        loop {
            tokio::select! {
                asked = asked.recv() => {
                    let Some((request, want_reply)) = asked else { return };
                    if !self.ask(key, request, want_reply).await && want_reply {
                        self.reply(false).await;
                    }
                }
                heard = hears.recv() => match heard {
                    Some(Up::Reply(ok)) => self.reply(ok).await,
                    Some(Up::Request(request)) => {
                        let pass = move |control: &mut Control<'_>| {
                            // A client that has closed the channel hears no more of it.
                            let _ = control.request(channel, request, false);
                        };
                        let _ = self.handle.call(pass).await;
                    }
                    Some(_) => {}
                    // The server has closed it, and the pipe holds everything that it sent.
                    None => {
                        let _ = self.handle.call(move |control| control.finish(channel)).await;
                        return;
                    }
                },
            }
        }
    }

    /// Passes a request on; whether it went out.
    async fn ask(&self, key: ChannelKey, request: ChannelRequest, want_reply: bool) -> bool {
        // What the server would open for these belongs to nobody here, as with ssh.
        if matches!(request, ChannelRequest::X11Req { .. } | ChannelRequest::AuthAgentReq) {
            return false;
        }
        let ask =
            move |control: &mut Control<'_>| control.request(key, request, want_reply).is_ok();
        self.peers.handle.call(ask).await == Ok(true)
    }

    async fn reply(&self, ok: bool) {
        let channel = self.channel;
        let reply = move |control: &mut Control<'_>| {
            // A client that has closed the channel waits for nothing.
            let _ = control.reply_request(channel, ok);
        };
        let _ = self.handle.call(reply).await;
    }
}

/// What joins two channels: the end for the server's, and the end for the client's.
fn pipes(session: bool) -> (Endpoints, Endpoints) {
    let (theirs, ours) = duplex(MUX_PIPE_BYTES);
    if !session {
        return (Endpoints::whole(theirs), Endpoints::whole(ours));
    }
    let (error_in, error_out) = duplex(MUX_PIPE_BYTES);
    let (their_input, their_output) = split(theirs);
    let (our_input, our_output) = split(ours);
    let theirs = Endpoints::split(Some(Box::new(their_input)), Some(Box::new(their_output)));
    let ours = Endpoints::split(Some(Box::new(our_input)), Some(Box::new(our_output)));
    (theirs.with_error_output(Box::new(error_in)), ours.with_error_input(Box::new(error_out)))
}

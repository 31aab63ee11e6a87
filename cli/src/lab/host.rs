//! The server of a lesson: tsshd's own application, with the ears of the lesson on it and a toy
//! in place of a shell.

use crate::server::app::ServerApp;
use std::net::SocketAddr;
use std::sync::mpsc::SyncSender;
use tssh_connection::{ChannelEvent, ChannelKey, ChannelRequest, Event, OpenKind};
use tssh_forward::driver::{AppEvent, Application, Control, Endpoints, Handle};

/// What the server saw.
#[derive(Debug)]
pub enum Seen {
    /// The connection's task runs.
    Started(Handle),
    /// Keys are in force; the session identifier as it is then.
    Exchanged { session_id: Vec<u8> },
    /// A connection was made for the client, or was not: `HOST port PORT`, and who connected as
    /// the client tells it.
    Served { target: String, originator: Option<(String, u32)>, ok: bool },
    /// It listens for the client: where, or why not.
    Listens(Result<Vec<SocketAddr>, String>),
    /// A command was started, on this channel.
    Command { channel: ChannelKey, text: String },
    /// `x11-req` came with this cookie.
    Cookie(String),
}

/// The application of one connection.
pub struct Host {
    inner: ServerApp,
    seen: SyncSender<Seen>,
}

impl Host {
    pub const fn new(inner: ServerApp, seen: SyncSender<Seen>) -> Self {
        Self { inner, seen }
    }

    fn tell(&self, seen: Seen) {
        // A lesson that is over, or that has heard enough, does not listen any more.
        let _ = self.seen.try_send(seen);
    }

    /// What concerns sessions is the toy's; `true` where that was all.
    fn channel(&self, event: &ChannelEvent, control: &mut Control<'_>) -> bool {
        match event {
            ChannelEvent::OpenRequest { channel, kind: OpenKind::Session } => {
                // A channel that is gone by now needs no answer, here and below.
                let _ = control.accept_session(*channel);
                true
            }
            ChannelEvent::Request { channel, request, want_reply } => {
                let ok = match request {
                    ChannelRequest::Exec { command } => {
                        let nothing = Endpoints::split(Some(Box::new(tokio::io::empty())), None);
                        let _ = control.attach(*channel, nothing);
                        let text = String::from_utf8_lossy(command).into_owned();
                        self.tell(Seen::Command { channel: *channel, text });
                        true
                    }
                    ChannelRequest::X11Req { cookie, .. } => {
                        self.tell(Seen::Cookie(cookie.clone()));
                        true
                    }
                    _ => false,
                };
                if *want_reply {
                    let _ = control.reply_request(*channel, ok);
                }
                true
            }
            _ => false,
        }
    }
}

impl Application for Host {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match &event {
            AppEvent::Started => self.tell(Seen::Started(control.handle())),
            AppEvent::Protocol(Event::Exchanged { .. }) => {
                let session_id = control.session_id().unwrap_or_default().to_vec();
                self.tell(Seen::Exchanged { session_id });
            }
            AppEvent::Protocol(Event::Channel(event)) if self.channel(event, control) => return,
            AppEvent::ForwardServed { target, originator, outcome } => {
                let (target, originator) = (target.clone(), originator.clone());
                self.tell(Seen::Served { target, originator, ok: outcome.is_ok() });
            }
            AppEvent::ListenServed { outcome, .. } => self.tell(Seen::Listens(outcome.clone())),
            _ => {}
        }
        self.inner.event(event, control);
    }
}

/// Ends a command with an exit status.
pub fn end_command(control: &mut Control<'_>, channel: ChannelKey, status: u32) {
    // The client may have closed the channel before.
    let _ = control.request(channel, ChannelRequest::ExitStatus(status), false);
    control.finish(channel);
}

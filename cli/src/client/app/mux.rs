//! The master of a shared connection: what its clients' tasks want of it, and what becomes of
//! their sessions.

mod escapes;
mod forwards;
mod relayed;
mod sessions;

use super::Client;
use super::finish::leave;
use crate::config::sharing::ControlPersist;
use crate::limits::MUX_JOBS_MAX;
use crate::log;
use crate::mux::master::listener::{Listening, Peers, Unshared, clients};
use crate::mux::master::{Done, Job, Up};
use sessions::Session;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tssh_connection::ChannelKey;
use tssh_forward::driver::{Control, Forward, ForwardId};
use tssh_transport::disconnect::DisconnectReason;

/// The subject of a reminder that the connection may not have been used for long.
pub(super) const IDLE: u32 = 0x6e;

/// What a master keeps.
#[derive(Default)]
pub(super) struct Mux {
    /// The socket, as long as there is one.
    listening: Option<Listening>,
    jobs: Option<mpsc::Receiver<Job>>,
    /// One permit for each client that may still come; none are out where nobody is there.
    clients: Option<Arc<Semaphore>>,
    /// Bounded like the clients: each has one at most.
    pub(super) sessions: BTreeMap<ChannelKey, Session>,
    /// Channels of clients that speak RFC 4254; bounded by the connection layer's table.
    pub(super) relayed: BTreeMap<ChannelKey, mpsc::Sender<Up>>,
    /// Sessions that wait until the display is known.
    wait_for_display: Vec<ChannelKey>,
    /// Clients that wait for a forward to stand; bounded like the clients.
    pub(super) opening: BTreeMap<ForwardId, oneshot::Sender<Done>>,
    /// Clients that wait for one to end; the same.
    pub(super) cancelling: BTreeMap<ForwardId, oneshot::Sender<Done>>,
    /// Forwards as they were asked for: a port of 0 is still one. Bounded like the forwards.
    pub(super) asked: BTreeMap<ForwardId, Forward>,
    /// Reminds of the time when the connection has not been used for long.
    idle: Option<Alarm>,
}

/// A task that ends with whoever wants its reminder.
struct Alarm(JoinHandle<()>);

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Mux {
    /// Whether no client is there, and no session either.
    fn is_unused(&self) -> bool {
        let limit = crate::limits::MUX_CLIENTS_MAX;
        let nobody = self.clients.as_ref().is_none_or(|clients| {
            // One permit waits with the listener.
            clients.available_permits() + usize::from(self.listening.is_some()) >= limit
        });
        nobody && self.sessions.is_empty() && self.relayed.is_empty()
    }
}

impl Client {
    /// Shares the connection, where that is wanted; `false` where that ended it.
    pub(super) fn share(&mut self, control: &mut Control<'_>) -> bool {
        let settings = Arc::clone(&self.settings);
        let Some(path) = settings.sharing.shared() else { return true };
        log::debug1("setting up multiplex master socket");
        let (sender, jobs) = mpsc::channel(MUX_JOBS_MAX);
        let ask = settings.sharing.master.asks().then(|| settings.host_name.clone());
        let clients = clients();
        let peers =
            Peers { jobs: sender, handle: control.handle(), ask, clients: Arc::clone(&clients) };
        let fatal = match Listening::start(path, peers) {
            Ok(listening) => {
                self.mux.listening = Some(listening);
                self.mux.jobs = Some(jobs);
                self.mux.clients = Some(clients);
                self.look_if_idle(control);
                return true;
            }
            Err(Unshared::Exists(path)) => {
                log::error(format_args!(
                    "ControlSocket {} already exists, disabling multiplexing",
                    path.display()
                ));
                // A master that was started to be one has nothing else to do.
                self.plan.master
            }
            Err(Unshared::Impossible(words)) => {
                log::error(words);
                true
            }
        };
        if fatal {
            self.shared.fail();
            control.disconnect(DisconnectReason::ByApplication, "no control socket");
        }
        !fatal
    }

    /// Whether others may still open sessions in this connection.
    pub(super) const fn is_shared(&self) -> bool {
        self.mux.listening.is_some()
    }

    /// Does what clients want.
    pub(super) fn mux_jobs(&mut self, control: &mut Control<'_>) {
        // As many as there are: the queue is bounded, and each job reminds.
        while let Some(job) = self.mux.jobs.as_mut().and_then(|jobs| jobs.try_recv().ok()) {
            self.mux_job(job, control);
        }
    }

    fn mux_job(&mut self, job: Job, control: &mut Control<'_>) {
        match job {
            Job::Session { request, descriptors, told } => {
                self.open_mux_session(*request, descriptors, told, control);
            }
            Job::Stdio { target, descriptors, told } => {
                self.open_mux_stdio(&target, &descriptors, told, control);
            }
            Job::Channel { kind, endpoints, told } => {
                self.open_relayed(kind, endpoints, told, control);
            }
            Job::OpenForward(forward, reply) => self.open_mux_forward(forward, reply, control),
            Job::CloseForward(forward, reply) => self.close_mux_forward(&forward, reply, control),
            Job::Terminate => {
                self.mux.listening = None;
                leave(control);
            }
            Job::StopListening(reply) => {
                self.mux.listening = None;
                self.mux.idle = None;
                let own = self.plan.program.is_some() || self.settings.forwards.stdio.is_some();
                if !own {
                    // Nobody can come any more: it ends with those who are there.
                    self.shared.succeed();
                    self.session_over = true;
                }
                // A client that has gone meanwhile gets no answer.
                let _ = reply.send(Done::Ok);
            }
            Job::Gone => self.mux_client_gone(control),
        }
    }

    /// A client is gone, and perhaps a session with it.
    fn mux_client_gone(&mut self, control: &mut Control<'_>) {
        let sessions = self.mux.sessions.iter();
        let orphans: Vec<_> =
            sessions.filter(|(_, session)| session.is_orphan()).map(|(key, _)| *key).collect();
        for channel in orphans {
            control.close(channel);
        }
        self.mux_less_used(control);
    }

    /// Somebody has left: perhaps the connection is of no more use.
    pub(super) fn mux_less_used(&mut self, control: &mut Control<'_>) {
        self.finish_if_done(control);
        self.look_if_idle(control);
    }

    /// Whether clients keep the connection open.
    pub(super) fn is_used_by_others(&self) -> bool {
        !self.mux.is_unused()
    }

    fn is_idle(&self, control: &Control<'_>) -> bool {
        self.plan.master && self.mux.is_unused() && control.forwarded_connections() == 0
    }

    /// `ControlPersist`: from the moment that nobody uses the connection its time runs.
    pub(super) fn look_if_idle(&mut self, control: &mut Control<'_>) {
        let ControlPersist::Idle(time) = self.settings.sharing.persist else { return };
        if !self.is_idle(control) || self.mux.listening.is_none() {
            self.mux.idle = None;
            return;
        }
        if self.mux.idle.is_none() {
            let handle = control.handle();
            self.mux.idle = Some(Alarm(tokio::spawn(async move {
                tokio::time::sleep(time).await;
                // A connection that has ended needs no end.
                let _ = handle.call(|control| control.remind(IDLE)).await;
            })));
        }
    }

    /// The time is over, unless somebody has come.
    pub(super) fn mux_idle(&mut self, control: &mut Control<'_>) {
        self.mux.idle = None;
        if self.is_idle(control) {
            log::debug1("ControlPersist timeout expired");
            self.mux.listening = None;
            self.shared.succeed();
            return leave(control);
        }
        self.look_if_idle(control);
    }
}

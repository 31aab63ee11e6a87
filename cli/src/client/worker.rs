//! Answers to the questions of a connection: they may take a human's time, so they are found
//! beside the connection's task and handed to it.

use super::app::host_keys;
use super::shared::{HostKeys, Shared};
use crate::agent::SessionBinding;
use crate::auth::Authenticator;
use crate::config::Settings;
use crate::config::options::{SessionType, UpdateHostKeys};
use crate::hostkey::update::{Plan, Update};
use crate::hostkey::{HostKeyCheck, Verdict};
use crate::plain_files;
use std::sync::Arc;
use tokio::sync::mpsc;
use tssh_connection::{Answer, GlobalRequest};
use tssh_forward::driver::Handle;
use tssh_transport::kex::exchanger::HostKeyQuestion;
use tssh_transport::userauth::AuthQuestion;

/// One question, and where its answer goes.
pub struct Question {
    /// What is asked.
    pub kind: Kind,
    /// The connection that waits.
    pub handle: Handle,
}

/// What is asked.
pub enum Kind {
    /// Is this the host's key?
    HostKey(Box<HostKeyQuestion>),
    /// What comes next in authentication?
    Auth(AuthQuestion),
    /// The user is logged in: what logging in needed is forgotten.
    LoggedIn,
    /// The server names its host keys.
    HostKeys(Vec<u8>),
    /// The session is over, and the change of host keys waits for the user's word.
    HostKeysAtEnd,
    /// What the server answered when it was asked to prove them; nothing where it refused.
    HostKeyProof {
        /// The session identifier.
        session_id: Vec<u8>,
        /// Signatures.
        reply: Option<Vec<u8>>,
    },
}

/// Starts the worker; it ends with the connection. One question is open at a time, so the queue
/// never fills.
pub fn start(
    settings: Arc<Settings>,
    check: HostKeyCheck,
    shared: Arc<Shared>,
) -> mpsc::Sender<Question> {
    let (sender, questions) = mpsc::channel(4);
    tokio::spawn(work(settings, Arc::new(check), shared, questions));
    sender
}

async fn work(
    settings: Arc<Settings>,
    check: Arc<HostKeyCheck>,
    shared: Arc<Shared>,
    mut questions: mpsc::Receiver<Question>,
) {
    let mut authenticator = None;
    let mut distrusted = false;
    let mut host_keys = HostKeyUpdate {
        settings: Arc::clone(&settings),
        check: Arc::clone(&check),
        shared,
        update: None,
    };
    let shared = Arc::clone(&host_keys.shared);
    while let Some(Question { kind, handle }) = questions.recv().await {
        let answer = match kind {
            Kind::HostKey(question) => {
                let HostKeyQuestion { key, certificate, blob, session_id, signature, .. } =
                    *question;
                shared.set_binding(SessionBinding { host_key: blob, session_id, signature });
                let check = Arc::clone(&check);
                let quick = check.is_known(&key, certificate.as_deref());
                let check = move || check.check(&key, certificate.as_deref());
                match plain_files::done(quick, check).await {
                    Some(Verdict::Accepted) => {
                        shared.trust_server();
                        Some(Answer::HostKey(true))
                    }
                    Some(Verdict::Learnt) => Some(Answer::HostKey(true)),
                    Some(Verdict::AcceptedUnsafely) => {
                        distrusted = true;
                        shared.distrust_server();
                        Some(Answer::HostKey(true))
                    }
                    Some(Verdict::Refused) | None => Some(Answer::HostKey(false)),
                }
            }
            Kind::Auth(question) => {
                let authenticator = match &mut authenticator {
                    Some(authenticator) => authenticator,
                    none => none.insert(prepare(&settings, &shared, distrusted).await),
                };
                let answer = authenticator.answer(question).await.map(Answer::Auth);
                shared.set_method(authenticator.method());
                answer
            }
            Kind::LoggedIn => {
                authenticator = None;
                None
            }
            Kind::HostKeys(list) => {
                host_keys.named(list, &handle).await;
                None
            }
            Kind::HostKeysAtEnd => {
                host_keys.at_end(&handle).await;
                None
            }
            Kind::HostKeyProof { session_id, reply } => {
                host_keys.proved(&session_id, reply, &handle).await;
                None
            }
        };
        let Some(answer) = answer else { continue };
        // A connection that ended meanwhile needs no answer.
        let _ = handle.call(move |control| control.answer(answer)).await;
    }
}

/// The agent is asked once the host is known, for it is shown the host's key.
async fn prepare(settings: &Settings, shared: &Shared, distrusted: bool) -> Authenticator {
    let mut authenticator = Authenticator::prepare(settings, shared.binding()).await;
    if distrusted {
        authenticator.distrust_server();
    }
    authenticator
}

/// `UpdateHostKeys`, from the server's list to the files.
struct HostKeyUpdate {
    settings: Arc<Settings>,
    check: Arc<HostKeyCheck>,
    shared: Arc<Shared>,
    /// What waits for the server's proof.
    update: Option<Update>,
}

impl HostKeyUpdate {
    /// The server has named its keys.
    async fn named(&mut self, list: Vec<u8>, handle: &Handle) {
        let check = Arc::clone(&self.check);
        let plan = tokio::task::spawn_blocking(move || check.plan_update(&list)).await;
        match plan {
            Ok(Plan::Prove(update)) => {
                let request = GlobalRequest::HostKeysProve(update.request());
                self.update = Some(update);
                let shared = Arc::clone(&self.shared);
                let asked = handle.call(move |control| {
                    let tag = control.global_request(request, true).ok();
                    shared.state().host_keys = tag.map_or(HostKeys::Done, HostKeys::Asked);
                });
                // A connection that has ended asks nothing.
                let _ = asked.await;
            }
            Ok(Plan::Write(update)) => self.write(update, handle).await,
            Ok(Plan::Nothing) | Err(_) => host_keys::finish(Arc::clone(&self.shared), handle).await,
        }
    }

    /// The server has answered, by its proof or by a refusal.
    async fn proved(&mut self, session_id: &[u8], reply: Option<Vec<u8>>, handle: &Handle) {
        let update = self.update.take();
        match (update, reply) {
            (Some(update), Some(reply)) if update.is_proved(session_id, &reply) => {
                self.write(update, handle).await;
            }
            _ => host_keys::finish(Arc::clone(&self.shared), handle).await,
        }
    }

    async fn write(&mut self, update: Update, handle: &Handle) {
        let asks = self.settings.update_host_keys == UpdateHostKeys::Ask;
        let reads_input = self.settings.session_type != SessionType::None;
        if asks && reads_input && !self.shared.state().over {
            // The answer would be the session's input.
            self.update = Some(update);
            self.shared.state().host_keys = HostKeys::AtEnd;
            return;
        }
        let settings = Arc::clone(&self.settings);
        // Its messages are the only result.
        let _ = tokio::task::spawn_blocking(move || update.apply(&settings)).await;
        host_keys::finish(Arc::clone(&self.shared), handle).await;
    }

    /// The session is over: now the user can be asked.
    async fn at_end(&mut self, handle: &Handle) {
        match self.update.take() {
            Some(update) => self.write(update, handle).await,
            None => host_keys::finish(Arc::clone(&self.shared), handle).await,
        }
    }
}

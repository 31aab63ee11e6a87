//! Answers to the questions of a connection: they may take a human's time, so they are found
//! beside the connection's task and handed to it.

use super::shared::Shared;
use crate::agent::SessionBinding;
use crate::auth::Authenticator;
use crate::config::Settings;
use crate::hostkey::{HostKeyCheck, Verdict};
use std::sync::Arc;
use tokio::sync::mpsc;
use tssh_connection::Answer;
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
    while let Some(Question { kind, handle }) = questions.recv().await {
        let answer = match kind {
            Kind::HostKey(question) => {
                let HostKeyQuestion { key, blob, session_id, signature, .. } = *question;
                shared.set_binding(SessionBinding { host_key: blob, session_id, signature });
                let check = Arc::clone(&check);
                let verdict = tokio::task::spawn_blocking(move || check.check(&key)).await;
                match verdict {
                    Ok(Verdict::Accepted | Verdict::Learnt) => Some(Answer::HostKey(true)),
                    Ok(Verdict::AcceptedUnsafely) => {
                        distrusted = true;
                        shared.distrust_server();
                        Some(Answer::HostKey(true))
                    }
                    Ok(Verdict::Refused) | Err(_) => Some(Answer::HostKey(false)),
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

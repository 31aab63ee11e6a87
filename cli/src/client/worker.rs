//! Answers to the questions of a connection: they may take a human's time, so they are found
//! beside the connection's task and handed to it.

use super::shared::Shared;
use crate::auth::Authenticator;
use crate::config::Settings;
use crate::hostkey::{HostKeyCheck, Verdict};
use std::sync::Arc;
use tokio::sync::mpsc;
use tssh_connection::Answer;
use tssh_forward::driver::Handle;
use tssh_transport::key::PublicKey;
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
    HostKey(PublicKey),
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
    // Files and agent are looked at while the server does its part of the key exchange.
    let mut authenticator = Authenticator::prepare(&settings).await;
    while let Some(Question { kind, handle }) = questions.recv().await {
        let answer = match kind {
            Kind::HostKey(key) => {
                let check = Arc::clone(&check);
                let verdict = tokio::task::spawn_blocking(move || check.check(&key)).await;
                match verdict {
                    Ok(Verdict::Accepted | Verdict::Learnt) => Some(Answer::HostKey(true)),
                    Ok(Verdict::AcceptedUnsafely) => {
                        authenticator.distrust_server();
                        shared.distrust_server();
                        Some(Answer::HostKey(true))
                    }
                    Ok(Verdict::Refused) | Err(_) => Some(Answer::HostKey(false)),
                }
            }
            Kind::Auth(question) => authenticator.answer(question).await.map(Answer::Auth),
        };
        shared.set_method(authenticator.method());
        let Some(answer) = answer else { continue };
        // A connection that ended meanwhile needs no answer.
        let _ = handle.call(move |control| control.answer(answer)).await;
    }
}

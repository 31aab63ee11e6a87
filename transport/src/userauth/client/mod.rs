//! The client's side of authentication.

mod state;

use super::machine;
use super::prompts;
use super::request::Fields;
use super::service::Service;
use super::signature::{Signed, names_algorithm};
use super::{Attempt, AuthAnswer, AuthEvent, AuthQuestion, CONNECTION_SERVICE};
use crate::error::{Error, Result};
use crate::limits::{
    AUTH_PAYLOAD_BYTES_MAX, AUTH_REQUESTS_MAX, BANNERS_MAX, PARTIAL_SUCCESSES_MAX,
    PROMPT_ROUNDS_MAX, PROMPTLESS_ROUNDS_MAX,
};
use crate::messages::transport::ServiceAccept;
use crate::messages::userauth::{
    UserauthBanner, UserauthFailure, UserauthInfoRequest, UserauthPasswdChangereq, UserauthPkOk,
    UserauthSuccess,
};
use crate::proof::{ExchangeComplete, UserAuthenticated};
use crate::sink::PayloadSink;
use crate::wire::{Message, number};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
pub use state::State;
use state::{Event, TABLE, received};
use zeroize::Zeroizing;

/// Authenticates one user to a server.
///
/// `start` asks what to try and sends the service request without waiting for its answer, so that
/// an attempt decided at once costs no round trip of its own.
#[derive(Debug)]
pub struct ClientAuth {
    user: String,
    session_id: Vec<u8>,
    server_sig_algs: Option<String>,
    /// The server's host key, if requests may be bound to it.
    host_key: Option<Vec<u8>>,
    service: Service,
    state: State,
    /// What the server last said can continue, and whether the attempt before was right.
    methods: Option<String>,
    partial_success: bool,
    /// The key of the attempt in progress.
    key: Option<OfferedKey>,
    /// Prompts of the request that is being answered.
    prompts: usize,
    counts: Counts,
}

#[derive(Debug)]
struct OfferedKey {
    blob: Vec<u8>,
    algorithm: String,
    /// What the attempt is bound to.
    host_key: Option<Vec<u8>>,
}

/// What a server could otherwise go on with for ever.
#[derive(Debug, Default)]
struct Counts {
    requests: u32,
    partial_successes: u32,
    /// Rounds of prompts, or of new passwords, within the present attempt.
    rounds: u32,
    promptless_rounds: u32,
    banners: u32,
}

/// Counts one more of what may happen `max` times.
fn count(n: &mut u32, max: u32, what: &'static str) -> Result<()> {
    *n = n.saturating_add(1);
    if *n > max { Err(Error::LimitReached(what)) } else { Ok(()) }
}

impl ClientAuth {
    /// Will authenticate as `user` within the session of `session_id`.
    ///
    /// The proof shows that the server's host key was verified: nothing is sent to a server that
    /// has not shown who it is.
    #[must_use]
    pub fn new(user: String, session_id: &[u8], _exchanged: &ExchangeComplete) -> Self {
        Self {
            user,
            session_id: session_id.to_vec(),
            server_sig_algs: None,
            host_key: None,
            service: Service::Unasked,
            state: State::Created,
            methods: None,
            partial_success: false,
            key: None,
            prompts: 0,
            counts: Counts::default(),
        }
    }

    /// The value of the server's extension server-sig-algs (RFC 8308 section 3.1), whenever it
    /// comes; questions asked from then on carry it.
    pub fn set_server_sig_algs(&mut self, list: &str) {
        self.server_sig_algs = Some(list.to_string());
    }

    /// The server takes requests that are bound to its host key, and this is the key: attempts
    /// made from now on are.
    pub fn bind_to_host(&mut self, host_key: &[u8]) {
        self.host_key = Some(host_key.to_vec());
    }

    /// Sends the service request and asks what to try first.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn start(&mut self, sink: &mut impl PayloadSink) -> Result<Option<AuthEvent>> {
        self.step_local(Event::Start)?;
        self.service.request(sink)?;
        Ok(Some(self.choose()))
    }

    /// Whether the server has to speak next: its silence may be timed, a human's may not.
    #[must_use]
    pub const fn awaits_server(&self) -> bool {
        self.state.awaits_server() || matches!(self.service, Service::Requested)
    }

    /// Takes a payload with number 6 or 50 to 79.
    ///
    /// # Errors
    /// An answer to nothing that we asked, one that does not fit what we asked, a message that
    /// cannot be read, or one of the bounds on what a server may go on with.
    pub fn handle(
        &mut self,
        payload: &[u8],
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        let _ = &sink; // Every answer to the server waits for the application.
        let got = number(payload).map_err(|e| Error::decode("authentication message", e))?;
        if got == ServiceAccept::NUMBER {
            return self.service.accept(payload).map(|()| None);
        }
        if self.service != Service::Accepted {
            let phase = "authentication (the service request is not accepted yet)";
            return Err(Error::Inappropriate { got, phase });
        }
        match got {
            UserauthBanner::NUMBER => self.recv_banner(payload),
            UserauthFailure::NUMBER => self.recv_failure(payload),
            UserauthSuccess::NUMBER => self.recv_success(),
            UserauthPkOk::NUMBER => self.recv_method_60(payload),
            _ => Err(Error::Inappropriate { got, phase: self.state.phase() }),
        }
    }

    /// Takes the answer to the open question.
    ///
    /// # Errors
    /// [`Error::AuthenticationFailed`] when the answer is to give up; [`Error::LimitReached`] for
    /// one request too many or too large; [`Error::Internal`], with nothing changed, for an
    /// answer that does not fit the question.
    pub fn answer(
        &mut self,
        answer: AuthAnswer,
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        match answer {
            AuthAnswer::Attempt(attempt) => self.attempt(attempt, sink),
            AuthAnswer::Signature(signature) => self.sign(&signature, sink),
            AuthAnswer::CannotSign => self.back(Event::CannotSign),
            AuthAnswer::Responses(responses) => self.respond(&responses, sink),
            AuthAnswer::NewPassword { old, new } => {
                self.step_local(Event::NewPassword)?;
                let new_password = Some(new.as_bytes());
                self.request(&Fields::Password { password: old.as_bytes(), new_password }, sink)?;
                Ok(None)
            }
            AuthAnswer::GiveUp => self.give_up(),
            AuthAnswer::Accept
            | AuthAnswer::Partial { .. }
            | AuthAnswer::Reject
            | AuthAnswer::Prompts { .. }
            | AuthAnswer::Expired { .. } => Err(MISFIT),
        }
    }

    fn attempt(
        &mut self,
        attempt: Attempt,
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        self.step_local(match &attempt {
            Attempt::None => Event::TryNone,
            Attempt::PublicKey { probe: true, .. } => Event::TryProbe,
            Attempt::PublicKey { probe: false, .. } => Event::TrySignature,
            Attempt::Password(_) => Event::TryPassword,
            Attempt::KeyboardInteractive { .. } => Event::TryInteractive,
        })?;
        self.counts.rounds = 0;
        self.key = None;
        match &attempt {
            Attempt::None => self.request(&Fields::None, sink)?,
            Attempt::Password(password) => {
                let password = password.as_bytes();
                self.request(&Fields::Password { password, new_password: None }, sink)?;
            }
            Attempt::KeyboardInteractive { submethods } => {
                let submethods = submethods.as_bytes();
                self.request(&Fields::KeyboardInteractive { submethods }, sink)?;
            }
            Attempt::PublicKey { blob, algorithm, probe } => {
                let (blob, algorithm) = (blob.clone(), algorithm.clone());
                let host_key = self.host_key.clone();
                let key = self.key.insert(OfferedKey { blob, algorithm, host_key });
                if !probe {
                    let question = sign_question(&self.user, &self.session_id, key);
                    return Ok(Some(AuthEvent::Question(question)));
                }
                self.offer(None, sink)?;
            }
        }
        Ok(None)
    }

    /// Sends the `publickey` request for the key in hand.
    fn offer(&mut self, signature: Option<&[u8]>, sink: &mut impl PayloadSink) -> Result<()> {
        let Some(OfferedKey { blob, algorithm, host_key }) = self.key.as_ref() else {
            return Err(Error::Internal("a publickey request without a key"));
        };
        let algorithm = algorithm.as_bytes();
        let fields = Fields::PublicKey { algorithm, blob, signature };
        let payload = fields.request_bound(&self.user, host_key.as_deref());
        self.send_request(&payload, sink)
    }

    fn sign(&mut self, signature: &[u8], sink: &mut impl PayloadSink) -> Result<Option<AuthEvent>> {
        let names = self.key.as_ref().is_some_and(|k| names_algorithm(signature, &k.algorithm));
        // Agents exist that answer an rsa-sha2 request with an ssh-rsa signature.
        if self.state == State::Signing && !names {
            return self.back(Event::CannotSign);
        }
        self.step_local(Event::Signature)?;
        self.offer(Some(signature), sink).map(|()| None)
    }

    fn respond(
        &mut self,
        responses: &[Zeroizing<String>],
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        if self.state == State::Prompting && responses.len() != self.prompts {
            return Err(MISFIT);
        }
        self.step_local(Event::Responses)?;
        // "In the case that the server sends a `0' num-prompts field in the request message, the
        // client MUST send a response message with a `0' num-responses field to complete the
        // exchange." RFC 4256 section 3.4
        send_bounded(&prompts::response(responses), sink).map(|()| None)
    }

    fn give_up(&mut self) -> Result<Option<AuthEvent>> {
        if self.state != State::Deciding {
            return self.back(Event::GiveUp);
        }
        self.step_local(Event::GiveUp)?;
        Err(Error::AuthenticationFailed { methods: self.methods.clone().unwrap_or_default() })
    }

    /// Leaves the attempt in progress and asks for another.
    fn back(&mut self, event: Event) -> Result<Option<AuthEvent>> {
        self.step_local(event)?;
        self.key = None;
        Ok(Some(self.choose()))
    }

    fn recv_banner(&mut self, payload: &[u8]) -> Result<Option<AuthEvent>> {
        let message = UserauthBanner::decode(payload)
            .map_err(|error| Error::decode(UserauthBanner::NAME, error))?;
        self.step_remote(UserauthBanner::NUMBER)?;
        count(&mut self.counts.banners, BANNERS_MAX, "banners")?;
        Ok(Some(AuthEvent::Banner(prompts::display_text(message.message))))
    }

    fn recv_failure(&mut self, payload: &[u8]) -> Result<Option<AuthEvent>> {
        let message = UserauthFailure::decode(payload)
            .map_err(|error| Error::decode(UserauthFailure::NAME, error))?;
        self.step_remote(UserauthFailure::NUMBER)?;
        if message.partial_success {
            let (n, max) = (&mut self.counts.partial_successes, PARTIAL_SUCCESSES_MAX);
            count(n, max, "partial successes")?;
        }
        self.methods = Some(message.authentications_that_can_continue.to_string());
        self.partial_success = message.partial_success;
        self.key = None;
        Ok(Some(self.choose()))
    }

    /// What follows the number means nothing, and is not looked at: tinyssh before 2020 leaves
    /// the rest of an earlier message there, which OpenSSH does not mind.
    fn recv_success(&mut self) -> Result<Option<AuthEvent>> {
        self.step_remote(UserauthSuccess::NUMBER)?;
        let proof = UserAuthenticated::earned(self.user.clone(), Vec::new());
        Ok(Some(AuthEvent::Success(proof)))
    }

    /// "Different authentication methods reuse the same message numbers" (RFC 4252 section 6):
    /// the state says which message it is.
    fn recv_method_60(&mut self, payload: &[u8]) -> Result<Option<AuthEvent>> {
        let before = self.state;
        self.step_remote(UserauthPkOk::NUMBER)?;
        let question = match before {
            State::ProbeSent => self.recv_pk_ok(payload)?,
            State::PasswordSent => {
                let message = UserauthPasswdChangereq::decode(payload)
                    .map_err(|error| Error::decode(UserauthPasswdChangereq::NAME, error))?;
                count(&mut self.counts.rounds, PROMPT_ROUNDS_MAX, "requests for a new password")?;
                AuthQuestion::ChangePassword { prompt: prompts::display_text(message.prompt) }
            }
            State::InteractiveSent => self.recv_prompts(payload)?,
            _ => return Err(Error::Internal("number 60 in a state without a meaning for it")),
        };
        Ok(Some(AuthEvent::Question(question)))
    }

    fn recv_pk_ok(&self, payload: &[u8]) -> Result<AuthQuestion> {
        let message = UserauthPkOk::decode(payload)
            .map_err(|error| Error::decode(UserauthPkOk::NAME, error))?;
        let Some(key) = self.key.as_ref() else {
            return Err(Error::Internal("a publickey request without a key"));
        };
        // Signing with another key than the one asked about would let the server choose which
        // of our keys it sees used.
        if message.public_key_blob != key.blob
            || message.public_key_algorithm_name != key.algorithm.as_bytes()
        {
            let rule = "PK_OK must repeat algorithm and key from the request (RFC 4252 section 7)";
            return Err(Error::PeerMisbehaved(rule));
        }
        Ok(sign_question(&self.user, &self.session_id, key))
    }

    fn recv_prompts(&mut self, payload: &[u8]) -> Result<AuthQuestion> {
        debug_assert_eq!(UserauthInfoRequest::NUMBER, UserauthPkOk::NUMBER, "numbers are shared");
        let request = prompts::read_request(payload)?;
        // "the client MUST be prepared to handle multiple exchanges" RFC 4256 section 3.2
        count(&mut self.counts.rounds, PROMPT_ROUNDS_MAX, "rounds of prompts")?;
        if request.prompts.is_empty() {
            let (n, max) = (&mut self.counts.promptless_rounds, PROMPTLESS_ROUNDS_MAX);
            count(n, max, "rounds of prompts without a prompt")?;
        }
        self.prompts = request.prompts.len();
        let prompts::InfoRequest { name, instruction, prompts } = request;
        Ok(AuthQuestion::Prompts { name, instruction, prompts })
    }

    fn choose(&self) -> AuthEvent {
        AuthEvent::Question(AuthQuestion::ChooseMethod {
            methods: self.methods.clone(),
            partial_success: self.partial_success,
            server_sig_algs: self.server_sig_algs.clone(),
        })
    }

    /// Sends a request that the server has to answer.
    fn request(&mut self, fields: &Fields<'_>, sink: &mut impl PayloadSink) -> Result<()> {
        let payload = fields.request(&self.user);
        self.send_request(&payload, sink)
    }

    fn send_request(&mut self, payload: &[u8], sink: &mut impl PayloadSink) -> Result<()> {
        count(&mut self.counts.requests, AUTH_REQUESTS_MAX, "authentication requests")?;
        send_bounded(payload, sink)
    }

    fn step_local(&mut self, event: Event) -> Result<()> {
        self.state = machine::step(TABLE, self.state, event).ok_or(MISFIT)?;
        Ok(())
    }

    fn step_remote(&mut self, got: u8) -> Result<()> {
        let next = received(got).and_then(|event| machine::step(TABLE, self.state, event));
        self.state = next.ok_or(Error::Inappropriate { got, phase: self.state.phase() })?;
        Ok(())
    }
}

const MISFIT: Error = Error::Internal("an answer that does not fit the open question");

fn send_bounded(payload: &[u8], sink: &mut impl PayloadSink) -> Result<()> {
    if payload.len() > AUTH_PAYLOAD_BYTES_MAX {
        return Err(Error::LimitReached("bytes of an authentication message"));
    }
    sink.send(payload)
}

fn sign_question(user: &str, session_id: &[u8], key: &OfferedKey) -> AuthQuestion {
    let signed = Signed {
        session_id,
        user_name: user.as_bytes(),
        service_name: CONNECTION_SERVICE,
        algorithm: key.algorithm.as_bytes(),
        blob: &key.blob,
        host_key: key.host_key.as_deref(),
    };
    AuthQuestion::Sign {
        blob: key.blob.clone(),
        algorithm: key.algorithm.clone(),
        data: signed.data(),
    }
}

#[cfg(test)]
mod tests;

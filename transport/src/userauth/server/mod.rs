//! The server's side of authentication.

mod claim;
mod state;

use super::machine;
use super::prompts::{self, Answered};
use super::request::Fields;
use super::service;
use super::signature::{HOST_BOUND, Signed};
use super::{AuthAnswer, AuthEvent, AuthQuestion, CONNECTION_SERVICE, Method, Prompt};
use crate::error::{Error, Result};
use crate::key::{Certificate, PublicKey, is_certificate_algorithm, signature_name};
use crate::limits::{
    AUTH_FAILURES_MAX, AUTH_REQUESTS_MAX, PROMPT_ROUNDS_MAX, PROMPTS_MAX, USER_NAME_BYTES_MAX,
};
use crate::messages::transport::ServiceRequest;
use crate::messages::userauth::{
    UserauthBanner, UserauthFailure, UserauthInfoResponse, UserauthPasswdChangereq, UserauthPkOk,
    UserauthRequest, UserauthSuccess,
};
use crate::proof::{ExchangeComplete, UserAuthenticated};
use crate::sink::PayloadSink;
use crate::text::printable;
use crate::wire::{Message, WireError, WireFault, number};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use claim::Claim;
pub use state::State;
use state::{Event, TABLE};
use zeroize::Zeroizing;

/// What a server allows.
#[derive(Debug, Clone)]
pub struct ServerAuthConfig {
    /// Methods that can start, as a name-list, e.g. `publickey,password`. A request for another
    /// method fails without a question. `none` is dropped from it.
    pub methods: String,
    /// Text to show before the first answer.
    pub banner: Option<String>,
    /// The session ends at this many failures.
    pub max_failures: u32,
    /// Signature algorithms accepted: the value of server-sig-algs (RFC 8308 section 3.1), which
    /// "MUST enumerate all public key algorithms" that may be accepted.
    pub signature_algorithms: Vec<String>,
    /// Whether to ask [`AuthQuestion::CheckNone`]; otherwise `none` fails by itself.
    pub ask_none: bool,
}

impl Default for ServerAuthConfig {
    /// `publickey` alone, with every algorithm of this crate.
    fn default() -> Self {
        let algorithms = [
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521",
            "rsa-sha2-512",
            "rsa-sha2-256",
        ];
        Self {
            methods: Method::PublicKey.name().to_string(),
            banner: None,
            max_failures: AUTH_FAILURES_MAX,
            signature_algorithms: algorithms.map(String::from).to_vec(),
            ask_none: false,
        }
    }
}

/// Authenticates one client.
#[derive(Debug)]
pub struct ServerAuth {
    config: ServerAuthConfig,
    session_id: Vec<u8>,
    /// The host key of the connection, if requests may be bound to it.
    host_key: Option<Vec<u8>>,
    state: State,
    claim: Claim,
    /// The method whose request is being checked, and its key.
    method: Method,
    key: Option<OfferedKey>,
    /// Prompts sent and rounds of them within the present attempt.
    prompts: usize,
    rounds: u32,
    /// Requests of any kind, and authentication requests that failed.
    requests: u32,
    attempts: u32,
    failures: u32,
}

#[derive(Debug)]
struct OfferedKey {
    algorithm: String,
    blob: Vec<u8>,
    key: PublicKey,
}

/// What a request names: a key, or a certificate and the key in it.
struct Presented {
    key: Box<PublicKey>,
    certificate: Option<Box<Certificate>>,
}

impl Presented {
    fn read(algorithm: &str, blob: &[u8]) -> core::result::Result<Self, &'static str> {
        let foreign = Err("the signature algorithm does not belong to the key");
        if is_certificate_algorithm(algorithm) {
            let certificate = Certificate::from_blob(blob).map_err(|_| "not a certificate")?;
            if !certificate.algorithms().any(|own| own == algorithm) {
                return foreign;
            }
            let key = Box::new(certificate.key().clone());
            return Ok(Self { key, certificate: Some(Box::new(certificate)) });
        }
        let key = PublicKey::from_blob(blob).map_err(|_| "not a key")?;
        if !key.signature_algorithms().contains(&algorithm) {
            return foreign;
        }
        Ok(Self { key: Box::new(key), certificate: None })
    }
}

impl ServerAuth {
    /// Will authenticate the client of the session of `session_id`; the proof shows that keys
    /// are in use, so that no secret of a client passes in clear.
    #[must_use]
    pub fn new(
        mut config: ServerAuthConfig,
        session_id: &[u8],
        _exchanged: &ExchangeComplete,
    ) -> Self {
        config.methods = continuing(&config.methods);
        Self {
            config,
            session_id: session_id.to_vec(),
            host_key: None,
            state: State::AwaitingService,
            claim: Claim::default(),
            method: Method::None,
            key: None,
            prompts: 0,
            rounds: 0,
            requests: 0,
            attempts: 0,
            failures: 0,
        }
    }

    /// Takes requests that are bound to the host key of the connection, which is this one.
    pub fn bind_to_host(&mut self, host_key: &[u8]) {
        self.host_key = Some(host_key.to_vec());
    }

    /// Whether the next payload may be handed over. Not while a question is open: "The server
    /// MUST process each request completely" before the next (RFC 4252 section 5.1), so what the
    /// client sent ahead has to wait where it is.
    #[must_use]
    pub const fn wants_payload(&self) -> bool {
        !self.state.question_open()
    }

    /// Takes a payload with number 5 or 50 to 79.
    ///
    /// # Errors
    /// A message that is not allowed now or cannot be read, another service than ssh-userauth, a
    /// user name that cannot be one, [`Error::TooManyAuthenticationFailures`], and
    /// [`Error::Internal`] while a question is open.
    pub fn handle(
        &mut self,
        payload: &[u8],
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        let got = number(payload).map_err(|e| Error::decode("authentication message", e))?;
        if self.state.question_open() {
            return Err(Error::Internal("a payload was handed over while a question is open"));
        }
        if self.state == State::Succeeded {
            // "any further authentication requests received after that SHOULD be silently
            // ignored" RFC 4252 section 5.1
            return Ok(None);
        }
        match got {
            ServiceRequest::NUMBER => {
                self.step_remote(Event::RecvServiceRequest, got)?;
                self.count_request()?;
                service::grant(payload, sink).map(|()| None)
            }
            UserauthRequest::NUMBER if self.state.takes(got) => self.recv_request(payload, sink),
            UserauthInfoResponse::NUMBER if self.state.takes(got) => {
                self.recv_responses(payload, sink)
            }
            _ => Err(Error::Inappropriate { got, phase: self.state.phase() }),
        }
    }

    /// Takes the answer to the open question.
    ///
    /// # Errors
    /// [`Error::TooManyAuthenticationFailures`]; [`Error::LimitReached`] for one partial success
    /// too many; [`Error::Internal`], with nothing changed, for an answer that does not fit.
    pub fn answer(
        &mut self,
        answer: AuthAnswer,
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        match answer {
            AuthAnswer::Accept if self.state == State::CheckingProbe => self.send_pk_ok(sink),
            AuthAnswer::Accept => self.accept(sink),
            AuthAnswer::Partial { methods } => self.partial(&methods, sink),
            AuthAnswer::Reject => {
                self.step_local(Event::Reject)?;
                self.fail(self.method.name().as_bytes(), "not accepted", sink)
            }
            AuthAnswer::Prompts { name, instruction, prompts } => {
                self.send_prompts(&name, &instruction, &prompts, sink)
            }
            AuthAnswer::Expired { prompt } => {
                self.step_local(Event::Expired)?;
                let message = UserauthPasswdChangereq::new(prompt.as_bytes(), b"");
                sink.send(&message.payload()).map(|()| None)
            }
            AuthAnswer::Attempt(_)
            | AuthAnswer::Signature(_)
            | AuthAnswer::CannotSign
            | AuthAnswer::Responses(_)
            | AuthAnswer::NewPassword { .. }
            | AuthAnswer::GiveUp => Err(MISFIT),
        }
    }

    fn recv_request(
        &mut self,
        payload: &[u8],
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        let request = UserauthRequest::decode(payload)
            .map_err(|error| Error::decode(UserauthRequest::NAME, error))?;
        self.count_request()?;
        let first = self.attempts == 0;
        self.attempts = self.attempts.saturating_add(1);
        let user = core::str::from_utf8(request.user_name).map_err(|_| {
            let error = WireError { field: "user_name", offset: 1, fault: WireFault::NotUtf8 };
            Error::decode(UserauthRequest::NAME, error)
        })?;
        self.claim.renew(user, request.service_name, &self.config.methods)?;
        // "A SSH_MSG_USERAUTH_FAILURE message MUST NOT be sent for an aborted method."
        // RFC 4252 section 5.1
        self.key = None;
        self.rounds = 0;
        if let (true, Some(banner)) = (first, self.config.banner.as_ref()) {
            sink.send(&UserauthBanner::new(banner.as_bytes(), b"").payload())?;
        }
        let refused = match self.read(&request, payload)? {
            Ok((event, question)) => {
                self.step_remote(event, UserauthRequest::NUMBER)?;
                return Ok(Some(AuthEvent::Question(question)));
            }
            Err(reason) => reason,
        };
        self.step_remote(Event::RecvRefused, UserauthRequest::NUMBER)?;
        // Asking for the list of methods first is what every client does.
        if first && request.method_name == Method::None.name().as_bytes() {
            self.send_failure(false, sink)?;
            return Ok(Some(self.failed(request.method_name, refused)));
        }
        self.fail(request.method_name, refused, sink)
    }

    /// The question that a request raises, or why it fails without one.
    fn read(
        &mut self,
        request: &UserauthRequest<'_>,
        payload: &[u8],
    ) -> Result<core::result::Result<(Event, AuthQuestion), &'static str>> {
        // "if the service does not exist, authentication MUST NOT be accepted"
        // RFC 4252 section 5
        if request.service_name != CONNECTION_SERVICE {
            return Ok(Err("the service does not exist"));
        }
        // "the server SHOULD simply reject requests that it does not recognize"
        // RFC 4252 section 5
        let host_key = self.bound_to(request);
        let named = host_key.map(|_| Method::PublicKey);
        let Some(method) = named.or_else(|| Method::from_name(request.method_name)) else {
            return Ok(Err("unknown method"));
        };
        let fields = match host_key {
            None => Fields::read(method, payload, request.method_fields)?,
            Some(own) => match Fields::read_bound(payload, request.method_fields)? {
                (fields, named) if named == own => fields,
                // Signed for another host, whose key somebody in the middle has not got.
                _ => return Ok(Err("the request is bound to another host key")),
            },
        };
        if method != Method::None && !self.claim.allows(method) {
            return Ok(Err("the method cannot continue"));
        }
        self.method = method;
        let user = self.claim.user.clone();
        let completed = self.claim.completed.clone();
        Ok(match fields {
            // "The server MUST always reject this request, unless the client is to be granted
            // access without any authentication" RFC 4252 section 4
            Fields::None if self.config.ask_none => {
                Ok((Event::RecvNone, AuthQuestion::CheckNone { user }))
            }
            Fields::None => Err("none is not accepted"),
            Fields::PublicKey { algorithm, blob, signature } => {
                let presented = self.read_key(request, algorithm, blob, signature);
                let ask = |(algorithm, read)| self.ask_about(algorithm, read, blob, signature);
                presented.map(ask)
            }
            Fields::Password { password, new_password } => match (text(password), new_password) {
                (Some(password), None) => Ok((None, password)),
                (Some(password), Some(new)) => {
                    text(new).map(|new| (Some(new), password)).ok_or("not UTF-8")
                }
                (None, _) => Err("not UTF-8"),
            }
            .map(|(new_password, password)| {
                let question =
                    AuthQuestion::CheckPassword { user, password, new_password, completed };
                (Event::RecvPassword, question)
            }),
            Fields::KeyboardInteractive { submethods } => {
                let submethods = printable(submethods, USER_NAME_BYTES_MAX);
                Ok((Event::RecvInteractive, AuthQuestion::StartPrompts { user, submethods }))
            }
        })
    }

    /// Remembers a key, and asks whether it may log in.
    fn ask_about(
        &mut self,
        algorithm: String,
        presented: Presented,
        blob: &[u8],
        signature: Option<&[u8]>,
    ) -> (Event, AuthQuestion) {
        let Presented { key, certificate } = presented;
        let (offered, own) = ((*key).clone(), algorithm.clone());
        self.key = Some(OfferedKey { algorithm: own, blob: blob.to_vec(), key: offered });
        let signed = signature.is_some();
        let event = if signed { Event::RecvSigned } else { Event::RecvProbe };
        let question = AuthQuestion::CheckKey {
            user: self.claim.user.clone(),
            algorithm,
            key,
            certificate,
            blob: blob.to_vec(),
            signed,
            completed: self.claim.completed.clone(),
        };
        (event, question)
    }

    /// Our host key, where the request is of the method that is bound to it.
    fn bound_to(&self, request: &UserauthRequest<'_>) -> Option<&[u8]> {
        self.host_key.as_deref().filter(|_| request.method_name == HOST_BOUND.as_bytes())
    }

    /// Every check of a `publickey` request that needs no policy.
    fn read_key(
        &self,
        request: &UserauthRequest<'_>,
        algorithm: &[u8],
        blob: &[u8],
        signature: Option<&[u8]>,
    ) -> core::result::Result<(String, Presented), &'static str> {
        // "If the server does not support some algorithm, it MUST simply reject the request."
        // RFC 4252 section 7
        let accepted = &self.config.signature_algorithms;
        let Some(name) = accepted.iter().find(|name| name.as_bytes() == algorithm) else {
            return Err("the signature algorithm is not accepted");
        };
        let presented = Presented::read(name, blob)?;
        // A certificate does not make a second key of the one in it.
        if self.claim.used.contains(&presented.key) {
            return Err("the key was used before");
        }
        if let Some(signature) = signature {
            let signed = Signed {
                session_id: &self.session_id,
                user_name: request.user_name,
                service_name: request.service_name,
                algorithm,
                blob,
                host_key: self.bound_to(request),
            };
            // "it MUST check whether the signature is correct" RFC 4252 section 7
            let (key, by) = (&presented.key, signature_name(name));
            key.verify(by, &signed.data(), signature).map_err(|_| "bad signature")?;
            // A token that signs without a human is a key that malware can use.
            if crate::key::sk_use(signature).is_some_and(|said| !said.present) {
                return Err("the token signed without a touch");
            }
        }
        Ok((name.clone(), presented))
    }

    fn recv_responses(
        &mut self,
        payload: &[u8],
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        match prompts::read_response(payload, self.prompts)? {
            Answered::All(responses) => {
                self.step_remote(Event::RecvResponses, UserauthInfoResponse::NUMBER)?;
                let (user, completed) = (self.claim.user.clone(), self.claim.completed.clone());
                let question = AuthQuestion::CheckResponses { user, responses, completed };
                Ok(Some(AuthEvent::Question(question)))
            }
            Answered::Wrong => {
                self.step_remote(Event::RecvMismatch, UserauthInfoResponse::NUMBER)?;
                self.fail(self.method.name().as_bytes(), "responses do not match the prompts", sink)
            }
        }
    }

    fn send_pk_ok(&mut self, sink: &mut impl PayloadSink) -> Result<Option<AuthEvent>> {
        self.step_local(Event::Accept)?;
        let Some(key) = self.key.take() else {
            return Err(Error::Internal("a publickey request without a key"));
        };
        let message = UserauthPkOk::new(key.algorithm.as_bytes(), &key.blob);
        sink.send(&message.payload()).map(|()| None)
    }

    fn accept(&mut self, sink: &mut impl PayloadSink) -> Result<Option<AuthEvent>> {
        self.step_local(Event::Accept)?;
        self.claim.complete(self.method, self.key.take().map(|key| (key.blob, key.key)));
        // "When the server accepts authentication, it MUST respond with the following"
        // RFC 4252 section 5.1
        // "SSH_MSG_USERAUTH_SUCCESS MUST be sent only once." RFC 4252 section 5.1
        sink.send(&UserauthSuccess::new().payload())?;
        let claim = core::mem::take(&mut self.claim);
        Ok(Some(AuthEvent::Success(UserAuthenticated::earned(claim.user, claim.keys))))
    }

    fn partial(&mut self, methods: &str, sink: &mut impl PayloadSink) -> Result<Option<AuthEvent>> {
        self.step_local(Event::Partial)?;
        if self.claim.is_full() {
            return Err(Error::LimitReached("partial successes"));
        }
        self.claim.complete(self.method, self.key.take().map(|key| (key.blob, key.key)));
        self.claim.methods = continuing(methods);
        // "The value of 'partial success' MUST be TRUE if the authentication request to which
        // this is a response was successful." RFC 4252 section 5.1
        self.send_failure(true, sink).map(|()| None)
    }

    fn send_prompts(
        &mut self,
        name: &str,
        instruction: &str,
        prompts: &[Prompt],
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        // "The prompt field(s) MUST NOT be empty strings." RFC 4256 section 3.2
        let count = u32::try_from(prompts.len()).unwrap_or(u32::MAX);
        if count > PROMPTS_MAX || prompts.iter().any(|prompt| prompt.text.is_empty()) {
            return Err(MISFIT);
        }
        if self.rounds >= PROMPT_ROUNDS_MAX {
            self.step_local(Event::Reject)?;
            return self.fail(self.method.name().as_bytes(), "too many rounds of prompts", sink);
        }
        self.step_local(Event::Prompts)?;
        self.rounds = self.rounds.saturating_add(1);
        self.prompts = prompts.len();
        sink.send(&prompts::request(name, instruction, prompts)).map(|()| None)
    }

    /// Counts a failure and answers it, or ends the session.
    fn fail(
        &mut self,
        method: &[u8],
        reason: &'static str,
        sink: &mut impl PayloadSink,
    ) -> Result<Option<AuthEvent>> {
        self.key = None;
        self.failures = self.failures.saturating_add(1);
        // "the implementation SHOULD limit the number of failed authentication attempts a client
        // may perform in a single session" RFC 4252 section 4
        if self.failures >= self.config.max_failures {
            return self.close();
        }
        // "If the server rejects the authentication request, it MUST respond with the following"
        // RFC 4252 section 5.1
        self.send_failure(false, sink)?;
        Ok(Some(self.failed(method, reason)))
    }

    fn failed(&self, method: &[u8], reason: &'static str) -> AuthEvent {
        AuthEvent::Failed {
            user: self.claim.user.clone(),
            method: printable(method, USER_NAME_BYTES_MAX),
            reason,
            failures: self.failures,
        }
    }

    fn send_failure(&self, partial_success: bool, sink: &mut impl PayloadSink) -> Result<()> {
        sink.send(&UserauthFailure::new(&self.claim.methods, partial_success).payload())
    }

    /// Counts service and authentication requests together: some clients send a service request
    /// before each attempt, and a flood of either is the same flood.
    fn count_request(&mut self) -> Result<()> {
        self.requests = self.requests.saturating_add(1);
        if self.requests > AUTH_REQUESTS_MAX { self.close() } else { Ok(()) }
    }

    fn close<T>(&mut self) -> Result<T> {
        self.step_local(Event::TooManyFailures)?;
        Err(Error::TooManyAuthenticationFailures)
    }

    fn step_local(&mut self, event: Event) -> Result<()> {
        self.state = machine::step(TABLE, self.state, event).ok_or(MISFIT)?;
        Ok(())
    }

    fn step_remote(&mut self, event: Event, got: u8) -> Result<()> {
        let phase = self.state.phase();
        self.state =
            machine::step(TABLE, self.state, event).ok_or(Error::Inappropriate { got, phase })?;
        Ok(())
    }
}

const MISFIT: Error = Error::Internal("an answer that does not fit the open question");

/// The list without `none`: "This 'method name' MUST NOT be listed as supported by the server."
/// (RFC 4252 section 5.2)
fn continuing(methods: &str) -> String {
    let mut out = String::new();
    for name in methods.split(',').filter(|n| !n.is_empty() && *n != Method::None.name()) {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
    }
    out
}

/// A secret as text: RFC 4252 section 8 says UTF-8, and what is not cannot be the right one.
fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    core::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(String::from(text)))
}

#[cfg(test)]
mod tests;

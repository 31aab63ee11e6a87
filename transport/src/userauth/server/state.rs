//! Which step a server may take next.
//!
//! A question to the policy is open in the `Checking` states and in `StartingPrompts`; there no
//! payload is taken, so requests that a client sends ahead are answered one by one in their order.
//! The picture is the table, and a test compares them.
//!
//! ```text
//! AwaitingService -> Ready: RecvServiceRequest
//! Ready -> Ready: RecvServiceRequest RecvRefused
//! Ready -> CheckingNone: RecvNone
//! Ready -> CheckingProbe: RecvProbe
//! Ready -> CheckingSignature: RecvSigned
//! Ready -> CheckingPassword: RecvPassword
//! Ready -> StartingPrompts: RecvInteractive
//! Ready -> Closed: TooManyFailures
//! CheckingNone -> Succeeded: Accept
//! CheckingNone -> Ready: Reject
//! CheckingProbe -> Ready: Accept Reject
//! CheckingSignature -> Succeeded: Accept
//! CheckingSignature -> Ready: Partial Reject
//! CheckingPassword -> Succeeded: Accept
//! CheckingPassword -> Ready: Partial Reject Expired
//! StartingPrompts -> Prompted: Prompts
//! StartingPrompts -> Ready: Reject
//! Prompted -> Prompted: RecvServiceRequest
//! Prompted -> CheckingResponses: RecvResponses
//! Prompted -> Ready: RecvMismatch RecvRefused
//! Prompted -> Closed: TooManyFailures
//! Prompted -> CheckingNone: RecvNone
//! Prompted -> CheckingProbe: RecvProbe
//! Prompted -> CheckingSignature: RecvSigned
//! Prompted -> CheckingPassword: RecvPassword
//! Prompted -> StartingPrompts: RecvInteractive
//! CheckingResponses -> Succeeded: Accept
//! CheckingResponses -> Ready: Partial Reject
//! CheckingResponses -> Prompted: Prompts
//! ```

use crate::userauth::machine::{Row, step};

/// What a server waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// For the service request.
    AwaitingService,
    /// For an authentication request.
    Ready,
    /// For the word whether the user needs no authentication.
    CheckingNone,
    /// For the word whether a key would do.
    CheckingProbe,
    /// For the word on a key whose signature was verified.
    CheckingSignature,
    /// For the word on a password.
    CheckingPassword,
    /// For the prompts to send.
    StartingPrompts,
    /// For the responses to prompts, or a new request.
    Prompted,
    /// For the word on responses.
    CheckingResponses,
    /// For nothing: the user is authenticated.
    Succeeded,
    /// For nothing: too many failures.
    Closed,
}

/// What can happen to a server: `Recv` names what the client sent and passed every check made
/// here, the rest is what was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    RecvServiceRequest,
    RecvNone,
    RecvProbe,
    RecvSigned,
    RecvPassword,
    RecvInteractive,
    /// A request that is turned down without asking.
    RecvRefused,
    RecvResponses,
    /// Responses that do not match the prompts.
    RecvMismatch,
    Accept,
    Partial,
    Reject,
    Prompts,
    Expired,
    TooManyFailures,
}

use Event as E;
use State as S;

/// Every step that is allowed.
pub(super) const TABLE: &[Row<State, Event>] = &[
    (S::AwaitingService, E::RecvServiceRequest, S::Ready),
    (S::Ready, E::RecvServiceRequest, S::Ready),
    (S::Ready, E::RecvRefused, S::Ready),
    (S::Ready, E::RecvNone, S::CheckingNone),
    (S::Ready, E::RecvProbe, S::CheckingProbe),
    (S::Ready, E::RecvSigned, S::CheckingSignature),
    (S::Ready, E::RecvPassword, S::CheckingPassword),
    (S::Ready, E::RecvInteractive, S::StartingPrompts),
    (S::Ready, E::TooManyFailures, S::Closed),
    (S::CheckingNone, E::Accept, S::Succeeded),
    (S::CheckingNone, E::Reject, S::Ready),
    // Accepting a probe is PK_OK: it brings the client no nearer to success.
    (S::CheckingProbe, E::Accept, S::Ready),
    (S::CheckingProbe, E::Reject, S::Ready),
    (S::CheckingSignature, E::Accept, S::Succeeded),
    (S::CheckingSignature, E::Partial, S::Ready),
    (S::CheckingSignature, E::Reject, S::Ready),
    (S::CheckingPassword, E::Accept, S::Succeeded),
    (S::CheckingPassword, E::Partial, S::Ready),
    (S::CheckingPassword, E::Reject, S::Ready),
    (S::CheckingPassword, E::Expired, S::Ready),
    (S::StartingPrompts, E::Prompts, S::Prompted),
    (S::StartingPrompts, E::Reject, S::Ready),
    (S::Prompted, E::RecvServiceRequest, S::Prompted),
    (S::Prompted, E::RecvResponses, S::CheckingResponses),
    (S::Prompted, E::RecvMismatch, S::Ready),
    (S::Prompted, E::TooManyFailures, S::Closed),
    // "the server MUST abandon the previous authentication attempt and continue with the new
    // one" RFC 4252 section 5
    (S::Prompted, E::RecvRefused, S::Ready),
    (S::Prompted, E::RecvNone, S::CheckingNone),
    (S::Prompted, E::RecvProbe, S::CheckingProbe),
    (S::Prompted, E::RecvSigned, S::CheckingSignature),
    (S::Prompted, E::RecvPassword, S::CheckingPassword),
    (S::Prompted, E::RecvInteractive, S::StartingPrompts),
    (S::CheckingResponses, E::Accept, S::Succeeded),
    (S::CheckingResponses, E::Partial, S::Ready),
    (S::CheckingResponses, E::Reject, S::Ready),
    (S::CheckingResponses, E::Prompts, S::Prompted),
];

impl State {
    /// Whether a message of the client has a place in this state.
    #[must_use]
    pub fn takes(self, number: u8) -> bool {
        let event = match number {
            5 => E::RecvServiceRequest,
            // Whatever is asked for: wherever one request may come, each may.
            50 => E::RecvRefused,
            61 => E::RecvResponses,
            _ => return false,
        };
        step(TABLE, self, event).is_some()
    }

    /// Whether a question to the policy is open.
    #[must_use]
    pub const fn question_open(self) -> bool {
        matches!(
            self,
            S::CheckingNone
                | S::CheckingProbe
                | S::CheckingSignature
                | S::CheckingPassword
                | S::StartingPrompts
                | S::CheckingResponses
        )
    }

    /// For errors: what is going on.
    pub(super) const fn phase(self) -> &'static str {
        match self {
            S::AwaitingService => "authentication (before the service request)",
            S::Ready => "authentication (no method in progress)",
            S::Prompted => "authentication by keyboard-interactive",
            S::Succeeded => "the end of authentication",
            S::Closed => "the end of authentication without success",
            _ => "authentication (a request is being checked)",
        }
    }
}

//! Which step a client may take next.
//!
//! An answer of the server is allowed only where a request of ours waits for one; number 60 means
//! what the method in progress makes of it, and nothing elsewhere. The picture is the table, and a
//! test compares them.
//!
//! ```text
//! Created -> Deciding: Start
//! Deciding -> NoneSent: TryNone
//! Deciding -> ProbeSent: TryProbe
//! Deciding -> Signing: TrySignature
//! Deciding -> PasswordSent: TryPassword
//! Deciding -> InteractiveSent: TryInteractive
//! Deciding -> GaveUp: GiveUp
//! Signing -> SignatureSent: Signature
//! Signing -> Deciding: CannotSign GiveUp
//! NoneSent -> Deciding: RecvFailure
//! NoneSent -> Succeeded: RecvSuccess
//! ProbeSent -> Deciding: RecvFailure
//! ProbeSent -> Signing: RecvMethod60
//! SignatureSent -> Deciding: RecvFailure
//! SignatureSent -> Succeeded: RecvSuccess
//! PasswordSent -> Deciding: RecvFailure
//! PasswordSent -> Succeeded: RecvSuccess
//! PasswordSent -> ChangingPassword: RecvMethod60
//! InteractiveSent -> Deciding: RecvFailure
//! InteractiveSent -> Succeeded: RecvSuccess
//! InteractiveSent -> Prompting: RecvMethod60
//! Prompting -> InteractiveSent: Responses
//! Prompting -> Deciding: GiveUp
//! ChangingPassword -> PasswordSent: NewPassword
//! ChangingPassword -> Deciding: GiveUp
//! Deciding -> Deciding: RecvBanner
//! Signing -> Signing: RecvBanner
//! NoneSent -> NoneSent: RecvBanner
//! ProbeSent -> ProbeSent: RecvBanner
//! SignatureSent -> SignatureSent: RecvBanner
//! PasswordSent -> PasswordSent: RecvBanner
//! InteractiveSent -> InteractiveSent: RecvBanner
//! Prompting -> Prompting: RecvBanner
//! ChangingPassword -> ChangingPassword: RecvBanner
//! ```

use crate::userauth::machine::{Row, step};

/// What a client waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// For `start`.
    Created,
    /// For a method to try.
    Deciding,
    /// For a signature.
    Signing,
    /// For the answer to `none`.
    NoneSent,
    /// For the word whether a key would do.
    ProbeSent,
    /// For the answer to a signed request.
    SignatureSent,
    /// For the answer to a password.
    PasswordSent,
    /// For prompts, or for the answer to responses.
    InteractiveSent,
    /// For responses to prompts.
    Prompting,
    /// For a new password.
    ChangingPassword,
    /// For nothing: the user is authenticated.
    Succeeded,
    /// For nothing: there is nothing left to try.
    GaveUp,
}

/// What can happen to a client; `Recv` names what the server sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Start,
    TryNone,
    TryProbe,
    TrySignature,
    TryPassword,
    TryInteractive,
    Signature,
    CannotSign,
    Responses,
    NewPassword,
    GiveUp,
    RecvBanner,
    RecvFailure,
    RecvSuccess,
    RecvMethod60,
}

use Event as E;
use State as S;

/// Every step that is allowed.
pub(super) const TABLE: &[Row<State, Event>] = &[
    (S::Created, E::Start, S::Deciding),
    // "A client MUST NOT send a subsequent request if it has not received a response from the
    // server for a previous request." RFC 4252 section 5.1
    (S::Deciding, E::TryNone, S::NoneSent),
    (S::Deciding, E::TryProbe, S::ProbeSent),
    (S::Deciding, E::TrySignature, S::Signing),
    (S::Deciding, E::TryPassword, S::PasswordSent),
    (S::Deciding, E::TryInteractive, S::InteractiveSent),
    (S::Deciding, E::GiveUp, S::GaveUp),
    (S::Signing, E::Signature, S::SignatureSent),
    (S::Signing, E::CannotSign, S::Deciding),
    (S::Signing, E::GiveUp, S::Deciding),
    (S::NoneSent, E::RecvFailure, S::Deciding),
    (S::NoneSent, E::RecvSuccess, S::Succeeded),
    // A probe proves nothing, so nothing but its own answer or a failure may follow it.
    (S::ProbeSent, E::RecvFailure, S::Deciding),
    (S::ProbeSent, E::RecvMethod60, S::Signing),
    (S::SignatureSent, E::RecvFailure, S::Deciding),
    (S::SignatureSent, E::RecvSuccess, S::Succeeded),
    (S::PasswordSent, E::RecvFailure, S::Deciding),
    (S::PasswordSent, E::RecvSuccess, S::Succeeded),
    (S::PasswordSent, E::RecvMethod60, S::ChangingPassword),
    (S::InteractiveSent, E::RecvFailure, S::Deciding),
    (S::InteractiveSent, E::RecvSuccess, S::Succeeded),
    (S::InteractiveSent, E::RecvMethod60, S::Prompting),
    (S::Prompting, E::Responses, S::InteractiveSent),
    (S::Prompting, E::GiveUp, S::Deciding),
    (S::ChangingPassword, E::NewPassword, S::PasswordSent),
    (S::ChangingPassword, E::GiveUp, S::Deciding),
    // "at any time after this authentication protocol starts and before authentication is
    // successful" RFC 4252 section 5.4
    (S::Deciding, E::RecvBanner, S::Deciding),
    (S::Signing, E::RecvBanner, S::Signing),
    (S::NoneSent, E::RecvBanner, S::NoneSent),
    (S::ProbeSent, E::RecvBanner, S::ProbeSent),
    (S::SignatureSent, E::RecvBanner, S::SignatureSent),
    (S::PasswordSent, E::RecvBanner, S::PasswordSent),
    (S::InteractiveSent, E::RecvBanner, S::InteractiveSent),
    (S::Prompting, E::RecvBanner, S::Prompting),
    (S::ChangingPassword, E::RecvBanner, S::ChangingPassword),
];

/// What a message of the server is to a client; none for numbers that mean nothing to one.
pub(super) const fn received(number: u8) -> Option<Event> {
    match number {
        51 => Some(E::RecvFailure),
        52 => Some(E::RecvSuccess),
        53 => Some(E::RecvBanner),
        60 => Some(E::RecvMethod60),
        _ => None,
    }
}

impl State {
    /// Whether a message of the server has a place in this state, the service being granted.
    #[must_use]
    pub fn takes(self, number: u8) -> bool {
        received(number).is_some_and(|event| step(TABLE, self, event).is_some())
    }

    /// Whether a request of ours waits for an answer of the server.
    pub(super) const fn awaits_server(self) -> bool {
        matches!(
            self,
            S::NoneSent | S::ProbeSent | S::SignatureSent | S::PasswordSent | S::InteractiveSent
        )
    }

    /// For errors: what is going on.
    pub(super) const fn phase(self) -> &'static str {
        match self {
            S::Created => "authentication (before its start)",
            S::Deciding | S::Signing => "authentication (no request outstanding)",
            S::NoneSent => "authentication by none",
            S::ProbeSent => "authentication by publickey (key offered, nothing signed)",
            S::SignatureSent => "authentication by publickey",
            S::PasswordSent => "authentication by password",
            S::InteractiveSent => "authentication by keyboard-interactive",
            S::Prompting => "authentication by keyboard-interactive (responses not sent yet)",
            S::ChangingPassword => "authentication by password (new password not sent yet)",
            S::Succeeded => "the end of authentication",
            S::GaveUp => "the end of authentication without success",
        }
    }
}

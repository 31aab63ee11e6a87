//! User authentication, RFC 4252 and RFC 4256, and the service request that opens it.
//!
//! Both roles are the same kind of object. Payloads go in through `handle`, messages go out
//! through a [`PayloadSink`](crate::sink::PayloadSink), and whatever needs a human, a file or a
//! policy comes out as an [`AuthQuestion`], to be settled later with `answer`. Nothing is called
//! back and nothing waits here.
//!
//! | What | Where |
//! | --- | --- |
//! | RFC 4253 section 10, service request | `service` |
//! | RFC 4252 section 5, requests and answers | [`ClientAuth`], [`ServerAuth`] |
//! | RFC 4252 section 7, what is signed | `signature` |
//! | RFC 4252 section 8, RFC 4256, method fields | `request`, `prompts` |
//! | which step may follow which | `client/state.rs`, `server/state.rs` |
//!
//! A secret is never part of the `Debug` output of any type here.

mod client;
mod machine;
mod prompts;
mod request;
mod server;
mod service;
mod signature;

pub use client::{ClientAuth, State as ClientState};
pub use server::{ServerAuth, ServerAuthConfig, State as ServerState};

use crate::key::{Certificate, PublicKey};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use zeroize::Zeroizing;

/// The user is authenticated. The connection layer can be built from nothing else.
#[derive(Debug)]
pub struct UserAuthenticated {
    user: String,
    keys: Vec<Vec<u8>>,
}

impl UserAuthenticated {
    /// SUCCESS was received (client) or earned (server).
    const fn earned(user: String, keys: Vec<Vec<u8>>) -> Self {
        Self { user, keys }
    }

    /// A master that shares its connection has received SUCCESS, and lets us use it.
    pub(crate) const fn shared(user: String) -> Self {
        Self { user, keys: Vec::new() }
    }

    /// The name that was authenticated.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// On a server: the blobs of keys and certificates whose signatures were verified and accepted
    /// on the way to SUCCESS, in that order; empty when no key took part. This, and not a key that
    /// was only asked about, is who the client is. On a client: empty.
    #[must_use]
    pub fn keys(&self) -> &[Vec<u8>] {
        &self.keys
    }
}

/// The service that is authenticated for; the only one there is.
const CONNECTION_SERVICE: &[u8] = b"ssh-connection";

/// An authentication method that this crate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// RFC 4252 section 5.2.
    None,
    /// RFC 4252 section 7.
    PublicKey,
    /// RFC 4252 section 8.
    Password,
    /// RFC 4256.
    KeyboardInteractive,
}

impl Method {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PublicKey => "publickey",
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard-interactive",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::None, Self::PublicKey, Self::Password, Self::KeyboardInteractive]
            .into_iter()
            .find(|method| method.name().as_bytes() == name)
    }
}

/// One prompt of RFC 4256 section 3.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What to show. On a client: made harmless for a terminal.
    pub text: String,
    /// Whether the input may be seen while it is typed.
    pub echo: bool,
}

/// What authentication cannot decide by itself. Exactly one question is open at a time.
pub enum AuthQuestion {
    /// Client: what to try next. Answer with [`AuthAnswer::Attempt`] or [`AuthAnswer::GiveUp`].
    ChooseMethod {
        /// What the server says can continue; none before its first answer.
        methods: Option<String>,
        /// Whether the last attempt was right but more is needed.
        partial_success: bool,
        /// RFC 8308 section 3.1, if the server sent it.
        server_sig_algs: Option<String>,
    },
    /// Client: sign `data`. Answer with [`AuthAnswer::Signature`] or [`AuthAnswer::CannotSign`].
    Sign {
        /// The key to sign with.
        blob: Vec<u8>,
        /// The signature algorithm, which the signature must name.
        algorithm: String,
        /// What to sign: RFC 4252 section 7.
        data: Vec<u8>,
    },
    /// Client: ask the user. Answer with [`AuthAnswer::Responses`], one for each prompt in their
    /// order (none for no prompts), or [`AuthAnswer::GiveUp`] to try another method.
    Prompts {
        /// A title, made harmless; often empty.
        name: String,
        /// Text to show before the prompts, made harmless; often empty.
        instruction: String,
        /// The prompts; may be none.
        prompts: Vec<Prompt>,
    },
    /// Client: the password has expired. Answer with [`AuthAnswer::NewPassword`] or
    /// [`AuthAnswer::GiveUp`] to try another method.
    ChangePassword {
        /// What to show, made harmless.
        prompt: String,
    },
    /// Server: may this key log in as `user`? With `signed`, the signature over this session was
    /// verified with this very key. Answer with [`AuthAnswer::Accept`], [`AuthAnswer::Reject`]
    /// or, if signed, [`AuthAnswer::Partial`].
    CheckKey {
        /// The name asked for; may not exist.
        user: String,
        /// The signature algorithm named in the request.
        algorithm: String,
        /// The key; that of the certificate where there is one.
        key: Box<PublicKey>,
        /// The certificate of the key, signed by the authority that it names: whether that one
        /// is to be trusted, and with what, is part of the question.
        certificate: Option<Box<Certificate>>,
        /// The key or certificate as it came.
        blob: Vec<u8>,
        /// False for a mere question whether the key would do.
        signed: bool,
        /// What this user completed before, in order.
        completed: Vec<Method>,
    },
    /// Server: is this the password? Answer with [`AuthAnswer::Accept`], [`AuthAnswer::Partial`],
    /// [`AuthAnswer::Reject`] or [`AuthAnswer::Expired`].
    CheckPassword {
        /// The name asked for; may not exist.
        user: String,
        /// The password.
        password: Zeroizing<String>,
        /// The password wanted from now on, if the client asks for a change.
        new_password: Option<Zeroizing<String>>,
        /// What this user completed before, in order.
        completed: Vec<Method>,
    },
    /// Server: what to ask. Answer with [`AuthAnswer::Prompts`] or [`AuthAnswer::Reject`]; ask
    /// the same for names that do not exist.
    StartPrompts {
        /// The name asked for; may not exist.
        user: String,
        /// The client's hint, RFC 4256 section 3.1.
        submethods: String,
    },
    /// Server: are these the answers? Answer with [`AuthAnswer::Accept`],
    /// [`AuthAnswer::Partial`], [`AuthAnswer::Reject`] or more [`AuthAnswer::Prompts`].
    CheckResponses {
        /// The name asked for; may not exist.
        user: String,
        /// One for each prompt, in their order.
        responses: Vec<Zeroizing<String>>,
        /// What this user completed before, in order.
        completed: Vec<Method>,
    },
    /// Server: may `user` in without any check? Asked only if
    /// [`ServerAuthConfig::ask_none`] is set.
    CheckNone {
        /// The name asked for; may not exist.
        user: String,
    },
}

/// The answer to an [`AuthQuestion`].
pub enum AuthAnswer {
    /// Client: try this.
    Attempt(Attempt),
    /// Client: the signature blob (algorithm name, then signature).
    Signature(Vec<u8>),
    /// Client: that key cannot sign after all; asks again what to try.
    CannotSign,
    /// Client: what the user typed, one for each prompt.
    Responses(Vec<Zeroizing<String>>),
    /// Client: change the password.
    NewPassword {
        /// The present password.
        old: Zeroizing<String>,
        /// The one to replace it.
        new: Zeroizing<String>,
    },
    /// Client: nothing left to try, or not this method.
    GiveUp,
    /// Server: right, and nothing more is needed.
    Accept,
    /// Server: right, and one of these methods is needed on top.
    Partial {
        /// Methods that can continue, as a name-list.
        methods: String,
    },
    /// Server: wrong.
    Reject,
    /// Server: ask this (RFC 4256 section 3.2).
    Prompts {
        /// A title; may be empty.
        name: String,
        /// Text before the prompts; may be empty.
        instruction: String,
        /// The prompts, none of them with an empty text.
        prompts: Vec<Prompt>,
    },
    /// Server: the password is right or the new one was refused, and a new one must be given.
    Expired {
        /// What to show to the user.
        prompt: String,
    },
}

/// What a client tries.
pub enum Attempt {
    /// RFC 4252 section 5.2: ask for the list of methods.
    None,
    /// RFC 4252 section 7.
    PublicKey {
        /// The public key blob.
        blob: Vec<u8>,
        /// The signature algorithm.
        algorithm: String,
        /// Ask first whether the key would do; otherwise sign at once.
        probe: bool,
    },
    /// RFC 4252 section 8.
    Password(Zeroizing<String>),
    /// RFC 4256.
    KeyboardInteractive {
        /// Hint for the server; usually empty.
        submethods: String,
    },
}

/// What authentication has to say.
#[derive(Debug)]
pub enum AuthEvent {
    /// Something to be answered.
    Question(AuthQuestion),
    /// Client: text to show before authentication, made harmless.
    Banner(String),
    /// Authentication is complete.
    Success(UserAuthenticated),
    /// Server: a request was turned down; for logs and penalties.
    Failed {
        /// The name asked for.
        user: String,
        /// The method's name as received, made harmless.
        method: String,
        /// Why.
        reason: &'static str,
        /// Failures of this session so far, this one included if it counts.
        failures: u32,
    },
}

impl fmt::Debug for AuthQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = match self {
            Self::ChooseMethod { methods, partial_success, .. } => {
                let mut out = f.debug_struct("ChooseMethod");
                out.field("methods", methods).field("partial_success", partial_success);
                out
            }
            Self::Sign { algorithm, .. } => {
                let mut out = f.debug_struct("Sign");
                out.field("algorithm", algorithm);
                out
            }
            Self::Prompts { prompts, .. } => {
                let mut out = f.debug_struct("Prompts");
                out.field("prompts", prompts);
                out
            }
            Self::ChangePassword { .. } => f.debug_struct("ChangePassword"),
            Self::CheckKey { user, algorithm, signed, .. } => {
                let mut out = f.debug_struct("CheckKey");
                out.field("user", user).field("algorithm", algorithm).field("signed", signed);
                out
            }
            Self::CheckPassword { user, .. } => user_only(f, "CheckPassword", user),
            Self::StartPrompts { user, .. } => user_only(f, "StartPrompts", user),
            Self::CheckResponses { user, .. } => user_only(f, "CheckResponses", user),
            Self::CheckNone { user } => user_only(f, "CheckNone", user),
        };
        out.finish_non_exhaustive()
    }
}

fn user_only<'a, 'b>(
    f: &'a mut fmt::Formatter<'b>,
    name: &str,
    user: &str,
) -> fmt::DebugStruct<'a, 'b> {
    let mut out = f.debug_struct(name);
    out.field("user", &user);
    out
}

impl fmt::Debug for AuthAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempt(attempt) => return attempt.fmt(f),
            Self::Signature(_) => "Signature(..)",
            Self::CannotSign => "CannotSign",
            Self::Responses(_) => "Responses(..)",
            Self::NewPassword { .. } => "NewPassword(..)",
            Self::GiveUp => "GiveUp",
            Self::Accept => "Accept",
            Self::Partial { .. } => "Partial(..)",
            Self::Reject => "Reject",
            Self::Prompts { .. } => "Prompts(..)",
            Self::Expired { .. } => "Expired(..)",
        })
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::PublicKey { algorithm, probe, .. } => {
                let mut out = f.debug_struct("PublicKey");
                out.field("algorithm", algorithm).field("probe", probe).finish_non_exhaustive()
            }
            Self::Password(_) => f.write_str("Password(..)"),
            Self::KeyboardInteractive { .. } => f.write_str("KeyboardInteractive(..)"),
        }
    }
}

#[cfg(test)]
mod tests;

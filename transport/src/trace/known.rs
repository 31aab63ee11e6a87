//! The shapes of the messages below the connection layer. Numbers 30 to 49 and 60 to 79 mean what
//! the method in progress says, so a [`Context`] goes along.

use super::fields::{Class, Field, FieldKind, Shape, Tail};
use crate::kex::method::Exchange;
use crate::messages::{kex, transport as msg, userauth};

/// Which method gives numbers that are used more than once their meaning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Context {
    /// How the shares of the key exchange travel.
    pub family: Family,
    /// The authentication method that was tried last.
    pub method: AuthMethod,
}

/// The forms of key exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// Not agreed on yet.
    #[default]
    Unknown,
    /// RFC 5656 section 4.
    Ecdh,
    /// RFC 4253 section 8.
    Dh,
    /// RFC 4419.
    GroupExchange,
}

impl From<&Exchange> for Family {
    fn from(exchange: &Exchange) -> Self {
        match exchange {
            Exchange::Ecdh { .. } => Self::Ecdh,
            Exchange::Dh { .. } => Self::Dh,
            Exchange::Gex { .. } => Self::GroupExchange,
        }
    }
}

/// The methods that use numbers 60 to 79.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthMethod {
    /// None of those below.
    #[default]
    Other,
    /// RFC 4252 section 7.
    PublicKey,
    /// RFC 4252 section 8.
    Password,
    /// RFC 4256.
    Interactive,
}

impl AuthMethod {
    /// The method of that name.
    #[must_use]
    pub fn named(name: &[u8]) -> Self {
        match name {
            b"publickey" | HOST_BOUND => Self::PublicKey,
            b"password" => Self::Password,
            b"keyboard-interactive" => Self::Interactive,
            _ => Self::Other,
        }
    }
}

const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";

use FieldKind::{Boolean, String};

const fn string(name: &'static str) -> Field {
    Field::new(name, String)
}

static EXTENSIONS: Tail = Tail {
    section: "8308#2.3",
    fields: &[string("extension-name"), string("extension-value")],
    repeats: true,
};

static NO_METHOD_FIELDS: Tail = Tail { section: "4252#5.2", fields: &[], repeats: false };

static PUBLIC_KEY: Tail = Tail {
    section: "4252#7",
    fields: &[
        Field::new("has signature", Boolean),
        string("public key algorithm name"),
        string("public key blob"),
        string("signature"),
    ],
    repeats: false,
};

static HOST_BOUND_KEY: Tail = Tail {
    section: "",
    fields: &[
        Field::new("has signature", Boolean),
        string("public key algorithm name"),
        string("public key blob"),
        string("server host key"),
        string("signature"),
    ],
    repeats: false,
};

static PASSWORD: Tail = Tail {
    section: "4252#8",
    fields: &[
        Field::new("new password follows", Boolean),
        Field::of("plaintext password", String, Class::Password),
        Field::of("new password", String, Class::Password),
    ],
    repeats: false,
};

static INTERACTIVE: Tail = Tail {
    section: "4256#3.1",
    fields: &[string("language tag"), string("submethods")],
    repeats: false,
};

static PROMPTS: Tail = Tail {
    section: "4256#3.2",
    fields: &[string("prompt"), Field::new("echo", Boolean)],
    repeats: true,
};

static RESPONSES: Tail = Tail {
    section: "4256#3.4",
    fields: &[Field::of("response", String, Class::Password)],
    repeats: true,
};

fn method_fields(method: &[u8]) -> Option<&'static Tail> {
    match method {
        b"none" => Some(&NO_METHOD_FIELDS),
        b"publickey" => Some(&PUBLIC_KEY),
        HOST_BOUND => Some(&HOST_BOUND_KEY),
        b"password" => Some(&PASSWORD),
        b"keyboard-interactive" => Some(&INTERACTIVE),
        _ => None,
    }
}

/// The shape of a message below the connection layer.
#[must_use]
pub fn shape(number: u8, context: Context) -> Option<Shape> {
    use AuthMethod::{Interactive, Password, PublicKey};
    use Family::{Dh, Ecdh, GroupExchange};
    Some(match (number, context.family, context.method) {
        (1, ..) => Shape::of::<msg::Disconnect<'_>>().classes(&[("description", Class::Name)]),
        (2, ..) => Shape::of::<msg::Ignore<'_>>(),
        (3, ..) => Shape::of::<msg::Unimplemented<'_>>(),
        (4, ..) => Shape::of::<msg::Debug<'_>>().classes(&[("message", Class::Name)]),
        (5, ..) => Shape::of::<msg::ServiceRequest<'_>>(),
        (6, ..) => Shape::of::<msg::ServiceAccept<'_>>(),
        (7, ..) => Shape::of::<msg::ExtInfo<'_>>().tail(|_| Some(&EXTENSIONS)),
        (20, ..) => Shape::of::<kex::KexInit<'_>>(),
        (21, ..) => Shape::of::<kex::NewKeys<'_>>(),
        (30, Ecdh, _) => Shape::of::<kex::KexEcdhInit<'_>>(),
        (31, Ecdh, _) => Shape::of::<kex::KexEcdhReply<'_>>(),
        (30, Dh, _) => Shape::of::<kex::KexDhInit<'_>>(),
        (31, Dh, _) => Shape::of::<kex::KexDhReply<'_>>(),
        (31, GroupExchange, _) => Shape::of::<kex::KexDhGexGroup<'_>>(),
        (32, GroupExchange, _) => Shape::of::<kex::KexDhGexInit<'_>>(),
        (33, GroupExchange, _) => Shape::of::<kex::KexDhGexReply<'_>>(),
        (34, GroupExchange, _) => Shape::of::<kex::KexDhGexRequest<'_>>(),
        (50, ..) => Shape::of::<userauth::UserauthRequest<'_>>()
            .tail(method_fields)
            .classes(&[("user_name", Class::Name), ("method_fields", Class::Password)]),
        (51, ..) => Shape::of::<userauth::UserauthFailure<'_>>(),
        (52, ..) => Shape::of::<userauth::UserauthSuccess<'_>>(),
        (53, ..) => Shape::of::<userauth::UserauthBanner<'_>>(),
        (60, _, PublicKey) => Shape::of::<userauth::UserauthPkOk<'_>>(),
        (60, _, Password) => Shape::of::<userauth::UserauthPasswdChangereq<'_>>(),
        (60, _, Interactive) => {
            Shape::of::<userauth::UserauthInfoRequest<'_>>().tail(|_| Some(&PROMPTS))
        }
        (61, _, Interactive) => Shape::of::<userauth::UserauthInfoResponse<'_>>()
            .tail(|_| Some(&RESPONSES))
            .classes(&[("responses", Class::Password)]),
        (192, ..) => Shape::of::<msg::Ping<'_>>(),
        (193, ..) => Shape::of::<msg::Pong<'_>>(),
        _ => return None,
    })
}

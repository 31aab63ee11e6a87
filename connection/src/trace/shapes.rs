//! The shapes of messages 80 to 100 and of the forms inside them.

use crate::messages::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelFailure, ChannelOpen,
    ChannelOpenConfirmation, ChannelOpenFailure, ChannelRequestMsg, ChannelSuccess,
    ChannelWindowAdjust, GlobalRequestMsg, RequestFailure, RequestSuccess,
};
use tssh_transport::trace::{Class, Field, FieldKind, Shape, Tail};

use Class::{Command, Data, Name, Secret};
use FieldKind::{Boolean, Rest, String, Uint32};

const fn tail(section: &'static str, fields: &'static [Field]) -> Tail {
    Tail { section, fields, repeats: false }
}

const fn string(name: &'static str) -> Field {
    Field::new(name, String)
}

const fn number(name: &'static str) -> Field {
    Field::new(name, Uint32)
}

const fn name(name: &'static str) -> Field {
    Field::of(name, String, Name)
}

/// Nothing follows, where nothing may.
static NOTHING: Tail = tail("", &[]);

static ADDRESS: Tail = tail("4254#7.1", &[name("address to bind"), number("port number to bind")]);
static SOCKET_PATH: Tail = tail("", &[name("socket path")]);
static HOST_KEYS: Tail = Tail { section: "", fields: &[string("host key")], repeats: true };

fn global(request: &[u8]) -> Option<&'static Tail> {
    match request {
        b"tcpip-forward" | b"cancel-tcpip-forward" => Some(&ADDRESS),
        b"streamlocal-forward@openssh.com" | b"cancel-streamlocal-forward@openssh.com" => {
            Some(&SOCKET_PATH)
        }
        b"hostkeys-00@openssh.com" | b"hostkeys-prove-00@openssh.com" => Some(&HOST_KEYS),
        b"no-more-sessions@openssh.com" | b"keepalive@openssh.com" => Some(&NOTHING),
        _ => None,
    }
}

/// A port, proofs of host keys, or nothing: the request says which.
static RESPONSE: Tail = tail("4254#4", &[Field::new("response specific data", Rest)]);

static DIRECT: Tail = tail(
    "4254#7.2",
    &[
        name("host to connect"),
        number("port to connect"),
        name("originator IP address"),
        number("originator port"),
    ],
);
static FORWARDED: Tail = tail(
    "4254#7.2",
    &[
        name("address that was connected"),
        number("port that was connected"),
        name("originator IP address"),
        number("originator port"),
    ],
);
static DIRECT_STREAM: Tail =
    tail("", &[name("socket path"), string("reserved"), number("reserved")]);
static FORWARDED_STREAM: Tail = tail("", &[name("socket path"), string("reserved")]);
static X11_OPEN: Tail =
    tail("4254#6.3.2", &[name("originator address"), number("originator port")]);

fn open(kind: &[u8]) -> Option<&'static Tail> {
    match kind {
        b"direct-tcpip" => Some(&DIRECT),
        b"forwarded-tcpip" => Some(&FORWARDED),
        b"direct-streamlocal@openssh.com" => Some(&DIRECT_STREAM),
        b"forwarded-streamlocal@openssh.com" => Some(&FORWARDED_STREAM),
        b"x11" => Some(&X11_OPEN),
        b"session" | b"auth-agent@openssh.com" => Some(&NOTHING),
        _ => None,
    }
}

static PTY: Tail = tail(
    "4254#6.2",
    &[
        string("TERM environment variable value"),
        number("terminal width, characters"),
        number("terminal height, rows"),
        number("terminal width, pixels"),
        number("terminal height, pixels"),
        string("encoded terminal modes"),
    ],
);
static X11: Tail = tail(
    "4254#6.3.1",
    &[
        Field::new("single connection", Boolean),
        string("x11 authentication protocol"),
        Field::of("x11 authentication cookie", String, Secret),
        number("x11 screen number"),
    ],
);
static ENV: Tail = tail(
    "4254#6.4",
    &[Field::of("variable name", String, Command), Field::of("variable value", String, Command)],
);
static EXEC: Tail = tail("4254#6.5", &[Field::of("command", String, Command)]);
static SUBSYSTEM: Tail = tail("4254#6.5", &[string("subsystem name")]);
static WINDOW_CHANGE: Tail = tail(
    "4254#6.7",
    &[
        number("terminal width, columns"),
        number("terminal height, rows"),
        number("terminal width, pixels"),
        number("terminal height, pixels"),
    ],
);
static XON_XOFF: Tail = tail("4254#6.8", &[Field::new("client can do", Boolean)]);
static SIGNAL: Tail = tail("4254#6.9", &[string("signal name (without the \"SIG\" prefix)")]);
static EXIT_STATUS: Tail = tail("4254#6.10", &[number("exit_status")]);
static EXIT_SIGNAL: Tail = tail(
    "4254#6.10",
    &[
        string("signal name (without the \"SIG\" prefix)"),
        Field::new("core dumped", Boolean),
        string("error message in ISO-10646 UTF-8 encoding"),
        string("language tag"),
    ],
);
static BREAK: Tail = tail("4335#3", &[number("break-length in milliseconds")]);

fn request(kind: &[u8]) -> Option<&'static Tail> {
    Some(match kind {
        b"pty-req" => &PTY,
        b"x11-req" => &X11,
        b"env" => &ENV,
        b"exec" => &EXEC,
        b"subsystem" => &SUBSYSTEM,
        b"window-change" => &WINDOW_CHANGE,
        b"xon-xoff" => &XON_XOFF,
        b"signal" => &SIGNAL,
        b"exit-status" => &EXIT_STATUS,
        b"exit-signal" => &EXIT_SIGNAL,
        b"break" => &BREAK,
        b"shell" | b"auth-agent-req@openssh.com" | b"eow@openssh.com" => &NOTHING,
        _ => return None,
    })
}

/// The shape of a message of the connection layer.
#[must_use]
pub fn shape(number: u8) -> Option<Shape> {
    const DATA: &[(&str, Class)] = &[("data", Data)];
    Some(match number {
        80 => Shape::of::<GlobalRequestMsg<'_>>().tail(global),
        81 => Shape::of::<RequestSuccess<'_>>().tail(|_| Some(&RESPONSE)),
        82 => Shape::of::<RequestFailure<'_>>(),
        90 => Shape::of::<ChannelOpen<'_>>().tail(open),
        91 => Shape::of::<ChannelOpenConfirmation<'_>>(),
        92 => Shape::of::<ChannelOpenFailure<'_>>().classes(&[("description", Name)]),
        93 => Shape::of::<ChannelWindowAdjust<'_>>(),
        94 => Shape::of::<ChannelData<'_>>().classes(DATA),
        95 => Shape::of::<ChannelExtendedData<'_>>().classes(DATA),
        96 => Shape::of::<ChannelEof<'_>>(),
        97 => Shape::of::<ChannelClose<'_>>(),
        98 => Shape::of::<ChannelRequestMsg<'_>>().tail(request),
        99 => Shape::of::<ChannelSuccess<'_>>(),
        100 => Shape::of::<ChannelFailure<'_>>(),
        _ => return None,
    })
}

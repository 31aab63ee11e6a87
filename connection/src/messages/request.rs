//! The requests inside SSH_MSG_CHANNEL_REQUEST: RFC 4254 section 6, RFC 4335, and OpenSSH's.

use super::channel::ChannelRequestMsg;
use super::inner;
use crate::limits;
use alloc::string::String;
use alloc::vec::Vec;
use tssh_transport::Result;
use tssh_transport::text::printable;
use tssh_transport::wire::{Message, Reader, WireError, Writer};

/// A request about one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelRequest {
    /// `pty-req`, RFC 4254 section 6.2. "Zero dimension parameters MUST be ignored."
    Pty {
        /// The TERM environment variable's value.
        term: String,
        /// Terminal width in characters.
        cols: u32,
        /// Terminal height in rows.
        rows: u32,
        /// Terminal width in pixels.
        wpx: u32,
        /// Terminal height in pixels.
        hpx: u32,
        /// Encoded terminal modes, RFC 4254 section 8.
        modes: Vec<u8>,
    },
    /// `shell`, RFC 4254 section 6.5.
    Shell,
    /// `exec`, RFC 4254 section 6.5.
    Exec {
        /// The command, in whatever encoding the far side's shell reads.
        command: Vec<u8>,
    },
    /// `subsystem`, RFC 4254 section 6.5.
    Subsystem {
        /// Its name.
        name: String,
    },
    /// `env`, RFC 4254 section 6.4.
    Env {
        /// The variable's name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// `window-change`, RFC 4254 section 6.7; units as in `Pty`.
    WindowChange {
        /// Terminal width in characters.
        cols: u32,
        /// Terminal height in rows.
        rows: u32,
        /// Terminal width in pixels.
        wpx: u32,
        /// Terminal height in pixels.
        hpx: u32,
    },
    /// `signal`, RFC 4254 section 6.9.
    Signal {
        /// The name without SIG.
        name: String,
    },
    /// `exit-status`, RFC 4254 section 6.10.
    ExitStatus(u32),
    /// `exit-signal`, RFC 4254 section 6.10.
    ExitSignal {
        /// The name without SIG.
        name: String,
        /// Whether a core image was written.
        core_dumped: bool,
        /// 'error message', made printable.
        message: String,
    },
    /// `xon-xoff`, RFC 4254 section 6.8.
    XonXoff {
        /// 'client can do'.
        client_can_do: bool,
    },
    /// `break`, RFC 4335.
    Break {
        /// Length in milliseconds; 0 leaves it to the recipient.
        milliseconds: u32,
    },
    /// `x11-req`, RFC 4254 section 6.3.1.
    X11Req {
        /// 'single connection'.
        single_connection: bool,
        /// 'x11 authentication protocol'.
        protocol: String,
        /// 'x11 authentication cookie'.
        // "The 'x11 authentication cookie' MUST be hexadecimal encoded." RFC 4254 section 6.3.1
        cookie: String,
        /// 'x11 screen number'.
        screen: u32,
    },
    /// `auth-agent-req@openssh.com`.
    AuthAgentReq,
    /// `eow@openssh.com`: the peer's consumer is gone, more data would be wasted.
    Eow,
    /// Any other type.
    Other {
        /// 'request type', made printable.
        name: String,
        /// What follows 'want reply'.
        data: Vec<u8>,
    },
}

/// A name that a peer chose, for an event.
pub(super) fn name_text(name: &[u8]) -> String {
    printable(name, limits::TEXT_BYTES_MAX)
}

type Size = (u32, u32, u32, u32);

fn size(r: &mut Reader<'_>) -> core::result::Result<Size, WireError> {
    let cols = r.uint32("terminal width, characters")?;
    let rows = r.uint32("terminal height, rows")?;
    let wpx = r.uint32("terminal width, pixels")?;
    Ok((cols, rows, wpx, r.uint32("terminal height, pixels")?))
}

impl ChannelRequest {
    /// Reads what a message carries.
    ///
    /// # Errors
    /// [`tssh_transport::Error::Decode`] where a known type's fields do not fit its form.
    pub fn decode(message: &ChannelRequestMsg<'_>) -> Result<Self> {
        let name = message.request_type;
        let read = |r: &mut Reader<'_>| Self::read_session(name, r);
        match name {
            b"pty-req"
            | b"x11-req"
            | b"env"
            | b"shell"
            | b"exec"
            | b"subsystem"
            | b"window-change"
            | b"xon-xoff"
            | b"signal"
            | b"exit-status"
            | b"exit-signal"
            | b"break"
            | b"auth-agent-req@openssh.com"
            | b"eow@openssh.com" => {
                return inner(ChannelRequestMsg::NAME, message.type_data, read);
            }
            _ => {}
        }
        Ok(Self::Other { name: name_text(name), data: message.type_data.to_vec() })
    }

    fn read_session(name: &[u8], r: &mut Reader<'_>) -> core::result::Result<Self, WireError> {
        let owned = |r: &mut Reader<'_>, field| r.text(field).map(String::from);
        Ok(match name {
            b"pty-req" => {
                let term = owned(r, "TERM environment variable value")?;
                let (cols, rows, wpx, hpx) = size(r)?;
                let modes = r.string("encoded terminal modes")?.to_vec();
                Self::Pty { term, cols, rows, wpx, hpx, modes }
            }
            b"x11-req" => Self::X11Req {
                single_connection: r.boolean("single connection")?,
                protocol: owned(r, "x11 authentication protocol")?,
                cookie: owned(r, "x11 authentication cookie")?,
                screen: r.uint32("x11 screen number")?,
            },
            b"env" => Self::Env {
                name: r.string("variable name")?.to_vec(),
                value: r.string("variable value")?.to_vec(),
            },
            b"exec" => Self::Exec { command: r.string("command")?.to_vec() },
            b"subsystem" => Self::Subsystem { name: owned(r, "subsystem name")? },
            b"window-change" => {
                let (cols, rows, wpx, hpx) = size(r)?;
                Self::WindowChange { cols, rows, wpx, hpx }
            }
            b"xon-xoff" => Self::XonXoff { client_can_do: r.boolean("client can do")? },
            b"signal" => Self::Signal { name: name_text(r.string("signal name")?) },
            b"exit-status" => Self::ExitStatus(r.uint32("exit_status")?),
            b"exit-signal" => {
                let name = name_text(r.string("signal name")?);
                let core_dumped = r.boolean("core dumped")?;
                let message = name_text(r.string("error message")?);
                r.string("language tag")?;
                Self::ExitSignal { name, core_dumped, message }
            }
            b"break" => Self::Break { milliseconds: r.uint32("break-length")? },
            b"auth-agent-req@openssh.com" => Self::AuthAgentReq,
            b"eow@openssh.com" => Self::Eow,
            _ => Self::Shell,
        })
    }

    /// 'request type'.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pty { .. } => "pty-req",
            Self::Shell => "shell",
            Self::Exec { .. } => "exec",
            Self::Subsystem { .. } => "subsystem",
            Self::Env { .. } => "env",
            Self::WindowChange { .. } => "window-change",
            Self::Signal { .. } => "signal",
            Self::ExitStatus(_) => "exit-status",
            Self::ExitSignal { .. } => "exit-signal",
            Self::XonXoff { .. } => "xon-xoff",
            Self::Break { .. } => "break",
            Self::X11Req { .. } => "x11-req",
            Self::AuthAgentReq => "auth-agent-req@openssh.com",
            Self::Eow => "eow@openssh.com",
            Self::Other { name, .. } => name,
        }
    }

    /// Appends the whole message.
    pub fn encode(&self, recipient_channel: u32, want_reply: bool, out: &mut Vec<u8>) {
        let name = self.name().as_bytes();
        let message = ChannelRequestMsg::new(recipient_channel, name, want_reply, &[]);
        message.encode(&mut Writer::new(out));
        let mut w = Writer::new(out);
        match self {
            Self::Pty { term, cols, rows, wpx, hpx, modes } => {
                w.string(term.as_bytes());
                [*cols, *rows, *wpx, *hpx].into_iter().for_each(|n| w.uint32(n));
                w.string(modes);
            }
            Self::WindowChange { cols, rows, wpx, hpx } => {
                [*cols, *rows, *wpx, *hpx].into_iter().for_each(|n| w.uint32(n));
            }
            Self::Exec { command } => w.string(command),
            Self::Subsystem { name } | Self::Signal { name } => w.string(name.as_bytes()),
            Self::Env { name, value } => {
                w.string(name);
                w.string(value);
            }
            Self::ExitStatus(status) => w.uint32(*status),
            Self::ExitSignal { name, core_dumped, message } => {
                w.string(name.as_bytes());
                w.boolean(*core_dumped);
                w.string(message.as_bytes());
                w.string(&[]);
            }
            Self::XonXoff { client_can_do } => w.boolean(*client_can_do),
            Self::Break { milliseconds } => w.uint32(*milliseconds),
            Self::X11Req { single_connection, protocol, cookie, screen } => {
                w.boolean(*single_connection);
                w.string(protocol.as_bytes());
                w.string(cookie.as_bytes());
                w.uint32(*screen);
            }
            Self::Other { data, .. } => w.bytes(data),
            Self::Shell | Self::AuthAgentReq | Self::Eow => {}
        }
    }
}

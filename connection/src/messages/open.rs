//! Messages 90-92: RFC 4254 section 5.1, and what each channel type carries.

use super::inner;
use alloc::string::String;
use alloc::vec::Vec;
use tssh_transport::wire::{Message, Writer};

tssh_transport::messages! {
    /// RFC 4254 section 5.1; what follows the sizes belongs to the type, see [`OpenKind`].
    90 "SSH_MSG_CHANNEL_OPEN" "4254#5.1" ChannelOpen {
        channel_type: string, sender_channel: uint32, initial_window_size: uint32,
        maximum_packet_size: uint32, type_data: rest,
    }
    /// RFC 4254 section 5.1.
    91 "SSH_MSG_CHANNEL_OPEN_CONFIRMATION" "4254#5.1" ChannelOpenConfirmation {
        recipient_channel: uint32, sender_channel: uint32, initial_window_size: uint32,
        maximum_packet_size: uint32, type_data: rest,
    }
    /// RFC 4254 section 5.1.
    92 "SSH_MSG_CHANNEL_OPEN_FAILURE" "4254#5.1" ChannelOpenFailure {
        recipient_channel: uint32, reason_code: uint32, description: string, language_tag: string,
    }
}

/// Why an open is refused: the 'reason code' of RFC 4254 section 5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum OpenFailure {
    /// SSH_OPEN_ADMINISTRATIVELY_PROHIBITED.
    AdministrativelyProhibited = 1,
    /// SSH_OPEN_CONNECT_FAILED.
    ConnectFailed = 2,
    /// SSH_OPEN_UNKNOWN_CHANNEL_TYPE.
    UnknownChannelType = 3,
    /// SSH_OPEN_RESOURCE_SHORTAGE.
    ResourceShortage = 4,
}

impl OpenFailure {
    /// Every reason of RFC 4254 section 5.1.
    pub const ALL: [Self; 4] = [
        Self::AdministrativelyProhibited,
        Self::ConnectFailed,
        Self::UnknownChannelType,
        Self::ResourceShortage,
    ];

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The words that go with a refusal nobody described further; OpenSSH shows its own words for
    /// the code in front of them.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::AdministrativelyProhibited | Self::ConnectFailed => "open failed",
            Self::UnknownChannelType => "unknown channel type",
            Self::ResourceShortage => "too many channels",
        }
    }
}

/// What a channel is opened for: type and type-specific data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenKind {
    /// `session`, RFC 4254 section 6.1.
    Session,
    /// `direct-tcpip`, RFC 4254 section 7.2.
    DirectTcpip {
        /// 'host to connect'.
        host: String,
        /// 'port to connect'; may exceed 65,535 on the wire.
        port: u32,
        /// 'originator IP address'.
        originator_address: String,
        /// 'originator port'.
        originator_port: u32,
    },
    /// `forwarded-tcpip`, RFC 4254 section 7.2.
    ForwardedTcpip {
        /// 'address that was connected': the string of the request, not of the socket.
        address: String,
        /// 'port that was connected'.
        port: u32,
        /// 'originator IP address'.
        originator_address: String,
        /// 'originator port'.
        originator_port: u32,
    },
    /// `direct-streamlocal@openssh.com`: a Unix-domain socket on the server.
    DirectStreamlocal {
        /// Its path.
        path: String,
    },
    /// `forwarded-streamlocal@openssh.com`.
    ForwardedStreamlocal {
        /// The path that was asked for.
        path: String,
    },
    /// `x11`, RFC 4254 section 6.3.2.
    X11 {
        /// 'originator address'.
        originator_address: String,
        /// 'originator port'.
        originator_port: u32,
    },
    /// `auth-agent@openssh.com`.
    AuthAgent,
    /// Any other type, made printable.
    Unknown(String),
}

impl OpenKind {
    /// Reads what a message carries.
    ///
    /// # Errors
    /// [`tssh_transport::Error::Decode`] where a known type's fields do not fit its form.
    pub fn decode(message: &ChannelOpen<'_>) -> tssh_transport::Result<Self> {
        let data = message.type_data;
        let what = ChannelOpen::NAME;
        let addresses = || {
            inner(what, data, |r| {
                let host = String::from(r.text("host")?);
                let port = r.uint32("port")?;
                let originator = String::from(r.text("originator IP address")?);
                Ok((host, port, originator, r.uint32("originator port")?))
            })
        };
        Ok(match message.channel_type {
            b"session" => inner(what, data, |_| Ok(Self::Session))?,
            b"direct-tcpip" => {
                let (host, port, originator_address, originator_port) = addresses()?;
                Self::DirectTcpip { host, port, originator_address, originator_port }
            }
            b"forwarded-tcpip" => {
                let (address, port, originator_address, originator_port) = addresses()?;
                Self::ForwardedTcpip { address, port, originator_address, originator_port }
            }
            b"direct-streamlocal@openssh.com" => inner(what, data, |r| {
                let path = String::from(r.text("socket path")?);
                r.string("reserved")?;
                r.uint32("reserved")?;
                Ok(Self::DirectStreamlocal { path })
            })?,
            b"forwarded-streamlocal@openssh.com" => inner(what, data, |r| {
                let path = String::from(r.text("socket path")?);
                r.string("reserved")?;
                Ok(Self::ForwardedStreamlocal { path })
            })?,
            b"x11" => inner(what, data, |r| {
                let originator_address = String::from(r.text("originator address")?);
                let originator_port = r.uint32("originator port")?;
                Ok(Self::X11 { originator_address, originator_port })
            })?,
            b"auth-agent@openssh.com" => inner(what, data, |_| Ok(Self::AuthAgent))?,
            name => Self::Unknown(super::request::name_text(name)),
        })
    }

    /// 'channel type'.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Session => "session",
            Self::DirectTcpip { .. } => "direct-tcpip",
            Self::ForwardedTcpip { .. } => "forwarded-tcpip",
            Self::DirectStreamlocal { .. } => "direct-streamlocal@openssh.com",
            Self::ForwardedStreamlocal { .. } => "forwarded-streamlocal@openssh.com",
            Self::X11 { .. } => "x11",
            Self::AuthAgent => "auth-agent@openssh.com",
            Self::Unknown(name) => name,
        }
    }

    /// Whether it asks for a connection to something of ours: a client must have asked for it.
    #[must_use]
    pub const fn forwards(&self) -> bool {
        !matches!(self, Self::Session | Self::Unknown(_))
    }

    /// Appends the whole message.
    pub fn encode(&self, sender_channel: u32, window: u32, packet: u32, out: &mut Vec<u8>) {
        let name = self.name().as_bytes();
        let open = ChannelOpen::new(name, sender_channel, window, packet, &[]);
        open.encode(&mut Writer::new(out));
        let mut w = Writer::new(out);
        match self {
            Self::DirectTcpip { host: a, port, originator_address, originator_port }
            | Self::ForwardedTcpip { address: a, port, originator_address, originator_port } => {
                w.string(a.as_bytes());
                w.uint32(*port);
                w.string(originator_address.as_bytes());
                w.uint32(*originator_port);
            }
            Self::DirectStreamlocal { path } => {
                w.string(path.as_bytes());
                w.string(&[]);
                w.uint32(0);
            }
            Self::ForwardedStreamlocal { path } => {
                w.string(path.as_bytes());
                w.string(&[]);
            }
            Self::X11 { originator_address, originator_port } => {
                w.string(originator_address.as_bytes());
                w.uint32(*originator_port);
            }
            Self::Session | Self::AuthAgent | Self::Unknown(_) => {}
        }
    }
}

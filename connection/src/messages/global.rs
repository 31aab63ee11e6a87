//! Messages 80-82: RFC 4254 section 4, and the requests inside them.

use super::inner;
use alloc::string::String;
use alloc::vec::Vec;
use tssh_transport::kex::host_key_proof;
use tssh_transport::wire::{Message, Writer};

tssh_transport::messages! {
    /// RFC 4254 section 4; what follows 'want reply' belongs to the name, see [`GlobalRequest`].
    80 "SSH_MSG_GLOBAL_REQUEST" "4254#4" GlobalRequestMsg {
        request_name: string, want_reply: boolean, request_data: rest,
    }
    /// RFC 4254 section 4.
    81 "SSH_MSG_REQUEST_SUCCESS" "4254#4" RequestSuccess { response_data: rest }
    /// RFC 4254 section 4.
    82 "SSH_MSG_REQUEST_FAILURE" "4254#4" RequestFailure {}
}

/// A request that concerns no channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GlobalRequest {
    /// `tcpip-forward`, RFC 4254 section 7.1.
    TcpipForward {
        /// 'address to bind', as on the wire: "" is every address, "localhost" every loopback one.
        address: String,
        /// 'port number to bind'; 0 lets the peer choose. May exceed 65,535 on the wire.
        port: u32,
    },
    /// `cancel-tcpip-forward`, RFC 4254 section 7.1.
    CancelTcpipForward {
        /// 'address_to_bind'.
        address: String,
        /// 'port number to bind'.
        port: u32,
    },
    /// `streamlocal-forward@openssh.com`: a Unix-domain socket to listen on.
    StreamlocalForward {
        /// Its path.
        path: String,
    },
    /// `cancel-streamlocal-forward@openssh.com`.
    CancelStreamlocalForward {
        /// Its path.
        path: String,
    },
    /// `no-more-sessions@openssh.com`: the client opens no further session channel.
    NoMoreSessions,
    /// `keepalive@openssh.com`: any answer will do, and a failure is what it gets.
    KeepAlive,
    /// `hostkeys-00@openssh.com`: further host keys of the server, each a string.
    HostKeys(Vec<u8>),
    /// `hostkeys-prove-00@openssh.com`: host keys whose private halves the server is to use, each
    /// a string.
    HostKeysProve(Vec<u8>),
    /// Any other name.
    Other {
        /// 'request name', made printable.
        name: String,
        /// What follows 'want reply'.
        data: Vec<u8>,
    },
}

impl GlobalRequest {
    /// Reads what a message carries.
    ///
    /// # Errors
    /// [`tssh_transport::Error::Decode`] where a known name's fields do not fit its form.
    pub fn decode(message: &GlobalRequestMsg<'_>) -> tssh_transport::Result<Self> {
        let data = message.request_data;
        let what = GlobalRequestMsg::NAME;
        let address = || {
            inner(what, data, |r| {
                let address = String::from(r.text("address to bind")?);
                Ok((address, r.uint32("port number to bind")?))
            })
        };
        let path = || inner(what, data, |r| r.text("socket path").map(String::from));
        let nothing = || inner(what, data, |_| Ok(()));
        Ok(match message.request_name {
            b"tcpip-forward" => {
                let (address, port) = address()?;
                Self::TcpipForward { address, port }
            }
            b"cancel-tcpip-forward" => {
                let (address, port) = address()?;
                Self::CancelTcpipForward { address, port }
            }
            b"streamlocal-forward@openssh.com" => Self::StreamlocalForward { path: path()? },
            b"cancel-streamlocal-forward@openssh.com" => {
                Self::CancelStreamlocalForward { path: path()? }
            }
            b"no-more-sessions@openssh.com" => {
                nothing()?;
                Self::NoMoreSessions
            }
            // Nothing is read from it, so nothing in it can be wrong.
            b"keepalive@openssh.com" => Self::KeepAlive,
            b"hostkeys-00@openssh.com" => Self::HostKeys(data.to_vec()),
            b"hostkeys-prove-00@openssh.com" => Self::HostKeysProve(data.to_vec()),
            name => Self::Other { name: super::request::name_text(name), data: data.to_vec() },
        })
    }

    /// 'request name'.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::TcpipForward { .. } => "tcpip-forward",
            Self::CancelTcpipForward { .. } => "cancel-tcpip-forward",
            Self::StreamlocalForward { .. } => "streamlocal-forward@openssh.com",
            Self::CancelStreamlocalForward { .. } => "cancel-streamlocal-forward@openssh.com",
            Self::NoMoreSessions => "no-more-sessions@openssh.com",
            Self::KeepAlive => "keepalive@openssh.com",
            Self::HostKeys(_) => "hostkeys-00@openssh.com",
            Self::HostKeysProve(_) => host_key_proof::NAME,
            Self::Other { name, .. } => name,
        }
    }

    /// Appends the whole message.
    pub fn encode(&self, want_reply: bool, out: &mut Vec<u8>) {
        let name = self.name().as_bytes();
        GlobalRequestMsg::new(name, want_reply, &[]).encode(&mut Writer::new(out));
        let mut w = Writer::new(out);
        match self {
            Self::TcpipForward { address, port } | Self::CancelTcpipForward { address, port } => {
                w.string(address.as_bytes());
                w.uint32(*port);
            }
            Self::StreamlocalForward { path } | Self::CancelStreamlocalForward { path } => {
                w.string(path.as_bytes());
            }
            Self::NoMoreSessions | Self::KeepAlive => {}
            Self::HostKeys(data) | Self::HostKeysProve(data) | Self::Other { data, .. } => {
                w.bytes(data);
            }
        }
    }
}

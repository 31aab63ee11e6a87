//! Extension negotiation, RFC 8308.

use crate::error::{Error, Result, decode};
use crate::limits;
use crate::messages::transport::ExtInfo;
use crate::text::one_line;
use crate::wire::{Message as _, Reader, Writer};
use alloc::string::String;
use alloc::vec::Vec;

/// What the peer told of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerExtensions {
    /// `server-sig-algs`: signature algorithms that the server accepts of user keys.
    pub server_sig_algs: Option<String>,
    /// `ping@openssh.com`: the peer answers SSH2_MSG_PING.
    pub ping: bool,
    /// `publickey-hostbound@openssh.com`: the server takes key requests that are bound to its
    /// host key.
    pub host_bound: bool,
}

impl PeerExtensions {
    /// Reads one EXT_INFO; later values replace earlier ones, unknown names are passed over:
    /// "Applications MUST ignore unrecognized extension-names." (RFC 8308 section 2.5)
    ///
    /// # Errors
    /// A field that could not be read, or more entries than anybody has names for.
    pub fn read(&mut self, payload: &[u8]) -> Result<()> {
        let message = decode::<ExtInfo<'_>>(payload)?;
        if message.nr_extensions > limits::EXT_INFO_ENTRIES_MAX {
            return Err(Error::LimitReached("entries in SSH_MSG_EXT_INFO"));
        }
        let fault = |e| Error::decode(ExtInfo::NAME, e);
        let mut r = Reader::new(message.extensions);
        for _ in 0..message.nr_extensions {
            let name = r.string("extension-name").map_err(fault)?;
            let value = r.string("extension-value").map_err(fault)?;
            match name {
                b"server-sig-algs" => {
                    let text = one_line(value, limits::EXT_INFO_VALUE_BYTES_MAX);
                    self.server_sig_algs = Some(text);
                }
                b"ping@openssh.com" => self.ping = true,
                b"publickey-hostbound@openssh.com" => self.host_bound = value == b"0",
                _ => {}
            }
        }
        r.end().map_err(fault)
    }
}

/// The payload of a server's EXT_INFO.
#[must_use]
pub fn server_ext_info(server_sig_algs: &[String], host_bound: bool) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut w = Writer::new(&mut fields);
    w.string(b"server-sig-algs");
    w.name_list(server_sig_algs.iter().map(String::as_str));
    w.string(b"ping@openssh.com");
    w.string(b"0");
    if host_bound {
        w.string(b"publickey-hostbound@openssh.com");
        w.string(b"0");
    }
    ExtInfo::new(if host_bound { 3 } else { 2 }, &fields).payload()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn what_a_server_says_a_client_reads() {
        let list = ["ssh-ed25519".to_string(), "rsa-sha2-512".to_string()];
        let mut peer = PeerExtensions::default();
        for host_bound in [false, true] {
            assert_eq!(peer.read(&server_ext_info(&list, host_bound)), Ok(()));
            assert_eq!(peer.host_bound, host_bound);
        }
        assert_eq!(peer.server_sig_algs.as_deref(), Some("ssh-ed25519,rsa-sha2-512"));
        assert!(peer.ping);
    }

    /// Found by the fuzz target `messages_transport`: a list with line feeds began lines of its own
    /// where it was shown.
    #[test]
    fn a_list_stays_on_its_line() {
        let mut peer = PeerExtensions::default();
        let list = ["ssh-ed25519\ndebug1: \tall is well".to_string()];
        assert_eq!(peer.read(&server_ext_info(&list, false)), Ok(()));
        let shown = peer.server_sig_algs.unwrap();
        assert_eq!(shown, "ssh-ed25519\\012debug1: \\011all is well");
    }

    #[test]
    fn counts_are_not_believed() {
        let mut payload = vec![7, 0xff, 0xff, 0xff, 0xff];
        assert!(PeerExtensions::default().read(&payload).is_err());
        payload = vec![7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(PeerExtensions::default().read(&payload).is_err(), "one entry of two");
        payload = vec![7, 0, 0, 0, 0, 1];
        assert!(PeerExtensions::default().read(&payload).is_err(), "trailing byte");
    }
}

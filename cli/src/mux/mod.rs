//! Connection sharing: several sessions in one connection, by OpenSSH's multiplexing protocol.
//!
//! The master holds the connection to the server and listens on a Unix socket. A client connects
//! to that socket instead of to the server, asks for a session, and passes its standard streams
//! along: from then on it only waits, and the master reads and writes them.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`messages`], [`forward`] | what is said on the socket |
//! | [`socket`] | how it travels, descriptors included |
//! | [`client`] | our side where somebody else is the master |
//! | [`master`] | our side where we are |

pub mod client;
pub mod forward;
pub mod master;
pub mod messages;
pub mod socket;

use crate::exit::{Fatal, Result};
use std::path::Path;

/// What `-O` asks a master for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Whether it is there.
    Check,
    /// More forwards.
    Forward,
    /// Fewer forwards.
    Cancel,
    /// Its end.
    Exit,
    /// The end of its socket.
    Stop,
    /// To carry messages of ours.
    Proxy,
}

impl Command {
    /// Reads the value of `-O`.
    ///
    /// # Errors
    /// ssh's words about one that does not exist, or ours about one that is not built.
    pub fn from_word(word: &str) -> Result<Self> {
        Ok(match word {
            "check" => Self::Check,
            "forward" => Self::Forward,
            "cancel" => Self::Cancel,
            "exit" => Self::Exit,
            "stop" => Self::Stop,
            "proxy" => Self::Proxy,
            "conninfo" | "channels" => {
                return Err(Fatal::usage(format!(
                    "-O {word} is not supported: tssh speaks the protocol of OpenSSH 5.6 to 10.0"
                )));
            }
            _ => return Err(Fatal::usage("Invalid multiplex command.")),
        })
    }
}

/// Bytes that the path of a Unix socket may have, its terminating zero included.
const PATH_BYTES_MAX: usize = 108;

/// # Errors
/// ssh's words about a path that no socket can have.
fn check_path(path: &Path) -> Result<()> {
    if path.as_os_str().len() < PATH_BYTES_MAX {
        return Ok(());
    }
    let shown = path.display();
    Err(Fatal::new(format!("ControlPath too long ('{shown}' >= {PATH_BYTES_MAX} bytes)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        assert_eq!(Command::from_word("check"), Ok(Command::Check));
        let bad = Command::from_word("chek").unwrap_err();
        assert_eq!(bad.message, "Invalid multiplex command.");
        assert!(Command::from_word("conninfo").is_err());
    }

    #[test]
    fn a_path_fits_into_an_address() {
        assert!(check_path(Path::new(&"a".repeat(107))).is_ok());
        assert!(check_path(Path::new(&"a".repeat(108))).is_err());
    }
}

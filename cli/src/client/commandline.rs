//! The command line of `~C`: forwards that come and go while the session lasts.

use tssh_forward::core::address::{Listen, LocalForward};

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing.
    Nothing,
    /// What can be asked for.
    Help,
    /// `-L`.
    Local(LocalForward),
    /// `-KL`: the local forward that listens there ends.
    CancelLocal(Listen),
}

/// The answer to `-h` and `?`.
pub const HELP: &str = "\
Commands:
      -L[bind_address:]port:host:hostport    Request local forward
      -KL[bind_address:]port                 Cancel local forward";

/// Reads one line.
///
/// # Errors
/// ssh's words about a bad one.
pub fn parse(line: &str) -> Result<Command, &'static str> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(Command::Nothing);
    }
    // ssh takes commands with and without the dash.
    let words = line.strip_prefix('-').unwrap_or(line);
    if words.starts_with(['h', 'H', '?']) {
        return Ok(Command::Help);
    }
    let (cancel, words) = match words.strip_prefix('K') {
        Some(words) => (true, words),
        None => (false, words),
    };
    let spec = words.strip_prefix('L').ok_or("Invalid command.")?.trim();
    if !cancel {
        let forward =
            crate::forwards::local(spec).map_err(|_| "Bad local forwarding specification.")?;
        return Ok(Command::Local(forward));
    }
    // A listening side alone follows the rules of a whole specification.
    let forward = crate::forwards::local(&format!("{spec}:host:1"));
    let forward = forward.map_err(|_| "Bad forwarding close specification.")?;
    Ok(Command::CancelLocal(forward.listen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let forward = crate::forwards::local("8080:web:80").unwrap();
        for line in ["-L 8080:web:80", "-L8080:web:80", " L8080:web:80 "] {
            assert_eq!(parse(line), Ok(Command::Local(forward.clone())), "{line}");
        }
        assert_eq!(parse("-KL 8080"), Ok(Command::CancelLocal(forward.listen)));
        let bound = crate::forwards::local("[::1]:8080:web:80").unwrap();
        assert_eq!(parse("-KL[::1]:8080"), Ok(Command::CancelLocal(bound.listen)));
        assert_eq!(
            (parse(""), parse("-h"), parse("?")),
            (Ok(Command::Nothing), Ok(Command::Help), Ok(Command::Help))
        );
        assert_eq!(parse("-L x"), Err("Bad local forwarding specification."));
        assert_eq!(parse("-KL x"), Err("Bad forwarding close specification."));
        assert_eq!(parse("ls"), Err("Invalid command."));
    }
}

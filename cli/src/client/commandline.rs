//! The command line of `~C`: forwards that come and go while the session lasts.

use tssh_forward::core::address::{Direction, Listen};
use tssh_forward::driver::Forward;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing.
    Nothing,
    /// What can be asked for.
    Help,
    /// `-L`, `-R`, `-D`.
    Add(Forward),
    /// `-KL`, `-KR`, `-KD`: the forward of this direction that listens there ends.
    Cancel(Direction, Listen),
}

/// The answer to `-h` and `?`.
pub const HELP: &str = "\
Commands:
      -L[bind_address:]port:host:hostport    Request local forward
      -R[bind_address:]port:host:hostport    Request remote forward
      -D[bind_address:]port                  Request dynamic forward
      -KL[bind_address:]port                 Cancel local forward
      -KR[bind_address:]port                 Cancel remote forward
      -KD[bind_address:]port                 Cancel dynamic forward";

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
    let (direction, spec) = match words.split_at_checked(1) {
        Some(("L", spec)) => (Direction::Local, spec.trim()),
        Some(("R", spec)) => (Direction::Remote, spec.trim()),
        Some(("D", spec)) => (Direction::Dynamic, spec.trim()),
        _ => return Err("Invalid command."),
    };
    if cancel {
        // A listening side alone has the grammar of a dynamic forward.
        let forward = crate::forwards::dynamic(spec);
        let forward = forward.map_err(|_| "Bad forwarding close specification.")?;
        return Ok(Command::Cancel(direction, forward.listen));
    }
    let added = match direction {
        Direction::Local => crate::forwards::local(spec).ok().map(Forward::Local),
        Direction::Remote => crate::forwards::remote(spec).ok().map(Forward::Remote),
        Direction::Dynamic => crate::forwards::dynamic(spec).ok().map(Forward::Dynamic),
    };
    added.map(Command::Add).ok_or(match direction {
        Direction::Local => "Bad local forwarding specification.",
        Direction::Remote => "Bad remote forwarding specification.",
        Direction::Dynamic => "Bad dynamic forwarding specification.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let local = crate::forwards::local("8080:web:80").unwrap();
        let listen = local.listen.clone();
        for line in ["-L 8080:web:80", "-L8080:web:80", " L8080:web:80 "] {
            assert_eq!(parse(line), Ok(Command::Add(Forward::Local(local.clone()))), "{line}");
        }
        let remote = crate::forwards::remote("8080:web:80").unwrap();
        assert_eq!(parse("-R8080:web:80"), Ok(Command::Add(Forward::Remote(remote))));
        let dynamic = crate::forwards::dynamic("8080").unwrap();
        assert_eq!(parse("-D 8080"), Ok(Command::Add(Forward::Dynamic(dynamic))));
        for (line, direction) in [
            ("-KL 8080", Direction::Local),
            ("-KR8080", Direction::Remote),
            ("KD 8080", Direction::Dynamic),
        ] {
            assert_eq!(parse(line), Ok(Command::Cancel(direction, listen.clone())), "{line}");
        }
        let bound = crate::forwards::local("[::1]:8080:web:80").unwrap();
        assert_eq!(parse("-KL[::1]:8080"), Ok(Command::Cancel(Direction::Local, bound.listen)));
        assert_eq!(
            (parse(""), parse("-h"), parse("?")),
            (Ok(Command::Nothing), Ok(Command::Help), Ok(Command::Help))
        );
        assert_eq!(parse("-L x"), Err("Bad local forwarding specification."));
        assert_eq!(parse("-R x"), Err("Bad remote forwarding specification."));
        assert_eq!(parse("-D x"), Err("Bad dynamic forwarding specification."));
        assert_eq!(parse("-KL x"), Err("Bad forwarding close specification."));
        assert_eq!(parse("ls"), Err("Invalid command."));
    }
}

//! `--help TOPIC`: what takes more than a line to say.

use crate::exit::{Fatal, Result};

/// The words for what forwarding is made of, and what each means: the only ones used for it.
pub const TERMS: [(&str, &str); 7] = [
    ("forwarding", "carrying the connections of other programs inside the SSH connection"),
    ("listening side", "where the forwarded port, or the Unix socket, is opened"),
    ("target", "the address that the far end connects to"),
    ("application client", "the program that connects to the listening side"),
    ("application server", "the program at the target"),
    ("SSH client", "this program"),
    ("SSH server", "what it logs in to"),
];

/// The topics there are.
const NAMES: [&str; 1] = ["forwarding"];

/// Whether there is such a topic.
pub fn is_topic(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The text of a topic.
///
/// # Errors
/// [`Fatal`] where there is none of that name.
pub fn text(name: &str) -> Result<String> {
    if !is_topic(name) {
        return Err(Fatal::usage(format!("no help on {name:?}; there is: {}", NAMES.join(", "))));
    }
    Ok(format!("{FORWARDING}{}{HOW}", terms()))
}

/// The table of terms.
pub fn terms() -> String {
    TERMS.iter().map(|(term, what)| format!("  {term:20}{what}\n")).collect()
}

const FORWARDING: &str = "\
Forwarding: connections of other programs, inside the SSH connection.

terms
";

const HOW: &str = "
Which kind? Look for the application client: the listening side belongs on its machine.

  on this machine     -L [bind_address:]port:host:hostport   to one target
                      -D [bind_address:]port                 to any, by SOCKS 4, 4a or 5
  on the SSH server   -R [bind_address:]port:host:hostport   to one target
                      -R [bind_address:]port                 to any, by SOCKS
  standard input      -W host:port

tssh says it for your machines, and what will come of a command line before it connects:

  tssh --advise --app-client H --app-server S:143 [--ssh-client H] [--ssh-server S]
  tssh --plan -L 2001:localhost:143 host

The target is looked up and connected to by the far end: by the SSH server for -L, -D and -W, by
the SSH client for -R. A path with a / in it is a Unix socket, on either side; an IPv6 address
stands in brackets; port 0 of a listening side is any free one.

Without a bind address only programs of its own machine reach a listening side. A bind address
of * opens it to every host, and so does -g for -L and -D. For -R the SSH server's
GatewayPorts has the last word.

Only what passes between the SSH client and the SSH server is encrypted. The target sees a
connection that comes from the far end's machine.

What can be forwarded are streams of TCP and of Unix sockets: no UDP, no further connections
that a protocol such as FTP makes by itself.

examples
  tssh -N -L 2001:localhost:143 host    the host's port 143, at port 2001 here
  tssh -N -R 2001:localhost:143 host    port 143 of this machine, at the host's port 2001
  tssh -N -D 1080 host                  a SOCKS proxy here; the host makes the connections
";

#[cfg(test)]
mod tests {
    use super::*;

    /// S02: the topic defines seven terms, and fits a terminal.
    #[test]
    fn the_topic_of_forwarding_defines_its_terms() {
        let text = text("forwarding").unwrap();
        for (term, what) in TERMS {
            let line = text.lines().find(|line| line.trim_start().starts_with(term)).unwrap();
            assert!(line.ends_with(what), "{line}");
        }
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        let unknown = super::text("nothing").unwrap_err();
        assert!(format!("{unknown:?}").contains("there is: forwarding"), "{unknown:?}");
    }

    /// S02: what is said of forwards keeps to the terms.
    #[test]
    fn messages_about_forwards_have_no_other_words() {
        for source in [
            include_str!("../client/app/forwards.rs"),
            include_str!("../client/app/failures.rs"),
            include_str!("../client/app/ports.rs"),
        ] {
            let others =
                ["tunnel", "port mapping", "redirect", "destination host", "listening port of"];
            for other in others {
                let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
                let mut found = code.filter(|line| line.contains(other));
                assert_eq!(found.next(), None, "{other}");
            }
        }
    }
}

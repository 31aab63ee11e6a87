//! The table of options: what reads the command line, prints `--help`, completes words in the
//! shell and writes the manual page.

/// What an option is about; the groups of `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Where to log in, and as whom.
    Login,
    /// What is carried inside the connection.
    Forwarding,
    /// The remote command and its terminal.
    Session,
    /// Several sessions in one connection.
    Sharing,
    /// Ciphers and the like.
    Algorithms,
    /// What is said, and where.
    Messages,
    /// What is written down of the connection itself.
    Tracing,
}

impl Group {
    /// All of them with their headings, in the order of `--help`.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Login, "destination and login"),
        (Self::Forwarding, "forwarding"),
        (Self::Session, "session"),
        (Self::Sharing, "connection sharing"),
        (Self::Algorithms, "algorithms"),
        (Self::Messages, "messages and information"),
        (Self::Tracing, "seeing the protocol"),
    ];
}

/// One option of ssh: a letter.
pub struct Row {
    /// Its letter.
    pub letter: char,
    /// What follows it; empty where nothing does.
    pub value: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// Where it stands in the help.
    pub group: Group,
    /// Why it is refused, where it is.
    pub refused: Option<&'static str>,
}

/// One option of tssh's own: a word.
pub struct Long {
    /// Its name without the dashes.
    pub name: &'static str,
    /// What follows it; empty where nothing does.
    pub value: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// Where it stands in the help.
    pub group: Group,
}

use crate::config::held::{NO_GSSAPI, NO_PKCS11, NO_TUNNELS};
use Group::{Algorithms, Forwarding, Login, Messages, Session, Sharing, Tracing};

const fn flag(letter: char, group: Group, what: &'static str) -> Row {
    Row { letter, value: "", what, group, refused: None }
}

const fn value(letter: char, value: &'static str, group: Group, what: &'static str) -> Row {
    Row { letter, value, what, group, refused: None }
}

const fn refused(row: Row, reason: &'static str) -> Row {
    Row { refused: Some(reason), ..row }
}

const fn traces(name: &'static str, value: &'static str, what: &'static str) -> Long {
    Long { name, value, what, group: Tracing }
}

/// Every option of OpenSSH 9 and 10.
pub static OPTIONS: &[Row] = &[
    refused(flag('1', Login, "protocol 1"), "SSH protocol v.1 is no longer supported"),
    flag('2', Login, "protocol 2, the only one there is"),
    flag('4', Login, "IPv4 only"),
    flag('6', Login, "IPv6 only"),
    flag('A', Forwarding, "forward the agent"),
    flag('a', Forwarding, "do not forward the agent"),
    value('B', "interface", Login, "network interface to connect from"),
    value('b', "address", Login, "local address to connect from"),
    flag('C', Session, "compression"),
    value('c', "ciphers", Algorithms, "ciphers to offer"),
    value('D', "[bind:]port", Forwarding, "SOCKS proxy on a port here"),
    value('E', "file", Messages, "append messages to a file"),
    value('e', "char", Session, "escape character, \"none\" for none"),
    value('F', "file", Login, "configuration file, \"none\" for none"),
    flag('f', Session, "to the background once logged in and all forwards stand"),
    flag('G', Messages, "print the settings for a host"),
    flag('g', Forwarding, "let other hosts use the forwarded ports"),
    refused(value('I', "library", Login, "keys of a PKCS#11 token"), NO_PKCS11),
    value('i', "file", Login, "private key"),
    value('J', "host[,host]", Login, "by way of these machines"),
    refused(flag('K', Login, "GSSAPI login and delegation"), NO_GSSAPI),
    flag('k', Login, "no GSSAPI delegation, which tssh never does"),
    value(
        'L',
        "[bind:]port:host:hostport",
        Forwarding,
        "connections to the port here reach host:hostport from there",
    ),
    value('l', "user", Login, "user name there"),
    flag('M', Sharing, "share this connection; twice asks about each use"),
    value('m', "MACs", Algorithms, "MACs to offer"),
    flag('N', Session, "no command: forward ports only"),
    flag('n', Session, "no standard input"),
    value(
        'O',
        "command",
        Sharing,
        "to a shared connection: check, forward, cancel, exit, stop, proxy",
    ),
    value('o', "'Key value'", Login, "any line of ssh_config(5)"),
    value('P', "tag", Login, "tag for the conditions of Match tagged"),
    value('p', "port", Login, "port of the server"),
    value(
        'Q',
        "list",
        Algorithms,
        "print a list of algorithms, \"help\" for which lists there are",
    ),
    flag('q', Messages, "say nothing"),
    value(
        'R',
        "[bind:]port:host:hostport",
        Forwarding,
        "connections to the port there reach host:hostport from here",
    ),
    value('S', "path", Sharing, "socket of a shared connection, \"none\" for none"),
    flag('s', Session, "the command is a subsystem"),
    flag('T', Session, "no terminal"),
    flag('t', Session, "terminal; twice even without one here"),
    flag('V', Messages, "version, to standard error"),
    flag('v', Messages, "say what happens; up to three times"),
    value('W', "host:port", Forwarding, "standard input and output reach host:port"),
    refused(value('w', "tun[:tun]", Forwarding, "tunnel device"), NO_TUNNELS),
    flag('X', Forwarding, "forward X11"),
    flag('x', Forwarding, "do not forward X11"),
    flag('Y', Forwarding, "forward X11 for trusted programs"),
    flag('y', Messages, "messages to syslog"),
];

/// Every option that ssh does not have.
pub static LONG: &[Long] = &[
    Long {
        name: "one-shot",
        value: "",
        what: "forward one connection, then end (no command)",
        group: Forwarding,
    },
    Long {
        name: "no-wait",
        value: "",
        what: "end with the command, whatever is still forwarded",
        group: Forwarding,
    },
    Long {
        name: "port-file",
        value: "file",
        what: "write the forwards to a file, with their ports",
        group: Forwarding,
    },
    Long {
        name: "any-family",
        value: "",
        what: "listening on one of IPv4 and IPv6 is enough",
        group: Forwarding,
    },
    Long {
        name: "strict-openssh",
        value: "",
        what: "do as ssh does where tssh differs on purpose; give it first",
        group: Login,
    },
    Long {
        name: "plan",
        value: "",
        what: "say what the forwards will come to, and do not connect",
        group: Forwarding,
    },
    Long {
        name: "plan-json",
        value: "",
        what: "the same for programs, as one JSON object",
        group: Forwarding,
    },
    Long {
        name: "advise",
        value: "places",
        what: "which kind of forward to take: see --help forwarding",
        group: Forwarding,
    },
    Long {
        name: "demo",
        value: "",
        what: "show a forwarded port at work; needs no server and no network",
        group: Messages,
    },
    Long {
        name: "lab",
        value: "lesson",
        what: "a lesson that runs by itself; \"list\" for which there are",
        group: Messages,
    },
    Long {
        name: "help",
        value: "[topic]",
        what: "this text, or all about forwarding",
        group: Messages,
    },
    Long { name: "version", value: "", what: "version, to standard output", group: Messages },
    Long {
        name: "completions",
        value: "shell",
        what: "print completions for bash, zsh or fish",
        group: Messages,
    },
    Long {
        name: "man",
        value: "page",
        what: "print a manual page: tssh, tsshd or tssh_config",
        group: Messages,
    },
    traces("trace", "format file", "write the protocol down: text, jsonl, html or pcapng"),
    traces("trace-redact", "names", "hide the names of users, hosts and files in it too"),
    traces("trace-secrets", "", "show passwords, keys and data in it"),
    traces("keylog", "file", "write down what decrypts the connection, for Wireshark"),
    traces("allow-keylog-env", "", "let SSHKEYLOGFILE ask for a key log"),
    traces("keylog-notice", "", "tell the peer that the session can be read by others"),
    traces("trace-strict", "", "end the session when its trace cannot be written"),
    traces("trace-convert", "file --to format", "a jsonl trace in another format"),
    traces("trace-scrub", "file", "a jsonl trace without its secrets"),
    traces("run-coverage", "file", "which RFC requirements a jsonl trace shows at work"),
    traces("record", "file", "write down all that it takes to run the session again"),
    traces("replay", "file [--stop-at packet | --flip packet:byte[:bit]]", "run it again, offline"),
    Long {
        name: "explain",
        value: "hex | msg n | alg name | rfc rfc#section | pcap file [--keylog file]",
        what: "what that is, and its fields; what went by in anybody's session",
        group: Tracing,
    },
    traces("trace-check-shareable", "file", "status 0 if a trace holds no secrets, 1 if it does"),
];

/// Looks an option up.
pub fn find(letter: char) -> Option<&'static Row> {
    OPTIONS.iter().find(|row| row.letter == letter)
}

/// One line with the program's name and version.
pub const VERSION: &str = concat!("tssh_", env!("CARGO_PKG_VERSION"));

/// What a bad command line is answered with.
pub const USAGE: &str = "\
usage: tssh [-246AaCfGgkMNnqsTtVvXxYy] [-B bind_interface] [-b bind_address]
            [-c cipher_spec] [-D [bind_address:]port] [-E log_file]
            [-e escape_char] [-F configfile] [-i identity_file]
            [-J destination] [-L address] [-l login_name] [-m mac_spec]
            [-O ctl_cmd] [-o option] [-P tag] [-p port] [-Q query_option]
            [-R address] [-S ctl_path] [-W host:port]
            destination [command [argument ...]]
       tssh --help | --version | --demo | --lab lesson | --advise places |
            --completions shell | --man page";

const USES: &str = "\
tssh: an SSH client. The short options are those of ssh(1).

usage: tssh [options] [user@]host [command [argument ...]]
       tssh [options] ssh://[user@]host[:port] [command [argument ...]]
";

const STATUS: &str = "Exit status: that of the remote command; 255 for a failure of tssh itself.";

/// Command lines and what they do.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("tssh host", "a shell"),
    ("tssh -p 2222 user@host 'df -h'", "a command, on another port"),
    ("tssh -NL 8080:localhost:80 host", "the host's web server at port 8080 here"),
    ("tssh -J gate inner", "a machine behind another one"),
    ("tssh -G host", "what the configuration says for a host"),
];

/// Columns that the options take before what is said about them.
const OPTION_COLUMNS: usize = 33;

/// The text of `--help`, from the tables.
#[must_use]
pub fn help() -> String {
    let mut text = USES.to_owned();
    let mut line = |option: &str, what: &str| {
        // What is too long for its columns has a line of its own.
        let gap = match option.len() < OPTION_COLUMNS {
            true => " ".repeat(OPTION_COLUMNS - option.len()),
            false => format!("\n{}", " ".repeat(OPTION_COLUMNS + 2)),
        };
        text.push_str(&format!("  {option}{gap}{what}\n"));
    };
    for (group, heading) in Group::ALL {
        let rows = || OPTIONS.iter().filter(|row| row.group == group && row.refused.is_none());
        let longs = || LONG.iter().filter(|long| long.group == group);
        if rows().next().is_none() && longs().next().is_none() {
            continue;
        }
        line("", "");
        line(heading, "");
        for row in rows() {
            line(format!("-{} {}", row.letter, row.value).trim_end(), row.what);
        }
        for long in longs() {
            line(format!("--{} {}", long.name, long.value).trim_end(), long.what);
        }
    }
    line("", "");
    line("examples", "");
    for (command, what) in EXAMPLES {
        line(command, what);
    }
    line("", "");
    line("not supported", "");
    for row in OPTIONS {
        if let Some(reason) = row.refused {
            line(&format!("-{} ({})", row.letter, row.what), reason);
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut text = lines.join("\n");
    // Headings stand at the margin.
    for heading in
        Group::ALL.map(|(_, heading)| heading).into_iter().chain(["examples", "not supported"])
    {
        text = text.replace(&format!("\n  {heading}\n"), &format!("\n{heading}\n"));
    }
    text + "\nterms\n" + &super::topics::terms() + "\n" + STATUS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_stand_once_and_the_usage_names_those_that_work() {
        for (i, row) in OPTIONS.iter().enumerate() {
            assert!(OPTIONS[i + 1..].iter().all(|other| other.letter != row.letter));
            let named = match row.value {
                "" => USAGE.lines().next().is_some_and(|line| line.contains(row.letter)),
                _ => USAGE.contains(&format!("[-{} ", row.letter)),
            };
            assert_eq!(named, row.refused.is_none(), "-{}", row.letter);
        }
    }

    #[test]
    fn the_help_names_every_option_within_a_terminal() {
        let help = help();
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
        for row in OPTIONS {
            assert!(help.contains(&format!("\n  -{} ", row.letter)), "-{}", row.letter);
        }
        for long in LONG {
            assert!(help.contains(&format!("\n  --{}", long.name)), "--{}", long.name);
        }
        assert!(help.contains("\nexamples\n  tssh host"));
    }
}

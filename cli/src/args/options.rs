//! The table of ssh's options, and the help text.

/// One short option.
pub struct Row {
    /// Its letter.
    pub letter: char,
    /// Whether a value follows.
    pub value: bool,
    /// What it is about, in a few words.
    pub what: &'static str,
}

const fn flag(letter: char, what: &'static str) -> Row {
    Row { letter, value: false, what }
}

const fn value(letter: char, what: &'static str) -> Row {
    Row { letter, value: true, what }
}

/// Every option of OpenSSH 9 and 10.
static OPTIONS: &[Row] = &[
    flag('1', "protocol 1"),
    flag('2', "protocol 2"),
    flag('4', "IPv4 only"),
    flag('6', "IPv6 only"),
    flag('A', "agent forwarding"),
    flag('a', "no agent forwarding"),
    value('B', "bind to an interface"),
    value('b', "bind address"),
    flag('C', "compression"),
    value('c', "ciphers"),
    value('D', "dynamic forwarding"),
    value('E', "log file"),
    value('e', "escape character"),
    value('F', "configuration file"),
    flag('f', "go to the background"),
    flag('G', "print the configuration"),
    flag('g', "remote hosts may use forwarded ports"),
    value('I', "PKCS#11 library"),
    value('i', "identity file"),
    value('J', "jump host"),
    flag('K', "GSSAPI delegation"),
    flag('k', "no GSSAPI delegation"),
    value('L', "local forwarding"),
    value('l', "login name"),
    flag('M', "connection sharing"),
    value('m', "MACs"),
    flag('N', "no command"),
    flag('n', "no standard input"),
    value('O', "command for a shared connection"),
    value('o', "configuration option"),
    value('P', "tag"),
    value('p', "port"),
    value('Q', "query of algorithms"),
    flag('q', "quiet"),
    value('R', "remote forwarding"),
    value('S', "socket of a shared connection"),
    flag('s', "subsystem"),
    flag('T', "no terminal"),
    flag('t', "terminal"),
    flag('V', "version"),
    flag('v', "verbose"),
    value('W', "forwarding of standard input and output"),
    value('w', "tunnel device"),
    flag('X', "X11 forwarding"),
    flag('x', "no X11 forwarding"),
    flag('Y', "trusted X11 forwarding"),
    flag('y', "messages to syslog"),
];

/// Looks an option up.
pub fn find(letter: char) -> Option<&'static Row> {
    OPTIONS.iter().find(|row| row.letter == letter)
}

/// One line with the program's name and version.
pub const VERSION: &str = concat!("tssh_", env!("CARGO_PKG_VERSION"));

/// What a bad command line is answered with.
pub const USAGE: &str = "\
usage: tssh [-46AaCfGgkNnqsTtVvXxY] [-b bind_address] [-c cipher_spec] [-E log_file]
            [-e escape_char] [-F configfile] [-i identity_file]
            [-J destination] [-L address] [-l login_name] [-m mac_spec]
            [-o option] [-p port]
            destination [command [argument ...]]
       tssh --help | --version | --demo";

/// The text of `--help`.
pub const HELP: &str = "\
tssh: an SSH client. The short options are those of ssh(1).

usage: tssh [options] [user@]host [command [argument ...]]
       tssh [options] ssh://[user@]host[:port] [command [argument ...]]
       tssh --demo       show a forwarded port at work; needs no server and no network

forwarding
  -L [bind:]port:host:hostport   connections to the port here reach host:hostport from there
  -N              no command: forward ports only
  -f              to the background once logged in and all forwards stand
  -g              let other hosts use the forwarded ports
  -A, -a          with, without the agent
  -X, -x          with, without X11             -Y          with X11, programs trusted
  --one-shot      forward one connection, then end (no command)
  --no-wait       end with the command, whatever is still forwarded

destination and login
  -p port         port of the server            -l user     user name there
  -i file         private key                   -b address  local address to connect from
  -J host[,host]  by way of these machines
  -4, -6          IPv4 or IPv6 only             -F file     configuration file (\"none\" for none)
  -o 'Key value'  any line of ssh_config(5)     -G          print the settings for a host

session
  -t, -T          with, without a terminal      -n          no standard input
  -s              the command is a subsystem    -e char     escape character (\"none\" for none)
  -C              compression

messages
  -v, -vv, -vvv   say what happens              -q          say nothing
  -E file         messages to a file            -V          version

  -Q list         algorithms there are (\"help\": which lists there are)
  -c, -m          ciphers, MACs                 -k          accepted; already so

terms
  forwarding          carrying a TCP connection inside the SSH connection
  listening side      where the forwarded port is opened
  target              the address that the far end connects to
  application client  the program that connects to the forwarded port
  application server  the program at the target
  SSH client          this program
  SSH server          what it logs in to

Exit status: that of the remote command; 255 for a failure of tssh itself.";

//! The command line of tsshd: sshd's own letters, and long names for what sshd does not have.

use crate::account::Account;
use crate::exit::{Fatal, Result};
use crate::forwards;
use crate::server::config::Script;
use crate::server::config::condition::Facts;
use crate::trace::TraceOptions;
use std::path::PathBuf;

/// What `--help` prints.
pub const HELP: &str = "\
usage: tsshd [-46DdeiqTt] [-C connection] [-E log_file] [-f config_file]
             [-g login_grace_time]
             [-h host_key_file] [-o option] [-p port] [--password-file FILE]
       tsshd --hash-password | --help | --version

An SSH server for one user: it admits only the user who runs it, by the keys of
their authorized_keys file. No configuration is read unless -f names it.

  -p port        listen on this port instead of 22
  -h file        a host key; may be repeated
  -f file        configuration, in the form of sshd_config
  -o Key=value   one line of configuration; wins over the file
  -D             stay in the foreground
  -e             log to standard error instead of syslog
  -E file        log to this file
  -d             serve one connection in the foreground, and say what happens;
                 -dd and -ddd say more
  -i             serve one connection on standard input and output
  -q             log nothing
  -t, -T         check the configuration and the keys; -T prints it in full
  -C user=,host=,addr=,laddr=,lport=
                 the connection that -T prints it for, with its Match blocks
  -4, -6         listen on IPv4, or on IPv6, only
  -g seconds     how long a login may take
  --password-file FILE
                 admit by password too, checked against FILE, which holds hashes
  --hash-password
                 read a password from standard input and print a line for FILE
  --trace FORMAT FILE
                 write down what happens on a connection: text, jsonl, html or pcapng;
                 each connection has a file of its own, FILE.1 and so on, but
                 the single one of -d and -i, which has FILE
  --trace-redact=names
                 hide the names of users, hosts and files in it too
  --trace-secrets
                 show passwords, keys and data in it
  --keylog FILE  write down what decrypts connections, for Wireshark
  --allow-keylog-env
                 let SSHKEYLOGFILE ask for that
  --keylog-notice
                 tell clients that their session can be read by others
  --trace-strict
                 end a connection when its trace cannot be written
";

/// What `--version` prints.
pub const VERSION: &str = concat!("tsshd ", env!("CARGO_PKG_VERSION"));

/// What the command line asks for.
#[derive(Debug, Clone)]
pub enum Invocation {
    /// `--help`: print [`HELP`].
    Help,
    /// `--version` and `-V`.
    Version,
    /// `--hash-password`.
    HashPassword,
    /// Serve, or check what would be served.
    Serve(Box<Arguments>),
}

/// A server as the command line describes it.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// Lines that the command line stands for; the file comes after.
    pub script: Script,
    /// `-C`: the connection to print settings for.
    pub connection: Option<Facts>,
    /// `-f`.
    pub config_file: Option<PathBuf>,
    /// `-E`.
    pub log_file: Option<PathBuf>,
    /// `--password-file`.
    pub password_file: Option<PathBuf>,
    /// `-D`.
    pub foreground: bool,
    /// `-e`.
    pub log_to_stderr: bool,
    /// `-d`, as often as it was given.
    pub debug: u32,
    /// `-i`.
    pub inetd: bool,
    /// `-t`.
    pub test: bool,
    /// `-T`.
    pub print: bool,
    /// `--trace` and the like.
    pub trace: TraceOptions,
}

/// Reads the words behind the program's name.
///
/// # Errors
/// One line on what is wrong with them.
pub fn parse(words: &[String], account: &Account) -> Result<Invocation> {
    let mut arguments = Arguments::new(account);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, attached) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            match (name, &attached) {
                // What a server would need to be run again is its private host key.
                ("record", _) => return Err(Fatal::usage("tsshd: unknown option -- --record")),
                ("help", None) => return Ok(Invocation::Help),
                ("version", None) => return Ok(Invocation::Version),
                ("hash-password", None) => return Ok(Invocation::HashPassword),
                (name, attached)
                    if arguments
                        .trace
                        .take(name, attached.as_deref(), &mut || words.next().cloned())? => {}
                ("password-file", _) => {
                    let value = attached.or_else(|| words.next().cloned());
                    let value = value.ok_or_else(|| needs_argument("--password-file"))?;
                    arguments.password_file = Some(value.into());
                }
                _ => return Err(Fatal::usage(format!("tsshd: unknown option -- {word}"))),
            }
            continue;
        }
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            return Err(Fatal::usage(format!("tsshd: Extra argument {word}.")));
        };
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            if arguments.flag(letter) {
                continue;
            }
            match letter {
                'V' => return Ok(Invocation::Version),
                'C' | 'E' | 'f' | 'g' | 'h' | 'o' | 'p' | 'u' => {
                    let attached = letters.as_str();
                    let value = match attached {
                        "" => words.next().map(String::as_str),
                        attached => Some(attached),
                    };
                    let value = value.ok_or_else(|| needs_argument(&letter.to_string()))?;
                    arguments.value(letter, value)?;
                    break;
                }
                _ => return Err(Fatal::usage(format!("tsshd: unknown option -- {letter}"))),
            }
        }
    }
    if arguments.connection.is_some() && !arguments.print {
        return Err(Fatal::usage(
            "Config test connection parameter (-C) provided without test mode (-T)",
        ));
    }
    if arguments.debug > 0 {
        let level = format!("DEBUG{}", arguments.debug.min(3));
        arguments.script.flag("LogLevel", &level);
    }
    Ok(Invocation::Serve(Box::new(arguments)))
}

fn needs_argument(option: &str) -> Fatal {
    Fatal::usage(format!("tsshd: option requires an argument -- {option}"))
}

impl Arguments {
    fn new(account: &Account) -> Self {
        Self {
            script: Script::new(account),
            connection: None,
            config_file: None,
            log_file: None,
            password_file: None,
            foreground: false,
            log_to_stderr: false,
            debug: 0,
            inetd: false,
            test: false,
            print: false,
            trace: TraceOptions::default(),
        }
    }

    /// Takes a letter that stands alone; `false` where it is none.
    fn flag(&mut self, letter: char) -> bool {
        match letter {
            '4' => self.script.flag("AddressFamily", "inet"),
            '6' => self.script.flag("AddressFamily", "inet6"),
            'D' => self.foreground = true,
            'e' => self.log_to_stderr = true,
            'i' => self.inetd = true,
            'q' => self.script.flag("LogLevel", "QUIET"),
            't' => self.test = true,
            'T' => self.print = true,
            'd' => self.debug = self.debug.saturating_add(1),
            _ => return false,
        }
        true
    }

    /// Takes a letter with its value.
    fn value(&mut self, letter: char, value: &str) -> Result<()> {
        match letter {
            'E' => self.log_file = Some(value.into()),
            'f' => self.config_file = Some(value.into()),
            'h' => self.script.word("HostKey", value),
            'o' => self.script.command_line(value)?,
            'g' => {
                let line = format!("LoginGraceTime={value}");
                if self.script.command_line(&line).is_err() {
                    return Err(Fatal::usage("Invalid login grace time."));
                }
            }
            'p' => {
                let port = forwards::port(value);
                self.script.port(port.ok_or_else(|| Fatal::usage("Bad port number."))?);
            }
            'C' => {
                let facts = self.connection.get_or_insert_default();
                facts.add(value).map_err(Fatal::usage)?;
            }
            // `-u` says how long names in utmp are: there is no utmp.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Level;
    use crate::server::config::Family;
    use std::path::Path;

    fn read(line: &str) -> Result<Invocation> {
        let account =
            Account { name: "u".into(), uid: 7, home: "/home/u".into(), shell: "/bin/sh".into() };
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words, &account)
    }

    fn serve(line: &str) -> Arguments {
        match read(line) {
            Ok(Invocation::Serve(arguments)) => *arguments,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn letters_cluster_and_values_attach() {
        let a = serve("-Ddde -p2022 -p 2023 -f/etc/x -h key -oMaxSessions=3 -E log");
        assert!(a.foreground && a.log_to_stderr && !a.inetd);
        let options = a.script.options(None);
        assert_eq!((a.debug, options.log_level), (2, Some(Level::Debug2)));
        assert_eq!(options.ports, [2022, 2023]);
        assert!(options.host_keys.first().is_some_and(|key| key.ends_with("key")));
        assert_eq!(options.max_sessions, Some(3));
        assert_eq!(a.config_file.as_deref(), Some(Path::new("/etc/x")));
        assert_eq!(a.log_file.as_deref(), Some(Path::new("log")));
        let a = serve("-iq -tT -4 --password-file=/pw -g 5m -u0 -C user=x");
        assert!(a.inetd && a.test && a.print);
        let options = a.script.options(None);
        assert_eq!(options.log_level, Some(Level::Quiet));
        assert_eq!(options.address_family, Some(Family::Inet));
        assert_eq!(options.login_grace_time, Some(300));
        assert_eq!(a.connection.and_then(|facts| facts.user).as_deref(), Some("x"));
        assert_eq!(a.password_file.as_deref(), Some(Path::new("/pw")));
    }

    #[test]
    fn early_ones() {
        assert!(matches!(read("--help -Z"), Ok(Invocation::Help)));
        assert!(matches!(read("-DV"), Ok(Invocation::Version)));
        assert!(matches!(read("--hash-password"), Ok(Invocation::HashPassword)));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (line, message) in [
            ("-Z", "tsshd: unknown option -- Z"),
            ("--seed=1", "tsshd: unknown option -- --seed=1"),
            ("-Dp", "tsshd: option requires an argument -- p"),
            ("--password-file", "tsshd: option requires an argument -- --password-file"),
            ("-p x", "Bad port number."),
            ("-p 0", "Bad port number."),
            ("-g x", "Invalid login grace time."),
            ("host", "tsshd: Extra argument host."),
            ("-", "tsshd: Extra argument -."),
            ("-oNope=1", "command-line: line 0: Bad configuration option: Nope"),
            ("-oPort", "command-line line 0: no argument after keyword \"Port\""),
            ("-T -C x=y", "Invalid test mode specification x=y"),
            ("-C user=x", "Config test connection parameter (-C) provided without test mode (-T)"),
        ] {
            assert_eq!(read(line).unwrap_err().message, message, "{line}");
        }
    }
}

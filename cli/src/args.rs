//! The command line, by ssh's own rules.
//!
//! Flags may be clustered, a value may be attached or follow, options may stand behind the host,
//! and the first word that is neither begins the command. Every option of ssh is a short one;
//! what tssh adds is long, so no host name is ever taken for a command.

mod completions;
mod destination;
mod manual;
mod options;
mod topics;
mod tracing;

use crate::account::Account;
use crate::config::file::Reader;
use crate::config::forwards::keep;
use crate::config::{Facts, Options};
use crate::exit::{Fatal, Result};
use crate::mux::Command;
use crate::trace::TraceOptions;
use crate::trace::tool::Tool;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use tssh_forward::core::address::BadSpec;

pub(crate) use destination::{Destination, check_destination, from_uri};
pub use options::{USAGE, VERSION, help};

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// `--help`: print [`help`].
    Help,
    /// `-V`: print [`VERSION`] to standard error, as ssh does.
    VersionToStderr,
    /// `--version`: print it to standard output.
    Version,
    /// `-Q`, `--man` and `--completions`: print this.
    Print(String),
    /// `--trace-convert` and the like: something to do with a trace.
    Trace(Tool),
    /// `--demo`: the built-in demonstration.
    Demo,
    /// `--lab`: a lesson, by name, and words for the command line that it runs.
    Lab(String, Vec<String>),
    /// Connect.
    Connect(Box<Arguments>),
}

/// A connection as the command line describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// The destination without user and port.
    pub host: String,
    /// Values that the command line set; the files come after.
    pub options: Options,
    /// `-F`.
    pub config_file: Option<PathBuf>,
    /// `-E`.
    pub log_file: Option<PathBuf>,
    /// The command, its words joined by spaces, in whatever encoding; with `-s` the name of a
    /// subsystem.
    pub command: Option<Vec<u8>>,
    /// `-t` was given this often.
    pub tty_flags: u32,
    /// `-v` was given this often.
    pub verbosity: u32,
    /// `--one-shot`: the tunnel ends with its first connection.
    pub one_shot: bool,
    /// `--no-wait`: forwarded connections end with the session.
    pub no_wait: bool,
    /// `--any-family`: a listening side of two addresses stands when one of them does.
    pub any_family: bool,
    /// `--port-file`: where the forwards are written down, with their ports.
    pub port_file: Option<PathBuf>,
    /// `-G`: print the settings instead of connecting.
    pub print_config: bool,
    /// `--plan`, `--plan-json`: print what the forwards will come to instead of connecting.
    pub plan: Option<crate::plan::Form>,
    /// `-y`: messages to syslog.
    pub syslog: bool,
    /// `--trace` and the like.
    pub trace: TraceOptions,
    /// `-O`: what the master of a shared connection is asked.
    pub mux_command: Option<Command>,
}

/// The state of reading.
struct Parser<'a> {
    account: &'a Account,
    options: Options,
    config_file: Option<PathBuf>,
    log_file: Option<PathBuf>,
    host: Option<String>,
    verbosity: u32,
    tty_flags: u32,
    one_shot: bool,
    no_wait: bool,
    any_family: bool,
    port_file: Option<PathBuf>,
    print_config: bool,
    plan: Option<crate::plan::Form>,
    syslog: bool,
    trace: TraceOptions,
    mux_command: Option<Command>,
    /// What ends the reading, such as `-V`.
    early: Option<Invocation>,
}

/// Reads the words behind the program's name.
///
/// # Errors
/// What ssh says about a bad command line; with [`USAGE`] where ssh shows it.
pub fn parse(words: &[impl AsRef<OsStr>], account: &Account) -> Result<Invocation> {
    let words: Vec<&OsStr> = words.iter().map(AsRef::as_ref).collect();
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut parser = Parser {
        account,
        options: Options::default(),
        config_file: None,
        log_file: None,
        host: None,
        verbosity: 0,
        tty_flags: 0,
        one_shot: false,
        no_wait: false,
        any_family: false,
        port_file: None,
        print_config: false,
        plan: None,
        syslog: false,
        trace: TraceOptions::default(),
        mux_command: None,
        early: None,
    };
    let command_at = parser.words(&texts)?;
    // Options and host are texts; the command is for the far side, whatever it is.
    let (ours, command) = words.split_at_checked(command_at).unwrap_or((&words, &[]));
    if let Some(word) = ours.iter().find(|word| word.to_str().is_none()) {
        let text = format!("argument is not UTF-8: {}", word.to_string_lossy());
        return Err(Fatal::usage(text));
    }
    let command: Vec<&[u8]> = command.iter().map(|word| word.as_bytes()).collect();
    let command = (!command.is_empty()).then(|| command.join(&b' '));
    if let Some(early) = parser.early {
        return Ok(early);
    }
    let Some(host) = parser.host else { return Err(Fatal::usage(USAGE)) };
    Ok(Invocation::Connect(Box::new(Arguments {
        host,
        options: parser.options,
        config_file: parser.config_file,
        log_file: parser.log_file,
        command,
        tty_flags: parser.tty_flags,
        verbosity: parser.verbosity,
        one_shot: parser.one_shot,
        no_wait: parser.no_wait,
        any_family: parser.any_family,
        port_file: parser.port_file,
        print_config: parser.print_config,
        plan: parser.plan,
        syslog: parser.syslog,
        trace: parser.trace,
        mux_command: parser.mux_command,
    })))
}

/// A lesson, and what belongs to it: all that stands behind it.
fn lab(name: &str, more: &[String], first: bool) -> Result<Invocation> {
    if !first {
        let text = "--lab comes first: tssh --lab NAME [OPTIONS], its options behind it";
        return Err(Fatal::usage(text));
    }
    let name = if name.is_empty() { "list" } else { name };
    Ok(Invocation::Lab(name.to_owned(), more.to_vec()))
}

impl Parser<'_> {
    /// Reads options, the host, options again; what is left, from the word of this number on, is
    /// the command.
    fn words(&mut self, words: &[String]) -> Result<usize> {
        let mut at = 0;
        let mut terminated = false;
        loop {
            while let Some(word) = words.get(at) {
                if word == "--" {
                    terminated = true;
                    at += 1;
                    break;
                }
                if !word.starts_with('-') || word == "-" {
                    break;
                }
                at += 1;
                self.option_word(word, words, &mut at)?;
                if self.early.is_some() {
                    return Ok(words.len());
                }
            }
            if self.host.is_some() {
                break;
            }
            let Some(destination) = words.get(at) else { break };
            at += 1;
            self.destination(destination)?;
            if terminated || at >= words.len() {
                break;
            }
        }
        Ok(at)
    }

    /// One word of options: a long one, or a cluster of short ones.
    fn option_word(&mut self, word: &str, words: &[String], at: &mut usize) -> Result<()> {
        if let Some(long) = word.strip_prefix("--") {
            return self.long(long, words, at);
        }
        for (i, letter) in word.char_indices().skip(1) {
            let row = options::find(letter)
                .ok_or_else(|| Fatal::usage(format!("unknown option -- {letter}\n{USAGE}")))?;
            if let Some(reason) = row.refused {
                return Err(refused(row, reason));
            }
            if row.value.is_empty() {
                self.flag(letter)?;
                continue;
            }
            let attached = word.get(i + letter.len_utf8()..).unwrap_or_default();
            let value = if attached.is_empty() {
                *at += 1;
                words.get(*at - 1).map(String::as_str).ok_or_else(|| {
                    Fatal::usage(format!("option requires an argument -- {letter}\n{USAGE}"))
                })?
            } else {
                attached
            };
            return self.value(letter, value);
        }
        Ok(())
    }

    fn long(&mut self, long: &str, words: &[String], at: &mut usize) -> Result<()> {
        // A value follows, or stands behind an equals sign.
        let (name, attached) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        if name == "help" {
            return self.help(attached, words.get(*at));
        }
        if long == "advise" {
            let words = words.get(*at..).unwrap_or_default();
            self.early = Some(Invocation::Print(crate::advise::answer(words)?));
            return Ok(());
        }
        let mut next = || {
            *at += 1;
            words.get(*at - 1).cloned()
        };
        if self.trace.take(name, attached, &mut next)? {
            return Ok(());
        }
        if tracing::is_tool(name) {
            let path = attached.map(str::to_owned).or_else(&mut next);
            let rest = words.get(*at..).unwrap_or_default();
            let tool = tracing::tool(name, path, rest, &mut self.trace)?;
            self.early = Some(Invocation::Trace(tool));
            return Ok(());
        }
        if ["completions", "man", "lab", "port-file", "run-coverage"].contains(&name) {
            let first = *at == 1;
            let value = attached.or_else(|| {
                *at += 1;
                words.get(*at - 1).map(String::as_str)
            });
            let value = value.unwrap_or_default();
            if value.is_empty() && ["port-file", "run-coverage"].contains(&name) {
                let text = format!("option requires an argument -- --{name}\n{USAGE}");
                return Err(Fatal::usage(text));
            }
            if name == "port-file" {
                self.port_file = Some(PathBuf::from(value));
                return Ok(());
            }
            if name == "lab" {
                let more = words.get(*at..).unwrap_or_default();
                self.early = Some(lab(value, more, first)?);
                return Ok(());
            }
            let print: fn(&str) -> Result<String> = match name {
                "man" => manual::page,
                "run-coverage" => |path| crate::coverage::report(path.as_ref()),
                _ => completions::script,
            };
            self.early = Some(Invocation::Print(print(value)?));
            return Ok(());
        }
        match long {
            "one-shot" => self.one_shot = true,
            "no-wait" => self.no_wait = true,
            "any-family" => self.any_family = true,
            "strict-openssh" => self.options.strict_openssh = true,
            "plan" => self.plan = Some(crate::plan::Form::Text),
            "plan-json" => self.plan = Some(crate::plan::Form::Json),
            _ => return self.early(long),
        }
        Ok(())
    }

    /// `--help`, and a topic where one is named.
    fn help(&mut self, attached: Option<&str>, next: Option<&String>) -> Result<()> {
        let topic = attached.or(next.map(String::as_str).filter(|word| topics::is_topic(word)));
        self.early = Some(match topic {
            Some(topic) => Invocation::Print(topics::text(topic)?),
            None => Invocation::Help,
        });
        Ok(())
    }

    fn early(&mut self, long: &str) -> Result<()> {
        self.early = Some(match long {
            "version" => Invocation::Version,
            "demo" => Invocation::Demo,
            _ => {
                return Err(Fatal::usage(format!(
                    "unknown option -- --{long}: see tssh --help for the long options"
                )));
            }
        });
        Ok(())
    }

    fn flag(&mut self, letter: char) -> Result<()> {
        use crate::config::options::{AddressFamily, ForwardAgent, RequestTty, SessionType};
        let o = &mut self.options;
        match letter {
            '4' => o.address_family = Some(AddressFamily::Inet),
            '6' => o.address_family = Some(AddressFamily::Inet6),
            'C' => o.compression = Some(true),
            'f' => {
                o.fork_after_authentication = Some(true);
                o.stdin_null = Some(true);
            }
            'G' => self.print_config = true,
            'g' => o.gateway_ports = Some(true),
            'n' => o.stdin_null = Some(true),
            'N' => {
                o.session_type = Some(SessionType::None);
                o.request_tty = Some(RequestTty::No);
            }
            'M' => {
                let held = o.held.entry("controlmaster").or_default();
                let again = held.first().is_some_and(|word| word == "true");
                *held = vec![if again { "ask" } else { "true" }.to_owned()];
            }
            's' => o.session_type = Some(SessionType::Subsystem),
            'q' => o.log_level = Some(crate::log::Level::Quiet),
            't' => {
                self.tty_flags += 1;
                let force = self.tty_flags > 1;
                o.request_tty = Some(if force { RequestTty::Force } else { RequestTty::Yes });
            }
            'T' => o.request_tty = Some(RequestTty::No),
            'v' => {
                self.verbosity += 1;
                o.log_level = Some(crate::log::Level::of_verbosity(self.verbosity));
            }
            'V' => self.early = Some(Invocation::VersionToStderr),
            'A' => o.forward_agent = Some(ForwardAgent::Yes),
            'a' => o.forward_agent = Some(ForwardAgent::No),
            'X' | 'Y' => {
                o.forward_x11 = Some(true);
                o.forward_x11_by_flag = true;
                if letter == 'Y' {
                    o.forward_x11_trusted = Some(true);
                }
            }
            'x' => o.forward_x11 = Some(false),
            'y' => self.syslog = true,
            // What they ask for is so already: protocol 2, no GSSAPI delegation.
            _ => {}
        }
        Ok(())
    }

    fn value(&mut self, letter: char, value: &str) -> Result<()> {
        use crate::config::algorithms::{Kind, valid};
        let o = &mut self.options;
        let first = |field: &mut Option<String>| {
            field.get_or_insert_with(|| value.to_owned());
        };
        match letter {
            'B' => o.bind_interface = Some(value.to_owned()),
            'b' => o.bind_address = Some(value.to_owned()),
            'c' if !valid(Kind::Cipher, value) => {
                return Err(Fatal::usage(format!("Unknown cipher type '{value}'")));
            }
            'c' => o.ciphers = Some(value.to_owned()),
            'm' if !valid(Kind::Mac, value) => {
                return Err(Fatal::usage(format!("Unknown mac type '{value}'")));
            }
            'm' => o.macs = Some(value.to_owned()),
            'e' => {
                let escape = crate::config::values::escape_char(value)
                    .ok_or_else(|| Fatal::usage(format!("Bad escape character '{value}'.")))?;
                o.escape_char = Some(escape);
            }
            'E' => self.log_file = Some(PathBuf::from(value)),
            'F' => self.config_file = Some(PathBuf::from(value)),
            'i' => self.identity(value),
            'J' => self.jump(value)?,
            'l' => {
                first(&mut o.user);
                o.user_is_literal = true;
            }
            'D' => keep(&mut o.dynamic_forward, crate::forwards::dynamic(value).map_err(bad)?),
            'L' => keep(&mut o.local_forward, crate::forwards::local(value).map_err(bad)?),
            'R' => keep(&mut o.remote_forward, crate::forwards::remote(value).map_err(bad)?),
            // Whatever -o said about it.
            'S' => {
                o.held.insert("controlpath", vec![value.to_owned()]);
            }
            'W' => self.stdio(value)?,
            'O' => self.mux_command(value)?,
            'o' => self.option(value)?,
            'P' => first(&mut o.tag),
            'Q' => self.early = Some(Invocation::Print(crate::query::answer(value)?)),
            'p' => {
                let port = crate::forwards::port(value)
                    .ok_or_else(|| Fatal::usage(format!("Bad port '{value}'")))?;
                o.port.get_or_insert(port);
            }
            _ => {}
        }
        Ok(())
    }

    /// `-W`, which wants neither a command nor a terminal.
    fn stdio(&mut self, value: &str) -> Result<()> {
        use crate::config::options::{RequestTty, SessionType};
        if self.options.stdio_forward.is_some() {
            return Err(Fatal::usage("stdio forward already specified"));
        }
        if self.mux_command.is_some() {
            return Err(Fatal::usage("Cannot specify stdio forward with -O"));
        }
        let target = crate::forwards::stdio(value)
            .ok_or_else(|| Fatal::usage(format!("Bad stdio forwarding specification '{value}'")))?;
        self.options.stdio_forward = Some(target);
        self.options.request_tty = Some(RequestTty::No);
        self.options.session_type = Some(SessionType::None);
        Ok(())
    }

    /// `-O`.
    fn mux_command(&mut self, word: &str) -> Result<()> {
        if self.options.stdio_forward.is_some() {
            return Err(Fatal::usage("Cannot specify multiplexing command with -W"));
        }
        if self.mux_command.is_some() {
            return Err(Fatal::usage("Multiplexing command already specified"));
        }
        self.mux_command = Some(Command::from_word(word)?);
        Ok(())
    }

    fn jump(&mut self, chain: &str) -> Result<()> {
        use crate::config::options::Proxy;
        let fault = match self.options.proxy {
            Some(Proxy::Jump(_)) => {
                "Only a single -J option is permitted (use commas to separate multiple jump hops)"
            }
            Some(Proxy::Command(_)) => "Cannot specify -J with ProxyCommand",
            None if !crate::proxy::is_chain(chain) => "Invalid -J argument",
            None => {
                self.options.proxy = Some(Proxy::Jump(chain.to_owned()));
                return Ok(());
            }
        };
        Err(Fatal::usage(fault))
    }

    /// `-i`: a file that is not there is mentioned and passed over.
    fn identity(&mut self, path: &str) {
        let expanded = self.account.expand_tilde(path).unwrap_or_else(|_| PathBuf::from(path));
        if let Err(error) = std::fs::metadata(&expanded)
            && !path.contains('%')
        {
            let words = crate::exit::os_words(&error);
            let shown = expanded.display();
            crate::log::info(format_args!(
                "Warning: Identity file {shown} not accessible: {words}."
            ));
            return;
        }
        let files = &mut self.options.identity_file;
        if !files.iter().any(|file| file.path == path) {
            let path = path.to_owned();
            files.push(crate::config::options::IdentityFile { path, user_provided: true });
        }
    }

    fn option(&mut self, text: &str) -> Result<()> {
        let host = self.host.clone().unwrap_or_default();
        let facts = Facts::new(&host, self.account);
        let mut reader = Reader::new(&mut self.options, facts);
        reader.command_line(text).map_err(|fatal| Fatal::usage(fatal.message))
    }

    /// `[user@]host` or `ssh://[user@]host[:port]`.
    fn destination(&mut self, text: &str) -> Result<()> {
        let destination = match text.strip_prefix("ssh://") {
            Some(uri) => from_uri(uri),
            None => match text.rsplit_once('@') {
                Some(("", _)) => None,
                Some((user, host)) => Some((Some(user.to_owned()), host.to_owned(), None)),
                None => Some((None, text.to_owned(), None)),
            },
        };
        let Some((user, host, port)) = destination else { return Err(Fatal::usage(USAGE)) };
        check_destination(&host, user.as_deref())?;
        if let Some(user) = user {
            self.options.user.get_or_insert(user);
            self.options.user_is_literal = true;
        }
        if let Some(port) = port {
            self.options.port.get_or_insert(port);
        }
        self.host = Some(host);
        Ok(())
    }
}

/// Both lines about a bad specification, where there are two.
fn bad(fault: BadSpec) -> Fatal {
    let cause = fault.cause().map(|cause| format!("{cause}\n")).unwrap_or_default();
    Fatal::usage(format!("{cause}{fault}"))
}

fn refused(row: &options::Row, reason: &str) -> Fatal {
    Fatal::usage(match row.letter {
        '1' => reason.to_owned(),
        letter => format!("option -{letter} ({}): {reason}", row.what),
    })
}

#[cfg(test)]
mod tests;

//! The conditions of `Match`.

use super::options::{Options, Proxy, SessionType};
use super::pattern::{self, Verdict};
use super::tokens::{self, Tokens};
use crate::account::Account;
use crate::exit::os_words;
use crate::log;
use std::net::IpAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

/// What conditions look at, besides the options set so far.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The host that `Host` lines are compared with: as given, and in the final pass its full
    /// name.
    pub host: &'a str,
    /// The host as given on the command line.
    pub original: &'a str,
    /// The local account.
    pub account: &'a Account,
    /// The command of the command line; with `-s` the name of a subsystem.
    pub command: Option<&'a str>,
    /// Whether the files are read for the second time.
    pub final_pass: bool,
}

impl<'a> Facts<'a> {
    /// Before anything is known but the host, for the first pass and without a command.
    #[must_use]
    pub const fn new(host: &'a str, account: &'a Account) -> Self {
        Self { host, original: host, account, command: None, final_pass: false }
    }
}

/// What a `Match` line came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether its block applies.
    pub holds: bool,
    /// Whether it asks for a second pass over the files.
    pub wants_final: bool,
}

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is malformed: a bad line.
    Bad(String),
    /// Something that ends the program at once.
    Fatal(String),
    /// This command was killed.
    Died(String),
}

/// Evaluates the words behind `Match`. In a block that cannot apply anyway (`reachable` is off)
/// they are checked, and no program is run.
///
/// # Errors
/// ssh's complaint.
pub fn evaluate(
    words: &[String],
    options: &Options,
    facts: &Facts<'_>,
    reachable: bool,
) -> Result<Outcome, Fault> {
    let mut outcome = Outcome { holds: true, wants_final: false };
    let mut words = words.iter().map(String::as_str).peekable();
    let mut criteria = 0;
    while let Some(word) = words.next() {
        let (negated, name) = match word.strip_prefix('!') {
            Some(name) => (true, name),
            None => (false, word),
        };
        if name.eq_ignore_ascii_case("all") {
            // One other condition may stand before it, as in ssh: that was once `canonical all`.
            if criteria > 1 || words.peek().is_some() {
                let text = format!("'{word}' cannot be combined with other Match attributes");
                return Err(Fault::Bad(text));
            }
            outcome.holds &= !negated;
            return Ok(outcome);
        }
        criteria += 1;
        let (name, inline) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        let name = name.to_ascii_lowercase();
        if name == "canonical" || name == "final" {
            outcome.wants_final |= name == "final";
            outcome.holds &= facts.final_pass != negated;
            continue;
        }
        let argument = match inline {
            Some(value) => Some(value),
            None => words.next().filter(|word| !word.is_empty() || name == "tagged"),
        };
        let Some(argument) = argument else {
            return Err(Fault::Bad(format!("Missing Match criteria for {name}")));
        };
        let run = reachable && outcome.holds;
        outcome.holds &= criterion(&name, argument, options, facts, run)? != negated;
    }
    Ok(outcome)
}

/// One condition with an argument.
fn criterion(
    name: &str,
    argument: &str,
    options: &Options,
    facts: &Facts<'_>,
    run: bool,
) -> Result<bool, Fault> {
    let account = facts.account;
    let user = options.user.as_ref().unwrap_or(&account.name);
    let is = |subject: &str| pattern::list(subject, argument.split(',')) == Verdict::Yes;
    let is_host = |host: &str| pattern::host_list(host, argument) == Verdict::Yes;
    Ok(match name {
        "host" => is_host(&host_name(options, facts).map_err(Fault::Fatal)?),
        "originalhost" => is_host(facts.original),
        "user" => is(user),
        "localuser" => is(&account.name),
        // An empty argument stands for no tag at all.
        "tagged" => match tag(options) {
            "" => argument.is_empty(),
            tag => is(tag),
        },
        "localnetwork" => local_network(argument).map_err(Fault::Bad)?,
        "version" => is(crate::args::VERSION),
        "sessiontype" => is(session_type(options, facts)),
        "command" => match session_type(options, facts) {
            "exec" | "subsystem" => is(command(options, facts).unwrap_or_default()),
            _ => false,
        },
        "exec" => {
            let command = tokens_of(options, facts, |tokens| tokens.expand_tokens(argument));
            let command = command.and_then(|command| command).map_err(Fault::Fatal)?;
            if run {
                succeeds(&command, account)?
            } else {
                log::debug3(format_args!("skipped exec \"{command}\""));
                true
            }
        }
        _ => return Err(Fault::Bad(format!("Unsupported Match attribute {name}"))),
    })
}

fn tag(options: &Options) -> &str {
    options.tag.as_deref().unwrap_or_default()
}

/// The host's name as the options have it so far.
fn host_name(options: &Options, facts: &Facts<'_>) -> Result<String, String> {
    match &options.host_name {
        Some(name) if facts.final_pass => Ok(name.clone()),
        Some(text) => tokens::host_name(text, facts.original, options.strict_openssh),
        None => Ok(facts.host.to_owned()),
    }
}

fn command<'a>(options: &'a Options, facts: &Facts<'a>) -> Option<&'a str> {
    let configured = options.remote_command.as_deref().filter(|command| *command != "none");
    facts.command.or(configured)
}

fn session_type(options: &Options, facts: &Facts<'_>) -> &'static str {
    match options.session_type.unwrap_or_default() {
        SessionType::None => "none",
        SessionType::Subsystem => "subsystem",
        SessionType::Default if command(options, facts).is_some() => "exec",
        SessionType::Default => "shell",
    }
}

/// The tokens as far as the options are known.
fn tokens_of<T>(
    options: &Options,
    facts: &Facts<'_>,
    with: impl FnOnce(&Tokens<'_>) -> T,
) -> Result<T, String> {
    let host = host_name(options, facts)?;
    let local_host = tokens::local_host();
    let jump = match &options.proxy {
        Some(Proxy::Jump(chain)) => tokens::jump_host(chain),
        _ => "",
    };
    Ok(with(&Tokens {
        account: facts.account,
        local_host: &local_host,
        original: facts.original,
        host: &host,
        key_alias: options.host_key_alias.as_deref().unwrap_or(&host),
        port: options.port.unwrap_or(22),
        user: options.user.as_ref().unwrap_or(&facts.account.name),
        jump,
    }))
}

/// Expands the tokens and variables of an `Include` path.
///
/// # Errors
/// A token that does not exist, or a variable that is not set.
pub fn expand(text: &str, options: &Options, facts: &Facts<'_>) -> Result<String, String> {
    tokens_of(options, facts, |tokens| tokens.expand(text))?
}

/// Runs a command of `Match exec` with the user's shell; its messages go where ours go.
fn succeeds(command: &str, account: &Account) -> Result<bool, Fault> {
    let shell = account.shell_to_use();
    log::debug3(format_args!("executing command '{command}' with {}", shell.to_string_lossy()));
    let mut run = Command::new(&shell);
    run.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::null());
    match run.status() {
        Ok(status) if status.signal().is_some() => Err(Fault::Died(command.to_owned())),
        Ok(status) => Ok(status.success()),
        Err(error) => {
            let shell = shell.to_string_lossy().into_owned();
            Err(Fault::Fatal(format!("cannot run '{shell}': {}", os_words(&error))))
        }
    }
}

/// Whether an address of this machine is in one of the networks.
fn local_network(list: &str) -> Result<bool, String> {
    let mut networks = Vec::new();
    for text in list.split(',') {
        let network = text.split_once('/').filter(|(network, bits)| {
            let some = network.parse().unwrap_or(IpAddr::from([0; 4]));
            crate::server_auth::from::in_network(some, network, bits).is_some()
        });
        networks.push(network.ok_or_else(|| format!("Invalid network entry \"{text}\""))?);
    }
    let addresses = local_addresses()?;
    Ok(addresses.iter().any(|address| {
        let within = |(network, bits): &(&str, &str)| {
            crate::server_auth::from::in_network(*address, network, bits) == Some(true)
        };
        networks.iter().any(within)
    }))
}

/// The addresses of this machine's interfaces, from where Linux shows them.
fn local_addresses() -> Result<Vec<IpAddr>, String> {
    let read = |path: &str| std::fs::read_to_string(path);
    let v4 = read("/proc/net/fib_trie")
        .map_err(|error| format!("cannot list local addresses: {}", os_words(&error)))?;
    let mut addresses = parse_v4(&v4);
    // A kernel without IPv6 has no such file.
    addresses.extend(parse_v6(&read("/proc/net/if_inet6").unwrap_or_default()));
    Ok(addresses)
}

/// A leaf of the routing trie is an address, and below it stands what it is.
fn parse_v4(text: &str) -> Vec<IpAddr> {
    let mut leaf = None;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if let Some(address) = leaf.filter(|_| line == "/32 host LOCAL")
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

fn parse_v6(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let digits = line.split_whitespace().next()?;
        u128::from_str_radix(digits, 16).ok().map(|bits| IpAddr::from(bits.to_be_bytes()))
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests;

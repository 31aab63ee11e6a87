//! The table of configuration keywords: what each one holds, or why it holds nothing here.

use super::algorithms::{self, Kind as List};
use super::forwards;
use super::held::{self, Missing, Shape};
use super::options::{
    AddressFamily, Canonicalize, FingerprintHash, ForwardAgent, IdentityFile, Options, Proxy,
    PubkeyAuthentication, RequestTty, SessionType, StrictHostKeyChecking, UpdateHostKeys,
};
use super::values;
use super::windows;
use crate::limits::{IDENTITY_FILES_MAX, LIST_ENTRIES_MAX};
use crate::log::Level;
use std::collections::VecDeque;

/// The words behind a keyword, taken from the front.
pub type Words = VecDeque<String>;
/// A complaint about a value, in ssh's words; the caller puts file and line in front.
pub type Complaint = String;

/// What a keyword holds.
pub enum Kind {
    /// Another name of the keyword given.
    Alias(&'static str),
    /// yes or no.
    Flag(fn(&mut Options) -> &mut Option<bool>),
    /// One word.
    Text(fn(&mut Options) -> &mut Option<String>),
    /// The rest of the line as it stands, quotes and all: a command for somebody else to cut.
    Rest(fn(&mut Options) -> &mut Option<String>),
    /// Several words, set as a whole.
    Texts(fn(&mut Options) -> &mut Option<Vec<String>>),
    /// A number of at least 0.
    Number(fn(&mut Options) -> &mut Option<u32>),
    /// A duration in seconds.
    Seconds(fn(&mut Options) -> &mut Option<u32>),
    /// A list of algorithm names; the text stands in the complaint.
    Algorithms(List, &'static str, fn(&mut Options) -> &mut Option<String>),
    /// One of a few words: says whether the word is one of them, and sets it where told to.
    Choice(fn(&mut Options, &str, bool) -> bool),
    /// Anything else. Values are checked even in blocks that do not apply; then nothing is set.
    Other(fn(&mut Options, &mut Words, bool) -> Result<(), Complaint>),
    /// The rest of the line as it stands, as one word, for what keeps it in a way of its own.
    Line(fn(&mut Options, String, bool) -> Result<(), Complaint>),
    /// `Host`, `Match` and `Include`: the reader of files handles them.
    Structure,
    /// Checked and kept for `-G`; nothing acts on it.
    Held(Shape, Missing),
    /// Without effect in ssh too, which mentions it for `-v` only.
    Deprecated,
    /// What this ssh is built without, for this reason: mentioned and passed over.
    Unsupported(&'static str),
}

/// One keyword, by its lower-case name.
pub struct Keyword {
    /// Name in lower case.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

const fn row(name: &'static str, kind: Kind) -> Keyword {
    Keyword { name, kind }
}

use Kind::{
    Algorithms, Alias, Choice, Deprecated, Flag, Held, Line, Number, Other, Rest, Seconds,
    Structure, Text, Texts, Unsupported,
};
use Missing::{Nothing, Quiet, Said};
use Shape::{Check, KeyTypes, Lines, Name, Word, Words as Several};

/// Why what belongs to protocol 1 or to Kerberos 4 is not there.
pub const OBSOLETE: &str = "obsolete; the ssh of today has it not";

/// Keywords that no ssh has: files that it reads too name them in `IgnoreUnknown`.
pub const OWN: &[&str] = &["channelmemory", "channelwindow"];

/// Every keyword of OpenSSH 9 and 10, and those of [`OWN`], in alphabetical order.
pub static KEYWORDS: &[Keyword] = &[
    row("addkeystoagent", Held(Check(held::add_keys_to_agent), Nothing)),
    row("addressfamily", Choice(address_family)),
    row("afstokenpassing", Unsupported(OBSOLETE)),
    row("batchmode", Flag(|o| &mut o.batch_mode)),
    row("bindaddress", Text(|o| &mut o.bind_address)),
    row("bindinterface", Text(|o| &mut o.bind_interface)),
    row("canonicaldomains", Other(canonical_domains)),
    row("canonicalizefallbacklocal", Flag(|o| &mut o.canonicalize_fallback_local)),
    row("canonicalizehostname", Choice(canonicalize)),
    row("canonicalizemaxdots", Number(|o| &mut o.canonicalize_max_dots)),
    row("canonicalizepermittedcnames", Other(permitted_cnames)),
    row("casignaturealgorithms", Held(KeyTypes, Nothing)),
    row("certificatefile", Held(Lines, Nothing)),
    row("challengeresponseauthentication", Alias("kbdinteractiveauthentication")),
    row("channelmemory", Other(channel_memory)),
    row("channeltimeout", Held(Check(held::channel_timeout), Nothing)),
    row("channelwindow", Other(channel_window)),
    row("checkhostip", Flag(|o| &mut o.check_host_ip)),
    row("cipher", Deprecated),
    row("ciphers", Algorithms(List::Cipher, "SSH2 cipher spec", |o| &mut o.ciphers)),
    row("clearallforwardings", Flag(|o| &mut o.clear_all_forwardings)),
    row("compression", Flag(|o| &mut o.compression)),
    row("compressionlevel", Unsupported(OBSOLETE)),
    row("connectionattempts", Number(|o| &mut o.connection_attempts)),
    row("connecttimeout", Seconds(|o| &mut o.connect_timeout)),
    row("controlmaster", Held(Name(held::CONTROL_MASTER), Nothing)),
    row("controlpath", Held(Word, Nothing)),
    row("controlpersist", Held(Check(held::control_persist), Nothing)),
    row("dsaauthentication", Alias("pubkeyauthentication")),
    row("dynamicforward", Other(forwards::dynamic)),
    row("enableescapecommandline", Flag(|o| &mut o.enable_escape_commandline)),
    row("enablesshkeysign", Held(Shape::Flag, Quiet(held::NO_HOST_BASED))),
    row("escapechar", Other(escape_char)),
    row("exitonforwardfailure", Flag(|o| &mut o.exit_on_forward_failure)),
    row("fallbacktorsh", Deprecated),
    row("fingerprinthash", Choice(fingerprint_hash)),
    row("forkafterauthentication", Flag(|o| &mut o.fork_after_authentication)),
    row("forwardagent", Other(forward_agent)),
    row("forwardx11", Flag(|o| &mut o.forward_x11)),
    row("forwardx11timeout", Seconds(|o| &mut o.forward_x11_timeout)),
    row("forwardx11trusted", Flag(|o| &mut o.forward_x11_trusted)),
    row("gatewayports", Flag(|o| &mut o.gateway_ports)),
    row("globalknownhostsfile", Texts(|o| &mut o.global_known_hosts_file)),
    row("globalknownhostsfile2", Deprecated),
    row("gssapiauthentication", Unsupported(held::NO_GSSAPI)),
    row("gssapiclientidentity", Unsupported(held::NO_GSSAPI)),
    row("gssapidelegatecredentials", Unsupported(held::NO_GSSAPI)),
    row("gssapikexalgorithms", Unsupported(held::NO_GSSAPI)),
    row("gssapikeyexchange", Unsupported(held::NO_GSSAPI)),
    row("gssapirenewalforcesrekey", Unsupported(held::NO_GSSAPI)),
    row("gssapiserveridentity", Unsupported(held::NO_GSSAPI)),
    row("gssapitrustdns", Unsupported(held::NO_GSSAPI)),
    row("hashknownhosts", Flag(|o| &mut o.hash_known_hosts)),
    row("host", Structure),
    row("hostbasedacceptedalgorithms", Held(KeyTypes, Quiet(held::NO_HOST_BASED))),
    row("hostbasedauthentication", Held(Shape::Flag, Said(held::NO_HOST_BASED))),
    row("hostbasedkeytypes", Alias("hostbasedacceptedalgorithms")),
    row("hostkeyalgorithms", Algorithms(List::Key, "key types", |o| &mut o.host_key_algorithms)),
    row("hostkeyalias", Text(|o| &mut o.host_key_alias)),
    row("hostname", Text(|o| &mut o.host_name)),
    row("identitiesonly", Flag(|o| &mut o.identities_only)),
    row("identityagent", Text(|o| &mut o.identity_agent)),
    row("identityfile", Other(identity_file)),
    row("identityfile2", Alias("identityfile")),
    row("ignoreunknown", Text(|o| &mut o.ignore_unknown)),
    row("include", Structure),
    row("ipqos", Held(Check(held::ip_qos), Nothing)),
    row("kbdinteractiveauthentication", Flag(|o| &mut o.kbd_interactive_authentication)),
    row("kbdinteractivedevices", Held(Word, Nothing)),
    row("keepalive", Alias("tcpkeepalive")),
    row("kerberosauthentication", Unsupported(OBSOLETE)),
    row("kerberostgtpassing", Unsupported(OBSOLETE)),
    row("kexalgorithms", Algorithms(List::Kex, "SSH2 KexAlgorithms", |o| &mut o.kex_algorithms)),
    row("knownhostscommand", Rest(|o| &mut o.known_hosts_command)),
    row("localcommand", Rest(|o| &mut o.local_command)),
    row("localforward", Other(forwards::local)),
    row("loglevel", Other(log_level)),
    row("logverbose", Held(Several, Nothing)),
    row("macs", Algorithms(List::Mac, "SSH2 MAC spec", |o| &mut o.macs)),
    row("match", Structure),
    row("nohostauthenticationforlocalhost", Flag(|o| &mut o.no_host_authentication_for_localhost)),
    row("numberofpasswordprompts", Number(|o| &mut o.number_of_password_prompts)),
    row("obscurekeystroketiming", Held(Check(held::keystroke_timing), Nothing)),
    row("passwordauthentication", Flag(|o| &mut o.password_authentication)),
    row("permitlocalcommand", Flag(|o| &mut o.permit_local_command)),
    row("permitremoteopen", Other(forwards::permit_remote_open)),
    row("pkcs11provider", Held(Word, Said(held::NO_PKCS11))),
    row("port", Other(port)),
    row("preferredauthentications", Text(|o| &mut o.preferred_authentications)),
    row("protocol", Deprecated),
    row("proxycommand", Line(proxy_command)),
    row("proxyjump", Line(proxy_jump)),
    row("proxyusefdpass", Flag(|o| &mut o.proxy_use_fdpass)),
    row(
        "pubkeyacceptedalgorithms",
        Algorithms(List::Key, "key types", |o| &mut o.pubkey_accepted_algorithms),
    ),
    row("pubkeyacceptedkeytypes", Alias("pubkeyacceptedalgorithms")),
    row("pubkeyauthentication", Choice(pubkey_authentication)),
    row("refuseconnection", Held(Shape::Rest, Nothing)),
    row("rekeylimit", Other(rekey_limit)),
    row("remotecommand", Rest(|o| &mut o.remote_command)),
    row("remoteforward", Other(forwards::remote)),
    row("requesttty", Choice(request_tty)),
    row("requiredrsasize", Number(|o| &mut o.required_rsa_size)),
    row("revokedhostkeys", Text(|o| &mut o.revoked_host_keys)),
    row("rhostsauthentication", Deprecated),
    row("rhostsrsaauthentication", Unsupported(OBSOLETE)),
    row("rsaauthentication", Unsupported(OBSOLETE)),
    row("securitykeyprovider", Held(Word, Quiet(held::NO_FIDO))),
    row("sendenv", Other(send_env)),
    row("serveralivecountmax", Number(|o| &mut o.server_alive_count_max)),
    row("serveraliveinterval", Seconds(|o| &mut o.server_alive_interval)),
    row("sessiontype", Choice(session_type)),
    row("setenv", Other(set_env)),
    row("skeyauthentication", Alias("kbdinteractiveauthentication")),
    row("smartcarddevice", Alias("pkcs11provider")),
    row("stdinnull", Flag(|o| &mut o.stdin_null)),
    row("streamlocalbindmask", Other(forwards::stream_local_bind_mask)),
    row("streamlocalbindunlink", Flag(|o| &mut o.stream_local_bind_unlink)),
    row("stricthostkeychecking", Choice(strict_host_key_checking)),
    row("syslogfacility", Other(syslog_facility)),
    row("tag", Text(|o| &mut o.tag)),
    row("tcpkeepalive", Flag(|o| &mut o.tcp_keep_alive)),
    row("tisauthentication", Alias("kbdinteractiveauthentication")),
    row("tunnel", Held(Name(held::TUNNEL), Said(held::NO_TUNNELS))),
    row("tunneldevice", Held(Check(held::tunnel_device), Quiet(held::NO_TUNNELS))),
    row("updatehostkeys", Choice(update_host_keys)),
    row("useprivilegedport", Deprecated),
    row("user", Text(|o| &mut o.user)),
    row("userknownhostsfile", Texts(|o| &mut o.user_known_hosts_file)),
    row("userknownhostsfile2", Deprecated),
    row("useroaming", Deprecated),
    row("usersh", Deprecated),
    row("verifyhostkeydns", Held(Name(held::YES_NO_ASK), Said(held::NO_SSHFP))),
    row("versionaddendum", Held(Shape::Rest, Nothing)),
    row("visualhostkey", Flag(|o| &mut o.visual_host_key)),
    row("warnweakcrypto", Held(Check(held::weak_crypto), Nothing)),
    row("xauthlocation", Text(|o| &mut o.xauth_location)),
];

/// Looks a keyword up, through its alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Keyword> {
    let keyword = KEYWORDS.iter().find(|k| k.name == name)?;
    match keyword.kind {
        Alias(other) => KEYWORDS.iter().find(|k| k.name == other),
        _ => Some(keyword),
    }
}

impl Keyword {
    /// Reads the value and, when `active`, sets it unless an earlier line did.
    ///
    /// # Errors
    /// ssh's complaint about the value.
    pub fn apply(&self, o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
        match &self.kind {
            Flag(field) => {
                let word = argument(words)?;
                let flag = values::flag(&word).ok_or_else(|| unsupported(&word))?;
                set(field(o), flag, active);
            }
            Text(field) => set(field(o), argument(words)?, active),
            // The reader of files hands the line over as one word.
            Rest(field) => set(field(o), argument(words)?, active),
            Texts(field) => {
                let texts: Vec<String> = words.drain(..).collect();
                if texts.iter().any(String::is_empty) {
                    return Err("Missing argument.".to_owned());
                }
                set(field(o), texts, active);
            }
            Number(field) => {
                let number = values::number(&argument(words)?)
                    .map_err(|fault| format!("integer value {fault}."))?;
                set(field(o), number, active);
            }
            Seconds(field) => {
                // "none" sets nothing: a later line still may, as in ssh.
                if let Some(seconds) = seconds(&argument(words)?)? {
                    set(field(o), seconds, active);
                }
            }
            Algorithms(list, what, field) => {
                let names = argument(words)?;
                if !algorithms::valid(*list, &names) {
                    return Err(format!("Bad {what} '{names}'."));
                }
                set(field(o), names, active);
            }
            Choice(choose) => {
                let word = argument(words)?;
                if !choose(o, &word, active) {
                    return Err(unsupported(&word));
                }
            }
            Line(parse) => parse(o, argument(words)?, active)?,
            Other(parse) => parse(o, words, active)?,
            Held(shape, _) => {
                held::apply(self.name, shape, o, words, active)?;
            }
            Alias(_) | Structure | Deprecated | Unsupported(_) => words.clear(),
        }
        if words.is_empty() {
            return Ok(());
        }
        Err(format!("keyword {} extra arguments at end of line", self.name))
    }
}

pub(super) fn unsupported(word: &str) -> Complaint {
    format!("unsupported option \"{word}\".")
}

pub(super) fn argument(words: &mut Words) -> Result<String, Complaint> {
    match words.pop_front() {
        Some(word) if !word.is_empty() => Ok(word),
        _ => Err("Missing argument.".to_owned()),
    }
}

/// A duration, and nothing for "none".
pub(super) fn seconds(word: &str) -> Result<Option<u32>, Complaint> {
    if word == "none" {
        return Ok(None);
    }
    values::seconds(word).map(Some).ok_or_else(|| "invalid time value.".to_owned())
}

/// "For each parameter, the first obtained value will be used": ssh_config(5).
fn set<T>(field: &mut Option<T>, value: T, active: bool) {
    if active && field.is_none() {
        *field = Some(value);
    }
}

fn choose<T>(field: &mut Option<T>, value: Option<T>, active: bool) -> bool {
    let known = value.is_some();
    if let Some(value) = value {
        set(field, value, active);
    }
    known
}

fn address_family(o: &mut Options, word: &str, active: bool) -> bool {
    let value = match word.to_ascii_lowercase().as_str() {
        "any" => Some(AddressFamily::Any),
        "inet" => Some(AddressFamily::Inet),
        "inet6" => Some(AddressFamily::Inet6),
        _ => None,
    };
    choose(&mut o.address_family, value, active)
}

fn canonical_domains(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let domains = held::domains(words)?;
    set(&mut o.canonical_domains, domains, active);
    Ok(())
}

fn permitted_cnames(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let rules = held::permitted_cnames(words)?;
    set(&mut o.canonicalize_permitted_cnames, rules, active);
    Ok(())
}

fn channel_memory(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let bytes = windows::channel_memory(&argument(words)?)?;
    set(&mut o.windows.memory, bytes, active);
    Ok(())
}

fn channel_window(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let window = windows::channel_window(&argument(words)?)?;
    set(&mut o.windows.window, window, active);
    Ok(())
}

fn syslog_facility(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let facility = held::facility(words)?;
    set(&mut o.syslog_facility, facility, active);
    Ok(())
}

fn canonicalize(o: &mut Options, word: &str, active: bool) -> bool {
    let value = match word.to_ascii_lowercase().as_str() {
        "always" => Some(Canonicalize::Always),
        "yes" | "true" => Some(Canonicalize::Yes),
        "no" | "false" => Some(Canonicalize::No),
        _ => None,
    };
    choose(&mut o.canonicalize_hostname, value, active)
}

fn fingerprint_hash(o: &mut Options, word: &str, active: bool) -> bool {
    let value = match word.to_ascii_lowercase().as_str() {
        "sha256" => Some(FingerprintHash::Sha256),
        "md5" => Some(FingerprintHash::Md5),
        _ => None,
    };
    choose(&mut o.fingerprint_hash, value, active)
}

fn pubkey_authentication(o: &mut Options, word: &str, active: bool) -> bool {
    let value = match word.to_ascii_lowercase().as_str() {
        "unbound" => Some(PubkeyAuthentication::Unbound),
        "host-bound" => Some(PubkeyAuthentication::HostBound),
        word => values::flag(word).map(|on| match on {
            true => PubkeyAuthentication::Yes,
            false => PubkeyAuthentication::No,
        }),
    };
    choose(&mut o.pubkey_authentication, value, active)
}

fn request_tty(o: &mut Options, word: &str, active: bool) -> bool {
    let value = match word.to_ascii_lowercase().as_str() {
        "auto" => Some(RequestTty::Auto),
        "force" => Some(RequestTty::Force),
        "yes" | "true" => Some(RequestTty::Yes),
        "no" | "false" => Some(RequestTty::No),
        _ => None,
    };
    choose(&mut o.request_tty, value, active)
}

fn session_type(o: &mut Options, word: &str, active: bool) -> bool {
    let value = match word.to_ascii_lowercase().as_str() {
        "default" => Some(SessionType::Default),
        "none" => Some(SessionType::None),
        "subsystem" => Some(SessionType::Subsystem),
        _ => None,
    };
    choose(&mut o.session_type, value, active)
}

fn strict_host_key_checking(o: &mut Options, word: &str, active: bool) -> bool {
    let value = match word.to_ascii_lowercase().as_str() {
        "ask" => Some(StrictHostKeyChecking::Ask),
        "accept-new" => Some(StrictHostKeyChecking::AcceptNew),
        "yes" | "true" => Some(StrictHostKeyChecking::Yes),
        "no" | "false" | "off" => Some(StrictHostKeyChecking::No),
        _ => None,
    };
    choose(&mut o.strict_host_key_checking, value, active)
}

fn update_host_keys(o: &mut Options, word: &str, active: bool) -> bool {
    let value = match word.to_ascii_lowercase().as_str() {
        "ask" => Some(UpdateHostKeys::Ask),
        "yes" | "true" => Some(UpdateHostKeys::Yes),
        "no" | "false" => Some(UpdateHostKeys::No),
        _ => None,
    };
    choose(&mut o.update_host_keys, value, active)
}

fn escape_char(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let value = values::escape_char(&argument(words)?).ok_or("Bad escape character.")?;
    set(&mut o.escape_char, value, active);
    Ok(())
}

fn forward_agent(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let word = argument(words)?;
    let value = match values::flag(&word) {
        Some(true) => ForwardAgent::Yes,
        Some(false) => ForwardAgent::No,
        None => ForwardAgent::Socket(word),
    };
    set(&mut o.forward_agent, value, active);
    Ok(())
}

fn identity_file(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let path = argument(words)?;
    if !active {
        return Ok(());
    }
    if o.identity_file.len() >= IDENTITY_FILES_MAX {
        return Err(format!("Too many identity files specified (max {IDENTITY_FILES_MAX})."));
    }
    // The same file twice is tried once.
    if !o.identity_file.iter().any(|file| file.path == path) {
        o.identity_file.push(IdentityFile { path, user_provided: true });
    }
    Ok(())
}

fn log_level(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let word = argument(words)?;
    let level = Level::from_name(&word).ok_or_else(|| format!("unsupported log level '{word}'"))?;
    set(&mut o.log_level, level, active);
    Ok(())
}

fn port(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let word = argument(words)?;
    let port = values::port(&word).ok_or_else(|| format!("Bad port '{word}'."))?;
    set(&mut o.port, port, active);
    Ok(())
}

/// The first of `ProxyCommand` and `ProxyJump` wins, whichever it is; but `ProxyJump none` speaks
/// for jumps alone, in ssh as here.
fn proxy_command(o: &mut Options, line: String, active: bool) -> Result<(), Complaint> {
    let no_jump =
        |proxy: &Proxy| matches!(proxy, Proxy::Jump(chain) if chain.eq_ignore_ascii_case("none"));
    if active && o.proxy.as_ref().is_some_and(no_jump) {
        o.proxy = None;
    }
    set(&mut o.proxy, Proxy::Command(line), active);
    Ok(())
}

fn proxy_jump(o: &mut Options, line: String, active: bool) -> Result<(), Complaint> {
    if !crate::proxy::is_chain(&line) {
        return Err(format!("Invalid ProxyJump \"{line}\""));
    }
    set(&mut o.proxy, Proxy::Jump(line), active);
    Ok(())
}

fn rekey_limit(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let size = argument(words)?;
    let time = words.pop_front();
    set(&mut o.rekey_limit, values::rekey_limit(&size, time.as_deref())?, active);
    Ok(())
}

fn send_env(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    while !words.is_empty() {
        let word = argument(words)?;
        if word.contains('=') {
            return Err("Invalid environment name.".to_owned());
        }
        match word.strip_prefix('-') {
            // A dash takes back what earlier lines asked for.
            Some(pattern) if active => {
                o.send_env.retain(|name| !super::pattern::matches(name, pattern));
            }
            None if active && o.send_env.len() < LIST_ENTRIES_MAX => o.send_env.push(word),
            _ => {}
        }
    }
    Ok(())
}

fn set_env(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let first = o.set_env.is_empty();
    while !words.is_empty() {
        let word = argument(words)?;
        let Some((name, value)) = word.split_once('=') else {
            return Err("Invalid SetEnv.".to_owned());
        };
        let known = o.set_env.iter().any(|(n, _)| n == name);
        if active && first && !known && o.set_env.len() < LIST_ENTRIES_MAX {
            o.set_env.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(())
}

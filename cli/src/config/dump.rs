//! `-G`: the settings as `ssh -G` prints them, in its order and its spelling.
//!
//! Read back as a configuration file, the output gives itself again. For that, words with white
//! space are quoted, control characters written as `^X`, and `%` in expanded paths doubled, which
//! ssh leaves out.

use super::algorithms::Kind as List;
use super::keywords::{self, Kind};
use super::options::{
    AddressFamily, Canonicalize, FingerprintHash, ForwardAgent, Options, Proxy,
    PubkeyAuthentication, RequestTty, SessionType, StrictHostKeyChecking, UpdateHostKeys,
};
use super::settings::Settings;
use super::values::EscapeChar;
use crate::exit::Result;
use crate::log::Level;

/// How a keyword's value is found.
enum Show {
    /// In the options, by the table of keywords; else this text, and nothing where it is empty.
    Value(&'static str),
    /// The same, where "none" stands for nothing.
    Cleared,
    /// One line for each value in the options.
    Every,
    /// A path, with its tokens expanded; nothing where there is none.
    Expanded,
    /// Whatever this yields, a line each.
    With(fn(&Dump<'_>) -> Vec<String>),
}
use Show::{Cleared, Every, Expanded, Value, With};

/// What the rows look at.
struct Dump<'a> {
    settings: &'a Settings,
    options: Options,
    default_list: &'a dyn Fn(List) -> Vec<String>,
}

/// Every line, in ssh's order.
static ROWS: &[(&str, Show)] = &[
    ("host", With(|d| vec![quoted(&d.settings.host)])),
    ("user", With(|d| vec![quoted(&d.settings.user)])),
    ("hostname", With(|d| vec![host_name(&d.settings.host_name)])),
    ("port", With(|d| vec![d.settings.port.to_string()])),
    ("addressfamily", With(|d| name(address_family(d.settings.address_family)))),
    ("batchmode", Value("no")),
    ("canonicalizefallbacklocal", Value("yes")),
    ("canonicalizehostname", With(|d| name(canonicalize(&d.options)))),
    ("checkhostip", Value("no")),
    ("compression", Value("no")),
    ("controlmaster", Value("false")),
    ("enablesshkeysign", Value("no")),
    ("clearallforwardings", Value("no")),
    ("exitonforwardfailure", Value("no")),
    ("fingerprinthash", With(|d| name(fingerprint_hash(d.settings.fingerprint_hash)))),
    ("forwardx11", Value("no")),
    ("forwardx11trusted", Value("no")),
    ("gatewayports", Value("no")),
    ("hashknownhosts", Value("no")),
    ("hostbasedauthentication", Value("no")),
    ("identitiesonly", Value("no")),
    ("kbdinteractiveauthentication", Value("yes")),
    ("nohostauthenticationforlocalhost", Value("no")),
    ("passwordauthentication", Value("yes")),
    ("permitlocalcommand", Value("no")),
    ("proxyusefdpass", Value("no")),
    ("pubkeyauthentication", With(|d| name(pubkey_authentication(&d.options)))),
    ("requesttty", With(|d| name(request_tty(d.settings.request_tty)))),
    ("sessiontype", With(|d| name(session_type(d.settings.session_type)))),
    ("stdinnull", Value("no")),
    ("forkafterauthentication", Value("no")),
    (
        "streamlocalbindunlink",
        With(|d| vec![yes_no(d.settings.forwards.how.stream_local_bind.unlink)]),
    ),
    ("stricthostkeychecking", With(|d| name(strict(d.settings.strict_host_key_checking)))),
    ("tcpkeepalive", Value("yes")),
    ("tunnel", Value("false")),
    ("verifyhostkeydns", Value("false")),
    ("visualhostkey", Value("no")),
    ("updatehostkeys", With(|d| name(update_host_keys(d.settings.update_host_keys)))),
    ("enableescapecommandline", Value("no")),
    ("canonicalizemaxdots", Value("1")),
    ("connectionattempts", Value("1")),
    ("forwardx11timeout", Value("1200")),
    ("numberofpasswordprompts", Value("3")),
    ("serveralivecountmax", Value("3")),
    ("serveraliveinterval", Value("0")),
    ("requiredrsasize", With(|d| vec![d.settings.required_rsa_size.to_string()])),
    ("bindaddress", Value("")),
    ("bindinterface", Value("")),
    ("ciphers", With(|d| list(d, List::Cipher, d.settings.ciphers.as_ref()))),
    ("controlpath", Expanded),
    ("hostkeyalgorithms", With(|d| list(d, List::Key, d.settings.host_key_algorithms.as_ref()))),
    ("hostkeyalias", With(|d| lowercase(d.settings.host_key_alias.as_ref()))),
    ("hostbasedacceptedalgorithms", With(|d| key_types(d, "hostbasedacceptedalgorithms"))),
    ("identityagent", With(identity_agent)),
    ("ignoreunknown", Value("")),
    ("kbdinteractivedevices", Value("")),
    ("kexalgorithms", With(|d| list(d, List::Kex, d.settings.kex_algorithms.as_ref()))),
    ("casignaturealgorithms", With(|d| key_types(d, "casignaturealgorithms"))),
    ("localcommand", Cleared),
    ("remotecommand", With(|d| d.settings.remote_command.iter().cloned().collect())),
    ("loglevel", With(|d| name(log_level(d.settings.log_level)))),
    ("macs", With(|d| list(d, List::Mac, d.settings.macs.as_ref()))),
    ("pkcs11provider", Cleared),
    ("securitykeyprovider", Value("internal")),
    ("preferredauthentications", Value("")),
    ("pubkeyacceptedalgorithms", With(|d| vec![d.settings.pubkey_accepted_algorithms.join(",")])),
    ("revokedhostkeys", Cleared),
    ("xauthlocation", Value("/usr/bin/xauth")),
    ("knownhostscommand", Cleared),
    ("dynamicforward", With(|d| shown(&d.settings.forwards.dynamic))),
    ("localforward", With(|d| shown(&d.settings.forwards.local))),
    ("remoteforward", With(|d| shown(&d.settings.forwards.remote))),
    ("identityfile", With(identity_files)),
    ("canonicaldomains", With(|d| words(d.options.canonical_domains.as_deref()))),
    ("certificatefile", Every),
    ("globalknownhostsfile", With(|d| known_hosts(&d.settings.global_known_hosts))),
    ("userknownhostsfile", With(|d| known_hosts(&d.settings.user_known_hosts))),
    ("sendenv", With(|d| d.settings.send_env.iter().map(|name| quoted(name)).collect())),
    ("setenv", With(set_env)),
    ("logverbose", Value("none")),
    ("permitremoteopen", With(permit_remote_open)),
    ("addkeystoagent", Value("false")),
    ("forwardagent", With(forward_agent)),
    ("connecttimeout", With(|d| vec![connect_timeout(&d.options)])),
    ("tunneldevice", Value("any:any")),
    ("canonicalizePermittedcnames", With(|d| words(Some(d.options.permitted_cnames())))),
    ("controlpersist", Value("no")),
    ("escapechar", With(|d| vec![escape_char(d.settings.escape_char)])),
    ("ipqos", Value("lowdelay throughput")),
    ("rekeylimit", With(rekey_limit)),
    (
        "streamlocalbindmask",
        With(|d| vec![format!("0{:o}", d.settings.forwards.how.stream_local_bind.mask)]),
    ),
    ("syslogfacility", With(|d| vec![facility(&d.options)])),
    ("proxycommand", With(proxy_command)),
    ("proxyjump", With(proxy_jump)),
    // Newer than the ssh whose form this is: there only where they are set.
    ("channeltimeout", Value("")),
    ("obscurekeystroketiming", Value("")),
    ("refuseconnection", Cleared),
    ("tag", Value("")),
    ("versionaddendum", Value("")),
    ("warnweakcrypto", Value("")),
    // Our own, which ssh does not know: there only where they are set.
    ("channelmemory", With(|d| shown(d.options.windows.memory.as_slice()))),
    ("channelwindow", With(|d| shown(d.options.windows.window.as_slice()))),
];

/// The text that `-G` prints. `default_list` yields the lists offered where none is set.
///
/// # Errors
/// A token that does not exist in one of the paths.
pub fn dump(
    settings: &Settings,
    options: &Options,
    default_list: &dyn Fn(List) -> Vec<String>,
) -> Result<String> {
    let mut dump = Dump { settings, options: options.clone(), default_list };
    let mut text = String::new();
    for (key, show) in ROWS {
        for line in dump.lines(key, show)? {
            text.push_str(&format!("{key} {line}\n"));
        }
    }
    Ok(text)
}

impl Dump<'_> {
    fn lines(&mut self, key: &str, show: &Show) -> Result<Vec<String>> {
        Ok(match show {
            Value("") => self.value(key).into_iter().map(|words| words.join(" ")).collect(),
            Value(default) => {
                vec![self.value(key).map_or_else(|| (*default).to_owned(), |w| w.join(" "))]
            }
            Cleared => self.set(key).into_iter().map(|words| words.join(" ")).collect(),
            Every
                if self.options.clear_all_forwardings == Some(true) && key.ends_with("forward") =>
            {
                Vec::new()
            }
            // Each was written as it is to be printed.
            Every => self.options.held.get(key).cloned().unwrap_or_default(),
            Expanded => match self.set(key) {
                Some(words) => vec![expanded(&self.settings.expand(&words.join(" "))?)],
                None => Vec::new(),
            },
            With(lines) => lines(self),
        })
    }

    /// The value that was set, unless it is "none".
    fn set(&mut self, key: &str) -> Option<Vec<String>> {
        self.value(key).filter(|words| words.iter().any(|w| !w.eq_ignore_ascii_case("none")))
    }

    /// The words of a keyword that was set, as the table of keywords holds them.
    fn value(&mut self, key: &str) -> Option<Vec<String>> {
        let o = &mut self.options;
        let keyword = keywords::find(&key.to_ascii_lowercase())?;
        let one = |text: &String| vec![quoted(text)];
        match &keyword.kind {
            Kind::Flag(field) => field(o).map(|flag| vec![yes_no(flag)]),
            Kind::Text(field) | Kind::Algorithms(_, _, field) => field(o).as_ref().map(one),
            Kind::Rest(field) => field(o).clone().map(|text| vec![text]),
            Kind::Texts(field) => {
                field(o).as_ref().map(|all| all.iter().map(|text| quoted(text)).collect())
            }
            Kind::Number(field) | Kind::Seconds(field) => {
                field(o).map(|number| vec![number.to_string()])
            }
            Kind::Held(super::held::Shape::Rest, _) => o.held.get(keyword.name).cloned(),
            Kind::Held(..) => {
                let words = o.held.get(keyword.name)?;
                Some(words.iter().map(|word| quoted(word)).collect())
            }
            _ => None,
        }
    }

    fn held(&self, key: &str) -> Option<&str> {
        self.options.held.get(key)?.first().map(String::as_str)
    }
}

fn proxy_command(d: &Dump<'_>) -> Vec<String> {
    match &d.settings.proxy {
        Some(Proxy::Command(command)) => vec![command.clone()],
        _ => Vec::new(),
    }
}

fn proxy_jump(d: &Dump<'_>) -> Vec<String> {
    match &d.settings.proxy {
        Some(Proxy::Jump(chain)) => vec![chain.clone()],
        _ => Vec::new(),
    }
}

/// A word so that it is read back as one.
fn quoted(word: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && c != '"' && c != '\'';
    if !word.is_empty() && !word.starts_with('#') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What has been expanded must not be so again.
fn expanded(path: &str) -> String {
    quoted(&path.replace('%', "%%"))
}

/// The scope of an address is no token.
fn host_name(name: &str) -> String {
    if name.contains(':') { quoted(name) } else { expanded(name) }
}

fn yes_no(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

/// All in one line, and "none" for no words.
fn words(words: Option<&[String]>) -> Vec<String> {
    match words.unwrap_or_default() {
        [] => name("none"),
        words => vec![words.join(" ")],
    }
}

fn canonicalize(o: &Options) -> &'static str {
    match o.canonicalize_hostname.unwrap_or_default() {
        Canonicalize::No => "false",
        Canonicalize::Yes => "true",
        Canonicalize::Always => "always",
    }
}

fn shown<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn permit_remote_open(d: &Dump<'_>) -> Vec<String> {
    let words = d.options.permit_remote_open.as_ref();
    vec![words.map_or_else(|| "any".to_owned(), |words| words.join(" "))]
}

fn name(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

const fn address_family(family: AddressFamily) -> &'static str {
    match family {
        AddressFamily::Any => "any",
        AddressFamily::Inet => "inet",
        AddressFamily::Inet6 => "inet6",
    }
}

const fn fingerprint_hash(hash: FingerprintHash) -> &'static str {
    match hash {
        FingerprintHash::Sha256 => "SHA256",
        FingerprintHash::Md5 => "MD5",
    }
}

fn pubkey_authentication(o: &Options) -> &'static str {
    match o.pubkey_authentication.unwrap_or_default() {
        PubkeyAuthentication::No => "false",
        PubkeyAuthentication::Yes => "true",
        PubkeyAuthentication::Unbound => "unbound",
        PubkeyAuthentication::HostBound => "host-bound",
    }
}

/// Two levels have two names each, of which ssh prints the first.
const fn log_level(level: Level) -> &'static str {
    match level {
        Level::Quiet => "SILENT",
        Level::Debug1 => "DEBUG",
        level => level.name(),
    }
}

const fn request_tty(request: RequestTty) -> &'static str {
    match request {
        RequestTty::Auto => "auto",
        RequestTty::No => "false",
        RequestTty::Yes => "true",
        RequestTty::Force => "force",
    }
}

const fn session_type(kind: SessionType) -> &'static str {
    match kind {
        SessionType::Default => "default",
        SessionType::None => "none",
        SessionType::Subsystem => "subsystem",
    }
}

const fn strict(checking: StrictHostKeyChecking) -> &'static str {
    match checking {
        StrictHostKeyChecking::Ask => "ask",
        StrictHostKeyChecking::AcceptNew => "accept-new",
        StrictHostKeyChecking::Yes => "true",
        StrictHostKeyChecking::No => "false",
    }
}

const fn update_host_keys(value: UpdateHostKeys) -> &'static str {
    match value {
        UpdateHostKeys::Yes => "true",
        UpdateHostKeys::Ask => "ask",
        UpdateHostKeys::No => "false",
    }
}

fn list(d: &Dump<'_>, kind: List, named: Option<&Vec<String>>) -> Vec<String> {
    vec![named.cloned().unwrap_or_else(|| (d.default_list)(kind)).join(",")]
}

/// A list of key types that nothing uses yet.
fn key_types(d: &Dump<'_>, key: &str) -> Vec<String> {
    let default = (d.default_list)(List::Key);
    let plain = super::algorithms::plain_key_algorithms();
    let default = if key == "casignaturealgorithms" { plain } else { default };
    let named = d.held(key).map(|list| super::algorithms::assemble(List::Key, list, &default));
    vec![named.unwrap_or(default).join(",")]
}

fn lowercase(text: Option<&String>) -> Vec<String> {
    text.into_iter().map(|text| quoted(&text.to_lowercase())).collect()
}

fn identity_agent(d: &Dump<'_>) -> Vec<String> {
    let Some(named) = &d.options.identity_agent else { return Vec::new() };
    // A name that stands for a variable is printed as it is.
    let literal = named == "none" || named == "SSH_AUTH_SOCK" || is_variable(named);
    match d.settings.identity_agent.as_ref().filter(|_| !literal) {
        Some(path) => vec![expanded(&path.display().to_string())],
        None => vec![quoted(named)],
    }
}

fn is_variable(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(|name| !name.starts_with('{'))
}

fn identity_files(d: &Dump<'_>) -> Vec<String> {
    if d.options.identity_file.is_empty() {
        return super::settings::DEFAULT_IDENTITIES.iter().map(|&path| path.to_owned()).collect();
    }
    d.options.identity_file.iter().map(|file| quoted(&file.path)).collect()
}

fn known_hosts(files: &[std::path::PathBuf]) -> Vec<String> {
    if files.is_empty() {
        return name("none");
    }
    let words = files.iter().map(|file| expanded(&file.display().to_string()));
    vec![words.collect::<Vec<_>>().join(" ")]
}

/// ssh prints a line each; but of several lines the first one wins.
fn set_env(d: &Dump<'_>) -> Vec<String> {
    let all = d.settings.set_env.iter();
    let words: Vec<String> = all.map(|(name, value)| quoted(&format!("{name}={value}"))).collect();
    if words.is_empty() { words } else { vec![words.join(" ")] }
}

fn forward_agent(d: &Dump<'_>) -> Vec<String> {
    match &d.options.forward_agent {
        None | Some(ForwardAgent::No) => vec!["no".to_owned()],
        Some(ForwardAgent::Yes) => vec!["yes".to_owned()],
        Some(ForwardAgent::Socket(text)) => vec![quoted(text)],
    }
}

fn connect_timeout(o: &Options) -> String {
    o.connect_timeout.map_or_else(|| "none".to_owned(), |seconds| seconds.to_string())
}

fn escape_char(escape: EscapeChar) -> String {
    match escape {
        EscapeChar::None => "none".to_owned(),
        EscapeChar::Byte(byte @ 1..32) => format!("^{}", char::from(byte + 64)),
        EscapeChar::Byte(byte) => quoted(&char::from(byte).to_string()),
    }
}

fn facility(o: &Options) -> String {
    o.syslog_facility.clone().unwrap_or_else(|| "USER".to_owned())
}

fn rekey_limit(d: &Dump<'_>) -> Vec<String> {
    let limit = d.settings.rekey_limit;
    let seconds = limit.interval.map_or(0, |interval| interval.as_secs());
    vec![format!("{} {seconds}", limit.bytes.unwrap_or(0))]
}

//! Every keyword of `sshd_config(5)`, and what tsshd does with it.

use super::{Family, Forwarding, MaxStartups, Options, RootLogin};
use crate::config::algorithms::{self, Kind as List};
use crate::config::values;
use crate::forwards;
use crate::limits::LIST_ENTRIES_MAX;
use crate::log::Level;
use tssh_forward::core::policy::PermitOpen;

/// What became of an argument; the error is sshd's complaint without its place.
type Applied = Result<(), String>;

/// The arguments of one line.
pub struct Argument<'a> {
    /// The keyword as the manual writes it.
    pub name: &'static str,
    /// All that follows the keyword, as it stands.
    pub rest: &'a str,
    /// The same, cut into words.
    pub words: &'a [String],
}

/// What tsshd does with a keyword.
#[derive(Clone, Copy)]
pub enum Kind {
    /// It has a value that takes effect.
    Value(fn(&mut Options, &Argument<'_>) -> Applied),
    /// It speaks of something that a server for one user does not do, and leaving it out opens
    /// nothing.
    Ignored,
    /// It would restrict, or let in, in ways that tsshd does not have.
    Refused,
    /// `Match`.
    Match,
    /// `Include`.
    Include,
}

/// One keyword.
#[derive(Clone, Copy)]
pub struct Keyword {
    /// As the manual writes it.
    pub name: &'static str,
    /// What to do with it.
    pub kind: Kind,
}

const fn value(name: &'static str, apply: fn(&mut Options, &Argument<'_>) -> Applied) -> Keyword {
    Keyword { name, kind: Kind::Value(apply) }
}

const VALUES: &[Keyword] = &[
    value("AcceptEnv", |o, a| grow(&mut o.accept_env, a.words.iter().cloned())),
    value("AddressFamily", |o, a| first(&mut o.address_family, a, family)),
    value("AllowAgentForwarding", |o, a| first(&mut o.allow_agent_forwarding, a, flag)),
    value("AllowTcpForwarding", |o, a| first(&mut o.allow_tcp_forwarding, a, forwarding)),
    value("AuthorizedKeysFile", |o, a| once(&mut o.authorized_keys_file, || Ok(a.words.to_vec()))),
    value("Banner", |o, a| first(&mut o.banner, a, text)),
    value("ChallengeResponseAuthentication", |o, a| {
        first(&mut o.kbd_interactive_authentication, a, flag)
    }),
    value("Ciphers", |o, a| list(&mut o.ciphers, a, List::Cipher, "Bad SSH2 cipher spec")),
    value("ClientAliveCountMax", |o, a| first(&mut o.client_alive_count_max, a, number)),
    value("ClientAliveInterval", |o, a| first(&mut o.client_alive_interval, a, seconds)),
    value("Compression", |o, a| first(&mut o.compression, a, compression)),
    value("DisableForwarding", |o, a| first(&mut o.disable_forwarding, a, flag)),
    // The command is the line as it stands, quotes and all: a shell reads it.
    value("ForceCommand", |o, a| once(&mut o.force_command, || Ok(a.rest.to_owned()))),
    value("GatewayPorts", |o, a| first(&mut o.gateway_ports, a, gateway_ports)),
    value("HostKey", |o, a| grow(&mut o.host_keys, a.words.first().map(Into::into))),
    value("HostKeyAlgorithms", |o, a| {
        list(&mut o.host_key_algorithms, a, List::Key, "Bad key types")
    }),
    value("KbdInteractiveAuthentication", |o, a| {
        first(&mut o.kbd_interactive_authentication, a, flag)
    }),
    value("KexAlgorithms", |o, a| {
        list(&mut o.kex_algorithms, a, List::Kex, "Bad SSH2 KexAlgorithms")
    }),
    value("ListenAddress", listen_address),
    value("LogLevel", |o, a| first(&mut o.log_level, a, log_level)),
    value("LoginGraceTime", |o, a| first(&mut o.login_grace_time, a, seconds)),
    value("MACs", |o, a| list(&mut o.macs, a, List::Mac, "Bad SSH2 mac spec")),
    value("MaxAuthTries", |o, a| first(&mut o.max_auth_tries, a, number)),
    value("MaxSessions", |o, a| first(&mut o.max_sessions, a, number)),
    value("MaxStartups", |o, a| first(&mut o.max_startups, a, max_startups)),
    value("PasswordAuthentication", |o, a| first(&mut o.password_authentication, a, flag)),
    value("PermitOpen", |o, a| once(&mut o.permit_open, || permit_open(a))),
    value("PermitRootLogin", |o, a| first(&mut o.permit_root_login, a, root_login)),
    value("PermitTTY", |o, a| first(&mut o.permit_tty, a, flag)),
    value("PermitUserEnvironment", |o, a| first(&mut o.permit_user_environment, a, text)),
    value("PidFile", |o, a| first(&mut o.pid_file, a, text)),
    value("Port", port),
    value("PubkeyAcceptedAlgorithms", |o, a| {
        list(&mut o.pubkey_accepted_algorithms, a, List::Key, "Bad key types")
    }),
    value("PubkeyAcceptedKeyTypes", |o, a| {
        list(&mut o.pubkey_accepted_algorithms, a, List::Key, "Bad key types")
    }),
    value("PubkeyAuthentication", |o, a| first(&mut o.pubkey_authentication, a, flag)),
    value("RekeyLimit", |o, a| {
        once(&mut o.rekey_limit, || {
            let word = |i: usize| a.words.get(i).map(String::as_str);
            values::rekey_limit(word(0).unwrap_or_default(), word(1))
        })
    }),
    value("RequiredRSASize", |o, a| first(&mut o.required_rsa_size, a, number)),
    value("RevokedKeys", |o, a| first(&mut o.revoked_keys, a, text)),
    value("SetEnv", |o, a| once(&mut o.set_env, || set_env(a))),
    value("StrictModes", |o, a| first(&mut o.strict_modes, a, flag)),
    value("Subsystem", subsystem),
    value("VersionAddendum", |o, a| once(&mut o.version_addendum, || Ok(a.rest.to_owned()))),
    value("X11DisplayOffset", |o, a| first(&mut o.x11_display_offset, a, number)),
    value("X11Forwarding", |o, a| first(&mut o.x11_forwarding, a, flag)),
    value("X11UseLocalhost", |o, a| first(&mut o.x11_use_localhost, a, flag)),
    value("XAuthLocation", |o, a| first(&mut o.xauth_location, a, text)),
];

/// Spoken of what is not there (other users, PAM, names, tunnels), or of defences
/// that one user's server does without.
const IGNORED: &[&str] = &[
    "AllowStreamLocalForwarding",
    "AuthorizedKeysCommandUser",
    "AuthorizedPrincipalsCommandUser",
    "CASignatureAlgorithms",
    "ChannelTimeout",
    "ExposeAuthInfo",
    "FingerprintHash",
    "GSSAPICleanupCredentials",
    "GSSAPIStrictAcceptorCheck",
    "HostbasedAcceptedAlgorithms",
    "HostbasedUsesNameFromPacketOnly",
    "IgnoreRhosts",
    "IgnoreUserKnownHosts",
    "IPQoS",
    "KerberosOrLocalPasswd",
    "KerberosTicketCleanup",
    "LogVerbose",
    "ModuliFile",
    "PAMServiceName",
    "PermitListen",
    "PermitTunnel",
    "PermitUserRC",
    "PerSourceMaxStartups",
    "PerSourceNetBlockSize",
    "PerSourcePenalties",
    "PerSourcePenaltyExemptList",
    "PrintLastLog",
    "PrintMotd",
    "PubkeyAuthOptions",
    "SecurityKeyProvider",
    "StreamLocalBindMask",
    "StreamLocalBindUnlink",
    "SyslogFacility",
    "TCPKeepAlive",
    "UnusedConnectionTimeout",
    "UseDNS",
    "UsePAM",
    "UsePrivilegeSeparation",
];

/// Who may log in, and as what: nothing of it may be passed over.
const REFUSED: &[&str] = &[
    "AllowGroups",
    "AllowUsers",
    "AuthenticationMethods",
    "AuthorizedKeysCommand",
    "AuthorizedPrincipalsCommand",
    "AuthorizedPrincipalsFile",
    "ChrootDirectory",
    "DenyGroups",
    "DenyUsers",
    "GSSAPIAuthentication",
    "HostCertificate",
    "HostKeyAgent",
    "HostbasedAuthentication",
    "KerberosAuthentication",
    "PermitEmptyPasswords",
    "RDomain",
    "RefuseConnection",
    "TrustedUserCAKeys",
];

/// The names of those that take effect.
pub fn with_effect() -> Vec<&'static str> {
    let names = VALUES.iter().map(|keyword| keyword.name);
    names.chain(["Match", "Include"]).collect()
}

/// Looks a keyword up; case does not matter.
#[must_use]
pub fn find(name: &str) -> Option<Keyword> {
    let same = |other: &str| other.eq_ignore_ascii_case(name);
    let of = |names: &[&'static str], kind: Kind| {
        names.iter().find(|n| same(n)).map(|name| Keyword { name, kind })
    };
    let value = VALUES.iter().find(|keyword| same(keyword.name)).copied();
    value
        .or_else(|| of(IGNORED, Kind::Ignored))
        .or_else(|| of(REFUSED, Kind::Refused))
        .or_else(|| of(&["Match"], Kind::Match))
        .or_else(|| of(&["Include"], Kind::Include))
}

/// Whether the value of a keyword that is not built asks for nothing.
pub(super) fn turned_off(words: &[String]) -> bool {
    let first = words.first().map(|word| word.to_ascii_lowercase());
    matches!(first.as_deref(), None | Some("no" | "none" | "false" | "any"))
}

/// Keeps the value unless one was given before; it must be a good one either way.
fn once<T>(slot: &mut Option<T>, read: impl FnOnce() -> Result<T, String>) -> Applied {
    let value = read()?;
    slot.get_or_insert(value);
    Ok(())
}

/// The same for keywords with one argument.
fn first<T>(slot: &mut Option<T>, argument: &Argument<'_>, read: fn(&str) -> Option<T>) -> Applied {
    let [word] = argument.words else {
        return Err(format!("keyword {} extra arguments at end of line", argument.name));
    };
    once(slot, || read(word).ok_or_else(|| complaint(argument.name, word)))
}

fn complaint(name: &str, word: &str) -> String {
    match name {
        "Port" => "Badly formatted port number.".to_owned(),
        "ClientAliveInterval" | "LoginGraceTime" => "invalid time value.".to_owned(),
        "LogLevel" => format!("unsupported log level '{word}'"),
        "MaxStartups" => "Illegal MaxStartups spec.".to_owned(),
        "ClientAliveCountMax"
        | "MaxAuthTries"
        | "MaxSessions"
        | "RequiredRSASize"
        | "X11DisplayOffset" => {
            format!("integer value {}.", values::number(word).err().unwrap_or("invalid"))
        }
        _ => format!("unsupported option \"{word}\"."),
    }
}

fn grow<T>(values: &mut Vec<T>, more: impl IntoIterator<Item = T>) -> Applied {
    values.extend(more);
    if values.len() > LIST_ENTRIES_MAX {
        return Err(format!("more than {LIST_ENTRIES_MAX} entries"));
    }
    Ok(())
}

fn list(slot: &mut Option<String>, a: &Argument<'_>, kind: List, complaint: &str) -> Applied {
    let [names] = a.words else {
        return Err(format!("keyword {} extra arguments at end of line", a.name));
    };
    if !algorithms::valid(kind, names) {
        return Err(format!("{complaint} '{names}'."));
    }
    once(slot, || Ok(names.clone()))
}

fn text(word: &str) -> Option<String> {
    Some(word.to_owned())
}

fn flag(word: &str) -> Option<bool> {
    values::flag(word)
}

fn number(word: &str) -> Option<u32> {
    values::number(word).ok()
}

fn seconds(word: &str) -> Option<u32> {
    if word == "none" { Some(0) } else { values::seconds(word) }
}

fn log_level(word: &str) -> Option<Level> {
    Level::from_name(word)
}

/// `delayed` has been the same as `yes` since OpenSSH 7.4: never before authentication.
fn compression(word: &str) -> Option<bool> {
    if word.eq_ignore_ascii_case("delayed") { Some(true) } else { flag(word) }
}

fn family(word: &str) -> Option<Family> {
    Some(match word.to_ascii_lowercase().as_str() {
        "any" => Family::Any,
        "inet" => Family::Inet,
        "inet6" => Family::Inet6,
        _ => return None,
    })
}

fn forwarding(word: &str) -> Option<Forwarding> {
    Some(match word.to_ascii_lowercase().as_str() {
        "yes" | "all" => Forwarding::Yes,
        "no" => Forwarding::No,
        "local" => Forwarding::Local,
        "remote" => Forwarding::Remote,
        _ => return None,
    })
}

fn gateway_ports(word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    matches!(word.as_str(), "yes" | "no" | "clientspecified").then_some(word)
}

/// `forced-commands-only` is not here: it would have to look at the key's options first.
fn root_login(word: &str) -> Option<RootLogin> {
    Some(match word.to_ascii_lowercase().as_str() {
        "yes" => RootLogin::Yes,
        "prohibit-password" | "without-password" => RootLogin::ProhibitPassword,
        "no" => RootLogin::No,
        _ => return None,
    })
}

fn max_startups(word: &str) -> Option<MaxStartups> {
    let numbers: Vec<u32> =
        word.split(':').map(|n| n.parse().ok()).collect::<Option<_>>().unwrap_or_default();
    let limits = match numbers[..] {
        [full] => MaxStartups { start: full, rate: 100, full },
        [start, rate, full] => MaxStartups { start, rate, full },
        _ => return None,
    };
    let good = limits.start > 0 && limits.start <= limits.full && (1..=100).contains(&limits.rate);
    good.then_some(limits)
}

fn port(options: &mut Options, a: &Argument<'_>) -> Applied {
    let port = match a.words {
        [word] => forwards::port(word).ok_or_else(|| complaint(a.name, word))?,
        _ => return Err(complaint(a.name, "")),
    };
    if options.ports_fixed { Ok(()) } else { grow(&mut options.ports, [port]) }
}

fn listen_address(options: &mut Options, a: &Argument<'_>) -> Applied {
    // An `rdomain` behind it is OpenBSD's.
    let [word] = a.words else {
        return Err(format!("keyword {} extra arguments at end of line", a.name));
    };
    let bad = || format!("bad address: {word}");
    let (host, port) = match word.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            let port = if rest.is_empty() { None } else { rest.strip_prefix(':') };
            if port.is_none() && !rest.is_empty() {
                return Err(bad());
            }
            (host, port)
        }
        // More than one colon is an IPv6 address without brackets.
        None if word.matches(':').count() > 1 => (word.as_str(), None),
        None => word.split_once(':').map_or((word.as_str(), None), |(h, p)| (h, Some(p))),
    };
    let port = match port {
        None => None,
        Some(port) => Some(forwards::port(port).ok_or_else(bad)?),
    };
    grow(&mut options.listen_addresses, [(host.to_owned(), port)])
}

fn permit_open(a: &Argument<'_>) -> Result<PermitOpen, String> {
    match a.words {
        [any] if any == "any" => return Ok(PermitOpen::Any),
        [none] if none == "none" => return Ok(PermitOpen::None),
        _ => {}
    }
    let bad = |word: &String| format!("{} bad permitted target: {word}", a.name);
    let permits = a.words.iter().map(|word| forwards::permit(word).ok_or_else(|| bad(word)));
    Ok(PermitOpen::Only(permits.collect::<Result<_, _>>()?))
}

fn set_env(a: &Argument<'_>) -> Result<Vec<(String, String)>, String> {
    let pair = |word: &String| {
        let (name, value) = word.split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let pairs = a.words.iter().map(|word| pair(word).ok_or_else(|| "Invalid environment.".into()));
    pairs.collect()
}

fn subsystem(options: &mut Options, a: &Argument<'_>) -> Applied {
    let [name, program, ..] = a.words else {
        return Err(format!("{} missing argument.", a.name));
    };
    if program == "internal-sftp" {
        return Err("internal-sftp is not built into tsshd; name a program, such as \
                    /usr/lib/openssh/sftp-server"
            .to_owned());
    }
    if options.subsystems.iter().any(|(known, _)| known == name) {
        // The first value wins, here by name.
        return Ok(());
    }
    let command = a.words.get(1..).unwrap_or_default().join(" ");
    grow(&mut options.subsystems, [(name.clone(), command)])
}

//! Every keyword of `sshd_config(5)`, and what tsshd does with it.

mod read;

use super::Options;
use crate::config::algorithms::Kind as List;
use crate::config::{held, values, windows};
use crate::server_auth::methods::MethodLists;
use read::{
    absolute, accept_env, access_pattern, add, compression, facility, family, first, flag,
    forwarding, gateway_ports, grow, list, listen_address, log_level, mask, max_startups, number,
    once, path, permits, port, root_login, seconds, set_env, size, subsystem, text, whole,
};

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
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// It has a value that takes effect.
    Value(fn(&mut Options, &Argument<'_>) -> Applied),
    /// It always has this value, whatever is said.
    Fixed(Shape, &'static str),
    /// sshd has let go of it: a word is said about it in the log, "Deprecated" or "Unsupported".
    Gone(&'static str),
    /// `Match`.
    Match,
    /// `Include`.
    Include,
}

/// What may be said of a keyword that always has the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Anything: it speaks of something that a server for one user does not do, and leaving it
    /// out opens nothing.
    Any,
    /// Yes or no, for the same reason.
    Flag,
    /// Only what it is, or `no`, `none` and `any`: it would restrict, or let in, in ways that
    /// tsshd does not have.
    Own,
}

/// Where a keyword may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere.
    All,
    /// Not within a `Match` block.
    Global,
    /// With sshd anywhere; here not within a `Match` block, since one process serves everybody.
    Process,
}

/// One keyword.
#[derive(Debug, Clone, Copy)]
pub struct Keyword {
    /// As the manual writes it.
    pub name: &'static str,
    /// What to do with it.
    pub kind: Kind,
    /// Where it may stand.
    pub scope: Scope,
}

const fn value(name: &'static str, apply: fn(&mut Options, &Argument<'_>) -> Applied) -> Keyword {
    Keyword { name, kind: Kind::Value(apply), scope: Scope::All }
}

const fn global(name: &'static str, apply: fn(&mut Options, &Argument<'_>) -> Applied) -> Keyword {
    Keyword { name, kind: Kind::Value(apply), scope: Scope::Global }
}

const VALUES: &[Keyword] = &[
    value("AcceptEnv", |o, a| accept_env(&mut o.accept_env, a)),
    global("AddressFamily", |o, a| first(&mut o.address_family, a, family)),
    value("AllowAgentForwarding", |o, a| first(&mut o.allow_agent_forwarding, a, flag)),
    value("AllowGroups", |o, a| grow(&mut o.allow_groups, a.words.iter().cloned())),
    value("AllowStreamLocalForwarding", |o, a| {
        first(&mut o.allow_stream_local_forwarding, a, forwarding)
    }),
    value("AllowTcpForwarding", |o, a| first(&mut o.allow_tcp_forwarding, a, forwarding)),
    value("AllowUsers", |o, a| access_pattern(&mut o.allow_users, a)),
    value("AuthorizedKeysCommand", |o, a| once(&mut o.authorized_keys_command, || absolute(a))),
    value("AuthorizedKeysCommandUser", |o, a| first(&mut o.authorized_keys_command_user, a, text)),
    value("AuthenticationMethods", |o, a| {
        once(&mut o.authentication_methods, || MethodLists::parse(a.words))
    }),
    value("AuthorizedKeysFile", |o, a| once(&mut o.authorized_keys_file, || Ok(a.words.to_vec()))),
    value("AuthorizedPrincipalsFile", |o, a| first(&mut o.authorized_principals_file, a, path)),
    value("Banner", |o, a| first(&mut o.banner, a, path)),
    value("CASignatureAlgorithms", |o, a| {
        list(&mut o.ca_signature_algorithms, a, List::Key, "Bad key types")
    }),
    value("ChallengeResponseAuthentication", |o, a| {
        first(&mut o.kbd_interactive_authentication, a, flag)
    }),
    global("ChannelMemory", |o, a| size(&mut o.windows.memory, a, windows::channel_memory)),
    global("ChannelWindow", |o, a| size(&mut o.windows.window, a, windows::channel_window)),
    global("Ciphers", |o, a| list(&mut o.ciphers, a, List::Cipher, "Bad SSH2 cipher spec")),
    value("ClientAliveCountMax", |o, a| first(&mut o.client_alive_count_max, a, number)),
    value("ClientAliveInterval", |o, a| first(&mut o.client_alive_interval, a, seconds)),
    global("Compression", |o, a| first(&mut o.compression, a, compression)),
    value("DenyGroups", |o, a| grow(&mut o.deny_groups, a.words.iter().cloned())),
    value("DenyUsers", |o, a| access_pattern(&mut o.deny_users, a)),
    value("DisableForwarding", |o, a| first(&mut o.disable_forwarding, a, flag)),
    value("DSAAuthentication", |o, a| first(&mut o.pubkey_authentication, a, flag)),
    // The command is the line as it stands, quotes and all: a shell reads it.
    value("ForceCommand", |o, a| once(&mut o.force_command, || Ok(a.rest.to_owned()))),
    value("GatewayPorts", |o, a| first(&mut o.gateway_ports, a, gateway_ports)),
    global("HostKey", |o, a| add(&mut o.host_keys, a.words.first().map(|w| whole(w).into()))),
    global("HostKeyAlgorithms", |o, a| {
        list(&mut o.host_key_algorithms, a, List::Key, "Bad key types")
    }),
    value("KbdInteractiveAuthentication", |o, a| {
        first(&mut o.kbd_interactive_authentication, a, flag)
    }),
    global("KeepAlive", |o, a| first(&mut o.tcp_keep_alive, a, flag)),
    global("KexAlgorithms", |o, a| {
        list(&mut o.kex_algorithms, a, List::Kex, "Bad SSH2 KexAlgorithms")
    }),
    global("ListenAddress", listen_address),
    Keyword {
        name: "LogLevel",
        kind: Kind::Value(|o, a| first(&mut o.log_level, a, log_level)),
        scope: Scope::Process,
    },
    global("LoginGraceTime", |o, a| first(&mut o.login_grace_time, a, seconds)),
    global("MACs", |o, a| list(&mut o.macs, a, List::Mac, "Bad SSH2 mac spec")),
    value("MaxAuthTries", |o, a| first(&mut o.max_auth_tries, a, number)),
    value("MaxSessions", |o, a| first(&mut o.max_sessions, a, number)),
    global("MaxStartups", |o, a| first(&mut o.max_startups, a, max_startups)),
    value("PasswordAuthentication", |o, a| first(&mut o.password_authentication, a, flag)),
    value("PermitListen", |o, a| once(&mut o.permit_listen, || permits(a, true))),
    value("PermitOpen", |o, a| once(&mut o.permit_open, || permits(a, false))),
    value("PermitRootLogin", |o, a| first(&mut o.permit_root_login, a, root_login)),
    value("PermitTTY", |o, a| first(&mut o.permit_tty, a, flag)),
    global("PermitUserEnvironment", |o, a| first(&mut o.permit_user_environment, a, text)),
    global("PidFile", |o, a| first(&mut o.pid_file, a, path)),
    global("Port", port),
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
    value("RevokedKeys", |o, a| first(&mut o.revoked_keys, a, path)),
    value("SetEnv", |o, a| once(&mut o.set_env, || set_env(a))),
    value("SkeyAuthentication", |o, a| first(&mut o.kbd_interactive_authentication, a, flag)),
    value("StreamLocalBindMask", |o, a| once(&mut o.stream_local_bind_mask, || mask(a))),
    value("StreamLocalBindUnlink", |o, a| first(&mut o.stream_local_bind_unlink, a, flag)),
    global("StrictModes", |o, a| first(&mut o.strict_modes, a, flag)),
    global("Subsystem", subsystem),
    global("SyslogFacility", |o, a| first(&mut o.syslog_facility, a, facility)),
    global("TCPKeepAlive", |o, a| first(&mut o.tcp_keep_alive, a, flag)),
    value("TrustedUserCAKeys", |o, a| first(&mut o.trusted_user_ca_keys, a, path)),
    global("VersionAddendum", |o, a| once(&mut o.version_addendum, || Ok(a.rest.to_owned()))),
    value("X11DisplayOffset", |o, a| first(&mut o.x11_display_offset, a, number)),
    value("X11Forwarding", |o, a| first(&mut o.x11_forwarding, a, flag)),
    value("X11UseLocalhost", |o, a| first(&mut o.x11_use_localhost, a, flag)),
    global("XAuthLocation", |o, a| first(&mut o.xauth_location, a, path)),
];

const fn fixed(name: &'static str, shape: Shape, own: &'static str, scope: Scope) -> Keyword {
    Keyword { name, kind: Kind::Fixed(shape, own), scope }
}

/// What always has one value, which `-T` prints.
pub(super) const FIXED: &[Keyword] = &[
    // Who may log in, and as what: nothing of it may be passed over.
    fixed("AuthorizedPrincipalsCommand", Shape::Own, "none", Scope::All),
    fixed("AuthorizedPrincipalsCommandUser", Shape::Any, "none", Scope::All),
    fixed("ChrootDirectory", Shape::Own, "none", Scope::All),
    fixed("GSSAPIAuthentication", Shape::Own, "no", Scope::All),
    fixed("HostbasedAuthentication", Shape::Own, "no", Scope::All),
    fixed("HostKeyAgent", Shape::Own, "none", Scope::Global),
    fixed("KerberosAuthentication", Shape::Own, "no", Scope::All),
    fixed("PermitEmptyPasswords", Shape::Own, "no", Scope::All),
    // What would be done, or closed, in ways that are not built.
    fixed("ExposeAuthInfo", Shape::Own, "no", Scope::All),
    fixed("FingerprintHash", Shape::Own, "SHA256", Scope::Global),
    fixed("GSSAPIKeyExchange", Shape::Own, "no", Scope::Global),
    fixed("PermitTunnel", Shape::Own, "no", Scope::All),
    fixed("PerSourceMaxStartups", Shape::Own, "none", Scope::Global),
    fixed("PubkeyAuthOptions", Shape::Own, "none", Scope::All),
    fixed("UnusedConnectionTimeout", Shape::Own, "none", Scope::All),
    // Names are not looked up; a key's `from="!name,*"` would let in whom it means to keep out.
    fixed("UseDNS", Shape::Own, "no", Scope::Global),
    // What is not there: other users, PAM, Kerberos, tokens, messages of the day.
    fixed("GSSAPICleanupCredentials", Shape::Flag, "yes", Scope::Global),
    fixed("GSSAPIStoreCredentialsOnRekey", Shape::Flag, "no", Scope::Global),
    fixed("GSSAPIStrictAcceptorCheck", Shape::Flag, "yes", Scope::Global),
    fixed("HostbasedUsesNameFromPacketOnly", Shape::Flag, "no", Scope::All),
    fixed("IgnoreRhosts", Shape::Any, "yes", Scope::All),
    fixed("IgnoreUserKnownHosts", Shape::Flag, "no", Scope::Global),
    fixed("IPQoS", Shape::Any, "none", Scope::All),
    fixed("KerberosOrLocalPasswd", Shape::Flag, "yes", Scope::Global),
    fixed("KerberosTicketCleanup", Shape::Flag, "yes", Scope::Global),
    fixed("ModuliFile", Shape::Any, "/etc/ssh/moduli", Scope::Global),
    fixed("PermitUserRC", Shape::Flag, "no", Scope::All),
    fixed("PerSourceNetBlockSize", Shape::Any, "32:128", Scope::Global),
    fixed("PrintLastLog", Shape::Flag, "no", Scope::Global),
    fixed("PrintMotd", Shape::Flag, "no", Scope::Global),
    fixed("SecurityKeyProvider", Shape::Any, "internal", Scope::Global),
    fixed("UsePAM", Shape::Flag, "no", Scope::Global),
];

/// The same where sshd has nothing to print, or does not know the keyword yet.
const UNPRINTED: &[Keyword] = &[
    fixed("ChannelTimeout", Shape::Own, "none", Scope::All),
    fixed("DebianBanner", Shape::Flag, "no", Scope::Global),
    fixed("GSSAPIKexAlgorithms", Shape::Any, "", Scope::Global),
    fixed("HostbasedAcceptedAlgorithms", Shape::Any, "", Scope::All),
    fixed("HostbasedAcceptedKeyTypes", Shape::Any, "", Scope::All),
    fixed("HostCertificate", Shape::Own, "none", Scope::Global),
    fixed("LogVerbose", Shape::Any, "none", Scope::All),
    fixed("PAMServiceName", Shape::Any, "sshd", Scope::Global),
    fixed("PerSourcePenalties", Shape::Any, "no", Scope::Global),
    fixed("PerSourcePenaltyExemptList", Shape::Any, "none", Scope::Global),
    fixed("Protocol", Shape::Any, "2", Scope::Global),
    fixed("RDomain", Shape::Own, "none", Scope::All),
    fixed("RefuseConnection", Shape::Own, "no", Scope::All),
];

/// What sshd says `Deprecated option` of.
const DEPRECATED: &[&str] = &[
    "AuthorizedKeysFile2",
    "CheckMail",
    "KeyRegenerationInterval",
    "PAMAuthenticationViaKbdInt",
    "PermitBlacklistedKeys",
    "ReverseMappingCheck",
    "RhostsAuthentication",
    "RhostsRSAAuthentication",
    "RSAAuthentication",
    "ServerKeyBits",
    "UseLogin",
    "UsePrivilegeSeparation",
    "VerifyReverseMapping",
];

/// What sshd says `Unsupported option` of.
const UNSUPPORTED: &[&str] = &["AFSTokenPassing", "KerberosGetAFSToken", "KerberosTgtPassing"];

/// The names of those that take effect.
pub fn with_effect() -> Vec<&'static str> {
    let names = VALUES.iter().map(|keyword| keyword.name);
    names.chain(["Match", "Include"]).collect()
}

/// Looks a keyword up; case does not matter.
#[must_use]
pub fn find(name: &str) -> Option<Keyword> {
    let same = |other: &str| other.eq_ignore_ascii_case(name);
    let of = |names: &[&'static str], kind: Kind, scope: Scope| {
        names.iter().find(|n| same(n)).map(|name| Keyword { name, kind, scope })
    };
    let tables = VALUES.iter().chain(FIXED).chain(UNPRINTED);
    let found = tables.filter(|keyword| same(keyword.name)).copied().next();
    found
        .or_else(|| of(DEPRECATED, Kind::Gone("Deprecated"), Scope::All))
        .or_else(|| of(UNSUPPORTED, Kind::Gone("Unsupported"), Scope::All))
        .or_else(|| of(&["Match"], Kind::Match, Scope::All))
        .or_else(|| of(&["Include"], Kind::Include, Scope::All))
}

/// Judges the value of a keyword that always has the same.
///
/// # Errors
/// It has a value that would have to take effect, or none that sshd takes.
pub(super) fn check(name: &str, shape: Shape, own: &str, words: &[String]) -> Result<(), String> {
    let first = words.first().map(String::as_str).unwrap_or_default();
    match shape {
        Shape::Any => form(name, words),
        Shape::Flag if words.len() > 1 => Err(format!("keyword {name} {}", super::script::EXTRA)),
        Shape::Flag if values::flag(first).is_none() => {
            Err(format!("unsupported option \"{first}\"."))
        }
        Shape::Flag => Ok(()),
        Shape::Own => {
            let nothing = ["no", "none", "false", "any"].contains(&&*first.to_ascii_lowercase());
            let same = nothing || first.eq_ignore_ascii_case(own);
            same.then_some(()).ok_or_else(|| format!("{name} {first} is not supported by tsshd"))
        }
    }
}

/// Whether a value has the form that sshd wants, though it has no effect.
fn form(name: &str, words: &[String]) -> Result<(), String> {
    let first = words.first().map(String::as_str).unwrap_or_default();
    match name {
        "IPQoS" => held::ip_qos(&mut words.iter().cloned().collect()).map(drop),
        "IgnoreRhosts" if values::flag(first).is_none() && first != "shosts-only" => {
            Err(format!("unsupported option \"{first}\"."))
        }
        "PerSourceNetBlockSize" => {
            let (v4, v6) = first.split_once(':').unwrap_or((first, "128"));
            let within = |bits: &str, max| bits.parse::<u32>().is_ok_and(|bits| bits <= max);
            let fits = within(v4, 32) && within(v6, 128);
            fits.then_some(()).ok_or_else(|| "Invalid PerSourceNetBlockSize spec.".to_owned())
        }
        _ => Ok(()),
    }
}

/// What is said of a value that asks for something which a server for one user does not have and
/// which an administrator could rely on.
#[must_use]
pub(super) fn notice(name: &str, words: &[String]) -> Option<&'static str> {
    let off = words.first().is_none_or(|word| values::flag(word) == Some(false));
    match name {
        "UsePAM" if !off => Some("UsePAM has no effect: tsshd has no PAM"),
        "PerSourcePenalties" if !off => {
            Some("PerSourcePenalties has no effect: tsshd does not count refused logins by address")
        }
        _ => None,
    }
}

//! What each keyword of `ssh_config(5)` is for, in one line: the manual page is made of it.

/// One keyword.
pub struct Doc {
    /// As the manual writes it.
    pub name: &'static str,
    /// The form of its value.
    pub value: &'static str,
    /// What it does.
    pub what: &'static str,
}

const fn doc(name: &'static str, value: &'static str, what: &'static str) -> Doc {
    Doc { name, value, what }
}

/// Every keyword that is not merely another name of one, in alphabetical order.
pub static DOCS: &[Doc] = &[
    doc("AddKeysToAgent", "yes|no|ask|confirm|time", "Give keys that were used to the agent."),
    doc("AddressFamily", "any|inet|inet6", "Kind of address to connect to."),
    doc("BatchMode", "yes|no", "Ask nobody anything."),
    doc("BindAddress", "address", "Local address to connect from."),
    doc("BindInterface", "interface", "Network interface to connect from."),
    doc("CanonicalDomains", "domain ...", "Domains in which names are looked for."),
    doc("CanonicalizeFallbackLocal", "yes|no", "Go on with a name found in no domain."),
    doc("CanonicalizeHostname", "yes|no|always", "Complete the name of the host."),
    doc("CanonicalizeMaxDots", "number", "Names with more dots are complete."),
    doc("CanonicalizePermittedCNAMEs", "list:list ...", "Aliases that are followed."),
    doc("CASignatureAlgorithms", "list", "Signatures that certificates may have."),
    doc("CertificateFile", "file", "Certificate of a key; may be repeated."),
    doc("ChannelMemory", "size", "Bytes that all receive windows have together (32M)."),
    doc("ChannelTimeout", "kind=time ...", "When idle channels are closed."),
    doc("ChannelWindow", "auto|size", "Receive window of every channel; auto grows as needed."),
    doc("CheckHostIP", "yes|no", "Look the address up among known hosts too."),
    doc("Ciphers", "[+-^]list", "Ciphers to offer."),
    doc("ClearAllForwardings", "yes|no", "Forget all forwards."),
    doc("Compression", "yes|no", "Compress what is sent."),
    doc("ConnectionAttempts", "number", "Rounds over all addresses."),
    doc("ConnectTimeout", "time", "Time for the connection and the key exchange."),
    doc("ControlMaster", "yes|no|ask|auto|autoask", "Share the connection."),
    doc("ControlPath", "path", "Socket of a shared connection."),
    doc("ControlPersist", "yes|no|time", "Keep a shared connection."),
    doc("DynamicForward", "[bind:]port", "SOCKS proxy on a port here."),
    doc("EnableEscapeCommandline", "yes|no", "Permit the command line of ~C."),
    doc("EnableSSHKeysign", "yes|no", "Use ssh-keysign for host-based authentication."),
    doc("EscapeChar", "char|^char|none", "Escape character of a session with a terminal."),
    doc("ExitOnForwardFailure", "yes|no", "End when a forward cannot be had."),
    doc("FingerprintHash", "sha256|md5", "Hash of the fingerprints that are shown."),
    doc("ForkAfterAuthentication", "yes|no", "To the background once logged in."),
    doc("ForwardAgent", "yes|no|path|$NAME", "Forward the agent."),
    doc("ForwardX11", "yes|no", "Forward X11."),
    doc("ForwardX11Timeout", "time", "How long untrusted programs may connect."),
    doc("ForwardX11Trusted", "yes|no", "Trust the programs that connect."),
    doc("GatewayPorts", "yes|no", "Let other hosts use the forwarded ports."),
    doc("GlobalKnownHostsFile", "file ...", "Known hosts of the machine."),
    doc("HashKnownHosts", "yes|no", "Hash names when hosts are learnt."),
    doc("Host", "pattern ...", "The lines that follow are for these hosts."),
    doc("HostbasedAcceptedAlgorithms", "list", "Signatures for host-based authentication."),
    doc("HostbasedAuthentication", "yes|no", "Log in by the key of this host."),
    doc("HostKeyAlgorithms", "[+-^]list", "Kinds of host key to accept."),
    doc("HostKeyAlias", "name", "Name under which the host key is looked up."),
    doc("HostName", "name", "Host to connect to."),
    doc("IdentitiesOnly", "yes|no", "Use no key of the agent that no line names."),
    doc("IdentityAgent", "path|none|$NAME", "Socket of the agent."),
    doc("IdentityFile", "file", "Private key; may be repeated."),
    doc("IgnoreUnknown", "list", "Keywords that are no mistakes though unknown."),
    doc("Include", "file ...", "Read these files here."),
    doc("IPQoS", "value [value]", "Type of service of the packets."),
    doc("KbdInteractiveAuthentication", "yes|no", "Answer the server's questions."),
    doc("KbdInteractiveDevices", "list", "Ways in which the server may ask."),
    doc("KexAlgorithms", "[+-^]list", "Key exchange methods to offer."),
    doc("KnownHostsCommand", "command", "Program that knows host keys."),
    doc("LocalCommand", "command", "Command to run here once logged in."),
    doc("LocalForward", "[bind:]port host:port", "Forward a port here to a target there."),
    doc("LogLevel", "level", "How much is said."),
    doc("LogVerbose", "pattern ...", "Messages to show always, by file.rs:module():line."),
    doc("MACs", "[+-^]list", "MACs to offer."),
    doc("Match", "conditions", "The lines that follow are for where these hold."),
    doc("NoHostAuthenticationForLocalhost", "yes|no", "Do not check the key of this machine."),
    doc("NumberOfPasswordPrompts", "number", "Times that a password is asked for."),
    doc("ObscureKeystrokeTiming", "yes|no|interval", "Hide when keys are pressed."),
    doc("PasswordAuthentication", "yes|no", "Log in by password."),
    doc("PermitLocalCommand", "yes|no", "Permit LocalCommand."),
    doc("PermitRemoteOpen", "host:port ...", "Targets of a SOCKS proxy at the far end."),
    doc("PKCS11Provider", "library", "Library with the keys of a token."),
    doc("Port", "number", "Port of the server."),
    doc("PreferredAuthentications", "list", "Ways to log in, in order."),
    doc("ProxyCommand", "command", "Program whose standard streams lead to the server."),
    doc("ProxyJump", "host,...", "Machines on the way to the server."),
    doc("ProxyUseFdpass", "yes|no", "The program hands over a connected socket."),
    doc("PubkeyAcceptedAlgorithms", "[+-^]list", "Signatures to log in with."),
    doc("PubkeyAuthentication", "yes|no|unbound|host-bound", "Log in by key."),
    doc("RefuseConnection", "message", "Do not connect; say this instead."),
    doc("RekeyLimit", "size [time]", "When new keys are exchanged."),
    doc("RemoteCommand", "command", "Command to run there."),
    doc("RemoteForward", "[bind:]port host:port", "Forward a port there to a target here."),
    doc("RequestTTY", "yes|no|force|auto", "Whether the session has a terminal."),
    doc("RequiredRSASize", "bits", "Least size of RSA keys."),
    doc("RevokedHostKeys", "file", "Host keys that are no longer good."),
    doc("SecurityKeyProvider", "library", "Library for FIDO keys."),
    doc("SendEnv", "pattern ...", "Variables to send."),
    doc("ServerAliveCountMax", "number", "Unanswered questions before the connection ends."),
    doc("ServerAliveInterval", "time", "How often a silent server is asked for a sign of life."),
    doc("SessionType", "none|subsystem|default", "Whether there is a command or a subsystem."),
    doc("SetEnv", "NAME=value ...", "Variables to send with these values."),
    doc("StdinNull", "yes|no", "No standard input."),
    doc("StreamLocalBindMask", "octal", "Permissions of Unix sockets that are made."),
    doc("StreamLocalBindUnlink", "yes|no", "Remove a Unix socket that is there already."),
    doc("StrictHostKeyChecking", "yes|no|ask|accept-new", "What to do about unknown hosts."),
    doc("SyslogFacility", "facility", "Facility of messages to syslog (-y)."),
    doc("Tag", "name", "Tag for Match tagged."),
    doc("TCPKeepAlive", "yes|no", "Let the system notice when the peer is gone."),
    doc("Tunnel", "yes|no|point-to-point|ethernet", "Tunnel device."),
    doc("TunnelDevice", "number[:number]", "Numbers of the tunnel devices."),
    doc("UpdateHostKeys", "yes|no|ask", "Learn further keys of a known host."),
    doc("User", "name", "User name there."),
    doc("UserKnownHostsFile", "file ...", "Known hosts of the user."),
    doc("VerifyHostKeyDNS", "yes|no|ask", "Look for the host key in DNS."),
    doc("VersionAddendum", "text", "Text behind the program's version."),
    doc("VisualHostKey", "yes|no", "Show host keys as pictures."),
    doc("WarnWeakCrypto", "yes|no", "Warn of key exchanges that a quantum computer breaks."),
    doc("XAuthLocation", "path", "Where xauth is."),
];

/// A keyword as the manual writes it, from its lower-case name.
#[must_use]
pub fn name(keyword: &'static str) -> &'static str {
    let doc = DOCS.iter().find(|doc| doc.name.eq_ignore_ascii_case(keyword));
    doc.map_or(keyword, |doc| doc.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keywords::{KEYWORDS, Kind, find};

    #[test]
    fn every_keyword_is_described_and_nothing_else() {
        let described = |name: &str| DOCS.iter().any(|doc| doc.name.to_ascii_lowercase() == name);
        for keyword in KEYWORDS {
            let other_name =
                matches!(keyword.kind, Kind::Alias(_) | Kind::Deprecated | Kind::Unsupported(_));
            assert_eq!(described(keyword.name), !other_name, "{}", keyword.name);
        }
        for doc in DOCS {
            assert!(find(&doc.name.to_ascii_lowercase()).is_some(), "{}", doc.name);
        }
        let lower: Vec<String> = DOCS.iter().map(|doc| doc.name.to_ascii_lowercase()).collect();
        assert!(lower.is_sorted(), "in alphabetical order");
    }
}

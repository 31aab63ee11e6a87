//! `-T`: the settings in the form of a configuration file, keywords in lower case as sshd has them.

use super::keywords::{FIXED, Kind};
use super::settings::Settings;
use super::{Family, Forwarding, RootLogin};
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::time::Duration;
use tssh_forward::core::policy::GatewayPorts;

const fn flag(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn path(value: Option<&PathBuf>) -> String {
    value.map_or_else(|| "none".to_owned(), |path| path.display().to_string())
}

fn or_none(value: Option<&String>) -> &str {
    value.map_or("none", String::as_str)
}

fn seconds(value: Option<Duration>) -> u64 {
    value.map_or(0, |duration| duration.as_secs())
}

const fn forwarding(value: Forwarding) -> &'static str {
    match value {
        Forwarding::Yes => "yes",
        Forwarding::No => "no",
        Forwarding::Local => "local",
        Forwarding::Remote => "remote",
    }
}

type Out<'o> = &'o mut dyn FnMut(&str, &dyn Display) -> fmt::Result;

impl Settings {
    fn print_place(&self, line: Out<'_>) -> fmt::Result {
        for port in &self.ports {
            line("port", port)?;
        }
        let family = match self.address_family {
            Family::Any => "any",
            Family::Inet => "inet",
            Family::Inet6 => "inet6",
        };
        line("addressfamily", &family)?;
        // A name that does not resolve is complained about by whoever listens.
        for address in self.addresses().unwrap_or_default() {
            line("listenaddress", &address)?;
        }
        for key in &self.host_keys {
            line("hostkey", &key.display())?;
        }
        line("pidfile", &path(self.pid_file.as_ref()))?;
        line("loglevel", &format!("{:?}", self.log_level).to_uppercase())?;
        line("syslogfacility", &self.syslog_facility.name())?;
        line("tcpkeepalive", &flag(self.tcp_keep_alive))?;
        line("versionaddendum", &or_none(self.version_addendum.as_ref()))
    }

    fn print_login(&self, line: Out<'_>) -> fmt::Result {
        line(
            "authorizedkeysfile",
            &match self.authorized_keys_file[..] {
                [] => "none".to_owned(),
                _ => self.authorized_keys_file.join(" "),
            },
        )?;
        line("authorizedkeyscommand", &or_none(self.authorized_keys_command.as_ref()))?;
        line("authorizedkeyscommanduser", &or_none(self.authorized_keys_command_user.as_ref()))?;
        match &self.authentication_methods {
            None => line("authenticationmethods", &"any")?,
            Some(lists) => line("authenticationmethods", lists)?,
        }
        line("pubkeyauthentication", &flag(self.pubkey_authentication))?;
        line("passwordauthentication", &flag(self.password_authentication))?;
        line("kbdinteractiveauthentication", &flag(self.kbd_interactive_authentication))?;
        line(
            "permitrootlogin",
            &match self.permit_root_login {
                RootLogin::Yes => "yes",
                RootLogin::ProhibitPassword => "without-password",
                RootLogin::ForcedCommandsOnly => "forced-commands-only",
                RootLogin::No => "no",
            },
        )?;
        line("strictmodes", &flag(self.strict_modes))?;
        line("trustedusercakeys", &path(self.trusted_user_ca_keys.as_ref()))?;
        let principals = or_none(self.authorized_principals_file.as_ref());
        line("authorizedprincipalsfile", &principals)?;
        line("revokedkeys", &path(self.revoked_keys.as_ref()))?;
        line("maxauthtries", &self.max_auth_tries)?;
        line("logingracetime", &seconds(self.login_grace_time))?;
        let startups = self.max_startups;
        line("maxstartups", &format!("{}:{}:{}", startups.start, startups.rate, startups.full))?;
        for (name, patterns) in [
            ("allowusers", &self.access.allow_users),
            ("denyusers", &self.access.deny_users),
            ("allowgroups", &self.access.allow_groups),
            ("denygroups", &self.access.deny_groups),
        ] {
            for pattern in patterns {
                line(name, pattern)?;
            }
        }
        Ok(())
    }

    fn print_algorithms(&self, line: Out<'_>) -> fmt::Result {
        line("ciphers", &self.algorithms.cipher.join(","))?;
        line("macs", &self.algorithms.mac.join(","))?;
        line("kexalgorithms", &self.algorithms.kex.join(","))?;
        line("hostkeyalgorithms", &self.algorithms.host_key.join(","))?;
        line("pubkeyacceptedalgorithms", &self.pubkey_accepted_algorithms.join(","))?;
        line("casignaturealgorithms", &self.ca_signature_algorithms.join(","))?;
        line("requiredrsasize", &self.required_rsa_size)?;
        line("rekeylimit", &format!("{} {}", self.rekey.bytes, self.rekey.interval.as_secs()))?;
        line("compression", &flag(self.algorithms.compression.len() > 1))
    }

    /// Our own, which sshd does not know: there only where they are set.
    fn print_windows(&self, line: Out<'_>) -> fmt::Result {
        if let Some(memory) = &self.windows.memory {
            line("channelmemory", memory)?;
        }
        self.windows.window.iter().try_for_each(|window| line("channelwindow", window))
    }

    fn print_forwarding(&self, line: Out<'_>) -> fmt::Result {
        line("allowtcpforwarding", &forwarding(self.allow_tcp_forwarding))?;
        let stream_local = forwarding(self.allow_stream_local_forwarding);
        line("allowstreamlocalforwarding", &stream_local)?;
        line("permitopen", &self.permit_open.join(" "))?;
        line("permitlisten", &self.permit_listen.join(" "))?;
        line(
            "gatewayports",
            &match self.gateway_ports {
                GatewayPorts::No => "no",
                GatewayPorts::Yes => "yes",
                GatewayPorts::ClientSpecified => "clientspecified",
            },
        )?;
        line(
            "streamlocalbindmask",
            &format!("{:#05o}", self.stream_local_bind.mask).replace('o', ""),
        )?;
        line("streamlocalbindunlink", &flag(self.stream_local_bind.unlink))?;
        line("allowagentforwarding", &flag(self.allow_agent_forwarding))?;
        line("disableforwarding", &flag(self.disable_forwarding))?;
        line("x11forwarding", &flag(self.x11_forwarding))?;
        line("x11displayoffset", &self.x11_display_offset)?;
        line("x11uselocalhost", &flag(self.x11_use_localhost))?;
        line("xauthlocation", &self.xauth_location)
    }

    fn print_sessions(&self, line: Out<'_>) -> fmt::Result {
        line("permittty", &flag(self.permit_tty))?;
        line("permituserenvironment", &self.permit_user_environment)?;
        line("banner", &path(self.banner.as_ref()))?;
        line("maxsessions", &self.max_sessions)?;
        line("clientaliveinterval", &seconds(self.client_alive_interval))?;
        line("clientalivecountmax", &self.client_alive_count_max)?;
        line("forcecommand", &or_none(self.force_command.as_ref()))?;
        for name in &self.accept_env {
            line("acceptenv", name)?;
        }
        for (name, value) in &self.set_env {
            line("setenv", &format!("{name}={value}"))?;
        }
        for (name, command) in &self.subsystems {
            line("subsystem", &format!("{name} {command}"))?;
        }
        Ok(())
    }
}

impl Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: &dyn Display| writeln!(f, "{name} {value}");
        self.print_place(&mut line)?;
        self.print_login(&mut line)?;
        self.print_algorithms(&mut line)?;
        self.print_windows(&mut line)?;
        self.print_forwarding(&mut line)?;
        self.print_sessions(&mut line)?;
        for keyword in FIXED {
            if let Kind::Fixed(_, own) = keyword.kind {
                line(&keyword.name.to_ascii_lowercase(), &own)?;
            }
        }
        Ok(())
    }
}

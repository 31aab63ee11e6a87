//! `-T`: the settings in the form of a configuration file, keywords in lower case as sshd has them.

use super::settings::Settings;
use super::{Family, Forwarding, RootLogin};
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::time::Duration;
use tssh_forward::core::policy::{Permit, PermitOpen};

const fn flag(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn path(value: Option<&PathBuf>) -> String {
    value.map_or_else(|| "none".to_owned(), |path| path.display().to_string())
}

fn seconds(value: Option<Duration>) -> u64 {
    value.map_or(0, |duration| duration.as_secs())
}

fn permit(permit: &Permit) -> String {
    let host = permit.host.as_deref().unwrap_or("*");
    let port = permit.port.map_or_else(|| "*".to_owned(), |port| port.to_string());
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl Settings {
    fn permitted(&self) -> String {
        match &self.permit_open {
            PermitOpen::Any => "any".to_owned(),
            PermitOpen::None => "none".to_owned(),
            PermitOpen::Only(permits) => permits.iter().map(permit).collect::<Vec<_>>().join(" "),
        }
    }

    fn print_forwarding(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: &dyn Display| writeln!(f, "{name} {value}");
        line("allowagentforwarding", &flag(self.allow_agent_forwarding))?;
        line("disableforwarding", &flag(self.disable_forwarding))?;
        line("x11forwarding", &flag(self.x11_forwarding))?;
        line("x11displayoffset", &self.x11_display_offset)?;
        line("x11uselocalhost", &flag(self.x11_use_localhost))?;
        line("xauthlocation", &self.xauth_location)?;
        Ok(())
    }

    fn print_lists(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (host, port) in &self.listen_addresses {
            match port {
                Some(port) => writeln!(f, "listenaddress [{host}]:{port}")?,
                None => writeln!(f, "listenaddress {host}")?,
            }
        }
        for key in &self.host_keys {
            writeln!(f, "hostkey {}", key.display())?;
        }
        for name in &self.accept_env {
            writeln!(f, "acceptenv {name}")?;
        }
        for (name, value) in &self.set_env {
            writeln!(f, "setenv {name}={value}")?;
        }
        for (name, command) in &self.subsystems {
            writeln!(f, "subsystem {name} {command}")?;
        }
        Ok(())
    }
}

impl Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: &dyn Display| writeln!(f, "{name} {value}");
        for port in &self.ports {
            line("port", port)?;
        }
        let family = match self.address_family {
            Family::Any => "any",
            Family::Inet => "inet",
            Family::Inet6 => "inet6",
        };
        line("addressfamily", &family)?;
        line(
            "authorizedkeysfile",
            &match self.authorized_keys_file[..] {
                [] => "none".to_owned(),
                _ => self.authorized_keys_file.join(" "),
            },
        )?;
        line("pubkeyauthentication", &flag(self.pubkey_authentication))?;
        line("passwordauthentication", &flag(self.password_authentication))?;
        line("kbdinteractiveauthentication", &flag(self.kbd_interactive_authentication))?;
        line(
            "permitrootlogin",
            &match self.permit_root_login {
                RootLogin::Yes => "yes",
                RootLogin::ProhibitPassword => "without-password",
                RootLogin::No => "no",
            },
        )?;
        line("strictmodes", &flag(self.strict_modes))?;
        line(
            "allowtcpforwarding",
            &match self.allow_tcp_forwarding {
                Forwarding::Yes => "yes",
                Forwarding::No => "no",
                Forwarding::Local => "local",
                Forwarding::Remote => "remote",
            },
        )?;
        line("permitopen", &self.permitted())?;
        line("gatewayports", &self.gateway_ports)?;
        line("permittty", &flag(self.permit_tty))?;
        line("permituserenvironment", &self.permit_user_environment)?;
        line("banner", &path(self.banner.as_ref()))?;
        line("versionaddendum", &self.version_addendum.as_deref().unwrap_or("none"))?;
        line("maxauthtries", &self.max_auth_tries)?;
        line("logingracetime", &seconds(self.login_grace_time))?;
        let startups = self.max_startups;
        line("maxstartups", &format!("{}:{}:{}", startups.start, startups.rate, startups.full))?;
        line("maxsessions", &self.max_sessions)?;
        line("clientaliveinterval", &seconds(self.client_alive_interval))?;
        line("clientalivecountmax", &self.client_alive_count_max)?;
        line("ciphers", &self.algorithms.cipher.join(","))?;
        line("macs", &self.algorithms.mac.join(","))?;
        line("kexalgorithms", &self.algorithms.kex.join(","))?;
        line("hostkeyalgorithms", &self.algorithms.host_key.join(","))?;
        line("pubkeyacceptedalgorithms", &self.pubkey_accepted_algorithms.join(","))?;
        line("requiredrsasize", &self.required_rsa_size)?;
        line("revokedkeys", &path(self.revoked_keys.as_ref()))?;
        line("rekeylimit", &format!("{} {}", self.rekey.bytes, self.rekey.interval.as_secs()))?;
        line("compression", &flag(self.algorithms.compression.len() > 1))?;
        line("loglevel", &format!("{:?}", self.log_level).to_uppercase())?;
        line("pidfile", &path(self.pid_file.as_ref()))?;
        line("forcecommand", &self.force_command.as_deref().unwrap_or("none"))?;
        self.print_forwarding(f)?;
        self.print_lists(f)
    }
}

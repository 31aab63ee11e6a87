//! The options in front of a key in authorized_keys, as sshd(8) describes them.

use super::expiry::{Zone, parse_time};
use crate::forwards;
use tssh_forward::core::policy::{PermitListen, PermitOpen};

/// Destinations in one list: OpenSSH's bound.
const PERMITS_MAX: usize = 4096;
/// Variables of one key: more than any key needs.
const ENVIRONMENT_MAX: usize = 1024;

/// What a key permits. The default permits everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOptions {
    /// Runs instead of whatever the client asks for.
    pub command: Option<String>,
    /// A terminal may be allocated.
    pub pty: bool,
    /// Ports may be forwarded.
    pub port_forwarding: bool,
    /// The agent may be forwarded.
    pub agent_forwarding: bool,
    /// X11 may be forwarded.
    pub x11_forwarding: bool,
    /// `~/.ssh/rc` may run.
    pub user_rc: bool,
    /// The destinations of direct-tcpip (`permitopen`).
    pub permit_open: PermitOpen,
    /// The listeners of tcpip-forward (`permitlisten`).
    pub permit_listen: PermitListen,
    /// Variables for the session, the first of each name.
    pub environment: Vec<(String, String)>,
    /// From where the key admits, a list of patterns.
    pub from: Option<String>,
    /// The last second, since 1970 in UTC, at which the key admits.
    pub expires: Option<i64>,
    /// A key on a token must have asked for its owner's PIN or finger: such a line admits no key
    /// on a token, since that is not checked.
    pub verify_required: bool,
    /// Whom certificates of this authority must name, separated by commas, instead of the user.
    pub principals: Option<String>,
    /// The key signs certificates and is not itself admitted.
    pub cert_authority: bool,
}

impl Default for KeyOptions {
    fn default() -> Self {
        Self {
            command: None,
            pty: true,
            port_forwarding: true,
            agent_forwarding: true,
            x11_forwarding: true,
            user_rc: true,
            permit_open: PermitOpen::Any,
            permit_listen: PermitListen::Any,
            environment: Vec::new(),
            from: None,
            expires: None,
            verify_required: false,
            principals: None,
            cert_authority: false,
        }
    }
}

impl KeyOptions {
    /// What permits logging in and nothing more.
    #[must_use]
    pub fn nothing() -> Self {
        let mut options = Self::default();
        options.restrict();
        options
    }

    fn restrict(&mut self) {
        self.pty = false;
        self.port_forwarding = false;
        self.agent_forwarding = false;
        self.x11_forwarding = false;
        self.user_rc = false;
    }

    /// Reads the options, without the blank that ends them.
    ///
    /// # Errors
    /// What is wrong, in OpenSSH's words; the line then admits nobody.
    pub fn parse(text: &str, zone: &Zone) -> Result<Self, &'static str> {
        let mut out = Self::default();
        let mut rest = text;
        loop {
            rest = out.take(rest, zone)?;
            if rest.is_empty() {
                return Ok(out);
            }
            rest = rest.strip_prefix(',').ok_or("unknown key option")?;
            if rest.is_empty() {
                return Err("unexpected end-of-options");
            }
        }
    }

    /// Takes one option from the front.
    fn take<'a>(&mut self, text: &'a str, zone: &Zone) -> Result<&'a str, &'static str> {
        let end = text.find([',', '=']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let name = name.to_ascii_lowercase();
        let Some(value) = rest.strip_prefix('=') else {
            self.set_flag(&name)?;
            return Ok(rest);
        };
        let known = ["command", "principals", "from", "expiry-time", "environment", "permitopen"];
        if !known.contains(&name.as_str()) && !["permitlisten", "tunnel"].contains(&name.as_str()) {
            return Err("unknown key option");
        }
        let (value, rest) = dequote(value)?;
        self.set(&name, value, zone)?;
        Ok(rest)
    }

    fn set_flag(&mut self, name: &str) -> Result<(), &'static str> {
        if name == "restrict" {
            self.restrict();
            return Ok(());
        }
        let (bare, on) = name.strip_prefix("no-").map_or((name, true), |bare| (bare, false));
        match (bare, on) {
            ("cert-authority", true) => self.cert_authority = true,
            // A touch of a token is asked for whether or not a line does without.
            ("touch-required", _) => {}
            ("verify-required", on) => self.verify_required = on,
            ("port-forwarding", on) => self.port_forwarding = on,
            ("agent-forwarding", on) => self.agent_forwarding = on,
            ("x11-forwarding", on) => self.x11_forwarding = on,
            ("pty", on) => self.pty = on,
            ("user-rc", on) => self.user_rc = on,
            _ => return Err("unknown key option"),
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: String, zone: &Zone) -> Result<(), &'static str> {
        match name {
            "command" if self.command.is_some() => return Err("multiple \"command\" clauses"),
            "command" => self.command = Some(value),
            "from" if self.from.is_some() => return Err("multiple \"from\" clauses"),
            "from" => self.from = Some(value),
            "expiry-time" => {
                let time = parse_time(&value, zone).ok_or("invalid expires time")?;
                self.expires = Some(self.expires.map_or(time, |own| own.min(time)));
            }
            "environment" => self.set_variable(&value)?,
            "permitopen" => self.add_open(&value)?,
            "permitlisten" => self.add_listen(&value)?,
            "tunnel" if !is_tunnel(&value) => return Err("invalid tun device"),
            "principals" if self.principals.is_some() => {
                return Err("multiple \"principals\" clauses");
            }
            "principals" => self.principals = Some(value),
            // There are no tunnels to tun devices here.
            _ => {}
        }
        Ok(())
    }

    fn set_variable(&mut self, text: &str) -> Result<(), &'static str> {
        let (name, value) = text.split_once('=').ok_or("invalid environment string")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            return Err("invalid environment string");
        }
        if self.environment.len() >= ENVIRONMENT_MAX {
            return Err("too many environment strings");
        }
        if self.environment.iter().all(|(own, _)| own != name) {
            self.environment.push((name.to_owned(), value.to_owned()));
        }
        Ok(())
    }

    fn add_open(&mut self, text: &str) -> Result<(), &'static str> {
        let permit = forwards::permit(text).ok_or_else(|| bad_permit(text))?;
        match &mut self.permit_open {
            PermitOpen::Only(permits) => add(permits, permit),
            other => {
                *other = PermitOpen::Only(vec![permit]);
                Ok(())
            }
        }
    }

    fn add_listen(&mut self, text: &str) -> Result<(), &'static str> {
        let permit = forwards::listen_permit(text).ok_or_else(|| bad_permit(text))?;
        match &mut self.permit_listen {
            PermitListen::Only(permits) => add(permits, permit),
            other => {
                *other = PermitListen::Only(vec![permit]);
                Ok(())
            }
        }
    }

    /// What both permit. None when they cannot be had together: two different commands.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        if self.command.is_some() && other.command.is_some() && self.command != other.command {
            return None;
        }
        let mut environment = self.environment.clone();
        for (name, value) in &other.environment {
            if environment.iter().all(|(own, _)| own != name) {
                environment.push((name.clone(), value.clone()));
            }
        }
        Some(Self {
            command: self.command.clone().or_else(|| other.command.clone()),
            pty: self.pty && other.pty,
            port_forwarding: self.port_forwarding && other.port_forwarding,
            agent_forwarding: self.agent_forwarding && other.agent_forwarding,
            x11_forwarding: self.x11_forwarding && other.x11_forwarding,
            user_rc: self.user_rc && other.user_rc,
            permit_open: self.permit_open.clone().and(other.permit_open.clone()),
            permit_listen: self.permit_listen.clone().and(other.permit_listen.clone()),
            environment,
            from: None,
            expires: self.expires.into_iter().chain(other.expires).min(),
            verify_required: self.verify_required || other.verify_required,
            principals: None,
            cert_authority: false,
        })
    }
}

/// A quoted value, `\"` standing for a quote, and what follows it.
fn dequote(text: &str) -> Result<(String, &str), &'static str> {
    let text = text.strip_prefix('"').ok_or("missing start quote")?;
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((value, text.get(i + 1..).unwrap_or_default())),
            '\\' if chars.next_if(|(_, next)| *next == '"').is_some() => value.push('"'),
            c => value.push(c),
        }
    }
    Err("missing end quote")
}

fn add<T>(permits: &mut Vec<T>, permit: T) -> Result<(), &'static str> {
    if permits.len() >= PERMITS_MAX {
        return Err("too many permission directives");
    }
    permits.push(permit);
    Ok(())
}

/// Which half of a permit is bad, in OpenSSH's words.
fn bad_permit(text: &str) -> &'static str {
    let unclosed = text.strip_prefix('[').is_some_and(|inside| !inside.contains(']'));
    if unclosed || text.starts_with(':') {
        "invalid permission hostname"
    } else {
        "invalid permission port"
    }
}

/// A number of a tunnel device.
fn is_tunnel(text: &str) -> bool {
    text == "any" || text.parse::<u32>().is_ok_and(|n| n < 0x7fff_fffe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<KeyOptions, &'static str> {
        KeyOptions::parse(text, &Zone::utc())
    }

    #[test]
    fn flags_apply_in_their_order_and_in_any_case() {
        let options = parse("restrict,PTY,no-user-rc,Port-Forwarding").unwrap();
        assert!(options.pty && options.port_forwarding);
        assert!(!options.agent_forwarding && !options.x11_forwarding && !options.user_rc);
        assert!(!parse("pty,restrict").unwrap().pty);
        assert!(!parse("no-pty").unwrap().pty && parse("no-pty").unwrap().port_forwarding);
        assert!(!parse("no-X11-forwarding").unwrap().x11_forwarding);
        assert!(parse("cert-authority,no-touch-required,tunnel=\"0\"").unwrap().cert_authority);
    }

    #[test]
    fn quoted_commas_blanks_and_quotes_belong_to_the_value() {
        let options = parse(r#"command="echo \"a, b\" \\x",no-pty"#).unwrap();
        assert_eq!(options.command.as_deref(), Some(r#"echo "a, b" \\x"#));
        assert!(!options.pty);
        let twice = parse(r#"environment="A=1,2",environment="A=3",environment="B_2=""#).unwrap();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(twice.environment, [pair("A", "1,2"), pair("B_2", "")]);
    }

    #[test]
    fn bad_options_are_refused_in_openssh_words() {
        for (text, reason) in [
            ("no-restrict", "unknown key option"),
            ("pty2", "unknown key option"),
            ("no-such=\"x\"", "unknown key option"),
            ("pty=\"x\"", "unknown key option"),
            ("no-cert-authority", "unknown key option"),
            ("", "unknown key option"),
            ("pty,", "unexpected end-of-options"),
            ("pty,,no-pty", "unknown key option"),
            ("command", "unknown key option"),
            ("command=ls", "missing start quote"),
            ("command=\"ls", "missing end quote"),
            ("command=\"ls\"x", "unknown key option"),
            ("command=\"a\",command=\"a\"", "multiple \"command\" clauses"),
            ("from=\"a\",from=\"a\"", "multiple \"from\" clauses"),
            ("expiry-time=\"2026\"", "invalid expires time"),
            ("environment=\"A B=1\"", "invalid environment string"),
            ("environment=\"A\"", "invalid environment string"),
            ("permitopen=\"80\"", "invalid permission port"),
            ("permitopen=\"h:70000\"", "invalid permission port"),
            ("permitopen=\"h:0\"", "invalid permission port"),
            ("permitopen=\"h:1\0\"", "invalid permission port"),
            ("permitopen=\"[::1:80\"", "invalid permission hostname"),
            ("permitopen=\":80\"", "invalid permission hostname"),
            ("permitlisten=\"65536\"", "invalid permission port"),
            ("tunnel=\"x\"", "invalid tun device"),
        ] {
            assert_eq!(parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn destinations_are_matched_letter_by_letter() {
        let text = r#"permitopen="localhost:80",permitopen="[::1]:*",permitopen="*:imap""#;
        let open = parse(text).unwrap().permit_open;
        assert!(open.permits("localhost", 80) && open.permits("::1", 9));
        assert!(open.permits("anything", 143));
        assert!(!open.permits("localhost", 81) && !open.permits("127.0.0.1", 80));
        let listen = parse(r#"permitlisten="8080",permitlisten="local*:9000""#).unwrap();
        let covers = |host, port| listen.permit_listen.permits(host, port);
        assert!(covers("0.0.0.0", 8080) && covers("localhost", 9000) && covers("", 8080));
        assert!(!covers("0.0.0.0", 9000) && !covers("localhost", 0));
    }

    #[test]
    fn two_keys_permit_what_both_permit() {
        let a =
            parse(r#"no-pty,permitopen="a:1",permitopen="*:2",expiry-time="20300101""#).unwrap();
        let b = parse(r#"no-user-rc,permitopen="a:*",permitopen="b:2",command="x""#).unwrap();
        let both = a.and(&b).unwrap();
        assert!(!both.pty && !both.user_rc && both.agent_forwarding);
        assert_eq!((both.command.as_deref(), both.expires), (Some("x"), a.expires));
        for (host, port, ok) in [("a", 1, true), ("a", 2, true), ("b", 2, true), ("b", 1, false)] {
            assert_eq!(both.permit_open.permits(host, port), ok, "{host}:{port}");
        }
        assert_eq!(b.and(&parse(r#"command="y""#).unwrap()), None);
    }
}

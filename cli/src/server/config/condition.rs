//! `Match` lines: to whom a block applies.

use crate::config::pattern::{self, Verdict};
use crate::server_auth::from;
use std::net::IpAddr;

/// What is known of a connection; with `-T` only what `-C` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The user's name.
    pub user: Option<String>,
    /// The user's groups.
    pub groups: Vec<String>,
    /// The client's name: its address, since names are not looked up.
    pub host: Option<String>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Our own address.
    pub local_address: Option<IpAddr>,
    /// Our own port.
    pub local_port: Option<u16>,
}

impl Facts {
    /// The argument of `-C`, added to what earlier ones said.
    ///
    /// # Errors
    /// sshd's complaint.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let bad = || format!("Invalid test mode specification {text}");
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            // Addresses may be given as anything; what is none matches nothing.
            match name {
                "user" => {
                    self.groups = crate::account::groups_of(value);
                    self.user = Some(value.to_owned());
                }
                "host" => self.host = Some(value.to_owned()),
                "addr" => self.address = value.parse().ok(),
                "laddr" => self.local_address = value.parse().ok(),
                "lport" => {
                    let port = crate::forwards::port(value).ok_or_else(|| {
                        format!("Invalid port '{value}' in test mode specification {text}")
                    })?;
                    self.local_port = Some(port);
                }
                "rdomain" => {}
                _ => return Err(bad()),
            }
        }
        Ok(())
    }
}

/// What a `Match` line asks for: all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criteria(Vec<Criterion>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Criterion {
    User(String),
    Group(String),
    Host(String),
    Address(String),
    LocalAddress(String),
    LocalPort(u16),
    /// A routing domain: OpenBSD's.
    Never,
}

impl Criteria {
    /// Reads the words behind `Match`.
    ///
    /// # Errors
    /// sshd's complaint.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut criteria = Vec::new();
        let mut words = words.iter();
        while let Some(name) = words.next() {
            if name.eq_ignore_ascii_case("all") {
                if !criteria.is_empty() || words.next().is_some() {
                    return Err("'all' cannot be combined with other Match attributes".to_owned());
                }
                return Ok(Self(criteria));
            }
            // `name=value` is one word here and two in sshd.
            let (name, attached) = match name.split_once('=') {
                Some((name, value)) if !value.is_empty() => (name, Some(value)),
                Some((name, _)) => (name, None),
                None => (name.as_str(), None),
            };
            let value = attached.or_else(|| words.next().map(String::as_str));
            let value = value.filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| format!("Missing Match criteria for {name}"))?;
            criteria.push(Criterion::parse(name, value)?);
        }
        if criteria.is_empty() {
            return Err("One or more attributes required for Match".to_owned());
        }
        Ok(Self(criteria))
    }

    /// `Match all`.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a connection has all that is asked for.
    #[must_use]
    pub fn apply(&self, facts: &Facts) -> bool {
        self.0.iter().all(|criterion| criterion.applies(facts))
    }
}

impl Criterion {
    fn parse(name: &str, value: &str) -> Result<Self, String> {
        let text = value.to_owned();
        Ok(match name.to_ascii_lowercase().as_str() {
            "user" => Self::User(text),
            "group" => Self::Group(text),
            "host" => Self::Host(text),
            "address" if good_addresses(value) => Self::Address(text),
            "localaddress" if good_addresses(value) => Self::LocalAddress(text),
            "address" | "localaddress" => {
                return Err(format!("Invalid Match {name} argument '{value}'"));
            }
            "localport" => {
                let port = crate::forwards::port(value);
                Self::LocalPort(
                    port.ok_or_else(|| format!("Invalid LocalPort '{value}' on Match line"))?,
                )
            }
            "rdomain" => Self::Never,
            _ => return Err(format!("Unsupported Match attribute {name}")),
        })
    }

    fn applies(&self, facts: &Facts) -> bool {
        let listed = |text: &str, list: &str| pattern::list(text, list.split(',')) == Verdict::Yes;
        let within = |address: Option<IpAddr>, list: &str| {
            address.is_some_and(|address| from::admits(list, address) == Some(true))
        };
        match self {
            Self::User(list) => facts.user.as_ref().is_some_and(|user| listed(user, list)),
            Self::Group(list) => {
                let verdict = |group: &String| pattern::list(group, list.split(','));
                let verdicts: Vec<_> = facts.groups.iter().map(verdict).collect();
                verdicts.contains(&Verdict::Yes) && !verdicts.contains(&Verdict::Negated)
            }
            Self::Host(list) => {
                let host = facts.host.as_ref();
                host.is_some_and(|host| pattern::host_list(host, list) == Verdict::Yes)
            }
            Self::Address(list) => within(facts.address, list),
            Self::LocalAddress(list) => within(facts.local_address, list),
            Self::LocalPort(port) => facts.local_port == Some(*port),
            Self::Never => false,
        }
    }
}

/// Whether every network of a list is well-formed.
fn good_addresses(list: &str) -> bool {
    let some = IpAddr::from([0; 4]);
    list.split(',').all(|one| from::admits(one, some).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criteria(line: &str) -> Result<Criteria, String> {
        Criteria::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn facts() -> Facts {
        Facts {
            user: Some("ann".into()),
            groups: vec!["ann".into(), "staff".into()],
            host: Some("Client.example.org".into()),
            address: "10.1.2.3".parse().ok(),
            local_address: "::1".parse().ok(),
            local_port: Some(2022),
        }
    }

    #[test]
    fn all_of_a_line_has_to_apply() {
        for (line, expected) in [
            ("all", true),
            ("ALL", true),
            ("user ann", true),
            ("User=ann", true),
            ("user= ann", true),
            ("user Ann", false),
            ("user bob,a*", true),
            ("user a*,!ann", false),
            ("user !bob", false),
            ("user *,!bob", true),
            ("group staff", true),
            ("group *,!staff", false),
            ("group wheel", false),
            ("host *.EXAMPLE.org", true),
            ("host *.example.com", false),
            ("address 10.0.0.0/8", true),
            ("address 10.0.0.0/8,!10.1.2.3", false),
            ("address 10.1.2.*", true),
            ("address 2001:db8::/32", false),
            ("localaddress ::1", true),
            ("localport 2022", true),
            ("localport 22", false),
            ("rdomain 0", false),
            ("user ann address 10.0.0.0/8 localport 2022", true),
            ("user ann address 11.0.0.0/8", false),
        ] {
            assert_eq!(criteria(line).unwrap().apply(&facts()), expected, "{line}");
            let nobody = matches!(line, "all" | "ALL");
            assert_eq!(criteria(line).unwrap().apply(&Facts::default()), nobody, "{line}");
        }
    }

    #[test]
    fn complaints_are_those_of_sshd() {
        for (line, text) in [
            ("user", "Missing Match criteria for user"),
            ("user=", "Missing Match criteria for user"),
            ("all user x", "'all' cannot be combined with other Match attributes"),
            ("user x all", "'all' cannot be combined with other Match attributes"),
            ("shoe 42", "Unsupported Match attribute shoe"),
            ("localport x", "Invalid LocalPort 'x' on Match line"),
            ("address 10.0.0.1/8", "Invalid Match address argument '10.0.0.1/8'"),
            ("address *,10.0.0.0/33", "Invalid Match address argument '*,10.0.0.0/33'"),
        ] {
            assert_eq!(criteria(line), Err(text.to_owned()), "{line}");
        }
    }

    #[test]
    fn test_specifications() {
        let mut facts = Facts::default();
        facts.add("host=h,addr=10.0.0.1").unwrap();
        facts.add("lport=22,laddr=::1,user=no-such-user").unwrap();
        assert_eq!(facts.user.as_deref(), Some("no-such-user"));
        assert_eq!((facts.local_port, facts.host.as_deref()), (Some(22), Some("h")));
        for (text, why) in [
            ("nobody", "Invalid test mode specification nobody"),
            ("shoe=42", "Invalid test mode specification shoe=42"),
            ("lport=x", "Invalid port 'x' in test mode specification lport=x"),
        ] {
            assert_eq!(facts.add(text), Err(why.to_owned()));
        }
    }
}

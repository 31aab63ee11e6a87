//! Port names: the services table, read from text, with a built-in table beneath it.

/// Names that resolve where a machine has no services file, or one without them.
///
/// `imap` stays 143 and `imaps` 993 as IANA has them; the list is the protocols that people
/// forward by name.
const BUILT_IN: &[(&str, u16)] = &[
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("nntp", 119),
    ("ntp", 123),
    ("imap", 143),
    ("imap2", 143),
    ("snmp", 161),
    ("irc", 194),
    ("ldap", 389),
    ("https", 443),
    ("submissions", 465),
    ("submission", 587),
    ("ldaps", 636),
    ("rsync", 873),
    ("ftps", 990),
    ("telnets", 992),
    ("imaps", 993),
    ("pop3s", 995),
    ("socks", 1080),
    ("mysql", 3306),
    ("rdp", 3389),
    ("svn", 3690),
    ("postgresql", 5432),
    ("amqp", 5672),
    ("redis", 6379),
    ("x11", 6000),
];

/// A services table: the text of a services file in the format of `services(5)`.
#[derive(Debug, Clone, Default)]
pub struct Services {
    text: String,
}

impl Services {
    /// A table from the text of a services file; an empty text leaves the built-in table.
    #[must_use]
    pub fn parse(text: String) -> Self {
        Self { text }
    }

    /// The TCP port of a service by name or alias. Names are case-sensitive, as in
    /// `getservbyname(3)`.
    #[must_use]
    pub fn tcp_port(&self, name: &str) -> Option<u16> {
        if name.is_empty() {
            return None;
        }
        let in_file = self.text.lines().find_map(|line| line_port(line, name));
        in_file.or_else(|| BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, port)| *port))
    }

    /// A port as ssh reads it: a decimal number from 0 to 65535, else the name of a service.
    #[must_use]
    pub fn port(&self, text: &str) -> Option<u16> {
        number(text).or_else(|| self.tcp_port(text))
    }
}

/// The port on a line `name port/tcp [alias…]`, if the line is about `name`.
fn line_port(line: &str, name: &str) -> Option<u16> {
    let line = line.split('#').next().unwrap_or_default();
    let mut words = line.split_ascii_whitespace();
    let official = words.next()?;
    let (port, "tcp") = words.next()?.split_once('/')? else { return None };
    if official != name && !words.any(|alias| alias == name) {
        return None;
    }
    port.parse().ok()
}

/// What OpenBSD's `strtonum` accepts: white space before, a sign, decimal digits, nothing after.
fn number(text: &str) -> Option<u16> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = digits.trim_start_matches('0');
    if value.is_empty() {
        return Some(0);
    }
    if text.starts_with('-') { None } else { value.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::Services;

    /// S17: the built-in table.
    #[test]
    fn well_known_names_resolve_without_a_services_file() {
        let none = Services::default();
        let expected = [
            ("ssh", 22),
            ("telnet", 23),
            ("smtp", 25),
            ("http", 80),
            ("pop3", 110),
            ("nntp", 119),
            ("imap", 143),
            ("ldap", 389),
        ];
        for (name, port) in expected {
            assert_eq!(none.port(name), Some(port), "{name}");
        }
        assert_eq!(none.port("IMAP"), None);
        assert_eq!(none.port(""), None);
    }

    #[test]
    fn the_file_wins_aliases_count_and_other_protocols_do_not() {
        let file =
            "# comment\nhttp 8080/tcp web # http\ntftp\t69/udp\nshell 514/tcp cmd syslog\nx\n";
        let services = Services::parse(file.to_owned());
        assert_eq!(services.port("http"), Some(8080));
        assert_eq!(services.port("web"), Some(8080));
        assert_eq!(services.port("syslog"), Some(514));
        assert_eq!(services.port("tftp"), None);
        assert_eq!(services.port("imap"), Some(143));
        assert_eq!(services.port("x"), None);
    }

    #[test]
    fn numbers_are_read_as_strtonum_reads_them() {
        let services = Services::default();
        for (text, port) in [
            ("0", Some(0)),
            ("65535", Some(65535)),
            ("65536", None),
            ("+80", Some(80)),
            (" 80", Some(80)),
            ("80 ", None),
            ("-0", Some(0)),
            ("-1", None),
            ("0x50", None),
            ("0080", Some(80)),
            ("99999999999999999999", None),
            ("+", None),
        ] {
            assert_eq!(services.port(text), port, "{text:?}");
        }
    }
}

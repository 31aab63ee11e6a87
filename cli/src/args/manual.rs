//! `--man`: the manual pages, from the tables of options and keywords.

use super::options::{EXAMPLES, Group, LONG, OPTIONS};
use crate::config::docs::DOCS;
use crate::config::held::{Missing, NO_GSSAPI};
use crate::config::keywords::{KEYWORDS, Kind, OBSOLETE, OWN, find};
use crate::exit::{Fatal, Result};
use crate::server;

/// Pages that there are.
pub const PAGES: &[&str] = &["tssh", "tsshd", "tssh_config"];

/// One page, for `man -l`.
///
/// # Errors
/// A page that there is not.
pub fn page(name: &str) -> Result<String> {
    match name {
        "tssh" => Ok(tssh()),
        "tsshd" => Ok(tsshd()),
        "tssh_config" => Ok(tssh_config()),
        _ => {
            let text = format!("--man: tssh, tsshd or tssh_config, not \"{name}\"");
            Err(Fatal::usage(text))
        }
    }
}

/// A page in the macros of man(7).
struct Page(String);

impl Page {
    fn new(name: &str, section: u8, what: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let title = name.to_uppercase();
        let mut page = Self(format!(".TH {title} {section} \"\" \"tssh {version}\"\n"));
        page.heading("NAME");
        page.0.push_str(&format!("{} \\- {}\n", escaped(name), escaped(what)));
        page
    }

    fn heading(&mut self, text: &str) {
        self.0.push_str(&format!(".SH {}\n", escaped(text)));
    }

    fn part(&mut self, text: &str) {
        self.0.push_str(&format!(".SS {}\n", escaped(text)));
    }

    fn text(&mut self, text: &str) {
        self.0.push_str(&format!(".PP\n{}\n", escaped(text)));
    }

    /// A term in bold with its value in italics, and what is said about it.
    fn entry(&mut self, term: &str, value: &str, what: &str) {
        let (term, what) = (escaped(term), escaped(what));
        let value = match value {
            "" => String::new(),
            value => format!(" \\fI{}\\fR", escaped(value)),
        };
        self.0.push_str(&format!(".TP\n\\fB{term}\\fR{value}\n{what}\n"));
    }

    /// Text as it stands.
    fn verbatim(&mut self, text: &str) {
        let lines = text.lines().map(|line| format!("{}\n", escaped(line)));
        self.0.push_str(&format!(".nf\n{}.fi\n", lines.collect::<String>()));
    }
}

/// Text that the formatter takes for nothing but text.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn tssh() -> String {
    let mut page = Page::new("tssh", 1, "SSH client");
    page.heading("SYNOPSIS");
    page.verbatim(super::USAGE);
    page.heading("DESCRIPTION");
    page.text(
        "tssh logs in to a machine over SSH, runs a command or a shell there, and forwards \
         connections. Its short options, configuration and messages are those of ssh(1); what it \
         adds are long options.",
    );
    page.heading("OPTIONS");
    for (group, heading) in Group::ALL {
        let rows: Vec<_> =
            OPTIONS.iter().filter(|row| row.group == group && row.refused.is_none()).collect();
        let longs: Vec<_> = LONG.iter().filter(|long| long.group == group).collect();
        if !(rows.is_empty() && longs.is_empty()) {
            page.part(heading);
        }
        for row in rows {
            page.entry(&format!("-{}", row.letter), row.value, &sentence(row.what));
        }
        for long in longs {
            page.entry(&format!("--{}", long.name), long.value, &sentence(long.what));
        }
    }
    page.heading("EXAMPLES");
    for (command, what) in EXAMPLES {
        page.entry(command, "", &sentence(what));
    }
    page.heading("EXIT STATUS");
    page.text("That of the remote command; 255 for a failure of tssh itself.");
    page.heading("NOT SUPPORTED");
    not_supported(&mut page);
    page.heading("FILES");
    page.entry("~/.ssh/config", "", "Configuration of the user; see tssh_config(5).");
    page.entry("/etc/ssh/ssh_config", "", "Configuration of the machine.");
    page.entry("~/.ssh/known_hosts", "", "Host keys that the user trusts.");
    page.heading("SEE ALSO");
    page.text("tssh_config(5), tsshd(8), ssh(1)");
    page.0
}

/// The one table of what ssh has and tssh has not.
fn not_supported(page: &mut Page) {
    for (names, reason) in lacks() {
        page.entry(&names.join(", "), "", &sentence(reason));
    }
    page.text(
        "An option is refused with its reason, and so is a keyword on the command line; of a \
         keyword in a file it is said that it has no effect, where it asks for anything.",
    );
    let deprecated = KEYWORDS.iter().filter(|k| matches!(k.kind, Kind::Deprecated));
    let deprecated: Vec<&str> = deprecated.map(|k| k.name).collect();
    let obsolete = KEYWORDS.iter().filter(|k| matches!(k.kind, Kind::Unsupported(OBSOLETE)));
    let obsolete: Vec<&str> = obsolete.map(|k| k.name).collect();
    let said = "Passed over with a message, in ssh too";
    page.text(&format!("{said}: {}.", obsolete.join(", ")));
    page.text(&format!("Without effect in ssh too: {}.", deprecated.join(", ")));
}

/// Options and keywords that ssh has and tssh has not, by the reason.
fn lacks() -> Vec<(Vec<String>, &'static str)> {
    let options = OPTIONS
        .iter()
        .filter_map(|row| row.refused.map(|reason| (format!("-{}", row.letter), reason)));
    let keywords = KEYWORDS.iter().filter_map(|keyword| match keyword.kind {
        Kind::Held(_, Missing::Said(reason) | Missing::Quiet(reason)) => {
            Some((crate::config::docs::name(keyword.name).to_owned(), reason))
        }
        _ => None,
    });
    // Of these keywords there are many, and all begin alike.
    let gssapi = std::iter::once(("GSSAPI*".to_owned(), NO_GSSAPI));
    let mut all: Vec<(Vec<String>, &str)> = Vec::new();
    for (name, reason) in options.chain(keywords).chain(gssapi) {
        match all.iter_mut().find(|(_, known)| *known == reason) {
            Some((names, _)) => names.push(name),
            None => all.push((vec![name], reason)),
        }
    }
    all
}

/// The same as the README has it.
#[cfg(test)]
fn lacks_in_markdown() -> String {
    let mut text = "| of ssh | in tssh |\n| --- | --- |\n".to_owned();
    for (names, reason) in lacks() {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        text.push_str(&format!("| {} | {reason} |\n", names.join(", ")));
    }
    text
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// What is to be said of keywords that only tssh and tsshd have.
fn own_keywords(other: &str, shared: &str) -> String {
    let names: Vec<&str> = OWN.iter().map(|name| crate::config::docs::name(name)).collect();
    format!("Unknown to {other}: {}; {shared} {}.", names.join(" and "), names.join(","))
}

fn tssh_config() -> String {
    let mut page = Page::new("tssh_config", 5, "configuration of the SSH client");
    page.heading("DESCRIPTION");
    page.text(
        "tssh reads its options from the command line, from ~/.ssh/config and from \
         /etc/ssh/ssh_config, in this order, in the form of ssh_config(5); for each keyword the \
         first value counts. With -F it reads one file alone. `tssh -G host` prints what the files \
         say for a host.",
    );
    page.heading("KEYWORDS");
    for doc in DOCS {
        let state = find(&doc.name.to_ascii_lowercase()).map(|keyword| &keyword.kind);
        let note = match state {
            Some(Kind::Held(_, Missing::Said(_) | Missing::Quiet(_))) => {
                " Not supported: without effect."
            }
            _ => "",
        };
        page.entry(doc.name, doc.value, &format!("{}{note}", doc.what));
    }
    let aliases: Vec<String> = KEYWORDS
        .iter()
        .filter_map(|k| match k.kind {
            Kind::Alias(other) => Some(format!("{} is {other}", k.name)),
            _ => None,
        })
        .collect();
    page.text(&format!("Older names: {}.", aliases.join(", ")));
    page.text(&own_keywords("ssh", "a file that ssh reads too says IgnoreUnknown"));
    page.heading("CONDITIONS");
    for (name, what) in [
        ("all", "Always; stands alone."),
        ("canonical, final", "In the second pass over the files, which final asks for."),
        ("exec", "The command ends with status 0."),
        ("host, originalhost", "The host to connect to, and the host as given."),
        ("user, localuser", "The user there and the user here."),
        ("localnetwork", "An address of this machine is in one of the networks."),
        ("tagged", "The tag of Tag or -P."),
        ("version", "The name and version of the program, tssh_ and a number."),
        ("sessiontype", "shell, exec, subsystem or none."),
        ("command", "The remote command."),
    ] {
        page.entry(name, "", what);
    }
    page.text("An exclamation mark in front of a condition negates it.");
    page.heading("TOKENS");
    for (token, what) in [
        ("%%", "A percent sign."),
        ("%C", "A hash of %l%h%p%r%j."),
        ("%d", "The home directory."),
        ("%h", "The host to connect to."),
        ("%i", "The number of the local user."),
        ("%j", "The last host of ProxyJump."),
        ("%k", "The alias of the host key, or the host as given."),
        ("%L, %l", "The name of this machine: its first part, and all of it."),
        ("%n", "The host as given."),
        ("%p", "The port."),
        ("%r, %u", "The user there, and here."),
        ("${NAME}", "A variable of the environment."),
    ] {
        page.entry(token, "", what);
    }
    page.heading("SEE ALSO");
    page.text("tssh(1), ssh_config(5)");
    page.0
}

fn tsshd() -> String {
    let mut page = Page::new("tsshd", 8, "SSH server for one user");
    page.heading("SYNOPSIS AND OPTIONS");
    page.verbatim(server::args::HELP);
    page.heading("KEYWORDS");
    page.text("These keywords take effect, in the form of sshd_config(5):");
    page.text(&format!("{}.", server::config::keywords::with_effect().join(", ")));
    page.text(&own_keywords("sshd", "a file that sshd reads too leaves to -o"));
    page.heading("SEE ALSO");
    page.text("tssh(1), sshd(8)");
    page.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::skip;
    use std::process::Command;

    #[test]
    fn pages_name_what_the_tables_have() {
        let text = page("tssh").unwrap();
        for row in OPTIONS {
            // One that is refused stands with others that are for the same reason.
            let end = if row.refused.is_none() { "\\fR" } else { "" };
            assert!(text.contains(&format!("\\-{}{end}", row.letter)), "-{}", row.letter);
        }
        let text = page("tssh_config").unwrap();
        for doc in DOCS {
            assert!(text.contains(&format!("\\fB{}\\fR", doc.name)), "{}", doc.name);
        }
        assert!(page("tsshd").unwrap().contains("AuthorizedKeysFile"));
        assert!(page("ssh").is_err());
    }

    /// The README says what ssh has and tssh has not, and it says all of it.
    #[test]
    fn the_readme_has_the_table_of_what_is_not_supported() {
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
        let readme = std::fs::read_to_string(readme).unwrap();
        let table = lacks_in_markdown();
        assert!(readme.contains(&table), "README.md must have this table:\n{table}");
    }

    /// The formatter reads every page without a warning.
    #[test]
    fn man_reads_the_pages() {
        for name in PAGES {
            let dir = crate::test_support::Dir::new();
            let path = dir.write(name, &page(name).unwrap());
            let mut man = Command::new("man");
            man.args(["--warnings", "-l"]).arg(&path).env("MANPAGER", "cat").env("LC_ALL", "C");
            let Ok(output) = man.output() else { return skip("no man") };
            let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && complaints.is_empty(), "{name}: {complaints}");
        }
    }
}

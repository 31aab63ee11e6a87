//! `--advise`: the command line for a forward, from where everything runs.

use crate::args::check_destination;
use crate::exit::{Fatal, Result};
use crate::plan::{Style, wrapped};
use tssh_forward::core::advise::{Advice, Machines, Needless, advise};

/// What a bad question is answered with.
const USAGE: &str = "\
usage: tssh --advise --app-client MACHINE --app-server MACHINE[:PORT]
            [--ssh-client MACHINE] [--ssh-server MACHINE]";
/// Added to a port that only root may listen on: 143 becomes 2143.
const PORT_OFFSET: u16 = 2000;
/// Ports below this one belong to root.
const PRIVILEGED_BELOW: u16 = 1024;

/// The answer to the words behind `--advise`.
///
/// # Errors
/// Words that are none of its own, and names that no machine has.
pub fn answer(words: &[String]) -> Result<String> {
    let question = Question::read(words)?;
    let style = Style::of_environment();
    let text = match advise(question.machines()) {
        Ok(ways) => question.text(&ways),
        Err(Needless::OneMachine) => wrapped(
            "",
            "Both applications run on one machine: what they say to each other never leaves it, \
             and nothing needs to be forwarded.",
        ),
        Err(Needless::OneEnd) => {
            let why = "An SSH connection has its ends on two machines, and these are one.";
            return Err(Fatal::usage(format!("{why}\n{USAGE}")));
        }
    };
    Ok(style.drawn(&text))
}

#[derive(Default)]
struct Question {
    app_client: String,
    app_server: String,
    /// As it was given; a word where none was.
    port: Option<String>,
    ssh_client: Option<String>,
    ssh_server: Option<String>,
}

impl Question {
    fn read(words: &[String]) -> Result<Self> {
        let bad = |what: String| Fatal::usage(format!("{what}\n{USAGE}"));
        let mut found = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word.as_str(), None),
            };
            let place = match name {
                "--app-client" => &mut found.app_client,
                "--app-server" => &mut found.app_server,
                "--ssh-client" => found.ssh_client.get_or_insert_default(),
                "--ssh-server" => found.ssh_server.get_or_insert_default(),
                _ => return Err(bad(format!("--advise: unknown word {word:?}"))),
            };
            let value = attached.or_else(|| words.next().map(String::as_str));
            let value = value.filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| bad(format!("{name} takes the name of a machine")))?;
            value.clone_into(place);
        }
        if found.app_client.is_empty() || found.app_server.is_empty() {
            let what = "--advise: where do the application client and the application server run?";
            return Err(bad(what.to_owned()));
        }
        found.split_port().map_err(bad)?;
        for name in [&found.app_client, &found.app_server]
            .into_iter()
            .chain(&found.ssh_client)
            .chain(&found.ssh_server)
        {
            check_destination(name, None)?;
        }
        Ok(found)
    }

    /// `MACHINE:PORT`, `[ADDRESS]:PORT`, or a machine alone.
    fn split_port(&mut self) -> std::result::Result<(), String> {
        let (host, port) = match self.app_server.strip_prefix('[') {
            Some(inside) => match inside.split_once(']') {
                Some((host, rest)) => (host, rest.strip_prefix(':')),
                None => return Err(format!("--app-server: no ] in {:?}", self.app_server)),
            },
            None => match self.app_server.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (self.app_server.as_str(), None),
            },
        };
        if let Some(port) = port {
            let number = crate::forwards::port(port);
            let number = number.ok_or_else(|| format!("--app-server: bad port {port:?}"))?;
            self.port = Some(number.to_string());
        }
        self.app_server = host.to_owned();
        Ok(())
    }

    fn machines(&self) -> Machines<'_> {
        Machines {
            app_client: &self.app_client,
            app_server: &self.app_server,
            ssh_client: self.ssh_client.as_deref(),
            ssh_server: self.ssh_server.as_deref(),
        }
    }

    /// The port to listen on: the service's own, or one that anybody may have.
    fn listen_port(&self) -> String {
        let number = self.port.as_deref().and_then(|port| port.parse::<u16>().ok());
        match number {
            None => "2001".to_owned(),
            Some(port) if port < PRIVILEGED_BELOW => (port + PORT_OFFSET).to_string(),
            Some(port) => port.to_string(),
        }
    }

    fn text(&self, ways: &[Advice]) -> String {
        let lead = format!("Look for the application client: it runs on {}.", self.app_client);
        let mut out = wrapped("", &lead);
        for (i, way) in ways.iter().enumerate() {
            out.push('\n');
            if ways.len() > 1 {
                let needs: Vec<String> =
                    way.needs.iter().map(|(a, b)| format!("{a} can reach {b}")).collect();
                let word = if i == 0 { "If" } else { "Or, if" };
                out.push_str(&wrapped("", &format!("{word} {}:", needs.join(", and "))));
                out.push('\n');
            }
            out.push_str(&self.way(way));
        }
        if self.port.is_none() {
            out.push_str("\nPORT stands for the port of the application server.\n");
        }
        out
    }

    fn way(&self, way: &Advice) -> String {
        let (letter, kind, end) = match way.local {
            true => ("-L", "local", "SSH client"),
            false => ("-R", "remote", "SSH server"),
        };
        let listener = way.listener();
        let port = self.port.as_deref().unwrap_or("PORT");
        let near = self.listen_port();
        let open = if way.open { "'*':" } else { "" };
        let target = bracketed(&way.target);
        let (from, server) = (&way.ssh_client, &way.ssh_server);
        let reason = match way.open {
            false => format!("The {end} runs there too: so that end listens, a {kind} forward."),
            true => format!(
                "No end of the SSH connection is there, so the {end} listens for other machines: \
                 a {kind} forward, open to all who can reach {listener}."
            ),
        };
        let mut out = wrapped("", &reason);
        let forward = format!("{letter} {open}{near}:{target}:{port} {server}");
        let at = if way.open { bracketed(listener) } else { "localhost".to_owned() };
        out.push_str(&format!("\n    on {from}:  tssh -N {forward}\n\n"));
        let far = if way.local { server } else { from };
        let to = bracketed(&self.app_server);
        let path = format!(
            "{} ──▶ {}:{near} ══▶ {far} ──▶ {to}:{port}   (══▶ is encrypted)",
            self.app_client,
            bracketed(listener)
        );
        out.push_str(&wrapped("    ", &path));
        let told = format!("Point the application client at {at} port {near}.");
        out.push('\n');
        out.push_str(&wrapped("", &told));
        if way.open && !way.local {
            let text = format!(
                "{server} must permit it: GatewayPorts clientspecified or yes. With the default it \
                 listens for itself alone, and does not say so."
            );
            out.push_str(&wrapped("", &text));
        }
        for (a, b) in &way.clear {
            out.push_str(&wrapped("", &format!("Not protected: from {a} to {b}.")));
        }
        out.push_str(&wrapped("", &format!("All about it, on {from}: tssh --plan {forward}")));
        out
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        answer(&words)
    }

    /// S40: the question of the chapter, and its mirror image.
    #[test]
    fn the_quick_rule_gives_a_command_line() {
        let ends = "--ssh-client H --ssh-server S";
        let home = asked(&format!("--app-client H --app-server S:143 {ends}")).unwrap();
        assert!(home.contains("on H:  tssh -N -L 2143:localhost:143 S\n"), "{home}");
        let work = asked(&format!("--app-client=S --app-server=H:imap {ends}")).unwrap();
        assert!(work.contains("on H:  tssh -N -R 2143:localhost:143 S\n"), "{work}");
        let any = asked(&format!("--app-client H --app-server S {ends}")).unwrap();
        assert!(any.contains("-L 2001:localhost:PORT S") && any.contains("PORT stands"), "{any}");
        let off = asked(&format!("--app-client pc --app-server H:8080 {ends}")).unwrap();
        assert!(off.contains("-R '*':8080:localhost:8080 S"), "{off}");
        assert!(off.contains("GatewayPorts") && off.contains("from pc to S"), "{off}");
        let open = asked("--app-client H --app-server [2001:db8::1]:80").unwrap();
        assert_eq!(open.matches("  tssh -N -").count(), 2, "{open}");
        for text in [home, work, any, off, open] {
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
    }

    #[test]
    fn bad_questions_are_answered_in_one_line_and_the_usage() {
        for (line, why) in [
            ("", "where do the application client"),
            ("--app-client H", "where do the application client"),
            ("--app-client H --app-server", "takes the name of a machine"),
            ("--app-client H --app-server S:nosuch", "bad port \"nosuch\""),
            ("--app-client H --app-server [::1", "no ] in"),
            ("H S", "unknown word \"H\""),
            ("--app-client H;rm --app-server S", "hostname contains invalid characters"),
            ("--app-client H --app-server S --ssh-client S --ssh-server S", "two machines"),
        ] {
            let fault = asked(line).unwrap_err();
            assert!(fault.message.contains(why), "{line}: {}", fault.message);
        }
        assert!(asked("--app-client H --app-server H").unwrap().contains("nothing needs"));
    }
}

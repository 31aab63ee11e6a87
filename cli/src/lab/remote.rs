//! `-R`: the mail service here, the mail reader there.

use super::claims::Claim;
use super::host::Seen;
use super::tap::Passed;

use super::toys::{self, GREETING, Mail, SECRET, Service, Visits};
use super::wire::Shown;
use super::{Blackboard, Lesson};
use std::io;
use std::net::SocketAddr;
use tssh_forward::core::policy::{GatewayPorts, Policy};
use tssh_forward::core::remote::{server_bind, wire_address};

pub static LESSON: Lesson = Lesson {
    name: "remote",
    title: "Remote forwarding: tssh -R",
    told: "\
Now the mail service is here and the mail reader runs on S. The SSH connection still goes from \
here to S; the forwarded connections will go the other way: S will listen, and tssh will connect \
to the service.

Somebody has a tap on the way between here and S.",
    done,
    question: "\
S refuses connections from outside, and you cannot log in there from anywhere but here. Could the \
service be offered to S without -R?",
    answer: "\
No: -L typed on S would need an SSH connection from S to this machine, and so an SSH server here \
that S can reach. Look for the application client: it is on S, so that end listens; from this \
side that is -R.",
};

struct Evidence {
    mail: Mail,
    visits: Visits,
    /// Where the server listened, and where the rules say that it does.
    listened: Vec<SocketAddr>,
    expected: Vec<SocketAddr>,
    messages: String,
    passed: Passed,
}

fn done(board: &mut Blackboard) -> io::Result<Vec<Claim>> {
    let service = Service::mail()?;
    let stage = board.stage(Policy::server())?;
    let port = toys::free_port()?;
    let forward = format!("{port}:localhost:{}", service.port);
    let words = ["-N", "-R", &forward, "S"];
    board.drawn_command(&words);
    let mut client = stage.client(&words)?;
    client.connected()?;
    let listened = stage.seen(|seen| match seen {
        Seen::Listens(outcome) => Some(outcome),
        _ => None,
    })?;
    client.says(" stands")?;
    let mail = toys::read_mail(port)?;
    let messages = client.messages();
    let shown = Shown { messages: &["GLOBAL_REQUEST"], with: "tcpip-forward", most: 1 };
    board.keep(&stage, shown);
    let shown = Shown { messages: &["CHANNEL_OPEN"], with: "", most: 1 };
    board.keep(&stage, shown);
    client.leave()?;
    let bind = server_bind(wire_address(None), GatewayPorts::No);
    let expected = bind.addresses(port).unwrap_or_default();
    let evidence = Evidence {
        mail,
        visits: service.visits(),
        listened: listened.map_err(io::Error::other)?,
        expected,
        messages,
        passed: stage.passed(),
    };
    Ok(judge(&evidence))
}

fn judge(evidence: &Evidence) -> Vec<Claim> {
    let Evidence { mail, visits, listened, expected, messages, passed } = evidence;
    let line = visits.lines.first().and_then(|line| line.strip_prefix("a1 "));
    let peer = visits.peers.first().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let places = listened.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    vec![
        Claim::equal(
            "The greeting came to the mail reader on S as it was sent:",
            &GREETING.to_owned(),
            &mail.greeting,
        ),
        Claim::equal(
            "The login came to the service here:",
            &SECRET.to_owned(),
            &line.unwrap_or_default().to_owned(),
        ),
        Claim::that(
            "S listens where GatewayPorts no lets it: for its own programs.",
            // A machine without IPv6 has one address less.
            !listened.is_empty() && listened.iter().all(|place| expected.contains(place)),
            places,
            "loopback addresses only",
        ),
        Claim::said(
            "tssh was told which socket the mail reader has, and connected to the target itself:",
            messages,
            &format!(
                "forwarded-tcpip: listening port {}",
                expected.first().map_or(0, SocketAddr::port)
            ),
        ),
        Claim::that(
            "The service sees a socket of tssh, not the mail reader's.",
            peer != "nobody" && peer != mail.from.to_string(),
            format_args!("{peer}, where the mail reader has {}", mail.from),
            "a socket that is not the mail reader's",
        ),
        Claim::that(
            "On the way between here and S nobody can read the login.",
            !passed.shows(SECRET) && passed.to_client > 0,
            format_args!("{} bytes passed the tap", passed.to_server + passed.to_client),
            "bytes without the login",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::claims::status;
    use super::super::local::tests::{mail, tapped};
    use super::*;

    fn good() -> Evidence {
        let places: Vec<SocketAddr> =
            ["[::1]:2001", "127.0.0.1:2001"].map(|text| text.parse().unwrap()).into();
        Evidence {
            mail: mail(),
            visits: Visits {
                peers: vec!["127.0.0.1:5000".parse().unwrap()],
                lines: vec![format!("a1 {SECRET}")],
            },
            listened: places.clone(),
            expected: places,
            messages: "debug1: channel 0: forwarded-tcpip: listening port 2001 for x\n".to_owned(),
            passed: tapped(b"SSH-2.0-"),
        }
    }

    #[test]
    fn each_claim_fails_by_its_own_evidence() {
        assert_eq!(status(&judge(&good())), 0);
        let spoils: [fn(&mut Evidence); 7] = [
            |e| e.mail.greeting.clear(),
            |e| e.visits.lines[0].push('x'),
            |e| e.listened[0] = "0.0.0.0:2001".parse().unwrap(),
            |e| e.listened.clear(),
            |e| e.messages.clear(),
            |e| e.visits.peers[0] = e.mail.from,
            |e| e.passed.bytes.extend(SECRET.as_bytes()),
        ];
        for (i, spoil) in spoils.into_iter().enumerate() {
            let mut evidence = good();
            spoil(&mut evidence);
            assert_eq!(judge(&evidence).iter().filter(|c| !c.held()).count(), 1, "fault {i}");
        }
    }
}

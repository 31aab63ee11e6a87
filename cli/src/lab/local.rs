//! `-L`: the mail reader here, the mail service there.

use super::claims::Claim;
use super::host::Seen;
use super::tap::Passed;

use super::toys::{self, GREETING, Mail, SECRET, Service, Visits};
use super::wire::Shown;
use super::{Blackboard, Lesson};
use std::io;
use std::net::Ipv4Addr;
use tssh_forward::core::policy::Policy;

pub static LESSON: Lesson = Lesson {
    name: "local",
    title: "Local forwarding: tssh -L",
    told: "\
A mail service listens on a port of the server S, for programs of S alone. Your mail reader runs \
here. tssh will listen on a port here and carry what comes to S, and S will connect to the \
service.

Somebody has a tap on the way between here and S and writes down every byte.",
    done,
    question: "\
The service trusts clients on its own machine. Whom does it trust now?",
    answer: "\
Every program of every user who can connect to the listening side: here that is this machine, and \
with -g it would be everybody who can reach it. The service cannot tell them from a client on S.",
};

/// What happened.
struct Evidence {
    mail: Mail,
    visits: Visits,
    /// What the server was told of the application client.
    served: (String, Option<(String, u32)>),
    expected_target: String,
    passed: Passed,
    open_to_others: bool,
}

fn done(board: &mut Blackboard) -> io::Result<Vec<Claim>> {
    let service = Service::mail()?;
    let stage = board.stage(Policy::server())?;
    let port = toys::free_port()?;
    let forward = format!("{port}:localhost:{}", service.port);
    let words = ["-N", "-L", &forward, "S"];
    board.drawn_command(&words);
    let mut client = stage.client(&words)?;
    client.connected()?;
    client.says(" stands")?;
    let mail = toys::read_mail(port)?;
    let served = stage.seen(|seen| match seen {
        Seen::Served { target, originator, .. } => Some((target, originator)),
        _ => None,
    })?;
    let open_to_others = toys::accepts((Ipv4Addr::new(127, 0, 0, 2), port).into());
    let shown =
        Shown { messages: &["CHANNEL_OPEN", "CHANNEL_OPEN_CONFIRMATION"], with: "", most: 2 };
    board.keep(&stage, shown);
    client.leave()?;
    let expected_target = format!("localhost port {}", service.port);
    let visits = service.visits();
    let passed = stage.passed();
    let evidence = Evidence { mail, visits, served, expected_target, passed, open_to_others };
    Ok(judge(&evidence))
}

fn judge(evidence: &Evidence) -> Vec<Claim> {
    let Evidence { mail, visits, served, expected_target, passed, open_to_others } = evidence;
    let expected = SECRET.to_owned();
    let line = visits.lines.first().and_then(|line| line.strip_prefix("a1 "));
    let peer = visits.peers.first().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let told = served.1.as_ref().map(|(host, port)| format!("{host} port {port}"));
    let from = format!("{} port {}", mail.from.ip(), mail.from.port());
    vec![
        Claim::equal(
            "The greeting came to the mail reader as it was sent:",
            &GREETING.to_owned(),
            &mail.greeting,
        ),
        Claim::equal(
            "The login came to the service as it was sent:",
            &expected,
            &line.unwrap_or_default().to_owned(),
        ),
        Claim::equal(
            "S was asked for this target, by name: S looks it up.",
            expected_target,
            &served.0,
        ),
        Claim::equal(
            "S was told which socket the mail reader has (the originator):",
            &from,
            &told.unwrap_or_default(),
        ),
        Claim::that(
            "The service sees another peer: a socket of S.",
            peer != "nobody" && peer != mail.from.to_string(),
            format_args!("{peer}, where the mail reader has {}", mail.from),
            "a socket that is not the mail reader's",
        ),
        Claim::that(
            "On the way between here and S nobody can read the login.",
            !passed.shows(SECRET) && passed.shows("SSH-2.0-") && passed.to_server > 0,
            format_args!(
                "{} bytes passed the tap; \"SSH-2.0-\" is among them, \"{SECRET}\" is not",
                passed.to_server + passed.to_client
            ),
            "bytes without the login",
        ),
        Claim::equal(
            "Another address of this machine (127.0.0.2) is not listened on:",
            &"refused",
            &if *open_to_others { "accepted" } else { "refused" },
        ),
    ]
}

#[cfg(test)]
pub mod tests {
    use super::super::claims::{broken, status};
    use super::*;

    pub fn mail() -> Mail {
        Mail { greeting: GREETING.to_owned(), from: "127.0.0.1:4000".parse().unwrap() }
    }

    pub fn tapped(bytes: &[u8]) -> Passed {
        Passed { bytes: bytes.to_vec(), to_server: 10, to_client: 10 }
    }

    fn good() -> Evidence {
        Evidence {
            mail: mail(),
            visits: Visits {
                peers: vec!["127.0.0.1:5000".parse().unwrap()],
                lines: vec![format!("a1 {SECRET}")],
            },
            served: ("localhost port 143".to_owned(), Some(("127.0.0.1".to_owned(), 4000))),
            expected_target: "localhost port 143".to_owned(),
            passed: tapped(b"SSH-2.0-tssh ..."),
            open_to_others: false,
        }
    }

    #[test]
    fn each_claim_fails_by_its_own_evidence() {
        assert_eq!(status(&judge(&good())), 0);
        let mut seen = Vec::new();
        let mut faulty = |spoil: fn(&mut Evidence)| {
            let mut evidence = good();
            spoil(&mut evidence);
            let claims = judge(&evidence);
            assert_eq!(status(&claims), 1);
            seen.extend(broken(&claims).iter().map(|&what| what.to_owned()));
        };
        faulty(|e| e.mail.greeting.push('!'));
        faulty(|e| e.visits.lines.clear());
        faulty(|e| e.served.0.push('0'));
        faulty(|e| e.served.1 = None);
        faulty(|e| e.visits.peers[0] = e.mail.from);
        faulty(|e| e.visits.peers.clear());
        faulty(|e| e.passed.bytes.extend(SECRET.as_bytes()));
        faulty(|e| e.passed = Passed::default());
        faulty(|e| e.open_to_others = true);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), judge(&good()).len(), "{seen:?}");
    }
}

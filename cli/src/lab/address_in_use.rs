//! "Address already in use": what it means, who it is, and what becomes of the session.

use super::claims::Claim;
use super::toys::{self, GREETING, Service};
use super::{Blackboard, Lesson};
use crate::exit::OWN_FAILURE;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use tssh_forward::core::local::{NONE_SET_UP, cannot_listen};
use tssh_forward::core::policy::Policy;

pub static LESSON: Lesson = Lesson {
    name: "address-in-use",
    title: "Address already in use",
    told: "\
Some other program listens on the port that you want to forward; mostly it is a tssh of yours \
that still runs. Three clients follow: one that has a second forward besides, one that must not \
go on without its forward (ExitOnForwardFailure), and one after the other program has gone.",
    done,
    question: "\
Your configuration has LocalForward 2001 for a host, and you log in to it twice. What do you see, \
and which of the two carries your mail?",
    answer: "\
The second one says that the address is in use, and gives you your shell all the same; the first \
one carries the mail. ClearAllForwardings=yes for the second keeps it quiet. If the first one \
ends, the second does not take its forward over.",
};

struct Evidence {
    port: u16,
    /// What the client with two forwards said.
    messages: String,
    greeting: String,
    strict_status: u8,
    /// After the port was free again, with connections of its own just ended.
    greeting_after: String,
}

fn done(board: &mut Blackboard) -> io::Result<Vec<Claim>> {
    let service = Service::mail()?;
    let stage = board.stage(Policy::server())?;
    let (port, other) = (toys::free_port()?, toys::free_port()?);
    let target = format!("localhost:{}", service.port);
    let (busy, free) = (format!("{port}:{target}"), format!("{other}:{target}"));
    let holder = [
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(Some)?,
        // A machine without IPv6 has only the one family to be busy in.
        TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok(),
    ];
    let words = ["-N", "-L", &busy, "-L", &free, "S"];
    board.command(&words);
    let mut client = stage.client(&words)?;
    client.connected()?;
    client.says(NONE_SET_UP)?;
    client.says(" stands")?;
    let greeting = toys::read_mail(other)?.greeting;
    let messages = client.messages();
    client.leave()?;

    let words = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", &busy, "S"];
    board.command(&words);
    let mut strict = stage.client(&words)?;
    strict.connected()?;
    let strict_status = strict.ends()?;

    drop(holder);
    let words = ["-N", "-L", &busy, "S"];
    board.command(&words);
    let mut client = stage.client(&words)?;
    client.connected()?;
    client.says(" stands")?;
    let greeting_after = toys::read_mail(port)?.greeting;
    client.leave()?;
    Ok(judge(&Evidence { port, messages, greeting, strict_status, greeting_after }))
}

fn judge(evidence: &Evidence) -> Vec<Claim> {
    let Evidence { port, messages, greeting, strict_status, greeting_after } = evidence;
    let served = GREETING.to_owned();
    vec![
        Claim::said(
            "The operating system refused the address, by its family:",
            messages,
            &format!("bind [127.0.0.1]:{port}: Address already in use"),
        ),
        Claim::said("tssh says who has it:", messages, &format!("port {port} is held by ")),
        Claim::said("No family was left to listen on:", messages, &cannot_listen(*port)),
        Claim::equal("The session went on, and its other forward works:", &served, greeting),
        Claim::equal("With ExitOnForwardFailure the exit status was:", &OWN_FAILURE, strict_status),
        Claim::equal(
            "Once the other program was gone, the port could be had at once:",
            &served,
            greeting_after,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::claims::{Spoil, status};
    use super::*;

    #[test]
    fn each_claim_fails_by_its_own_evidence() {
        let good = || Evidence {
            port: 7,
            messages: format!(
                "bind [127.0.0.1]:7: Address already in use\nport 7 is held by x\n{}\n",
                cannot_listen(7)
            ),
            greeting: GREETING.to_owned(),
            strict_status: 255,
            greeting_after: GREETING.to_owned(),
        };
        assert_eq!(status(&judge(&good())), 0);
        let spoils: [Spoil<Evidence>; 5] = [
            (|e| e.messages.clear(), 3),
            (|e| e.messages = e.messages.replace("held", "had"), 1),
            (|e| e.greeting.clear(), 1),
            (|e| e.strict_status = 0, 1),
            (|e| e.greeting_after.clear(), 1),
        ];
        for (spoil, count) in spoils {
            let mut evidence = good();
            spoil(&mut evidence);
            assert_eq!(judge(&evidence).iter().filter(|c| !c.held()).count(), count);
        }
    }
}

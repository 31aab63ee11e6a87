//! The end of the session, the end of a connection, and the end of one of its directions.

use super::claims::Claim;
use super::host::{Seen, end_command};

use super::toys::{self, Service};
use super::wire::Shown;
use super::{Blackboard, Lesson};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown};
use std::time::Duration;
use tssh_forward::core::policy::Policy;

pub static LESSON: Lesson = Lesson {
    name: "termination",
    title: "When a tunnel ends",
    told: "\
tssh runs a command on S and forwards two ports. A program here opens a connection through the \
first; then the command on S ends, with exit status 7, while the connection is still in use.

Through the second port a program sends five bytes and says that no more will come; the service \
waits for exactly that before it answers.",
    done,
    question: "\
You log out of S and the prompt of your own machine does not come back. Why, and what are your \
three ways out?",
    answer: "\
Some program still has a connection through the tunnel; tssh lists them. End that program, or \
press Ctrl-C twice, or type ~. at the start of a line; ~& leaves it to the background. --no-wait \
never waits.",
};

/// The status that the command ends with.
const STATUS: u8 = 7;
/// How long a client that must not end is watched.
const MOMENT: Duration = Duration::from_millis(400);

struct Evidence {
    answer: String,
    messages: String,
    stayed: bool,
    echo: String,
    status: u8,
}

fn done(board: &mut Blackboard) -> io::Result<Vec<Claim>> {
    let (echo, counter) = (Service::echo()?, Service::counter()?);
    let stage = board.stage(Policy::server())?;
    let (port, other) = (toys::free_port()?, toys::free_port()?);
    let first = format!("{port}:localhost:{}", echo.port);
    let second = format!("{other}:localhost:{}", counter.port);
    let words = ["-L", &first, "-L", &second, "S", "the-command"];
    board.command(&words);
    let mut client = stage.client(&words)?;
    client.connected()?;
    let channel = stage.seen(|seen| match seen {
        Seen::Command { channel, text } if text == "the-command" => Some(channel),
        _ => None,
    })?;
    let mut asking = toys::connect((Ipv4Addr::LOCALHOST, other))?;
    asking.write_all(b"12345")?;
    asking.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    asking.read_to_string(&mut answer)?;

    let mut program = toys::connect((Ipv4Addr::LOCALHOST, port))?;
    said(&mut program, "before")?;
    client.ask(move |control| end_command(control, channel, u32::from(STATUS)));
    client.says("Waiting for forwarded connections to terminate...")?;
    let stayed = client.stays(MOMENT);
    let echo = said(&mut program, "after")?;
    let messages = client.messages();
    let shown = Shown { messages: &["CHANNEL_REQUEST"], with: "exit-status", most: 1 };
    board.keep(&stage, shown);
    let shown = Shown { messages: &["CHANNEL_EOF"], with: "", most: 3 };
    board.keep(&stage, shown);
    drop(program);
    let status = client.ends()?;
    Ok(judge(&Evidence { answer, messages, stayed, echo, status }))
}

/// Sends a word through the echo and yields what comes back.
fn said(stream: &mut std::net::TcpStream, word: &str) -> io::Result<String> {
    stream.write_all(word.as_bytes())?;
    let mut back = vec![0; word.len()];
    stream.read_exact(&mut back)?;
    Ok(String::from_utf8_lossy(&back).into_owned())
}

fn judge(evidence: &Evidence) -> Vec<Claim> {
    let Evidence { answer, messages, stayed, echo, status } = evidence;
    vec![
        Claim::equal(
            "One direction ended and the other went on: the answer came after the end of the \
             question.",
            &"5 bytes, and then the end".to_owned(),
            &answer.trim_end().to_owned(),
        ),
        Claim::said(
            "The command ended, a connection was left, and tssh said so:",
            messages,
            "Waiting for forwarded connections to terminate...",
        ),
        Claim::said("It listed what it waits for:", messages, "  #1 direct-tcpip: listening port"),
        Claim::that(
            "It waited:",
            *stayed,
            if *stayed { "still there" } else { "gone" },
            "still there",
        ),
        Claim::equal("The connection outlived the command:", &"after".to_owned(), echo),
        Claim::equal(
            "With its last connection tssh ended, with the command's status:",
            &STATUS,
            status,
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
            answer: "5 bytes, and then the end\n".to_owned(),
            messages: "Waiting for forwarded connections to terminate...\n  #1 direct-tcpip: \
                       listening port 1"
                .to_owned(),
            stayed: true,
            echo: "after".to_owned(),
            status: STATUS,
        };
        assert_eq!(status(&judge(&good())), 0);
        let spoils: [Spoil<Evidence>; 6] = [
            (|e| e.answer = "4 bytes, and then the end".to_owned(), 1),
            (|e| e.answer.clear(), 1),
            (|e| e.messages.clear(), 2),
            (|e| e.stayed = false, 1),
            (|e| e.echo.clear(), 1),
            (|e| e.status = 0, 1),
        ];
        for (spoil, count) in spoils {
            let mut evidence = good();
            spoil(&mut evidence);
            assert_eq!(judge(&evidence).iter().filter(|c| !c.held()).count(), count);
        }
    }
}

//! New keys in the middle of a transfer.

use super::claims::Claim;
use super::host::Seen;

use super::toys::{self, Service};
use super::wire::Shown;
use super::{Blackboard, Lesson};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown};
use tssh_forward::core::policy::Policy;

pub static LESSON: Lesson = Lesson {
    name: "rekey",
    title: "New keys while data flows",
    told: "\
Keys wear out: after so many bytes both ends agree on new ones, in the middle of whatever is \
going on. The usual limit is a gigabyte and more; this lesson sets it to one megabyte \
(RekeyLimit) and sends 12 megabytes through a forward to an echo service and back.",
    done,
    question: "\
The session identifier is the hash of the first key exchange. Why must it not change with the \
keys?",
    answer: "\
It names the session: signatures of the login, and agents' promises about which host a key was \
used for, cover it (RFC 4252 section 7, RFC 4253 section 7.2). New keys are for the same session \
between the same two parties.",
};

/// Bytes in each direction.
const BYTES: usize = 12 << 20;
/// `RekeyLimit` as given.
const LIMIT: &str = "RekeyLimit=1M";
/// Fewer exchanges than this would mean that the limit is not kept: 24 megabytes pass in
/// all, and an exchange may begin late because data is on its way.
const EXCHANGES_MIN: usize = 4;

struct Evidence {
    /// One for each key exchange.
    identifiers: Vec<Vec<u8>>,
    sent: String,
    came: String,
    connections: usize,
}

fn done(board: &mut Blackboard) -> io::Result<Vec<Claim>> {
    let service = Service::echo()?;
    let stage = board.stage(Policy::server())?;
    let port = toys::free_port()?;
    let forward = format!("{port}:localhost:{}", service.port);
    let words = ["-N", "-o", LIMIT, "-L", &forward, "S"];
    board.command(&words);
    let mut client = stage.client(&words)?;
    client.connected()?;
    let first = stage.seen(|seen| match seen {
        Seen::Exchanged { session_id } => Some(session_id),
        _ => None,
    })?;
    client.says(" stands")?;
    let mut stream = toys::connect((Ipv4Addr::LOCALHOST, port))?;
    let mut writer = stream.try_clone()?;
    let data: Vec<u8> = (0..BYTES / 8).flat_map(|i| (i as u64).to_be_bytes()).collect();
    let sent = hex(&data);
    toys::named("program", move || {
        // What is missing at the other end is seen by its sum.
        let _ = writer.write_all(&data).and_then(|()| writer.shutdown(Shutdown::Write));
    })?;
    let mut back = Vec::new();
    stream.read_to_end(&mut back)?;
    let came = hex(&back);
    let mut identifiers = vec![first];
    identifiers.extend(stage.seen_by_now(|seen| match seen {
        Seen::Exchanged { session_id } => Some(session_id),
        _ => None,
    }));
    let shown = Shown { messages: &["NEWKEYS"], with: "", most: 6 };
    board.keep(&stage, shown);
    client.leave()?;
    let connections = service.visits().peers.len();
    Ok(judge(&Evidence { identifiers, sent, came, connections }))
}

fn hex(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn judge(evidence: &Evidence) -> Vec<Claim> {
    let Evidence { identifiers, sent, came, connections } = evidence;
    let same = identifiers.iter().all(|id| Some(id) == identifiers.first() && !id.is_empty());
    let count = identifiers.len();
    vec![
        Claim::that(
            "The two ends exchanged keys again and again:",
            count >= EXCHANGES_MIN,
            format_args!("{count} key exchanges, the first included"),
            "a new exchange for each megabyte or so",
        ),
        Claim::that(
            "The session identifier stayed that of the first exchange.",
            same,
            if same { "the same every time" } else { "it changed" },
            "the same every time",
        ),
        Claim::equal("SHA-256 of what was sent and of what came back:", sent, came),
        Claim::equal("The service noticed nothing; connections that it saw:", &1, connections),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::claims::status;
    use super::*;

    #[test]
    fn each_claim_fails_by_its_own_evidence() {
        let good = || Evidence {
            identifiers: vec![vec![1; 32]; 9],
            sent: "aa".to_owned(),
            came: "aa".to_owned(),
            connections: 1,
        };
        assert_eq!(status(&judge(&good())), 0);
        let spoils: [fn(&mut Evidence); 5] = [
            |e| e.identifiers.truncate(1),
            |e| e.identifiers[3] = vec![2; 32],
            |e| e.identifiers.fill(Vec::new()),
            |e| e.came.push('b'),
            |e| e.connections = 2,
        ];
        for spoil in spoils {
            let mut evidence = good();
            spoil(&mut evidence);
            assert_eq!(judge(&evidence).iter().filter(|c| !c.held()).count(), 1);
        }
    }
}

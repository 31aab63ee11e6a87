//! Attacks on a connection, and peers with one fault each: what a client makes of them.
//!
//! Nothing of tssh is weakened for it. The peer is made by hand on the parts of the core
//! ([`peer`], [`exchange`]), has one fault of [`faults`], and talks to a client that runs as a
//! process of its own ([`run`]): tssh, ssh, or what somebody else has written. Each fault is
//! caught if the client ends the connection; a peer without a fault has to be served to the end.

mod exchange;
mod faults;
mod peer;
mod run;

use super::Blackboard;
use super::claims::{Claim, status};
use crate::exit::{Fatal, Result};
use crate::plan::wrapped;
use faults::{ATTACKS, Attack, By, Fault};
use run::Outcome;
use std::ffi::OsString;
use std::io;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::text::one_line;

/// All of them, one behind the other.
pub const ALL: &str = "attacks";
/// Somebody's client against all of them.
pub const CLIENT: &str = "grade-client";
/// Somebody's server, as tssh finds it.
pub const SERVER: &str = "grade-server";

/// Exit status of a client that found a fault.
const REFUSED: i32 = 255;
/// What a server that is graded is asked to send: enough for several exchanges of keys.
const SENT_BYTES: u64 = 4_000_000;
/// With this, keys change while that is on its way.
const LIMIT: &str = "RekeyLimit=512K";
/// Longest line of a client's that is shown.
const WORDS_BYTES_MAX: usize = 200;

/// The names, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    [ALL].into_iter().chain(ATTACKS.iter().map(|attack| attack.name)).chain([CLIENT, SERVER])
}

/// A row for each.
pub fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rest = [
        (CLIENT, "COMMAND: an SSH client of your own against all of them"),
        (SERVER, "[OPTIONS] HOST: whether tssh finds a fault in a server"),
    ];
    let all = (ALL, "All of these, one behind the other, against tssh");
    [all].into_iter().chain(ATTACKS.iter().map(|a| (a.name, a.title))).chain(rest)
}

/// Does what is called so; nothing where there is no such name.
///
/// # Errors
/// Words that are missing.
pub fn run(name: &str, board: &Blackboard, more: &[String]) -> Option<Result<u8>> {
    let outcome = match name {
        ALL => all(board, &own(more)),
        CLIENT if more.is_empty() => {
            let text = format!("--lab {CLIENT} takes a command: --lab {CLIENT} ssh");
            return Some(Err(Fatal::usage(text)));
        }
        CLIENT => client(board, more),
        SERVER if more.is_empty() => {
            return Some(Err(Fatal::usage(format!(
                "--lab {SERVER} takes what tssh takes: a host"
            ))));
        }
        SERVER => server(board, more),
        name => one(board, Attack::named(name)?, &own(more)),
    };
    Some(Ok(outcome.unwrap_or_else(|error| board.broke_off(&error))))
}

/// tssh itself, with words for it.
fn own(more: &[String]) -> Vec<OsString> {
    let words = ["/proc/self/exe"].into_iter().chain(more.iter().map(String::as_str));
    words.map(OsString::from).collect()
}

/// One attack, told at length.
fn one(board: &Blackboard, attack: &Attack, words: &[OsString]) -> io::Result<u8> {
    board.title(attack.title);
    board.write("\n");
    board.say(attack.told);
    board.heading("What would come of it");
    board.say(attack.gain);
    board.command(&["S", "anything"]);
    let outcome = run::against(Some(attack.fault), words)?;
    board.heading("What was seen");
    let claims = judge(attack, &outcome);
    for claim in &claims {
        board.write(&claim.text());
    }
    board.heading("On the wire, as the peer has it");
    for passed in &outcome.report.story {
        board.write(&passed.text());
    }
    board.heading("The rule");
    board.say(&format!("{}, in {}", attack.section(), attack.file));
    board.say(&format!("There, look for: {}", attack.at));
    Ok(status(&claims))
}

/// What tssh has to do about it.
fn judge(attack: &Attack, outcome: &Outcome) -> Vec<Claim> {
    let error = (attack.error)();
    let reason = error.disconnect_reason().map_or(0, DisconnectReason::code);
    let report = &outcome.report;
    let told = report.farewell.as_ref().map_or_else(
        || "nothing".to_owned(),
        |(reason, words)| format!("reason {reason}: {words}"),
    );
    vec![
        Claim::that(
            "The fault went out, and the session did not come to its end.",
            report.planted && !report.finished && !outcome.whole,
            match (report.planted, report.finished || outcome.whole) {
                (false, _) => "it never went out",
                (true, true) => "the session went on to its end",
                (true, false) => "it ended there",
            },
            "the end of the session with the fault",
        ),
        Claim::equal(
            "The peer was told why (SSH_MSG_DISCONNECT):",
            &format!("reason {reason}: {error}"),
            &told,
        ),
        Claim::equal("tssh's exit status:", &REFUSED, &outcome.status.unwrap_or(0)),
    ]
}

/// Every attack in a few lines, and a peer that has no fault.
fn all(board: &Blackboard, words: &[OsString]) -> io::Result<u8> {
    board.title("Attacks, and peers with one fault");
    board.write("\n");
    board.say(
        "A server made by hand has one fault, or somebody on the way does one thing to the bytes; \
         tssh logs in as ever. It has to end the connection each time, and to serve the peer \
         without a fault to the end.",
    );
    let mut claims = vec![honest(&run::against(None, words)?)];
    board.write(&format!("\n{}", claims[0].text()));
    for (by, heading) in
        [(By::OnTheWay, "Somebody on the way"), (By::Peer, "A server with one fault")]
    {
        board.heading(heading);
        for attack in ATTACKS.iter().filter(|attack| attack.by == by) {
            let outcome = run::against(Some(attack.fault), words)?;
            let judged = judge(attack, &outcome);
            let claim = match judged.into_iter().find(|claim| !claim.held()) {
                Some(broken) => broken,
                None => Claim::that(&headline(attack), true, told(&outcome), ""),
            };
            board.write(&claim.text());
            claims.push(claim);
        }
    }
    board.write(&format!("\n{}", score(&claims, "tssh", 0)));
    Ok(status(&claims))
}

fn headline(attack: &Attack) -> String {
    format!("{}: {} ({})", attack.name, attack.title, attack.section())
}

/// How the client ended it.
fn told(outcome: &Outcome) -> String {
    match &outcome.report.farewell {
        Some((reason, words)) => format!("DISCONNECT reason {reason}: {words}"),
        None => {
            let words = one_line(outcome.words.as_bytes(), WORDS_BYTES_MAX);
            format!("closed without a DISCONNECT; {words}")
        }
    }
}

fn score(claims: &[Claim], who: &str, unconcerned: usize) -> String {
    let faults = claims.len() - 1;
    let held = claims.iter().skip(1).filter(|claim| claim.held()).count();
    let honest = claims.first().is_some_and(Claim::held);
    let whole = if honest { "was served" } else { "was NOT served" };
    let caught = held.saturating_sub(unconcerned);
    let others = match unconcerned {
        0 => String::new(),
        n => format!(", and {n} more do not concern it"),
    };
    wrapped(
        "  ",
        &format!("{who} caught {caught} of {faults}{others}; the peer without a fault {whole}."),
    )
}

/// A peer without a fault has to be served.
fn honest(outcome: &Outcome) -> Claim {
    let good = outcome.status == Some(0) && outcome.whole && outcome.report.given;
    let saw = match good {
        true => "the whole answer, through two key exchanges, and exit status 0".to_owned(),
        false => format!("{}; {}", ended(outcome), told(outcome)),
    };
    Claim::that("no fault: the session comes to its end", good, saw, "a whole session")
}

fn ended(outcome: &Outcome) -> String {
    match (outcome.status, outcome.signal) {
        _ if outcome.too_long => "it did not end, and was ended".to_owned(),
        (Some(status), _) => format!("exit status {status}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "no exit status".to_owned(),
    }
}

/// Somebody's client against all of them: any end of the connection will do.
fn client(board: &Blackboard, words: &[String]) -> io::Result<u8> {
    board.title("A client, graded");
    board.command_of(words);
    let all: Vec<OsString> = words.iter().map(OsString::from).collect();
    let mut claims = vec![honest(&run::against(None, &all)?)];
    board.write(&format!("\n{}", claims[0].text()));
    let who = words.first().map_or("", String::as_str);
    if status(&claims) != 0 {
        let text = format!(
            "The peer without a fault was NOT served, so that {who} fails with the others would \
             say nothing: they were left out."
        );
        board.write(&format!("\n{}", wrapped("  ", &text)));
        return Ok(status(&claims));
    }
    let mut unconcerned = 0;
    for attack in &ATTACKS {
        let outcome = run::against(Some(attack.fault), &all)?;
        unconcerned += usize::from(outcome.report.unconcerned.is_some());
        let claim = caught(attack, &outcome);
        board.write(&claim.text());
        claims.push(claim);
    }
    board.write(&format!("\n{}", score(&claims, who, unconcerned)));
    Ok(status(&claims))
}

/// Whether any client noticed: it ended with a failure, and without the rest of the session.
/// "Both parties MAY ignore all extra data sent after the allowed window is empty." (RFC 4254
/// section 5.2): a client may go on without them.
fn caught(attack: &Attack, outcome: &Outcome) -> Claim {
    let Outcome { status, too_long, whole, bytes, report, .. } = outcome;
    let expected = "the end of the connection, and a failure";
    if let Some(why) = report.unconcerned {
        return Claim::that(
            &headline(attack),
            true,
            format_args!("not concerned: {why}"),
            expected,
        );
    }
    let ended_it = !report.finished && !whole && !too_long && *status != Some(0);
    let ignored = attack.fault == Fault::Window && !too_long && *bytes < report.sent;
    let saw = match (report.planted, ended_it, ignored) {
        (false, ..) => format!("the fault never went out; {}", ended(outcome)),
        (true, true, _) => told(outcome),
        (true, false, true) => format!("{bytes} bytes taken, and the others ignored"),
        (true, false, false) => format!("the session went on; {}", ended(outcome)),
    };
    Claim::that(&headline(attack), report.planted && (ended_it || ignored), saw, expected)
}

/// Somebody's server: data, windows and new keys, with the client that catches the others.
fn server(board: &Blackboard, more: &[String]) -> io::Result<u8> {
    board.title("A server, graded");
    let send = format!("head -c {SENT_BYTES} /dev/zero");
    let mut words: Vec<&str> = vec!["-o", LIMIT, "-o", "RequestTTY=no"];
    words.extend(more.iter().map(String::as_str));
    words.push(&send);
    board.command(&words);
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let outcome = run::alone(&own(&words))?;
    board.heading("What was seen");
    let claims = graded(&outcome);
    for claim in &claims {
        board.write(&claim.text());
    }
    Ok(status(&claims))
}

fn graded(outcome: &Outcome) -> Vec<Claim> {
    let words = one_line(outcome.words.as_bytes(), WORDS_BYTES_MAX);
    vec![
        Claim::that(
            "tssh finds nothing wrong with it: signature, keys, packets, channel, windows.",
            outcome.status == Some(0),
            match outcome.status {
                Some(0) => "exit status 0".to_owned(),
                _ => format!("{}; {words}", ended(outcome)),
            },
            "exit status 0",
        ),
        Claim::equal("Bytes that came, with new keys between them:", &SENT_BYTES, &outcome.bytes),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::claims::broken;
    use super::*;
    use peer::Report;

    /// What a client leaves behind that ended the connection as tssh does.
    fn ended_it(attack: &Attack) -> Outcome {
        let error = (attack.error)();
        let reason = error.disconnect_reason().map_or(0, DisconnectReason::code);
        let report = Report {
            planted: true,
            farewell: Some((reason, error.to_string())),
            ..Report::default()
        };
        Outcome { status: Some(REFUSED), report, ..Outcome::default() }
    }

    #[test]
    fn each_claim_about_tssh_fails_by_its_own_evidence() {
        for attack in &ATTACKS {
            assert_eq!(status(&judge(attack, &ended_it(attack))), 0, "{}", attack.name);
            let spoils: [fn(&mut Outcome); 6] = [
                |o| o.report.planted = false,
                |o| o.report.finished = true,
                |o| o.whole = true,
                |o| o.report.farewell = None,
                |o| o.report.farewell = Some((11, "bye".to_owned())),
                |o| o.status = Some(0),
            ];
            for spoil in spoils {
                let mut outcome = ended_it(attack);
                spoil(&mut outcome);
                assert_eq!(broken(&judge(attack, &outcome)).len(), 1, "{}", attack.name);
            }
        }
    }

    #[test]
    fn a_client_that_notices_nothing_has_caught_nothing() {
        for attack in &ATTACKS {
            assert!(caught(attack, &ended_it(attack)).held(), "{}", attack.name);
            let spoils: [fn(&mut Outcome); 5] = [
                |o| o.report.planted = false,
                |o| o.report.finished = true,
                |o| o.whole = true,
                |o| o.status = Some(0),
                |o| o.too_long = true,
            ];
            for spoil in spoils {
                let mut outcome = ended_it(attack);
                spoil(&mut outcome);
                assert!(!caught(attack, &outcome).held(), "{}: {outcome:?}", attack.name);
            }
        }
        let window = Attack::named("window").unwrap();
        let sent = |bytes, sent| Outcome {
            status: Some(0),
            bytes,
            report: Report { planted: true, finished: true, sent, ..Report::default() },
            ..Outcome::default()
        };
        assert!(caught(window, &sent(7, 8)).held(), "it may ignore what is beyond");
        assert!(!caught(window, &sent(8, 8)).held(), "it took all of it");
    }

    #[test]
    fn a_session_without_a_fault_has_to_be_whole() {
        let report = Report { given: true, ..Report::default() };
        let good = || Outcome {
            status: Some(0),
            whole: true,
            bytes: SENT_BYTES,
            report: report.clone(),
            ..Outcome::default()
        };
        assert!(honest(&good()).held());
        assert_eq!(status(&graded(&good())), 0);
        let spoils: [fn(&mut Outcome); 3] =
            [|o| o.status = None, |o| o.whole = false, |o| o.report.given = false];
        for spoil in spoils {
            let mut outcome = good();
            spoil(&mut outcome);
            assert!(!honest(&outcome).held());
        }
        assert_eq!(broken(&graded(&Outcome { bytes: 1, ..good() })).len(), 1);
        assert_eq!(broken(&graded(&Outcome { status: Some(255), ..good() })).len(), 1);
    }
}

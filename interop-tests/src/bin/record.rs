//! Records sessions with real OpenSSH: `cargo run -p tssh-interop-tests --bin record -- [NAME..]`.
//!
//! Without names, all of them. Each writes `interop-tests/transcripts/NAME.txt`, which the tests of
//! transport, connection and forward replay, and beside it the listing `NAME.trace`. `--list` shows
//! the names, `--traces` makes the listings anew from the transcripts.
//!
//! A transcript can decrypt its session and holds the host key. The sessions are made with the keys
//! in `interop-tests/keys` on loopback ports of this machine, and nothing else can be recorded with
//! this tool. It wants OpenSSH's server and client, Debian's python3-twisted, and root for the
//! throw-away user of the password logins.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use tssh_interop_tests::openssh::{can_make_guests, missing};
use tssh_interop_tests::record::{Peer, Session, conch, folder, record, sessions, trace};

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    match names.first().map(String::as_str) {
        Some("--list") => {
            sessions().iter().for_each(|session| println!("{}", session.name));
            return ExitCode::SUCCESS;
        }
        Some("--traces") => return finish(traces()),
        _ => {}
    }
    if let Some(missing) = missing() {
        eprintln!("{missing}");
        return ExitCode::FAILURE;
    }
    eprintln!("What is recorded can be decrypted by everybody: test keys only.");
    let chosen = |s: &&Session| names.is_empty() || names.contains(&s.name);
    let (guests, conch) = (can_make_guests(), conch::installed());
    let mut failures = Vec::new();
    for session in sessions().iter().filter(chosen) {
        let outcome = if session.needs_guest() && guests.is_err() {
            Err(guests.clone().err().unwrap_or_default())
        } else if session.peer == Peer::Conch && !conch {
            Err("python3-twisted is not installed".to_owned())
        } else {
            record(session).and_then(|text| write(&session.name, &text))
        };
        match outcome {
            Ok(()) => println!("{}", session.name),
            Err(error) => failures.push(format!("{}: {error}", session.name)),
        }
    }
    finish(if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) })
}

fn finish(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn write(name: &str, text: &str) -> Result<(), String> {
    let folder = folder();
    let file = folder.join(format!("{name}.txt"));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    std::fs::write(file, text).map_err(|error| error.to_string())?;
    let listing = trace::trace(text)?;
    std::fs::write(folder.join(format!("{name}.trace")), listing).map_err(|e| e.to_string())
}

fn traces() -> Result<(), String> {
    for entry in std::fs::read_dir(folder()).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|ending| ending == "txt") {
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            let listing = trace::trace(&text).map_err(|e| format!("{}: {e}", path.display()))?;
            std::fs::write(path.with_extension("trace"), listing).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

//! Every recorded session, replayed through the transport.

use super::{Chunks, Log, Transcript, hex, replay_transport, unhex};
use crate::time::Timestamp;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::Path;
use std::sync::Mutex;
use std::{format, fs, println};

/// Fewer would mean that the corpus was not found, or lost.
const SESSIONS_MIN: usize = 30;

/// Names and texts of all recorded sessions.
fn sessions() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop-tests/transcripts");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|ending| ending == "txt"));
    let mut sessions: Vec<_> =
        texts.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect();
    sessions.sort();
    assert!(sessions.len() >= SESSIONS_MIN, "only {} transcripts", sessions.len());
    sessions
}

#[test]
fn every_session_replays_bit_for_bit_however_it_is_cut() {
    let sessions = sessions();
    for (name, text) in &sessions {
        let out = Chunks::ALL.map(|chunks| {
            let played = replay_transport(text, chunks);
            played.unwrap_or_else(|fault| panic!("{name}, {chunks:?}: {fault}")).out
        });
        assert!(out.iter().all(|o| *o == out[0] && o.len() > 200), "{name}");
    }
    println!("{} sessions replayed, cut in {} ways", sessions.len(), Chunks::ALL.len());
}

#[test]
fn a_changed_transcript_does_not_replay() {
    let (name, text) = &sessions()[0];
    let sent = text.lines().find(|line| line.starts_with("t transmitted")).unwrap();
    let changed = text.replacen(sent, &format!("{}00", &sent[..sent.len() - 2]), 1);
    let fault = replay_transport(&changed, Chunks::Recorded).unwrap_err().to_string();
    assert!(fault.contains("differs at byte"), "{name}: {fault}");
    let received = text.lines().rfind(|line| line.starts_with("t received")).unwrap();
    let lost = text.replacen(&format!("{received}\n"), "", 1);
    let fault = replay_transport(&lost, Chunks::Recorded).unwrap_err().to_string();
    assert!(fault.contains("came to Nothing"), "{name}: {fault}");
}

#[test]
fn repeated_calls_become_one_line() {
    let lines = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&lines);
    let mut log = Log::new(Box::new(move |line| sink.lock().unwrap().push_str(line)));
    use super::Came::{Failure, Nothing, Something};
    let at = Timestamp::from_micros;
    for (time, came) in [(5, Something), (5, Something), (5, Nothing), (5, Nothing), (6, Nothing)] {
        log.next('t', at(time), came);
    }
    log.bytes("t received", &[]);
    log.next('t', at(7), Something);
    log.next('c', at(7), Something);
    log.next('c', at(7), Failure);
    drop(log);
    let expected =
        "t next 5 2\nt idle 5\nt idle 6\nt received -\nt next 7 1\nc next 7 1\nc failed 7\n";
    assert_eq!(*lines.lock().unwrap(), expected);
}

#[test]
fn what_is_no_transcript_is_refused_with_a_word_why() {
    for (text, why) in [
        ("", "the first line is not \"tssh-transcript 1\""),
        ("tssh-transcript 2\n", "the first line is not \"tssh-transcript 1\""),
        ("tssh-transcript 1\nside\n", "line 2 has no value"),
        ("tssh-transcript 1\nside both\n", "the header has no seed"),
        ("tssh-transcript 1\nseed 00\n", "the seed is not 64 bytes in hexadecimal digits"),
    ] {
        let fault = replay_transport(text, Chunks::Recorded).unwrap_err().to_string();
        assert_eq!(fault, why, "{text:?}");
    }
    let side = Transcript::parse("tssh-transcript 1\nside both\n").unwrap().side();
    assert_eq!(side.unwrap_err().to_string(), "side both is neither client nor server");
}

#[test]
fn hexadecimal_digits_go_both_ways() {
    for bytes in [&[][..], &[0], &[0xff, 0x10, 0x00]] {
        assert_eq!(unhex(&hex(bytes)).as_deref(), Some(bytes));
    }
    for text in ["0", "0g", "abc", "", "--"] {
        assert!(unhex(text).is_none_or(|bytes| text.is_empty() && bytes.is_empty()), "{text}");
    }
}

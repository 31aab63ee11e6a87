//! Every recorded session, replayed through the whole stack.

use super::{Seen, observe_connection};
use crate::event::Event;
use std::path::Path;
use std::string::String;
use std::vec::Vec;
use std::{fs, println};
use tssh_transport::transcript::Chunks;

/// Fewer would mean that the corpus was not found, or lost.
const SESSIONS_MIN: usize = 30;

/// Names and texts of all recorded sessions.
fn sessions() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop-tests/transcripts");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|ending| ending == "txt"));
    let mut sessions: Vec<_> = texts
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().into(), path))
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
        .collect();
    sessions.sort();
    assert!(sessions.len() >= SESSIONS_MIN, "only {} transcripts", sessions.len());
    sessions
}

#[test]
fn every_session_replays_bit_for_bit_however_it_is_cut() {
    let sessions = sessions();
    for (name, text) in &sessions {
        let outcomes = Chunks::ALL.map(|chunks| {
            let (mut authenticated, mut events, mut data) = (false, 0, 0);
            let played = observe_connection(text, chunks, None, &mut |seen| match seen {
                Seen::Event(event) => {
                    events += 1;
                    authenticated |= matches!(event, Event::Authenticated { .. });
                }
                Seen::Data { bytes, .. } => data += bytes.len(),
                Seen::Line(_) => {}
            });
            let played = played.unwrap_or_else(|fault| panic!("{name}, {chunks:?}: {fault}"));
            (played.out, played.error, authenticated, events, data)
        });
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{name}");
        let logs_in = !name.contains("stranger") && !name.contains("wrong-host-key");
        assert_eq!(outcomes[0].2, logs_in, "{name}");
    }
    println!("{} sessions replayed, cut in {} ways", sessions.len(), Chunks::ALL.len());
}

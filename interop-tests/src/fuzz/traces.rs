//! Files of our own and of other programs that somebody may hand to us.

use super::cursor::Cursor;
use tssh::explain::capture::explain;
use tssh::explain::frames;
use tssh::explain::secrets::KeyLog;
use tssh::trace::outputs::Outputs;
use tssh::trace::{TraceOptions, json};
use tssh_connection::transcript::replay_connection;
use tssh_transport::transcript::{Chunks, Transcript};

/// A line of a trace: what can be read is written so that it reads the same.
pub fn json(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(event) = json::parse(&text) else { return };
    let line = json::line(&event);
    assert!(!line.trim_end().contains(|c: char| c.is_control()), "a line is one line");
    let again = json::parse(&line).expect("our own line");
    assert_eq!(json::line(&again), line);
}

/// A recording, read and run.
pub fn recording(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if Transcript::parse(&text).is_ok() {
        let _ = replay_connection(&text, Chunks::Recorded);
    }
}

/// A capture; the first two bytes say how much of the input is a key log.
pub fn capture(data: &[u8]) {
    let mut orders = Cursor::new(data);
    let size = usize::from(orders.short() & 0x0fff);
    let mut key_log = KeyLog::default();
    key_log.add(&String::from_utf8_lossy(orders.take(size)));
    let Ok(capture) = frames::read(orders.rest()) else { return };
    key_log.add(&capture.key_log);
    let options = TraceOptions::default();
    let found =
        explain(&capture.frames, &key_log, &options, &mut |_| Ok(Outputs::new("tssh", Vec::new())));
    assert!(found.is_ok_and(|found| found.connections <= 1024));
}

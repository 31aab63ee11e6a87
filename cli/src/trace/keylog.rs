//! The key log: for each key exchange the lines with which Wireshark, and whoever else has the
//! bytes of the connection, can read it.
//!
//! Wireshark 4.0 knows only the first form, with the client's private value; 4.4 and later know
//! both, and where two lines are about one exchange the later one counts.

use crate::trace::alarm::Alarm;
use crate::trace::file::{self, Keep, Ready};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tssh_transport::trace::{KeyLog, push_hex};
use zeroize::Zeroizing;

/// A key log that is being written.
#[derive(Debug)]
pub struct KeyLogFile {
    file: Log,
    path: PathBuf,
    /// Rings when it ends before the session.
    alarm: Alarm,
}

#[derive(Debug)]
enum Log {
    /// Nothing is in it yet.
    Ready(Ready),
    Open(File),
    Over,
}

/// The lines for one exchange.
#[must_use]
pub fn lines(log: &KeyLog) -> Zeroizing<String> {
    // All the room at once: a text that grew would leave copies behind.
    let scalar = log.scalar.as_ref().map_or(0, |scalar| scalar.len());
    let bytes = log.cookie.len() * 2 + scalar + log.k.len();
    let mut text = Zeroizing::new(String::with_capacity(bytes * 2 + 32));
    if let Some(scalar) = &log.scalar {
        push_hex(&mut text, &log.cookie);
        text.push(' ');
        push_hex(&mut text, scalar);
        text.push('\n');
    }
    push_hex(&mut text, &log.cookie);
    text.push_str(" SHARED_SECRET ");
    push_hex(&mut text, &log.k);
    text.push('\n');
    text
}

impl KeyLogFile {
    /// Opens it, behind what it holds.
    ///
    /// # Errors
    /// One line.
    pub fn open(path: &Path, alarm: Alarm) -> Result<Self, String> {
        file::check_folder(path)?;
        let file = Log::Ready(Ready::open(path)?);
        Ok(Self { file, path: path.to_owned(), alarm })
    }

    /// Adds the lines of one exchange, in one write, so that whoever reads along has them before
    /// the first packet that they open.
    pub fn add(&mut self, log: &KeyLog) {
        let file = match std::mem::replace(&mut self.file, Log::Over) {
            Log::Ready(ready) => ready.begin(Keep::Everything),
            Log::Open(file) => Ok(file),
            Log::Over => return,
        };
        let write = |mut file: File| {
            let written = file.write_all(lines(log).as_bytes());
            written.map(|()| file).map_err(|error| crate::exit::os_words(&error))
        };
        match file.and_then(write) {
            Ok(file) => self.file = Log::Open(file),
            Err(words) => {
                let path = self.path.display();
                crate::log::show(format_args!("tssh: the key log {path} ends: {words}\r\n"));
                self.alarm.ring();
            }
        }
    }
}

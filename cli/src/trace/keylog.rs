//! The key log: for each key exchange the lines with which Wireshark, and whoever else has the
//! bytes of the connection, can read it.
//!
//! Wireshark 4.0 knows only the first form, with the client's private value; 4.4 and later know
//! both, and where two lines are about one exchange the later one counts.

use crate::trace::file::{self, Keep};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tssh_transport::trace::{KeyLog, push_hex};
use zeroize::Zeroizing;

/// A key log that is being written.
#[derive(Debug)]
pub struct KeyLogFile {
    file: Option<File>,
    path: PathBuf,
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
    pub fn open(path: &Path) -> Result<Self, String> {
        file::check_folder(path)?;
        let file = file::create(path, Keep::Everything)?;
        Ok(Self { file: Some(file), path: path.to_owned() })
    }

    /// Adds the lines of one exchange, in one write, so that whoever reads along has them before
    /// the first packet that they open.
    pub fn add(&mut self, log: &KeyLog) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(lines(log).as_bytes()) {
            let words = crate::exit::os_words(&error);
            let path = self.path.display();
            crate::log::show(format_args!("tssh: the key log {path} ends: {words}\r\n"));
            self.file = None;
        }
    }
}

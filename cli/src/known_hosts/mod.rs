//! The files of known host keys.
//!
//! A line is `[marker] names type key [comment]`: names are patterns with commas, or one hashed
//! name; the marker is `@revoked` or `@cert-authority` (which certificates will need).

mod line;
mod write;

pub use line::{Line, Marker, hashed};
pub use write::{Replacement, add, replace_keys};

use crate::limits::FILE_BYTES_MAX;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use tssh_transport::key::{is_certificate_algorithm, key_type_of};

/// The name that a host's key is filed under: in brackets with the port unless that is 22.
#[must_use]
pub fn host_and_port(host: &str, port: u16) -> String {
    if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") }
}

/// One line of a file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file; for what a command printed, a name that says so.
    pub file: PathBuf,
    /// Whether it stands in a file, where somebody can take it out.
    pub in_file: bool,
    /// Line number, from 1.
    pub line_number: usize,
    /// What it says.
    pub line: Line,
}

/// What the files say about a host's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The key is known for this host: by this line.
    Known(Entry),
    /// Nothing is known about the host.
    Unknown,
    /// Another key is known for the host: this line.
    Changed(Entry),
    /// The key is marked as revoked: by this line.
    Revoked(Entry),
}

/// All lines of the user's and the system's files.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
}

impl KnownHosts {
    /// Reads files; those that are missing or unreadable are passed over, as ssh does, and so
    /// are lines that are not well formed.
    #[must_use]
    pub fn read<'p>(files: impl IntoIterator<Item = &'p PathBuf>) -> Self {
        let mut entries = Vec::new();
        for file in files {
            entries.extend(parse(&text_of(file), file, true));
        }
        Self { entries }
    }

    /// Adds what a command printed; `source` names the command in messages.
    pub fn add_text(&mut self, text: &str, source: &str) {
        self.entries.extend(parse(text, Path::new(source), false));
    }

    /// Looks up the key `blob` of the host filed under `name`.
    ///
    /// A key that differs from the one known is a changed key even when its type differs: else
    /// an attacker would offer a type that the host never had.
    #[must_use]
    pub fn find(&self, name: &str, blob: &[u8]) -> Finding {
        let mut finding = Finding::Unknown;
        for entry in self.entries.iter().filter(|entry| entry.line.names.matches(name)) {
            let same = entry.line.blob == blob;
            match entry.line.marker {
                Marker::Revoked if same => return Finding::Revoked(entry.clone()),
                Marker::Revoked | Marker::CertAuthority => {}
                Marker::None if same && matches!(finding, Finding::Known(_)) => {}
                Marker::None if same => finding = Finding::Known(entry.clone()),
                // ssh has forgotten DSA, and so has this program.
                Marker::None if entry.line.key_type == "ssh-dss" => {}
                Marker::None if finding == Finding::Unknown => {
                    finding = Finding::Changed(entry.clone());
                }
                Marker::None => {}
            }
        }
        finding
    }

    /// The line that makes `blob` an authority over the host filed under `name`.
    #[must_use]
    pub fn authority(&self, name: &str, blob: &[u8]) -> Option<&Entry> {
        let signs = |e: &&Entry| e.line.marker == Marker::CertAuthority && e.line.blob == blob;
        self.entries.iter().filter(|entry| entry.line.names.matches(name)).find(signs)
    }

    /// Whether any authority over the host is known.
    #[must_use]
    pub fn has_authority(&self, name: &str) -> bool {
        self.naming(name).any(|entry| entry.line.marker == Marker::CertAuthority)
    }

    /// Whether the key is marked as revoked for the host.
    #[must_use]
    pub fn revokes(&self, name: &str, blob: &[u8]) -> bool {
        let revoked = |e: &Entry| e.line.marker == Marker::Revoked && e.line.blob == blob;
        self.naming(name).any(revoked)
    }

    /// The key types known for a host, to ask the server for one of them.
    #[must_use]
    pub fn key_types(&self, name: &str) -> Vec<&str> {
        let of_host = self.entries.iter().filter(|e| e.line.names.matches(name));
        of_host
            .filter(|entry| entry.line.marker == Marker::None)
            .map(|entry| entry.line.key_type.as_str())
            .collect()
    }

    /// The lines of the files that name the host, whatever their marker is.
    pub fn naming<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.line.names.matches(name))
    }

    /// Other lines with the same key: the host may be known under another name.
    pub fn other_names<'a>(&'a self, blob: &'a [u8]) -> impl Iterator<Item = &'a Entry> {
        let same = move |e: &&Entry| e.line.blob == blob && e.line.marker == Marker::None;
        self.entries.iter().filter(same)
    }
}

/// The host key algorithms to offer, in order: where keys of the host are known, algorithms of
/// their types come first, so that a server with several keys shows the one that can be checked.
/// Where the first choice is among them, or nothing is known, the order stays as it is, and the
/// offer does not tell a listener whether the host is known (CVE-2020-14145). The first choice is
/// that of plain keys: certificates stand in front of them, and an offer that moved those behind
/// would tell. Certificates come first where an `authority` over the host is known.
#[must_use]
pub fn prefer_known(algorithms: &[String], known_types: &[&str], authority: bool) -> Vec<String> {
    let known = |algorithm: &String| match is_certificate_algorithm(algorithm) {
        true => authority,
        false => key_type_of(algorithm).is_some_and(|t| known_types.contains(&t)),
    };
    let plain = algorithms.iter().find(|algorithm| !is_certificate_algorithm(algorithm));
    if algorithms.first().is_none_or(known) || plain.is_some_and(known) {
        return algorithms.to_vec();
    }
    let (mut first, rest): (Vec<String>, Vec<String>) = algorithms.iter().cloned().partition(known);
    first.extend(rest);
    first
}

fn parse<'a>(text: &'a str, file: &'a Path, in_file: bool) -> impl Iterator<Item = Entry> + 'a {
    text.lines().enumerate().filter_map(move |(index, text)| {
        let line = Line::parse(text)?;
        Some(Entry { file: file.to_owned(), in_file, line_number: index + 1, line })
    })
}

fn text_of(file: &Path) -> String {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map(|f| f.take(FILE_BYTES_MAX));
    match opened.and_then(|mut f| f.read_to_end(&mut bytes)) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            let words = crate::exit::os_words(&error);
            crate::log::debug3(format_args!("{}: {words}", file.display()));
            String::new()
        }
    }
}

#[cfg(test)]
mod tests;

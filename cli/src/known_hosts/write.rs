//! Adding a line so that a crash leaves the old file or the new one, never a mix.

use super::{Line, Marker, hashed};
use crate::limits::FILE_BYTES_MAX;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tssh_transport::key::base64;

/// How long another writer may keep the directory locked before we go on without the lock: a
/// lost line costs one question, a hanging login costs more.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Adds the key `blob` (of type `key_type`) of the host filed under `names`: one line, or one for
/// each name where they are hashed.
///
/// # Errors
/// What the operating system said; the file is then as it was.
pub fn add(file: &Path, names: &[&str], key_type: &str, blob: &[u8], hash: bool) -> io::Result<()> {
    let line = lines_of(names, key_type, blob, hash)?;
    change(file, &Change::Append(line.into_bytes()))
}

/// What [`replace_keys`] makes of the lines of a host.
#[derive(Debug, Clone, Copy)]
pub struct Replacement<'a> {
    /// The names that the host is filed under.
    pub names: &'a [&'a str],
    /// Blobs whose lines stay; every other line of the host goes, unless it has a marker.
    pub keep: &'a [Vec<u8>],
    /// Keys whose lines are added behind: type and blob.
    pub add: &'a [(&'static str, Vec<u8>)],
    /// Whether names of added lines are hashed.
    pub hash: bool,
}

/// Replaces the lines of a host; the file is as it was or as it shall be, never between.
///
/// # Errors
/// What the operating system said.
pub fn replace_keys(file: &Path, replacement: &Replacement<'_>) -> io::Result<()> {
    let mut added = String::new();
    for (key_type, blob) in replacement.add {
        added.push_str(&lines_of(replacement.names, key_type, blob, replacement.hash)?);
    }
    change(file, &Change::Replace(replacement, added.into_bytes()))
}

/// The lines of one key.
fn lines_of(names: &[&str], key_type: &str, blob: &[u8], hash: bool) -> io::Result<String> {
    let key = base64::encode(blob);
    if !hash {
        return Ok(format!("{} {key_type} {key}\n", names.join(",").to_lowercase()));
    }
    let mut lines = String::new();
    for name in names {
        lines.push_str(&format!("{} {key_type} {key}\n", hashed_anew(name)?));
    }
    Ok(lines)
}

enum Change<'a> {
    Append(Vec<u8>),
    Replace(&'a Replacement<'a>, Vec<u8>),
}

impl Change<'_> {
    /// The new text of a file.
    fn apply(&self, mut text: Vec<u8>) -> Vec<u8> {
        let added = match self {
            Self::Append(added) => added,
            Self::Replace(replacement, added) => {
                let lines = text.split_inclusive(|byte| *byte == b'\n');
                text = lines.filter(|line| !replacement.removes(line)).flatten().copied().collect();
                added
            }
        };
        if !added.is_empty() && text.last().is_some_and(|b| *b != b'\n') {
            text.push(b'\n');
        }
        text.extend_from_slice(added);
        text
    }
}

impl Replacement<'_> {
    fn removes(&self, line: &[u8]) -> bool {
        let Some(line) = std::str::from_utf8(line).ok().and_then(Line::parse) else {
            return false;
        };
        line.marker == Marker::None
            && self.names.iter().any(|name| line.names.matches(name))
            && !self.keep.contains(&line.blob)
    }
}

fn change(file: &Path, change: &Change<'_>) -> io::Result<()> {
    // A symbolic link stays one: what it points to is replaced.
    let file = match std::fs::canonicalize(file) {
        Ok(file) => file,
        // A link to nothing yet: opening it makes what it points to.
        Err(_) if file.is_symlink() => return append(file, change),
        Err(_) => file.to_owned(),
    };
    let Some(directory) = file.parent() else { return append(&file, change) };
    if file.exists() && !file.is_file() {
        // A device such as /dev/null.
        return append(&file, change);
    }
    let lock = lock(directory);
    let written = replace(&file, directory, change);
    drop(lock);
    match written {
        // The file may be writable where its directory is not, or be mounted by itself, or stand
        // on a disk without room for a second one.
        Err(error) if only_in_place(error.kind()) => append(&file, change),
        other => other,
    }
}

/// `name` as a hashed name with a salt of its own.
fn hashed_anew(name: &str) -> io::Result<String> {
    let mut salt = [0; 20];
    getrandom::fill(&mut salt).map_err(|_| io::Error::other("no entropy"))?;
    Ok(hashed(name, &salt))
}

const fn only_in_place(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as K;
    matches!(
        kind,
        K::PermissionDenied
            | K::ResourceBusy
            | K::ReadOnlyFilesystem
            | K::CrossesDevices
            | K::StorageFull
    )
}

/// A lock on the directory, so that two logins at once both leave their line.
fn lock(directory: &Path) -> Option<File> {
    use rustix::fs::{FlockOperation, flock};
    let directory = File::open(directory).ok()?;
    let start = Instant::now();
    while flock(&directory, FlockOperation::NonBlockingLockExclusive).is_err() {
        if start.elapsed() > LOCK_WAIT {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(directory)
}

fn replace(file: &Path, directory: &Path, change: &Change<'_>) -> io::Result<()> {
    let mut text = Vec::new();
    let old = match File::open(file) {
        Ok(old) => {
            let meta = old.metadata()?;
            if meta.len() > FILE_BYTES_MAX {
                return Err(io::Error::other("the file is too large"));
            }
            old.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
            Some(meta)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let text = change.apply(text);
    let (path, mut temporary) = temporary(directory)?;
    let written = (|| {
        temporary.write_all(&text)?;
        if let Some(meta) = &old {
            temporary.set_permissions(std::fs::Permissions::from_mode(meta.mode() & 0o7777))?;
            // Only root may give a file away; for anybody else it is their own already.
            let _ = std::os::unix::fs::fchown(&temporary, Some(meta.uid()), Some(meta.gid()));
        }
        temporary.sync_all()?;
        std::fs::rename(&path, file)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&path);
    }
    written
}

/// A new file of mode 0600 in `directory`.
fn temporary(directory: &Path) -> io::Result<(PathBuf, File)> {
    let mut last = io::Error::other("no name is free");
    for _ in 0..16 {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| io::Error::other("no entropy"))?;
        let path = directory.join(format!(".known_hosts-{:016x}", u64::from_ne_bytes(random)));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Adds to a file that cannot be replaced; what goes from it stays there then.
fn append(file: &Path, change: &Change<'_>) -> io::Result<()> {
    let (Change::Append(added) | Change::Replace(_, added)) = change;
    if added.is_empty() {
        return Ok(());
    }
    let open = std::fs::read(file).is_ok_and(|text| text.last().is_some_and(|b| *b != b'\n'));
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    // A last line without an end stays a line of its own. One write, so that two do not mix.
    let end: &[u8] = if open { b"\n" } else { b"" };
    let before = file.metadata()?.len();
    let written = file.write_all(&[end, added].concat());
    if written.is_err() {
        // A disk that is full takes a part: a line that is cut short would be worse than none.
        let _ = file.set_len(before);
    }
    written
}

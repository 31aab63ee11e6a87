//! Adding a line so that a crash leaves the old file or the new one, never a mix.

use super::hashed;
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
    let key = base64::encode(blob);
    let mut line = String::new();
    for name in if hash { names.to_vec() } else { Vec::new() } {
        line.push_str(&format!("{} {key_type} {key}\n", hashed_anew(name)?));
    }
    if !hash {
        line = format!("{} {key_type} {key}\n", names.join(",").to_lowercase());
    }
    // A symbolic link stays one: what it points to is replaced.
    let file = match std::fs::canonicalize(file) {
        Ok(file) => file,
        // A link to nothing yet: opening it makes what it points to.
        Err(_) if file.is_symlink() => return append(file, &line),
        Err(_) => file.to_owned(),
    };
    let Some(directory) = file.parent() else { return append(&file, &line) };
    if file.exists() && !file.is_file() {
        // A device such as /dev/null.
        return append(&file, &line);
    }
    let lock = lock(directory);
    let written = replace(&file, directory, &line);
    drop(lock);
    match written {
        // The file may be writable where its directory is not, or be mounted by itself, or stand
        // on a disk without room for a second one.
        Err(error) if only_in_place(error.kind()) => append(&file, &line),
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

fn replace(file: &Path, directory: &Path, line: &str) -> io::Result<()> {
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
    if text.last().is_some_and(|b| *b != b'\n') {
        text.push(b'\n');
    }
    text.extend_from_slice(line.as_bytes());
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

fn append(file: &Path, line: &str) -> io::Result<()> {
    let open = std::fs::read(file).is_ok_and(|text| text.last().is_some_and(|b| *b != b'\n'));
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    // A last line without an end stays a line of its own. One write, so that two do not mix.
    let line = if open { format!("\n{line}") } else { line.to_owned() };
    file.write_all(line.as_bytes())
}

//! Files that decide who gets in, read only where nobody else can have written them.

use rustix::fs::{Mode, OFlags};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Permissions of group and others that let them write.
const OTHERS_WRITE: u32 = 0o022;
/// Any permission of group and others.
const OTHERS_ANY: u32 = 0o077;

/// Entries of such a directory can be renamed and removed by their owners only.
const STICKY: u32 = 0o1000;

/// Whose a file may be, and how far up its directories are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The user; root may own the file as well.
    pub uid: u32,
    /// The directory to stop at; above it others are responsible.
    pub home: &'a Path,
}

/// How closed a file has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// As it is (`StrictModes no`).
    Any,
    /// Written by its owner only, and so its directories up to the home directory.
    OwnerWrites,
    /// That, and read by its owner only: the file holds secrets.
    OwnerReads,
}

/// Reads a regular file of at most `max` bytes.
///
/// What was opened is what is checked, so a file put in its place between the two gains nothing;
/// opening does not wait, should it be a FIFO.
///
/// # Errors
/// One line for the log, in OpenSSH's words where it has any.
pub fn read(
    path: &Path,
    max: u64,
    strictness: Strictness,
    owner: Owner<'_>,
) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file: File = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|e| format!("Could not open \"{shown}\": {}", std::io::Error::from(e)))?
        .into();
    let about = file.metadata().map_err(|e| format!("Could not open \"{shown}\": {e}"))?;
    if !about.is_file() {
        return Err(format!("\"{shown}\" is not a regular file"));
    }
    if strictness != Strictness::Any {
        let mask = if strictness == Strictness::OwnerReads { OTHERS_ANY } else { OTHERS_WRITE };
        if !is_own(&about, owner.uid, mask) {
            return Err(format!("Authentication refused: bad ownership or modes for file {shown}"));
        }
        check_directories(path, strictness, owner)?;
    }
    let mut text = Vec::new();
    file.take(max.saturating_add(1))
        .read_to_end(&mut text)
        .map_err(|e| format!("Could not read \"{shown}\": {e}"))?;
    if u64::try_from(text.len()).is_ok_and(|n| n > max) {
        return Err(format!("\"{shown}\" is longer than {max} bytes"));
    }
    Ok(text)
}

/// Whether nobody but root and the owner can have written a program, or put it there.
///
/// # Errors
/// One line for the log.
pub fn program(path: &Path, owner: Owner<'_>) -> Result<(), String> {
    let about =
        path.metadata().map_err(|e| format!("Could not stat \"{}\": {e}", path.display()))?;
    if !about.is_file() || !is_own(&about, owner.uid, OTHERS_WRITE) {
        return Err("bad ownership or modes for the file".to_owned());
    }
    check_directories(path, Strictness::OwnerWrites, owner)
}

/// Every directory from the file's own up to the home directory, or to the root for a file that
/// is not below it, links resolved.
///
/// Secrets may lie below root's own directories for temporary files: there nobody can move what
/// is another's. OpenSSH does not accept them for authorized_keys, and so neither do we.
fn check_directories(path: &Path, strictness: Strictness, owner: Owner<'_>) -> Result<(), String> {
    let real = path.canonicalize().map_err(|e| format!("realpath {}: {e}", path.display()))?;
    let home = owner.home.canonicalize().ok();
    for directory in real.ancestors().skip(1) {
        let about = directory
            .metadata()
            .map_err(|e| format!("Could not open \"{}\": {e}", directory.display()))?;
        let sticky =
            strictness == Strictness::OwnerReads && about.uid() == 0 && about.mode() & STICKY != 0;
        if !sticky && !is_own(&about, owner.uid, OTHERS_WRITE) {
            return Err(format!(
                "Authentication refused: bad ownership or modes for directory {}",
                directory.display()
            ));
        }
        if home.as_deref() == Some(directory) {
            break;
        }
    }
    Ok(())
}

fn is_own(about: &Metadata, uid: u32, mask: u32) -> bool {
    (about.uid() == uid || about.uid() == 0) && about.mode() & mask == 0
}

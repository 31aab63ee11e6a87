//! Files that hold what others must not see: made for their owner alone, never through a link.

use crate::exit::os_words;
use rustix::fs::{FileType, Mode, OFlags, fchmod, fstat, ftruncate, open, stat};
use rustix::process::geteuid;
use std::fs::File;
use std::path::Path;

/// What becomes of what the file holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It goes.
    Nothing,
    /// New lines follow it.
    Everything,
}

/// Opens a file for writing. It is made where nothing stands; what stands there must be a regular
/// file of this user's with no other name. Only its owner may read it from now on.
///
/// # Errors
/// One line: what, where and why.
pub fn create(path: &Path, keep: Keep) -> Result<File, String> {
    let fault = |words: &str| format!("cannot write {}: {words}", path.display());
    let flags = OFlags::WRONLY
        | OFlags::CREATE
        | OFlags::APPEND
        | OFlags::NOFOLLOW
        | OFlags::CLOEXEC
        | OFlags::NOCTTY
        // A pipe without a reader would be waited for.
        | OFlags::NONBLOCK;
    let os = |error: rustix::io::Errno| match error {
        rustix::io::Errno::LOOP => fault("it is a symbolic link"),
        rustix::io::Errno::NXIO => fault("it is not a regular file"),
        error => fault(&os_words(&error.into())),
    };
    let file = open(path, flags, Mode::RUSR | Mode::WUSR).map_err(os)?;
    let found = fstat(&file).map_err(os)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(fault("it is not a regular file"));
    }
    if found.st_uid != geteuid().as_raw() {
        return Err(fault("it is somebody else's"));
    }
    if found.st_nlink != 1 {
        return Err(fault("it has other names too"));
    }
    fchmod(&file, Mode::RUSR | Mode::WUSR).map_err(os)?;
    if keep == Keep::Nothing {
        ftruncate(&file, 0).map_err(os)?;
    }
    Ok(File::from(file))
}

/// Whether two paths name one file.
#[must_use]
pub fn same(one: &Path, other: &Path) -> bool {
    matches!((stat(one), stat(other)), (Ok(a), Ok(b))
        if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
}

/// Refuses a folder in which anybody could replace the file.
///
/// # Errors
/// One line.
pub fn check_folder(path: &Path) -> Result<(), String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let fault = |words: &str| format!("cannot write {}: its folder {words}", path.display());
    let found = stat(folder).map_err(|error| fault(&format!("says {error}")))?;
    let mode = Mode::from_raw_mode(found.st_mode);
    if mode.contains(Mode::WOTH) && !mode.contains(Mode::SVTX) {
        return Err(fault("may be written by anybody"));
    }
    Ok(())
}

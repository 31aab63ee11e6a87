//! Files that hold what others must not see: made for their owner alone, never through a link.

use crate::exit::os_words;
use rustix::fs::{FileType, Mode, OFlags, fchmod, fstat, ftruncate, open, stat};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::File;
use std::path::{Path, PathBuf};

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
    Ready::open(path)?.begin(keep)
}

/// A file that can be written, and holds what it held until that begins. One that was made for
/// nothing is gone again: a session that never came to be leaves no trace.
#[derive(Debug)]
pub struct Ready {
    /// Until it is begun.
    file: Option<File>,
    path: PathBuf,
    made: bool,
}

fn fault(path: &Path, words: &str) -> String {
    format!("cannot write {}: {words}", path.display())
}

impl Ready {
    /// As [`create`], but for what the file holds.
    ///
    /// # Errors
    /// One line.
    pub fn open(path: &Path) -> Result<Self, String> {
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC
            | OFlags::NOCTTY
            // A pipe without a reader would be waited for.
            | OFlags::NONBLOCK;
        let os = |error: Errno| match error {
            Errno::LOOP => fault(path, "it is a symbolic link"),
            Errno::NXIO => fault(path, "it is not a regular file"),
            error => fault(path, &os_words(&error.into())),
        };
        let mode = Mode::RUSR | Mode::WUSR;
        let (file, made) = match open(path, flags | OFlags::CREATE | OFlags::EXCL, mode) {
            Ok(file) => (file, true),
            Err(Errno::EXIST) => (open(path, flags, mode).map_err(os)?, false),
            Err(error) => return Err(os(error)),
        };
        let found = fstat(&file).map_err(os)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(fault(path, "it is not a regular file"));
        }
        if found.st_uid != geteuid().as_raw() {
            return Err(fault(path, "it is somebody else's"));
        }
        if found.st_nlink != 1 {
            return Err(fault(path, "it has other names too"));
        }
        let file = File::from(file);
        let ready = Self { file: Some(file), path: path.to_owned(), made };
        if let Some(file) = &ready.file {
            fchmod(file, mode).map_err(os)?;
        }
        Ok(ready)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is written from now on stays.
    ///
    /// # Errors
    /// One line.
    pub fn begin(mut self, keep: Keep) -> Result<File, String> {
        let file = self.file.take().ok_or_else(|| fault(&self.path, "it is begun"))?;
        if keep == Keep::Nothing {
            ftruncate(&file, 0).map_err(|error| fault(&self.path, &os_words(&error.into())))?;
        }
        Ok(file)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        let Some(file) = self.file.take().filter(|_| self.made) else { return };
        // Another process may have put something in it, or another file in its place.
        if let (Ok(own), Ok(there)) = (fstat(&file), stat(&self.path))
            && own.st_size == 0
            && (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)
        {
            let _ = std::fs::remove_file(&self.path);
        }
    }
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

//! What is read at once, and what has to be waited for on a thread of its own.
//!
//! Starting a thread takes as long as reading a hundred small files. So ordinary files are read
//! where they are needed; only what may keep us waiting, such as a pipe that nobody writes to, is
//! left to a thread, so that a signal ends the wait.

use std::path::Path;

/// Whether all of these are ordinary files, or are not there, which is found out as fast.
pub fn all_plain<'p>(paths: impl IntoIterator<Item = &'p Path>) -> bool {
    paths.into_iter().all(is_plain)
}

/// Bytes of a file that is read at once: some milliseconds, in which no signal is heard.
const PLAIN_BYTES_MAX: u64 = 1024 * 1024;

fn is_plain(path: &Path) -> bool {
    // What has no size may still have content that comes when it likes, as /proc/kmsg.
    let quick = |meta: std::fs::Metadata| {
        meta.is_dir() || meta.is_file() && (1..=PLAIN_BYTES_MAX).contains(&meta.len())
    };
    // The usual word for no file at all.
    path == Path::new("/dev/null") || std::fs::metadata(path).map_or(true, quick)
}

/// Does `work` here where it is `quick`, and else on a thread of its own, while the connection goes
/// on; nothing where it panicked there.
pub async fn done<T: Send + 'static>(
    quick: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if quick { Some(work()) } else { tokio::task::spawn_blocking(work).await.ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_pipe_is_no_plain_file_and_one_that_is_missing_keeps_nobody_waiting() {
        let folder = crate::test_support::Dir::new();
        let file = folder.write("file", "text");
        let [pipe, missing, link] = ["pipe", "missing", "link"].map(|name| folder.0.join(name));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        assert!(all_plain([file.as_path(), &missing, &folder.0, Path::new("/dev/null")]));
        let (empty, large) = (folder.write("empty", ""), folder.0.join("large"));
        let made = std::fs::File::create(&large).unwrap();
        made.set_len(PLAIN_BYTES_MAX).unwrap();
        assert!(all_plain([large.as_path()]));
        made.set_len(PLAIN_BYTES_MAX + 1).unwrap();
        for waits in [pipe.as_path(), &link, Path::new("/dev/zero"), &empty, &large] {
            assert!(!all_plain([file.as_path(), waits]), "{}", waits.display());
        }
    }

    #[test]
    fn quick_work_is_done_where_it_is_asked_for() {
        let here = std::thread::current().id();
        let work = || std::thread::current().id();
        let ran = |quick| crate::test_support::block_on(done(quick, work));
        assert_eq!(ran(true), Some(here));
        assert_ne!(ran(false), Some(here));
    }
}

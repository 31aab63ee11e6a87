//! The limit of open files: as high as it may be for us, of whom each forwarded connection takes a
//! descriptor, and as it was for the programs that we run, which may not expect so many.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// The limits that this process was started with.
static BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit to the hard one. That it cannot be raised is no fault: connections above
/// the limit wait until others have ended.
pub fn raise() {
    let now = *BEFORE.get_or_init(|| getrlimit(Resource::Nofile));
    let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, ..now });
}

/// Runs `start`, which starts a program, with the limits as they were before [`raise`]: the
/// program gets them. What is open already stays open.
pub fn as_before<T>(start: impl FnOnce() -> T) -> T {
    let Some(before) = BEFORE.get() else { return start() };
    let _ = setrlimit(Resource::Nofile, *before);
    let started = start();
    raise();
    started
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn programs_get_what_we_got() {
        let soft = || {
            let shown = Command::new("sh").args(["-c", "ulimit -S -n"]).output().unwrap();
            String::from_utf8(shown.stdout).unwrap().trim().to_owned()
        };
        let before = soft();
        raise();
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
        assert_eq!(as_before(soft), before);
        assert_eq!(getrlimit(Resource::Nofile).current, now.maximum);
    }
}

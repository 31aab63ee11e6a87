//! Child processes of a test: output collected while they run, waits with a limit and without
//! polling, and an end that cannot be forgotten.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Most output of one pipe that is kept: no test prints more, and a runaway process must not
/// fill the memory of the machine.
const OUTPUT_BYTES_MAX: usize = 160 * 1024 * 1024;

/// How long anything may take that should take no time at all, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    ended: bool,
}

/// The bytes that came out of a pipe so far.
#[derive(Clone, Default)]
pub struct Watched {
    shared: Arc<(Mutex<Seen>, Condvar)>,
}

impl Watched {
    /// Collects what `pipe` yields, on a thread that ends with the pipe.
    pub fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let watched = Self::default();
        let shared = Arc::clone(&watched.shared);
        std::thread::spawn(move || {
            let mut piece = vec![0; 64 * 1024];
            loop {
                // A terminal whose other side is gone reports an error in place of the end.
                let taken = pipe.read(&mut piece).unwrap_or(0);
                let mut seen = shared.0.lock().expect("no panic while locked");
                if taken == 0 || seen.bytes.len() > OUTPUT_BYTES_MAX {
                    seen.ended = true;
                    shared.1.notify_all();
                    return;
                }
                seen.bytes.extend_from_slice(&piece[..taken]);
                shared.1.notify_all();
            }
        });
        watched
    }

    /// All bytes so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().expect("no panic while locked").bytes.clone()
    }

    /// All bytes so far, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Waits until `ready` holds for the bytes so far; false when the pipe ended or `limit`
    /// passed before.
    pub fn wait(&self, limit: Duration, mut ready: impl FnMut(&[u8]) -> bool) -> bool {
        let until = Instant::now() + limit;
        let mut seen = self.shared.0.lock().expect("no panic while locked");
        loop {
            if ready(&seen.bytes) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if seen.ended || left.is_zero() {
                return false;
            }
            seen = self.shared.1.wait_timeout(seen, left).expect("no panic while locked").0;
        }
    }

    /// Waits until `text` has appeared; false when the pipe ended or `limit` passed before.
    #[must_use]
    pub fn wait_for(&self, text: &str, limit: Duration) -> bool {
        let text = text.as_bytes();
        self.wait(limit, |bytes| bytes.windows(text.len()).any(|window| window == text))
    }

    /// Waits until the pipe has ended; false when `limit` passed before.
    #[must_use]
    pub fn wait_end(&self, limit: Duration) -> bool {
        let _ = self.wait(limit, |_| false);
        self.shared.0.lock().expect("no panic while locked").ended
    }
}

/// A child process in a process group of its own, ended with that group when dropped.
pub struct Process {
    child: Child,
    /// Readable once the process has ended, and never taken for another process.
    handle: OwnedFd,
    status: Option<ExitStatus>,
    title: String,
    /// Its standard input, until taken or closed.
    pub stdin: Option<ChildStdin>,
    /// What it wrote to standard output.
    pub stdout: Watched,
    /// What it wrote to standard error.
    pub stderr: Watched,
}

impl Process {
    /// Starts `command` with all three standard streams as pipes.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn_as_is(command)
    }

    /// Starts `command` with the standard streams that it already names.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn spawn_as_is(command: &mut Command) -> Self {
        let title = format!("{command:?}");
        let mut child =
            command.process_group(0).spawn().unwrap_or_else(|e| panic!("start {title}: {e}"));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(Watched::new).unwrap_or_default();
        let stderr = child.stderr.take().map(Watched::new).unwrap_or_default();
        let handle = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        let handle = handle.expect("a handle of the child");
        Self { child, handle, status: None, title, stdin, stdout, stderr }
    }

    /// Its process id, which is also the id of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input; a process that reads no more is not an error.
    ///
    /// # Panics
    /// When standard input was closed by the test itself.
    pub fn send(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("standard input is still open");
        let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// The exit status, if it has ended within `limit`.
    ///
    /// # Panics
    /// When the system does not let us wait.
    pub fn wait_for_exit(&mut self, limit: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            let limit = Timespec::try_from(limit).expect("a limit of seconds");
            let mut polled = [PollFd::new(&self.handle, PollFlags::IN)];
            if poll(&mut polled, Some(&limit)).expect("wait for a child") > 0 {
                self.end();
            }
        }
        self.status
    }

    /// Ends the group and reaps its leader. In this order: a leader that is not reaped keeps
    /// the number of the group from going to somebody else.
    fn end(&mut self) {
        self.signal_all(Signal::KILL);
        self.status = self.child.wait().ok();
    }

    /// Sends a signal to the process, its group, and all that descend from it: sshd gives each
    /// connection a session of its own, which no group reaches.
    pub fn signal_all(&self, signal: Signal) {
        let leader = Pid::from_child(&self.child);
        let descendants = descendants(self.pid());
        let _ = kill_process_group(leader, signal);
        for pid in descendants.into_iter().filter_map(pid_of) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end and for the end of its output; returns the exit code, 128 + N for
    /// death by signal N.
    ///
    /// # Panics
    /// With all its output when it is still there after `limit`.
    pub fn finish(&mut self, limit: Duration) -> Finished {
        use std::os::unix::process::ExitStatusExt;
        self.close_stdin();
        let Some(status) = self.wait_for_exit(limit) else {
            panic!("not ended after {limit:?}: {}\n{}", self.title, self.output());
        };
        let _ = self.stdout.wait_end(PATIENCE) && self.stderr.wait_end(PATIENCE);
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Finished {
            code,
            stdout: self.stdout.bytes(),
            stderr: self.stderr.text(),
            title: self.title.clone(),
        }
    }

    /// Both outputs, for the text of a failure.
    #[must_use]
    pub fn output(&self) -> String {
        let out = self.stdout.bytes();
        let shown = &out[..out.len().min(4096)];
        format!("stdout: {}\nstderr: {}", String::from_utf8_lossy(shown), self.stderr.text())
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Resident memory in KiB.
    ///
    /// # Panics
    /// When the process is gone.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        match resident_kib(self.pid()) {
            0 => panic!("no VmRSS line of a living process"),
            kib => kib,
        }
    }

    /// Resident memory in KiB and open descriptors of the process and all that descend from it:
    /// a server may have a process for each connection.
    #[must_use]
    pub fn tree_usage(&self) -> Usage {
        let leader = self.pid();
        let all = [leader].into_iter().chain(descendants(leader));
        // One that has ended in the meantime uses nothing.
        all.fold(Usage::default(), |sum, pid| {
            let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
            Usage {
                resident_kib: sum.resident_kib + resident_kib(pid),
                files: sum.files + files.map_or(0, Iterator::count),
            }
        })
    }

    /// Whether the process, or one that descends from it, has this socket open.
    #[must_use]
    pub fn tree_has_socket(&self, inode: u64) -> bool {
        let leader = self.pid();
        let all = [leader].into_iter().chain(descendants(leader));
        let files = all.flat_map(|pid| std::fs::read_dir(format!("/proc/{pid}/fd"))).flatten();
        let mut names = files.flatten().flat_map(|file| std::fs::read_link(file.path()));
        let wanted = format!("socket:[{inode}]");
        names.any(|name| name.as_os_str() == wanted.as_str())
    }
}

/// What processes use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory in KiB.
    pub resident_kib: u64,
    /// Open descriptors.
    pub files: usize,
}

fn resident_kib(pid: u32) -> u64 {
    crate::measure::resident_kib(pid) as u64
}

fn pid_of(number: u32) -> Option<Pid> {
    Pid::from_raw(number.try_into().ok()?)
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.end();
        }
    }
}

/// All processes whose parents lead to `ancestor`.
#[must_use]
pub fn descendants(ancestor: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: Vec<(u32, u32)> = processes
        .filter_map(|entry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name, in parentheses, may hold anything; state and parent follow it.
            let (_, after_name) = stat.rsplit_once(')')?;
            let parent = after_name.split_whitespace().nth(1)?.parse().ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, parent))
        })
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// What a process left behind.
#[derive(Debug)]
pub struct Finished {
    /// Exit code, or 128 + N for death by signal N.
    pub code: i32,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: String,
    title: String,
}

impl Finished {
    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Fails unless the exit code is `code`.
    ///
    /// # Panics
    /// With all output when it is another.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        let shown = &self.stdout[..self.stdout.len().min(4096)];
        let out = String::from_utf8_lossy(shown);
        assert_eq!(self.code, code, "{}\nstdout: {out}\nstderr: {}", self.title, self.stderr);
        self
    }

    /// Fails unless standard error holds `text`.
    ///
    /// # Panics
    /// With the standard error when it does not.
    #[track_caller]
    pub fn expect_stderr(&self, text: &str) -> &Self {
        assert!(
            self.stderr.contains(text),
            "{}\nno {text:?} in stderr: {}",
            self.title,
            self.stderr
        );
        self
    }
}

/// Starts `command`, closes its standard input, and waits for its end.
///
/// # Panics
/// When it has not ended after [`PATIENCE`].
pub fn run(command: &mut Command) -> Finished {
    Process::spawn(command).finish(PATIENCE)
}

/// Lets this process, and what it starts from now on, open many files: a test of a thousand
/// connections holds both ends of each.
///
/// # Panics
/// When the system's hard limit is too low.
pub fn raise_open_files(wanted: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let limit = Rlimit { current: Some(wanted), maximum: now.maximum };
    setrlimit(Resource::Nofile, limit).expect("raise the limit of open files");
}

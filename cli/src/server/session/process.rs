//! The process of a session: started, signalled, waited for.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::oneshot;

/// A process that was started, and whose end a thread of its own waits for: it may outlive the
/// connection, and must be taken note of all the same.
#[derive(Debug, Clone)]
pub struct Running(Arc<Mutex<Option<Pid>>>);

/// The pipes of a process, as far as it has any.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are those of the standard library")]
pub struct Pipes {
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
    pub stderr: Option<ChildStderr>,
}

/// Brings the status when the process has ended.
pub type End = oneshot::Receiver<ExitStatus>;

impl Running {
    /// Starts a command and returns it with its pipes.
    ///
    /// # Errors
    /// It cannot be started, or there can be no more threads.
    pub fn start(mut command: Command) -> io::Result<(Pipes, Self, End)> {
        let (give, take) = mpsc::sync_channel::<(Child, Self)>(1);
        let (tell, end) = oneshot::channel();
        // The thread comes first: without it the process would have nobody.
        std::thread::Builder::new().name("session".to_owned()).spawn(move || {
            let Ok((child, running)) = take.recv() else { return };
            if let Ok(status) = running.wait(child) {
                // The connection may be gone.
                let _ = tell.send(status);
            }
        })?;
        let mut child = command.spawn()?;
        let running = Self(Arc::new(Mutex::new(Some(Pid::from_child(&child)))));
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        give.send((child, running.clone())).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok((Pipes { stdin, stdout, stderr }, running, end))
    }

    fn wait(&self, mut child: Child) -> io::Result<ExitStatus> {
        let pid = Pid::from_child(&child);
        // Its number is its own until it is taken note of, which comes after the last signal.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(pid), ended).is_err_and(|error| error == rustix::io::Errno::INTR) {
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        child.wait()
    }

    /// Sends a signal to the process and its group; `false` where it has ended.
    #[must_use]
    pub fn signal(&self, signal: Signal) -> bool {
        let pid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The helper made it the leader of a group of its own.
        pid.is_some_and(|pid| kill_process_group(pid, signal).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::Stdio;

    #[tokio::test]
    async fn a_process_is_signalled_until_it_has_ended_and_never_later() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo on; read x"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // As the helper would have it.
        command.process_group(0);
        let (mut pipes, running, end) = Running::start(command).unwrap();
        let mut on = [0; 3];
        pipes.stdout.as_mut().unwrap().read_exact(&mut on).unwrap();
        assert!(running.signal(Signal::USR1));
        assert_eq!(end.await.unwrap().signal(), Some(Signal::USR1.as_raw()));
        assert!(!running.signal(Signal::USR1));
    }

    #[test]
    fn what_cannot_be_started_is_an_error() {
        let error = Running::start(Command::new("/no/such/program")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}

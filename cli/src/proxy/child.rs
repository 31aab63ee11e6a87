//! The program that carries the connection: its standard input and output are pipes to us,
//! standard error is shared with us, and it ends with the connection.

use crate::exit::{Fatal, Result, os_words};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// This very program, whatever became of its file since it was started.
const OURSELVES: &str = "/proc/self/exe";
/// The shell of a user who names none.
const DEFAULT_SHELL: &str = "/bin/sh";

/// A program that carries the connection. Dropping it sends a hang-up, as ssh does.
#[derive(Debug)]
pub struct ProxyChild(Child);

impl Drop for ProxyChild {
    fn drop(&mut self) {
        // One that has ended is not there to be signalled, and its number may be another's.
        if matches!(self.0.try_wait(), Ok(None)) {
            // It ends by itself when the connection is closed; the signal is for one that waits
            // for something else.
            let _ = kill_process(Pid::from_child(&self.0), Signal::HUP);
        }
    }
}

impl ProxyChild {
    /// Waits for its end, on a thread that may block.
    pub fn wait(&mut self) {
        // Its status says nothing that its socket does not say.
        let _ = self.0.wait();
    }
}

/// A program, what it says, and what it is told. Pipes, as ssh has them: a program that ends
/// without having read what we sent is then an orderly end, where a socket would be reset.
pub struct Spawned {
    pub child: ProxyChild,
    pub input: OwnedFd,
    pub output: OwnedFd,
}

/// Has the user's shell run `command`, joined to us by pipes.
pub fn shell(command: &str) -> Result<Spawned> {
    let mut program = with_shell(command);
    piped(&mut program).map_err(|error| no_shell(&program, &error))
}

/// Has the user's shell run `command` with one socket for its standard input and output.
pub fn shell_on_socket(command: &str) -> Result<(ProxyChild, UnixStream)> {
    let mut program = with_shell(command);
    let spawned = UnixStream::pair().and_then(|(ours, theirs)| {
        let theirs = OwnedFd::from(theirs);
        program.stdin(Stdio::from(theirs.try_clone()?)).stdout(Stdio::from(theirs));
        Ok((ProxyChild(program.spawn()?), ours))
    });
    // `program` holds the other end too, which must close when the program lets go of it.
    spawned.map_err(|error| no_shell(&program, &error))
}

/// Runs this program once more, joined to us by pipes.
pub fn ourselves(arguments: &[String]) -> Result<Spawned> {
    let mut program = Command::new(OURSELVES);
    // Not our own name, which may tell this program to be something else.
    piped(program.arg0("tssh").args(arguments)).map_err(|error| failed(&error))
}

pub fn failed(error: &std::io::Error) -> Fatal {
    Fatal::new(format!("cannot run a proxy: {}", os_words(error)))
}

fn with_shell(command: &str) -> Command {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let mut program = Command::new(shell.unwrap_or_else(|| OsString::from(DEFAULT_SHELL)));
    program.arg("-c").arg(command);
    program
}

fn no_shell(program: &Command, error: &std::io::Error) -> Fatal {
    Fatal::new(format!("{}: {}", program.get_program().display(), os_words(error)))
}

fn piped(program: &mut Command) -> std::io::Result<Spawned> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (input, output) = (child.stdout.take(), child.stdin.take());
    let child = ProxyChild(child);
    match (input, output) {
        (Some(input), Some(output)) => {
            Ok(Spawned { child, input: input.into(), output: output.into() })
        }
        // They were asked for two lines above.
        _ => Err(std::io::ErrorKind::BrokenPipe.into()),
    }
}

//! Servers that want their connection as standard input and output.

use crate::process::Process;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A listener that starts one process for each connection; all end with it.
pub struct Inetd {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Inetd {
    /// Listens on a free port of 127.0.0.1.
    pub fn start(command: impl Fn() -> Command + Send + 'static) -> Result<Self, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            // One for each connection that a test makes; they end when this thread does.
            let mut processes = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                processes.extend(serve(command(), stream));
            }
        });
        Ok(Self { port, stop, thread: Some(thread) })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn serve(mut command: Command, stream: TcpStream) -> Option<Process> {
    let output = stream.try_clone().ok()?;
    command.stdin(Stdio::from(OwnedFd::from(stream)));
    command.stdout(Stdio::from(OwnedFd::from(output))).stderr(Stdio::null());
    Some(Process::spawn_as_is(&mut command))
}

impl Drop for Inetd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the listener.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

//! `--record FILE`: everything that a session needs to be run again bit for bit, its seed included.
//!
//! The format is that of `tssh_transport::transcript`. Whoever has the file can read all of the
//! session; private keys are not in it: a signature is recorded as the answer that it was.

use super::alarm::Alarm;
use super::file::{self, Keep, Ready};
use super::queue::{Queue, Taken};
use crate::exit::{Fatal, Result, os_words};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tssh_connection::transcript::{Settings, client_header, settings_header};
use tssh_connection::{ClientConfig, Stack};
use tssh_transport::entropy::SEED_BYTES;
use tssh_transport::transcript::{Log, hex};
use zeroize::Zeroizing;

/// A recording ends here: a replay holds all of it in memory.
pub const RECORDING_BYTES_MAX: usize = 256 * 1024 * 1024 - 64 * 1024;
/// What a line takes beside its text.
const LINE_BYTES: usize = 64;
/// What the header says to whoever opens the file.
const HOLDS: &str = "the seed of all keys of this session: whoever has this file can read the \
                     session and the password that was sent in it";

/// A file that is open and ready for one connection.
#[derive(Debug)]
pub struct Recording {
    file: Ready,
    path: PathBuf,
}

/// What goes with the connection, to be kept until its end.
#[derive(Debug)]
pub struct Running {
    queue: Arc<Queue<Zeroizing<String>>>,
    notice: String,
}

impl Recording {
    /// Opens the file.
    ///
    /// # Errors
    /// A file that cannot be made safely.
    pub fn open(path: &Path) -> Result<Self> {
        let fatal = |text: String| Fatal::usage(format!("tssh: {text}"));
        file::check_folder(path).map_err(fatal)?;
        let file = Ready::open(path).map_err(fatal)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// The header of a client's recording.
    #[must_use]
    pub fn header(
        config: &ClientConfig,
        seed: &[u8; SEED_BYTES],
        settings: &Settings,
    ) -> Zeroizing<String> {
        let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = started.map_or(0, |since| since.as_micros());
        let header = Zeroizing::new(client_header(config, seed));
        Zeroizing::new(format!(
            "{}{}started_us {micros}\nholds {HOLDS}\n\n",
            *header,
            settings_header(settings)
        ))
    }

    /// Has a session recorded from its first byte on, and says so aloud. `alarm` rings when the
    /// recording ends before the session.
    ///
    /// # Errors
    /// No thread, a file that cannot be emptied.
    pub fn attach(
        self,
        stack: &mut Stack,
        header: Zeroizing<String>,
        alarm: &Alarm,
    ) -> Result<Running> {
        let notice = format!(
            "tssh: WARNING: whoever has the recording {} can read all of this session, passwords \
             too.",
            self.path.display()
        );
        crate::log::show(format_args!("{notice}\r\n"));
        let queue = Arc::new(Queue::new("recording", "tssh", alarm.clone()));
        let bytes = header.len();
        queue.push(header, bytes);
        let (sink, mut left) = (Arc::clone(&queue), RECORDING_BYTES_MAX);
        let full = alarm.clone();
        stack.record(Log::new(Box::new(move |line| {
            if left == 0 {
                return;
            }
            left = left.saturating_sub(line.len());
            if left == 0 {
                crate::log::show(format_args!(
                    "tssh: the recording ends here: it has reached {RECORDING_BYTES_MAX} bytes\r\n"
                ));
                full.ring();
                return;
            }
            sink.push(Zeroizing::new(line.to_owned()), line.len() + LINE_BYTES);
        })));
        let drained = Arc::clone(&queue);
        let Self { file, path } = self;
        let fatal = |text: String| Fatal::usage(format!("tssh: {text}"));
        let mut file = file.begin(Keep::Nothing).map_err(fatal)?;
        let writer = move || {
            drained.drain(|taken| {
                let line = match taken {
                    Taken::Item(line) => line,
                    Taken::End(ended) => {
                        Zeroizing::new(format!("f ended {}\n", hex(ended.as_bytes())))
                    }
                };
                let Err(error) = file.write_all(line.as_bytes()) else { return true };
                let (path, words) = (path.display(), os_words(&error));
                crate::log::show(format_args!("tssh: the recording {path} ends here: {words}\r\n"));
                false
            });
        };
        std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(writer)
            .map_err(|error| Fatal::new(format!("cannot record: {}", os_words(&error))))?;
        Ok(Running { queue, notice })
    }
}

impl Running {
    /// The connection is over, and with it the stack that was recorded.
    pub fn finish(self, ended: &str) {
        self.queue.close(ended);
        crate::log::show(format_args!("{}\r\n", self.notice));
    }
}

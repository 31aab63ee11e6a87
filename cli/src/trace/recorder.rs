//! Events on their way from a session to its files.
//!
//! The session puts events into a bounded queue; a thread of its own takes them out, has each face
//! turn them into bytes, and writes. Where the disk does not keep up the session waits a moment,
//! and where that does not help the trace ends, with one line, and the session goes on.

use super::alarm::{Alarm, Traced};
use super::outputs::Outputs;
use super::queue::{Queue, Taken};
use super::recording::{Recording, Running};
use super::{TraceOptions, file, header, keylog};
use crate::exit::{Fatal, Result, os_words};
use crate::trace::file::{Keep, Ready};
use std::path::PathBuf;
use std::sync::Arc;
use tssh_connection::Stack;
use tssh_forward::Ended;
use tssh_transport::Side;
use tssh_transport::text::one_line;
use tssh_transport::trace::{Event, Policy, Redactor, Tracer, Value};
use zeroize::Zeroizing;

/// What an event takes beside its packet.
const EVENT_BYTES: usize = 1024;
/// Longest text about the end.
const ENDED_BYTES_MAX: usize = 1024;

/// Files that are open and ready for one connection.
#[derive(Debug)]
pub struct Recorder {
    options: TraceOptions,
    files: Vec<Ready>,
    keylog: Option<(PathBuf, keylog::KeyLogFile)>,
    recording: Option<Recording>,
    program: &'static str,
    alarm: Alarm,
}

/// What goes with the connection, to be kept until its end. Dropped before, the connection was
/// ended from outside.
#[derive(Debug)]
pub struct Session {
    queue: Option<Arc<Queue<Event>>>,
    notice: Option<String>,
    recording: Option<Running>,
    alarm: Alarm,
    /// The session ends with what is written down of it.
    strict: bool,
    /// The peer is told of it.
    tell_peer: bool,
}

impl Recorder {
    /// Opens what the options name and says aloud what gives secrets away; nothing where they
    /// name nothing.
    ///
    /// # Errors
    /// A file that cannot be made safely.
    pub fn open(options: &TraceOptions, side: Side) -> Result<Option<Self>> {
        if !options.wanted() {
            return Ok(None);
        }
        let program = if side.is_client() { "tssh" } else { "tsshd" };
        let fatal = |text: String| Fatal::usage(format!("{program}: {text}"));
        let alarm = Alarm::default();
        let mut files = Vec::new();
        for (_, path) in &options.files {
            if options.secrets {
                file::check_folder(path).map_err(fatal)?;
            }
            files.push(Ready::open(path).map_err(fatal)?);
        }
        let keylog = match options.keylog_path() {
            Some(path) => {
                let file = keylog::KeyLogFile::open(&path, alarm.clone()).map_err(fatal)?;
                Some((path, file))
            }
            None => None,
        };
        let log = keylog.iter().map(|(path, _)| path);
        let log = log.map(PathBuf::as_path);
        for (at, path) in files.iter().map(Ready::path).chain(log).enumerate() {
            if files.iter().take(at).any(|other| file::same(other.path(), path)) {
                let path = path.display();
                return Err(fatal(format!("{path} is named twice: each needs a file of its own")));
            }
        }
        let recording = options.record.as_deref().map(Recording::open).transpose()?;
        Ok(Some(Self { options: options.clone(), files, keylog, recording, program, alarm }))
    }

    /// Whether the session is recorded: then [`Recorder::attach`] needs its seed.
    #[must_use]
    pub const fn records(&self) -> bool {
        self.recording.is_some()
    }

    /// The bound on channel packets, where there is one.
    #[must_use]
    pub fn cap(&self) -> Option<u32> {
        self.options.cap()
    }

    /// Has a connection with `peer` traced, and gives what to keep until its end. `header` is that
    /// of its recording.
    ///
    /// # Errors
    /// No entropy, no thread, a file that cannot be emptied.
    pub fn attach(
        mut self,
        stack: &mut Stack,
        peer: &str,
        header: Option<Zeroizing<String>>,
    ) -> Result<Session> {
        let recording = match self.recording.take().zip(header) {
            Some((recording, header)) => Some(recording.attach(stack, header, &self.alarm)?),
            None => None,
        };
        if let Some(cap) = self.options.cap() {
            stack.cap_packets(cap);
        }
        if !self.options.traced() {
            let mut session = self.session();
            session.recording = recording;
            return Ok(session);
        }
        if cfg!(tssh_untraced) {
            return Err(Fatal::usage("this build cannot trace: it was made to be measured"));
        }
        let (tracer, mut session) = self.start(stack.side(), peer)?;
        session.recording = recording;
        stack.trace(tracer);
        Ok(session)
    }

    fn session(&self) -> Session {
        let (strict, tell_peer) = (self.options.strict, self.options.tell_peer);
        let alarm = self.alarm.clone();
        Session { queue: None, notice: None, recording: None, alarm, strict, tell_peer }
    }

    fn start(self, side: Side, peer: &str) -> Result<(Box<Tracer>, Session)> {
        let notice = self.options.notice(self.program);
        if let Some(notice) = &notice {
            crate::log::show(format_args!("{notice}\r\n"));
        }
        crate::signals::survive_file_limit();
        let mut session = self.session();
        let Self { options, files, keylog, program, alarm, .. } = self;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| {
            Fatal::new(format!("no entropy from the operating system: {error}"))
        })?;
        let policy = Policy { secrets: options.secrets, names: options.names };
        let queue =
            (!files.is_empty()).then(|| Arc::new(Queue::new("trace", program, alarm.clone())));
        let sink = queue.clone().map(|queue| -> tssh_transport::trace::Sink {
            Box::new(move |event| {
                let bytes = size(&event);
                queue.push(event, bytes);
            })
        });
        let mut tracer = Tracer::new(sink, Redactor::new(policy, key));
        if let Some((_, mut file)) = keylog {
            tracer.set_keylog(Box::new(move |log| file.add(log)));
        }
        if let Some(queue) = &queue {
            queue.push(header(side, &options, peer), EVENT_BYTES);
            let formats = options.files.iter().map(|(format, _)| *format);
            let mut begun = Vec::new();
            for (format, ready) in formats.zip(files) {
                let path = ready.path().to_owned();
                let fatal = |text: String| Fatal::usage(format!("{program}: {text}"));
                begun.push((format, path, ready.begin(Keep::Nothing).map_err(fatal)?));
            }
            let mut outputs = Outputs::new(program, begun).with_alarm(alarm);
            let queue = Arc::clone(queue);
            let writer = move || {
                queue.drain(|taken| {
                    match taken {
                        Taken::Item(event) => outputs.event(&event),
                        Taken::End(ended) => outputs.end(ended),
                    }
                    !outputs.is_empty()
                });
            };
            std::thread::Builder::new()
                .name("trace".to_owned())
                .spawn(writer)
                .map_err(|error| Fatal::new(format!("cannot trace: {}", os_words(&error))))?;
        }
        (session.queue, session.notice) = (queue, notice);
        Ok((Box::new(tracer), session))
    }
}

impl Session {
    /// The connection is over: what is still to be written is, unless that takes too long. Whether
    /// the session may be said to have gone well.
    #[must_use]
    pub fn finish(mut self, ended: &Ended) -> bool {
        self.close(&words(ended));
        !self.strict || !self.alarm.has_rung()
    }

    fn close(&mut self, ended: &str) {
        if let Some(queue) = self.queue.take() {
            queue.close(ended);
        }
        if let Some(notice) = self.notice.take() {
            crate::log::show(format_args!("{notice}\r\n"));
        }
        if let Some(recording) = self.recording.take() {
            recording.finish(ended);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close("by a signal");
    }
}

/// Has the application's connection end with its trace, and tell the peer of it, where that was
/// asked for.
pub fn around<A>(session: Option<&Session>, app: A) -> Traced<A> {
    let strict = session.filter(|session| session.strict).map(|session| session.alarm.clone());
    Traced::new(app, strict, session.is_some_and(|session| session.tell_peer))
}

/// How a connection ended, on one line.
fn words(ended: &Ended) -> String {
    match ended {
        Ended::Finished => "by this side".to_owned(),
        Ended::Protocol(error) => one_line(error.to_string().as_bytes(), ENDED_BYTES_MAX),
        Ended::Socket(text) => one_line(text.as_bytes(), ENDED_BYTES_MAX),
        Ended::TimedOut { wait, .. } => format!("timed out: {wait:?}"),
        _ => "for a reason of its own".to_owned(),
    }
}

fn size(event: &Event) -> usize {
    let bytes = |name| {
        event.values.get(name).map_or(0, |value| match value {
            Value::Bytes(bytes) => bytes.len(),
            _ => 0,
        })
    };
    let fields = event.values.list("fields").len();
    EVENT_BYTES + bytes("wire") + bytes("payload") + fields * EVENT_BYTES
}

//! Events on their way from a session to its files.
//!
//! The session puts events into a bounded queue; a thread of its own takes them out, has each face
//! turn them into bytes, and writes. Where the disk does not keep up the session waits a moment,
//! and where that does not help the trace ends, with one line, and the session goes on.

use super::{Face, TraceOptions, face, file, header, keylog};
use crate::exit::{Fatal, Result, os_words};
use crate::trace::file::Keep;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tssh_connection::Stack;
use tssh_forward::Ended;
use tssh_transport::text::one_line;
use tssh_transport::trace::{Event, Kind, Map, Policy, Redactor, Tracer, Value};
use tssh_transport::{Side, Timestamp};

/// Events that may wait for the disk, in bytes of packets: some seconds of a busy session.
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What an event takes beside its packet.
const EVENT_BYTES: usize = 1024;
/// Longest text about the end.
const ENDED_BYTES_MAX: usize = 1024;
/// How long the session waits for a disk that has stopped taking anything.
const STALL: Duration = Duration::from_secs(2);
/// How long the end of the session waits for what is still to be written.
const GOODBYE: Duration = Duration::from_secs(5);

/// Files that are open and ready for one connection.
#[derive(Debug)]
pub struct Recorder {
    options: TraceOptions,
    files: Vec<(PathBuf, File)>,
    keylog: Option<(PathBuf, keylog::KeyLogFile)>,
    program: &'static str,
}

/// What goes with the connection, to be kept until its end. Dropped before, the connection was
/// ended from outside.
#[derive(Debug)]
pub struct Session {
    queue: Option<Arc<Queue>>,
    notice: Option<String>,
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
        let mut files = Vec::new();
        for (_, path) in &options.files {
            if options.secrets {
                file::check_folder(path).map_err(fatal)?;
            }
            files.push((path.clone(), file::create(path, Keep::Nothing).map_err(fatal)?));
        }
        let keylog = match options.keylog_path() {
            Some(path) => {
                let file = keylog::KeyLogFile::open(&path).map_err(fatal)?;
                Some((path, file))
            }
            None => None,
        };
        Ok(Some(Self { options: options.clone(), files, keylog, program }))
    }

    /// What has to be said at the start and at the end, even with `-q`.
    fn notice(&self) -> Option<String> {
        let mut names: Vec<String> =
            self.keylog.iter().map(|(path, _)| format!("the key log {}", path.display())).collect();
        if self.options.secrets {
            names.extend(self.files.iter().map(|(path, _)| format!("{}", path.display())));
        }
        let program = self.program;
        (!names.is_empty()).then(|| {
            format!(
                "{program}: WARNING: whoever has {} can read all of this session, passwords too.",
                names.join(" or ")
            )
        })
    }

    /// Has a connection with `peer` traced, and gives what to keep until its end.
    ///
    /// # Errors
    /// No entropy, no thread.
    pub fn attach(self, stack: &mut Stack, peer: &str) -> Result<Session> {
        if let Some(cap) = self.options.cap() {
            stack.cap_packets(cap);
        }
        let (tracer, session) = self.start(stack.side(), peer)?;
        stack.trace(tracer);
        Ok(session)
    }

    fn start(self, side: Side, peer: &str) -> Result<(Box<Tracer>, Session)> {
        let notice = self.notice();
        if let Some(notice) = &notice {
            crate::log::show(format_args!("{notice}\r\n"));
        }
        let Self { options, files, keylog, program } = self;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| {
            Fatal::new(format!("no entropy from the operating system: {error}"))
        })?;
        let policy = Policy { secrets: options.secrets, names: options.names };
        let queue = (!files.is_empty()).then(|| Arc::new(Queue::new(program)));
        let sink = queue.clone().map(|queue| -> tssh_transport::trace::Sink {
            Box::new(move |event| queue.push(event))
        });
        let mut tracer = Tracer::new(sink, Redactor::new(policy, key));
        if let Some((_, mut file)) = keylog {
            tracer.set_keylog(Box::new(move |log| file.add(log)));
        }
        if let Some(queue) = &queue {
            queue.push(header(side, &options, peer));
            let mut outputs = Vec::new();
            for ((format, _), (path, file)) in options.files.iter().zip(files) {
                outputs.push(Output { path, file, face: face(*format), program });
            }
            let queue = Arc::clone(queue);
            let writer = move || Writer { queue, outputs, totals: Totals::default() }.run();
            std::thread::Builder::new()
                .name("trace".to_owned())
                .spawn(writer)
                .map_err(|error| Fatal::new(format!("cannot trace: {}", os_words(&error))))?;
        }
        Ok((Box::new(tracer), Session { queue, notice }))
    }
}

impl Session {
    /// The connection is over: what is still to be written is, unless that takes too long.
    pub fn finish(mut self, ended: &Ended) {
        self.close(&match ended {
            Ended::Finished => "by this side".to_owned(),
            Ended::Protocol(error) => one_line(error.to_string().as_bytes(), ENDED_BYTES_MAX),
            Ended::Socket(text) => one_line(text.as_bytes(), ENDED_BYTES_MAX),
            Ended::TimedOut { wait, .. } => format!("timed out: {wait:?}"),
            _ => "for a reason of its own".to_owned(),
        });
    }

    fn close(&mut self, ended: &str) {
        if let Some(queue) = self.queue.take() {
            queue.close(ended);
        }
        if let Some(notice) = self.notice.take() {
            crate::log::show(format_args!("{notice}\r\n"));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close("by a signal");
    }
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    bytes: usize,
    /// How the connection ended, once it did.
    ended: Option<String>,
    /// Nothing is written any more.
    broken: bool,
    /// The writer is through.
    done: bool,
}

/// What waits for the disk.
#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    program: &'static str,
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

impl Queue {
    fn new(program: &'static str) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), program }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Called by the session.
    fn push(&self, event: Event) {
        let mut state = self.lock();
        let mut deadline = Instant::now() + STALL;
        let mut waiting = state.bytes;
        while state.bytes > QUEUE_BYTES_MAX && !state.broken {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.broken = true;
                state.events.clear();
                let program = self.program;
                crate::log::show(format_args!(
                    "{program}: the trace ends here: the disk is too slow\r\n"
                ));
                break;
            }
            state = self.wait(state, left);
            if state.bytes < waiting {
                // It takes something, slow as it is.
                waiting = state.bytes;
                deadline = Instant::now() + STALL;
            }
        }
        if state.broken {
            return;
        }
        state.bytes += size(&event);
        state.events.push_back(event);
        drop(state);
        self.changed.notify_all();
    }

    fn close(&self, ended: &str) {
        let mut state = self.lock();
        state.ended = Some(ended.to_owned());
        self.changed.notify_all();
        let deadline = Instant::now() + GOODBYE;
        while !state.done && !state.broken {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let program = self.program;
                crate::log::show(format_args!(
                    "{program}: the trace is incomplete: the disk is too slow\r\n"
                ));
                break;
            }
            state = self.wait(state, left);
        }
    }
}

/// One file.
struct Output {
    path: PathBuf,
    file: File,
    face: Box<dyn Face>,
    program: &'static str,
}

impl Output {
    /// False where the file is of no use any more.
    fn write(&mut self, bytes: &[u8]) -> bool {
        let Err(error) = self.file.write_all(bytes) else { return true };
        let (program, path, words) = (self.program, self.path.display(), os_words(&error));
        crate::log::show(format_args!("{program}: the trace {path} ends here: {words}\r\n"));
        false
    }
}

/// What the summary says.
#[derive(Debug, Default)]
struct Totals {
    last: u64,
    at: Timestamp,
    packets: [u64; 2],
    bytes: [u64; 2],
}

impl Totals {
    fn add(&mut self, event: &Event) {
        self.last = self.last.max(event.n);
        self.at = self.at.max(event.at);
        if !matches!(event.kind, Kind::Packet | Kind::Ident) {
            return;
        }
        let at = usize::from(event.values.text("dir") == "s2c");
        let [packets, bytes] = [&mut self.packets[at], &mut self.bytes[at]];
        *packets += u64::from(event.kind == Kind::Packet);
        *bytes += event.values.number("wire_len");
    }

    fn event(&self, ended: &str) -> Event {
        let both = |[c2s, s2c]: [u64; 2]| Map::new().with("c2s", c2s).with("s2c", s2c);
        let values = Map::new()
            .with("ended", ended.to_owned())
            .with("events", self.last)
            .with("packets", both(self.packets))
            .with("wire_bytes", both(self.bytes));
        Event { kind: Kind::Summary, n: self.last + 1, at: self.at, values }
    }
}

/// The thread that writes.
struct Writer {
    queue: Arc<Queue>,
    outputs: Vec<Output>,
    totals: Totals,
}

impl Writer {
    fn run(mut self) {
        loop {
            let mut state = self.queue.lock();
            while state.events.is_empty() && state.ended.is_none() && !state.broken {
                state = self.queue.wait(state, Duration::from_secs(60));
            }
            let events = std::mem::take(&mut state.events);
            let ended = state.ended.clone().filter(|_| events.is_empty());
            let broken = state.broken;
            drop(state);
            for event in &events {
                self.event(event);
                self.queue.lock().bytes -= size(event);
                self.queue.changed.notify_all();
            }
            if let Some(ended) = &ended {
                let summary = self.totals.event(ended);
                self.event(&summary);
                self.end();
            }
            let mut state = self.queue.lock();
            state.broken |= self.outputs.is_empty();
            state.done |= ended.is_some() || broken;
            let done = state.done || state.broken;
            drop(state);
            self.queue.changed.notify_all();
            if done {
                return;
            }
        }
    }

    fn event(&mut self, event: &Event) {
        self.totals.add(event);
        self.outputs.retain_mut(|output| {
            let mut bytes = Vec::new();
            output.face.event(event, &mut bytes);
            output.write(&bytes)
        });
    }

    fn end(&mut self) {
        self.outputs.retain_mut(|output| {
            let mut bytes = Vec::new();
            output.face.finish(&mut bytes);
            output.write(&bytes)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u64) -> Event {
        let values = Map::new().with("wire", Value::bytes(&vec![0; 1024 * 1024]));
        Event { kind: Kind::Packet, n, at: Timestamp::default(), values }
    }

    /// Nobody takes anything out: the trace ends, nothing waits for ever, and memory is bounded.
    #[test]
    fn a_disk_that_takes_nothing_ends_the_trace() {
        let queue = Queue::new("tssh");
        let begun = Instant::now();
        for n in 0..200 {
            queue.push(event(n));
        }
        assert!(begun.elapsed() < STALL * 3);
        let state = queue.lock();
        assert!(state.broken && state.events.is_empty());
        drop(state);
        queue.close("over");
    }

    #[test]
    fn the_summary_counts_what_went_by() {
        let mut totals = Totals::default();
        for n in 1..4 {
            let mut event = event(n);
            event.values.set("dir", if n == 2 { "s2c" } else { "c2s" });
            event.values.set("wire_len", 10u64);
            totals.add(&event);
        }
        let summary = totals.event("over");
        assert_eq!((summary.n, summary.values.number("events")), (4, 3));
        let bytes = summary.values.get("wire_bytes").and_then(Value::as_map).unwrap();
        assert_eq!((bytes.number("c2s"), bytes.number("s2c")), (20, 10));
    }
}

//! A capture becomes traces: one for each SSH connection in it.

use super::frames::{self, Frame};
use super::secrets::KeyLog;
use super::tcp::Streams;
use crate::exit::{Fatal, Result, os_words};
use crate::log;
use crate::trace::outputs::Outputs;
use crate::trace::{Format, TraceOptions, file, header};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tssh_connection::trace::{Flows, shape};
use tssh_transport::observe::Observer;
use tssh_transport::trace::{Policy, Redactor, Tracer};
use tssh_transport::{Side, Timestamp};
use zeroize::Zeroizing;

/// Largest capture: all of it is in memory.
const CAPTURE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Largest key log.
const KEY_LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// SSH connections of one capture that are told.
const CONNECTIONS_MAX: usize = 1024;
/// Status where some of it could not be read.
const UNREAD: u8 = 1;

/// What becomes of the events of a connection.
pub type Sink = Arc<Mutex<Outputs>>;

/// One connection.
struct Watched {
    observer: Observer,
    flows: Flows,
    outputs: Sink,
    started: u64,
}

/// Explains a capture; the status is 0 where every byte could be read.
///
/// # Errors
/// A file that cannot be read or is no capture, or that cannot be written.
pub fn run(path: &Path, options: &TraceOptions) -> Result<u8> {
    let bytes = read(path, CAPTURE_BYTES_MAX)?;
    let capture = frames::read(&bytes)
        .map_err(|words| Fatal::usage(format!("tssh: {}: {words}", path.display())))?;
    let mut key_log = KeyLog::default();
    key_log.add(&capture.key_log);
    if let Some(path) = &options.keylog {
        let text = read(path, KEY_LOG_BYTES_MAX)?;
        key_log.add(&String::from_utf8_lossy(&text));
    }
    let mut open = |number: usize| files(options, number);
    let found = explain(&capture.frames, &key_log, options, &mut open)?;
    if found.connections == 0 {
        let path = path.display();
        return Err(Fatal::usage(format!("tssh: {path}: it has no SSH connection")));
    }
    if !found.unread.is_empty() {
        for words in &found.unread {
            log::show(format_args!("tssh: {words}\n"));
        }
        return Ok(UNREAD);
    }
    Ok(0)
}

fn read(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>> {
    let fault = |error: std::io::Error| {
        Fatal::usage(format!("tssh: {}: {}", path.display(), os_words(&error)))
    };
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).map_err(fault)?.take(max).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}

/// The files of a connection; standard output where none was named.
fn files(options: &TraceOptions, number: usize) -> Result<Outputs> {
    let options = match number {
        0 => options.clone(),
        number => options.numbered(u64::try_from(number + 1).unwrap_or(u64::MAX)),
    };
    let mut files = Vec::new();
    for (format, path) in &options.files {
        let fatal = |text: String| Fatal::usage(format!("tssh: {text}"));
        if options.secrets {
            file::check_folder(path).map_err(fatal)?;
        }
        let file = file::create(path, file::Keep::Nothing).map_err(fatal)?;
        files.push((*format, path.clone(), file));
    }
    if files.is_empty() {
        let own = std::io::stdout().as_fd().try_clone_to_owned();
        let own = own.map_err(|error| Fatal::usage(format!("tssh: {}", os_words(&error))))?;
        files.push((Format::Text, PathBuf::from("standard output"), File::from(own)));
    }
    Ok(Outputs::new("tssh", files))
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// SSH connections.
    pub connections: usize,
    /// What could not be read, one line each.
    pub unread: Vec<String>,
}

/// Tells the connections of a capture; `open` gives the files of each.
///
/// # Errors
/// Files that cannot be made, no entropy.
pub fn explain(
    frames: &[Frame],
    key_log: &KeyLog,
    options: &TraceOptions,
    open: &mut dyn FnMut(usize) -> Result<Outputs>,
) -> Result<Found> {
    let mut streams = Streams::default();
    let mut watched: BTreeMap<usize, Option<Watched>> = BTreeMap::new();
    let mut found = Found::default();
    for frame in frames {
        let Some(piece) = streams.frame(frame) else { continue };
        let from = if piece.from_client { Side::Client } else { Side::Server };
        if let Entry::Vacant(vacant) = watched.entry(piece.connection) {
            // What begins with anything else is no SSH; a server may say more, which is rare.
            let ours = piece.bytes.starts_with(b"SSH-") && found.connections < CONNECTIONS_MAX;
            let ends = streams.ends(piece.connection);
            let one = match ends.filter(|_| ours) {
                Some((client, server)) => {
                    found.connections += 1;
                    let outputs = open(found.connections - 1)?;
                    let peer = format!("{client} to {server}");
                    Some(begin(outputs, key_log.clone(), options, &peer, frame.micros)?)
                }
                None => None,
            };
            vacant.insert(one);
        }
        let Some(Some(one)) = watched.get_mut(&piece.connection) else { continue };
        let now = Timestamp::from_micros(frame.micros.saturating_sub(one.started));
        if piece.bytes.is_empty() {
            found.unread.push("bytes are missing from the capture".to_owned());
        }
        let flows = &mut one.flows;
        one.observer.observe(from, &piece.bytes, now, &mut |tracer, from, payload| {
            flows.payload(tracer, from, payload);
        });
    }
    for (number, one) in watched.into_values().flatten().enumerate() {
        for (side, name) in [(Side::Client, "client"), (Side::Server, "server")] {
            if !one.observer.reads(side) {
                let number = number + 1;
                found.unread.push(format!("connection {number}: the {name} became unreadable"));
            }
        }
        let mut outputs = one.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.end("with the capture");
    }
    Ok(found)
}

fn begin(
    mut outputs: Outputs,
    key_log: KeyLog,
    options: &TraceOptions,
    peer: &str,
    started: u64,
) -> Result<Watched> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| Fatal::new(error.to_string()))?;
    let policy = Policy { secrets: options.secrets, names: options.names };
    let mut first = header(Side::Client, options, peer);
    first.values.set("started_us", started);
    first.values.set("packet_cap", tssh_transport::trace::Value::Null);
    first.values.set("note", "a capture that was read with its key log; times are the capture's");
    outputs.event(&first);
    let outputs = Arc::new(Mutex::new(outputs));
    let sink = Arc::clone(&outputs);
    let mut tracer = Box::new(Tracer::new(
        Some(Box::new(move |event| {
            sink.lock().unwrap_or_else(PoisonError::into_inner).event(&event);
        })),
        Redactor::new(policy, key),
    ));
    tracer.set_upper(shape);
    let observer = Observer::new(tracer, Box::new(move |cookie| key_log.find(cookie)));
    Ok(Watched { observer, flows: Flows::default(), outputs, started })
}

//! The files of one trace: each has its face, and all get the same events.

use super::alarm::Alarm;
use super::{Face, Format, face};
use crate::exit::os_words;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use tssh_transport::Timestamp;
use tssh_transport::trace::{Event, Kind, Map};

/// One file.
struct Output {
    path: PathBuf,
    file: File,
    face: Box<dyn Face>,
}

impl Output {
    /// False where the file is of no use any more.
    fn write(&mut self, program: &str, bytes: &[u8]) -> bool {
        let Err(error) = self.file.write_all(bytes) else { return true };
        let (path, words) = (self.path.display(), os_words(&error));
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

/// Every file that is still of use.
pub struct Outputs {
    files: Vec<Output>,
    totals: Totals,
    program: &'static str,
    /// Rings when one of them is of no use any more.
    alarm: Alarm,
}

impl Outputs {
    /// The files, in the formats that were asked for.
    #[must_use]
    pub fn new(
        program: &'static str,
        files: impl IntoIterator<Item = (Format, PathBuf, File)>,
    ) -> Self {
        let output = |(format, path, file)| Output { path, file, face: face(format) };
        let files = files.into_iter().map(output).collect();
        Self { files, totals: Totals::default(), program, alarm: Alarm::default() }
    }

    /// Rings this when one of the files is of no use any more.
    #[must_use]
    pub fn with_alarm(self, alarm: Alarm) -> Self {
        Self { alarm, ..self }
    }

    /// Whether nothing is left to write to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// One more event; the first one is the header.
    pub fn event(&mut self, event: &Event) {
        self.totals.add(event);
        self.write(|face, bytes| face.event(event, bytes));
    }

    /// The connection is over: the summary, and what a face has left.
    pub fn end(&mut self, ended: &str) {
        let summary = self.totals.event(ended);
        self.event(&summary);
        self.write(|face, bytes| face.finish(bytes));
    }

    fn write(&mut self, make: impl Fn(&mut dyn Face, &mut Vec<u8>)) {
        let (program, before) = (self.program, self.files.len());
        self.files.retain_mut(|output| {
            let mut bytes = Vec::new();
            make(&mut *output.face, &mut bytes);
            output.write(program, &bytes)
        });
        if self.files.len() < before {
            self.alarm.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tssh_transport::trace::Value;

    #[test]
    fn the_summary_counts_what_went_by() {
        let mut totals = Totals::default();
        for n in 1..4 {
            let values =
                Map::new().with("dir", if n == 2 { "s2c" } else { "c2s" }).with("wire_len", 10u64);
            totals.add(&Event { kind: Kind::Packet, n, at: Timestamp::default(), values });
        }
        let summary = totals.event("over");
        assert_eq!((summary.n, summary.values.number("events")), (4, 3));
        let bytes = summary.values.get("wire_bytes").and_then(Value::as_map).unwrap();
        assert_eq!((bytes.number("c2s"), bytes.number("s2c")), (20, 10));
    }
}

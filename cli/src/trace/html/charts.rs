//! The two pictures: who said what when, and how the windows went.

use super::escape::text;
use super::strip::{grouped, seconds};
use std::collections::VecDeque;
use std::fmt::Write as _;
use tssh_transport::trace::{Event, Map};

/// Rows of the sequence diagram from its beginning, and from its end; what is between is counted.
const FIRST_ROWS_MAX: usize = 64;
const LAST_ROWS_MAX: usize = 24;
/// Curves of the window graph: more cannot be told apart.
const CURVES_MAX: usize = 6;
/// Points of one curve; when there are more, every second one goes.
const POINTS_MAX: usize = 240;

struct Row {
    server: bool,
    name: String,
    count: u64,
    bytes: u64,
    at: u64,
    encrypted: bool,
}

/// Who said what when.
#[derive(Default)]
pub struct Sequence {
    first: Vec<Row>,
    last: VecDeque<Row>,
    between: u64,
}

impl Sequence {
    /// A packet or an identification string.
    pub fn add(&mut self, event: &Event, name: &str) {
        let v = &event.values;
        let row = Row {
            server: v.text("dir") == "s2c",
            name: name.strip_prefix("SSH_MSG_").unwrap_or(name).chars().take(40).collect(),
            count: 1,
            bytes: v.number("wire_len"),
            at: event.at.as_micros(),
            encrypted: v.number("epoch") > 0,
        };
        let newest = self.last.back_mut().or(self.first.last_mut());
        if let Some(newest) = newest
            && newest.server == row.server
            && newest.name == row.name
            && newest.encrypted == row.encrypted
        {
            newest.count += 1;
            newest.bytes = newest.bytes.saturating_add(row.bytes);
            return;
        }
        if self.first.len() < FIRST_ROWS_MAX {
            self.first.push(row);
            return;
        }
        if self.last.len() == LAST_ROWS_MAX {
            self.between += self.last.pop_front().map_or(0, |row| row.count);
        }
        self.last.push_back(row);
    }

    /// The picture, and the same as a table.
    pub fn push(&self, out: &mut String) {
        const ROW: usize = 22;
        let gap = usize::from(self.between > 0);
        let height = (self.first.len() + self.last.len() + gap + 1) * ROW + 56;
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<figure><svg class=\"seq\" viewBox=\"0 0 400 {height}\" role=\"img\" \
             aria-labelledby=\"seq-title\"><title id=\"seq-title\">Sequence diagram: each message \
             between client and server in order, from top to bottom. The table below says the same.\
             </title><text x=\"50\" y=\"16\" font-size=\"12\" font-weight=\"600\" \
             text-anchor=\"middle\">Client</text><text x=\"350\" y=\"16\" font-size=\"12\" \
             font-weight=\"600\" text-anchor=\"middle\">Server</text><path class=\"life\" \
             d=\"M50 24V{height}M350 24V{height}\"/>"
        );
        let mut y = 48;
        let mut encrypted = false;
        for row in &self.first {
            arrow(out, row, &mut y, &mut encrypted);
        }
        if gap > 0 {
            let _ = write!(
                out,
                "<text class=\"t\" x=\"200\" y=\"{y}\" font-size=\"10\" text-anchor=\"middle\">\
                 \u{22ee} {} packets \u{22ee}</text>",
                self.between
            );
            y += ROW;
        }
        for row in &self.last {
            arrow(out, row, &mut y, &mut encrypted);
        }
        out.push_str("</svg>");
        self.table(out);
        out.push_str("</figure>");
    }

    fn table(&self, out: &mut String) {
        out.push_str(
            "<details class=\"fold\"><summary>The same as a table</summary><div class=\"scroll\" \
             tabindex=\"0\" role=\"region\" aria-label=\"Messages in order\"><table><thead><tr>\
             <th scope=\"col\">From</th><th scope=\"col\">Message</th><th scope=\"col\" \
             class=\"r\">Packets</th><th scope=\"col\" class=\"r\">Bytes</th><th scope=\"col\" \
             class=\"r\">First at</th></tr></thead><tbody>",
        );
        for row in self.first.iter().chain(&self.last) {
            let _ = write!(
                out,
                "<tr><td>{}</td><td><code>{}</code></td><td class=\"r\">{}</td><td class=\"r\">{}\
                 </td><td class=\"r\">{}</td></tr>",
                if row.server { "server" } else { "client" },
                text(&row.name),
                row.count,
                grouped(row.bytes),
                seconds(row.at)
            );
        }
        out.push_str("</tbody></table></div></details>");
    }
}

/// One message; before the first encrypted one, a line says that it is.
fn arrow(out: &mut String, row: &Row, y: &mut usize, encrypted: &mut bool) {
    if row.encrypted && !*encrypted {
        *encrypted = true;
        let _ = write!(
            out,
            "<path class=\"lock\" d=\"M8 {0}H392\"/><text class=\"lt\" x=\"200\" y=\"{1}\" \
             font-size=\"9.5\" text-anchor=\"middle\">encrypted from here on</text>",
            *y - 8,
            *y + 4
        );
        *y += 24;
    }
    let (line, x) = if row.server {
        ("as", format!("M350 {y}H58\"/><path class=\"hs\" d=\"M50 {y}l9 -4v8z"))
    } else {
        ("ac", format!("M50 {y}H342\"/><path class=\"hc\" d=\"M350 {y}l-9 -4v8z"))
    };
    let times = if row.count > 1 { format!(" \u{d7}{}", row.count) } else { String::new() };
    let _ = write!(
        out,
        "<path class=\"{line}\" d=\"{x}\"/><text x=\"200\" y=\"{}\" font-size=\"10\" \
         text-anchor=\"middle\">{}{times}</text><text class=\"t\" x=\"4\" y=\"{}\" \
         font-size=\"9\">{}</text>",
        *y - 4,
        text(&row.name),
        *y + 3,
        format_args!("{}.{:03}", row.at / 1_000_000, row.at % 1_000_000 / 1_000),
    );
    *y += 22;
}

struct Curve {
    channel: u64,
    server: bool,
    points: Vec<(u64, u64)>,
    /// Only every so manieth point is kept.
    stride: u64,
    seen: u64,
    newest: (u64, u64),
    least: u64,
    most: u64,
    first: u64,
}

impl Curve {
    fn add(&mut self, at: u64, left: u64) {
        self.newest = (at, left);
        self.least = self.least.min(left);
        self.most = self.most.max(left);
        self.seen += 1;
        if !self.seen.is_multiple_of(self.stride) {
            return;
        }
        if self.points.len() == POINTS_MAX {
            let mut n = 0usize;
            self.points.retain(|_| {
                n += 1;
                n % 2 == 1
            });
            self.stride = self.stride.saturating_mul(2);
        }
        self.points.push((at, left));
    }

    fn name(&self) -> String {
        let way = if self.server { "server \u{2192} client" } else { "client \u{2192} server" };
        format!("Channel {}, {way}", self.channel)
    }
}

/// How the windows went.
#[derive(Default)]
pub struct Windows {
    curves: Vec<Curve>,
    others: u64,
}

/// How a curve is drawn: by its dashes and width as well as its colour.
const DASHES: [&str; CURVES_MAX] = ["none", "7 3", "2 3", "10 3 2 3", "14 4", "1 4"];

impl Windows {
    /// A window was opened, spent or credited.
    pub fn add(&mut self, at: u64, v: &Map) {
        let (channel, server, left) =
            (v.number("channel"), v.text("dir") == "s2c", v.number("left"));
        let own = self.curves.iter_mut().find(|own| own.channel == channel && own.server == server);
        if let Some(own) = own {
            own.add(at, left);
        } else if self.curves.len() < CURVES_MAX {
            self.curves.push(Curve {
                channel,
                server,
                points: vec![(at, left)],
                stride: 1,
                seen: 0,
                newest: (at, left),
                least: left,
                most: left,
                first: left,
            });
        } else {
            self.others += 1;
        }
    }

    /// The picture, and the same as a table.
    pub fn push(&self, out: &mut String) {
        if self.curves.is_empty() {
            out.push_str("<p>No channel was opened, so there was no window.</p>");
            return;
        }
        let start = self.curves.iter().filter_map(|curve| curve.points.first()).map(|p| p.0).min();
        let end = self.curves.iter().map(|curve| curve.newest.0).max().unwrap_or(0);
        let start = start.unwrap_or(0);
        let most = self.curves.iter().map(|curve| curve.most).max().unwrap_or(0).max(1);
        let span = end.saturating_sub(start).max(1);
        let x = |at: u64| 58.0 + 332.0 * ratio(at.saturating_sub(start), span);
        let y = |left: u64| 196.0 - 176.0 * ratio(left, most);
        out.push_str(
            "<figure><svg class=\"w\" viewBox=\"0 0 400 226\" role=\"img\" \
             aria-labelledby=\"win-title\"><title id=\"win-title\">Graph of the windows over time. \
             The table below has their figures.</title>",
        );
        // Writing to a String cannot fail.
        for part in [0, 1, 2, 3, 4] {
            let left = most / 4 * part;
            let _ = write!(
                out,
                "<path class=\"axis\" d=\"M58 {0:.1}H390\"/><text class=\"t\" x=\"53\" \
                 y=\"{1:.1}\" font-size=\"11\" text-anchor=\"end\">{2}</text>",
                y(left),
                y(left) + 3.0,
                size(left)
            );
        }
        for (at, anchor) in [(start, "start"), (start + span / 2, "middle"), (end, "end")] {
            let _ = write!(
                out,
                "<text class=\"t\" x=\"{:.1}\" y=\"214\" font-size=\"11\" \
                 text-anchor=\"{anchor}\">{}</text>",
                x(at),
                seconds(at)
            );
        }
        for (curve, dashes) in self.curves.iter().zip(DASHES) {
            let mut path = String::new();
            for (n, point) in curve.points.iter().chain([&curve.newest]).enumerate() {
                let _ = match n {
                    0 => write!(path, "M{:.1} {:.1}", x(point.0), y(point.1)),
                    _ => write!(path, "H{:.1}V{:.1}", x(point.0), y(point.1)),
                };
            }
            let class = if curve.server { "as" } else { "ac" };
            let _ =
                write!(out, "<path class=\"{class}\" stroke-dasharray=\"{dashes}\" d=\"{path}\"/>");
        }
        out.push_str("</svg>");
        self.legend(out);
        out.push_str("</figure>");
    }

    fn legend(&self, out: &mut String) {
        out.push_str(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Windows\"><table>\
             <thead><tr><th scope=\"col\">Line</th><th scope=\"col\">Window</th><th scope=\"col\" \
             class=\"r\">At first</th><th scope=\"col\" class=\"r\">Least</th><th scope=\"col\" \
             class=\"r\">Most</th><th scope=\"col\" class=\"r\">At last</th></tr></thead><tbody>",
        );
        for (curve, dashes) in self.curves.iter().zip(DASHES) {
            let class = if curve.server { "as" } else { "ac" };
            let _ = write!(
                out,
                "<tr><td><svg viewBox=\"0 0 48 10\" width=\"48\" height=\"10\" \
                 aria-hidden=\"true\"><path class=\"{class}\" stroke-dasharray=\"{dashes}\" \
                 d=\"M0 5H48\"/></svg></td><td>{}</td><td class=\"r\">{}</td><td \
                 class=\"r\">{}</td>\
                 <td class=\"r\">{}</td><td class=\"r\">{}</td></tr>",
                text(&curve.name()),
                grouped(curve.first),
                grouped(curve.least),
                grouped(curve.most),
                grouped(curve.newest.1)
            );
        }
        out.push_str("</tbody></table></div>");
        if self.others > 0 {
            let _ = write!(
                out,
                "<figcaption>{} changes of further windows are not drawn.</figcaption>",
                self.others
            );
        }
    }
}

/// A part of a whole; exact enough for a picture.
#[expect(clippy::cast_precision_loss, reason = "a picture of 400 points")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Bytes in a short form.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes}"),
        10_240..10_485_760 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1024 / 1024),
    }
}

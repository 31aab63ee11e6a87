//! The long options that do something with a trace: what follows the file belongs to them.

use crate::exit::{Fatal, Result};
use crate::explain::Explain;
use crate::trace::replay::Replay;
use crate::trace::tool::Tool;
use crate::trace::{Format, TraceOptions};
use std::path::PathBuf;

/// Whether a long option is one of these.
pub(super) fn is_tool(name: &str) -> bool {
    ["trace-convert", "trace-scrub", "trace-check-shareable", "replay", "explain"].contains(&name)
}

/// Reads what follows the file.
pub(super) fn tool(
    name: &str,
    path: Option<String>,
    rest: &[String],
    trace: &mut TraceOptions,
) -> Result<Tool> {
    if name == "explain" {
        let first = path.unwrap_or_default();
        return Explain::parse(&first, rest, trace).map(Tool::Explain);
    }
    let path = path.filter(|path| !path.is_empty()).map(PathBuf::from);
    let path =
        path.ok_or_else(|| Fatal::usage(format!("option requires an argument -- --{name}")))?;
    let mut format = None;
    let mut replay = Replay::of(path.clone());
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let long = word.strip_prefix("--").unwrap_or_default();
        let (option, attached) = match long.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (long, None),
        };
        if option == "to" && name == "trace-convert" {
            let value = attached.or_else(|| words.next().map(String::as_str));
            format = Some(Format::named("--to", value.unwrap_or_default())?);
            continue;
        }
        if name == "replay" && replay.take(option, attached, &mut || words.next().cloned())? {
            continue;
        }
        let live = ["record", "trace-strict", "keylog-notice"].contains(&option);
        if live || !trace.take(option, attached, &mut || words.next().cloned())? {
            return Err(Fatal::usage(format!("--{name} takes no {word}")));
        }
    }
    Ok(match name {
        "trace-convert" => {
            let format = format.ok_or_else(|| {
                Fatal::usage("--trace-convert FILE --to FORMAT: the format is missing")
            })?;
            Tool::Convert(path, format, trace.secrets)
        }
        "replay" => Tool::Replay(Box::new(Replay { trace: trace.clone(), ..replay })),
        "trace-scrub" => Tool::Scrub(path, trace.names),
        _ => Tool::Check(path),
    })
}

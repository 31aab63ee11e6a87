//! `ssh_config(5)`: the command line first, then the user's file, then the system's; for each
//! keyword the first value wins.
//!
//! [`keywords`] is the table of all keywords, [`file`] reads files and their blocks, [`settings`]
//! fills in defaults.

pub mod algorithms;
pub mod canonical;
pub mod condition;
pub mod docs;
pub mod dump;
pub mod file;
pub mod forwarding;
pub mod forwards;
pub(crate) mod glob;
pub mod held;
pub mod keywords;
pub mod options;
pub mod pattern;
pub mod quality;
pub mod settings;
pub mod sharing;
pub mod tokens;
pub mod values;
pub mod windows;
pub mod words;

pub use condition::Facts;
pub use options::Options;
pub use settings::Settings;

use crate::exit::{Fatal, Result, os_words};
use crate::log;
use file::{Origin, Reader};
use options::{Absent, Canonicalize};
use std::path::Path;

/// The system-wide file.
const SYSTEM_FILE: &str = "/etc/ssh/ssh_config";

/// Adds the configuration files to what the command line said: the file of `-F` alone, or the
/// user's and the system's. They are read twice where a `Match final` or the full name of the
/// host asks for it.
///
/// # Errors
/// A file that was named and cannot be read, bad lines, which have been printed, or a name that
/// must be found and is not.
pub fn read_files(options: &mut Options, file: Option<&Path>, facts: Facts<'_>) -> Result<()> {
    let mut reader = Reader::new(options, facts);
    pass(&mut reader, file)?;
    let wants_final = reader.wants_final;
    let name = host_name(options, facts.original)?;
    let full = canonical::host(options, &name)?;
    let canonicalize = options.canonicalize_hostname.unwrap_or_default() != Canonicalize::No;
    if wants_final || canonicalize {
        log::debug1("re-parsing configuration");
        options.host_name = Some(full.clone());
        let mut reader = Reader::new(options, Facts { host: &full, final_pass: true, ..facts });
        pass(&mut reader, file)?;
    }
    options.full_host_name = Some(full);
    Ok(())
}

/// The host as `HostName` has it, or as it was given.
fn host_name(options: &Options, host: &str) -> Result<String> {
    match &options.host_name {
        Some(text) => tokens::host_name(text, host, options.strict_openssh).map_err(Fatal::new),
        None => Ok(host.to_owned()),
    }
}

/// Reads all files once.
fn pass(reader: &mut Reader<'_>, file: Option<&Path>) -> Result<()> {
    if let Some(path) = file {
        if path.as_os_str().eq_ignore_ascii_case("none") {
            return Ok(());
        }
        return reader.file(path, Origin::Named).map_err(|error| {
            let words = os_words(&error);
            Fatal::new(format!("Can't open user config file {}: {words}", path.display()))
        })?;
    }
    let user = reader.facts.account.home.join(".ssh/config");
    let files = [(user.as_path(), Origin::User), (Path::new(SYSTEM_FILE), Origin::System)];
    for (path, origin) in files {
        match reader.file(path, origin) {
            Ok(read) => read?,
            // Both are optional, and one that cannot be read is passed over, as ssh does.
            Err(error) => log::debug3(format_args!("{}: {}", path.display(), os_words(&error))),
        }
    }
    Ok(())
}

/// Says what the configuration asks for and is not built.
///
/// # Errors
/// The command line asks for it.
pub fn report_missing(options: &Options) -> Result<()> {
    for Absent { place, keyword, reason, origin } in &options.missing {
        let text = format!("{place}: {keyword} has no effect: {reason}");
        match origin {
            Origin::CommandLine => {
                let text = format!("{keyword} is not supported: {reason}");
                return Err(Fatal::usage(text));
            }
            // Nobody here has asked for what stands in the machine's own file.
            Origin::System => log::debug1(text),
            Origin::User | Origin::Named => log::info(text),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

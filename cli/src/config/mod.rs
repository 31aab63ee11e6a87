//! `ssh_config(5)`: the command line first, then the user's file, then the system's; for each
//! keyword the first value wins.
//!
//! [`keywords`] is the table of all keywords, [`file`] reads files and their blocks, [`settings`]
//! fills in defaults.

pub mod algorithms;
pub mod dump;
pub mod file;
pub mod forwarding;
pub(crate) mod glob;
pub mod held;
pub mod keywords;
pub mod options;
pub mod pattern;
pub mod settings;
pub mod tokens;
pub mod values;
pub mod words;

pub use options::Options;
pub use settings::Settings;

use crate::account::Account;
use crate::exit::{Fatal, Result, os_words};
use file::Reader;
use options::Absent;
use std::path::Path;

/// The system-wide file.
const SYSTEM_FILE: &str = "/etc/ssh/ssh_config";

/// Adds the configuration files to what the command line said: the file of `-F` alone, or the
/// user's and the system's.
///
/// # Errors
/// A file that was named and cannot be read, or bad lines, which have been printed.
pub fn read_files(
    options: &mut Options,
    file: Option<&Path>,
    host: &str,
    account: &Account,
) -> Result<()> {
    let mut reader = Reader::new(options, host, account);
    if let Some(path) = file {
        if path.as_os_str().eq_ignore_ascii_case("none") {
            return Ok(());
        }
        return reader.file(path, false).map_err(|error| {
            let words = os_words(&error);
            Fatal::new(format!("Can't open user config file {}: {words}", path.display()))
        })?;
    }
    let user = account.home.join(".ssh/config");
    for (path, check_owner) in [(user.as_path(), true), (Path::new(SYSTEM_FILE), false)] {
        match reader.file(path, check_owner) {
            Ok(read) => read?,
            // Both are optional, and one that cannot be read is passed over, as ssh does.
            Err(error) => {
                crate::log::debug3(format_args!("{}: {}", path.display(), os_words(&error)))
            }
        }
    }
    Ok(())
}

/// Says what the configuration asks for and is not built.
///
/// # Errors
/// Something that it would be dangerous to go on without.
pub fn report_missing(options: &Options) -> Result<()> {
    for Absent { place, keyword, refused } in &options.missing {
        if *refused {
            return Err(Fatal::new(format!(
                "{place}: {keyword} is not supported yet; set it to \"none\" for this host to go \
                 on without it"
            )));
        }
        let text = format!("{place}: {keyword} is not supported yet and has no effect");
        crate::log::info(text);
    }
    Ok(())
}

#[cfg(test)]
mod tests;

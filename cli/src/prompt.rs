//! Questions to the user: on the terminal, or through the program of `SSH_ASKPASS`.
//!
//! Everything here waits for a human and belongs on a thread that may block.

use crate::limits::ANSWER_BYTES_MAX;
use crate::terminal;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use zeroize::{Zeroize as _, Zeroizing};

/// The program where `SSH_ASKPASS` names none: Debian's alternatives put the chosen one here.
const DEFAULT_PROGRAM: &str = "/usr/bin/ssh-askpass";

/// Whether what is typed may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// Passwords and passphrases.
    Off,
    /// Everything else.
    On,
}

/// Who can be asked.
enum Way {
    Terminal(File),
    Program(OsString),
}

/// Asks `text` and waits for one line. Nothing when there is nobody to ask, or the question was
/// turned down.
#[must_use]
pub fn ask(text: &str, echo: Echo) -> Option<Zeroizing<String>> {
    match way()? {
        Way::Terminal(terminal) => ask_terminal(terminal, text, echo),
        // As ssh tells the program that its answer need not be hidden.
        Way::Program(program) if echo == Echo::On => ask_program(&program, text, "confirm-text"),
        Way::Program(program) => ask_program(&program, text, ""),
    }
}

/// Asks for a yes or a no through the program of `SSH_ASKPASS` alone: the terminal is a session's.
/// The program's window has buttons; an empty answer or "yes" agrees, as in ssh.
#[must_use]
pub fn confirm(text: &str) -> bool {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let display = variable("DISPLAY").is_some() || variable("WAYLAND_DISPLAY").is_some();
    let forced = variable("SSH_ASKPASS_REQUIRE").is_some_and(|word| word == "force");
    if !display && !forced {
        crate::log::debug1("nobody can be asked: neither DISPLAY nor SSH_ASKPASS_REQUIRE=force");
        return false;
    }
    let program = variable("SSH_ASKPASS").unwrap_or_else(|| DEFAULT_PROGRAM.into());
    let answer = ask_program(&program, text, "confirm");
    answer.is_some_and(|answer| answer.is_empty() || answer.eq_ignore_ascii_case("yes"))
}

/// The terminal, unless `SSH_ASKPASS_REQUIRE` says otherwise; without one the program, if there
/// is a display for its window.
fn way() -> Option<Way> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let program = variable("SSH_ASKPASS")
        .or_else(|| Path::new(DEFAULT_PROGRAM).exists().then(|| DEFAULT_PROGRAM.into()));
    let display = variable("DISPLAY").is_some() || variable("WAYLAND_DISPLAY").is_some();
    let require = variable("SSH_ASKPASS_REQUIRE").unwrap_or_default().to_ascii_lowercase();
    let (never, prefer) = match require.to_str() {
        Some("never") => (true, false),
        Some("force") => return program.map(Way::Program),
        Some("prefer") => (false, display),
        _ => (false, false),
    };
    if prefer && program.is_some() {
        return program.map(Way::Program);
    }
    match OpenOptions::new().read(true).write(true).open("/dev/tty") {
        Ok(terminal) => Some(Way::Terminal(terminal)),
        Err(_) if never || !display => None,
        Err(_) => program.map(Way::Program),
    }
}

fn ask_terminal(mut terminal: File, text: &str, echo: Echo) -> Option<Zeroizing<String>> {
    // Echo goes off before the question is shown, so that nothing typed early is seen.
    let mode = match echo {
        Echo::Off => Some(terminal::without_echo(&terminal).ok()?),
        Echo::On => None,
    };
    terminal.write_all(text.as_bytes()).ok()?;
    let answer = read_line(&mut terminal);
    if mode.is_some() {
        // The newline that was typed was not shown either.
        let _ = terminal.write_all(b"\n");
    }
    drop(mode);
    answer
}

fn ask_program(program: &OsString, text: &str, kind: &str) -> Option<Zeroizing<String>> {
    let mut command = Command::new(program);
    command.arg(text).stdin(Stdio::null()).stdout(Stdio::piped());
    if !kind.is_empty() {
        command.env("SSH_ASKPASS_PROMPT", kind);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let words = crate::exit::os_words(&error);
            crate::log::error(format_args!("ssh_askpass: exec({}): {words}", program.display()));
            return None;
        }
    };
    let answer = child.stdout.take().and_then(|mut stdout| read_line(&mut stdout));
    let status = child.wait().ok()?;
    answer.filter(|_| status.success())
}

/// One line without its end; what is longer than [`ANSWER_BYTES_MAX`] is cut. Nothing at the end
/// of the stream.
fn read_line(source: &mut impl std::io::Read) -> Option<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES_MAX));
    let mut byte = [0];
    let mut any = false;
    loop {
        match source.read(&mut byte) {
            Ok(0) if any => break,
            Ok(0) => return None,
            Ok(_) if matches!(byte, [b'\n' | b'\r']) => break,
            Ok(_) if line.len() < ANSWER_BYTES_MAX => {
                any = true;
                line.push(byte[0]);
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    byte.zeroize();
    // A password in another encoding than UTF-8 cannot be sent as RFC 4252 section 8 asks.
    std::str::from_utf8(&line).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_are_cut_and_must_be_text() {
        let read = |bytes: &[u8]| read_line(&mut &bytes[..]).map(|line| line.as_str().to_owned());
        assert_eq!(read(b"secret\nmore").as_deref(), Some("secret"));
        assert_eq!(read(b"secret").as_deref(), Some("secret"));
        assert_eq!(read(b"\n").as_deref(), Some(""));
        assert_eq!(read(b""), None);
        assert_eq!(read(b"\xff\n"), None);
        let long = vec![b'x'; ANSWER_BYTES_MAX + 9];
        assert_eq!(read(&long).map(|line| line.len()), Some(ANSWER_BYTES_MAX));
    }
}

//! The program xauth, which knows the cookies of X servers: asked by a client, told by a server.
//!
//! What it prints and reads is secret. It never becomes an argument, which every user of the
//! machine can see, and is wiped after use.

use crate::exit::os_words;
use crate::limits::{XAUTH_OUTPUT_BYTES_MAX, XAUTH_TIMEOUT};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tssh_forward::core::x11::{COOKIE_PROTOCOL, Cookie};
use zeroize::Zeroizing;

/// What xauth knows about a display.
#[derive(Debug)]
pub enum Found {
    /// A cookie.
    Cookie(Cookie),
    /// Data of this other protocol alone.
    Other(String),
    /// Nothing.
    Nothing,
}

/// Runs xauth with these words for its standard input, within [`XAUTH_TIMEOUT`], and yields what
/// it printed.
///
/// # Errors
/// Why it could not be run or did not do it, in a few words.
pub async fn run(command: &mut Command, input: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = crate::open_files::as_before(|| command.kill_on_drop(true).spawn());
    let mut child = child.map_err(|error| os_words(&error))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let work = async {
        if let Some(mut stdin) = stdin {
            // It may have ended without reading; its status tells.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        // Room for all of it: what moved would leave copies behind.
        let most = usize::try_from(XAUTH_OUTPUT_BYTES_MAX).unwrap_or_default();
        let mut output = Zeroizing::new(Vec::with_capacity(most));
        if let Some(stdout) = stdout {
            let read = stdout.take(XAUTH_OUTPUT_BYTES_MAX).read_to_end(&mut output).await;
            read.map_err(|error| os_words(&error))?;
        }
        let status = child.wait().await.map_err(|error| os_words(&error))?;
        if status.success() { Ok(output) } else { Err(format!("xauth failed: {status}")) }
    };
    tokio::time::timeout(XAUTH_TIMEOUT, work).await.map_err(|_| "xauth did not end".to_owned())?
}

/// `xauth list` for one display, from `file` or from the user's own.
///
/// # Errors
/// See [`run`].
pub async fn list(xauth: &Path, file: Option<&Path>, display: &str) -> Result<Found, String> {
    let mut command = Command::new(xauth);
    if let Some(file) = file {
        command.arg("-f").arg(file);
    }
    let output = run(command.args(["list", display]), "").await?;
    Ok(std::str::from_utf8(&output).map_or(Found::Nothing, find))
}

/// Finds the cookie in lines of a display's name, a protocol and its data in hexadecimal.
fn find(output: &str) -> Found {
    let mut other = Found::Nothing;
    for line in output.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (Some(protocol), Some(data)) = (words.next(), words.next()) else { continue };
        match Cookie::from_hex(data).filter(|_| protocol == COOKIE_PROTOCOL) {
            Some(cookie) => return Found::Cookie(cookie),
            None => other = Found::Other(protocol.to_owned()),
        }
    }
    other
}

/// `xauth generate`: has the X server make a cookie for untrusted programs, into `file`. It ends
/// that long after its last use; 0 for never.
///
/// # Errors
/// See [`run`].
pub async fn generate(
    xauth: &Path,
    file: &Path,
    display: &str,
    timeout_seconds: u64,
) -> Result<(), String> {
    let mut command = Command::new(xauth);
    command.arg("-f").arg(file);
    command.args(["generate", display, COOKIE_PROTOCOL, "untrusted"]);
    if timeout_seconds > 0 {
        command.args(["timeout", &timeout_seconds.to_string()]);
    }
    run(&mut command, "").await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::block_on;

    const HEX: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn lines_of_a_list() {
        let cookie = |text: &str| matches!(find(text), Found::Cookie(c) if *c.hex() == HEX);
        assert!(cookie(&format!("box/unix:0  MIT-MAGIC-COOKIE-1  {HEX}\n")));
        assert!(cookie(&format!(
            "box/unix:0  XDM-AUTHORIZATION-1  {HEX}\nbox:0  MIT-MAGIC-COOKIE-1  {HEX}\n"
        )));
        let other = find(&format!("box/unix:0  XDM-AUTHORIZATION-1  {HEX}\n"));
        assert!(matches!(other, Found::Other(name) if name == "XDM-AUTHORIZATION-1"));
        for nothing in ["", "\n", "box/unix:0", "box/unix:0  MIT-MAGIC-COOKIE-1"] {
            assert!(matches!(find(nothing), Found::Nothing), "{nothing:?}");
        }
    }

    /// S61: a program that is not there, one that fails, one that never reads.
    #[test]
    fn programs_that_do_not_do_it() {
        let run = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            block_on(run(command.args(arguments), &"x".repeat(1 << 20)))
        };
        assert_eq!(run("/no/xauth", &[]).unwrap_err(), "No such file or directory");
        assert!(run("sh", &["-c", "exit 3"]).unwrap_err().contains("exit status: 3"));
        assert_eq!(run("echo", &["said"]).unwrap().as_slice(), b"said\n");
    }
}

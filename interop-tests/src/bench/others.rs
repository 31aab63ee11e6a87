//! Clients that do not take ssh's command line: Dropbear's dbclient, PuTTY's plink, asyncssh.

use super::peers::{Algorithms, Forward, Task};
use crate::openssh::{Server, program_path};
use crate::process::run;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `dbclient`, which has an option for the cipher and none for key exchange.
///
/// # Errors
/// Algorithms that it cannot be asked for.
pub fn dbclient(
    path: &Path,
    server: &Server,
    port: u16,
    algorithms: Algorithms,
    task: &Task<'_>,
) -> Result<Command, String> {
    if let Some(kex) = algorithms.kex {
        return Err(format!("dbclient has no option for {kex}"));
    }
    let cipher = algorithms.cipher.unwrap_or("chacha20-poly1305@openssh.com");
    if cipher.contains("gcm") {
        return Err("Debian's dbclient has no AES-GCM".to_owned());
    }
    let key = server.folder().join("user_key.dropbear");
    if !key.exists() {
        let mut convert = Command::new(program_path("dropbearconvert"));
        convert.args(["openssh", "dropbear"]).arg(server.user_key()).arg(&key);
        run(&mut convert).expect_code(0);
    }
    let mut line = Command::new(path);
    line.args(["-y", "-y", "-c", cipher, "-i"]).arg(key);
    line.args(algorithms.mac.iter().flat_map(|mac| ["-m", mac]));
    add_task(line, server, port, task, |line, port| {
        line.args(["-p", &port.to_string()]);
        line.arg(format!("{}@127.0.0.1", server.user()));
    })
}

/// `plink`, whose algorithms are those of a saved session.
///
/// # Errors
/// Algorithms that it cannot be asked for.
pub fn plink(
    path: &Path,
    server: &Server,
    port: u16,
    algorithms: Algorithms,
    task: &Task<'_>,
) -> Result<Command, String> {
    let cipher = match algorithms.cipher {
        None => None,
        Some(name) if name.starts_with("chacha20") => Some("chacha20"),
        Some(name) if name.contains("gcm") => Some("aesgcm"),
        Some(_) if algorithms.mac.is_none() => Some("aes"),
        Some(name) => return Err(format!("plink has no option for {name} with a MAC")),
    };
    let kex = match algorithms.kex {
        None => None,
        Some(name) if name.starts_with("sntrup761") => Some("ntru-curve25519"),
        Some(name) if name.starts_with("curve25519") => Some("ecdh"),
        Some(name) => return Err(format!("plink has no option for {name}")),
    };
    let folder = server.folder();
    let key = folder.join("user_key.ppk");
    if !key.exists() {
        let mut convert = Command::new(program_path("puttygen"));
        convert.arg(server.user_key()).args(["-O", "private", "-o"]).arg(&key);
        run(&mut convert).expect_code(0);
    }
    let sessions = folder.join(".putty/sessions");
    std::fs::create_dir_all(&sessions).map_err(|error| error.to_string())?;
    let mut session = String::from("Protocol=ssh\nAuthKI=0\n");
    session += &cipher.map_or(String::new(), |name| format!("Cipher={name},WARN\n"));
    session += &kex.map_or(String::new(), |name| format!("KEX={name},WARN\n"));
    std::fs::write(sessions.join("bench"), session).map_err(|error| error.to_string())?;
    let host_key = server.host_key_lines().first().ok_or("a server without host keys")?;
    let public = folder.write("host_key.pub", format!("{host_key}\n"));
    let mut fingerprint = Command::new(program_path("ssh-keygen"));
    let text = run(fingerprint.arg("-lf").arg(public)).text();
    let fingerprint = text.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut line = Command::new(path);
    line.args(["-load", "bench", "-batch", "-noagent", "-hostkey", &fingerprint, "-i"]).arg(key);
    line.env("HOME", folder.path());
    add_task(line, server, port, task, |line, port| {
        line.args(["-P", &port.to_string(), "-l", server.user(), "127.0.0.1"]);
    })
}

/// The Python that has asyncssh, where there is one: Debian's.
#[must_use]
pub fn python_with_asyncssh() -> Option<PathBuf> {
    let python = PathBuf::from("/usr/bin/python3");
    let has =
        python.is_file() && run(Command::new(&python).args(["-c", "import asyncssh"])).code == 0;
    has.then_some(python)
}

/// asyncssh, which is a library: a few lines around it take what is asked for as plain words.
pub fn asyncssh(
    python: &Path,
    server: &Server,
    port: u16,
    algorithms: Algorithms,
    task: &Task<'_>,
) -> Command {
    let script = server.folder().write("client.py", include_str!("asyncssh_client.py"));
    let host_key = server.host_key_lines().first().map(String::as_str).unwrap_or_default();
    let host_key = server.folder().write("host_key.pub", format!("{host_key}\n"));
    let mut line = Command::new(python);
    line.arg(script).args([&port.to_string(), server.user()]);
    line.arg(server.user_key()).arg(host_key);
    let named = [algorithms.kex, algorithms.cipher, algorithms.mac];
    line.args(named.map(Option::unwrap_or_default));
    match task {
        Task::Forward { forward, entry, target } => {
            line.args([forward.letter(), &entry.to_string(), &target.to_string()]);
        }
        Task::Run(words) => {
            line.args(["run", "0", words]);
        }
    }
    line.env("HOME", server.folder().path());
    line
}

/// Forwards and commands are written as with ssh; `host` adds where to log in.
fn add_task(
    mut line: Command,
    server: &Server,
    port: u16,
    task: &Task<'_>,
    host: impl FnOnce(&mut Command, u16),
) -> Result<Command, String> {
    line.env("HOME", server.folder().path()).env_remove("SSH_AUTH_SOCK");
    match task {
        Task::Forward { forward: Forward::Dynamic, .. } => {
            return Err(super::report::NOT_APPLICABLE.to_owned());
        }
        Task::Forward { forward, entry, target } => {
            line.args(["-N", &format!("-{}", forward.letter())]);
            line.arg(format!("{entry}:127.0.0.1:{target}"));
            host(&mut line, port);
        }
        Task::Run(words) => {
            host(&mut line, port);
            line.arg(words);
        }
    }
    Ok(line)
}

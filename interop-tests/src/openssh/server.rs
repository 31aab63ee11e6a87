//! An SSH server on a free port of the loopback interface: OpenSSH's sshd, or tsshd.

use super::{GUEST_NAME, KeyKind, guest, keygen, program_path, user_name, version};
use crate::ports::free_port;
use crate::process::{PATIENCE, Process};
use crate::scratch::Scratch;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that asks for a certain port, rather than any, may take a promised one in between.
const PORT_ATTEMPTS: u32 = 8;

/// What a test wants of its server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Lines of `sshd_config`, before those that all servers get: the first value wins.
    pub lines: Vec<String>,
    /// Arguments of the server, before those that all servers get.
    pub arguments: Vec<String>,
    /// Host keys to make, in the order in which the configuration names them.
    pub host_keys: Vec<KeyKind>,
    /// Whether the throw-away user with a password exists (root only).
    pub guest: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let host_keys = vec![KeyKind::Ed25519];
        Self { lines: Vec::new(), arguments: Vec::new(), host_keys, guest: false }
    }
}

impl ServerOptions {
    /// Default options with these lines of configuration.
    #[must_use]
    pub fn with_lines(lines: &[&str]) -> Self {
        Self { lines: lines.iter().map(|&line| line.to_owned()).collect(), ..Self::default() }
    }
}

/// A running server, ended when dropped.
pub struct Server {
    process: Process,
    folder: Scratch,
    port: u16,
    user: String,
    host_key_lines: Vec<String>,
}

impl Server {
    /// Starts OpenSSH's sshd.
    ///
    /// # Panics
    /// With its log when it does not come up.
    #[must_use]
    pub fn start(options: &ServerOptions) -> Self {
        Self::start_like_sshd(&program_path("sshd"), options)
    }

    /// Starts a program that takes sshd's command line and configuration.
    ///
    /// # Panics
    /// With its log when it does not come up.
    #[must_use]
    pub fn start_like_sshd(program: &Path, options: &ServerOptions) -> Self {
        Self::launch(program, options, openssh_lines(options))
    }

    /// Starts sshd with these lines of configuration.
    ///
    /// # Panics
    /// With its log when it does not come up.
    #[must_use]
    pub fn with_lines(lines: &[&str]) -> Self {
        Self::start(&ServerOptions::with_lines(lines))
    }

    /// Starts tsshd with the same kind of configuration file.
    ///
    /// # Panics
    /// With its log when it does not come up.
    #[must_use]
    pub fn start_tsshd(options: &ServerOptions) -> Self {
        assert!(!options.guest, "tsshd serves the user that runs it");
        // The folder for temporary files belongs to everybody, which strict modes do not accept.
        let defaults = "StrictModes no\nLogLevel VERBOSE\nMaxStartups 1000\n".to_owned();
        Self::launch(&crate::tssh::tsshd_binary(), options, defaults)
    }

    fn launch(program: &Path, options: &ServerOptions, defaults: String) -> Self {
        let folder = Scratch::new();
        let mut config = String::new();
        // What is in a block may not be followed by what is not.
        let block = options.lines.iter().position(|line| line.starts_with("Match "));
        let (outside, blocks) = options.lines.split_at(block.unwrap_or(options.lines.len()));
        for line in outside {
            let _ = writeln!(config, "{line}");
        }
        let mut host_key_lines = Vec::new();
        for kind in &options.host_keys {
            let path = folder.join(&format!("host_{}", kind.name()));
            host_key_lines.push(keygen(&path, *kind, ""));
            let _ = writeln!(config, "HostKey {}", path.display());
        }
        let public = keygen(&folder.join("user_key"), KeyKind::Ed25519, "");
        folder.write("authorized_keys", format!("{public}\n"));
        let authorized = folder.join("authorized_keys");
        // The folder for temporary files, in which all this lies, is everybody's.
        let _ = writeln!(config, "StrictModes no");
        let _ = writeln!(config, "ListenAddress 127.0.0.1");
        let _ = writeln!(config, "AuthorizedKeysFile {}", authorized.display());
        config.push_str(&defaults);
        for line in blocks {
            let _ = writeln!(config, "{line}");
        }
        let config = folder.write("sshd_config", config);

        let user = if options.guest { GUEST_NAME.to_owned() } else { user_name() };
        let prefix = || {
            if options.guest { guest::with_guest(&folder, program) } else { Command::new(program) }
        };
        let mut command = prefix();
        command.args(&options.arguments).args(["-D", "-e", "-f"]).arg(&config);
        let (process, port) = listen(&command);
        Self { process, folder, port, user, host_key_lines }
    }

    /// The port it listens on, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user to log in as.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The server's folder, in which a test may make files of its own.
    #[must_use]
    pub fn folder(&self) -> &Scratch {
        &self.folder
    }

    /// The private key that the server lets in.
    #[must_use]
    pub fn user_key(&self) -> PathBuf {
        self.folder.join("user_key")
    }

    /// Public lines of its host keys, in the order of the options.
    #[must_use]
    pub fn host_key_lines(&self) -> &[String] {
        &self.host_key_lines
    }

    /// Lets one more key in.
    pub fn authorize(&self, public_line: &str) {
        let path = self.folder.join("authorized_keys");
        let before = std::fs::read_to_string(path).unwrap_or_default();
        self.folder.write("authorized_keys", format!("{before}{public_line}\n"));
    }

    /// Writes a known_hosts file with all host keys of the server, and returns its path.
    pub fn known_hosts(&self) -> PathBuf {
        let port = self.port;
        let lines: String =
            self.host_key_lines.iter().map(|line| format!("[127.0.0.1]:{port} {line}\n")).collect();
        self.folder.write("known_hosts", lines)
    }

    /// What the server logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.stderr.text()
    }

    /// Waits for `text` in the log.
    ///
    /// # Panics
    /// With the log when it does not come.
    #[track_caller]
    pub fn expect_log(&self, text: &str) {
        let seen = self.process.stderr.wait_for(text, PATIENCE);
        assert!(seen, "no {text:?} in the server's log:\n{}", self.log());
    }

    /// The process, to be signalled or measured.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// Starts the server on ports that are free, until one is still free when it binds.
fn listen(command: &Command) -> (Process, u16) {
    let mut log = String::new();
    for _ in 0..PORT_ATTEMPTS {
        let port = free_port();
        let mut attempt = Command::new(command.get_program());
        attempt.args(command.get_args()).arg("-p").arg(port.to_string());
        let process = Process::spawn(&mut attempt);
        let ready = format!("Server listening on 127.0.0.1 port {port}.");
        if process.stderr.wait_for(&ready, PATIENCE) {
            return (process, port);
        }
        log = process.output();
    }
    panic!("{command:?} does not listen:\n{log}");
}

/// Configuration that every sshd of a test gets unless the test says otherwise.
fn openssh_lines(options: &ServerOptions) -> String {
    let mut lines = String::from(
        "PidFile none\nLogLevel VERBOSE\nPermitRootLogin yes\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         MaxStartups 1000\nLoginGraceTime 600\nUseDNS no\nPrintMotd no\nPrintLastLog no\n\
         Subsystem sftp internal-sftp\n",
    );
    // With PAM, logins run the machine's own stack; only guests need it, with a stack of theirs.
    lines.push_str(if options.guest { "UsePAM yes\n" } else { "UsePAM no\n" });
    // Newer servers make an address wait whose logins failed: all tests have one address.
    if version() >= (9, 8) {
        lines.push_str("PerSourcePenalties no\n");
    }
    prepare_privilege_separation();
    lines
}

/// sshd as root insists on an empty folder that Debian's service makes when it starts; a machine
/// without that service running lacks it.
fn prepare_privilege_separation() {
    if super::is_root() {
        let _ = std::fs::create_dir("/run/sshd");
    }
}

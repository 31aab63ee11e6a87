//! Real OpenSSH programs, with keys and folders made for the run.

mod agent;
mod guest;
mod server;

pub use crate::ports::free_port;
pub use agent::Agent;
pub use guest::{GUEST_NAME, GUEST_PASSWORD, can_make_guests};
pub use server::{Server, ServerOptions};

use crate::process::run;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Whether this machine has sshd, ssh, ssh-agent and ssh-keygen; when not, what is missing.
#[must_use]
pub fn missing() -> Option<String> {
    let programs = ["sshd", "ssh", "ssh-agent", "ssh-add", "ssh-keygen"];
    let missing: Vec<&str> =
        programs.into_iter().filter(|program| !program_path(program).exists()).collect();
    if missing.is_empty() {
        return None;
    }
    Some(format!("{} not installed (apt-get install openssh-server)", missing.join(", ")))
}

/// Where a program of OpenSSH lives; sshd insists on being started by its full path.
#[must_use]
pub fn program_path(name: &str) -> PathBuf {
    let folders = std::env::var("PATH").unwrap_or_default();
    let folders = folders.split(':').chain(["/usr/sbin", "/usr/bin", "/usr/local/sbin"]);
    let found = folders.map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| Path::new("/usr/bin").join(name))
}

/// OpenSSH's version as major and minor number, such as (9, 2).
#[must_use]
pub fn version() -> (u32, u32) {
    static VERSION: OnceLock<(u32, u32)> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let text = run(Command::new(program_path("ssh")).arg("-V")).stderr;
        let numbers = text.strip_prefix("OpenSSH_").unwrap_or_default();
        let mut numbers = numbers.split(|c: char| !c.is_ascii_digit());
        let mut next = || numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        (next(), next())
    })
}

/// What `ssh -Q KIND` lists: the algorithms that this machine's OpenSSH knows.
#[must_use]
pub fn known(kind: &str) -> Vec<String> {
    let listed = run(Command::new(program_path("ssh")).args(["-Q", kind]));
    listed.text().lines().map(str::to_owned).collect()
}

/// A kind of key that ssh-keygen makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// `ssh-ed25519`
    Ed25519,
    /// `ecdsa-sha2-nistp256`
    EcdsaP256,
    /// `ecdsa-sha2-nistp384`
    EcdsaP384,
    /// `ecdsa-sha2-nistp521`
    EcdsaP521,
    /// `ssh-rsa` with 3072 bits, ssh-keygen's default
    Rsa,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Ed25519, Self::EcdsaP256, Self::EcdsaP384, Self::EcdsaP521, Self::Rsa];

    /// The key type's name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::EcdsaP384 => "ecdsa-sha2-nistp384",
            Self::EcdsaP521 => "ecdsa-sha2-nistp521",
            Self::Rsa => "ssh-rsa",
        }
    }

    fn keygen_arguments(self) -> [&'static str; 4] {
        match self {
            Self::Ed25519 => ["-t", "ed25519", "-b", "256"],
            Self::EcdsaP256 => ["-t", "ecdsa", "-b", "256"],
            Self::EcdsaP384 => ["-t", "ecdsa", "-b", "384"],
            Self::EcdsaP521 => ["-t", "ecdsa", "-b", "521"],
            Self::Rsa => ["-t", "rsa", "-b", "3072"],
        }
    }
}

/// Makes a private key at `path` and its public half at `path.pub`; returns the public line.
///
/// # Panics
/// When ssh-keygen fails.
pub fn keygen(path: &Path, kind: KeyKind, passphrase: &str) -> String {
    keygen_with(path, kind, passphrase, &[])
}

/// The same with further arguments for ssh-keygen, such as `-m PEM`.
///
/// # Panics
/// When ssh-keygen fails.
pub fn keygen_with(path: &Path, kind: KeyKind, passphrase: &str, more: &[&str]) -> String {
    let mut command = Command::new(program_path("ssh-keygen"));
    command.args(["-q", "-N", passphrase, "-C", "made for a test", "-f"]).arg(path);
    run(command.args(kind.keygen_arguments()).args(more)).expect_code(0);
    let public = public_path(path);
    std::fs::read_to_string(public).expect("the public half").trim_end().to_owned()
}

/// Where ssh-keygen puts the public half of the key at `path`.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// The name of the user that runs the tests, who is also the user to log in as.
#[must_use]
pub fn user_name() -> String {
    run(Command::new("id").arg("-un")).text().trim().to_owned()
}

/// Whether the tests run as root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

//! Keys and files of one pair, in the form of each program that wants them.

use super::place::Home;
use crate::openssh::{KeyKind, keygen, program_path};
use crate::process::run;
use crate::scratch::Scratch;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with one host key and one user key.
pub struct Work {
    folder: Scratch,
    host_key: String,
}

impl Work {
    /// Makes the keys.
    ///
    /// # Errors
    /// When a program that changes their form fails.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn new(home: &Home) -> Result<Self, String> {
        let work = Self::bare();
        work.convert(home)?;
        Ok(work)
    }

    /// Makes the keys in OpenSSH's form only.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn bare() -> Self {
        let folder = Scratch::new();
        std::fs::create_dir_all(folder.join("home/.ssh")).expect("a home of the run");
        let host_key = keygen(&folder.join("host_key"), KeyKind::Ed25519, "");
        let user_key = keygen(&folder.join("user_key"), KeyKind::Ed25519, "");
        folder.write("home/.ssh/authorized_keys", format!("{user_key}\n"));
        Self { folder, host_key }
    }

    /// Takes this private key in place of the one that was made.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn with_key(self, key: &Path) -> Result<Self, String> {
        let text = std::fs::read(key).map_err(|error| format!("{}: {error}", key.display()))?;
        self.folder.write("user_key", text);
        // One that does not belong to it would be tried in its place.
        let _ = std::fs::remove_file(self.join("user_key.pub"));
        Ok(self)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder as a place for further files.
    #[must_use]
    pub fn folder(&self) -> &Scratch {
        &self.folder
    }

    /// The host key's public line.
    #[must_use]
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// PuTTY's and Dropbear's forms, for the peers that read no other.
    fn convert(&self, home: &Home) -> Result<(), String> {
        let mut puttygen = Command::new(program_path("puttygen"));
        puttygen.arg(self.join("user_key")).args(["-O", "private", "--ppk-param", "version=2"]);
        let made = run(puttygen.arg("-o").arg(self.join("user_key.ppk")));
        if made.code != 0 {
            return Err(format!("puttygen: {}", made.stderr));
        }
        std::fs::create_dir_all(self.join("home/.putty/sessions")).map_err(|e| e.to_string())?;
        self.folder.write("home/.putty/sessions/rekey", "RekeyBytes=1M\nRekeyTime=0\n");
        if home.file("usr/bin/dropbearconvert").exists() {
            for key in ["host_key", "user_key"] {
                let mut convert = home.command(self.path(), "/usr/bin/dropbearconvert");
                convert.args(["openssh", "dropbear"]).arg(self.join(key));
                let made = run(convert.arg(self.join(&format!("{key}.dropbear"))));
                if made.code != 0 {
                    return Err(format!("dropbearconvert: {}", made.stderr));
                }
            }
        }
        Ok(())
    }
}

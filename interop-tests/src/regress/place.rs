//! What all tests of one run share: the client under the name that the suite calls it by, keys,
//! and the folders in which tests work.

use super::{NEEDED, REGRESS};
use crate::openssh::program_path;
use crate::process::run;
use crate::scratch::Scratch;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the suite's own scripts ask `ssh -Q` for.
const QUERIES: [&str; 8] =
    ["key", "key-plain", "key-cert", "key-sig", "kex", "cipher", "cipher-auth", "mac"];

/// Helpers of the package that each test wants in its own folder.
const HELPERS: [&str; 7] = [
    "netcat",
    "mkdtemp",
    "modpipe",
    "check-perm",
    "setuid-allowed",
    "config.h",
    "sshd-log-wrapper.sh",
];

/// The shared part of a run.
pub struct Place {
    folder: Scratch,
    client: PathBuf,
}

impl Place {
    /// Prepares a run with `client`.
    ///
    /// # Errors
    /// When no test of this client could mean anything, and why.
    ///
    /// # Panics
    /// When the folders cannot be made.
    pub fn new(client: &Path) -> Result<Self, String> {
        for (what, names) in NEEDED {
            let listed = query(client, what);
            if let Some(lacking) = names.iter().find(|name| !listed.iter().any(|is| is == *name)) {
                return Err(format!("{} -Q {what} does not list {lacking}", client.display()));
            }
        }
        let place = Self { folder: Scratch::new(), client: client.to_owned() };
        run(Command::new("chmod").arg("755").arg(place.folder.path())).expect_code(0);
        for name in ["bin", "keys", "known"] {
            fs::create_dir(place.folder.join(name)).expect("a folder of the run");
        }
        place.write_stand_in();
        place.make_keys();
        Ok(place)
    }

    /// The script that stands in ssh's place.
    #[must_use]
    pub fn stand_in(&self) -> PathBuf {
        self.folder.join("bin/ssh")
    }

    /// The client itself.
    #[must_use]
    pub fn client(&self) -> &Path {
        &self.client
    }

    /// The folder of the run.
    #[must_use]
    pub fn folder(&self) -> &Scratch {
        &self.folder
    }

    /// Leaves the folder where it is.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        let path = self.folder.path().to_owned();
        std::mem::forget(self.folder);
        path
    }

    /// What the client answers to `-Q` the scripts write into sshd's configuration as well, so
    /// what this machine's sshd does not know is left out.
    fn write_stand_in(&self) {
        for what in QUERIES {
            let known = query(&program_path("ssh"), what).join("\n");
            self.folder.write(&format!("known/{what}"), known + "\n");
        }
        let (client, known) = (self.client.display(), self.folder.join("known"));
        // The suite's wrapper for logs puts `-E FILE` in front of everything.
        let script = format!(
            "case \"$1\" in\n\
             -Q) [ ! -f {known}/\"$2\" ] || {{ {client} -Q \"$2\" | grep -Fx -f {known}/\"$2\"; \
             exit; }} ;;\n\
             -E*) [ \"$2\" != -Q ] || {{ shift; exec \"$0\" \"$@\"; }} ;;\n\
             esac\n\
             exec {client} \"$@\"",
            known = known.display()
        );
        let path = self.folder.script("bin/ssh", &script);
        run(Command::new("chmod").arg("755").arg(path)).expect_code(0);
    }

    /// One key of each kind for all tests: the suite takes those that it finds.
    fn make_keys(&self) {
        let provider = Path::new(REGRESS).join("misc/sk-dummy/sk-dummy.so");
        for kind in query(&self.client, "key-plain") {
            let mut keygen = Command::new(program_path("ssh-keygen"));
            keygen
                .args(["-q", "-N", "", "-t", &kind, "-f"])
                .arg(self.folder.join("keys").join(&kind));
            // A kind that this ssh-keygen cannot make is for the test to miss.
            let _ = run(keygen.env("SSH_SK_PROVIDER", &provider));
        }
    }

    /// A folder for one test, with keys and helpers.
    ///
    /// Its name says nothing: some scripts delete every line of a configuration that has a
    /// certain word in it.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn folder_of(&self, number: usize) -> PathBuf {
        let folder = self.folder.join(&format!("t{number}"));
        fs::create_dir_all(folder.join("tmp")).expect("a folder of a test");
        let helpers = HELPERS.iter().map(|name| Path::new(REGRESS).join(name));
        let keys = fs::read_dir(self.folder.join("keys")).expect("the keys").flatten();
        for from in helpers.chain(keys.map(|entry| entry.path())) {
            let name = from.file_name().expect("a file").to_owned();
            // With its mode: the helpers are programs.
            fs::copy(&from, folder.join(name)).expect("a copy of a key or helper");
        }
        folder
    }
}

/// What `client` lists under `-Q what`.
fn query(client: &Path, what: &str) -> Vec<String> {
    let listed = run(Command::new(client).args(["-Q", what]));
    if listed.code == 0 { listed.text().lines().map(str::to_owned).collect() } else { Vec::new() }
}

//! Where the peers are kept, and how they get there: `interop-tests/peers/fetch`.

use super::peers::{self, Kind, Peer, Source};
use crate::process::Process;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// How long one source may take: the slowest is built from its own sources, and a step of `./test`
/// has 25 minutes.
const FETCH_LIMIT: Duration = Duration::from_secs(20 * 60);

/// A folder that outlives the run, and what was fetched into it by this run.
pub struct Place {
    folder: PathBuf,
    fetched: Mutex<BTreeMap<String, &'static OnceLock<Result<(), String>>>>,
}

impl Place {
    /// The folder that `TSSH_PEERS` names, or one among the user's caches.
    #[must_use]
    pub fn new() -> Self {
        let set = std::env::var_os("TSSH_PEERS").map(PathBuf::from);
        let cache = || {
            let set = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into()));
            set.unwrap_or_else(|| home().join(".cache")).join("tssh-peers")
        };
        Self { folder: set.unwrap_or_else(cache), fetched: Mutex::default() }
    }

    /// Why this machine cannot run the matrix, if it cannot.
    #[must_use]
    pub fn missing() -> Option<String> {
        if !crate::openssh::is_root() {
            return Some("only root may run what lies in a tree of another Debian".to_owned());
        }
        let tried = Command::new("unshare").args(["--mount", "--pid", "--fork", "true"]).output();
        let works = tried.is_ok_and(|tried| tried.status.success());
        (!works).then(|| "no mount namespaces".to_owned())
    }

    /// Gets a peer, unless it is there already.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn prepare(&self, peer: &Peer) -> Result<Home, String> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let script = |name: &str| scripts.join(name).display().to_string();
        let (name, words): (&str, Vec<String>) = match peer.source {
            Source::Suite(suite) => {
                let packages = peers::SUITES.iter().find(|(name, _)| *name == suite);
                let packages = packages.ok_or("no such suite")?.1;
                let of = suite.split('-').next().unwrap_or(suite);
                (suite, words(&["tree", of], packages))
            }
            Source::Container(line) => {
                (&*format!("container-{line}"), words(&["container"], &[line]))
            }
            Source::Python => ("python", words(&["python"], peers::PYTHON)),
            Source::MorePython => ("more-python", words(&["python"], peers::MORE_PYTHON)),
            Source::Node => ("node", words(&["node"], peers::NODE)),
            Source::Go => ("go", vec!["go".to_owned(), script("go/peer.go")]),
            Source::Rust => ("rust", vec!["cargo".to_owned(), script("russh")]),
            Source::Libssh => ("libssh", vec!["libssh".to_owned(), script("libssh_peer.c")]),
        };
        self.fetch(name, &words)?;
        let folder = self.folder.join(name);
        Ok(Home { folder, source: peer.source, scripts })
    }

    /// Gets programs of a Debian suite that are no peers, into a tree of their own; see
    /// [`Home::command`].
    ///
    /// # Errors
    /// Why they cannot be had.
    pub fn tree(&self, name: &str, suite: &'static str, packages: &[&str]) -> Result<Home, String> {
        self.fetch(name, &words(&["tree", suite], packages))?;
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        Ok(Home { folder: self.folder.join(name), source: Source::Suite(suite), scripts })
    }

    /// Once for each source, whoever asks first.
    fn fetch(&self, name: &str, words: &[String]) -> Result<(), String> {
        let once = {
            let mut fetched = self.fetched.lock().map_err(|_| "a thread died")?;
            // As many as there are sources, for as long as the program.
            *fetched.entry(name.to_owned()).or_insert_with(|| Box::leak(Box::default()))
        };
        once.get_or_init(|| {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/fetch");
            let mut command = Command::new("bash");
            command.arg(script).arg(self.folder.join(name)).args(words);
            let mut process = Process::spawn(&mut command);
            process.close_stdin();
            match process.wait_for_exit(FETCH_LIMIT) {
                Some(status) if status.success() => Ok(()),
                _ => Err(process.output().split_whitespace().collect::<Vec<_>>().join(" ")),
            }
        })
        .clone()
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

fn words(first: &[&str], more: &[&str]) -> Vec<String> {
    first.iter().chain(more).map(|&word| word.to_owned()).collect()
}

/// Where a peer is.
#[derive(Debug, Clone)]
pub struct Home {
    folder: PathBuf,
    source: Source,
    scripts: PathBuf,
}

/// Enters the tree `$1` with the folder `$2` at its own path and its part `home` as root's home,
/// and becomes the rest of the words.
const ENTER: &str = r#"
set -e
tree="$1" work="$2"
shift 2
mount -t tmpfs none "$tree/tmp"
mkdir -p "$tree$work"
mount --bind "$work" "$tree$work"
mount --bind "$work/home" "$tree/root"
mount --rbind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
mount -t tmpfs -o mode=755 none "$tree/run"
mkdir -m 755 "$tree/run/sshd"
exec chroot "$tree" "$@"
"#;

impl Home {
    fn is_tree(&self) -> bool {
        matches!(self.source, Source::Suite(_) | Source::Libssh)
    }

    /// A command of the peer's: in its tree, where it is in one. It ends with us.
    #[must_use]
    pub fn command(&self, work: &Path, program: &str) -> Command {
        if !self.is_tree() {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            return command;
        }
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork"]);
        command.args(["--kill-child", "--", "sh", "-c", ENTER, "sh"]);
        command.arg(&self.folder).arg(work).arg(program);
        command.env_clear().env("HOME", "/root").env("PATH", "/usr/bin:/usr/sbin:/bin:/sbin");
        command.env("LC_ALL", "C").env("USER", "root");
        command
    }

    /// The script that starts and ends containers, and the line of OpenSSH, where the peer is in
    /// one.
    #[must_use]
    pub fn container(&self) -> Option<(PathBuf, &'static str)> {
        let Source::Container(line) = self.source else { return None };
        Some((self.scripts.join("../containers/engine"), line))
    }

    /// The command of a peer that takes the arguments of our own scripts.
    #[must_use]
    pub fn driver(&self, kind: Kind, work: &Path) -> Command {
        let Kind::Script(script) = kind else {
            return self.command(work, &self.program("peer"));
        };
        let mut path = self.scripts.join(script);
        if self.is_tree() {
            // Our own folder is not in there.
            let copy = work.join(script);
            let _ = std::fs::copy(&path, &copy);
            path = copy;
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let mut command = match ending {
            "js" => {
                let mut command = self.command(work, "node");
                command.env("NODE_PATH", self.folder.join("node_modules"));
                command
            }
            "escript" => self.command(work, "escript"),
            _ => {
                let python = self.folder.join("venv/bin/python").display().to_string();
                let mut command = self.command(work, &python);
                command.args(["-W", "ignore"]);
                command
            }
        };
        command.arg(path);
        command
    }

    /// A program that was built for the peer.
    #[must_use]
    pub fn program(&self, name: &str) -> String {
        if self.is_tree() {
            return format!("/{name}");
        }
        self.folder.join(name).display().to_string()
    }

    /// A file of the peer's own.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The version of a peer.
    #[must_use]
    pub fn version(&self, peer: &Peer) -> String {
        let list = std::fs::read_to_string(self.folder.join("versions")).unwrap_or_default();
        let line = list.lines().find_map(|line| line.strip_prefix(peer.package)?.strip_prefix(' '));
        line.unwrap_or("unknown").to_owned()
    }
}

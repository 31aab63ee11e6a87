//! What the tests of this folder share: a server under a name, and trees of files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tssh_interop_tests::openssh::{Server, is_root, program_path};
pub use tssh_interop_tests::pair::{Pair, lacks};
use tssh_interop_tests::pattern::{Pattern, sha256_hex};
use tssh_interop_tests::process::run;
use tssh_interop_tests::skip::skip;

pub use tssh_interop_tests::each_pair;

/// One mebibyte.
pub const MIB: usize = 1024 * 1024;

/// Where Debian has the server's half of SFTP.
const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

/// A server that a configuration file calls `target`, as a user's own file would.
pub struct Target {
    /// The server.
    pub server: Server,
    client: PathBuf,
    config: PathBuf,
}

impl Target {
    /// Starts the server of `pair`, to be reached by its client.
    pub fn start(pair: Pair) -> Self {
        let sftp = format!("Subsystem sftp {SFTP_SERVER}");
        let server = match pair {
            // Every sshd of a test has the subsystem built in.
            Pair::TsshSshd => pair.server(&["AcceptEnv GIT_PROTOCOL"]),
            Pair::SshTsshd | Pair::TsshTsshd => pair.server(&["AcceptEnv GIT_PROTOCOL", &sftp]),
        };
        let keys: String =
            server.host_key_lines().iter().map(|line| format!("target {line}\n")).collect();
        let known_hosts = server.folder().write("known_hosts", keys);
        let config = format!(
            "Host target\n HostName 127.0.0.1\n Port {}\n User {}\n HostKeyAlias target\n \
             IdentityFile {}\n IdentitiesOnly yes\n UserKnownHostsFile {}\n \
             GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n BatchMode yes\n",
            server.port(),
            server.user(),
            server.user_key().display(),
            known_hosts.display(),
        );
        let config = server.folder().write("ssh_config", config);
        Self { server, client: pair.client(), config }
    }

    /// A path in the server's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.server.folder().join(name)
    }

    /// The client.
    pub fn client(&self) -> &Path {
        &self.client
    }

    /// The configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The client with the configuration file, as programs take it that split words.
    pub fn ssh(&self) -> String {
        format!("{} -F {}", self.client.display(), self.config.display())
    }

    /// A program that the machine has, with nothing of the user's own.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(program_path(name));
        command.env("HOME", self.server.folder().path()).env("LC_ALL", "C");
        for name in ["SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY"] {
            command.env_remove(name);
        }
        command
    }

    /// `program` where it sees mounts, processes and networks of its own, which end with it.
    pub fn apart(&self, program: &str, namespaces: &[&str]) -> Command {
        let mut command = self.program("unshare");
        command.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
        command.arg("--mount-proc").args(namespaces).arg("--").arg(program);
        command
    }
}

/// Whether `test` cannot run for want of namespaces of its own or of `programs`; says so when it
/// cannot.
pub fn lacks_namespaces(test: &str, programs: &[&str]) -> bool {
    if lacks(test, programs) {
        return true;
    }
    if !is_root() {
        skip(test, "only root has mounts and networks of its own");
        return true;
    }
    let all = ["--mount", "--pid", "--net", "--fork", "--mount-proc", "true"];
    let tried = run(Command::new("unshare").args(all));
    if tried.code != 0 {
        skip(test, &format!("no namespaces: {}", tried.stderr.trim()));
    }
    tried.code != 0
}

/// What must be alike in two copies of a file: mode, time of change in seconds, and content.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    mode: u32,
    changed: i64,
    content: String,
}

/// Every file, folder and symbolic link below `top`, by its path. A link has the mode of none and
/// its target for content; the time of a folder is its program's business.
pub fn tree(top: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut entries = BTreeMap::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = item.path();
            let about = fs::symlink_metadata(&path).expect("about a file");
            let mode = about.permissions().mode() & 0o7777;
            let entry = if about.is_dir() {
                folders.push(path.clone());
                Entry { mode, changed: 0, content: "folder".to_owned() }
            } else if about.is_symlink() {
                let target = fs::read_link(&path).expect("a link");
                Entry { mode: 0, changed: 0, content: format!("-> {}", target.display()) }
            } else {
                let content = sha256_hex(&fs::read(&path).expect("a file"));
                Entry { mode, changed: about.mtime(), content }
            };
            entries.insert(path.strip_prefix(top).expect("below the top").to_owned(), entry);
        }
    }
    entries
}

/// Makes a tree that has something of everything: hundreds of small files, an empty one, a big
/// one, a program, odd names, and links when asked for. Old times show that times are kept.
pub fn plant(top: &Path, links: bool) {
    for folder in ["", "many", "deep/er/still", "empty folder"] {
        fs::create_dir_all(top.join(folder)).expect("a folder");
    }
    for number in 0..300_u64 {
        let content = Pattern::bytes(number + 1, number as usize * 37 % 5000);
        fs::write(top.join(format!("many/{number}")), content).expect("a small file");
    }
    fs::write(top.join("big"), Pattern::bytes(1000, 24 * MIB + 7)).expect("a big file");
    fs::write(top.join("deep/er/still/nothing"), "").expect("an empty file");
    for name in ["a b  c", "it's", "do$lar;`x`", "\u{fc}ml\u{e4}ut", "-dash", "st*r?[x]"] {
        fs::write(top.join(name), name).expect("a file with an odd name");
    }
    let program = top.join("program");
    fs::write(&program, "#!/bin/sh\n").expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o751)).expect("its mode");
    let touched = Command::new("touch").args(["-d", "@1000000000"]).arg(&program).status();
    assert!(touched.expect("touch").success());
    if links {
        symlink("deep/er/still/nothing", top.join("link")).expect("a link");
        symlink("nowhere", top.join("dangling")).expect("a link to nothing");
    }
}

/// Fails unless both trees hold the same.
#[track_caller]
pub fn expect_same(one: &Path, other: &Path) {
    let (left, right) = (tree(one), tree(other));
    let differing: Vec<_> = left
        .keys()
        .chain(right.keys())
        .filter(|path| left.get(*path) != right.get(*path))
        .collect();
    assert!(differing.is_empty(), "{differing:?}");
    assert!(!left.is_empty(), "nothing at {}", one.display());
}

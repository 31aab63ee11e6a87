//! OpenSSH's own regression suite, of Debian's package `openssh-tests`, as judge of a client.
//!
//! Each test runs by itself: in a folder, network, process and mount namespace of its own, so that
//! no two share a port and nothing that one starts outlives it. All but the client is OpenSSH's
//! own. A test that its script passes counts only if sshd saw enough logins: it counts them
//! itself, through PAM, in the test's mount namespace.

mod place;
mod table;

pub use place::Place;
pub use table::{TESTS, Test};

use crate::openssh::{is_root, program_path};
use crate::process::{Process, run};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Where Debian has the suite.
pub const REGRESS: &str = "/usr/lib/openssh/regress";

/// Where its scripts find the ssh that they do not take from their environment.
const STOCK: &str = "/usr/bin/ssh";

/// What a client must list under `-Q`: the scripts loop over the answers, and would pass a client
/// that has none.
pub const NEEDED: [(&str, &[&str]); 5] = [
    ("key-plain", &["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]),
    ("kex", &["curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256"]),
    (
        "cipher",
        &[
            "aes128-ctr",
            "aes256-ctr",
            "aes128-gcm@openssh.com",
            "aes256-gcm@openssh.com",
            "chacha20-poly1305@openssh.com",
        ],
    ),
    ("cipher-auth", &["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"]),
    ("mac", &["hmac-sha2-256", "hmac-sha2-512", "hmac-sha2-256-etm@openssh.com"]),
];

/// Prepares the namespaces and becomes the suite's own driver. `$1` is the PAM stack that counts,
/// `$2` what lies over [`STOCK`], `$3` the script. The first process of the namespace stays a
/// shell: orphans are its, and all end with it.
const SCRIPT: &str = r#"
exec 2>&1
set -e
ip link set lo up
mount -t tmpfs -o mode=755 none /run
mkdir -m 755 /run/sshd
for file in .bashrc .bash_profile .profile .ssh/rc; do
    [ ! -f "$HOME/$file" ] || mount --bind /dev/null "$HOME/$file"
done
[ ! -d "$HOME/.ssh" ] || mount -t tmpfs -o mode=700 none "$HOME/.ssh"
mount --bind "$1" /etc/pam.d/sshd
[ "$2" = /usr/bin/ssh ] || mount --bind "$2" /usr/bin/ssh
cd "$OBJ"
set +e
sh "$BUILDDIR/test-exec.sh" "$OBJ" "$BUILDDIR/$3.sh"
exit $?
"#;

/// Why this machine cannot run the suite, if it cannot.
#[must_use]
pub fn missing() -> Option<String> {
    if !Path::new(REGRESS).join("test-exec.sh").exists() {
        return Some("no suite (apt-get install openssh-tests)".to_owned());
    }
    for (program, package) in [("sshd", "openssh-server"), ("ip", "iproute2")] {
        if !program_path(program).exists() {
            return Some(format!("no {program} (apt-get install {package})"));
        }
    }
    if !is_root() {
        return Some("only root has networks and mounts of its own".to_owned());
    }
    let tried = run(apart(&mut Command::new("setpriv")).args(["ip", "link", "set", "lo", "up"]));
    (tried.code != 0).then(|| format!("no namespaces: {}", tried.stderr.trim()))
}

/// What follows runs in namespaces of its own, which end with this process: should it be killed,
/// the kernel ends `unshare`, and that all the rest.
fn apart(setpriv: &mut Command) -> &mut Command {
    setpriv.args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--pid", "--mount", "--ipc"]);
    setpriv.args(["--fork", "--mount-proc", "--kill-child"])
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The script passed, and the client logged in often enough.
    Pass,
    /// The script says that it does not apply here.
    Skip(String),
    /// It failed, and why.
    Fail(String),
}

/// One line of the report.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The test.
    pub test: Test,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// Logins that sshd counted.
    pub logins: usize,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, why) = match &self.outcome {
            Outcome::Pass => ("pass", ""),
            Outcome::Skip(why) => ("skip", why.as_str()),
            Outcome::Fail(why) => ("FAIL", why.as_str()),
        };
        let line = format!("{word} {} {:.1} s", self.test.name, self.took.as_secs_f64());
        let line = format!("{line}, {} logins  {why}", self.logins);
        f.write_str(line.trim_end())
    }
}

/// Runs one test to its end, or to its limit, which `cap` may lower.
///
/// # Panics
/// When its folder cannot be made.
#[must_use]
pub fn judge(place: &Place, number: usize, test: Test, cap: Option<Duration>) -> Verdict {
    let folder = place.folder_of(number);
    let counted = place.folder().join(&format!("{}.logins", test.name));
    let mut command = command(place, &folder, &counted, test);
    let limit = Duration::from_secs(test.limit);
    let limit = cap.map_or(limit, |cap| cap.min(limit));
    let begun = Instant::now();
    let mut process = Process::spawn(&mut command);
    process.close_stdin();
    let ended = process.wait_for_exit(limit);
    let took = begun.elapsed();
    let output = process.stdout.clone();
    drop(process);
    // All that could write is ended by now.
    let _ = output.wait_end(crate::process::PATIENCE);
    let output = output.text();
    let logins = fs::read_to_string(&counted).unwrap_or_default().lines().count();
    let outcome = match ended.map(|status| status.code().unwrap_or(128)) {
        None => Outcome::Fail(format!("not ended after {} s", limit.as_secs())),
        Some(0) => accepted(&output, logins, test),
        Some(code) => Outcome::Fail(complaint(&output, &folder, code)),
    };
    place.folder().write(&format!("{}.log", test.name), output);
    Verdict { test, outcome, took, logins }
}

fn command(place: &Place, folder: &Path, counted: &Path, test: Test) -> Command {
    let counter = format!("[ \"$PAM_TYPE\" != open_session ] || echo >>{}", counted.display());
    let counter = place.folder().script(&format!("{}.count", test.name), &counter);
    let stack = fs::read_to_string("/etc/pam.d/sshd").unwrap_or_default();
    let stack = format!("{stack}\nsession optional pam_exec.so quiet {}\n", counter.display());
    let stack = place.folder().write(&format!("{}.pam", test.name), stack);
    let stand_in = place.stand_in();
    // A program without a path is the client as well; and no client can hand over to stock ssh.
    let is_stock = place.client().canonicalize().is_ok_and(|path| path == Path::new(STOCK));
    let over_stock = if is_stock { Path::new(STOCK) } else { &stand_in };

    let mut command = Command::new("setpriv");
    apart(&mut command).args(["sh", "-c", SCRIPT, "sh"]);
    command.arg(stack).arg(over_stock).arg(test.name).current_dir(folder).env_clear();
    let folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    command.env("PATH", format!("{}:{folders}", place.folder().join("bin").display()));
    let user = crate::openssh::user_name();
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/root".into());
    command.env("HOME", home).env("USER", &user).env("LOGNAME", &user).env("SHELL", "/bin/sh");
    command.env("TERM", "dumb").env("LC_ALL", "C").env("TMPDIR", folder.join("tmp"));
    command.env("OBJ", folder).env("BUILDDIR", REGRESS).env("SUDO", "").env("EXEEXT", "");
    command.env("TEST_SHELL", "sh").env("TEST_SSH_TRACE", "yes").env("TEST_SSH_PORT", "4242");
    command.env("TEST_SSH_UNSAFE_PERMISSIONS", "1").env("TEST_SSH_IPV6", "yes");
    command.env("TEST_SSH_ECC", "yes").env("TEST_SSH_SSH", stand_in);
    command.env("TEST_SSH_SSHD", program_path("sshd"));
    command.env("TEST_SSH_SFTPSERVER", "/usr/lib/openssh/sftp-server");
    command
}

/// What a script that ended well is worth.
fn accepted(output: &str, logins: usize, test: Test) -> Outcome {
    let skipped = |line: &&str| line.starts_with("SKIPPED:") || line.starts_with("skipped");
    if let Some(line) = output.lines().find(skipped) {
        return Outcome::Skip(line.to_owned());
    }
    if logins < test.logins {
        return Outcome::Fail(format!("{logins} logins, at least {} expected", test.logins));
    }
    Outcome::Pass
}

/// The script's own first complaint, and how many there were.
fn complaint(output: &str, folder: &Path, code: i32) -> String {
    let log = fs::read_to_string(folder.join("failed-regress.log")).unwrap_or_default();
    let bad = |line: &&str| line.starts_with("FAIL: ") || line.starts_with("FATAL: ");
    match log.lines().find(bad) {
        Some(first) => format!("{first} ({} in all)", log.lines().filter(bad).count()),
        None => {
            let last = output.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            format!("{last} (status {code})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_does_nothing_passes_nothing() {
        let test = TESTS[0];
        assert_eq!(accepted("ok simple connect\n", test.logins, test), Outcome::Pass);
        assert!(matches!(accepted("ok simple connect\n", 0, test), Outcome::Fail(_)));
        assert!(matches!(accepted("SKIPPED: no x\n", 9, test), Outcome::Skip(_)));
        assert!(Place::new(Path::new("/bin/true")).is_err());
    }

    #[test]
    fn every_test_is_listed_once() {
        let names: std::collections::BTreeSet<_> = TESTS.iter().map(|test| test.name).collect();
        assert_eq!(names.len(), TESTS.len());
    }
}

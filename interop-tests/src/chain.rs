//! Two servers in a row, an agent at the near end: what its keys may do at the far one.

use crate::openssh::{Agent, KeyKind, Server, keygen, program_path};
use crate::process::{Finished, run};
use crate::scratch::Scratch;
use crate::tssh::{bare_command, with};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A machine here, one in the middle, and one at the far end. The agent's key lets in at both.
pub struct Chain {
    /// The first server.
    pub middle: Server,
    /// The second server, reached from the first.
    pub far: Server,
    /// The agent, which is here.
    pub agent: Agent,
    /// The key that is to be in the agent.
    pub key: PathBuf,
    /// Its public line.
    pub public: String,
    folder: Scratch,
}

impl Chain {
    /// Joins two servers; the agent has no key yet.
    #[must_use]
    pub fn new(middle: Server, far: Server) -> Self {
        let folder = Scratch::new();
        let key = folder.join("travelling");
        let public = keygen(&key, KeyKind::Ed25519, "");
        middle.authorize(&public);
        far.authorize(&public);
        Self { middle, far, agent: Agent::start(), key, public, folder }
    }

    /// Gives the key to the agent.
    pub fn add(&self) {
        self.agent.add(&self.key);
    }

    /// Gives the key to the agent, for these hops alone: `ssh-add -h`. Each hop names servers as
    /// ssh-add does, `middle` and `far` being theirs.
    pub fn add_for(&self, hops: &[&str]) {
        // The hosts are told apart by their keys; the names are ours.
        let name = |server: &Server, name: &str| {
            let lines = server.host_key_lines().iter();
            lines.map(|line| format!("{name} {line}\n")).collect::<String>()
        };
        let names = name(&self.middle, "middle") + &name(&self.far, "far");
        let hosts = self.folder.write("known_hosts", names);
        let mut arguments = vec![OsStr::new("-H"), hosts.as_os_str()];
        for hop in hops {
            arguments.extend([OsStr::new("-h"), OsStr::new(hop)]);
        }
        self.agent.add_with(&self.key, &arguments);
    }

    /// A command line of `program` for one of the servers, with the agent's keys alone.
    #[must_use]
    pub fn command(program: &Path, server: &Server, options: &[&str], command: &str) -> Command {
        let mut line = bare_command(program, server, options);
        line.args(["-o", "BatchMode=yes", "-o", "IdentityFile=none", "127.0.0.1", command]);
        line
    }

    /// Logs in to the first server with `first` and from there to the second with `second`, whose
    /// agent is the forwarded one, and runs a command there; `-A` both times.
    #[must_use]
    pub fn run(&self, first: &Path, second: &Path, command: &str) -> Finished {
        self.run_with(&["-A"], first, second, command)
    }

    /// The same with other options for the first client.
    #[must_use]
    pub fn run_with(
        &self,
        options: &[&str],
        first: &Path,
        second: &Path,
        command: &str,
    ) -> Finished {
        let known = with("UserKnownHostsFile=", &self.far.known_hosts());
        let inner = format!(
            "{} -A -F none -l {} -p {} -o StrictHostKeyChecking=yes \
             -o GlobalKnownHostsFile=/dev/null -o {} -o BatchMode=yes -o IdentityFile=none \
             127.0.0.1 '{command}'",
            second.display(),
            self.far.user(),
            self.far.port(),
            known.display(),
        );
        let mut line = Self::command(first, &self.middle, options, &inner);
        run(line.env("SSH_AUTH_SOCK", self.agent.socket()))
    }

    /// Fails unless `ssh-add -l` at the far end of the chain lists the key.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn expect_key_at_the_end(&self, first: &Path, second: &Path) {
        self.add();
        let done =
            self.run(first, second, "ssh-add -L; ssh-add -l; stat -c \"%a %F\" $SSH_AUTH_SOCK");
        let text = done.expect_code(0).text();
        let blob = self.public.split(' ').nth(1).expect("a key's blob");
        assert!(text.contains(blob) && text.contains("(ED25519)"), "{text} {}", done.stderr);
        assert!(text.ends_with(" socket\n"), "{text}");
    }

    /// OpenSSH's client, for one of the hops.
    #[must_use]
    pub fn ssh() -> PathBuf {
        program_path("ssh")
    }
}

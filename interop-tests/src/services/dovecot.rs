//! Dovecot: IMAP, where the server speaks first.

use super::await_port;
use crate::openssh::{is_root, program_path, user_name};
use crate::ports::free_port;
use crate::process::{Process, run};
use crate::scratch::Scratch;
use std::process::Command;

/// The one user of the mail server.
pub const USER: &str = "alice";
/// The user's password.
pub const PASSWORD: &str = "secret";

/// A running IMAP server with one user, whose inbox is empty.
pub struct Dovecot {
    _process: Process,
    port: u16,
    _folder: Scratch,
}

impl Dovecot {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let (folder, port) = (Scratch::new(), free_port());
        // It serves nobody as root.
        let user = if is_root() { "nobody".to_owned() } else { user_name() };
        let id = |flag: &str| run(Command::new("id").args([flag, &user])).text().trim().to_owned();
        let (uid, gid) = (id("-u"), id("-g"));
        let mail = folder.join("mail");
        std::fs::create_dir(&mail).expect("a folder for mail");
        if is_root() {
            run(Command::new("chown").arg(format!("{uid}:{gid}")).arg(&mail)).expect_code(0);
            run(Command::new("chmod").arg("711").arg(folder.path())).expect_code(0);
        }
        folder.write("users", format!("{USER}:{{PLAIN}}{PASSWORD}:::::\n"));
        let here = folder.path().display().to_string();
        let config = configuration(&here, port, &user, (&uid, &gid));
        let config = folder.write("dovecot.conf", config);
        let mut command = Command::new(program_path("dovecot"));
        let mut process = Process::spawn(command.arg("-F").arg("-c").arg(config));
        await_port(&mut process, port);
        Self { _process: process, port, _folder: folder }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn configuration(here: &str, port: u16, user: &str, (uid, gid): (&str, &str)) -> String {
    let internal = user_name();
    let group = run(Command::new("id").arg("-gn")).text().trim().to_owned();
    format!(
        "base_dir = {here}/run\nstate_dir = {here}/state\nprotocols = imap\nlisten = 127.0.0.1\n\
         log_path = /dev/stderr\nssl = no\ndisable_plaintext_auth = no\n\
         default_internal_user = {internal}\ndefault_internal_group = {group}\n\
         default_login_user = {user}\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
         mail_location = maildir:{here}/mail/box\nmail_uid = {uid}\nmail_gid = {gid}\n\
         service imap-login {{\n chroot =\n inet_listener imap {{\n port = {port}\n }}\n \
         inet_listener imaps {{\n port = 0\n }}\n}}\n\
         service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n\
         passdb {{\n driver = passwd-file\n args = scheme=PLAIN {here}/users\n}}\n\
         userdb {{\n driver = static\n args = uid={uid} gid={gid} home={here}/mail\n}}\n"
    )
}

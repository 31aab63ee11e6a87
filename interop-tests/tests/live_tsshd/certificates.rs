//! Logging in with certificates that ssh-keygen made.

use crate::support::{ssh, unavailable};
use std::path::{Path, PathBuf};
use std::process::Command;
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions, keygen, program_path};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{bare_command, is_server_stand_in};

/// An authority, and a server that knows no other key.
struct Trusting {
    server: Server,
    folder: Scratch,
}

impl Trusting {
    /// With these lines of configuration, in which `DIR` is the authority's folder.
    fn start(lines: &[&str]) -> Self {
        let folder = Scratch::new();
        keygen(&folder.join("ca"), KeyKind::Ed25519, "");
        keygen(&folder.join("key"), KeyKind::Ed25519, "");
        let place = folder.path().display().to_string();
        let lines: Vec<String> = lines.iter().map(|line| line.replace("DIR", &place)).collect();
        let server = Server::start_tsshd(&ServerOptions { lines, ..ServerOptions::default() });
        Self { server, folder }
    }

    /// Has the authority sign `key`, and logs in with it.
    fn log_in_with(&self, key: &Path, arguments: &[&str], command: &str) -> Finished {
        let mut sign = Command::new(program_path("ssh-keygen"));
        sign.args(["-q", "-I", "the id", "-z", "7", "-s"]).arg(self.folder.join("ca"));
        run(sign.args(arguments).arg(format!("{}.pub", key.display()))).expect_code(0);
        let mut line = bare_command(&ssh(), &self.server, &["-o", "BatchMode=yes"]);
        line.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(key);
        run(line.args(["127.0.0.1", command]))
    }

    fn log_in(&self, arguments: &[&str]) -> Finished {
        self.log_in_with(&self.folder.join("key"), arguments, "echo in")
    }

    fn user(&self) -> &str {
        self.server.user()
    }
}

#[track_caller]
fn admitted(done: &Finished) {
    assert_eq!(done.expect_code(0).text(), "in\n");
}

#[track_caller]
fn refused(done: &Finished) {
    done.expect_code(255).expect_stderr("Permission denied (publickey");
}

const TRUSTED: [&str; 2] = ["TrustedUserCAKeys DIR/ca.pub", "AuthorizedKeysFile none"];

#[test]
fn keys_of_every_kind_with_a_certificate() {
    if unavailable("certificates::keys_of_every_kind_with_a_certificate") {
        return;
    }
    let trusting = Trusting::start(&TRUSTED);
    for kind in KeyKind::ALL {
        let key = trusting.folder.join(kind.name());
        keygen(&key, kind, "");
        admitted(&trusting.log_in_with(&key, &["-n", trusting.user()], "echo in"));
    }
    trusting.server.expect_log("ED25519-CERT SHA256:");
    trusting.server.expect_log(" ID the id (serial 7) CA ED25519 SHA256:");
    trusting
        .server
        .expect_log("Accepted certificate ID \"the id\" (serial 7) signed by ED25519 CA");
}

#[test]
fn what_a_certificate_says_is_kept() {
    if unavailable("certificates::what_a_certificate_says_is_kept") {
        return;
    }
    let trusting = Trusting::start(&TRUSTED);
    let user = trusting.user().to_owned();
    let check =
        |arguments: &[&str]| trusting.log_in(&[&["-n", user.as_str()][..], arguments].concat());
    admitted(&check(&["-O", "source-address=127.0.0.0/8"]));
    let forced = check(&["-O", "force-command=echo forced"]);
    assert_eq!(forced.expect_code(0).text(), "forced\n");
    for (arguments, log) in [
        (&["-V", "20200101:20210101"][..], "Certificate invalid: expired"),
        (&["-V", "20990101:21000101"], "Certificate invalid: not yet valid"),
        (&["-O", "source-address=192.0.2.1"], "not from a permitted source address"),
        (&["-O", "critical:x@example.org=1"], "\"x@example.org\" is not supported"),
        (&["-h"], "Certificate invalid: not a user certificate"),
    ] {
        // ssh itself does not show the certificate of a host.
        refused(&check(arguments));
        if arguments != ["-h"] {
            trusting.server.expect_log(log);
        }
    }
    refused(&trusting.log_in(&["-n", "somebody,else"]));
    trusting.server.expect_log("name is not a listed principal");
    refused(&trusting.log_in(&[]));
    trusting.server.expect_log("Certificate lacks principal list");
    // Nothing is permitted but what it permits.
    let key = trusting.folder.join("key");
    let tty = trusting.log_in_with(&key, &["-n", &user, "-O", "clear"], "tty");
    tty.expect_code(1);
}

#[test]
fn principals_in_a_file() {
    if unavailable("certificates::principals_in_a_file") {
        return;
    }
    let lines = [&TRUSTED[..], &["AuthorizedPrincipalsFile DIR/principals"]].concat();
    let trusting = Trusting::start(&lines);
    let write = |text: &str| trusting.folder.write("principals", text);
    refused(&trusting.log_in(&["-n", trusting.user()]));
    write("# who may\nteam\ncommand=\"echo forced\" guests\n");
    admitted(&trusting.log_in(&["-n", "others,team"]));
    assert_eq!(trusting.log_in(&["-n", "guests"]).expect_code(0).text(), "forced\n");
    refused(&trusting.log_in(&["-n", trusting.user()]));
    trusting.server.expect_log("Certificate does not contain an authorized principal");
}

/// S53: `cert-authority` and `principals`, and the union of both options at their strictest.
#[test]
fn an_authority_in_authorized_keys() {
    if unavailable("certificates::an_authority_in_authorized_keys") {
        return;
    }
    let trusting = Trusting::start(&[]);
    let public = std::fs::read_to_string(trusting.folder.join("ca.pub")).expect("the authority");
    let authorize = |options: &str| {
        trusting.server.folder().write("authorized_keys", format!("{options} {public}"));
    };
    let user = trusting.user().to_owned();
    authorize("");
    refused(&trusting.log_in(&["-n", &user]));
    authorize("CERT-Authority");
    admitted(&trusting.log_in(&["-n", &user]));
    refused(&trusting.log_in(&["-n", "else"]));
    authorize("cert-authority,principals=\"one,two\"");
    admitted(&trusting.log_in(&["-n", "two"]));
    refused(&trusting.log_in(&["-n", &user]));
    authorize("cert-authority,from=\"192.0.2.1\"");
    refused(&trusting.log_in(&["-n", &user]));
    authorize("cert-authority,command=\"echo forced\"");
    assert_eq!(trusting.log_in(&["-n", &user]).expect_code(0).text(), "forced\n");
    refused(&trusting.log_in(&["-n", &user, "-O", "force-command=echo other"]));
    trusting.server.expect_log("forced command options do not match");
    // The authority's own key is nobody's.
    let own = trusting.folder.join("ca");
    let mut line = bare_command(&ssh(), &trusting.server, &["-o", "BatchMode=yes"]);
    refused(&run(line.arg("-i").arg(own).args(["127.0.0.1", "echo in"])));
}

#[test]
fn certificates_that_are_revoked() {
    if unavailable("certificates::certificates_that_are_revoked") {
        return;
    }
    let lines = [&TRUSTED[..], &["RevokedKeys DIR/revoked"]].concat();
    let trusting = Trusting::start(&lines);
    let (ca, revoked) = (trusting.folder.join("ca.pub"), trusting.folder.join("revoked"));
    std::fs::write(&revoked, "").expect("an empty list");
    admitted(&trusting.log_in(&["-n", trusting.user()]));
    let list = |text: &str| {
        let spec: PathBuf = trusting.folder.write("spec", text);
        let mut command = Command::new(program_path("ssh-keygen"));
        command.args(["-q", "-k", "-f"]).arg(&revoked).arg("-s").arg(&ca);
        run(command.arg(spec)).expect_code(0);
    };
    for text in ["serial: 7\n", "id: the id\n"] {
        list(text);
        refused(&trusting.log_in(&["-n", trusting.user()]));
    }
    list("serial: 8\n");
    admitted(&trusting.log_in(&["-n", trusting.user()]));
    std::fs::copy(&ca, &revoked).expect("the authority itself");
    refused(&trusting.log_in(&["-n", trusting.user()]));
    // sshd names the key that is revoked, tsshd the one that came.
    let said = if is_server_stand_in() { "revoked by file" } else { "Authentication key" };
    trusting.server.expect_log(said);
}

//! A throw-away user for logins with a password.
//!
//! Only root can do this, and never in the machine's own files: sshd runs in a mount namespace of
//! its own, where copies of passwd and shadow with one more line, and a short PAM stack, lie over
//! the real ones.

use super::is_root;
use crate::process::run;
use crate::scratch::Scratch;
use std::path::Path;
use std::process::Command;

/// The user's name.
pub const GUEST_NAME: &str = "tsshguest";
/// The user's password.
pub const GUEST_PASSWORD: &str = "open sesame";
/// SHA-512 crypt of [`GUEST_PASSWORD`].
const GUEST_HASH: &str = "$6$tsshtsshtssh$GW9Pv3qn66mJBPb2.oxk6GFuXTojGHdPMOs/I.trJr4kZ4xx1m3m4u\
                          BwydPfXzVQOpcJJjNIFpSew0zN5fbXn1";
/// No user of Debian's has this number.
const GUEST_ID: u32 = 59_321;

/// Checks and accepts with nothing but the password, unlike the machine's own stack, which may
/// ask for an audit system or limits that a container does not have.
const PAM: &str = "auth required pam_unix.so\naccount required pam_unix.so\n\
                   password required pam_deny.so\nsession required pam_permit.so\n";

/// Whether this process may make a mount namespace; when not, why.
///
/// # Errors
/// The reason, for [`crate::skip::skip`].
pub fn can_make_guests() -> Result<(), String> {
    if !is_root() {
        return Err("only root can make a user for password logins".to_owned());
    }
    let tried = run(Command::new("unshare").args(["--mount", "true"]));
    if tried.code == 0 { Ok(()) } else { Err(format!("no mount namespace: {}", tried.stderr)) }
}

/// The command that runs `program` where the guest exists. It becomes the program: the process
/// id stays the same.
pub(super) fn with_guest(folder: &Scratch, program: &Path) -> Command {
    let home = folder.join("guest-home");
    std::fs::create_dir(&home).expect("a home for the guest");
    // Root makes the folder, the guest must be able to enter it.
    let mut chown = Command::new("chown");
    run(chown.arg(format!("{GUEST_ID}:{GUEST_ID}")).arg(&home)).expect_code(0);
    run(Command::new("chmod").arg("711").arg(folder.path())).expect_code(0);

    // sshd reads it as the user who logs in.
    run(Command::new("chmod").arg("644").arg(folder.join("authorized_keys"))).expect_code(0);

    let passwd = std::fs::read_to_string("/etc/passwd").expect("the list of users");
    let home = home.display();
    let passwd =
        format!("{passwd}{GUEST_NAME}:x:{GUEST_ID}:{GUEST_ID}:guest of a test:{home}:/bin/sh\n");
    let shadow = std::fs::read_to_string("/etc/shadow").expect("the list of password hashes");
    let shadow = format!("{shadow}{GUEST_NAME}:{GUEST_HASH}:19000:0:99999:7:::\n");
    let passwd = folder.write("passwd", passwd);
    run(Command::new("chmod").arg("644").arg(&passwd)).expect_code(0);
    let shadow = folder.write("shadow", shadow);
    let pam = folder.write("pam", PAM);

    let script = "mount --bind \"$1\" /etc/passwd && mount --bind \"$2\" /etc/shadow && \
                  mount --bind \"$3\" /etc/pam.d/sshd && shift 3 && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]);
    command.arg(passwd).arg(shadow).arg(pam).arg(program);
    command
}

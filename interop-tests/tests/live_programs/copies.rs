//! scp and sftp of OpenSSH (`-S`).

use crate::support::{MIB, Pair, Target, each_pair, expect_same, plant};
use std::fs;
use std::process::Command;
use tssh_interop_tests::pattern::{Pattern, sha256_hex};
use tssh_interop_tests::process::{Finished, run};

each_pair! {
    trees_are_copied_by_both_protocols_of_scp: TsshSshd SshTsshd TsshTsshd;
    scp_copies_from_server_to_server: TsshSshd;
    sftp_goes_on_where_it_was_cut: TsshSshd SshTsshd TsshTsshd;
    sftp_does_what_its_commands_say: TsshSshd SshTsshd;
}

fn copier(target: &Target, name: &str) -> Command {
    let mut command = target.program(name);
    command.arg("-F").arg(target.config()).arg("-S").arg(target.client());
    command
}

fn trees_are_copied_by_both_protocols_of_scp(pair: Pair) {
    let target = Target::start(pair);
    let tree = target.path("tree");
    plant(&tree, false);
    for (name, options) in [("sftp", &["-rpq"][..]), ("scp", &["-Orpq"]), ("zip", &["-CrpO"])] {
        let (up, down) = (target.path(name), target.path(&format!("{name} down")));
        let there = format!("target:{}", up.display());
        run(copier(&target, "scp").args(options).arg(&tree).arg(&there)).expect_code(0);
        expect_same(&tree, &up);
        run(copier(&target, "scp").args(options).arg(&there).arg(&down)).expect_code(0);
        expect_same(&tree, &down);
        fs::remove_dir_all(&up).and_then(|()| fs::remove_dir_all(&down)).expect("room");
    }
    for options in [&[][..], &["-O"]] {
        let missing = format!("target:{}", target.path("no-such").display());
        let failed = run(copier(&target, "scp").args(options).arg(missing).arg(target.path("x")));
        failed.expect_code(1).expect_stderr("No such file or directory");
    }
}

fn scp_copies_from_server_to_server(pair: Pair) {
    let target = Target::start(pair);
    let sent = Pattern::bytes(3, 5 * MIB);
    let from = format!("target:{}", target.server.folder().write("from", &sent).display());
    // Through this machine, in both protocols.
    for (name, options) in [("new", &["-3"][..]), ("old", &["-3", "-O"])] {
        let to = format!("target:{}", target.path(name).display());
        run(copier(&target, "scp").args(options).args([&from, &to])).expect_code(0);
        let got = fs::read(target.path(name)).expect("the copy");
        assert_eq!(sha256_hex(&got), sha256_hex(&sent), "{name}");
    }
}

fn sftp(target: &Target, commands: &str) -> Finished {
    let batch = target.server.folder().write("batch", commands);
    run(copier(target, "sftp").arg("-b").arg(batch).arg("target"))
}

fn sftp_goes_on_where_it_was_cut(pair: Pair) {
    let target = Target::start(pair);
    let folder = target.server.folder();
    let sent = Pattern::bytes(4, 20 * MIB + 3);
    let (here, there) = (folder.write("here", &sent), folder.join("there"));
    let back = folder.join("back");
    for cut in [0, 1, 7 * MIB + 5] {
        folder.write("there", &sent[..cut]);
        folder.write("back", &sent[..cut]);
        let (here, there, back) = (here.display(), there.display(), back.display());
        let done = sftp(&target, &format!("reput {here} {there}\nreget {there} {back}\n"));
        done.expect_code(0);
        for name in ["there", "back"] {
            let got = fs::read(folder.join(name)).expect("the copy");
            assert_eq!(sha256_hex(&got), sha256_hex(&sent), "{name} from {cut}");
        }
    }
}

fn sftp_does_what_its_commands_say(pair: Pair) {
    let target = Target::start(pair);
    let top = target.path("top");
    fs::create_dir(&top).expect("a folder");
    let original = target.path("tree");
    plant(&original, false);
    let (top_name, original_name) = (top.display(), original.display());
    // The end of a batch is its first failure, unless the command has a dash before it.
    let commands = format!(
        "cd {top_name}\npwd\nmkdir a\nput -rp {original_name} copy\nrename copy a/moved\n\
         symlink a/moved link\nls -l a/moved\nchmod 600 a/moved/program\n-rm no-such\n\
         get -rp a/moved {}\nrm a/moved/big\nmkdir b\nrmdir b\nrm no-such\nmkdir never\n",
        target.path("got").display()
    );
    let done = sftp(&target, &commands);
    done.expect_code(1).expect_stderr("No such file or directory");
    let text = done.text();
    assert!(text.contains(&format!("Remote working directory: {top_name}")), "{text}");
    assert!(text.contains("st*r?[x]") && text.contains("rwxr-x--x"), "{text}");
    assert_eq!(fs::read_link(top.join("link")).expect("a link").as_os_str(), "a/moved");
    assert!(!top.join("a/moved/big").exists() && !top.join("b").exists());
    assert!(!top.join("never").exists(), "went on after a failure");
    // All that was put came back, but for the mode that was changed on the way.
    let changed = run(Command::new("chmod").arg("751").arg(target.path("got").join("program")));
    changed.expect_code(0);
    expect_same(&original, &target.path("got"));
}

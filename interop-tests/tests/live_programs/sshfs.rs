//! sshfs (`-o ssh_command`): a folder of the server, mounted where only the test sees it.

use crate::support::{MIB, Pair, Target, each_pair, expect_same, lacks_namespaces, plant};
use std::fs;
use tssh_interop_tests::pattern::{Pattern, sha256_hex};
use tssh_interop_tests::process::run;
use tssh_interop_tests::skip::skip;

each_pair! {
    a_mounted_folder_is_read_and_written: TsshSshd SshTsshd TsshTsshd;
}

/// What is done with the mounted folder; the arguments are it, the server's one, and a tree.
const SCRIPT: &str = r#"
set -e
sshfs -o ssh_command="$SSH" "target:$2" "$1"
mountpoint -q "$1"
cmp "$1/there" "$2/there"
cp -a "$3" "$1/copy"
cp "$1/there" "$1/again"
mv "$1/again" "$1/moved"
ln -s moved "$1/link"
mkdir "$1/folder"
rmdir "$1/folder"
printf changed | dd of="$1/moved" bs=1 seek=5000000 conv=notrunc status=none
truncate -s 6000000 "$1/moved"
chmod 640 "$1/moved"
test "$(readlink "$1/link")" = moved
test "$(ls "$1/copy/many" | wc -l)" = 300
if cat "$1/no-such" 2>/dev/null; then exit 9; fi
df "$1" >/dev/null
fusermount3 -u "$1"
if mountpoint -q "$1"; then exit 9; fi
"#;

fn a_mounted_folder_is_read_and_written(pair: Pair) {
    let test = "sshfs::a_mounted_folder_is_read_and_written";
    if lacks_namespaces(test, &["sshfs", "fusermount3"]) {
        return;
    }
    if fs::File::open("/dev/fuse").is_err() {
        skip(test, "no /dev/fuse that may be opened");
        return;
    }
    let target = Target::start(pair);
    let (mounted, far, tree) = (target.path("mounted"), target.path("far"), target.path("tree"));
    fs::create_dir(&mounted).and_then(|()| fs::create_dir(&far)).expect("folders");
    plant(&tree, false);
    let mut content = Pattern::bytes(8, 16 * MIB);
    fs::write(far.join("there"), &content).expect("a file at the server");
    let mut command = target.apart("sh", &[]);
    command.arg("-c").arg(SCRIPT).arg("sh").args([&mounted, &far, &tree]);
    run(command.env("SSH", target.ssh())).expect_code(0);

    assert_eq!(fs::read_dir(&mounted).expect("the folder").count(), 0, "seen from outside");
    expect_same(&tree, &far.join("copy"));
    content.truncate(6_000_000);
    content[5_000_000..5_000_007].copy_from_slice(b"changed");
    let moved = fs::read(far.join("moved")).expect("the file");
    assert_eq!(sha256_hex(&moved), sha256_hex(&content));
    assert!(!far.join("folder").exists() && !far.join("again").exists());
}

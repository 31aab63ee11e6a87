//! git over ssh: `GIT_SSH_COMMAND`, `GIT_SSH`, `core.sshCommand`.

use crate::support::{Pair, Target, each_pair, lacks};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::pattern::{Pattern, hex};
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};

/// Commits of the repository, each with so many new files.
const COMMITS: u64 = 100;
const FILES_OF_A_COMMIT: u64 = 40;

each_pair! {
    a_repository_is_pushed_cloned_and_fetched: TsshSshd SshTsshd TsshTsshd;
    each_way_to_name_the_program_works: TsshSshd;
}

/// git with nothing of the user's own.
fn git(target: &Target, at: &Path) -> Command {
    let mut command = target.program("git");
    command.arg("-C").arg(at).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "test");
        command.env(format!("GIT_{role}_EMAIL"), "test@example.org");
    }
    command
}

/// The same through the client under test.
fn far(target: &Target, at: &Path) -> Command {
    let mut command = git(target, at);
    command.env("GIT_SSH_COMMAND", target.ssh());
    command
}

#[track_caller]
fn done(command: &mut Command) -> Finished {
    let finished = run(command);
    finished.expect_code(0);
    finished
}

/// What `git fast-import` reads: thousands of objects that do not compress into one another.
fn history() -> String {
    let mut stream = String::new();
    for commit in 1..=COMMITS {
        let _ = writeln!(stream, "commit refs/heads/main\nmark :{commit}");
        let _ = writeln!(stream, "committer test <test@example.org> {} +0000", 1_000_000 + commit);
        let _ = writeln!(stream, "data <<END\ncommit {commit}\nEND");
        for file in 0..FILES_OF_A_COMMIT {
            let content = hex(&Pattern::bytes(commit * 1000 + file, 600));
            let name = format!("{}/{commit}-{file}", commit % 7);
            let _ = writeln!(stream, "M 100644 inline {name}\ndata <<END\n{content}\nEND");
        }
    }
    stream
}

/// A new repository with that history at `name`.
fn repository(target: &Target, name: &str) -> std::path::PathBuf {
    let path = target.path(name);
    let top = target.server.folder().path();
    done(git(target, top).args(["init", "-q", "-b", "main"]).arg(&path));
    let mut import = Process::spawn(git(target, &path).args(["fast-import", "--quiet"]));
    let mut input = import.stdin.take().expect("its input");
    input.write_all(history().as_bytes()).expect("send the history");
    drop(input);
    import.finish(PATIENCE).expect_code(0);
    done(git(target, &path).args(["reset", "-q", "--hard"]));
    path
}

#[track_caller]
fn objects(target: &Target, at: &Path) -> usize {
    done(git(target, at).args(["fsck", "--full", "--strict"]));
    let listed = done(git(target, at).args(["rev-list", "--objects", "--all"]));
    listed.text().lines().count()
}

fn a_repository_is_pushed_cloned_and_fetched(pair: Pair) {
    if lacks("git::a_repository_is_pushed_cloned_and_fetched", &["git"]) {
        return;
    }
    let target = Target::start(pair);
    let top = target.server.folder().path();
    let (first, origin, second) =
        (repository(&target, "first"), target.path("origin.git"), target.path("second"));
    done(git(&target, top).args(["init", "-q", "--bare", "-b", "main"]).arg(&origin));
    let url = format!("target:{}", origin.display());
    done(git(&target, &first).args(["remote", "add", "origin", &url]));
    done(far(&target, &first).args(["push", "-q", "origin", "main"]));
    let all = objects(&target, &first);
    assert!(all as u64 > COMMITS * FILES_OF_A_COMMIT, "{all} objects");
    assert_eq!(objects(&target, &origin), all);

    done(far(&target, top).args(["clone", "-q", &url]).arg(&second));
    assert_eq!(objects(&target, &second), all);
    // What the one adds, the other fetches; the variable of protocol 2 gets through.
    std::fs::write(second.join("added"), "by the second").expect("a new file");
    done(git(&target, &second).args(["add", "added"]));
    done(git(&target, &second).args(["commit", "-q", "-m", "added"]));
    done(far(&target, &second).args(["push", "-q"]));
    let pull = ["pull", "-q", "--ff-only", "origin", "main"];
    let pulled = done(far(&target, &first).args(pull).env("GIT_TRACE_PACKET", "1"));
    pulled.expect_stderr("fetch< version 2");
    let added = std::fs::read_to_string(first.join("added")).expect("what was fetched");
    assert_eq!(added, "by the second");
    assert_eq!(objects(&target, &first), all + 3);
    // A push that is refused says so, and its status is git's.
    done(git(&target, &second).args(["reset", "-q", "--hard", "HEAD~2"]));
    std::fs::write(second.join("other"), "way").expect("a new file");
    done(git(&target, &second).args(["add", "other"]));
    done(git(&target, &second).args(["commit", "-q", "-m", "other"]));
    let refused = run(far(&target, &second).args(["push", "-q"]));
    refused.expect_code(1).expect_stderr("rejected");
    done(far(&target, &second).args(["push", "-q", "--force"]));
    done(far(&target, &second).args(["push", "-q", "origin", ":refs/heads/none", "main:copy"]));
    let heads = done(far(&target, &first).args(["ls-remote", "--heads", "origin"]));
    assert_eq!(heads.text().lines().count(), 2, "{}", heads.text());
}

fn each_way_to_name_the_program_works(pair: Pair) {
    if lacks("git::each_way_to_name_the_program_works", &["git"]) {
        return;
    }
    let target = Target::start(pair);
    let top = target.server.folder().path();
    let origin = repository(&target, "origin");
    // `GIT_SSH` names a program and nothing else. git asks one that it does not know by name
    // with `-G` whether it is like ssh; only then it gives it a port.
    let body = format!("exec {} \"$@\"", target.ssh());
    let wrapper = target.server.folder().script("wrapper", &body);
    let url = format!("ssh://target:{}{}", target.server.port(), origin.display());
    let clone = |name: &str| {
        let mut command = git(&target, top);
        command.args(["clone", "-q", "--depth", "3"]).arg(&url).arg(target.path(name));
        command
    };
    done(clone("by GIT_SSH").env("GIT_SSH", &wrapper));
    let setting = format!("core.sshCommand={}", target.ssh());
    done(clone("by setting").args(["-c", &setting]));
    for name in ["by GIT_SSH", "by setting"] {
        let logged = done(git(&target, &target.path(name)).args(["log", "--format=%s"]));
        assert_eq!(logged.text(), "commit 100\ncommit 99\ncommit 98\n", "{name}");
    }
    // The setting stays in the clone.
    done(git(&target, &target.path("by setting")).args(["fetch", "-q", "--unshallow"]));
    assert!(objects(&target, &target.path("by setting")) as u64 > COMMITS * FILES_OF_A_COMMIT);
    let archive = ["archive", "--format=tar", "--remote", &url, "main", "1"];
    done(git(&target, &origin).args(["config", "uploadarchive.allowUnreachable", "true"]));
    let tar = done(far(&target, top).args(archive));
    assert!(tar.stdout.len() > 500_000, "{} bytes", tar.stdout.len());
    let missing = url.replace("origin", "missing");
    let failed = run(far(&target, top).args(["ls-remote", &missing]));
    failed.expect_code(128).expect_stderr("does not appear to be a git repository");
}

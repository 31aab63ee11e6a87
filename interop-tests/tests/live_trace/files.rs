//! Files that are safe to leave about, a disk that is full, an environment that asks for a key
//! log, and what is said aloud.

use crate::support::{events, lacks_openssh, server, session, text};
use rustix::process::Signal;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::{Server, ServerOptions, program_path};
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};
use tssh_interop_tests::tssh::{client_command, tssh_binary};

fn command(server: &Server, options: &[&str]) -> Command {
    client_command(&tssh_binary(), server, options, &["true"])
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[track_caller]
fn refused(done: &Finished, words: &str) {
    done.expect_code(255);
    assert!(done.stderr.contains(words), "{words}: {}", done.stderr);
}

/// Made for the owner alone whatever the umask says; never through a link, into a device, a pipe
/// or a file with a second name.
#[test]
fn files_are_made_safely() {
    if lacks_openssh("files::files_are_made_safely") {
        return;
    }
    let server = Server::with_lines(&[]);
    let folder = server.folder();
    let free = |words: &str| {
        let mut line = Command::new("sh");
        let own = command(&server, &[]);
        line.args(["-c", &format!("umask 000; exec \"$0\" {words} \"$@\"")]).arg(own.get_program());
        line.args(own.get_args());
        run(&mut line)
    };
    let (trace, keylog) = (folder.join("trace"), folder.join("keylog"));
    folder.write("trace", "old");
    std::fs::set_permissions(&trace, PermissionsExt::from_mode(0o644)).expect("a mode");
    let words = format!("--trace jsonl {} --keylog {}", trace.display(), keylog.display());
    free(&words).expect_code(0).expect_stderr("WARNING");
    assert_eq!((mode(&trace), mode(&keylog)), (0o600, 0o600));
    events(&trace);

    let link = folder.join("link");
    symlink(folder.join("elsewhere"), &link).expect("a link");
    let second = folder.join("second");
    std::fs::hard_link(&trace, &second).expect("a second name");
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("run mkfifo").success());
    for option in [&["--trace", "text"][..], &["--keylog"]] {
        for (path, words) in [
            (link.as_path(), "symbolic link"),
            (second.as_path(), "other names"),
            (pipe.as_path(), "regular file"),
            (Path::new("/dev/null"), "regular file"),
            (folder.path(), "directory"),
        ] {
            let words_of = [option, &[text(path)]].concat();
            refused(&run(&mut command(&server, &words_of)), words);
        }
    }
    assert!(!folder.join("elsewhere").exists());
    // Where anybody could put another file in its place.
    let open = folder.join("open");
    std::fs::create_dir(&open).expect("a folder");
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).expect("a mode");
    let path = open.join("keylog");
    refused(&run(&mut command(&server, &["--keylog", text(&path)])), "anybody");
}

/// No file without the option, whatever the environment and the configuration say.
#[test]
fn a_key_log_is_never_made_unasked() {
    if lacks_openssh("files::a_key_log_is_never_made_unasked") {
        return;
    }
    let server = Server::with_lines(&[]);
    let path = server.folder().join("keylog");
    let quiet = ["-q"];
    run(command(&server, &quiet).env("SSHKEYLOGFILE", &path)).expect_code(0);
    assert!(!path.exists());
    let allowed = ["-q", "--allow-keylog-env"];
    let done = run(command(&server, &allowed).env("SSHKEYLOGFILE", &path));
    done.expect_code(0);
    assert_eq!(done.stderr.matches("WARNING").count(), 2, "start and end: {}", done.stderr);
    assert_eq!(mode(&path), 0o600);
    let lines = std::fs::read_to_string(&path).expect("a key log");
    let words: Vec<&str> = lines.split_whitespace().collect();
    assert_eq!(words[1], "SHARED_SECRET", "a hybrid has no private value that is one number");
    assert!(words.iter().all(|word| *word == word.to_lowercase() || *word == "SHARED_SECRET"));
    for line in ["KeyLog=/x", "Trace=/x"] {
        refused(&run(&mut command(&server, &["-o", line])), "Bad configuration option");
    }
}

/// Each exchange has its lines, the private value first, and adds to what the file holds.
#[test]
fn a_key_log_has_every_exchange() {
    if lacks_openssh("files::a_key_log_has_every_exchange") {
        return;
    }
    let (server, key) = server(&["RekeyLimit 16K"]);
    let (path, trace) = (server.folder().join("keylog"), server.folder().join("trace"));
    let options = ["--keylog", text(&path), "--trace", "jsonl", text(&trace)];
    let kex = ["-o", "KexAlgorithms=curve25519-sha256"];
    session(&server, &key, &[&options[..], &kex].concat(), "true");
    let lines = std::fs::read_to_string(&path).expect("a key log");
    let exchanges =
        events(&trace).iter().filter(|event| !event.values.list("inputs").is_empty()).count();
    assert!(exchanges > 1);
    let lines: Vec<Vec<&str>> = lines.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines.len(), exchanges * 2);
    for pair in lines.chunks(2) {
        assert_eq!((pair[0].len(), pair[1].len()), (2, 3));
        assert_eq!((pair[0][0], pair[1][1]), (pair[1][0], "SHARED_SECRET"));
        assert_eq!((pair[0][0].len(), pair[0][1].len()), (32, 64));
        assert!(!pair[1][2].starts_with("00"));
    }
}

/// A tunnel is ended by a signal more often than not: the trace is whole all the same.
#[test]
fn a_signal_ends_the_trace_in_order() {
    if lacks_openssh("files::a_signal_ends_the_trace_in_order") {
        return;
    }
    let server = Server::with_lines(&[]);
    for signal in [Signal::TERM, Signal::INT] {
        let path = server.folder().join("trace");
        let options = ["-N", "-v", "--trace", "jsonl", text(&path), "--trace-secrets"];
        let mut line = client_command(&tssh_binary(), &server, &options, &[]);
        let mut process = Process::spawn(&mut line);
        assert!(process.stderr.wait_for("Authenticated", PATIENCE), "{}", process.output());
        process.signal(signal);
        let done = process.finish(PATIENCE);
        assert_eq!(done.stderr.matches("WARNING").count(), 2, "{}", done.stderr);
        events(&path);
    }
}

/// A full disk ends the trace, with one line, and not the session. The limit on the size of files
/// stands in for the disk.
#[test]
fn a_full_disk_ends_the_trace_and_not_the_session() {
    if lacks_openssh("files::a_full_disk_ends_the_trace_and_not_the_session") {
        return;
    }
    let server = Server::with_lines(&[]);
    let path = server.folder().join("trace");
    let own = client_command(
        &tssh_binary(),
        &server,
        &["--trace", "jsonl", text(&path)],
        &["head -c 300000 /dev/zero | wc -c"],
    );
    let mut line = Command::new("sh");
    line.args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\""]).arg(own.get_program());
    line.args(own.get_args());
    let done = run(&mut line);
    assert_eq!(done.text().trim(), "300000", "{}", done.stderr);
    done.expect_code(0);
    assert_eq!(done.stderr.matches("ends here").count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains("File too large"), "{}", done.stderr);
}

/// With `--trace-strict` it ends the session, and what was to be written is said to be lost: of a
/// trace, of a key log and of a recording.
#[test]
fn a_full_disk_ends_a_strict_session() {
    if lacks_openssh("files::a_full_disk_ends_a_strict_session") {
        return;
    }
    let server = Server::with_lines(&[]);
    let path = server.folder().join("file");
    let file = text(&path);
    for (options, blocks) in [
        (&["--trace", "jsonl", file][..], 20),
        (&["--trace", "text", file], 20),
        (&["--keylog", file], 0),
        (&["--record", file], 20),
    ] {
        let options = [options, &["--trace-strict"]].concat();
        // It would last until it is ended.
        let own = client_command(&tssh_binary(), &server, &options, &["cat /dev/zero"]);
        let mut line = Command::new("sh");
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\" >/dev/null");
        line.args(["-c", &limited]).arg(own.get_program()).args(own.get_args());
        line.env("HOME", server.folder().path());
        let done = run(&mut line);
        refused(&done, "the session ends with what was written down of it (--trace-strict)");
        assert!(done.stderr.contains("File too large"), "{options:?}: {}", done.stderr);
    }
    // Where all is written nothing is different.
    run(&mut command(&server, &["--trace", "text", file, "--trace-strict"])).expect_code(0);
    refused(&run(&mut command(&server, &["--trace-strict"])), "nothing is written down");
}

/// tsshd does not serve a connection that it cannot trace, where that was asked for.
#[test]
fn a_strict_server_serves_nothing_untraced() {
    if lacks_openssh("files::a_strict_server_serves_nothing_untraced") {
        return;
    }
    for (strict, code) in [(&[][..], 0), (&["--trace-strict"], 255)] {
        let folder = tssh_interop_tests::scratch::Scratch::new();
        std::fs::create_dir(folder.join("trace.1")).expect("a folder in the trace's place");
        let path = folder.join("trace");
        let arguments = [&["--trace", "jsonl", text(&path)], strict].concat();
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        let server = Server::start_tsshd(&ServerOptions { arguments, ..Default::default() });
        let first = run(&mut client_command(&program_path("ssh"), &server, &[], &["echo here"]));
        first.expect_code(code);
        server.expect_log("cannot write");
        // The next one has a file of its own.
        let next = run(&mut client_command(&program_path("ssh"), &server, &[], &["echo here"]));
        assert_eq!(next.expect_code(0).text(), "here\n");
    }
}

/// The peer hears of it, where that was asked for, and nothing where it was not.
#[test]
fn a_peer_can_be_told_that_others_read_along() {
    if lacks_openssh("files::a_peer_can_be_told_that_others_read_along") {
        return;
    }
    let told = "Remote: The secrets of this session are written down";
    let server = Server::with_lines(&["LogLevel DEBUG"]);
    let path = server.folder().join("keylog");
    for (options, count) in [(&["--keylog", text(&path)][..], 0), (&["--keylog-notice"], 1)] {
        let options = [&["--keylog", text(&path)], options].concat();
        run(&mut command(&server, &options)).expect_code(0);
        server.expect_log("Disconnected from");
        assert_eq!(server.log().matches(told).count(), count, "{}", server.log());
    }
    refused(&run(&mut command(&server, &["--keylog-notice"])), "no key log");

    let folder = tssh_interop_tests::scratch::Scratch::new();
    let path = folder.join("keylog");
    let arguments = ["--keylog", text(&path), "--keylog-notice"].map(str::to_owned).to_vec();
    let server = Server::start_tsshd(&ServerOptions { arguments, ..Default::default() });
    let mut line = client_command(&program_path("ssh"), &server, &["-v"], &["true"]);
    let done = run(&mut line);
    done.expect_code(0);
    let heard = done.stderr.find(told).expect("the notice");
    assert!(heard < done.stderr.find("Authenticated to").expect("a login"), "{}", done.stderr);
}

/// A connection that never came about leaves no empty files, and what is there already stays.
#[test]
fn a_refused_connection_leaves_nothing_behind() {
    let folder = tssh_interop_tests::scratch::Scratch::new();
    let names = ["trace", "keylog", "record"].map(|name| folder.join(name));
    let [trace, keylog, record] = [&names[0], &names[1], &names[2]].map(|path| text(path));
    let port = tssh_interop_tests::openssh::free_port().to_string();
    let connect = || {
        let mut line = Command::new(tssh_binary());
        line.args(["-F", "none", "-p", &port, "--trace", "jsonl", trace, "--keylog", keylog]);
        let done = run(line.args(["--record", record, "127.0.0.1"]));
        refused(&done, "Connection refused");
    };
    connect();
    assert!(names.iter().all(|path| !path.exists()));
    for path in &names {
        std::fs::write(path, "of an earlier session").expect("a file");
    }
    connect();
    for path in &names {
        let content = std::fs::read_to_string(path).expect("the file");
        assert_eq!(content, "of an earlier session", "{path:?}");
    }
}

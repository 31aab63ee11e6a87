//! Every command of the documents is run, and prints what stands there.
//!
//! The pages that need no server run as they are. The others run in networks and mounts of their
//! own, where the hosts that they name are a real sshd, and where every port is free.

mod page;
mod place;

use page::{Shown, commands};
use place::Place;
use std::ffi::OsString;
use std::process::Command;
use tssh_interop_tests::pair::lacks;
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::source;
use tssh_interop_tests::tssh::{another_stands_in, tssh_binary};

/// The pages: what they show in `console` blocks needs nothing but tssh, and prints what stands
/// below it; what stands in `sh` blocks speaks of servers.
const PAGES: [&str; 7] = [
    "README.md",
    "docs/course.md",
    "docs/tracing.md",
    "docs/attacks.md",
    "docs/book.md",
    "docs/forwarding.md",
    "docs/tsshd.md",
];
/// At least so many commands are in all of them.
const SHOWN_MIN: [usize; 2] = [40, 50];
/// Commands of all pages that are not run; each says why, beside it.
const NOT_RUN: usize = 2;

/// A command as a shell runs it, in a home of its own.
fn shell(line: &str, home: &Scratch, path: &OsString) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("PATH", path).env("HOME", home.path());
    command.current_dir(home.path()).env("LC_ALL", "C.UTF-8");
    for name in ["DISPLAY", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSHKEYLOGFILE"] {
        command.env_remove(name);
    }
    command
}

/// The folder of tssh in front of all others.
fn path_with(first: &std::path::Path) -> OsString {
    let mut folders = vec![first.to_owned()];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    std::env::join_paths(folders).expect("folders without a colon")
}

#[test]
fn every_command_that_needs_no_server_prints_what_stands_there() {
    let test = "docs::every_command_that_needs_no_server_prints_what_stands_there";
    if another_stands_in(test) || lacks(test, &[]) {
        return;
    }
    let binary = tssh_binary();
    let path = path_with(binary.parent().expect("its folder"));
    let mut count = 0;
    for page in PAGES {
        let home = Scratch::new();
        for shown in commands(page).iter().filter(|shown| shown.output.is_some()) {
            count += 1;
            let done = run(&mut shell(&shown.line, &home, &path));
            let Shown { place, line, .. } = shown;
            let said = format!("{}\n{}", done.text(), done.stderr);
            assert_eq!(done.code, shown.status(), "{place}: {line}\n{said}");
            shown.expect_output(&done.text());
        }
    }
    println!("{count} commands");
    assert!(count >= SHOWN_MIN[0], "{count} commands were found");
}

#[test]
fn every_command_that_speaks_of_servers_works() {
    let test = "live_course::docs::every_command_that_speaks_of_servers_works";
    let programs = ["unshare", "ip", "curl", "tshark", "nc"];
    if another_stands_in(test) || lacks(test, &programs) {
        return;
    }
    let around = Scratch::new();
    let hosts = around.write("hosts", place::HOSTS);
    // Built before there is no network.
    let _ = tssh_binary();
    let mut apart = Command::new("unshare");
    apart.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
    apart.args(["--mount-proc", "--net", "--", "sh", "-c", place::SCRIPT, "sh"]);
    apart.arg(hosts).arg(std::env::current_exe().expect("this program"));
    apart.args(["--exact", "docs::the_commands_themselves", "--nocapture"]);
    apart.env(place::APART, "yes").env("TMPDIR", around.path());
    let allowed =
        run(Command::new("unshare").args(["--mount", "--pid", "--net", "--fork", "true"]));
    if allowed.code != 0 {
        return skip(test, &format!("no namespaces: {}", allowed.stderr.trim()));
    }
    let done = Process::spawn(&mut apart).finish(PATIENCE * 2);
    println!("{}", done.text());
    done.expect_code(0);
}

/// What [`every_command_that_speaks_of_servers_works`] runs, apart from the machine.
#[test]
fn the_commands_themselves() {
    if std::env::var_os(place::APART).is_none() {
        return;
    }
    let (mut left_out, mut count) = (Vec::new(), 0);
    for page in PAGES {
        let mut place = Place::new();
        for shown in commands(page).iter().filter(|shown| shown.output.is_none()) {
            count += 1;
            match shown.not_run() {
                Some(reason) => left_out.push(format!("{}: {}: {reason}", shown.place, shown.line)),
                None => place.run(shown),
            }
        }
    }
    println!("{count} commands");
    assert!(count >= SHOWN_MIN[1], "{count} commands were found");
    println!("not run:\n  {}", left_out.join("\n  "));
    assert_eq!(left_out.len(), NOT_RUN, "{left_out:#?}");
}

/// The commands that README names beside its claims: their packages, tests and parts exist.
#[test]
fn every_test_that_readme_names_exists() {
    let root = source::root();
    let text = std::fs::read_to_string(root.join("README.md")).expect("README");
    let mut seen = 0;
    for command in text.split('`').filter(|word| word.starts_with("cargo test ")) {
        seen += 1;
        let words: Vec<&str> = command.split_whitespace().collect();
        let value = |option| {
            let at = words.iter().position(|word| *word == option)?;
            words.get(at + 1).copied()
        };
        let Some(test) = value("--test") else { continue };
        let folder = value("-p").map_or("interop-tests", |name| name.trim_start_matches("tssh-"));
        let target = root.join(folder).join("tests").join(test);
        let files = match target.is_dir() {
            true => source::all()
                .into_iter()
                .filter(|file| file.path.starts_with(&format!("{folder}/tests/{test}/")))
                .map(|file| file.text + &file.path)
                .collect(),
            false => std::fs::read_to_string(target.with_extension("rs")).unwrap_or_default(),
        };
        assert!(!files.is_empty(), "{command}: there is no such test");
        let at = words.iter().position(|word| *word == test).expect("it was found");
        for part in words[at + 1..].iter().filter(|word| **word != "--") {
            let part = part.trim_end_matches("::");
            assert!(files.contains(part), "{command}: nothing there is called {part}");
        }
    }
    assert!(seen >= 20, "{seen} commands were found");
}

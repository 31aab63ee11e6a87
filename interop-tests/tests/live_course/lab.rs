//! Every lesson, as somebody types it: it holds, it is quick, and it leaves nothing behind.

use rustix::process::Signal;
use std::process::Command;
use std::time::Instant;
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{another_stands_in, tssh_binary};

/// Runs a lesson where the home and the folder for temporary files are empty, and checks that
/// they still are afterwards.
pub fn lesson(name: &str, locale: &str) -> Finished {
    let folder = Scratch::new();
    let mut command = Command::new(tssh_binary());
    command.args(["--lab", name]).env("HOME", folder.path()).env("TMPDIR", folder.path());
    command.env("LC_ALL", locale).env_remove("SSH_AUTH_SOCK").env_remove("DISPLAY");
    let done = run(&mut command);
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").flatten().collect();
    assert!(left.is_empty(), "{name} left {left:?}");
    done
}

fn names() -> Vec<String> {
    let list = lesson("list", "C.UTF-8");
    list.expect_code(0);
    let text = list.text();
    let (text, _) = text.split_once("\nAttacks,").expect("lessons, and then attacks");
    let rows = text.lines().filter_map(|line| line.strip_prefix("  "));
    rows.filter_map(|row| row.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn every_lesson_holds_and_leads_to_the_next() {
    let test = "lab::every_lesson_holds_and_leads_to_the_next";
    if another_stands_in(test) {
        return;
    }
    let names = names();
    let chapter = [
        "local",
        "remote",
        "gateway-ports",
        "address-in-use",
        "termination",
        "dynamic",
        "x11-cookie",
        "rekey",
        "windows",
    ];
    assert_eq!(names, chapter);
    for (i, name) in names.iter().enumerate() {
        let done = lesson(name, "C.UTF-8");
        done.expect_code(0);
        let text = done.text();
        for heading in ["What was seen", "Question", "Answer"] {
            assert!(text.contains(&format!("\n{heading}\n")), "{name}: no {heading}:\n{text}");
        }
        assert!(text.contains("✓") && !text.contains("✗"), "{name}:\n{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{name}:\n{text}");
        if let Some(next) = names.get(i + 1) {
            assert!(text.ends_with(&format!("\nNext: tssh --lab {next}\n")), "{text}");
        }
        assert_eq!(done.stderr, "", "{name}");
    }
    assert!(lesson("local", "C").text().is_ascii());
}

/// What cannot be given says so at once, and with a status.
#[test]
fn a_lesson_that_there_is_not_and_one_that_cannot_be_given() {
    let test = "lab::a_lesson_that_there_is_not_and_one_that_cannot_be_given";
    if another_stands_in(test) {
        return;
    }
    let unknown = lesson("nosuch", "C");
    unknown.expect_code(255).expect_stderr("there is: local, remote");
    for (script, words) in [
        (r#"ulimit -n 12; exec "$0" --lab local"#, "12 files may be open"),
        (r#"exec "$0" --lab local >/dev/full"#, "standard output: No space left on device"),
        (r#"exec "$0" --lab list >/dev/full"#, "standard output: No space left on device"),
    ] {
        let begun = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(tssh_binary()).env("LC_ALL", "C.UTF-8");
        run(&mut command).expect_code(255).expect_stderr(words);
        assert!(begun.elapsed() < PATIENCE / 12, "{script} takes {:?}", begun.elapsed());
    }
}

/// Whatever the client within it makes of the signal.
#[test]
fn an_interrupted_lesson_ends_by_the_signal() {
    let test = "lab::an_interrupted_lesson_ends_by_the_signal";
    if another_stands_in(test) {
        return;
    }
    for name in ["windows", "termination"] {
        let mut command = Command::new(tssh_binary());
        let mut process = Process::spawn(command.args(["--lab", name]));
        assert!(process.stdout.wait_for("$ tssh ", PATIENCE), "{}", process.output());
        process.signal(Signal::INT);
        let done = process.finish(PATIENCE);
        done.expect_code(128 + Signal::INT.as_raw());
    }
}

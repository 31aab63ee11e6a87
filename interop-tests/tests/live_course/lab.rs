//! Every lesson, as somebody types it: it holds, it is quick, and it leaves nothing behind.

use std::process::Command;
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{is_stand_in, tssh_binary};

/// Runs a lesson where the home and the folder for temporary files are empty, and checks that
/// they still are afterwards.
fn lesson(name: &str, locale: &str) -> Finished {
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
    let rows = text.lines().filter_map(|line| line.strip_prefix("  "));
    rows.filter_map(|row| row.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn every_lesson_holds_and_leads_to_the_next() {
    if is_stand_in() {
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

/// A lesson that cannot do what it tells of fails, with a status of its own.
#[test]
fn a_lesson_that_breaks_off_and_one_that_there_is_not_have_their_statuses() {
    if is_stand_in() {
        return;
    }
    let unknown = lesson("nosuch", "C");
    unknown.expect_code(255).expect_stderr("there is: local, remote");
    let mut starved = Command::new("sh");
    let script = r#"ulimit -n 12; exec "$0" --lab local"#;
    starved.args(["-c", script]).arg(tssh_binary()).env("LC_ALL", "C.UTF-8");
    let done = run(&mut starved);
    done.expect_code(1);
    assert!(done.text().contains("The lesson broke off"), "{}", done.text());
}

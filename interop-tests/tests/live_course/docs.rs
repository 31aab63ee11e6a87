//! The commands of docs/course.md print what stands there.

use std::process::Command;
use tssh_interop_tests::process::run;
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::source;
use tssh_interop_tests::tssh::{is_stand_in, tssh_binary};

/// Stands for one line or more that are left out.
const GAP: &str = "...";

/// The commands of a text and what stands below each: blocks of `console`, in which a command
/// begins with a dollar sign.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match line.strip_prefix("$ ") {
                Some(command) => found.push((command.to_owned(), Vec::new())),
                None => found.last_mut().expect("a command first").1.push(line.to_owned()),
            },
        }
    }
    found
}

/// Whether lines are as expected, where a gap may stand for any lines.
fn alike(expected: &[String], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((gap, rest)) if gap == GAP => {
            (1..=lines.len()).any(|skipped| alike(rest, &lines[skipped..]))
        }
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, lines)| first == line && alike(rest, lines))
        }
    }
}

#[test]
fn every_command_of_the_course_prints_what_stands_there() {
    if is_stand_in() {
        return;
    }
    let path = source::root().join("docs/course.md");
    let commands = commands(&std::fs::read_to_string(path).expect("the course"));
    assert!(commands.len() >= 8, "the commands were not found");
    let binary = tssh_binary();
    let mut folders = vec![binary.parent().expect("its folder").to_owned()];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let folders = std::env::join_paths(folders).expect("folders without a colon");
    let home = Scratch::new();
    for (line, expected) in commands {
        let mut command = Command::new("sh");
        command
            .args(["-c", &line])
            .env("PATH", &folders)
            .env("HOME", home.path())
            .current_dir(home.path());
        command.env("LC_ALL", "C.UTF-8").env_remove("DISPLAY").env_remove("SSH_AUTH_SOCK");
        let done = run(&mut command);
        done.expect_code(0);
        let text = done.text();
        let lines: Vec<&str> = text.trim_end().lines().collect();
        assert!(
            alike(&expected, &lines),
            "{line} prints:\n{text}\nand docs/course.md has:\n{}",
            expected.join("\n")
        );
    }
}

#[test]
fn gaps_stand_for_lines_and_nothing_else_differs() {
    let owned = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    assert!(alike(&owned(&["a", GAP, "d"]), &["a", "b", "c", "d"]));
    assert!(!alike(&owned(&["a", GAP, "d"]), &["a", "d"]));
    assert!(!alike(&owned(&["a"]), &["a", "b"]));
    assert!(!alike(&owned(&["a", "b"]), &["a"]));
}

//! The house rules of CONTRIBUTING.md, as far as a program can judge them.
//!
//! Each test collects every offence before it fails, so that one run shows all of them.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use tssh_interop_tests::source::{self, CRATES, Source, functions, is_word};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;
/// Crates that must run without an operating system.
const CORES: [&str; 2] = ["transport", "connection"];

#[track_caller]
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

/// Every place where `rule` finds something to say about a line of code.
fn lines_where(sources: &[&Source], rule: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut offences = Vec::new();
    for source in sources {
        for (number, line) in source.code.lines().enumerate() {
            if let Some(what) = rule(line) {
                offences.push(format!("{}:{}: {what}", source.path, number + 1));
            }
        }
    }
    offences
}

/// Whether `text` holds `word` with no identifier character before it.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word)
        .any(|(at, _)| !text[..at].chars().next_back().is_some_and(|c| is_word(c) || c == '$'))
}

#[test]
fn files_functions_and_lines_are_short() {
    let mut offences = Vec::new();
    for source in source::all() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            offences.push(format!("{}: {lines} lines", source.path));
        }
        for function in functions(&source.code).iter().filter(|f| f.lines > FUNCTION_LINES_MAX) {
            let place = format!("{}:{}", source.path, function.line);
            offences.push(format!("{place}: fn {} has {} lines", function.name, function.lines));
        }
        for (number, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                offences.push(format!("{}:{}: {columns} columns", source.path, number + 1));
            }
        }
    }
    none(&offences);
}

#[test]
fn every_crate_root_forbids_unsafe_code() {
    let is_root = |source: &&Source| {
        let parts: Vec<&str> = source.path.split('/').collect();
        matches!(
            parts[1..],
            ["src", "lib.rs" | "main.rs"]
                | ["src", "bin", _]
                | ["tests" | "benches" | "examples", _]
                | ["tests" | "benches" | "examples", _, "main.rs"]
        )
    };
    let sources = source::all();
    let roots: Vec<_> = sources.iter().filter(is_root).collect();
    assert!(roots.len() >= CRATES.len(), "the crate roots were not found");
    let lacking = roots.iter().filter(|source| !source.code.contains("#![forbid(unsafe_code)]"));
    none(
        &lacking
            .map(|source| format!("{}: no forbid(unsafe_code)", source.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_cores_ask_nothing_of_an_operating_system() {
    let banned = [
        "std::",
        "tokio",
        "HashMap",
        "HashSet",
        "Instant",
        "SystemTime",
        "thread::",
        "getrandom",
        "rustix",
        "println!",
        "eprintln!",
        "static mut",
    ];
    let sources = source::all();
    let tests: BTreeSet<_> =
        source::test_only(&sources).iter().map(|source| source.path.clone()).collect();
    let mut offences = Vec::new();
    for source in &sources {
        if !CORES.contains(&source.crate_folder()) || tests.contains(&source.path) {
            continue;
        }
        for (number, line) in source.code_outside_tests().lines().enumerate() {
            // What the CPU can do is nobody's to tell but the CPU's.
            let line = line.replace("std::arch::is_x86_feature_detected", "");
            for word in banned.iter().filter(|word| has_word(&line, word)) {
                offences.push(format!("{}:{}: {word}", source.path, number + 1));
            }
        }
    }
    none(&offences);
    for core in CORES {
        let root = source::root().join(core).join("src/lib.rs");
        let text = fs::read_to_string(root).expect("a crate root");
        assert!(text.contains("#![no_std]"), "{core} is no_std");
    }
}

#[test]
fn dependencies_point_down() {
    let allowed: [(&str, &[&str]); 5] = [
        ("transport", &[]),
        ("connection", &["tssh-transport"]),
        ("forward", &["tssh-transport", "tssh-connection"]),
        ("cli", &["tssh-transport", "tssh-connection", "tssh-forward"]),
        ("interop-tests", &["tssh-transport", "tssh-connection", "tssh-forward", "tssh"]),
    ];
    let mut offences = Vec::new();
    for (folder, allowed) in allowed {
        for (section, name) in manifest_dependencies(folder) {
            let ours = name == "tssh" || name.starts_with("tssh-");
            if ours && !allowed.contains(&name.as_str()) {
                offences.push(format!("{folder} depends on {name}"));
            }
            let outside = ["tokio", "mio", "getrandom", "rustix", "libc", "nix", "socket2"];
            if CORES.contains(&folder)
                && section == "dependencies"
                && outside.contains(&name.as_str())
            {
                offences.push(format!("{folder} depends on {name}, which needs a system"));
            }
        }
    }
    none(&offences);
}

/// Section and name of every dependency in a crate's manifest.
fn manifest_dependencies(folder: &str) -> Vec<(String, String)> {
    let path = source::root().join(folder).join("Cargo.toml");
    dependencies_of(&fs::read_to_string(path).expect("the manifest of a crate"))
}

fn dependencies_of(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if section.ends_with("dependencies") && !line.starts_with('#') {
            let name: String = line.chars().take_while(|c| is_word(*c) || *c == '-').collect();
            if !name.is_empty() {
                found.push((section.clone(), name));
            }
        }
    }
    found
}

#[test]
fn no_ssh_implementation_is_used() {
    // The list that cargo-deny goes by: its names, and whatever begins with one of them.
    let deny = fs::read_to_string(source::root().join("deny.toml")).expect("deny.toml");
    let list = deny.split("\ndeny = [").nth(1).and_then(|rest| rest.split("\n]").next());
    let banned: Vec<&str> = list.unwrap_or_default().split('"').skip(1).step_by(2).collect();
    assert!(banned.len() > 30 && banned.contains(&"russh"), "deny.toml was not understood");
    let lock = source::root().join("Cargo.lock");
    let lock = fs::read_to_string(lock).expect("Cargo.lock");
    let names = lock
        .lines()
        .filter_map(|line| line.strip_prefix("name = "))
        .map(|name| name.trim_matches('"').to_owned());
    let names: Vec<String> = names.collect();
    assert!(names.len() > 10, "Cargo.lock was not understood");
    let is_ours = |name: &str| name == "tssh" || name.starts_with("tssh-");
    let bad = |name: &&String| {
        !is_ours(name)
            && (banned.iter().any(|banned| name.starts_with(banned))
                || name.split(['-', '_']).any(|part| part == "ssh" || part == "sftp"))
    };
    none(&names.iter().filter(bad).map(|name| format!("Cargo.lock: {name}")).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_unfinished() {
    // Written in halves, so that this file does not offend.
    let in_text = [["TO", "DO"], ["FIX", "ME"], ["XX", "X "]].map(|halves| halves.concat());
    let in_code = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
    let sources = source::all();
    let mut offences = lines_where(&sources.iter().collect::<Vec<_>>(), |line| {
        in_code.iter().find(|word| has_word(line, word)).map(|word| (*word).to_owned())
    });
    for source in &sources {
        for (number, line) in source.text.lines().enumerate() {
            for word in in_text.iter().filter(|word| has_word(line, word)) {
                offences.push(format!("{}:{}: {word}", source.path, number + 1));
            }
        }
    }
    none(&offences);
}

#[test]
fn every_exception_from_a_lint_has_its_reason() {
    let mut offences = Vec::new();
    for source in source::all() {
        for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
            for (at, _) in source.code.match_indices(opening) {
                let end = source.code[at..].find(")]").map_or(source.code.len(), |end| at + end);
                if !source.code[at..end].contains("reason =") {
                    let line = 1 + source.code[..at].matches('\n').count();
                    offences.push(format!("{}:{line}: {opening} without reason", source.path));
                }
            }
        }
    }
    none(&offences);
}

#[test]
fn every_queue_has_a_bound() {
    let sources = source::all();
    let all: Vec<_> = sources.iter().collect();
    // The channel of the standard library without `sync_` has no bound.
    let banned = ["unbounded_channel", "unbounded(", "mpsc::channel()"];
    none(&lines_where(&all, |line| {
        let packed: String = line.split_whitespace().collect();
        let typed = packed.split_once("mpsc::channel::<").map(|(_, rest)| rest.contains(">()"));
        if typed == Some(true) {
            return Some("a channel without bound".to_owned());
        }
        let word = banned.iter().find(|word| has_word(&packed, word))?;
        Some(format!("{word} has no bound"))
    }));
}

#[test]
fn no_test_sleeps() {
    let sources = source::all();
    let mut tests = source::test_only(&sources);
    let whole: BTreeSet<&str> = tests.iter().map(|source| source.path.as_str()).collect();
    // Of the other files, the part under cfg(test).
    let parts: Vec<Source> = sources
        .iter()
        .filter(|source| !whole.contains(source.path.as_str()))
        .map(|source| {
            let outside = source.code_outside_tests();
            let outside = outside.as_bytes();
            let only_tests =
                source.code.bytes().enumerate().map(|(at, byte)| {
                    if outside[at] == byte && byte != b'\n' { b' ' } else { byte }
                });
            let code = String::from_utf8_lossy(&only_tests.collect::<Vec<u8>>()).into_owned();
            Source { path: source.path.clone(), text: source.text.clone(), code }
        })
        .collect();
    tests.extend(&parts);
    // A paused clock jumps to the next timer: nothing is waited for, and nothing is too short.
    let is_virtual = |source: &Source| source.text.contains("start_paused = true");
    let (paused, real): (Vec<&Source>, Vec<&Source>) =
        tests.iter().copied().partition(|source| is_virtual(source));
    let waits = |line: &str, word: &str| {
        has_word(&line.replace(".sleep(", ".method("), word)
            .then(|| "waits by the clock, not for an event".to_owned())
    };
    let mut offences = lines_where(&real, |line| waits(line, "sleep("));
    offences.extend(lines_where(&paused, |line| waits(line, "thread::sleep(")));
    none(&offences);
}

#[test]
fn every_dependency_has_its_reason() {
    let root = source::root();
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("a file of the workspace");
    let contributing = read("CONTRIBUTING.md");
    let mut names: BTreeSet<String> =
        dependencies_of(&read("Cargo.toml")).into_iter().map(|(_, name)| name).collect();
    for folder in CRATES {
        names.extend(manifest_dependencies(folder).into_iter().map(|(_, name)| name));
    }
    names.retain(|name| name != "tssh" && !name.starts_with("tssh-"));
    assert!(names.len() > 10, "the manifests were not understood");
    let has_reason = |name: &String| {
        let row = contributing.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        row.is_some_and(|row| row.split('|').nth(2).is_some_and(|reason| reason.len() > 10))
    };
    let lacking = names.iter().filter(|name| !has_reason(name));
    none(&lacking.map(|name| format!("CONTRIBUTING.md: no reason for {name}")).collect::<Vec<_>>());
    let gone = contributing.lines().filter_map(|line| {
        let name = line.strip_prefix("| `")?.split_once('`')?.0;
        (!names.contains(name)).then(|| format!("CONTRIBUTING.md: {name} is no dependency"))
    });
    none(&gone.collect::<Vec<_>>());
}

#[test]
fn every_item_of_forwarding_is_shown_or_has_a_reason() {
    none(&tssh_interop_tests::marks::faults());
}

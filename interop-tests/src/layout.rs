//! Which functions of tssh run until a tunnel is idle, as the linker is told (`cli/idle.ld`).
//!
//! callgrind names them as the symbol table does, with a hash that is another one after many
//! changes. What is written are patterns without it: of a generic function they take all instances,
//! except of those that every task and every thread has one of.

use std::collections::{BTreeMap, BTreeSet};

const BEGIN: &str = "\
/* What tssh runs through until a tunnel is idle, side by side. Written by
   cargo run --release -p tssh-interop-tests --bin idle-functions */
SECTIONS
{
  .text :
  {
";
const END: &str = "  }
}
INSERT BEFORE .fini;
";

/// What runs on a CPU that has more instructions than the one that callgrind shows.
const WITH_MORE_INSTRUCTIONS: [&str; 4] = [
    "_ZN8graviola*",
    "_ZN*aes_gcm_fused*",
    "_ZN4sha26sha2567x86_sha*",
    "_ZN14tssh_transport4wipe20overwrite_round_keys*",
];
/// Generic functions with many instances, of which a few run: these are named with their hash, and
/// lie elsewhere once it is another one.
const OF_EVERY_TASK: [&str; 8] = [
    "_ZN5tokio7runtime4task3raw",
    "_ZN5tokio7runtime4task4core17Core$LT$",
    "_ZN5tokio7runtime4task7harness20Harness$LT$",
    "_ZN3std3sys9backtrace28__rust_begin_short_backtrace",
    "_ZN4core3ops8function6FnOnce9call_once",
    "_ZN4core3ops8function6FnOnce40call_once",
    "_ZN5alloc4sync16Arc$LT$T$C$A$GT$9drop_slow",
    "_ZN4tssh6config8settings8Settings7resolve",
];

/// The linker script that puts these functions first.
#[must_use]
pub fn script(functions: &BTreeSet<String>) -> String {
    let mut patterns: BTreeSet<String> =
        functions.iter().filter_map(|name| pattern(name)).collect();
    patterns.extend(WITH_MORE_INSTRUCTIONS.map(str::to_owned));
    // What is marked as cold is in sections of another name.
    let line = |name| format!("    *(.text.{name} .text.unlikely.{name})\n");
    let lines: String = patterns.iter().map(line).collect();
    format!("{BEGIN}{lines}{END}")
}

/// The patterns of the project's own functions in a script.
#[must_use]
pub fn own_patterns(script: &str) -> BTreeSet<String> {
    let words = script.lines().filter_map(|line| line.trim().strip_prefix("*(.text."));
    let names = words.filter_map(|words| words.split(' ').next());
    names.filter(|name| is_own(name) && !is_of_every_task(name)).map(str::to_owned).collect()
}

/// The same of all the project's functions in a program that has its symbols.
#[must_use]
pub fn own_functions(program: &[u8]) -> BTreeSet<String> {
    let texts = program.split(|byte| *byte == 0).filter(|text| text.starts_with(b"_ZN"));
    let names = texts.filter_map(|text| std::str::from_utf8(text).ok());
    names.filter(|name| is_own(name)).filter_map(pattern).collect()
}

fn is_own(name: &str) -> bool {
    ["_ZN4tssh", "_ZN12tssh_forward", "_ZN15tssh_connection", "_ZN14tssh_transport"]
        .iter()
        .any(|own| name.starts_with(own))
}

fn is_of_every_task(name: &str) -> bool {
    OF_EVERY_TASK.iter().any(|start| name.starts_with(start))
}

/// The functions that ran in the object whose path ends in `/` and `program`, by callgrind's
/// profile. A name has a number, and is written where it comes first only; a call names its target
/// as `cob` and `cfn`, without `cob` in the caller's object.
#[must_use]
pub fn functions(profile: &str, program: &str) -> BTreeSet<String> {
    let (mut objects, mut names) = (BTreeMap::new(), BTreeMap::new());
    let (mut ours, mut called_ours) = (false, false);
    let mut ran = BTreeSet::new();
    for line in profile.lines() {
        let Some((key, value)) = line.split_once("=(") else { continue };
        let Some((number, name)) = value.split_once(')') else { continue };
        let name = name.trim_start();
        match key {
            "ob" | "cob" => {
                if !name.is_empty() {
                    let file = name.rsplit('/').next();
                    objects.insert(number, file == Some(program));
                }
                let is = objects.get(number).copied().unwrap_or_default();
                (ours, called_ours) = if key == "ob" { (is, is) } else { (ours, is) };
            }
            "fn" | "cfn" => {
                if !name.is_empty() {
                    // After a quote is the depth of a recursion.
                    names.insert(number, name.split('\'').next().unwrap_or(name));
                }
                let (is, name) = if key == "fn" {
                    (ours, names.get(number))
                } else {
                    (called_ours, names.get(number))
                };
                called_ours = ours;
                ran.extend(name.filter(|_| is).map(|name| (*name).to_owned()));
            }
            _ => {}
        }
    }
    ran
}

/// The symbol without what differs from build to build; none where it is not a name of Rust's
/// that has a section of its own.
fn pattern(symbol: &str) -> Option<String> {
    // What the optimiser adds to a name that was private.
    let symbol = symbol.split_once(".llvm.").map_or(symbol, |(name, _)| name);
    if is_of_every_task(symbol) {
        return Some(format!("{symbol}*"));
    }
    if let Some(hash) = symbol.starts_with("_ZN").then(|| symbol.rfind("17h")).flatten() {
        return Some(format!("{}*", symbol.get(..hash.saturating_add(3))?));
    }
    if symbol == "main" {
        return Some(symbol.to_owned());
    }
    let rest = symbol.strip_prefix("_R")?;
    // In the newer names each crate has a hash of its own: `Cs`, digits and letters, `_`.
    let mut pattern = "_R".to_owned();
    let mut parts = rest.split("Cs");
    pattern.push_str(parts.next()?);
    for part in parts {
        pattern.push_str("Cs");
        match part.split_once('_') {
            Some((hash, rest)) if hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                pattern.push_str("*_");
                pattern.push_str(rest);
            }
            _ => pattern.push_str(part),
        }
    }
    pattern.push('*');
    Some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_differs_from_build_to_build_is_left_out() {
        let cases = [
            ("_ZN4tssh3run17h0123456789abcdefE", Some("_ZN4tssh3run17h*")),
            ("_ZN4tssh3run17h0123456789abcdefE.llvm.123", Some("_ZN4tssh3run17h*")),
            (
                "_ZN5tokio7runtime4task3raw4poll17h0123456789abcdefE.llvm.1",
                Some("_ZN5tokio7runtime4task3raw4poll17h0123456789abcdefE*"),
            ),
            ("_ZN4a17h3run17h0123456789abcdefE", Some("_ZN4a17h3run17h*")),
            (
                "_RNvCsfLfy6EI15iL_7___rustc12___rust_alloc",
                Some("_RNvCs*_7___rustc12___rust_alloc*"),
            ),
            ("_RNvNtCs1_4core3CsvCs2b_3std", Some("_RNvNtCs*_4core3CsvCs*_3std*")),
            ("main", Some("main")),
            ("_start", None),
            ("0x00000000001234", None),
        ];
        for (symbol, expected) in cases {
            assert_eq!(pattern(symbol).as_deref(), expected, "{symbol}");
        }
    }

    #[test]
    fn a_profile_shows_what_ran_in_the_program_and_what_it_called() {
        let profile = "\
ob=(1) /usr/lib/ld.so
fn=(1) _dl_start
cob=(2) /home/a/tssh
cfn=(2) _start
calls=1 0
ob=(2)
fn=(3) _ZN1a17hE
cfn=(4) _ZN1b17hE'2
cob=(1)
cfn=(5) open
cfn=(3)
ob=(3) /home/a/other-tssh
fn=(6) _ZN1c17hE
";
        assert_eq!(functions(profile, "tssh"), set(&["_start", "_ZN1a17hE", "_ZN1b17hE"]));
    }

    #[test]
    fn the_script_has_each_pattern_once_and_in_order() {
        let script = script(&set(&["_ZN1b17h1E", "_ZN1a17h1E", "_ZN1a17h2E", "_start"]));
        let body = script.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let others = |line: &&str| !WITH_MORE_INSTRUCTIONS.iter().any(|name| line.contains(name));
        let lines: String = body.unwrap().split_inclusive('\n').filter(others).collect();
        let own = set(&["_ZN4tssh3run17h1E", "_ZN14tssh_transport4wipe17h1E", "_ZN3std3fmt17h1E"]);
        let patterns = own_patterns(&super::script(&own));
        assert!(patterns.contains("_ZN4tssh3run17h*"), "{patterns:?}");
        assert!(!patterns.contains("_ZN3std3fmt17h*"), "{patterns:?}");
        let program = b"\x7fELF\0_ZN4tssh3run17h5E\0_ZN3std3fmt17h1E\0tssh\0";
        assert_eq!(own_functions(program), set(&["_ZN4tssh3run17h*"]));
        assert_eq!(
            lines,
            "    *(.text._ZN1a17h* .text.unlikely._ZN1a17h*)\n    \
             *(.text._ZN1b17h* .text.unlikely._ZN1b17h*)\n"
        );
    }
}
